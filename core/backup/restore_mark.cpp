#include "backup/restore_mark.hpp"

#include "backup/files.hpp"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

namespace postern::backup {

namespace fs = std::filesystem;
namespace json = boost::json;

Fault trouble(const fs::path& path, std::string_view operation)
{
    return fault(Retry::later, fmt::format("{}: {}", operation, std::generic_category().message(errno)))
        .about(path.string());
}

Fault trouble(const fs::filesystem_error& error)
{
    return fault(Retry::later, error.code().message()).about(error.path1().string());
}

Result<RestoreMark> read_mark(const fs::path& policy)
{
    const auto file = policy / mark_name;
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    boost::system::error_code failed;
    const auto value = json::parse(text.str(), failed);
    const auto* object = failed ? nullptr : value.if_object();
    const auto* storage = object ? object->if_contains("storage") : nullptr;
    const auto* aside = object ? object->if_contains("aside") : nullptr;
    if (!storage || !storage->is_string() || !aside || !aside->is_string())
        return fault(Retry::never, "says that a restore is under way, and not of what; remove it, and restore again")
            .about(file.string());
    RestoreMark mark;
    mark.storage = std::string(storage->get_string());
    mark.aside = aside->get_string();
    if (const auto* outside = object->if_contains("outside"); outside && outside->is_array())
        for (const auto& name : outside->get_array())
            if (name.is_string()) mark.outside.emplace_back(name.get_string());
    return mark;
}

Result<void> write_mark(const fs::path& policy, const RestoreMark& mark)
{
    const auto file = policy / mark_name;
    const auto fresh = fs::path(file.string() + ".new");
    fs::remove(fresh);  // never through a link
    {
        std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
        out << json::serialize(json::object{
            {"storage", mark.storage.string()}, {"aside", mark.aside}, {"outside", json::value_from(mark.outside)}});
        out.close();
        if (!out) return std::unexpected(trouble(fresh, "can't be written"));
    }
    sync_file(fresh);
    fs::rename(fresh, file);
    sync_folder(policy);
    return {};
}

}  // namespace postern::backup
