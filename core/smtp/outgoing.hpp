// What a client has to write, as pieces: its own text, and views of content that is not copied.
//
// Owned by the client machine. Views given to add_content() and add_stuffed() must outlive the writing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern::smtp {

class Outgoing {
public:
    /// Copies `text`; texts in a row become one piece.
    void add(std::string_view text);
    /// The pieces as they are (BDAT).
    void add_content(const std::vector<std::string_view>& pieces);
    /// The pieces as a DATA content: dots stuffed where a line begins with one, a last line completed, and the
    /// end (RFC 5321 section 4.5.2). A line may begin in one piece and end in another.
    void add_stuffed(const std::vector<std::string_view>& pieces);

    [[nodiscard]] bool empty() const noexcept { return pieces_.empty(); }
    /// Valid until the next add.
    [[nodiscard]] std::vector<std::string_view> pieces() const;
    void clear();

private:
    struct Piece {
        const char* data = nullptr;  ///< nullptr: in text_ at `offset`
        std::size_t offset = 0;
        std::size_t size = 0;
    };
    void add_view(std::string_view view);

    std::string text_;
    std::vector<Piece> pieces_;
};

}  // namespace postern::smtp
