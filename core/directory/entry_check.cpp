#include "directory/entry_check.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <unordered_set>

namespace postern::directory {

namespace {

using vocabulary::DirectoryEntry;
using vocabulary::EntryKind;
using vocabulary::ListSenders;

constexpr std::size_t longest_text = 200;
constexpr std::size_t longest_function = 100;  // conditions ask for it
constexpr std::size_t longest_detail = 1000;
constexpr std::size_t most_details = 50;
constexpr std::size_t most_members = 10'000;

bool is_showable(std::string_view text, std::size_t longest)
{
    return text.size() <= longest && is_utf8(text) && printable(text, longest) == text;
}

class Check {
public:
    explicit Check(const DirectoryEntry& entry) : entry_(entry) {}

    std::vector<std::string> run()
    {
        texts();
        owner();
        details();
        members();
        return std::move(mistakes_);
    }

private:
    void wrong(std::string what) { mistakes_.push_back(std::move(what)); }

    void texts()
    {
        if (!is_showable(entry_.name, longest_text))
            wrong("the name is longer than 200 bytes or holds control characters");
        if (is_formula(entry_.name)) wrong("the name begins like a formula of a spreadsheet; write it without");
        if (!is_showable(entry_.function, longest_function))
            wrong("the function is longer than 100 bytes or holds control characters");
        if (is_formula(entry_.function)) wrong("the function begins like a formula of a spreadsheet; write it without");
        if (entry_.kind == EntryKind::function && entry_.function.empty())
            wrong("a function needs the name of its function");
        if (entry_.kind != EntryKind::function && !entry_.function.empty()) wrong("only a function has a function");
        if (!entry_.moved_to.empty() && !mail::Address::parse(entry_.moved_to)) wrong("moved_to is not an address");
        if (!entry_.non_secure.empty() && !mail::Address::parse(entry_.non_secure))
            wrong("the non-secure address is not an address");
    }

    void owner()
    {
        if (entry_.kind == EntryKind::user && !entry_.owner.empty()) wrong("a user has no owner");
        if (entry_.kind != EntryKind::user && entry_.owner.empty())
            wrong(entry_.kind == EntryKind::list ? "a list needs an owner, who gets its bounces"
                                                 : "a function or group needs an owner, who answers for it");
        const auto owner = mail::Address::parse(entry_.owner);
        if (!entry_.owner.empty() && !owner) wrong("the owner is not an address");
        if (entry_.kind == EntryKind::list && owner && owner->key() == entry_.address.key())
            wrong("a list can't own itself: its bounces would go round");
    }

    void details()
    {
        if (entry_.details.size() > most_details) wrong("there are more than 50 details");
        for (const auto& [name, value] : entry_.details) {
            if (name.empty() || !is_showable(name, longest_text) || !is_showable(value, longest_detail))
                wrong(fmt::format("the detail \"{}\" is too long or holds control characters", printable(name, 50)));
            if (is_formula(name) || is_formula(value))
                wrong(fmt::format("the detail \"{}\" begins like a formula of a spreadsheet; write it without",
                                  printable(name, 50)));
        }
    }

    void members()
    {
        const bool takes = entry_.kind == EntryKind::group || entry_.kind == EntryKind::list;
        if (!takes && !entry_.members.empty()) wrong("only a group or a list has members");
        if (entry_.members.size() > most_members) wrong("there are more than 10,000 members");
        std::unordered_set<std::string> seen;
        for (const auto& member : entry_.members) {
            const auto address = mail::Address::parse(member.address);
            if (!address)
                wrong(fmt::format("the member \"{}\" is not an address", printable(member.address, 100)));
            else if (!seen.insert(address->key()).second)
                wrong(fmt::format("{} is a member twice", member.address));
            else if (address->key() == entry_.address.key())
                wrong("it can't be a member of itself");
            else if (entry_.kind == EntryKind::group && !member.read && !member.write && !member.mail)
                wrong(fmt::format("{} has none of read, write and mail", member.address));
        }
        if (entry_.kind != EntryKind::list &&
            (entry_.senders != ListSenders::community || !entry_.named_senders.empty()))
            wrong("only a list says who may send to it");
        if (entry_.senders == ListSenders::named && entry_.named_senders.empty())
            wrong("senders: named needs those who are");
        for (const auto& named : entry_.named_senders)
            if (!mail::Address::parse(named))
                wrong(fmt::format("the sender \"{}\" is not an address", printable(named, 100)));
    }

    const DirectoryEntry& entry_;
    std::vector<std::string> mistakes_;
};

}  // namespace

std::vector<std::string> mistakes_of(const DirectoryEntry& entry)
{
    return Check(entry).run();
}

bool is_formula(std::string_view text) noexcept
{
    if (text.empty()) return false;
    const char first = text.front();
    if (first == '=' || first == '@' || first == '\t' || first == '\r') return true;
    if (first != '+' && first != '-') return false;
    const bool telephone =
        text.size() > 1 && std::ranges::all_of(text.substr(1), [](char c) {
            return (c >= '0' && c <= '9') || c == ' ' || c == '-' || c == '(' || c == ')' || c == '.' || c == '/';
        });
    return !telephone;
}

}  // namespace postern::directory
