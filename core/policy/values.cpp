#include "policy/values.hpp"

#include "policy/parse.hpp"

namespace postern::policy {

namespace {

/// The text's meaning by `parse`, or nothing.
template <class Parse>
auto meaning(const YamlNode* node, Parse parse)
    -> std::optional<typename decltype(parse(std::string_view{}))::value_type>
{
    if (node == nullptr || !node->is_text()) return {};
    auto value = parse(std::string_view(node->text));
    if (!value) return {};
    return std::move(*value);
}

}  // namespace

Place Values::key_place(std::string_view key) const noexcept
{
    if (map_ == nullptr) return {};
    for (const auto& entry : map_->entries)
        if (entry.key == key) return entry.place;
    return map_->place;
}

Place Values::place(std::string_view key) const noexcept
{
    const auto* value = node(key);
    return value == nullptr ? place() : value->place;
}

std::string Values::text(std::string_view key) const
{
    const auto* value = node(key);
    return value == nullptr ? std::string{} : value->text;
}

bool Values::boolean(std::string_view key, bool fallback) const
{
    const auto* value = node(key);
    return value == nullptr ? fallback : parse_boolean(*value).value_or(fallback);
}

std::uint64_t Values::count(std::string_view key, std::uint64_t fallback) const
{
    const auto* value = node(key);
    return value == nullptr ? fallback : parse_count(*value).value_or(fallback);
}

unsigned Values::small(std::string_view key, unsigned fallback) const
{
    return static_cast<unsigned>(std::min<std::uint64_t>(count(key, fallback), 0xFFFF'FFFF));
}

double Values::factor(std::string_view key, double fallback) const
{
    const auto* value = node(key);
    return value == nullptr ? fallback : parse_factor(*value).value_or(fallback);
}

double Values::percent(std::string_view key, double fallback) const
{
    return meaning(node(key), vocabulary::parse_percent).value_or(fallback);
}

std::optional<std::uint64_t> Values::size(std::string_view key) const
{
    return meaning(node(key), vocabulary::parse_size);
}

Duration Values::duration(std::string_view key, Duration fallback) const
{
    return meaning(node(key), vocabulary::parse_duration).value_or(fallback);
}

vocabulary::Rate Values::rate(std::string_view key, vocabulary::Rate fallback) const
{
    return meaning(node(key), vocabulary::parse_rate).value_or(fallback);
}

std::optional<mail::Domain> Values::domain(std::string_view key) const
{
    auto domain = meaning(node(key), mail::Domain::parse);
    return domain && !domain->is_literal() ? std::move(domain) : std::nullopt;
}

std::optional<mail::Address> Values::address(std::string_view key) const
{
    return meaning(node(key), mail::Address::parse);
}

std::optional<vocabulary::HostPort> Values::host_port(std::string_view key) const
{
    return meaning(node(key), vocabulary::parse_host_port);
}

const std::vector<YamlNode>& Values::items(std::string_view key) const noexcept
{
    static const std::vector<YamlNode> none;
    const auto* value = node(key);
    return value == nullptr ? none : value->items;
}

std::vector<std::string> Values::texts(std::string_view key) const
{
    std::vector<std::string> list;
    for (const auto& item : items(key))
        if (item.is_text()) list.push_back(item.text);
    return list;
}

}  // namespace postern::policy
