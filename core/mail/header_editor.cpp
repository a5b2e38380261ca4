// Changes to a header section, kept as edits against the original: what is not named here is not touched.
//
// A value may come from a policy, a script or another message. Whatever it holds, it stays inside its field:
// a line break is kept only where white space follows (folding), any other CR, LF or NUL becomes a space.
#include "mail/header.hpp"

#include "base/text.hpp"
#include "mail/characters.hpp"

#include <algorithm>

namespace postern::mail {

namespace {

constexpr std::size_t longest_line = 998;  // RFC 5322 section 2.1.1, without CRLF

bool starts_with_space(std::string_view value) noexcept
{
    return !value.empty() && (is_blank(value.front()) || value.starts_with("\r\n"));
}

/// The value without anything that could end its field.
std::string contained(std::string_view value)
{
    while (value.ends_with('\n') || value.ends_with('\r')) value.remove_suffix(1);
    std::string safe;
    safe.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        if (c != '\r' && c != '\n' && c != '\0') {
            safe += c;
            continue;
        }
        const bool crlf = c == '\r' && i + 1 < value.size() && value[i + 1] == '\n';
        if (crlf && i + 2 < value.size() && is_blank(value[i + 2]))
            safe += "\r\n";
        else
            safe += ' ';
        if (crlf) ++i;
    }
    return safe;
}

/// Where to break a line of which `used` bytes stand already: the last blank that keeps it within the limit,
/// or else the first beyond it, with something to read on both sides; npos if there is none.
std::size_t find_break(std::string_view line, std::size_t used) noexcept
{
    const std::size_t first_text = line.find_first_not_of(" \t");
    const std::size_t last_text = line.find_last_not_of(" \t");
    if (first_text == line.npos) return line.npos;
    const std::size_t room = longest_line > used ? longest_line - used : 0;
    const auto fits = [&](std::size_t at) { return at != line.npos && at > first_text && at < last_text; };
    const std::size_t before = line.find_last_of(" \t", std::min(room, last_text));
    if (fits(before)) return before;
    const std::size_t behind = line.find_first_of(" \t", std::max(room, first_text));
    return fits(behind) ? behind : line.npos;
}

void fold_line(std::string& folded, std::string_view line, std::size_t used)
{
    while (used + line.size() > longest_line) {
        const std::size_t at = find_break(line, used);
        if (at == line.npos) break;
        folded += line.substr(0, at);
        folded += "\r\n";
        line.remove_prefix(at);
        used = 0;
    }
    folded += line;
}

/// The value with lines over the limit folded at white space; `used` bytes stand in front of its first line.
std::string folded(std::string value, std::size_t used)
{
    if (used + value.size() <= longest_line) return value;
    std::string result;
    result.reserve(value.size() + value.size() / 256);
    std::string_view rest = value;
    for (std::size_t end = rest.find("\r\n"); end != rest.npos; end = rest.find("\r\n")) {
        fold_line(result, rest.substr(0, end), used);
        result += "\r\n";
        rest.remove_prefix(end + 2);
        used = 0;
    }
    fold_line(result, rest, used);
    return result;
}

/// A complete field, whatever name and value are.
std::string make_field(std::string_view name, std::string_view value)
{
    std::string field(name.empty() ? "X" : name);
    std::ranges::replace_if(
        field, [](char c) { return !is_field_name(c); }, '-');
    field += ':';
    std::string safe = contained(value);
    while (!safe.empty() && (is_blank(safe.back()) || safe.back() == '\r' || safe.back() == '\n')) safe.pop_back();
    if (!safe.empty() && !starts_with_space(safe)) safe.insert(0, 1, ' ');
    const std::size_t used = field.size();
    field += folded(std::move(safe), used);
    return field += "\r\n";
}

/// Adds an edit, or widens the last one where it ends.
void put(Edits& edits, std::uint64_t offset, std::uint64_t removed, std::string_view text)
{
    if (!edits.empty() && edits.back().offset + edits.back().removed == offset) {
        edits.back().removed += removed;
        edits.back().text += text;
        return;
    }
    edits.push_back({offset, removed, std::string(text)});
}

/// The change from `before` to `after` without what both have at their beginning and their end.
void put_change(Edits& edits, std::uint64_t offset, std::string_view before, std::string_view after)
{
    const auto differs = std::ranges::mismatch(before, after);
    const auto same = static_cast<std::size_t>(differs.in1 - before.begin());
    before.remove_prefix(same);
    after.remove_prefix(same);
    while (!before.empty() && !after.empty() && before.back() == after.back()) {
        before.remove_suffix(1);
        after.remove_suffix(1);
    }
    if (!before.empty() || !after.empty()) put(edits, offset + same, before.size(), after);
}

}  // namespace

HeaderEditor::HeaderEditor(std::string_view content, const Header& header) : end_offset_(header.end_offset())
{
    fields_.reserve(header.fields().size());
    for (const Field& field : header.fields()) {
        Slot slot;
        slot.name = field.name;
        slot.value = field.value;
        slot.offset = field.offset;
        slot.size = field.size;
        slot.value_offset = static_cast<std::size_t>(field.value.data() - content.data());
        fields_.push_back(std::move(slot));
    }
    lacks_empty_line_ = header.body_offset() == end_offset_ && end_offset_ < content.size();
    lacks_line_end_ = end_offset_ > 0 && end_offset_ == content.size() && !content.ends_with("\r\n");
}

std::string_view HeaderEditor::name(std::size_t index) const noexcept
{
    return fields_[index].name;
}

std::string_view HeaderEditor::value(std::size_t index) const noexcept
{
    const Slot& slot = fields_[index];
    return slot.changed ? std::string_view(*slot.changed) : slot.value;
}

bool HeaderEditor::removed(std::size_t index) const noexcept
{
    return fields_[index].removed;
}

std::vector<std::size_t> HeaderEditor::find(std::string_view name) const
{
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < fields_.size(); ++i)
        if (!fields_[i].removed && iequals(fields_[i].name, name)) found.push_back(i);
    return found;
}

void HeaderEditor::remove(std::size_t index)
{
    fields_[index].removed = true;
}

void HeaderEditor::set_value(std::size_t index, std::string value)
{
    Slot& slot = fields_[index];
    if (value == slot.value) {
        slot.changed.reset();
        return;
    }
    std::string safe = contained(value);
    if (starts_with_space(slot.value) && !safe.empty() && !starts_with_space(safe)) safe.insert(0, 1, ' ');
    slot.changed = folded(std::move(safe), slot.value_offset - slot.offset);
}

void HeaderEditor::prepend(std::string_view name, std::string_view value)
{
    in_front_.insert(0, make_field(name, value));
}

void HeaderEditor::append(std::string_view name, std::string_view value)
{
    behind_ += make_field(name, value);
}

Edits HeaderEditor::edits() const
{
    Edits edits;
    if (!in_front_.empty()) put(edits, 0, 0, in_front_);
    for (const Slot& slot : fields_) {
        if (slot.removed)
            put(edits, slot.offset, slot.size, {});
        else if (slot.changed)
            put_change(edits, slot.value_offset, slot.value, *slot.changed);
    }
    const bool adds = !in_front_.empty() || !behind_.empty();
    std::string last;
    if (lacks_line_end_ && !behind_.empty() && !fields_.empty() && !fields_.back().removed) last = "\r\n";
    last += behind_;
    // What follows is body only because it is no field; behind a new field it might be read as its folding.
    if (adds && lacks_empty_line_) last += "\r\n";
    if (!last.empty()) put(edits, end_offset_, 0, last);
    return edits;
}

}  // namespace postern::mail
