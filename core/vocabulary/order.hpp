// One action that a rule or a script ordered for one recipient: a plain value, checked where it was made.
//
// `reject: "5.7.1 Text"` in YAML and `postern.reject("5.7.1 Text")` in Lua become the same Order.
#pragma once

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "mail/address.hpp"
#include "vocabulary/actions.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::vocabulary {

struct Order {
    ActionId action = ActionId::annotate;
    /// reject, defer, refuse: what the peer reads. quarantine, hold: the reason. tag_subject: the prefix. add_header,
    /// replace_header: the value, unencoded UTF-8 of one line. notify, annotate: the text.
    std::string text;
    Status status{7, 1};                   ///< reject, defer, refuse: RFC 3463 subject and detail
    int digits = 50;                       ///< reject, defer, refuse: last two of the SMTP code: 50 in 550; defer: 51
    std::string name;                      ///< of a header field, for the actions on headers
    std::vector<mail::Address> addresses;  ///< redirect (one), add_recipient
    std::vector<std::string> to;           ///< notify: words of notify_words(), or addresses inside the community
    std::uint64_t size = 0;                ///< set_limit: bytes
    std::optional<Duration> lasts;         ///< quarantine, hold: how long; absent: as declared for all
    friend bool operator==(const Order&, const Order&) = default;
};

/// Whom `notify` can tell: sender, recipient, operator, sender_administrators, recipient_administrators.
[[nodiscard]] std::span<const std::string_view> notify_words() noexcept;

/// What a code and a text say: "5.7.1 Programs are not carried", "550 5.7.1 Programs ...", or only a text, which gets
/// 5.7.1 (reject, refuse) or 4.7.1 (defer). The first digit comes from the action: one that contradicts it is a fault
/// (never) of the form "what; remedy", as is an empty text. Controls in the text become spaces.  `action` is one of
/// reject, defer, refuse.
struct CodedText {
    Status status{7, 1};
    int digits = 50;  ///< last two of the SMTP code; where none was written 50, for defer 51
    std::string text;
};
[[nodiscard]] Result<CodedText> parse_coded_text(ActionId action, std::string_view text);

/// As explain, traces and logs say it: `reject 5.7.1 "Programs are not carried"`.
[[nodiscard]] std::string describe(const Order& order);

}  // namespace postern::vocabulary
