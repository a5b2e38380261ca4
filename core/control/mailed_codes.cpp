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

boost::asio::awaitable<Result<std::string>> mail_code(gateway::Services services, directory::CodeToMail code)
{
    const auto policy = services.generations.current()->policy;
    const auto to = code_address(*policy, *code.entry, services.clock.now());
    if (to.address.empty())
        co_return fault(
            Retry::never,
            "there is no address that a code could be sent to: one outside has to be set and to have rested");
    gateway::AlertHouse house(services);
    auto present = house.present();
    alert::Letter letter;
    letter.to = to.address;
    letter.secure = to.secure;
    letter.text = code_text(code.code, code.until, present.service);
    letter.reason = "mailed code";
    auto message = co_await house.letter(std::move(present), std::move(letter));
    if (!message) co_return std::unexpected(message.error());
    auto stored = co_await services.store.commit(std::move(*message), std::nullopt);
    if (!stored) co_return std::unexpected(stored.error());
    house.mail_waits();
    co_return std::string(to.secure ? "secure" : "non_secure");
}

}  // namespace postern::control
