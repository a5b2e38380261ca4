// What the parts of Logins share. Private to the room.
#pragma once

#include "directory/directory_impl.hpp"
#include "directory/login_rows.hpp"
#include "directory/logins.hpp"
#include "directory/password_rules.hpp"

#include <mutex>
#include <unordered_map>

namespace postern::directory {

struct Logins::Impl {
    explicit Impl(Directory::Impl& of) : directory(of) {}

    Directory::Impl& directory;
    RefusedWordsFile refused;
    std::mutex mutex;
    std::unordered_map<std::string, Instant> seen;  ///< under mutex: activity that is not written yet

    template <class T>
    [[nodiscard]] Async<Result<T>> read(std::function<Result<T>(store::Database&)> work)
    {
        return directory.lookups->run<T>(std::move(work));
    }
    template <class T>
    [[nodiscard]] Async<Result<T>> write(std::function<Result<T>(store::Database&)> work)
    {
        return directory.writer->run<T>(std::move(work));
    }
    template <class T>
    [[nodiscard]] Async<Result<T>> hash(std::function<Result<T>()> work)
    {
        std::function<Result<T>(NoState&)> on_thread = [work = std::move(work)](NoState&) { return work(); };
        return directory.hashers->run<T>(std::move(on_thread));
    }
};

/// A record of the audit about a login.
[[nodiscard]] AuditRecord login_record(const std::string& actor, std::string act, const std::string& target,
                                       std::string outcome, Instant at, std::string detail = {});

/// Whether a code is right, and what is kept so that it is right but once.
[[nodiscard]] bool take_code(LoginRow& login, const std::string& code, Instant now);

}  // namespace postern::directory
