#include "mail/file_name.hpp"

#include <catch2/catch.hpp>

using postern::mail::stored_name;

TEST_CASE("a file's name is what Windows would store, and what a person would not see is gone")
{
    CHECK(stored_name("tool.exe") == "tool.exe");
    CHECK(stored_name("tool.exe. . ") == "tool.exe");
    CHECK(stored_name("tool.exe::$DATA") == "tool.exe");
    CHECK(stored_name("tool.exe.::$data ") == "tool.exe");
    CHECK(stored_name("tool.e\u200Bxe\uFEFF") == "tool.exe");
    CHECK(stored_name("invoice\u202Efdp.exe") == "invoicefdp.exe");
    CHECK(stored_name("ab\x7F\x01.pdf") == "ab.pdf");
    CHECK(stored_name("d\u00E9p\u00F4t \u20AC.pdf") == "d\u00E9p\u00F4t \u20AC.pdf");
    CHECK(stored_name("12:30 agenda.pdf") == "12:30 agenda.pdf");
    CHECK(stored_name("in/a.folder/tool.exe ") == "in/a.folder/tool.exe");
    CHECK(stored_name("::$DATA").empty());
    CHECK(stored_name("... ").empty());
}
