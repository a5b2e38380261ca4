// Text in pieces on its way into a socket: where the writing stands. For this room's own files.
#pragma once

#include <sys/uio.h>
#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

namespace postern::net {

/// Steps through pieces of text by bytes.
class Pieces {
public:
    explicit Pieces(std::span<const std::string_view> pieces) : pieces_(pieces) { skip_empty(); }

    [[nodiscard]] bool done() const noexcept { return pieces_.empty(); }
    [[nodiscard]] std::string_view front() const noexcept { return pieces_.front().substr(offset_); }
    [[nodiscard]] bool is_last() const noexcept { return pieces_.size() == 1; }

    void advance(std::size_t bytes) noexcept
    {
        while (bytes > 0) {
            const std::size_t here = std::min(bytes, pieces_.front().size() - offset_);
            offset_ += here;
            bytes -= here;
            if (offset_ == pieces_.front().size()) next();
        }
        skip_empty();
    }

    /// Fills up to `most` vectors.
    [[nodiscard]] std::size_t fill(iovec* vectors, std::size_t most) const noexcept
    {
        std::size_t count = 0;
        for (std::size_t i = 0; i < pieces_.size() && count < most; ++i) {
            const std::string_view text = i == 0 ? front() : pieces_[i];
            if (text.empty()) continue;
            vectors[count++] = {const_cast<char*>(text.data()), text.size()};
        }
        return count;
    }

    /// Copies up to `most` bytes.
    [[nodiscard]] std::size_t copy(char* to, std::size_t most) const noexcept
    {
        std::size_t copied = 0;
        for (std::size_t i = 0; i < pieces_.size() && copied < most; ++i) {
            const std::string_view text = i == 0 ? front() : pieces_[i];
            copied += text.copy(to + copied, most - copied);
        }
        return copied;
    }

private:
    void next() noexcept
    {
        pieces_ = pieces_.subspan(1);
        offset_ = 0;
    }
    void skip_empty() noexcept
    {
        while (!pieces_.empty() && pieces_.front().size() == offset_) next();
    }

    std::span<const std::string_view> pieces_;
    std::size_t offset_ = 0;
};

}  // namespace postern::net
