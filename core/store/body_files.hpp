// Contents too large for the database, as files: bodies/<first two characters of the id's tail>/<id>.
//
// A file is complete and durable under its name or it is not there: it is written under another name, synced,
// renamed, and its folder synced. Blocking; called from a thread of the store. Stateless and thread-safe. A
// failure is a Fault (later); no room is 4.3.1.
#pragma once

#include "base/fault.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace postern::store {

class BodyFiles {
public:
    explicit BodyFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// `id` is a message id. On failure nothing is left behind.
    [[nodiscard]] Result<void> write(std::string_view id, std::string_view bytes) const;
    [[nodiscard]] Result<std::string> read(std::string_view id) const;
    /// Nothing happens if it is not there.
    void remove(std::string_view id) const noexcept;
    /// Removes half-written files and those whose id `is_wanted` denies. Returns how many.
    [[nodiscard]] Result<std::size_t> sweep(const std::function<bool(std::string_view)>& is_wanted) const;

    [[nodiscard]] std::filesystem::path path_of(std::string_view id) const;

private:
    std::filesystem::path folder_;
};

}  // namespace postern::store
