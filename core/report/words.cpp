// RFC 3463 statuses in the words of the people who read reports. One table; the longest match counts.
#include "report/report.hpp"

#include <algorithm>
#include <array>

namespace postern::report {

namespace {

struct Words {
    Status status;  ///< detail 0: every detail of this subject that has no row of its own
    std::string_view reason;
    std::string_view advice;  ///< for a failure
};

constexpr std::string_view send_again = "Send it again later. If it is urgent, reach them in another way.";
constexpr std::string_view check_address =
    "Check the spelling or look the address up in the directory, then send it again.";
constexpr std::string_view ask_operator = "Ask the operator of this service, whose address is below.";
constexpr std::string_view make_smaller = "Send the attachments in several messages, or make them smaller.";

constexpr std::array<Words, 32> table{{
    {{1, 0}, "The address was not accepted.", check_address},
    {{1, 1}, "There is no such address.", check_address},
    {{1, 2}, "There is no such organisation: the part behind the @ is not known.", check_address},
    {{1, 3}, "The address is not written correctly.", check_address},
    {{1, 6}, "The person has moved to another address.", "Look up the new address in the directory."},
    {{1, 10}, "This organisation does not receive mail at that address.", check_address},
    {{2, 0}, "The mailbox can't take mail.", send_again},
    {{2, 1}, "The mailbox is closed and takes no mail.", "Write to someone else at that organisation."},
    {{2, 2}, "The mailbox is full.", "Reach the person in another way and ask them to make room, then send it again."},
    {{2, 3}, "The message is larger than this mailbox accepts.", make_smaller},
    {{3, 0}, "The other mail system has a fault.", send_again},
    {{3, 1}, "The other mail system has no room left.", send_again},
    {{3, 2}, "The other mail system does not take mail at present.", send_again},
    {{3, 4}, "The message is larger than the recipient's organisation accepts.", make_smaller},
    {{4, 0}, "The other mail server can't be reached.", send_again},
    {{4, 1}, "The other mail server does not answer.", send_again},
    {{4, 2}, "The connection to the other mail server broke.", send_again},
    {{4, 3}, "A directory that is needed for delivery is not available.", send_again},
    {{4, 4}, "There is no way known to the other mail server.", ask_operator},
    {{4, 5}, "The other mail system is too busy.", send_again},
    {{4, 6}, "The message goes round in a circle between two mail servers.", ask_operator},
    {{4, 7}, "It could not be delivered in the time allowed.", send_again},
    {{5, 0}, "The two mail servers did not understand each other.", ask_operator},
    {{5, 3}, "The message has too many recipients.", "Send it to fewer people at a time."},
    {{6, 0},
     "The other mail server can't handle the form of this message.",
     "Send it again as plain text, or with other attachments."},
    {{6, 7}, "The other mail server can't handle addresses with these characters.", ask_operator},
    {{7, 0}, "The message was refused for reasons of policy or security.", ask_operator},
    {{7, 1}, "Mail from you to this address is not allowed.", ask_operator},
    {{7, 2}, "You are not allowed to send to this list.", "Ask the owner of the list."},
    {{7, 5}, "The other mail server could not prove who it is, so your message was not handed to it.", ask_operator},
    {{7, 10}, "A secure connection to the other mail server could not be made.", ask_operator},
    {{7, 30}, "The other mail server can't promise the secure delivery that you asked for.", ask_operator},
}};

}  // namespace

PlainWords explain(Kind kind, Status status)
{
    if (kind == Kind::relayed) return {"It was passed on to the other mail server.", {}};
    if (kind == Kind::delivered) return {"It was delivered.", {}};
    const auto exact = std::ranges::find(table, status, &Words::status);
    const auto found =
        exact != table.end() ? exact : std::ranges::find(table, Status{status.subject, 0}, &Words::status);
    if (found != table.end()) return {std::string(found->reason), std::string(found->advice)};
    return {kind == Kind::delay ? "The other mail server did not take it yet." : "The other mail server refused it.",
            std::string(ask_operator)};
}

}  // namespace postern::report
