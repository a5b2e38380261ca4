// What each policy file may hold: the one table of keys that the readers check against and from which the JSON
// Schemas in yaml-schema/ are made.
//
// Built once, immutable, all threads.
#pragma once

#include "policy/document.hpp"
#include "policy/source.hpp"
#include "vocabulary/actions.hpp"
#include "vocabulary/facts.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace postern::policy {

enum class FileKind { node, routing, tagging, limits, permissions, content, alerts, organisation, tests };
/// All of them, in the order of the reference.
[[nodiscard]] std::span<const FileKind> file_kinds() noexcept;

/// What a value may be. Everything but boolean, count, factor, list, map is text in YAML.
enum class Form {
    text,   ///< 1 to 200 bytes
    id,     ///< [a-z0-9-]{1,64}
    label,  ///< one label of a domain
    boolean,
    count,   ///< whole number from `least` to `most`
    factor,  ///< decimal number from `least` to `most`
    size,
    duration,
    rate,
    percent,
    network,
    ip,  ///< address, optionally "@port"
    host_port,
    ip_port,         ///< address of this machine, and port
    loopback_port,   ///< address on loopback, and port
    local_endpoint,  ///< path of a socket, or host:port
    domain,
    whole_domain,  ///< of at least two labels
    address,
    instant,  ///< 2026-12-01T06:00:00Z
    sha256,
    path,
    header_name,
    word,             ///< one of `words`
    map,              ///< with `keys`
    list,             ///< of `items[0]`, at least one
    either,           ///< one of `items`, told apart by being text, list or map
    condition,        ///< with fields up to `stage`
    header_map,       ///< header name -> text with ${...}
    event_condition,  ///< with the fields of events
    prose,            ///< text of several lines, at most 64 KiB; may be empty
    script,           ///< a file in the policy's lua/ folder
    field,            ///< name of a field
    orders,           ///< actions of `file`: a word, a map, or a list of both
    tables,           ///< name -> list of texts, or map of texts
};

struct Key;

/// The keys of a map. A class of its own because a key holds a shape, and a shape keys: a vector of what is not
/// complete yet is more than every compiler takes.
class Keys {
public:
    Keys() = default;
    Keys(std::vector<Key> keys);  // NOLINT: implicit, so that tables read well
    Keys(std::initializer_list<Key> keys);
    [[nodiscard]] const Key* begin() const noexcept;
    [[nodiscard]] const Key* end() const noexcept;
    void push_back(Key key);

private:
    std::shared_ptr<const std::vector<Key>> list_;
};

/// What the keys of a map say of each other. The readers name what is wrong; editors learn it from the schema.
struct Together {
    enum class Kind {
        one_of,    ///< exactly one of `keys`
        some_of,   ///< at least one of `keys`
        needs,     ///< where `key` has `value` (any where empty), `keys` are there
        excludes,  ///< where `key` has `value` (any where empty), none of `keys` is there
        only_with  ///< where one of `keys` is there, `key` has `value`; or it is absent and `fallback` says so
    };
    Kind kind;
    std::vector<std::string> keys;
    std::string key{};
    std::string value{};
    bool fallback = false;
};

struct Shape {
    Form form = Form::text;
    Keys keys{};
    std::vector<Together> together{};
    std::vector<Shape> items{};
    std::vector<std::string> words{};
    std::vector<std::string> meanings{};  ///< of `words`, in their order; empty where the key's description has them
    std::uint64_t least = 0;
    std::uint64_t most = 0;
    vocabulary::Stage stage = vocabulary::Stage::delivery;
    vocabulary::RuleFile file = vocabulary::RuleFile::content;
};

struct Key {
    std::string name;
    Shape shape;
    std::string description;
    bool required = false;
};

/// The shape of a whole file.
[[nodiscard]] const Shape& shape_of(FileKind kind);

/// Checks a document against a shape and names everything that does not fit. `what` is how a fault calls the
/// value: the key's name.
void check_shape(Source& source, const YamlNode& node, const Shape& shape, const std::string& what);

}  // namespace postern::policy
