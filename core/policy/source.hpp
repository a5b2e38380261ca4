// The text of one file while it is being judged: turns places into diagnostics that show the line.
//
// Borrows the bytes and the list of diagnostics; one thread at a time.
#pragma once

#include "policy/diagnostic.hpp"
#include "policy/document.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace postern::policy {

class Source {
public:
    /// `file` is relative to the policy's directory. Bytes and `into` must outlive the source. A byte order mark at the
    /// front is no part of the text.
    Source(std::string file, std::string_view bytes, Diagnostics& into)
        : file_(std::move(file)), bytes_(bytes), into_(into)
    {
        if (bytes_.starts_with(byte_order_mark)) bytes_.remove_prefix(byte_order_mark.size());
    }

    void error(const Place& place, std::string what, std::string remedy = {});
    void warning(const Place& place, std::string what, std::string remedy = {});
    /// A fault's detail of the form "what; remedy" as an error.
    void error_from(const Place& place, const std::string& detail);

    /// Whether more would not be shown: what costs time to find need not be looked for.
    [[nodiscard]] bool is_full() const noexcept;
    /// Whether an error was said of it: what was read is not all that its author meant.
    [[nodiscard]] bool has_errors() const noexcept { return has_errors_; }
    [[nodiscard]] const std::string& file() const noexcept { return file_; }
    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

private:
    static constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

    void add(Severity severity, const Place& place, std::string what, std::string remedy);
    [[nodiscard]] std::string_view line_text(std::size_t line);

    std::string file_;
    std::string_view bytes_;
    Diagnostics& into_;
    std::vector<std::size_t> line_starts_;
    std::size_t said_ = 0;
    bool has_errors_ = false;
};

}  // namespace postern::policy
