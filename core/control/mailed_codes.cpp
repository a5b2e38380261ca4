#include "control/mailed_codes.hpp"

#include "control/entry_rules.hpp"
#include "gateway/alert_house.hpp"

#include <fmt/format.h>

namespace postern::control {

namespace {

using vocabulary::MailedCodeRule;

vocabulary::MailTemplate code_text(const std::string& code, Instant until, const alert::Service& service)
{
    return {
        fmt::format("Your code ({})", service.name),
        fmt::format("{}\n\nis the code to sign in to {}, until {}. It is good once.\n\nIf you are not signing in now, "
                    "somebody knows your password: change it, and tell\nthe service's helpdesk by telephone. "
                    "Nobody of the service ever asks you for this code.\n",
                    code, service.name, alert::readable(until))};
}

// To somebody who may be a stranger: kind, time, the service's name, what to do; not whose address it is to be. The
// code is of use to nobody but its owner, after they have logged in inside; there is no link.
vocabulary::MailTemplate address_text(const std::string& code, Instant now, Instant until,
                                      const alert::Service& service)
{
    return {fmt::format("Confirm this address ({})", service.name),
            fmt::format("Somebody who uses {} named this address, at {}, for notices without content.\n\n"
                        "If it was you, sign in there as you always do and give this code, until {}:\n\n{}\n\n"
                        "If it was not you, you need not do anything: without the code nothing else is sent here.\n",
                        service.name, alert::readable(now), alert::readable(until), code)};
}

}  // namespace

CodeAddress code_address(const policy::Snapshot& policy, const vocabulary::DirectoryEntry& entry, Instant at)
{
    const auto to = policy.logins().mailed_code.to;
    const auto owner = login_owner(policy, entry, at);
    const auto* organisation = policy.organisation(entry.organisation);
    // Hosted here, the mailbox is opened by this very login.
    const bool elsewhere = organisation != nullptr && organisation->kind == vocabulary::Kind::server;
    if (elsewhere && (to == MailedCodeRule::To::secure || to == MailedCodeRule::To::any)) return {owner.user, true};
    if (to == MailedCodeRule::To::non_secure || to == MailedCodeRule::To::any) return {owner.non_secure, false};
    return {};
}

namespace {

boost::asio::awaitable<Result<void>> mail_letter(gateway::Services services, alert::Letter letter)
{
    gateway::AlertHouse house(services);
    auto present = house.present();
    auto message = co_await house.letter(std::move(present), std::move(letter));
    if (!message) co_return std::unexpected(message.error());
    auto stored = co_await services.store.commit(std::move(*message), std::nullopt);
    if (!stored) co_return std::unexpected(stored.error());
    house.mail_waits();
    co_return Result<void>{};
}

}  // namespace

boost::asio::awaitable<Result<std::string>> mail_code(gateway::Services services, directory::CodeToMail code)
{
    const auto policy = services.generations.current()->policy;
    const auto to = code_address(*policy, *code.entry, services.clock.now());
    if (to.address.empty())
        co_return fault(Retry::never,
                        "there is no address that a code could be sent to: one outside has to be set, confirmed, and "
                        "to have rested");
    alert::Letter letter;
    letter.to = to.address;
    letter.secure = to.secure;
    letter.text = code_text(code.code, code.until, gateway::AlertHouse(services).present().service);
    letter.reason = "mailed code";
    auto sent = co_await mail_letter(services, std::move(letter));
    if (!sent) co_return std::unexpected(sent.error());
    co_return std::string(to.secure ? "secure" : "non_secure");
}

boost::asio::awaitable<Result<std::optional<SentAddressCode>>> send_address_code(gateway::Services services,
                                                                                 mail::Address address)
{
    auto rules = services.generations.current()->policy->logins();
    const Instant now = services.clock.now();
    auto code = co_await services.directory.logins().new_address_code(std::move(address), std::move(rules), now);
    if (!code) co_return std::unexpected(code.error());
    std::optional<SentAddressCode> result;
    if (!*code) co_return result;
    alert::Letter letter;
    letter.to = (*code)->entry->non_secure;
    letter.secure = false;
    letter.text = address_text((*code)->code, now, (*code)->until, gateway::AlertHouse(services).present().service);
    letter.reason = "address code";
    auto sent = co_await mail_letter(services, std::move(letter));
    if (!sent) co_return std::unexpected(sent.error());
    result = SentAddressCode{(*code)->entry->non_secure, (*code)->until};
    co_return result;
}

}  // namespace postern::control
