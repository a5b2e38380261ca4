// Pieces to write, and dot-stuffing that looks only at dots: most lines are never touched.
#include "smtp/outgoing.hpp"

#include <cstring>

namespace postern::smtp {

namespace {

/// Whether what was seen ends a line, given the two bytes before a place.
class LineEnds {
public:
    [[nodiscard]] bool at_line_start() const noexcept { return before_ == '\r' && last_ == '\n'; }
    void see(std::string_view bytes) noexcept
    {
        if (bytes.size() >= 2)
            before_ = bytes[bytes.size() - 2];
        else if (!bytes.empty())
            before_ = last_;
        if (!bytes.empty()) last_ = bytes.back();
    }

private:
    char before_ = '\r';  // a content begins at a line's start
    char last_ = '\n';
};

}  // namespace

void Outgoing::add(std::string_view text)
{
    if (text.empty()) return;
    const bool goes_on = !pieces_.empty() && pieces_.back().data == nullptr;
    if (goes_on)
        pieces_.back().size += text.size();
    else
        pieces_.push_back({nullptr, text_.size(), text.size()});
    text_ += text;
}

void Outgoing::add_content(const std::vector<std::string_view>& pieces)
{
    for (const auto piece : pieces) add_view(piece);
}

void Outgoing::add_stuffed(const std::vector<std::string_view>& pieces)
{
    LineEnds ends;
    for (const auto piece : pieces) {
        std::size_t from = 0;  // where what is not yet added begins
        std::size_t at = 0;    // where the next dot is looked for
        while (at < piece.size()) {
            const void* found = std::memchr(piece.data() + at, '.', piece.size() - at);
            if (found == nullptr) break;
            const auto dot = static_cast<std::size_t>(static_cast<const char*>(found) - piece.data());
            LineEnds here = ends;
            here.see(piece.substr(0, dot));
            if (here.at_line_start()) {
                add_view(piece.substr(from, dot - from));
                add(".");
                from = dot;
            }
            at = dot + 1;
        }
        add_view(piece.substr(from));
        ends.see(piece);
    }
    add(ends.at_line_start() ? ".\r\n" : "\r\n.\r\n");
}

void Outgoing::add_view(std::string_view view)
{
    if (!view.empty()) pieces_.push_back({view.data(), 0, view.size()});
}

std::vector<std::string_view> Outgoing::pieces() const
{
    std::vector<std::string_view> views;
    views.reserve(pieces_.size());
    for (const auto& piece : pieces_)
        views.emplace_back(piece.data != nullptr ? piece.data : text_.data() + piece.offset, piece.size);
    return views;
}

void Outgoing::clear()
{
    pieces_.clear();
    text_.clear();
}

}  // namespace postern::smtp
