#include "script/pattern.hpp"

#include <optional>

namespace postern::script {

namespace {

constexpr std::size_t longest_pattern = 16'384;
constexpr std::size_t most_repeats = 200;  // bounds the depth of recursion

constexpr bool between(unsigned char c, char low, char high) noexcept
{
    return c >= static_cast<unsigned char>(low) && c <= static_cast<unsigned char>(high);
}
constexpr bool is_digit(unsigned char c) noexcept
{
    return between(c, '0', '9');
}
constexpr bool is_lower(unsigned char c) noexcept
{
    return between(c, 'a', 'z');
}
constexpr bool is_upper(unsigned char c) noexcept
{
    return between(c, 'A', 'Z');
}
constexpr bool is_graphic(unsigned char c) noexcept
{
    return between(c, '!', '~');
}

/// `%a` and the like in ASCII; nothing for a letter that names no class.
std::optional<bool> in_class(unsigned char c, char name) noexcept
{
    const bool letter = is_lower(c) || is_upper(c);
    switch (name) {
        case 'a':
            return letter;
        case 'c':
            return c < 32 || c == 127;
        case 'd':
            return is_digit(c);
        case 'g':
            return is_graphic(c);
        case 'l':
            return is_lower(c);
        case 'p':
            return is_graphic(c) && !letter && !is_digit(c);
        case 's':
            return c == ' ' || (c >= 9 && c <= 13);
        case 'u':
            return is_upper(c);
        case 'w':
            return letter || is_digit(c);
        case 'x':
            return is_digit(c) || between(c, 'a', 'f') || between(c, 'A', 'F');
        default:
            return std::nullopt;
    }
}

}  // namespace

class PatternReader {
public:
    PatternReader(std::string_view text, Pattern& pattern) : text_(text), pattern_(pattern) {}

    /// What is wrong with the pattern; empty: nothing.
    std::string read()
    {
        if (text_.size() > longest_pattern) return "pattern too long (at most 16384 bytes)";
        while (at_ < text_.size() && problem_.empty()) item();
        if (problem_.empty() && !open_.empty()) problem_ = "unfinished capture";
        if (problem_.empty() && repeats_ > most_repeats) problem_ = "pattern too complex";
        return problem_;
    }

private:
    using Kind = Pattern::Kind;
    using Item = Pattern::Item;

    void item()
    {
        const char c = text_[at_];
        if (c == '(') return open();
        if (c == ')') return close();
        if (c == '$' && at_ + 1 == text_.size()) {
            ++at_;
            pattern_.items_.push_back({.kind = Kind::end});
            return;
        }
        if (c == '%' && at_ + 1 < text_.size()) {
            const char next = text_[at_ + 1];
            if (next == 'b') return balanced();
            if (next == 'f') return frontier();
            if (is_digit(static_cast<unsigned char>(next))) return back(next);
        }
        single();
    }

    void open()
    {
        ++at_;
        const bool position = at_ < text_.size() && text_[at_] == ')';
        if (position) ++at_;
        if (pattern_.captures_ == Match::most_captures) {
            problem_ = "too many captures";
            return;
        }
        const auto capture = static_cast<std::uint8_t>(pattern_.captures_++);
        closed_.push_back(position);
        if (!position) open_.push_back(capture);
        pattern_.items_.push_back({.kind = position ? Kind::position : Kind::open, .capture = capture});
    }

    void close()
    {
        ++at_;
        if (open_.empty()) {
            problem_ = "invalid pattern capture";
            return;
        }
        pattern_.items_.push_back({.kind = Kind::close, .capture = open_.back()});
        closed_[open_.back()] = true;
        open_.pop_back();
    }

    void balanced()
    {
        if (at_ + 3 >= text_.size()) {
            problem_ = "malformed pattern (missing arguments to '%b')";
            return;
        }
        pattern_.items_.push_back({.kind = Kind::balanced,
                                   .first = static_cast<unsigned char>(text_[at_ + 2]),
                                   .last = static_cast<unsigned char>(text_[at_ + 3])});
        at_ += 4;
    }

    void frontier()
    {
        at_ += 2;
        if (at_ >= text_.size() || text_[at_] != '[') {
            problem_ = "missing '[' after '%f' in pattern";
            return;
        }
        const auto set = read_set();
        pattern_.items_.push_back({.kind = Kind::frontier, .set = keep(set)});
    }

    void back(char digit)
    {
        at_ += 2;
        const auto number = static_cast<std::size_t>(digit - '1');
        if (digit == '0' || number >= closed_.size() || !closed_[number]) {
            problem_ = std::string("invalid capture index %") + digit;
            return;
        }
        pattern_.items_.push_back({.kind = Kind::back, .capture = static_cast<std::uint8_t>(number)});
    }

    void single()
    {
        Item item{.kind = Kind::single, .set = keep(read_single())};
        if (at_ < text_.size()) {
            switch (text_[at_]) {
                case '?':
                    item.repeat = Pattern::Repeat::optional;
                    break;
                case '*':
                    item.repeat = Pattern::Repeat::greedy;
                    break;
                case '+':
                    item.repeat = Pattern::Repeat::greedy_once;
                    break;
                case '-':
                    item.repeat = Pattern::Repeat::lazy;
                    break;
                default:
                    break;
            }
            if (item.repeat != Pattern::Repeat::once) {
                ++at_;
                ++repeats_;
            }
        }
        pattern_.items_.push_back(item);
    }

    Pattern::Set read_single()
    {
        Pattern::Set set;
        const char c = text_[at_];
        if (c == '[') return read_set();
        if (c == '.') {
            ++at_;
            return set.set();
        }
        if (c == '%') {
            if (at_ + 1 == text_.size()) {
                problem_ = "malformed pattern (ends with '%')";
                ++at_;
                return set;
            }
            add_class(set, text_[at_ + 1]);
            at_ += 2;
            return set;
        }
        set.set(static_cast<unsigned char>(c));
        ++at_;
        return set;
    }

    /// `%x` within or outside of a set: a class, its complement, or the character itself.
    static void add_class(Pattern::Set& set, char name)
    {
        const bool complement = is_upper(static_cast<unsigned char>(name));
        const char lower = complement ? static_cast<char>(name + 32) : name;
        if (!in_class(0, lower)) {
            set.set(static_cast<unsigned char>(name));
            return;
        }
        for (std::size_t c = 0; c < set.size(); ++c)
            if (*in_class(static_cast<unsigned char>(c), lower) != complement) set.set(c);
    }

    /// From `[` to behind its `]`. The first character inside is never the end.
    Pattern::Set read_set()
    {
        Pattern::Set set;
        std::size_t begin = at_ + 1;
        const bool complement = begin < text_.size() && text_[begin] == '^';
        if (complement) ++begin;
        std::size_t end = begin;
        do {
            if (end >= text_.size()) break;
            if (text_[end++] == '%') ++end;
        } while (end < text_.size() && text_[end] != ']');
        if (end >= text_.size()) {
            problem_ = "malformed pattern (missing ']')";
            at_ = text_.size();
            return set;
        }
        for (std::size_t i = begin; i < end; ++i) {
            if (text_[i] == '%' && i + 1 < end) {
                add_class(set, text_[++i]);
            } else if (i + 2 < end && text_[i + 1] == '-') {
                for (unsigned c = static_cast<unsigned char>(text_[i]); c <= static_cast<unsigned char>(text_[i + 2]);
                     ++c)
                    set.set(c);
                i += 2;
            } else {
                set.set(static_cast<unsigned char>(text_[i]));
            }
        }
        at_ = end + 1;
        return complement ? set.flip() : set;
    }

    std::size_t keep(const Pattern::Set& set)
    {
        for (std::size_t i = 0; i < pattern_.sets_.size() && i < 16; ++i)
            if (pattern_.sets_[i] == set) return i;
        pattern_.sets_.push_back(set);
        return pattern_.sets_.size() - 1;
    }

    std::string_view text_;
    Pattern& pattern_;
    std::size_t at_ = 0;
    std::size_t repeats_ = 0;
    std::vector<std::uint8_t> open_;
    std::vector<bool> closed_;
    std::string problem_;
};

/// One try at one place. Recursion goes as deep as the pattern has repetitions.
class PatternRun {
public:
    PatternRun(const Pattern& pattern, std::string_view subject, std::uint64_t& steps, Match& match)
        : pattern_(pattern), subject_(subject), steps_(steps), match_(match)
    {
    }

    bool run(std::size_t index, std::size_t at)
    {
        for (; index < pattern_.items_.size(); ++index) {
            if (!step()) return false;
            const auto& item = pattern_.items_[index];
            auto& capture = match_.captures[item.capture];
            switch (item.kind) {
                case Pattern::Kind::open:
                    capture = {at, 0, false};
                    break;
                case Pattern::Kind::position:
                    capture = {at, 0, true};
                    break;
                case Pattern::Kind::close:
                    capture.size = at - capture.begin;
                    break;
                case Pattern::Kind::end:
                    if (at != subject_.size()) return false;
                    break;
                case Pattern::Kind::frontier:
                    if (holds(item, byte_before(at)) || !holds(item, byte_at(at))) return false;
                    break;
                case Pattern::Kind::back:
                    if (!repeated(capture, at)) return false;
                    break;
                case Pattern::Kind::balanced:
                    if (!balanced(item, at)) return false;
                    break;
                case Pattern::Kind::single:
                    if (item.repeat != Pattern::Repeat::once) return repeat(item, index, at);
                    if (at >= subject_.size() || !holds(item, byte_at(at))) return false;
                    ++at;
                    break;
            }
        }
        match_.end = at;
        return true;
    }

    [[nodiscard]] bool out_of_steps() const noexcept { return out_; }

private:
    bool step() noexcept
    {
        if (steps_ == 0) {
            out_ = true;
            return false;
        }
        --steps_;
        return true;
    }
    [[nodiscard]] unsigned char byte_at(std::size_t at) const noexcept
    {
        return at < subject_.size() ? static_cast<unsigned char>(subject_[at]) : '\0';
    }
    [[nodiscard]] unsigned char byte_before(std::size_t at) const noexcept { return at == 0 ? '\0' : byte_at(at - 1); }
    [[nodiscard]] bool holds(const Pattern::Item& item, unsigned char c) const
    {
        return pattern_.sets_[item.set].test(c);
    }

    bool repeat(const Pattern::Item& item, std::size_t index, std::size_t at)
    {
        using Repeat = Pattern::Repeat;
        const std::size_t most = item.repeat == Repeat::optional ? 1 : subject_.size();
        const std::size_t least = item.repeat == Repeat::greedy_once ? 1 : 0;
        std::size_t count = 0;
        if (item.repeat == Repeat::lazy) {
            while (!run(index + 1, at)) {
                if (out_ || at >= subject_.size() || !holds(item, byte_at(at)) || !step()) return false;
                ++at;
            }
            return true;
        }
        while (count < most && at + count < subject_.size() && holds(item, byte_at(at + count))) {
            if (!step()) return false;
            ++count;
        }
        for (;; --count) {
            if (count < least) return false;
            if (run(index + 1, at + count)) return true;
            if (out_ || count == 0) return false;
        }
    }

    bool repeated(const Capture& capture, std::size_t& at)
    {
        // A position capture has no text to repeat: Lua lets it match nothing.
        const std::size_t size = capture.position ? 0 : capture.size;
        if (capture.position || subject_.size() - at < size) return false;
        const std::uint64_t cost = size / 8;
        if (steps_ < cost) {
            steps_ = 0;
            out_ = true;
            return false;
        }
        steps_ -= cost;
        if (subject_.substr(capture.begin, size) != subject_.substr(at, size)) return false;
        at += size;
        return true;
    }

    bool balanced(const Pattern::Item& item, std::size_t& at)
    {
        if (at >= subject_.size() || byte_at(at) != item.first) return false;
        std::size_t depth = 1;
        for (std::size_t i = at + 1; i < subject_.size(); ++i) {
            if (!step()) return false;
            const auto c = byte_at(i);
            if (c == item.last) {
                if (--depth == 0) {
                    at = i + 1;
                    return true;
                }
            } else if (c == item.first) {
                ++depth;
            }
        }
        return false;
    }

    const Pattern& pattern_;
    std::string_view subject_;
    std::uint64_t& steps_;
    Match& match_;
    bool out_ = false;
};

std::expected<Pattern, std::string> Pattern::compile(std::string_view text, bool anchored)
{
    Pattern pattern;
    if (anchored && text.starts_with('^')) {
        pattern.anchored_ = true;
        text.remove_prefix(1);
    }
    if (auto problem = PatternReader(text, pattern).read(); !problem.empty())
        return std::unexpected(std::move(problem));
    return pattern;
}

Pattern::Outcome Pattern::match_at(std::string_view subject, std::size_t at, std::uint64_t& steps, Match& match) const
{
    PatternRun run(*this, subject, steps, match);
    match.begin = at;
    if (run.run(0, at)) return Outcome::found;
    return run.out_of_steps() ? Outcome::out_of_steps : Outcome::absent;
}

Pattern::Outcome Pattern::search(std::string_view subject, std::size_t from, std::uint64_t& steps, Match& match) const
{
    for (std::size_t at = from; at <= subject.size(); ++at) {
        const auto outcome = match_at(subject, at, steps, match);
        if (outcome != Outcome::absent || anchored_) return outcome;
        if (steps == 0) return Outcome::out_of_steps;
        --steps;
    }
    return Outcome::absent;
}

}  // namespace postern::script
