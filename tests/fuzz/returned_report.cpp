// room: report
//
// Reports from outside: nothing crashes, what is read is within its bounds, and reading again says the same.
#include "report/returned_report.hpp"

#include <cstdint>
#include <cstdlib>

using namespace postern;

namespace {

void must(bool holds)
{
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view content(reinterpret_cast<const char*>(data), size);
    const auto header = mail::Header::parse(content);
    if (!header) return 0;
    const auto got = report::read_returned_report(content, *header);
    if (!got || !*got) return 0;
    const report::ReturnedReport& read = **got;
    must(!read.fates.empty() && read.fates.size() <= report::most_reported);
    must(read.kind == report::ReturnedReport::Kind::delivery || read.fates.size() == 1);
    must(read.message_id.size() <= 998 && read.envelope_id.size() <= 998);
    must(read.returned_head.size() <= std::size_t{2} * 64 * 1024 + 2);
    for (const auto& fate : read.fates)
        must(fate.words.size() <= 400 && fate.final_recipient.size() <= report::longest_report);
    const auto again = report::read_returned_report(content, *header);
    must(again && *again && (*again)->fates.size() == read.fates.size() && (*again)->message_id == read.message_id);
    return 0;
}
