// One mail transaction on its way in: what was decided at MAIL and at each RCPT.
//
// Owned by its Reception, on one thread. Pins the generation under which it was begun.
#pragma once

#include "gateway/generations.hpp"
#include "gateway/rate_book.hpp"
#include "mail/envelope.hpp"
#include "vocabulary/organisation.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::gateway {

/// How the envelope sender stands before the content is seen.
enum class SenderStanding {
    proved,    ///< an address of the member whose connection it is
    null,      ///< "<>": judged after DATA (product.md)
    redirect,  ///< another member's address: only a message that was handed to this member may bear it
};

struct AcceptedRecipient {
    mail::Recipient said;     ///< as RCPT said it
    mail::Address inside;     ///< in its form inside the community
    std::string hop_address;  ///< as its next hop knows it
    const vocabulary::Organisation* organisation =
        nullptr;  ///< in the pinned generation; null: outside, by a declared route
    std::string function;
    policy::SizeLimit limit;
    std::string_view kind{};  ///< directory: "user", "function", "group"; empty: not listed
};

struct Transaction {
    GenerationPtr generation;
    const vocabulary::Organisation* organisation = nullptr;  ///< whose connection it is; in the pinned generation
    mail::Sender sender;
    mail::ReversePath inside_sender;  ///< in its form inside the community
    vocabulary::Ip peer;
    bool tls = false;
    SenderStanding standing = SenderStanding::proved;
    std::vector<AcceptedRecipient> recipients;
    std::string listener{};                                                 ///< name of the one that it came in by
    std::shared_ptr<RateBook> rates = std::make_shared<RateBook>(nullptr);  ///< what it took of them; never null

    [[nodiscard]] const policy::Snapshot& policy() const noexcept { return *generation->policy; }
};

}  // namespace postern::gateway
