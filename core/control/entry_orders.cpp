#include "control/entry_orders.hpp"

#include "base/text.hpp"
#include "control/entry_rules.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <boost/json.hpp>

namespace postern::control {

namespace json = boost::json;

namespace {

using vocabulary::Act;
using vocabulary::DirectoryEntry;
using vocabulary::EntryKind;
using vocabulary::EntryMember;
using vocabulary::EntryStatus;
using vocabulary::ListSenders;

FaultBuilder wrong(const std::string& field, const std::string& what)
{
    return fault(Retry::never, what).about(field);
}

Result<std::string> text_of(const json::value& value, const std::string& field)
{
    if (!value.is_string()) return wrong(field, "it is a text");
    return std::string(value.get_string());
}

/// Text fields that "set" may hold, and where they go.
struct TextField {
    std::string_view name;
    std::string DirectoryEntry::*member;
    bool office;
};
constexpr TextField text_fields[] = {{"name", &DirectoryEntry::name, false},
                                     {"non_secure", &DirectoryEntry::non_secure, false},
                                     {"function", &DirectoryEntry::function, true},
                                     {"owner", &DirectoryEntry::owner, true},
                                     {"moved_to", &DirectoryEntry::moved_to, true}};

using Change = std::function<Result<void>(DirectoryEntry&)>;

/// Collects the changes that an order makes.
class Reader {
public:
    Reader(EntryOrder& order, policy::SnapshotPtr policy) : order_(order), policy_(std::move(policy)) {}

    Result<void> read(const json::object& object)
    {
        for (const auto& item : object) {
            const std::string name(item.key());
            auto read = one(name, item.value());
            if (!read) return read;
        }
        if (order_.address.empty()) return wrong("address", "say whose entry it is");
        order_.change = [changes = changes_, policy = policy_](DirectoryEntry& entry) -> Result<void> {
            for (const auto& change : changes)
                if (auto made = change(entry); !made) return made;
            to_own_form(*policy, entry);
            return {};
        };
        return {};
    }

private:
    Result<void> one(const std::string& name, const json::value& value)
    {
        if (name == "set" && value.is_object()) return set(value.get_object());
        if (name == "members" && value.is_object()) return members(value.get_object());
        if (name == "sure" && value.is_bool()) return order_.sure = value.get_bool(), Result<void>{};
        if (name == "create" && value.is_bool()) return order_.create = value.get_bool(), Result<void>{};
        if (name == "version") {
            boost::system::error_code failed;
            const auto version = value.to_number<std::uint64_t>(failed);
            if (failed) return wrong(name, "a version is a whole number, as the entry was shown with");
            order_.version = version;
            return {};
        }
        auto text = text_of(value, name);
        if (!text) return std::unexpected(text.error());
        if (name == "address")
            order_.address = *text;
        else if (name == "organisation")
            order_.organisation = *text;
        else if (name == "reason")
            order_.reason = printable(*text, 500);
        else if (name == "kind")
            order_.kind = vocabulary::entry_kind_named(*text);
        else if (name == "status")
            order_.status = vocabulary::entry_status_named(*text);
        else
            return wrong(printable(name, 60), "this is no field of an order");
        if (name == "kind" && !order_.kind) return wrong(name, "one of user, function, group, list");
        if (name == "status" && !order_.status) return wrong(name, "one of invited, active, suspended, removed");
        if (name == "status")
            changes_.push_back([to = *order_.status](DirectoryEntry& entry) {
                entry.status = to;
                return Result<void>();
            });
        return {};
    }

    Result<void> set(const json::object& fields)
    {
        for (const auto& item : fields) {
            const std::string name(item.key());
            order_.sets_fields = true;
            const auto* field = std::ranges::find(text_fields, name, &TextField::name);
            if (field != std::end(text_fields)) {
                auto text = text_of(item.value(), name);
                if (!text) return std::unexpected(text.error());
                order_.sets_office = order_.sets_office || field->office;
                changes_.push_back([member = field->member, to = *text](DirectoryEntry& entry) {
                    entry.*member = to;
                    return Result<void>();
                });
            } else if (name == "ex_directory" && item.value().is_bool()) {
                order_.sets_office = true;
                changes_.push_back([to = item.value().get_bool()](DirectoryEntry& entry) {
                    entry.ex_directory = to;
                    return Result<void>();
                });
            } else if (name == "details" && item.value().is_object()) {
                if (auto read = details(item.value().get_object()); !read) return read;
            } else if (name == "senders") {
                if (auto read = senders(item.value()); !read) return read;
            } else {
                return wrong(printable(name, 60), "this is no field of an entry");
            }
        }
        return {};
    }

    /// A null takes a detail away.
    Result<void> details(const json::object& given)
    {
        for (const auto& item : given) {
            const std::string name(item.key());
            if (item.value().is_null()) {
                changes_.push_back([name](DirectoryEntry& entry) {
                    entry.details.erase(name);
                    return Result<void>();
                });
                continue;
            }
            auto text = text_of(item.value(), "details." + printable(name, 60));
            if (!text) return std::unexpected(text.error());
            changes_.push_back([name, to = *text](DirectoryEntry& entry) {
                entry.details[name] = to;
                return Result<void>();
            });
        }
        return {};
    }

    Result<void> senders(const json::value& value)
    {
        order_.sets_membership = true;
        ListSenders to = ListSenders::named;
        std::vector<std::string> named;
        if (value.is_array()) {
            for (const auto& item : value.get_array()) {
                auto text = text_of(item, "senders");
                if (!text) return std::unexpected(text.error());
                named.push_back(std::move(*text));
            }
        } else {
            auto text = text_of(value, "senders");
            if (!text) return std::unexpected(text.error());
            const auto word = vocabulary::list_senders_named(*text);
            if (!word || *word == ListSenders::named)
                return wrong("senders", "one of members, organisation, community, or a list of addresses");
            to = *word;
        }
        changes_.push_back([to, named](DirectoryEntry& entry) {
            entry.senders = to;
            entry.named_senders = named;
            return Result<void>();
        });
        return {};
    }

    /// {"put": [{"address", "may": ["read", "write", "mail"]}], "take": ["address"]}
    Result<void> members(const json::object& given)
    {
        order_.sets_membership = true;
        for (const auto& item : given) {
            const std::string name(item.key());
            if (!item.value().is_array() || (name != "put" && name != "take"))
                return wrong("members." + printable(name, 60), "one of put, take, with a list");
            for (const auto& one : item.value().get_array()) {
                EntryMember member;
                bool says = false;
                if (one.is_string()) {
                    member.address = std::string(one.get_string());
                } else if (one.is_object()) {
                    if (auto read = rights(one.get_object(), member); !read) return read;
                    says = one.get_object().contains("may");
                } else {
                    return wrong("members." + name, "an address, or an address and what it may");
                }
                change_member(std::move(member), name == "take", says);
            }
        }
        return {};
    }

    static Result<void> rights(const json::object& object, EntryMember& member)
    {
        const auto* address = object.if_contains("address");
        const auto* may = object.if_contains("may");
        if (address == nullptr || !address->is_string()) return wrong("members", "each has an address");
        member.address = std::string(address->get_string());
        if (may == nullptr) return {};
        if (!may->is_array()) return wrong("members.may", "a list of read, write, mail");
        for (const auto& right : may->get_array()) {
            if (right == "read")
                member.read = true;
            else if (right == "write")
                member.write = true;
            else if (right == "mail")
                member.mail = true;
            else
                return wrong("members.may", "a list of read, write, mail");
        }
        return {};
    }

    /// `says`: what they may is said; else who is a member keeps it, and who is new to a group may read.
    void change_member(EntryMember member, bool take, bool says)
    {
        member.address = to_own_form(*policy_, member.address);
        changes_.push_back([member, take, says](DirectoryEntry& entry) -> Result<void> {
            const auto address = mail::Address::parse(member.address);
            if (!address) return wrong("members", fmt::format("\"{}\" is no address", printable(member.address, 100)));
            const auto same = [&](const EntryMember& one) {
                const auto other = mail::Address::parse(one.address);
                return other && other->key() == address->key();
            };
            auto changed = member;
            if (!says) {
                const auto before = std::ranges::find_if(entry.members, same);
                changed.read = entry.kind == vocabulary::EntryKind::group;
                if (before != entry.members.end()) changed = *before;
            }
            const auto gone = std::erase_if(entry.members, same);
            if (take && gone == 0)
                return fault(Retry::never, fmt::format("{} is no member", member.address)).about(entry.address.text());
            if (!take) entry.members.push_back(changed);
            std::ranges::sort(entry.members, {}, [](const EntryMember& one) { return to_lower(one.address); });
            return {};
        });
    }

    EntryOrder& order_;
    policy::SnapshotPtr policy_;
    std::vector<Change> changes_;
};

}  // namespace

Result<EntryOrder> entry_order(const std::string& body, policy::SnapshotPtr policy)
{
    boost::system::error_code malformed;
    const auto value = json::parse(body, malformed);
    if (malformed || !value.is_object()) return fault(Retry::never, "the body must be a JSON object");
    EntryOrder order;
    if (auto read = Reader(order, std::move(policy)).read(value.get_object()); !read)
        return std::unexpected(read.error());
    return order;
}

std::vector<Act> acts_of(const EntryOrder& order, EntryKind kind)
{
    if (kind == EntryKind::group) return {Act::manage_group};
    if (kind == EntryKind::list) return {Act::manage_list};
    std::vector<Act> acts;
    if (order.create) acts.push_back(Act::add_user);
    if (order.status == EntryStatus::removed)
        acts.push_back(Act::remove_user);
    else if (order.status && !order.create)
        acts.push_back(Act::suspend_user);
    if (order.sets_fields && !order.create) acts.push_back(Act::edit_entry);
    // What concerns the office and not the person is for those who look after people.
    if (order.sets_office && !order.create) acts.push_back(Act::add_user);
    if (acts.empty()) acts.push_back(Act::edit_entry);
    return acts;
}

}  // namespace postern::control
