#include "scan/archive_look.hpp"

#include "base/text.hpp"
#include "mail/file_name.hpp"
#include "scan/decompressed.hpp"
#include "scan/unread_archives.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace postern::scan {

namespace {

using std::string_view_literals::operator""sv;
using vocabulary::PartInspection;

constexpr std::size_t longest_name = 255;
constexpr std::size_t most_entries = 100'000;           ///< of a zip's directory
constexpr std::size_t longest_of_nothing = 300;         ///< bytes of an empty file, compressed, with its name
constexpr std::uint64_t most_of_a_document = 32 << 20;  ///< within an archive; of a larger one nothing is said

bool holds(std::string_view bytes, std::string_view what)
{
    return memmem(bytes.data(), bytes.size(), what.data(), what.size()) != nullptr;
}

std::string bounded(std::string name)
{
    if (name.size() <= longest_name) return name;
    // The end is what tells a file's kind.
    std::size_t start = name.size() - longest_name;
    while (start < name.size() && (static_cast<unsigned char>(name[start]) & 0xc0) == 0x80) ++start;
    return name.substr(start);
}

std::string member_name(archive_entry* entry)
{
    const char* raw = archive_entry_pathname_utf8(entry);
    if (!raw) raw = archive_entry_pathname(entry);
    return bounded(mail::stored_name(raw ? raw : ""));
}

// Formats that programs open by a click. Not mtree and raw, which take any text for theirs.
Reading archive_reader()
{
    Reading reading(archive_read_new());
    archive* handle = reading.get();
    for (const auto format :
         {archive_read_support_format_zip, archive_read_support_format_7zip, archive_read_support_format_rar,
          archive_read_support_format_rar5, archive_read_support_format_tar, archive_read_support_format_cab,
          archive_read_support_format_iso9660, archive_read_support_format_lha, archive_read_support_format_cpio,
          archive_read_support_format_ar, archive_read_support_format_xar})
        format(handle);
    return reading;
}

bool says_encrypted(archive* handle)
{
    const char* text = archive_error_string(handle);
    return text && (holds(text, "ncrypt") || holds(text, "assphrase"));
}

// Why it ends early. What is no archive at all, or one compressed file, is not broken.
void note_end(archive* handle, PartInspection& part)
{
    const char* text = archive_error_string(handle);
    if (text && holds(text, "nrecognized")) return;
    (part.encrypted || says_encrypted(handle) ? part.encrypted : part.broken) = true;
}

constexpr std::array archive_marks{
    "PK\x03\x04"sv,    "7z\xbc\xaf\x27\x1c"sv, "Rar!\x1a\x07"sv, "\x1f\x8b\x08"sv,     "BZh"sv,
    "\xfd\x37zXZ\0"sv, "MSCF\0\0\0\0"sv,       "xar!"sv,         "\x28\xb5\x2f\xfd"sv, "LZIP"sv,
    "0707"sv,          "!<arch>\n"sv,          "\x1f\x9d"sv,     "\x5d\0\0"sv,         "\x04\x22\x4d\x18"sv};
constexpr std::array document_marks{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "%PDF"sv};
/// OpenDocument says here which of its files are encrypted.
constexpr std::string_view manifest = "META-INF/manifest.xml";

bool has_at(std::string_view bytes, std::size_t offset, std::string_view mark)
{
    return bytes.size() > offset && bytes.substr(offset).starts_with(mark);
}

bool begins_like_an_archive(std::string_view bytes)
{
    return std::ranges::any_of(archive_marks, [&](std::string_view mark) { return bytes.starts_with(mark); }) ||
           has_at(bytes, 257, "ustar") || has_at(bytes, 2, "-lh") || has_at(bytes, 32769, "CD001");
}

bool is_macro_file(std::string_view name)
{
    constexpr std::string_view project = "vbaProject.bin", sheets = "xl/macrosheets/";
    return iequals(name.substr(name.size() - std::min(name.size(), project.size())), project) ||
           iequals(name.substr(0, sheets.size()), sheets) || iequals(name, "Basic/script-lc.xml");
}

// What is looked into within an archive.
enum class Worth { nothing, document, archive };

Worth worth_of(std::string_view beginning, std::string_view name)
{
    if (begins_like_an_archive(beginning)) return Worth::archive;
    const bool document = name == manifest || std::ranges::any_of(document_marks, [&](std::string_view mark) {
                              return beginning.starts_with(mark);
                          });
    return document ? Worth::document : Worth::nothing;
}

// One archive and what lies in it.
class ArchiveLook {
public:
    ArchiveLook(ArchiveLimits& limits, PartInspection& part, unsigned depth)
        : limits_(limits), part_(part), depth_(depth)
    {
    }

    Reason look(std::string_view bytes)
    {
        if (bytes.empty()) return {};
        Decompressed stream(bytes, limits_);
        if (stream.compressions() > 1) return limits_.names || stream.is_unread() ? Reason("depth") : Reason();
        if (stream.failed()) {
            // libarchive calls what it can't unpack at all no archive; so are other files that look compressed by
            // chance.
            if (bytes.size() > longest_of_nothing && begins_like_an_archive(bytes))
                part_.broken = true;
            else
                note_end(stream.handle(), part_);
            return {};
        }
        if (!stream.is_filtered()) return look_in_memory(bytes);
        if (stream.is_unread() && limits_.show_unread) return look_behind(stream);
        const auto ended = look_in_stream(stream);
        limits_.unpacked = std::min(limits_.unpacked, stream.left());
        return ended;
    }

private:
    /// A zip has its names in a directory, by which all are listed first: a file that can't be read hides none of the
    /// others. `contents`: then its files are looked into.
    enum class Walk { names, contents, stream };

    Reason look_in_memory(std::string_view bytes)
    {
        const auto before = part_.members.size();
        auto ended = walk_memory(bytes, Walk::names);
        if (!ended.empty() || !is_zip_) return ended;
        const auto directory = zip_directory(bytes, most_entries);
        unread_ = limits_.show_unread && std::ranges::any_of(directory, is_unread_entry);
        if (!add_names(directory, before)) return "files";
        return walk_memory(bytes, Walk::contents);
    }

    /// Each file of a zip has its name twice, and programs differ about which they go by. False: there are too many.
    bool add_names(const std::vector<ZipEntry>& directory, std::size_t first)
    {
        using Difference = std::vector<std::string>::difference_type;
        const std::set<std::string> known(part_.members.begin() + static_cast<Difference>(first), part_.members.end());
        return std::ranges::all_of(directory, [&](const ZipEntry& entry) {
            const auto name = bounded(mail::stored_name(entry.name));
            part_.macros = part_.macros || is_macro_file(name);
            return !limits_.names || known.contains(name) || note_name(name);
        });
    }

    Reason look_behind(Decompressed& stream)
    {
        const auto plain = stream.whole(room());
        if (stream.broken()) part_.broken = true;
        if (!stream.ended().empty()) return stream.ended();
        limits_.unpacked -= plain.size();
        limits_.show_unread(plain);
        look_into_document(plain, part_);
        return look_deeper(plain);
    }

    Reason walk_memory(std::string_view bytes, Walk kind)
    {
        const auto reading = archive_reader();
        if (archive_read_open_memory(reading.get(), bytes.data(), bytes.size()) == ARCHIVE_OK)
            return walk(reading.get(), kind, nullptr);
        note_end(reading.get(), part_);
        return {};
    }

    Reason look_in_stream(Decompressed& stream)
    {
        const auto reading = archive_reader();
        archive* handle = reading.get();
        Reason ended;
        if (archive_read_open2(handle, &stream, nullptr, Decompressed::read, nullptr, nullptr) == ARCHIVE_OK)
            ended = walk(handle, Walk::stream, &stream);
        else
            ended = end_of(handle, &stream);
        if (stream.broken()) part_.broken = true;
        return ended;
    }

    Reason end_of(archive* handle, const Decompressed* stream)
    {
        if (stream && !stream->ended().empty()) return stream->ended();
        note_end(handle, part_);
        return {};
    }

    Reason walk(archive* handle, Walk kind, const Decompressed* stream)
    {
        for (;;) {
            if (is_late(limits_)) return "time";
            archive_entry* entry = nullptr;
            int result = archive_read_next_header(handle, &entry);
            if (result == ARCHIVE_EOF) return {};
            if (result < ARCHIVE_WARN) return end_of(handle, stream);
            const auto name = member_name(entry);
            if (kind != Walk::contents && !note_member(entry, name)) return "files";
            const int format = archive_format(handle) & ARCHIVE_FORMAT_BASE_MASK;
            is_zip_ = kind == Walk::names && format == ARCHIVE_FORMAT_ZIP;
            const bool blind = kind == Walk::stream && format == ARCHIVE_FORMAT_ZIP;  // its directory is not seen
            if (limits_.show_unread && (blind || is_unread_format(format))) unread_ = true;
            if (is_zip_ || (kind == Walk::contents && archive_entry_is_encrypted(entry)))
                result = archive_read_data_skip(handle);
            else if (const auto ended = open_member(handle, name, kind == Walk::contents, result); !ended.empty())
                return ended;
            if (result == ARCHIVE_FATAL || (result < ARCHIVE_WARN && kind != Walk::contents))
                return end_of(handle, stream);
            if (archive_read_has_encrypted_entries(handle) == 1) part_.encrypted = true;
        }
    }

    /// False: there are too many.
    bool note_member(archive_entry* entry, const std::string& name)
    {
        if (archive_entry_is_encrypted(entry)) part_.encrypted = true;
        if (is_macro_file(name)) part_.macros = true;
        return note_name(name);
    }

    bool note_name(const std::string& name)
    {
        if (limits_.members == 0 || (limits_.names && limits_.name_bytes < longest_name)) return false;
        limits_.members -= 1;
        if (!limits_.names) return true;
        limits_.name_bytes -= name.size();
        part_.members.push_back(name);
        return true;
    }

    /// Over its data to the next header, and into it where it is an archive or a document. `jumps`: what is neither
    /// need not be unpacked. `result`: libarchive's last.
    Reason open_member(archive* handle, std::string_view name, bool jumps, int& result)
    {
        std::string held;
        auto worth = Worth::nothing;
        for (bool first = true;; first = false) {
            if (is_late(limits_)) return "time";
            const void* data = nullptr;
            std::size_t size = 0;
            la_int64_t offset = 0;
            result = archive_read_data_block(handle, &data, &size, &offset);
            if (result < ARCHIVE_WARN || result == ARCHIVE_EOF) break;
            const std::string_view block(static_cast<const char*>(data), size);
            if (first) worth = worth_of(block, name);
            if (worth == Worth::document && held.size() + size > std::min<std::uint64_t>(room(), most_of_a_document))
                worth = Worth::nothing;
            const bool too_large = held.size() + size > limits_.held;
            if (too_large && (unread_ || (worth == Worth::archive && limits_.names))) return "size";
            if (too_large) worth = Worth::nothing;
            if (worth == Worth::nothing && jumps && !unread_) {
                result = archive_read_data_skip(handle);
                return {};
            }
            if (size > limits_.unpacked) return "size";
            limits_.unpacked -= size;
            if (worth == Worth::nothing && !unread_)
                held.clear();
            else
                held += block;
            if (size == 0 && result == ARCHIVE_WARN) break;
        }
        if (result == ARCHIVE_EOF) result = ARCHIVE_OK;
        return look_within(held, name, worth);
    }

    [[nodiscard]] std::uint64_t room() const { return std::min<std::uint64_t>(limits_.held, limits_.unpacked); }

    Reason look_within(const std::string& held, std::string_view name, Worth worth)
    {
        if (held.empty()) return {};
        if (unread_) limits_.show_unread(held);
        if (name == manifest && holds(held, "encryption-data")) part_.encrypted = true;
        look_into_document(held, part_);
        return worth == Worth::archive ? look_deeper(held) : Reason();
    }

    Reason look_deeper(const std::string& held)
    {
        if (depth_ + 1 > limits_.depth) return limits_.names ? Reason("depth") : Reason();
        limits_.held -= held.size();
        const auto ended = ArchiveLook(limits_, part_, depth_ + 1).look(held);
        limits_.held += held.size();
        return ended;
    }

    ArchiveLimits& limits_;
    PartInspection& part_;
    unsigned depth_;
    bool is_zip_ = false;
    bool unread_ = false;  ///< libclamav does not open it
};

}  // namespace

std::string_view look_into_archive(std::string_view bytes, ArchiveLimits& limits, PartInspection& part)
{
    return ArchiveLook(limits, part, 1).look(bytes);
}

void look_into_document(std::string_view bytes, PartInspection& part)
{
    if (bytes.starts_with("%PDF") && holds(bytes, "/Encrypt")) part.encrypted = true;
    // Office's older container, and what it keeps in it by names in UTF-16.
    if (!bytes.starts_with("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv)) return;
    if (holds(bytes, "_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0"sv) || holds(bytes, "V\0B\0A\0\0\0"sv)) part.macros = true;
    if (holds(bytes, "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv)) part.encrypted = true;
}

}  // namespace postern::scan
