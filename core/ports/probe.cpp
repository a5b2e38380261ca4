#include "ports/probe.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"

#include <fmt/format.h>

namespace postern::ports {

namespace {

constexpr std::string_view front = "postern-health-";

std::string key_of(std::string_view address)
{
    const auto parsed = mail::Address::parse(std::string(address));
    return parsed ? parsed->key() : std::string(address);
}

}  // namespace

std::string Probe::begin(std::string_view gateway)
{
    // A message id has 80 random bits.
    auto address = fmt::format("{}{}@{}", front, to_lower(make_message_id(SystemClock().now())), gateway);
    const std::lock_guard lock(mutex_);
    expected_.insert(key_of(address));
    return address;
}

bool Probe::expects(const mail::Address& address) const
{
    const std::lock_guard lock(mutex_);
    return expected_.contains(address.key());
}

// The address stands in the content as well: what came is what was sent.
void Probe::arrived(const mail::Address& address, std::string_view content)
{
    const std::lock_guard lock(mutex_);
    if (expected_.contains(address.key()) && content.find(address.text()) != content.npos) came_.insert(address.key());
}

bool Probe::has_arrived(const std::string& address) const
{
    const std::lock_guard lock(mutex_);
    return came_.contains(key_of(address));
}

void Probe::end(const std::string& address)
{
    const std::lock_guard lock(mutex_);
    expected_.erase(key_of(address));
    came_.erase(key_of(address));
}

bool Probe::is_one(std::string_view address, std::string_view gateway)
{
    const auto at = address.rfind('@');
    return address.starts_with(front) && at != address.npos && iequals(address.substr(at + 1), gateway);
}

}  // namespace postern::ports
