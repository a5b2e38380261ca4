#include "store/workers.hpp"

namespace postern::store {

Result<std::unique_ptr<Readers>> open_readers(const std::filesystem::path& file, std::size_t count,
                                              const std::string& name)
{
    constexpr int cache_kib = 1024;
    std::vector<Database> connections;
    for (std::size_t i = 0; i < count; ++i) {
        auto connection = Database::open(file, {.access = Database::Access::read_only, .cache_kib = cache_kib});
        if (!connection) return std::unexpected(std::move(connection).error());
        connections.push_back(std::move(*connection));
    }
    return std::make_unique<Readers>(std::move(connections), name);
}

}  // namespace postern::store
