// Where the addresses of From, To, Cc and the like stand, byte for byte.
//
// One pass from left to right: a lexer that steps over white space and comments, and a reader that keeps only
// what could still become a local part. No recursion, no going back; safe on any bytes and any thread.
#include "mail/header.hpp"

#include "mail/characters.hpp"

#include <algorithm>

namespace postern::mail {

namespace {

constexpr std::size_t most_elements = 10'000;
constexpr std::size_t most_words = 132;  // a local part of 64 bytes has at most 64 words and as many dots

enum class Kind { atom, quoted, special, end };

struct Token {
    Kind kind = Kind::end;
    std::size_t offset = 0;
    std::size_t size = 0;
    char mark = 0;  ///< of a special
};

bool is_space(char c) noexcept
{
    return is_blank(c) || c == '\r' || c == '\n';
}

/// RFC 5322 section 3.2: atoms, quoted strings, specials; white space and comments are stepped over.
class Lexer {
public:
    explicit Lexer(std::string_view value) : value_(value) { advance(); }

    [[nodiscard]] const Token& token() const noexcept { return token_; }
    [[nodiscard]] bool is(char mark) const noexcept { return token_.kind == Kind::special && token_.mark == mark; }
    [[nodiscard]] bool at_end() const noexcept { return token_.kind == Kind::end; }
    [[nodiscard]] std::string_view text() const noexcept { return text(token_); }
    [[nodiscard]] std::string_view text(const Token& t) const noexcept { return value_.substr(t.offset, t.size); }
    /// Whether a comment or a quoted string had no end.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

    void advance()
    {
        skip_space_and_comments();
        const std::size_t start = at_;
        if (at_ == value_.size()) {
            token_ = {Kind::end, start, 0, 0};
            return;
        }
        const char c = value_[at_];
        if (is_atext(c)) {
            while (at_ < value_.size() && is_atext(value_[at_])) ++at_;
            token_ = {Kind::atom, start, at_ - start, 0};
        } else if (c == '"') {
            skip_quoted();
            token_ = {Kind::quoted, start, at_ - start, 0};
        } else {
            ++at_;
            token_ = {Kind::special, start, 1, c};
        }
    }

    /// Widens the "[" that is the current token to its "]", if that comes before anything a literal cannot hold.
    bool take_literal()
    {
        const std::size_t end = value_.find_first_of("[]\\\r\n", at_);
        if (end == value_.npos || value_[end] != ']') return false;
        at_ = end + 1;
        token_.size = at_ - token_.offset;
        return true;
    }

private:
    void skip_space_and_comments()
    {
        std::size_t depth = 0;
        for (; at_ < value_.size(); ++at_) {
            const char c = value_[at_];
            if (c == '(')
                ++depth;
            else if (depth == 0 && !is_space(c))
                return;
            else if (c == ')')
                --depth;
            else if (c == '\\')
                ++at_;
        }
        at_ = value_.size();
        broken_ = broken_ || depth > 0;
    }

    void skip_quoted()
    {
        for (++at_; at_ < value_.size(); ++at_) {
            if (value_[at_] == '\\')
                ++at_;
            else if (value_[at_] == '"') {
                ++at_;
                return;
            }
        }
        at_ = value_.size();
        broken_ = true;
    }

    std::string_view value_;
    std::size_t at_ = 0;
    Token token_;
    bool broken_ = false;
};

/// The meaning of a quoted string: without quotes, backslashes and folding.
void append_unquoted(std::string& local, std::string_view quoted)
{
    quoted.remove_prefix(1);
    if (!quoted.empty()) quoted.remove_suffix(1);
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (quoted[i] == '\\' && i + 1 < quoted.size())
            ++i;
        else if (quoted[i] == '\r' || quoted[i] == '\n')
            continue;
        local += quoted[i];
    }
}

class ListReader {
public:
    explicit ListReader(std::string_view value) : lexer_(value) {}

    AddressList read()
    {
        while (!lexer_.at_end()) {
            if (lexer_.is(',')) {
                lexer_.advance();
                continue;
            }
            if (++elements_ > most_elements) {
                list_.malformed = true;
                break;
            }
            read_element();
        }
        if (in_group_ || lexer_.broken()) list_.malformed = true;
        return std::move(list_);
    }

private:
    /// One mailbox, or the beginning or end of a group.
    void read_element()
    {
        if (lexer_.is(';')) return end_group();
        read_words();
        if (lexer_.is(':')) return begin_group();
        if (lexer_.is('<')) return read_angle();
        if (!lexer_.is('@')) {
            list_.malformed = true;  // words without an address
            return;
        }
        auto place = read_address();
        if (!ends_element()) {
            skip_odd_phrase();
            // `eric@a.example <eric@a.example>`: an unquoted address as display name. What counts stands in brackets.
            if (lexer_.is('<')) {
                const auto bare = place ? place->address.key() : std::string();
                read_angle();
                if (list_.places.empty() || list_.places.back().address.key() != bare) list_.malformed = true;
                return;
            }
            list_.malformed = true;
        }
        add(std::move(place));
    }

    [[nodiscard]] bool ends_element() const noexcept { return lexer_.at_end() || lexer_.is(',') || lexer_.is(';'); }

    /// Words and dots up to something else; kept while they could be a local part.
    void read_words()
    {
        words_.clear();
        stray_ = false;
        for (; !lexer_.at_end(); lexer_.advance()) {
            const Token& token = lexer_.token();
            if (token.kind == Kind::special && std::string_view("<@:,;").find(token.mark) != std::string_view::npos)
                return;
            // Brackets are often seen in display names and harm nobody there.
            if (token.kind == Kind::special && token.mark != '.') {
                stray_ = true;
                if (token.mark != '[' && token.mark != ']') list_.malformed = true;
            }
            if (words_.size() < most_words)
                words_.push_back(token);
            else
                stray_ = true;
        }
    }

    void skip_odd_phrase()
    {
        while (!ends_element() && !lexer_.is('<')) lexer_.advance();
    }

    void begin_group()
    {
        if (in_group_ || words_.empty()) list_.malformed = true;
        in_group_ = list_.has_group = true;
        lexer_.advance();
    }

    void end_group()
    {
        if (!in_group_) list_.malformed = true;
        in_group_ = false;
        lexer_.advance();
        if (!lexer_.at_end() && !lexer_.is(',')) list_.malformed = true;
    }

    /// "<" [route] addr-spec ">" (RFC 5322 sections 3.4 and 4.4).
    void read_angle()
    {
        lexer_.advance();
        if (lexer_.is('@') || lexer_.is(',')) skip_route();
        read_words();
        if (!lexer_.is('@')) {
            list_.malformed = true;
            if (lexer_.is('<') || lexer_.is(':')) lexer_.advance();
            return;
        }
        add(read_address());
        if (lexer_.is('>')) {
            lexer_.advance();
            if (ends_element()) return;
        }
        list_.malformed = true;
    }

    void skip_route()
    {
        while (!lexer_.at_end() && !lexer_.is(':') && !lexer_.is('>') && !lexer_.is('<') && !lexer_.is(';'))
            lexer_.advance();
        if (lexer_.is(':')) lexer_.advance();
    }

    /// The address whose local part is in words_ and whose "@" is the current token; reads its domain.
    std::optional<AddressPlace> read_address()
    {
        lexer_.advance();
        AddressPlace place;
        place.in_group = in_group_;
        place.domain_offset = lexer_.token().offset;
        const std::string domain = read_domain(place);
        std::string text = local_part();
        if (text.empty() || domain.empty()) return std::nullopt;
        text += '@';
        text += domain;
        auto address = Address::parse(text);
        if (!address) return std::nullopt;
        place.address = std::move(*address);
        return place;
    }

    /// The domain without white space and comments, its extent in `place`; empty if there is none.
    std::string read_domain(AddressPlace& place)
    {
        std::string domain;
        if (lexer_.is('[')) {
            if (!lexer_.take_literal()) return domain;
            domain = lexer_.text();
            place.domain_size = domain.size();
            lexer_.advance();
            return domain;
        }
        bool after_dot = true;
        while (after_dot ? lexer_.token().kind == Kind::atom : lexer_.is('.')) {
            if (domain.size() <= longest_text) domain += lexer_.text();
            place.domain_size = lexer_.token().offset + lexer_.token().size - place.domain_offset;
            after_dot = !after_dot;
            lexer_.advance();
        }
        return domain;
    }

    /// The local part as Address::parse() takes it: as written, or put together from its obsolete words.
    [[nodiscard]] std::string local_part() const
    {
        if (stray_ || words_.empty()) return {};
        std::string text;
        bool quoted = false;
        for (std::size_t i = 0; i < words_.size(); ++i) {
            const bool dot = words_[i].kind == Kind::special;
            if (dot != (i % 2 == 1) || text.size() > longest_text) return {};
            if (words_[i].kind == Kind::quoted) {
                quoted = true;
                append_unquoted(text, lexer_.text(words_[i]));
            } else {
                text += lexer_.text(words_[i]);
            }
        }
        if (words_.size() % 2 == 0) return {};
        if (!quoted) return text;
        const std::string_view written = lexer_.text(words_.front());
        if (words_.size() == 1 && written.find_first_of("\r\n") == written.npos) return std::string(written);
        return quote(text);
    }

    void add(std::optional<AddressPlace> place)
    {
        if (place)
            list_.places.push_back(std::move(*place));
        else
            list_.malformed = true;
    }

    static constexpr std::size_t longest_text = 1000;  // beyond what an address can be

    Lexer lexer_;
    AddressList list_;
    std::vector<Token> words_;
    std::size_t elements_ = 0;
    bool in_group_ = false;
    bool stray_ = false;
};

}  // namespace

AddressList find_addresses(std::string_view value)
{
    return ListReader(value).read();
}

}  // namespace postern::mail
