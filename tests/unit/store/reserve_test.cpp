#include "fixture.hpp"

#include "store/reserve.hpp"

namespace postern::store::test {

namespace fs = std::filesystem;

TEST_CASE("a storage with room lays its reserve aside once, and has it at the next start")
{
    const TemporaryFolder folder;
    Reserve reserve(folder.path());
    CHECK(reserve.has_room_for_mail());
    CHECK_FALSE(reserve.is_laid_aside());
    reserve.lay_aside();
    CHECK(reserve.is_laid_aside());
    CHECK(fs::file_size(folder.path() / "reserve") == Reserve::size);
    Reserve next(folder.path());
    next.give_where_full();
    next.lay_aside();
    CHECK(next.is_laid_aside());
    CHECK(fs::file_size(folder.path() / "reserve") == Reserve::size);
}

TEST_CASE("a storage that does not answer is not taken for full")
{
    const Reserve reserve("/nowhere/at/all");
    CHECK(reserve.has_room_for_mail());
}

}  // namespace postern::store::test
