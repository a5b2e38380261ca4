#include "scan/protocol.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace postern::scan {

namespace {

constexpr std::uint32_t version = 1;
constexpr std::size_t longest_text = 1000;
enum class What : std::uint8_t { settings = 1, notice, order, answer };

class Writer {
public:
    explicit Writer(What what)
    {
        number(version, 4);
        number(static_cast<std::uint64_t>(what), 1);
    }
    void number(std::uint64_t value, int bytes = 8)
    {
        for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> (8 * i) & 0xff));
    }
    void text(std::string_view value)
    {
        value = value.substr(0, longest_text);
        number(value.size(), 2);
        out_ += value;
    }
    std::string take() { return std::move(out_); }

private:
    std::string out_;
};

// After the first thing that is not there everything is zero, and done() says so.
class Reader {
public:
    Reader(std::string_view bytes, What what) : rest_(bytes)
    {
        if (number(4) != version || number(1) != static_cast<std::uint64_t>(what)) broken_ = true;
    }
    std::uint64_t number(std::size_t bytes = 8)
    {
        if (broken_ || rest_.size() < bytes) {
            broken_ = true;
            return 0;
        }
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i)
            value |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
        rest_.remove_prefix(bytes);
        return value;
    }
    std::uint64_t at_most(std::uint64_t most, std::size_t bytes = 8)
    {
        const auto value = number(bytes);
        if (value <= most) return value;
        broken_ = true;
        return 0;
    }
    bool flag() { return at_most(1, 1) == 1; }
    // Paths: any bytes.
    std::string raw()
    {
        const auto size = at_most(longest_text, 2);
        if (broken_ || rest_.size() < size) {
            broken_ = true;
            return {};
        }
        std::string value(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return value;
    }
    std::string text()
    {
        auto value = raw();
        const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
        if (!is_utf8(value) || std::ranges::any_of(value, is_control)) broken_ = true;
        return value;
    }
    [[nodiscard]] bool good() const noexcept { return !broken_; }
    [[nodiscard]] bool done() const noexcept { return !broken_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool broken_ = false;
};

Duration seconds(std::uint64_t value)
{
    return std::chrono::seconds{static_cast<std::int64_t>(value)};
}

std::uint64_t in_seconds(Duration value)
{
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(value).count()));
}

vocabulary::PartInspection read_part(Reader& reader, std::size_t& members, std::size_t& bytes)
{
    vocabulary::PartInspection part;
    part.detected_type = reader.text();
    part.encrypted = reader.flag();
    part.broken = reader.flag();
    part.macros = reader.flag();
    const auto count = reader.at_most(most_members - members, 2);
    for (std::uint64_t i = 0; i < count && reader.good(); ++i) {
        part.members.push_back(reader.text());
        bytes += part.members.back().size();
    }
    members += part.members.size();
    return part;
}

}  // namespace

std::string encode(const Settings& settings)
{
    Writer out(What::settings);
    const auto& scanner = settings.scanner;
    out.number(scanner.workers, 2);
    out.number(in_seconds(scanner.deadline), 4);
    out.number(scanner.memory);
    out.number(scanner.temporary);
    out.text(scanner.signatures);
    out.number(scanner.archive_depth, 4);
    out.number(scanner.archive_files, 4);
    out.number(scanner.archive_size);
    out.text(settings.folder);
    out.text(settings.user);
    return out.take();
}

std::optional<Settings> decode_settings(std::string_view bytes)
{
    Reader in(bytes, What::settings);
    Settings settings;
    auto& scanner = settings.scanner;
    scanner.workers = static_cast<unsigned>(in.at_most(64, 2));
    scanner.deadline = seconds(in.at_most(86'400, 4));
    scanner.memory = in.number();
    scanner.temporary = in.number();
    scanner.signatures = in.raw();
    scanner.archive_depth = static_cast<unsigned>(in.at_most(1000, 4));
    scanner.archive_files = static_cast<unsigned>(in.at_most(10'000'000, 4));
    scanner.archive_size = in.number();
    settings.folder = in.raw();
    settings.user = in.raw();
    if (!in.done() || scanner.workers == 0 || settings.folder.empty()) return std::nullopt;
    return settings;
}

std::string encode(const Notice& notice)
{
    Writer out(What::notice);
    out.number(static_cast<std::uint64_t>(notice.kind), 1);
    out.number(notice.number);
    out.number(notice.moment);
    out.text(notice.text);
    return out.take();
}

std::optional<Notice> decode_notice(std::string_view bytes)
{
    Reader in(bytes, What::notice);
    Notice notice;
    const auto kind = in.at_most(static_cast<std::uint64_t>(Notice::Kind::warning), 1);
    notice.kind = static_cast<Notice::Kind>(kind);
    notice.number = in.number();
    notice.moment = in.number();
    notice.text = in.raw();
    if (!in.done() || kind == 0) return std::nullopt;
    return notice;
}

std::string encode(const Order& order)
{
    Writer out(What::order);
    out.number(order.id);
    out.number(order.size);
    for (const bool flag : {order.types, order.members, order.viruses, order.doubtful}) out.number(flag, 1);
    const auto count = std::min(order.pieces.size(), most_parts);
    out.number(count, 2);
    for (std::size_t i = 0; i < count; ++i) {
        const auto& piece = order.pieces[i];
        out.number(piece.offset);
        out.number(piece.length);
        out.number(static_cast<std::uint64_t>(piece.encoding), 1);
    }
    return out.take();
}

std::optional<Order> decode_order(std::string_view bytes)
{
    Reader in(bytes, What::order);
    Order order;
    order.id = in.number();
    order.size = in.number();
    for (bool* flag : {&order.types, &order.members, &order.viruses, &order.doubtful}) *flag = in.flag();
    const auto count = in.at_most(most_parts, 2);
    for (std::uint64_t i = 0; i < count && in.good(); ++i) {
        Order::Piece piece;
        piece.offset = in.at_most(order.size);
        piece.length = in.at_most(order.size - piece.offset);
        piece.encoding = static_cast<mail::Part::Encoding>(in.at_most(3, 1));
        order.pieces.push_back(piece);
    }
    if (!in.done()) return std::nullopt;
    return order;
}

std::string encode(const Answer& answer)
{
    Writer out(What::answer);
    out.number(answer.id);
    out.text(answer.failure);
    const auto& seen = answer.inspection;
    out.number(std::min(seen.parts.size(), most_parts), 2);
    std::size_t members = 0, bytes = 0;
    for (std::size_t i = 0; i < std::min(seen.parts.size(), most_parts); ++i) {
        const auto& part = seen.parts[i];
        out.text(part.detected_type);
        for (const bool flag : {part.encrypted, part.broken, part.macros}) out.number(flag, 1);
        std::size_t count = 0;
        while (count < part.members.size() && members + count < most_members &&
               bytes + part.members[count].size() <= most_member_bytes)
            bytes += part.members[count++].size();
        members += count;
        out.number(count, 2);
        for (std::size_t n = 0; n < count; ++n) out.text(part.members[n]);
    }
    out.number(std::min(seen.viruses.size(), most_findings), 1);
    for (std::size_t i = 0; i < std::min(seen.viruses.size(), most_findings); ++i) {
        out.text(seen.viruses[i].signature);
        out.number(seen.viruses[i].part, 4);
    }
    out.number(std::min(seen.unscannable.size(), most_findings), 1);
    for (std::size_t i = 0; i < std::min(seen.unscannable.size(), most_findings); ++i) out.text(seen.unscannable[i]);
    out.text(seen.signatures);
    return out.take();
}

std::optional<Answer> decode_answer(std::string_view bytes)
{
    Reader in(bytes, What::answer);
    Answer answer;
    answer.id = in.number();
    answer.failure = in.text();
    auto& seen = answer.inspection;
    const auto parts = in.at_most(most_parts, 2);
    std::size_t members = 0, member_bytes = 0;
    for (std::uint64_t i = 0; i < parts && in.good(); ++i) seen.parts.push_back(read_part(in, members, member_bytes));
    const auto viruses = in.at_most(most_findings, 1);
    for (std::uint64_t i = 0; i < viruses && in.good(); ++i) {
        auto signature = in.text();
        seen.viruses.push_back({std::move(signature), static_cast<std::size_t>(in.at_most(parts, 4))});
    }
    const auto reasons = in.at_most(most_findings, 1);
    for (std::uint64_t i = 0; i < reasons && in.good(); ++i) seen.unscannable.push_back(in.text());
    seen.signatures = in.text();
    if (!in.done() || member_bytes > most_member_bytes) return std::nullopt;
    return answer;
}

}  // namespace postern::scan
