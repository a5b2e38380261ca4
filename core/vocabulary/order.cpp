#include "vocabulary/order.hpp"

#include "base/text.hpp"
#include "vocabulary/units.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>

namespace postern::vocabulary {

namespace {

constexpr std::array<std::string_view, 5> told{"sender", "recipient", "operator", "sender_administrators",
                                               "recipient_administrators"};

constexpr std::size_t longest_number = 3;

/// Takes a number of at most three digits off the front of `text`.
std::optional<unsigned> take_number(std::string_view& text)
{
    unsigned number = 0;
    const char* const end = text.data() + std::min(text.size(), longest_number);
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{}) return {};
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    return number;
}

bool take(std::string_view& text, char c)
{
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

/// "550" in front of a space, the end or an enhanced status.
std::optional<unsigned> take_code(std::string_view& text)
{
    auto rest = text;
    const auto code = take_number(rest);
    if (!code || text.size() - rest.size() != 3 || *code < 200 || *code > 599) return {};
    if (!rest.empty() && rest.front() != ' ') return {};
    text = trim(rest);
    return code;
}

struct WrittenStatus {
    unsigned digit = 0;
    Status status;
};

/// "5.7.1" in front of a space or the end.
std::optional<WrittenStatus> take_status(std::string_view& text)
{
    auto rest = text;
    const auto digit = take_number(rest);
    if (!digit || *digit > 9 || !take(rest, '.')) return {};
    const auto subject = take_number(rest);
    if (!subject || !take(rest, '.')) return {};
    const auto detail = take_number(rest);
    if (!detail || (!rest.empty() && rest.front() != ' ')) return {};
    text = trim(rest);
    return WrittenStatus{*digit, {static_cast<std::uint16_t>(*subject), static_cast<std::uint16_t>(*detail)}};
}

std::string one_line(std::string_view text)
{
    std::string line(text);
    for (auto& c : line)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    return line;
}

std::string in_quotes(std::string_view text)
{
    return fmt::format("\"{}\"", printable(text));
}

std::string described_addresses(const Order& order)
{
    std::vector<std::string> texts;
    for (const auto& address : order.addresses) texts.push_back(printable(address.text()));
    return fmt::format("{}", fmt::join(texts, ", "));
}

std::string described_stay(const Order& order)
{
    const auto lasts = order.lasts ? fmt::format(" for {}", print_duration(*order.lasts)) : std::string{};
    return lasts + (order.text.empty() ? "" : " " + in_quotes(order.text));
}

}  // namespace

std::span<const std::string_view> notify_words() noexcept
{
    return told;
}

Result<CodedText> parse_coded_text(ActionId action, std::string_view written)
{
    const unsigned due = action == ActionId::defer ? 4 : 5;
    const auto contradicts = [&](std::string_view said) {
        return fault(Retry::never,
                     fmt::format("\"{}\" contradicts {}, whose codes begin with {}; write \"{}.7.1 text\", or the text "
                                 "alone",
                                 said, info(action).name, due, due));
    };
    auto text = trim(written);
    CodedText coded;
    coded.digits = action == ActionId::defer ? 51 : 50;
    if (const auto code = take_code(text)) {
        if (*code / 100 != due) return contradicts(std::to_string(*code));
        coded.digits = static_cast<int>(*code % 100);
    }
    if (const auto status = take_status(text)) {
        if (status->digit != due)
            return contradicts(fmt::format("{}.{}.{}", status->digit, status->status.subject, status->status.detail));
        coded.status = status->status;
    }
    if (text.empty())
        return fault(Retry::never, fmt::format("{} says nothing to the sender; write a text such as \"{}.7.1 Programs "
                                               "are not carried\"",
                                               info(action).name, due));
    coded.text = one_line(text);
    return coded;
}

std::string describe(const Order& order)
{
    const auto name = info(order.action).name;
    switch (order.action) {
        case ActionId::reject:
        case ActionId::refuse:
            return fmt::format("{} 5.{}.{} {}", name, order.status.subject, order.status.detail, in_quotes(order.text));
        case ActionId::defer:
            return fmt::format("{} 4.{}.{} {}", name, order.status.subject, order.status.detail, in_quotes(order.text));
        case ActionId::quarantine:
        case ActionId::hold:
            return fmt::format("{}{}", name, described_stay(order));
        case ActionId::redirect:
        case ActionId::add_recipient:
            return fmt::format("{} {}", name, described_addresses(order));
        case ActionId::tag_subject:
        case ActionId::annotate:
            return fmt::format("{} {}", name, in_quotes(order.text));
        case ActionId::add_header:
        case ActionId::replace_header:
            return fmt::format("{} {}: {}", name, printable(order.name), in_quotes(order.text));
        case ActionId::remove_header:
            return fmt::format("{} {}", name, printable(order.name));
        case ActionId::set_limit:
            return fmt::format("{} {}", name, print_size(order.size));
        case ActionId::notify:
            return fmt::format("{} {} {}", name, printable(fmt::format("{}", fmt::join(order.to, ", "))),
                               in_quotes(order.text));
        case ActionId::accept:
        case ActionId::allow:
            break;
    }
    return std::string(name);
}

}  // namespace postern::vocabulary
