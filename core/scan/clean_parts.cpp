#include "scan/clean_parts.hpp"

#include <utility>

namespace postern::scan {

bool CleanParts::knows(const Digest& part)
{
    if (recent_.contains(part)) return true;
    if (!older_.contains(part)) return false;
    add(part);
    return true;
}

void CleanParts::add(const Digest& part)
{
    if (recent_.size() >= most_) {
        older_ = std::move(recent_);
        recent_.clear();
    }
    recent_.insert(part);
}

}  // namespace postern::scan
