#include "policy/gateway_file.hpp"

#include "policy/file_reader.hpp"
#include "policy/keys.hpp"
#include "policy/readers.hpp"
#include "policy/yaml_reader.hpp"

namespace postern::policy {

namespace {

constexpr std::size_t largest_gateway_file = std::size_t{64} << 10;

Key key_of(const char* name, Form form)
{
    return {.name = name, .shape = {.form = form}, .description = {}};
}

}  // namespace

GatewayFile read_gateway_file(const std::filesystem::path& path)
{
    GatewayFile file;
    std::error_code none;
    if (!std::filesystem::exists(path, none)) return file;
    const auto name = path.string();
    const auto folder = std::filesystem::absolute(path).parent_path();
    const auto opened = Directory::open(folder.string());
    const auto content = opened ? opened->read(path.filename().string(), largest_gateway_file)
                                : Result<Directory::Content>(std::unexpected(opened.error()));
    if (!content) {
        file.diagnostics.push_back({.file = name, .what = content.error().detail(), .remedy = {}, .source_line = {}});
        return file;
    }
    Source source(name, content->bytes, file.diagnostics);
    const auto tree = read_yaml(source);
    if (!tree) return file;
    const Shape shape{.form = Form::map,
                      .keys = {key_of("address", Form::host_port), key_of("key", Form::path),
                               key_of("certificate", Form::path), key_of("authority", Form::path)}};
    check_shape(source, *tree, shape, {});
    const Values map(*tree);
    file.address = map.host_port("address");
    file.key = read_path(map, "key", folder, nullptr);
    file.certificate = read_path(map, "certificate", folder, nullptr);
    file.authority = read_path(map, "authority", folder, nullptr);
    return file;
}

}  // namespace postern::policy
