#include "scan/look_inside.hpp"

#include "base/text.hpp"

#include <magic.h>
#include <stdexcept>
#include <string>

namespace postern::scan {

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

std::string_view look_inside(std::string_view bytes, ArchiveLimits& limits, vocabulary::PartInspection& part)
{
    look_into_document(bytes, part);
    return look_into_archive(bytes, limits, part);
}

}  // namespace postern::scan
