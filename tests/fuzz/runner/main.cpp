// Feeds files to a fuzzer's entry point once each, with any compiler: how every build runs the committed seeds.
//
//   seed_NAME FILE-OR-DIRECTORY...
//
// One thread. A crash or a sanitizer's finding ends the program; the file being fed is named on standard error first.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// Returns false if the file can't be read.
bool feed(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) return false;
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    std::vector<std::uint8_t> input(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) input[i] = static_cast<std::uint8_t>(bytes[i]);
    std::cerr << "feeding " << path.string() << std::endl;
    LLVMFuzzerTestOneInput(input.data(), input.size());
    return true;
}

/// How many files were fed from a file or a tree; an unreadable one ends the program.
std::size_t feed_all(const std::filesystem::path& path)
{
    std::size_t fed = 0;
    if (!std::filesystem::is_directory(path)) return feed(path) ? 1 : 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file() && feed(entry.path())) ++fed;
    }
    return fed;
}

}  // namespace

int main(int argc, char** argv)
{
    std::size_t fed = 0;
    for (const char* argument : std::span(argv, static_cast<std::size_t>(argc)).subspan(1)) fed += feed_all(argument);
    std::cout << fed << " inputs" << std::endl;
    return fed > 0 ? 0 : 1;
}
