#include "mail/mime.hpp"

#include "base/text.hpp"
#include "mail/charset.hpp"
#include "mail/mime_values.hpp"
#include "mail/uuencoded.hpp"

#include <openssl/evp.h>
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace postern::mail {

namespace {

constexpr auto nowhere = std::string_view::npos;

std::string_view without_line_end(std::string_view line)
{
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

bool is_blank(std::string_view text)
{
    return text.find_first_not_of(" \t\r\n") == nowhere;
}

struct DigestFree {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

class Sha256 {
public:
    Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
    void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
    std::string hexadecimal()
    {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        EVP_DigestFinal_ex(context_.get(), digest, &size);
        std::string bytes(size, '\0');
        std::memcpy(bytes.data(), digest, size);
        return to_hex(bytes);
    }

private:
    std::unique_ptr<EVP_MD_CTX, DigestFree> context_;
};

// One pass over the lines, with the open multiparts on a stack. GMime builds a tree of objects without bounds (10 MiB
// of boundaries are gigabytes of it), so it is asked about the inside of fields, and the walk is here.
class Walk {
public:
    Walk(std::string_view content, bool digests, const StructureLimits& limits)
        : content_(content), digests_(digests), limits_(limits)
    {
    }

    Structure run()
    {
        while (at_ < content_.size() && !stopped_) {
            if (mode_ != Mode::header && !skip_to_boundary()) break;
            const std::size_t start = at_;
            const auto newline = content_.find('\n', start);
            at_ = newline == nowhere ? content_.size() : newline + 1;
            const auto line = without_line_end(content_.substr(start, at_ - start));
            if (!meets_boundary(line, start) && mode_ == Mode::header) read_header_line(line, start);
        }
        end_header(content_.size());
        for (const auto& open : stack_)
            if (!open.closed) result_.malformed = true;
        while (!leaves_.empty()) close_leaf(content_.size());
        return std::move(result_);
    }

private:
    enum class Mode { header, body };
    struct Multipart {
        std::string boundary;
        std::size_t depth = 0;  ///< of its parts
        bool digest = false;    ///< parts are messages where they do not say otherwise (RFC 2046 section 5.1.5)
        bool closed = false;
        std::size_t preamble = nowhere;  ///< where it begins, until it is looked at
    };
    struct Leaf {
        std::size_t index = 0;   ///< into parts
        std::size_t within = 0;  ///< multiparts that were open where it began
    };

    // In bodies only a line that begins with two hyphens matters.
    bool skip_to_boundary()
    {
        if (stack_.empty()) return false;
        const auto rest = content_.substr(at_);
        if (rest.starts_with("--")) return true;
        const void* found = memmem(rest.data(), rest.size(), "\n--", 3);
        if (!found) return false;
        at_ += static_cast<std::size_t>(static_cast<const char*>(found) - rest.data()) + 1;
        return true;
    }

    bool meets_boundary(std::string_view line, std::size_t start)
    {
        if (!line.starts_with("--") || stack_.empty()) return false;
        line.remove_prefix(2);
        bool nearly = false;
        for (std::size_t level = stack_.size(); level-- > 0;) {
            auto& multipart = stack_[level];
            if (!line.starts_with(multipart.boundary)) continue;
            const auto rest = line.substr(multipart.boundary.size());
            const bool closing = rest.starts_with("--");
            if (!closing && !is_blank(rest)) {
                nearly = true;
                continue;
            }
            if (closing && !is_blank(rest.substr(2))) result_.malformed = true;
            note_preamble(multipart, start);
            end_within(level, start);
            if (closing)
                multipart.closed = true;
            else
                begin_part(multipart);
            return true;
        }
        if (nearly) result_.malformed = true;  // some programs compare the beginning only
        return false;
    }

    // Text before the first part is for nobody to see, but some programs read what looks like a part there.
    void note_preamble(Multipart& multipart, std::size_t end)
    {
        const auto begin = std::exchange(multipart.preamble, nowhere);
        if (begin >= end) return;
        constexpr std::string_view field = "content-";
        const auto preamble = content_.substr(begin, end - begin);
        const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
        result_.hidden = result_.hidden || !std::ranges::search(preamble, field, same).empty();
    }

    void end_within(std::size_t level, std::size_t start)
    {
        end_header(start);
        while (!leaves_.empty() && leaves_.back().within > level) close_leaf(start);
        for (std::size_t inner = level + 1; inner < stack_.size(); ++inner)
            if (!stack_[inner].closed) result_.malformed = true;
        stack_.resize(level + 1);
        mode_ = Mode::body;
    }

    void begin_part(Multipart& multipart)
    {
        if (multipart.closed) result_.malformed = true;  // some programs read on behind the end, others stop
        multipart.closed = false;
        begin_entity(multipart.depth, multipart.digest);
    }

    void begin_entity(std::size_t depth, bool in_digest)
    {
        if (++entities_ > 2 * limits_.parts + limits_.depth || result_.parts.size() >= limits_.parts) {
            result_.too_many = stopped_ = true;
            return;
        }
        mode_ = Mode::header;
        fields_ = {};
        current_ = nullptr;
        depth_ = depth;
        in_digest_ = in_digest;
        first_line_ = true;
    }

    void read_header_line(std::string_view line, std::size_t start)
    {
        const bool first = std::exchange(first_line_, false);
        if (line.empty()) return begin_body(at_);
        if (line.front() == ' ' || line.front() == '\t') {
            if (current_)
                *current_ = {current_->data(), static_cast<std::size_t>(line.data() + line.size() - current_->data())};
            return;
        }
        current_ = nullptr;
        const auto colon = line.find(':');
        const auto name = trim(line.substr(0, colon == nowhere ? 0 : colon));
        if (name.empty() || name.find_first_of(" \t") != nowhere) {
            if (first && (line.starts_with("From ") || line.starts_with(">From "))) return;  // of an mbox
            result_.malformed = true;
            return begin_body(start);
        }
        keep(name, line.substr(colon + 1));
    }

    void keep(std::string_view name, std::string_view value)
    {
        std::string_view* place = iequals(name, "Content-Type")                ? &fields_.type
                                  : iequals(name, "Content-Disposition")       ? &fields_.disposition
                                  : iequals(name, "Content-Transfer-Encoding") ? &fields_.encoding
                                                                               : nullptr;
        if (!place) return;
        if (place->data()) {
            fields_.repeated = true;
            return;
        }
        *place = value;
        current_ = place;
    }

    // Where it ends without the empty line: an entity that is nothing but fields.
    void end_header(std::size_t offset)
    {
        while (mode_ == Mode::header && !stopped_) begin_body(offset);
    }

    void begin_body(std::size_t offset)
    {
        mode_ = Mode::body;
        auto values = read_content_fields(fields_, limits_.name);
        if (fields_.type.empty() && in_digest_) values.type = "message/rfc822";
        if (values.malformed) result_.malformed = true;
        if (values.type.starts_with("multipart/") && begin_multipart(values, offset)) return;
        if (!values.boundary.empty()) result_.hidden = true;
        const bool message = values.type == "message/rfc822" || values.type == "message/global";
        if (message && values.encoding != Part::Encoding::none) result_.malformed = true;
        if (message && values.encoding == Part::Encoding::none) {
            if (depth_ < limits_.depth) {
                if (!values.name.empty()) open_leaf(std::move(values), offset);
                return begin_entity(depth_ + 1, false);
            }
            result_.too_deep = true;
        }
        open_leaf(std::move(values), offset);
    }

    bool begin_multipart(ContentValues& values, std::size_t offset)
    {
        if (values.encoding != Part::Encoding::none) result_.malformed = true;
        if (values.boundary.empty()) {
            result_.malformed = true;
            return false;
        }
        if (depth_ >= limits_.depth) {
            result_.too_deep = true;
            return false;
        }
        for (const auto& open : stack_)
            if (open.boundary == values.boundary) result_.malformed = true;
        stack_.push_back({std::move(values.boundary), depth_ + 1, values.type == "multipart/digest", false, offset});
        return true;
    }

    void open_leaf(ContentValues values, std::size_t offset)
    {
        if (result_.parts.size() >= limits_.parts) {
            result_.too_many = stopped_ = true;
            return;
        }
        Part part;
        part.attachment = values.attached || !values.name.empty() || !values.type.starts_with("text/");
        part.type = std::move(values.type);
        part.name = std::move(values.name);
        part.charset = std::move(values.charset);
        part.depth = depth_;
        part.offset = std::min(offset, content_.size());
        part.encoding = values.encoding;
        leaves_.push_back({result_.parts.size(), stack_.size()});
        result_.parts.push_back(std::move(part));
    }

    void close_leaf(std::size_t end)
    {
        Part& part = result_.parts[leaves_.back().index];
        leaves_.pop_back();
        auto body = content_.substr(part.offset, end > part.offset ? end - part.offset : 0);
        if (end < content_.size()) body = without_line_end(body);  // the boundary's line begins with it
        part.length = body.size();
        measure(part, body);
        if (part.encoding == Part::Encoding::uuencode && part.name.empty()) name_by_beginning(part, body);
        const bool plain = part.encoding == Part::Encoding::none && part.type.starts_with("text/");
        if (plain) list_files_within(body, part.offset, part.depth);  // `part` is gone
    }

    void name_by_beginning(Part& part, std::string_view body) const
    {
        const auto files = uuencoded_files(body, 1);
        if (files.empty()) return;
        part.name = clean_name(files.front().name, limits_.name);
        part.attachment = true;
    }

    void list_files_within(std::string_view text, std::size_t offset, std::size_t depth)
    {
        const auto room = limits_.parts - std::min(limits_.parts, result_.parts.size());
        for (const auto& file : uuencoded_files(text, room + 1)) {
            if (result_.parts.size() >= limits_.parts) {
                result_.too_many = stopped_ = true;
                return;
            }
            Part part;
            part.type = "application/octet-stream";
            part.name = clean_name(file.name, limits_.name);
            part.attachment = true;
            part.depth = depth;
            part.offset = offset + file.offset;
            part.length = file.length;
            part.encoding = Part::Encoding::uuencode;
            measure(part, text.substr(file.offset, file.length));
            result_.parts.push_back(std::move(part));
        }
    }

    void measure(Part& part, std::string_view body)
    {
        if (part.encoding == Part::Encoding::none && !digests_) {
            part.size = body.size();
            return;
        }
        Sha256 digest;
        const bool clear = decode_body(body, part.encoding, [&](std::string_view bytes) {
            part.size += bytes.size();
            if (digests_) digest.add(bytes);
            return true;
        });
        if (!clear) result_.malformed = true;
        if (digests_) part.sha256 = digest.hexadecimal();
    }

    std::string_view content_;
    bool digests_;
    StructureLimits limits_;
    Structure result_;
    std::vector<Multipart> stack_;
    std::vector<Leaf> leaves_;  ///< begun and not ended
    std::size_t at_ = 0;
    std::size_t entities_ = 0;
    std::size_t depth_ = 0;
    Mode mode_ = Mode::header;
    ContentFields fields_;
    std::string_view* current_ = nullptr;  ///< the field that a folded line goes on with
    bool in_digest_ = false;
    bool first_line_ = true;
    bool stopped_ = false;
};

std::string_view body_of(std::string_view content, const Part& part)
{
    return part.offset <= content.size() ? content.substr(part.offset, part.length) : std::string_view{};
}

}  // namespace

Structure read_structure(std::string_view content, bool digests, const StructureLimits& limits)
{
    return Walk(content, digests, limits).run();
}

std::string decoded(std::string_view content, const Part& part, std::size_t at_most)
{
    std::string out;
    decode_body(body_of(content, part), part.encoding, [&](std::string_view bytes) {
        out.append(bytes.substr(0, at_most - out.size()));
        return out.size() < at_most;
    });
    return out;
}

std::string text_of(std::string_view content, const Part& part, std::size_t at_most)
{
    const std::string bytes = decoded(content, part, at_most);
    std::string text;
    if (part.charset.empty() || !append_converted(text, part.charset, bytes, Lines::keep))
        append_utf8(text, bytes, Lines::keep);
    if (text.size() > at_most) {
        while (at_most > 0 && (static_cast<unsigned char>(text[at_most]) & 0xc0) == 0x80) --at_most;
        text.resize(at_most);
    }
    return text;
}

}  // namespace postern::mail
