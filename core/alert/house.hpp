// What the alerts engine needs of the gateway around it.
//
// Implemented by gateway/; called on the engine's thread.
#pragma once

#include "alert/letter.hpp"
#include "alert/reach.hpp"
#include "alert/ways.hpp"
#include "store/mail_records.hpp"

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace postern::alert {

/// The generation in force, as far as alerts care.
struct Present {
    std::shared_ptr<const void> owner;  ///< keeps the rest alive
    const vocabulary::AlertPolicy* policy = nullptr;
    std::shared_ptr<const Keys> keys;
    Service service;
    std::uint64_t generation = 0;
};

struct Letter {
    std::string to;
    bool secure = true;  ///< an address inside
    vocabulary::MailTemplate text;
    std::string reason;         ///< kept with the message: "alert ID"
    bool about_unsent = false;  ///< its own failure raises nothing
};

/// Somebody whom maintenance concerns.
struct Person {
    std::string address;  ///< inside: in its form inside
    bool secure = true;
};

class House : public Community {
public:
    [[nodiscard]] virtual Present present() const = 0;
    /// The letter as a message that waits in the queue: inside with the edits of its member's copy, outside signed.
    [[nodiscard]] virtual boost::asio::awaitable<Result<store::NewMessage>> letter(Present present, Letter letter) = 0;
    /// There is mail in the queue that nobody was told of.
    virtual void mail_waits() = 0;
    /// The address outside that a person has for alerts; empty: none, or nobody can say now.
    [[nodiscard]] virtual boost::asio::awaitable<std::string> non_secure_of(mail::Address person) = 0;
    /// Everybody of the members that are not suspended: at both addresses where known.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::vector<Person>>> people() = 0;
};

}  // namespace postern::alert
