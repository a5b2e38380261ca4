// Reads typed values out of a map whose form has been checked: what is absent or was refused already comes back
// as the fallback, in silence.
//
// Borrows the node; any thread.
#pragma once

#include "base/clock.hpp"
#include "mail/address.hpp"
#include "policy/document.hpp"
#include "vocabulary/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

class Values {
public:
    /// Null is an empty map.
    explicit Values(const YamlNode* map) : map_(map != nullptr && map->is_map() ? map : nullptr) {}
    explicit Values(const YamlNode& map) : Values(&map) {}

    [[nodiscard]] bool has(std::string_view key) const noexcept { return node(key) != nullptr; }
    [[nodiscard]] const YamlNode* node(std::string_view key) const noexcept
    {
        return map_ == nullptr ? nullptr : map_->find(key);
    }
    [[nodiscard]] Values map(std::string_view key) const noexcept { return Values(node(key)); }
    /// Of the key itself; of the map where it is absent.
    [[nodiscard]] Place key_place(std::string_view key) const noexcept;
    /// Of the value; of the map where it is absent.
    [[nodiscard]] Place place(std::string_view key) const noexcept;
    [[nodiscard]] Place place() const noexcept { return map_ == nullptr ? Place{} : map_->place; }

    [[nodiscard]] std::string text(std::string_view key) const;
    [[nodiscard]] bool boolean(std::string_view key, bool fallback) const;
    [[nodiscard]] std::uint64_t count(std::string_view key, std::uint64_t fallback) const;
    [[nodiscard]] unsigned small(std::string_view key, unsigned fallback) const;
    [[nodiscard]] double factor(std::string_view key, double fallback) const;
    [[nodiscard]] double percent(std::string_view key, double fallback) const;
    [[nodiscard]] std::optional<std::uint64_t> size(std::string_view key) const;
    [[nodiscard]] Duration duration(std::string_view key, Duration fallback) const;
    [[nodiscard]] vocabulary::Rate rate(std::string_view key, vocabulary::Rate fallback) const;
    [[nodiscard]] std::optional<mail::Domain> domain(std::string_view key) const;
    [[nodiscard]] std::optional<mail::Address> address(std::string_view key) const;
    [[nodiscard]] std::optional<vocabulary::HostPort> host_port(std::string_view key) const;
    /// The items of a list; empty where it is absent.
    [[nodiscard]] const std::vector<YamlNode>& items(std::string_view key) const noexcept;
    /// Texts of a list.
    [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;

private:
    const YamlNode* map_;
};

}  // namespace postern::policy
