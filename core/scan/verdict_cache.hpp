// What the present signature set said of bytes that were looked into before: the same message to a second gateway hop,
// retried or released, costs a digest and no scan.
//
// Lives on the scanner's I/O context. Bounded by entries; the one that was not asked for longest goes first.
#pragma once

#include "scan/protocol.hpp"

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace postern::scan {

class VerdictCache {
public:
    explicit VerdictCache(std::size_t entries) : most_(entries) {}

    /// SHA-256 of the message with what is asked of it.
    [[nodiscard]] static std::string key(const Order& order, std::string_view message);
    /// Null where nothing is known; valid until the next call.
    [[nodiscard]] const vocabulary::Inspection* find(const std::string& key);
    /// Only small inspections that ended in time are kept: those that name many files are looked into again.
    void keep(const std::string& key, const vocabulary::Inspection& seen);
    /// Another set may say otherwise.
    void clear();

private:
    struct Entry {
        std::string key;
        vocabulary::Inspection seen;
    };
    std::size_t most_;
    std::list<Entry> entries_;  ///< asked for last, first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> places_;
};

}  // namespace postern::scan
