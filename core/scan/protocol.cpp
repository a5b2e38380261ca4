#include "scan/protocol.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <limits>

namespace postern::scan {

namespace {

constexpr std::uint32_t version = 2;
constexpr std::size_t longest_text = 1000;
constexpr std::uint64_t any_number = std::numeric_limits<std::uint64_t>::max();
enum class What : std::uint8_t { settings = 1, notice, order, answer };

/// What the names of a message's archives may still take.
struct MemberBudget {
    std::size_t members = most_members;
    std::size_t bytes = most_member_bytes;
};

// A value's form stands once, in pass(): Writer and Reader have the same functions, and go through it the one way or
// the other. A number has so many bytes, and is at most `most`.

class Writer {
public:
    explicit Writer(What what)
    {
        put(version, 4);
        put(static_cast<std::uint64_t>(what), 1);
    }
    template <class Number>
    void number(const Number& value, int bytes, std::uint64_t = any_number)
    {
        put(static_cast<std::uint64_t>(value), bytes);
    }
    void flag(const bool& value) { put(value ? 1 : 0, 1); }
    void seconds(const Duration& value)
    {
        const auto whole = std::chrono::duration_cast<std::chrono::seconds>(value).count();
        put(static_cast<std::uint64_t>(std::max<std::int64_t>(1, whole)), 4);
    }
    void text(std::string_view value)
    {
        value = value.substr(0, longest_text);
        put(value.size(), 2);
        out_ += value;
    }
    void raw(std::string_view value) { text(value); }
    template <class List, class Each>
    void list(const List& values, int bytes, std::size_t most, Each each)
    {
        const auto count = std::min(values.size(), most);
        put(count, bytes);
        for (std::size_t i = 0; i < count; ++i) each(values[i]);
    }
    void members(const std::vector<std::string>& names, MemberBudget& left)
    {
        std::size_t count = 0;
        while (count < names.size() && count < left.members && names[count].size() <= left.bytes)
            left.bytes -= names[count++].size();
        left.members -= count;
        put(count, 2);
        for (std::size_t i = 0; i < count; ++i) text(names[i]);
    }
    std::string take() { return std::move(out_); }

private:
    void put(std::uint64_t value, int bytes)
    {
        for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> (8 * i) & 0xff));
    }

    std::string out_;
};

// After the first thing that is not there everything is zero, and done() says so.
class Reader {
public:
    Reader(std::string_view bytes, What what) : rest_(bytes)
    {
        if (get(4) != version || get(1) != static_cast<std::uint64_t>(what)) broken_ = true;
    }
    template <class Number>
    void number(Number& value, int bytes, std::uint64_t most = any_number)
    {
        value = static_cast<Number>(at_most(most, bytes));
    }
    void flag(bool& value) { value = at_most(1, 1) == 1; }
    void seconds(Duration& value)
    {
        value = std::chrono::seconds{static_cast<std::int64_t>(at_most(longest_deadline, 4))};
    }
    // Paths: any bytes.
    void raw(std::string& value)
    {
        const auto size = at_most(longest_text, 2);
        value.clear();
        if (broken_ || rest_.size() < size) {
            broken_ = true;
            return;
        }
        value = rest_.substr(0, size);
        rest_.remove_prefix(size);
    }
    void text(std::string& value)
    {
        raw(value);
        const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
        if (!is_utf8(value) || std::ranges::any_of(value, is_control)) broken_ = true;
    }
    template <class List, class Each>
    void list(List& values, int bytes, std::size_t most, Each each)
    {
        const auto count = at_most(most, bytes);
        for (std::uint64_t i = 0; i < count && !broken_; ++i) each(values.emplace_back());
    }
    void members(std::vector<std::string>& names, MemberBudget& left)
    {
        list(names, 2, left.members, [this, &left](std::string& name) {
            text(name);
            if (name.size() > left.bytes) broken_ = true;
            left.bytes -= std::min(left.bytes, name.size());
        });
        left.members -= names.size();
    }
    [[nodiscard]] bool done() const noexcept { return !broken_ && rest_.empty(); }

private:
    static constexpr std::uint64_t longest_deadline = 86'400;

    std::uint64_t get(int bytes)
    {
        const auto size = static_cast<std::size_t>(bytes);
        if (broken_ || rest_.size() < size) {
            broken_ = true;
            return 0;
        }
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < size; ++i)
            value |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
        rest_.remove_prefix(size);
        return value;
    }
    std::uint64_t at_most(std::uint64_t most, int bytes)
    {
        const auto value = get(bytes);
        if (value <= most) return value;
        broken_ = true;
        return 0;
    }

    std::string_view rest_;
    bool broken_ = false;
};

template <class Way, class Value>
void pass_settings(Way& way, Value& settings)
{
    auto& scanner = settings.scanner;
    way.number(scanner.workers, 2, 64);
    way.seconds(scanner.deadline);
    way.number(scanner.memory, 8);
    way.number(scanner.temporary, 8);
    way.raw(scanner.signatures);
    way.number(scanner.archive_depth, 4, 1000);
    way.number(scanner.archive_files, 4, 10'000'000);
    way.number(scanner.archive_size, 8);
    way.raw(settings.folder);
    way.raw(settings.user);
}

template <class Way, class Value>
void pass_notice(Way& way, Value& notice)
{
    way.number(notice.kind, 1, static_cast<std::uint64_t>(Notice::Kind::warning));
    way.number(notice.number, 8);
    way.number(notice.moment, 8);
    way.raw(notice.text);
}

template <class Way, class Value>
void pass_order(Way& way, Value& order)
{
    way.number(order.id, 8);
    way.number(order.size, 8);
    for (auto* flag : {&order.types, &order.members, &order.obstacles, &order.viruses, &order.doubtful})
        way.flag(*flag);
    way.list(order.pieces, 2, most_parts, [&](auto& piece) {
        way.number(piece.offset, 8, order.size);
        way.number(piece.length, 8, order.size - piece.offset);
        way.number(piece.encoding, 1, 3);
    });
}

template <class Way, class Value>
void pass_answer(Way& way, Value& answer)
{
    way.number(answer.id, 8);
    way.text(answer.failure);
    auto& seen = answer.inspection;
    MemberBudget left;
    way.list(seen.parts, 2, most_parts, [&](auto& part) {
        way.text(part.detected_type);
        for (auto* flag : {&part.encrypted, &part.broken, &part.macros}) way.flag(*flag);
        way.members(part.members, left);
    });
    way.list(seen.viruses, 1, most_findings, [&](auto& virus) {
        way.text(virus.signature);
        way.number(virus.part, 4, std::min(seen.parts.size(), most_parts));
    });
    way.list(seen.unscannable, 1, most_findings, [&](auto& reason) { way.text(reason); });
    way.text(seen.signatures);
}

}  // namespace

std::string encode(const Settings& settings)
{
    Writer out(What::settings);
    pass_settings(out, settings);
    return out.take();
}

std::optional<Settings> decode_settings(std::string_view bytes)
{
    Reader in(bytes, What::settings);
    Settings settings;
    pass_settings(in, settings);
    if (!in.done() || settings.scanner.workers == 0 || settings.folder.empty()) return std::nullopt;
    return settings;
}

std::string encode(const Notice& notice)
{
    Writer out(What::notice);
    pass_notice(out, notice);
    return out.take();
}

std::optional<Notice> decode_notice(std::string_view bytes)
{
    Reader in(bytes, What::notice);
    Notice notice;
    pass_notice(in, notice);
    if (!in.done() || static_cast<std::uint8_t>(notice.kind) == 0) return std::nullopt;
    return notice;
}

std::string encode(const Order& order)
{
    Writer out(What::order);
    pass_order(out, order);
    return out.take();
}

std::optional<Order> decode_order(std::string_view bytes)
{
    Reader in(bytes, What::order);
    Order order;
    pass_order(in, order);
    if (!in.done()) return std::nullopt;
    return order;
}

std::string encode(const Answer& answer)
{
    Writer out(What::answer);
    pass_answer(out, answer);
    return out.take();
}

std::optional<Answer> decode_answer(std::string_view bytes)
{
    Reader in(bytes, What::answer);
    Answer answer;
    pass_answer(in, answer);
    if (!in.done()) return std::nullopt;
    return answer;
}

}  // namespace postern::scan
