#include "mail/mime.hpp"

#include "mail/mime_values.hpp"

#include <catch2/catch.hpp>
#include <ctime>

using namespace postern::mail;

namespace {

// Lines end in LF here and in CRLF in the message.
std::string message(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

std::string multipart(std::string_view parts)
{
    return message(
               "From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b 1\"\n\nread by old "
               "programs\n") +
           message(parts);
}

Part attached(const std::string& fields)
{
    const auto content = multipart("--b 1\n" + fields + "\n\nx\n--b 1--\n");
    const auto structure = read_structure(content, false);
    REQUIRE(structure.parts.size() == 1);
    return structure.parts[0];
}

double seconds_for(const std::string& content, bool digests = true)
{
    const auto start = std::clock();
    const auto structure = read_structure(content, digests);
    CHECK(structure.parts.size() <= 1000);
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::string repeated(std::string_view piece, std::size_t bytes)
{
    std::string out;
    out.reserve(bytes + piece.size());
    while (out.size() < bytes) out += piece;
    return out;
}

// CPU seconds, generous enough for sanitizers on a busy machine; quadratic work would take minutes.
constexpr double patience = 5;

}  // namespace

TEST_CASE("a plain message is one part that begins behind its header", "[mime]")
{
    const auto content = message("From: a@example.org\n\nHello.\n");
    const auto structure = read_structure(content, true);
    REQUIRE(structure.parts.size() == 1);
    const auto& part = structure.parts[0];
    CHECK(part.type == "text/plain");
    CHECK_FALSE(part.attachment);
    CHECK(part.depth == 0);
    CHECK(content.substr(part.offset, part.length) == "Hello.\r\n");
    CHECK(part.size == 8);
    CHECK(part.sha256 == "c9942ad5cf308c19747d9e1673fa2b68c0801b599926fe6ffe196fc85cbeb7a0");
    CHECK_FALSE(structure.malformed);
}

TEST_CASE("attachments have name, type, size and digest of their decoded bytes", "[mime]")
{
    const auto content = multipart(
        "--b 1\nContent-Type: TEXT/Plain; charset=UTF-8\n\nSee attached.\n"
        "--b 1\nContent-Type: application/pdf; name=\"old.pdf\"\n"
        "Content-Disposition: attachment;\n filename=\"list.pdf\"\n"
        "Content-Transfer-Encoding: base64\n\nSGVsbG8g\nd29ybGQ=\n--b 1--\n");
    const auto structure = read_structure(content, true);
    REQUIRE(structure.parts.size() == 2);
    CHECK(structure.parts[0].charset == "utf-8");
    CHECK(structure.parts[0].size == 13);
    const auto& file = structure.parts[1];
    CHECK(file.name == "list.pdf");
    CHECK(file.type == "application/pdf");
    CHECK(file.attachment);
    CHECK(file.depth == 1);
    CHECK(file.size == 11);
    CHECK(file.sha256 == "64ec88ca00b268e5ba1a35678a1b5316d212f4f366b2477232534a8aeca37f3c");
    CHECK(decoded(content, file, 100) == "Hello world");
    CHECK(decoded(content, file, 4) == "Hell");
    CHECK_FALSE(structure.malformed);
}

TEST_CASE("files that stand within a text are attachments, and what only looks like their beginning is none", "[mime]")
{
    const std::string file = "begin 644 setup.exe\n+2&5L;&\\@=V]R;&0\n`\nend\n";
    const auto content =
        multipart("--b 1\n\nSee below.\n\n" + file + "\nRegards\n" + file + "--b 1\n\nbegin 644 of\nlower case\n" +
                  "begin it\n--b 1\nContent-Type: application/x\n\n" + file + "--b 1--\n");
    const auto structure = read_structure(content, true);
    REQUIRE(structure.parts.size() == 5);
    CHECK(structure.parts[0].name.empty());
    for (const std::size_t index : {1U, 2U}) {
        const auto& part = structure.parts[index];
        CHECK(part.name == "setup.exe");
        CHECK(part.attachment);
        CHECK(part.type == "application/octet-stream");
        CHECK(part.size == 11);
        CHECK(decoded(content, part, 100) == "Hello world");
        CHECK(part.sha256 == "64ec88ca00b268e5ba1a35678a1b5316d212f4f366b2477232534a8aeca37f3c");
    }
    CHECK(structure.parts[3].name.empty());
    CHECK(structure.parts[4].type == "application/x");

    const auto cut = message("Subject: x\n\nbegin 0644 ../a.exe\n+2&5L;&\\@=V]R;&0\n");
    const auto open = read_structure(cut, false);
    REQUIRE(open.parts.size() == 2);
    CHECK(open.parts[1].name == "a.exe");
    CHECK(decoded(cut, open.parts[1], 100) == "Hello world");

    const auto declared = message("Content-Type: x/y\nContent-Transfer-Encoding: x-uuencode\n\n" + file);
    const auto whole = read_structure(declared, false);
    REQUIRE(whole.parts.size() == 1);
    CHECK(whole.parts[0].name == "setup.exe");
    CHECK(decoded(declared, whole.parts[0], 100) == "Hello world");

    StructureLimits few;
    few.parts = 2;
    const auto many = read_structure(message("Subject: x\n\n" + file + file), false, few);
    CHECK(many.parts.size() == 2);
    CHECK(many.too_many);
}

TEST_CASE("file names are read in every form that mail programs write", "[mime]")
{
    CHECK(attached("Content-Disposition: attachment; filename*=UTF-8''r%C3%A9sum%C3%A9.doc").name == "résumé.doc");
    CHECK(
        attached("Content-Disposition: attachment; filename*0=\"setup\"; filename*1=\".e\"; filename*2=\"xe\"").name ==
        "setup.exe");
    CHECK(attached("Content-Disposition: attachment; filename*0*=UTF-8''caf%C3%A9; filename*1=\".exe\"").name ==
          "café.exe");
    CHECK(attached("Content-Type: application/x; name=\"=?utf-8?B?c2V0dXAuZXhl?=\"").name == "setup.exe");
    CHECK(attached("Content-Type: application/x; name==?iso-8859-1?Q?caf=E9.exe?=").name == "café.exe");
    CHECK(attached("Content-Disposition: attachment; filename=\"caf\xc3\xa9.exe\"").name == "café.exe");
    CHECK(attached("Content-Disposition: attachment; filename=set up.exe").name.ends_with("up.exe"));
    CHECK(attached("content-disposition : inline; FileName=a.exe").name == "a.exe");
}

TEST_CASE("a name is what a program would store, whatever tricks it plays", "[mime]")
{
    CHECK(attached("Content-Disposition: attachment; filename=\"../../etc/passwd\"").name == "passwd");
    CHECK(attached("Content-Disposition: attachment; filename=\"C:\\\\temp\\\\a.exe\"").name == "a.exe");
    CHECK(attached("Content-Disposition: attachment; filename=\"a.exe. . \"").name == "a.exe");
    CHECK(attached("Content-Disposition: attachment; filename=\"a.\x01\x07"
                   "exe\"")
              .name == "a.exe");
    CHECK(attached("Content-Disposition: attachment; filename=\"..\"").name.empty());
    const auto name = attached("Content-Disposition: attachment; filename=\"" + std::string(4000, 'a') + ".exe\"").name;
    CHECK(name.size() == 1000);
    CHECK(name.ends_with(".exe"));

    const std::string nul("Content-Disposition: attachment; filename=\"a.exe\0.txt\"", 53);
    const auto structure = read_structure(multipart("--b 1\n" + nul + "\n\nx\n--b 1--\n"), false);
    CHECK(structure.malformed);
}

TEST_CASE("a message within the message is walked into, and listed where it is a file", "[mime]")
{
    const auto content = multipart(
        "--b 1\nContent-Type: message/rfc822; name=\"found.eml\"\n\nSubject: inner\n"
        "Content-Type: multipart/alternative; boundary=i\n\n--i\n\none\n--i\nContent-Type: text/html\n\n<p>\n--i--\n"
        "--b 1\nContent-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: x\n\nthird\n--d--\n--b 1--\n");
    const auto structure = read_structure(content, false);
    REQUIRE(structure.parts.size() == 4);
    CHECK(structure.parts[0].type == "message/rfc822");
    CHECK(structure.parts[0].name == "found.eml");
    CHECK(decoded(content, structure.parts[0], 1000).ends_with("--i--"));
    CHECK(decoded(content, structure.parts[1], 1000) == "one");
    CHECK(structure.parts[2].type == "text/html");
    CHECK(structure.parts[2].depth == 3);
    CHECK(decoded(content, structure.parts[3], 1000) == "third");
    CHECK_FALSE(structure.malformed);
}

TEST_CASE("what programs read differently is called malformed", "[mime]")
{
    const auto malformed = [](const std::string& parts) { return read_structure(multipart(parts), false).malformed; };
    CHECK_FALSE(malformed("--b 1\n\nx\n--b 1--\nbehind the end\n"));
    CHECK(malformed("--b 1\n\nno end\n"));
    CHECK(malformed("--b 1\n\nx\n--b 1--\n--b 1\n\nbehind the end\n--b 1--\n"));
    CHECK(malformed("--b 1\n\nx\n--b 1 and more\n\ny\n--b 1--\n"));
    CHECK(malformed("--b 1\nContent-Type: text/plain\nContent-Type: text/html\n\nx\n--b 1--\n"));
    CHECK(malformed("--b 1\nContent-Type: multipart/mixed\n\nx\n--b 1--\n"));
    CHECK(malformed("--b 1\nContent-Type: multipart/mixed; boundary=\"b 1\"\n\n--b 1\n\nx\n--b 1--\n--b 1--\n"));
    CHECK(malformed("--b 1\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nx\n--b 1--\n"));
    CHECK(
        malformed("--b 1\nContent-Type: multipart/mixed; boundary=i\nContent-Transfer-Encoding: base64\n\n--i\n\nx\n"
                  "--i--\n--b 1--\n"));
    CHECK(malformed("--b 1\nContent-Transfer-Encoding: rot13\n\nx\n--b 1--\n"));
    CHECK(malformed("--b 1\nContent-Transfer-Encoding: base64\n\nSGVs=\nbG8=\n--b 1--\n"));
    CHECK(malformed("--b 1\nno field\n\nx\n--b 1--\n"));
    CHECK(malformed(
        "--b 1\nContent-Type: a/b; name=x.txt\nContent-Disposition: attachment; filename=x.exe\n\nx\n--b 1--\n"));
}

TEST_CASE("parts behind the end and after a broken boundary are listed all the same", "[mime]")
{
    const auto content =
        multipart("--b 1\n\nx\n--b 1--\n--b 1\nContent-Disposition: attachment; filename=a.exe\n\ny\n");
    const auto structure = read_structure(content, false);
    REQUIRE(structure.parts.size() == 2);
    CHECK(structure.parts[1].name == "a.exe");
}

TEST_CASE("depth and number of parts are bounded, and said", "[mime]")
{
    std::string deep;
    for (int i = 0; i < 30; ++i)
        deep += "Content-Type: multipart/mixed; boundary=n" + std::to_string(i) + "\n\n--n" + std::to_string(i) + "\n";
    auto structure = read_structure(message(deep + "\nx\n"), false);
    CHECK(structure.too_deep);
    CHECK(structure.parts.size() == 1);
    CHECK(structure.parts[0].depth == 20);

    structure = read_structure(multipart(repeated("--b 1\n\nx\n", 90'000)), false);
    CHECK(structure.too_many);
    CHECK(structure.parts.size() == 1000);
    CHECK(read_structure(multipart(repeated("--b 1\nContent-Type: multipart/mixed; boundary=i\n\n", 900'000)), false)
              .too_many);
}

TEST_CASE("parts that only some programs would see are said, and a plain preamble is none", "[mime]")
{
    const auto hides = [](std::string_view text) { return read_structure(message(text), false).hidden; };
    const std::string fields = "content-Transfer-Encoding: base64\n\nQUJD\n";
    CHECK(hides("Content-Type: multipart/mixed; boundary=b\n\n" + fields + "--b\n\nhi\n--b--\n"));
    CHECK_FALSE(hides("Content-Type: multipart/mixed; boundary=b\n\nfor old programs\n--b\n" + fields + "--b--\n"));
    CHECK(hides("Content-Type: text/plain; boundary=b\n\n--b\n" + fields + "--b--\n"));
    CHECK_FALSE(hides("Content-Type: text/plain\n\n" + fields));
    CHECK(hides("Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n" +
                fields + "--b\n\nhi\n--b--\n--a--\n"));
}

TEST_CASE("base 64 is read on behind padding", "[mime]")
{
    CHECK(decode_behind_padding("QQ==\r\nQkM=RA==") == "ABCD");
    CHECK(decode_behind_padding("====\r\nQUJD") == "ABC");
    CHECK(decode_behind_padding("==").empty());
    CHECK(decode_behind_padding("QUJD") == "ABC");
}

TEST_CASE("10 MiB of anything is read in linear time", "[mime]")
{
    constexpr std::size_t mib = 10 << 20;
    std::string nested = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    CHECK(seconds_for(nested + repeated("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", mib)) < patience);
    CHECK(seconds_for(nested + repeated("--b\r\n", mib)) < patience);
    CHECK(seconds_for(nested + repeated("--\r\n", mib)) < patience);
    CHECK(seconds_for(nested + repeated("--b\r\nContent-Type: message/rfc822; name=a.eml\r\n\r\n", mib)) < patience);
    CHECK(seconds_for(repeated("Content-Type: message/rfc822; name=a.eml\r\n\r\n", mib)) < patience);
    CHECK(seconds_for(nested + "--b\r\n" + repeated("Content-Type: text/plain\r\n", mib)) < patience);
    CHECK(seconds_for(nested + "--b\r\nContent-Type: text/plain" + repeated("; a*0*=x;\r\n a*1*=%", mib)) < patience);
    CHECK(seconds_for("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                      repeated("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n",
                               mib)) < patience);
    CHECK(seconds_for("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + repeated("--b--\r\n", mib)) < patience);
    std::string alike = "Content-Type: multipart/mixed; boundary=" + std::string(7000, 'x') + "0\r\n\r\n";
    for (int i = 1; i < 20; ++i)
        alike += "--" + std::string(7000, 'x') + std::to_string(i - 1) +
                 "\r\nContent-Type: multipart/mixed; boundary=" + std::string(7000, 'x') + std::to_string(i) +
                 "\r\n\r\n";
    CHECK(seconds_for(alike + repeated("--" + std::string(7000, 'x') + "\r\n", mib)) < patience);
}

TEST_CASE("text is UTF-8 whatever its charset says", "[mime]")
{
    const auto text = [](std::string_view type, std::string_view body) {
        const auto content = message("Content-Type: " + std::string(type) + "\n\n" + std::string(body));
        return text_of(content, read_structure(content, false).parts.at(0), 100);
    };
    CHECK(text("text/plain; charset=iso-8859-1", "caf\xe9\nbar") == "café\nbar");
    CHECK(text("text/plain; charset=windows-1252", "\x80") == "€");
    CHECK(text("text/plain; charset=nonsense", "caf\xe9") == "caf\xef\xbf\xbd");
    CHECK(text("text/plain", "café") == "café");
    CHECK(text("text/plain", std::string(99, 'a') + "é") == std::string(99, 'a'));
}
