#include "policy/yaml_reader.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>
#include <spanstream>
#include <unordered_map>

namespace postern::policy {

namespace {

/// Ends the reading of a file; what stands behind it is not judged.
struct Stop {
    Place place;
    std::string what;
    std::string remedy;
};

Place place_of(const YAML::Mark& mark, std::size_t length = 1)
{
    if (mark.is_null() || mark.line < 0 || mark.column < 0) return {};
    return {static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1,
            static_cast<std::uint32_t>(std::min<std::size_t>(length, largest_file))};
}

/// Builds the tree from yaml-cpp's events.
class TreeBuilder final : public YAML::EventHandler {
public:
    TreeBuilder(Source& source, std::string_view bytes) : source_(source), bytes_(bytes) {}

    void OnDocumentStart(const YAML::Mark& mark) override
    {
        if (++documents_ > 1)
            throw Stop{place_of(mark), "a second document begins here", "a policy file holds one document"};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        YamlNode node;
        node.place = place_of(mark);
        refuse_extras(mark, "?", anchor);
        take(std::move(node));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override
    {
        source_.error(place_of(mark), "aliases are not used in policies", "write the value again");
        YamlNode node;
        node.place = place_of(mark);
        node.type = YamlNode::Type::text;
        take(std::move(node));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override
    {
        refuse_extras(mark, tag, anchor);
        YamlNode node;
        node.type = YamlNode::Type::text;
        node.quoted = tag == "!";
        node.place = place_of(mark, value.size() + (node.quoted ? 2 : 0));
        node.text = value;
        take(std::move(node));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        refuse_extras(mark, tag, anchor);
        open(mark, YamlNode::Type::list);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override
    {
        refuse_extras(mark, tag, anchor);
        open(mark, YamlNode::Type::map);
    }
    void OnMapEnd() override { close(); }

    [[nodiscard]] std::optional<YamlNode> finish() { return std::move(root_); }

private:
    struct Open {
        YamlNode node;
        bool has_key = false;
        std::string key;
        Place key_place;
        std::unordered_map<std::string, std::uint32_t> lines;  ///< key -> line where it stood first
    };

    void refuse_extras(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor)
    {
        if (anchor != 0)
            source_.error(place_of(mark), "anchors are not used in policies", "write the value where it is needed");
        const auto at = static_cast<std::size_t>(std::max(mark.pos, 0));
        const bool tagged =
            (tag != "?" && tag != "!" && !tag.empty()) || (tag == "!" && at < bytes_.size() && bytes_[at] == '!');
        if (tagged)
            source_.error(place_of(mark), "tags are not used in policies", "text that begins with \"!\" is quoted");
    }

    void open(const YAML::Mark& mark, YamlNode::Type type)
    {
        if (open_.size() >= deepest_nesting)
            throw Stop{place_of(mark), fmt::format("nested more than {} levels deep", deepest_nesting), {}};
        Open level;
        level.node.type = type;
        level.node.place = place_of(mark);
        open_.push_back(std::move(level));
    }

    void close()
    {
        YamlNode node = std::move(open_.back().node);
        open_.pop_back();
        take(std::move(node));
    }

    void take(YamlNode node)
    {
        if (open_.empty()) {
            root_ = std::move(node);
        } else if (open_.back().node.is_list()) {
            open_.back().node.items.push_back(std::move(node));
        } else if (!open_.back().has_key) {
            take_key(open_.back(), std::move(node));
        } else {
            take_value(open_.back(), std::move(node));
        }
    }

    void take_key(Open& level, YamlNode node)
    {
        if (!node.is_text())
            source_.error(node.place, "a key is a word",
                          node.type == YamlNode::Type::nothing ? "the key is missing" : "");
        if (node.text == "<<" && !node.quoted)
            source_.error(node.place, "merge keys are not used in policies", "write the keys out");
        level.has_key = true;
        level.key = std::move(node.text);
        level.key_place = node.place;
    }

    void take_value(Open& level, YamlNode node)
    {
        level.has_key = false;
        const auto [first, fresh] = level.lines.try_emplace(level.key, level.key_place.line);
        if (!fresh) {
            source_.error(level.key_place, fmt::format("key \"{}\" stands twice", printable(level.key, 60)),
                          fmt::format("the first is on line {}", first->second));
            return;
        }
        level.node.entries.push_back({std::move(level.key), level.key_place, std::move(node)});
    }

    Source& source_;
    std::string_view bytes_;
    std::vector<Open> open_;
    std::optional<YamlNode> root_;
    int documents_ = 0;
};

/// Refuses what no policy needs and what would confuse places or cost yaml-cpp memory. Returns false if unreadable.
bool check_bytes(Source& source, std::size_t largest)
{
    const auto bytes = source.bytes();
    if (bytes.size() > largest) {
        source.error({}, fmt::format("the file is larger than {} bytes", largest), "split it");
        return false;
    }
    if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) {
        source.error({1, 1, 1}, "UTF-16, not UTF-8", "save the file as UTF-8");
        return false;
    }
    std::uint32_t line = 1, column = 0;
    long nesting = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto c = static_cast<unsigned char>(bytes[i]);
        ++column;
        if (c == '\n') {
            ++line;
            column = 0;
        } else if (c == '\t') {
            source.error({line, column, 1}, "a tab", "use spaces; \"\\t\" in double quotes where a tab is meant");
            return false;
        } else if (c == '\r' ? i + 1 >= bytes.size() || bytes[i + 1] != '\n' : c < 0x20 || c == 0x7F) {
            source.error({line, column, 1}, fmt::format("a control character (byte {})", c),
                         "policy files are UTF-8 text");
            return false;
        }
        // yaml-cpp looks ahead over all open brackets before it says anything; plain text never has so many.
        nesting = std::max(0L, nesting + (c == '[' || c == '{') - (c == ']' || c == '}'));
        if (nesting > 8 * static_cast<long>(deepest_nesting)) {
            source.error({line, column, 1}, fmt::format("nested more than {} levels deep", deepest_nesting));
            return false;
        }
    }
    return true;
}

/// Bytes of well-formed UTF-8 at the beginning of a line.
std::size_t good_prefix(std::string_view line)
{
    std::size_t good = 0;
    while (good < line.size()) {
        std::size_t length = 1;
        while (length <= 4 && !is_utf8(line.substr(good, length))) ++length;
        if (length > 4) break;
        good += length;
    }
    return std::min(good, line.size());
}

bool check_utf8(Source& source)
{
    const auto bytes = source.bytes();
    if (is_utf8(bytes)) return true;
    std::uint32_t number = 1;
    for (std::size_t start = 0; start < bytes.size(); ++number) {
        const auto end = std::min(bytes.find('\n', start), bytes.size());
        const auto line = bytes.substr(start, end - start);
        if (!is_utf8(line)) {
            source.error({number, static_cast<std::uint32_t>(good_prefix(line) + 1), 1}, "not UTF-8",
                         "save the file as UTF-8");
            return false;
        }
        start = end + 1;
    }
    return false;
}

std::optional<YamlNode> parse(Source& source)
{
    const auto bytes = source.bytes();
    std::ispanstream stream(std::span<const char>(bytes.data(), bytes.size()));
    TreeBuilder builder(source, bytes);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.finish();
}

}  // namespace

std::optional<YamlNode> read_yaml(Source& source, std::size_t largest)
{
    if (!check_bytes(source, largest) || !check_utf8(source)) return {};
    try {
        auto tree = parse(source);
        if (!tree || tree->type == YamlNode::Type::nothing) {
            source.error({}, "the file is empty");
            return {};
        }
        return tree;
    } catch (const Stop& stop) {
        source.error(stop.place, stop.what, stop.remedy);
    } catch (const YAML::Exception& error) {
        source.error(place_of(error.mark), "not YAML: " + printable(error.msg));
    } catch (const std::exception& error) {
        source.error({}, "cannot be read as YAML: " + printable(error.what()));
    }
    return {};
}

}  // namespace postern::policy
