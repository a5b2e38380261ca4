// What a password must be: pure, but for the list of refused words, which is read from its file once for each change.
#pragma once

#include "vocabulary/login_rules.hpp"

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace postern::directory {

using RefusedWords = std::unordered_set<std::string>;

/// Thread-safe.
class RefusedWordsFile {
public:
    /// Small letters, one on each line of the file; empty where no file is declared or it can't be read.
    [[nodiscard]] std::shared_ptr<const RefusedWords> at(const std::string& path);

private:
    std::mutex mutex_;
    std::string path_;
    std::filesystem::file_time_type written_{};
    std::shared_ptr<const RefusedWords> words_ = std::make_shared<const RefusedWords>();
};

/// Sentences about a password, none of which repeats it. `own`: words about the person, such as the parts of their name
/// and address, that it must not hold.
[[nodiscard]] std::vector<std::string> password_mistakes(std::string_view password, const vocabulary::LoginRules& rules,
                                                         const std::vector<std::string>& own,
                                                         const RefusedWords& refused);

}  // namespace postern::directory
