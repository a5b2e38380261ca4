#include "scan/look_inside.hpp"

#include "base/text.hpp"
#include "mail/file_name.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <magic.h>
#include <cstring>
#include <stdexcept>

namespace postern::scan {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t longest_name = 255;

struct ReadFree {
    void operator()(archive* handle) const noexcept { archive_read_free(handle); }
};
using Reading = std::unique_ptr<archive, ReadFree>;

bool holds(std::string_view bytes, std::string_view what)
{
    return memmem(bytes.data(), bytes.size(), what.data(), what.size()) != nullptr;
}

std::string member_name(archive_entry* entry)
{
    const char* raw = archive_entry_pathname_utf8(entry);
    if (!raw) raw = archive_entry_pathname(entry);
    std::string name = mail::stored_name(raw ? raw : "");
    if (name.size() <= longest_name) return name;
    // The end is what tells a file's kind.
    std::size_t start = name.size() - longest_name;
    while (start < name.size() && (static_cast<unsigned char>(name[start]) & 0xc0) == 0x80) ++start;
    return name.substr(start);
}

// Formats that programs open by a click. Not mtree and raw, which take any text for theirs.
Reading archive_reader()
{
    Reading reading(archive_read_new());
    archive* handle = reading.get();
    archive_read_support_filter_all(handle);
    for (const auto format :
         {archive_read_support_format_zip, archive_read_support_format_7zip, archive_read_support_format_rar,
          archive_read_support_format_rar5, archive_read_support_format_tar, archive_read_support_format_cab,
          archive_read_support_format_iso9660, archive_read_support_format_lha, archive_read_support_format_cpio,
          archive_read_support_format_ar, archive_read_support_format_xar})
        format(handle);
    return reading;
}

constexpr int unpacked_enough = 1000;  ///< beside libarchive's own results

// Over the member's data to the next header. Zip has a directory to jump by; others have to be unpacked.
int skip_data(archive* handle, std::uint64_t& unpacked)
{
    if ((archive_format(handle) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP && archive_filter_count(handle) <= 1)
        return archive_read_data_skip(handle);
    for (;;) {
        const void* data = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int result = archive_read_data_block(handle, &data, &size, &offset);
        if (result == ARCHIVE_EOF) return ARCHIVE_OK;
        if (result != ARCHIVE_OK) return result;
        if (size > unpacked) return unpacked_enough;
        unpacked -= size;
    }
}

bool says_encrypted(archive* handle)
{
    const char* text = archive_error_string(handle);
    return text && (holds(text, "ncrypt") || holds(text, "assphrase"));
}

// Why it ends early. What is no archive at all, or one compressed file, is not broken.
void note_end(archive* handle, vocabulary::PartInspection& part)
{
    const char* text = archive_error_string(handle);
    if (text && holds(text, "nrecognized")) return;
    (part.encrypted || says_encrypted(handle) ? part.encrypted : part.broken) = true;
}

void note_member(archive_entry* entry, ArchiveLimits& limits, vocabulary::PartInspection& part)
{
    auto name = member_name(entry);
    if (archive_entry_is_encrypted(entry)) part.encrypted = true;
    if (iequals(name.substr(name.size() - std::min<std::size_t>(name.size(), 14)), "vbaProject.bin"))
        part.macros = true;
    limits.members -= 1;
    limits.name_bytes -= name.size();
    part.members.push_back(std::move(name));
}

bool list_members(std::string_view bytes, ArchiveLimits& limits, vocabulary::PartInspection& part)
{
    const auto reading = archive_reader();
    archive* handle = reading.get();
    if (archive_read_open_memory(handle, bytes.data(), bytes.size()) != ARCHIVE_OK) {
        note_end(handle, part);
        return true;
    }
    for (;;) {
        archive_entry* entry = nullptr;
        int result = archive_read_next_header(handle, &entry);
        if (result == ARCHIVE_EOF) return true;
        if (result < ARCHIVE_WARN) {
            note_end(handle, part);
            return true;
        }
        if (limits.members == 0 || limits.name_bytes < longest_name) return false;
        note_member(entry, limits, part);
        result = skip_data(handle, limits.unpacked);
        if (result == unpacked_enough) return false;
        if (result < ARCHIVE_WARN) {
            note_end(handle, part);
            return true;
        }
        if (archive_read_has_encrypted_entries(handle) == 1) part.encrypted = true;
    }
}

// Office's older container, and what it keeps in it by names in UTF-16.
void look_into_ole(std::string_view bytes, vocabulary::PartInspection& part)
{
    if (!bytes.starts_with("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv)) return;
    if (holds(bytes, "_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0"sv) || holds(bytes, "V\0B\0A\0\0\0"sv)) part.macros = true;
    if (holds(bytes, "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv)) part.encrypted = true;
}

}  // namespace

struct TypeDetector::Handle {
    magic_t magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_ERROR);
    ~Handle()
    {
        if (magic) magic_close(magic);
    }
};

TypeDetector::TypeDetector() : handle_(std::make_unique<Handle>())
{
    if (!handle_->magic || magic_load(handle_->magic, nullptr) != 0)
        throw std::runtime_error(std::string("libmagic can't read its database: ") +
                                 (handle_->magic ? magic_error(handle_->magic) : "no memory"));
}

TypeDetector::~TypeDetector() = default;

std::string TypeDetector::type_of(std::string_view bytes) const
{
    const char* found = magic_buffer(handle_->magic, bytes.data(), bytes.size());
    return found ? to_lower(printable(found, 200)) : "application/octet-stream";
}

bool look_inside(std::string_view bytes, ArchiveLimits& limits, vocabulary::PartInspection& part)
{
    look_into_ole(bytes, part);
    if (bytes.starts_with("%PDF") && holds(bytes, "/Encrypt")) part.encrypted = true;
    return list_members(bytes, limits, part);
}

}  // namespace postern::scan
