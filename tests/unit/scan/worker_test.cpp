#include "scan/worker.hpp"

#include "base/base64.hpp"
#include "looks.hpp"
#include "mail/mime.hpp"

#include <catch2/catch.hpp>

using namespace postern;
using namespace postern::scan;

namespace {

vocabulary::Scanner settings(const std::string& folder)
{
    vocabulary::Scanner scanner;
    scanner.signatures = folder;
    return scanner;
}

std::unique_ptr<VirusEngine> engine_with(const looks::Folder& folder)
{
    folder.write("set/test.ndb", looks::signatures());
    auto engine = VirusEngine::load(settings(folder.path("set")), folder.path());
    REQUIRE(engine.has_value());
    return std::move(*engine);
}

using Asked = void (*)(Order&);

void ask_for_everything(Order& order)
{
    order.types = order.members = order.viruses = true;
}

Answer look_at(const std::string& message, const VirusEngine* engine, CleanParts& clean, Asked ask = ask_for_everything,
               std::chrono::seconds patience = std::chrono::seconds{60})
{
    static const TypeDetector types;
    const auto structure = mail::read_structure(message, false);
    Order order;
    order.id = 3;
    order.size = message.size();
    ask(order);
    order.doubtful = structure.malformed;
    for (const auto& part : structure.parts) order.pieces.push_back({part.offset, part.length, part.encoding});
    return inspect(order, message, types, engine, clean, std::chrono::steady_clock::now() + patience);
}

Answer look_at(const std::string& message, const VirusEngine* engine)
{
    CleanParts clean;
    return look_at(message, engine, clean);
}

}  // namespace

TEST_CASE("a set that can't be used says why")
{
    const looks::Folder folder;
    const auto why = [&folder] {
        const auto engine = VirusEngine::load(settings(folder.path("set")), folder.path());
        REQUIRE_FALSE(engine.has_value());
        CHECK(engine.error().retry() == Retry::later);
        return engine.error().describe();
    };
    CHECK_THAT(why(), Catch::Contains(folder.path("set")));
    std::filesystem::create_directories(folder.path("set"));
    CHECK_THAT(why(), Catch::Contains("set: "));
    folder.write("set/test.ndb", "Other:0:*:" + looks::hexadecimal("nothing that is ever sent") + "\n");
    CHECK_THAT(why(), Catch::Contains("does not find the EICAR test file"));
    folder.write("set/test.ndb", looks::signatures("Wrong:0:*:" + looks::hexadecimal("The hearing is at ten") + "\n"));
    CHECK_THAT(why(), Catch::Contains("takes a harmless message for Wrong"));
    folder.write("set/test.ndb", "broken\n");
    CHECK_THAT(why(), Catch::Contains("alformed"));
}

TEST_CASE("a virus is found with its part, and a clean message passes")
{
    const looks::Folder folder;
    const auto engine = engine_with(folder);
    CHECK(engine->signatures() == 2);
    CHECK_THAT(engine->version(), Catch::StartsWith("2 signatures of 20"));

    auto answer = look_at("Subject: x\r\n\r\nHello\r\n", engine.get());
    CHECK(answer.failure.empty());
    CHECK(answer.inspection.viruses.empty());
    CHECK(answer.inspection.signatures == engine->version());

    answer = look_at("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n\r\n" +
                         looks::eicar() + "\r\n--b--\r\n",
                     engine.get());
    REQUIRE(answer.inspection.viruses.size() == 1);
    CHECK_THAT(answer.inspection.viruses[0].signature, Catch::StartsWith("Eicar-Test-Signature"));
    CHECK(answer.inspection.viruses[0].part == 1);
}

TEST_CASE("only a part of which there is nothing to say is remembered as clean")
{
    const looks::Folder folder;
    const auto engine = engine_with(folder);
    CleanParts clean;
    const auto locked =
        looks::archive_of({{"a.txt", "secret"}}, archive_write_set_format_zip, archive_write_add_filter_none, "x");
    const std::string words = "Good morning";
    const auto message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + words + "\r\n--b\r\n\r\n" +
                         looks::eicar() + "\r\n--b\r\nContent-Type: application/zip\r\n\r\n" + locked + "\r\n--b--\r\n";
    for (int time = 0; time < 2; ++time) {
        const auto answer = look_at(message, engine.get(), clean);
        REQUIRE(answer.inspection.viruses.size() == 1);
        CHECK(answer.inspection.viruses[0].part == 1);
        CHECK(answer.inspection.unscannable == std::vector<std::string>{"encrypted"});
        CHECK(clean.knows(sha256(words)));
        CHECK_FALSE(clean.knows(sha256(looks::eicar())));
        CHECK_FALSE(clean.knows(sha256(locked)));
    }
}

TEST_CASE("a virus in the header of a message with a known clean part is found")
{
    const looks::Folder folder;
    const auto engine = engine_with(folder);
    CleanParts clean;
    CHECK(look_at("Subject: x\r\n\r\nHello\r\n", engine.get(), clean).inspection.viruses.empty());
    const auto answer = look_at("Subject: POSTERN-HARMLESS-BUT-KNOWN\r\n\r\nHello\r\n", engine.get(), clean);
    REQUIRE(answer.inspection.viruses.size() == 1);
    CHECK_THAT(answer.inspection.viruses[0].signature, Catch::StartsWith("Postern.Test.Body"));
}

TEST_CASE("what is asked for again stays among the clean parts, the rest goes when there are too many")
{
    CleanParts clean(10);
    const auto part = [](int number) { return sha256(std::to_string(number)); };
    for (int number = 0; number < 100; ++number) {
        clean.add(part(number));
        CHECK(clean.knows(part(0)));
    }
    CHECK(clean.knows(part(99)));
    CHECK_FALSE(clean.knows(part(1)));
    CHECK_FALSE(clean.knows(part(70)));
}

TEST_CASE("an archive that ends within is broken, though no rule asks for names")
{
    const looks::Folder folder;
    const auto engine = engine_with(folder);
    CleanParts clean;
    const auto zip = looks::archive_of({{"a.txt", "first"}, {"b.txt", "second"}}, archive_write_set_format_zip);
    const auto ask = [](Order& order) { order.obstacles = order.viruses = true; };
    const std::string head = "Content-Type: application/zip\r\n\r\n";
    const auto broken = look_at(head + zip.substr(0, zip.size() / 2), engine.get(), clean, ask);
    CHECK(broken.inspection.unscannable == std::vector<std::string>{"broken"});
    CHECK(broken.inspection.parts.at(0).broken);
    const auto whole = look_at(head + zip, engine.get(), clean, ask);
    CHECK(whole.inspection.unscannable.empty());
    CHECK(whole.inspection.parts.at(0).members.empty());
}

TEST_CASE("base 64 with padding within is looked at as both kinds of programs read it")
{
    const looks::Folder folder;
    const auto engine = engine_with(folder);
    const auto virus = looks::eicar();
    const std::string head = "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    for (const auto& body : {to_base64(virus.substr(0, 20)) + "\r\n" + to_base64(virus.substr(20)),
                             "====\r\n" + to_base64(virus), to_base64(virus) + "==\r\nAAAA"}) {
        const auto answer = look_at(head + body + "\r\n", engine.get());
        CHECK(answer.inspection.viruses.size() == 1);
    }
}

TEST_CASE("what is not looked at in time is unscannable, however mail files lie within each other")
{
    const looks::Folder folder;
    const auto engine = engine_with(folder);
    CleanParts clean;
    std::string mail = "Subject: inside\r\n\r\nGood morning\r\n";
    for (int level = 0; level < 15; ++level)
        mail = "Content-Type: message/rfc822; name=" + std::to_string(level) + ".eml\r\n\r\n" + mail;
    const auto answer = look_at(mail, engine.get(), clean, ask_for_everything, std::chrono::seconds{0});
    CHECK(answer.failure.empty());
    CHECK(answer.inspection.unscannable == std::vector<std::string>{"time"});
}

TEST_CASE("a mail that was scanned as no mail is no clean file inside an archive")
{
    const looks::Folder folder;
    const auto engine = engine_with(folder);
    const std::string mail =
        "From: a@member.example\r\nTo: b@member.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n" +
        to_base64(looks::eicar()) + "\r\n--b--\r\n";
    const auto by_parts = engine->scan(mail, false, engine->give_up());
    REQUIRE(by_parts.has_value());
    CHECK(by_parts->viruses.empty());
    const auto zip = looks::archive_of({{"a.eml", mail}}, archive_write_set_format_zip);
    const auto inside = engine->scan(zip, true, engine->give_up());
    REQUIRE(inside.has_value());
    CHECK(inside->viruses.size() == 1);
}

TEST_CASE("what can't be opened is said, and what is asked without signatures fails")
{
    const looks::Folder folder;
    const auto engine = engine_with(folder);
    const auto locked =
        looks::archive_of({{"a.txt", "secret"}}, archive_write_set_format_zip, archive_write_add_filter_none, "x");
    const auto answer = look_at("Content-Type: application/zip\r\n\r\n" + locked, engine.get());
    CHECK(answer.inspection.viruses.empty());
    CHECK(answer.inspection.unscannable == std::vector<std::string>{"encrypted"});
    CHECK(answer.inspection.parts.at(0).encrypted);
    CHECK_FALSE(look_at("Subject: x\r\n\r\n", nullptr).failure.empty());
}

TEST_CASE("what would take longer than there is time is not scanned, and says so")
{
    looks::Folder folder;
    const auto engine = engine_with(folder);
    const auto finding =
        engine->scan("Good morning", false, std::chrono::steady_clock::now() - std::chrono::seconds{1});
    REQUIRE(finding.has_value());
    CHECK(finding->viruses.empty());
    CHECK(finding->unscannable == std::vector<std::string>{"time"});
    CHECK(engine->give_up() > std::chrono::steady_clock::now() + std::chrono::seconds{10});
}
