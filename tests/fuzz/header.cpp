// room: mail
// Header sections: fields cover the section; edits change what was asked for and nothing else.
#include "mail/header.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;
using namespace postern::mail;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

void check_places(std::string_view content, const Header& header)
{
    std::size_t reached = 0;
    for (const auto& field : header.fields()) {
        must(field.offset == reached && field.size > 0);
        must(content.substr(reached, field.name.size()) == field.name);
        reached += field.size;
        must(field.value.data() + field.value.size() <= content.data() + reached);
    }
    must(reached == header.end_offset() && header.end_offset() <= header.body_offset());
    must(header.body_offset() <= content.size());
}

void check_edits(std::string_view content, const Edits& edits)
{
    std::uint64_t reached = 0;
    for (const auto& edit : edits) {
        must(edit.offset >= reached && edit.offset + edit.removed <= content.size());
        reached = edit.offset + edit.removed;
    }
    must(applied(content, edits).size() == applied_size(content.size(), edits));
    const auto decoded = decode_edits(encode(edits));
    must(decoded && *decoded == edits);
}

}  // namespace

/// The first byte says what to change in which field, the next says how many bytes of the input are the new value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    static_cast<void>(decode_edits(input));
    if (size < 2) return 0;
    const std::size_t value_size = std::min<std::size_t>(data[1], size - 2);
    const std::string_view value = input.substr(2, value_size);
    const std::string_view content = input.substr(2 + value_size);

    const auto header = Header::parse(content);
    if (!header) return 0;
    check_places(content, *header);
    HeaderEditor editor(content, *header);
    must(editor.edits().empty());

    const std::size_t count = header->fields().size();
    const std::size_t index = count == 0 ? 0 : data[0] / 16U % count;
    std::size_t expected = count;
    if (data[0] & 1) editor.prepend("X-Front", value), ++expected;
    if (data[0] & 2) editor.append(value.substr(0, 3), value), ++expected;
    if (count > 0 && (data[0] & 4)) editor.set_value(index, std::string(value));
    if (count > 0 && (data[0] & 8)) editor.remove(index), --expected;
    const Edits edits = editor.edits();
    check_edits(content, edits);

    const std::string result = applied(content, edits);
    const auto again = Header::parse(result, {.bytes = 1 << 30, .fields = 100'000});
    must(again.has_value());
    must(again->fields().size() == expected);
    must(std::string_view(result).substr(again->body_offset()) == content.substr(header->body_offset()));
    for (const auto& field : again->fields()) {
        const auto list = find_addresses(field.value);
        must(list.places.size() <= 10'000);
    }
    return 0;
}
