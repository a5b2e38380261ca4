#include "directory/audit_chain.hpp"

#include "base/digest.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace postern::directory {

namespace {

namespace json = boost::json;

constexpr std::string_view head_word = "postern-audit-head";
constexpr std::size_t hash_size = 32;
constexpr std::size_t most_problems = 20;

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT: as OpenSSL takes bytes
}

std::optional<std::string> from_hex(std::string_view text)
{
    if (text.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        unsigned value = 0;
        const auto [end, failed] = std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
        if (failed != std::errc{} || end != text.data() + i + 2) return std::nullopt;
        bytes += static_cast<char>(value);
    }
    return bytes;
}

std::string signed_text(const AuditHead& head)
{
    return fmt::format("{} 1 {} {} {} {}", head_word, head.node, head.number, head.at, to_hex(head.hash));
}

std::string text_in(BIO* bio)
{
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

FaultBuilder unusable(const std::filesystem::path& file, const std::string& why)
{
    return fault(Retry::later, "the audit's key can't be used: " + why).about(file.string());
}

KeyPtr read_key(const std::string& pem)
{
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free_all);
    return {PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

/// A new key as PEM, in the file before it is used.
Result<std::string> make_key(const std::filesystem::path& file)
{
    const KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
    const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free_all);
    if (!key || PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        return unusable(file, "OpenSSL makes no Ed25519 key");
    const auto pem = text_in(bio.get());
    const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return unusable(file, "it can't be written; is the folder the engine's?");
    const bool whole =
        write(descriptor, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()) && fsync(descriptor) == 0;
    close(descriptor);
    if (!whole) return unusable(file, "it can't be written; is the disk full?");
    return pem;
}

}  // namespace

std::string hash_of(std::string_view before, const AuditRecord& record)
{
    const json::array fields{record.number, to_micros(record.at), record.actor,   record.act,
                             record.target, record.organisation,  record.outcome, record.detail};
    return sha256_bytes(std::string(before) + json::serialize(fields));
}

std::string AuditHead::line() const
{
    return signed_text(*this) + " " + to_hex(signature);
}

std::optional<AuditHead> AuditHead::parse(std::string_view line)
{
    const auto begin = line.find(head_word);
    if (begin == std::string_view::npos) return std::nullopt;
    std::istringstream words{std::string(line.substr(begin))};
    std::string word, version, hash, signature;
    AuditHead head;
    if (!(words >> word >> version >> head.node >> head.number >> head.at >> hash >> signature)) return std::nullopt;
    if (const auto end = signature.find_first_not_of("0123456789abcdef"); end != std::string::npos)
        signature.resize(end);  // a quote of the log's JSON
    const auto hash_bytes = from_hex(hash);
    const auto signature_bytes = from_hex(signature);
    if (version != "1" || !hash_bytes || hash_bytes->size() != hash_size || !signature_bytes) return std::nullopt;
    head.hash = *hash_bytes;
    head.signature = *signature_bytes;
    return head;
}

Result<AuditKey> AuditKey::load_or_create(const std::filesystem::path& file)
{
    std::string pem;
    if (std::ifstream in(file, std::ios::binary); in) {
        std::ostringstream text;
        text << in.rdbuf();
        pem = text.str();
    } else if (std::filesystem::exists(file)) {
        return unusable(file, "it can't be read; is it the engine's?");
    } else {
        auto made = make_key(file);
        if (!made) return std::unexpected(made.error());
        pem = std::move(*made);
    }
    AuditKey key;
    auto read = read_key(pem);
    if (!read || EVP_PKEY_get_base_id(read.get()) != EVP_PKEY_ED25519)
        return unusable(file, "it is no Ed25519 key in PEM; move it away to have a new one made");
    const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free_all);
    if (PEM_write_bio_PUBKEY(bio.get(), read.get()) != 1) return unusable(file, "its public half can't be written");
    key.public_key_ = text_in(bio.get());
    key.key_ = std::shared_ptr<void>(read.release(), [](void* p) { EVP_PKEY_free(static_cast<EVP_PKEY*>(p)); });
    return key;
}

std::string AuditKey::sign(std::string_view text) const
{
    std::size_t size = 64;
    std::string signature(size, '\0');
    const ContextPtr context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    auto* out = reinterpret_cast<unsigned char*>(signature.data());  // NOLINT: as OpenSSL takes bytes
    if (!context ||
        EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, static_cast<EVP_PKEY*>(key_.get())) != 1 ||
        EVP_DigestSign(context.get(), out, &size, bytes_of(text), text.size()) != 1)
        throw std::runtime_error("OpenSSL does not sign by Ed25519");
    signature.resize(size);
    return signature;
}

AuditHead AuditKey::sign(std::string node, const AuditRecord& last, Instant at) const
{
    AuditHead head{std::move(node), last.number, to_iso8601(at), last.hash, {}};
    head.signature = sign(signed_text(head));
    return head;
}

bool is_signed_by(std::string_view text, std::string_view signature, const std::string& public_key)
{
    const BioPtr bio(BIO_new_mem_buf(public_key.data(), static_cast<int>(public_key.size())), BIO_free_all);
    const KeyPtr key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    const ContextPtr context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
}

bool is_signed_by(const AuditHead& head, const std::string& public_key)
{
    return is_signed_by(signed_text(head), head.signature, public_key);
}

std::string print_record(const AuditRecord& record)
{
    return json::serialize(json::object{{"number", record.number},
                                        {"at", to_iso8601(record.at)},
                                        {"micros", to_micros(record.at)},
                                        {"actor", record.actor},
                                        {"act", record.act},
                                        {"target", record.target},
                                        {"organisation", record.organisation},
                                        {"outcome", record.outcome},
                                        {"detail", record.detail},
                                        {"hash", to_hex(record.hash)}}) +
           "\n";
}

std::string print_export_start(const std::string& node, std::uint64_t after, std::string_view hash)
{
    return json::serialize(
               json::object{{"postern_audit", 1}, {"node", node}, {"after", after}, {"hash", to_hex(hash)}}) +
           "\n";
}

namespace {

AuditRecord record_in(const json::object& object)
{
    const auto text = [&](const char* name) { return std::string(object.at(name).as_string()); };
    AuditRecord record;
    record.number = object.at("number").to_number<std::uint64_t>();
    record.at = from_micros(object.at("micros").to_number<std::int64_t>());
    record.actor = text("actor");
    record.act = text("act");
    record.target = text("target");
    record.organisation = text("organisation");
    record.outcome = text("outcome");
    record.detail = text("detail");
    record.hash = from_hex(text("hash")).value_or("");
    return record;
}

/// Goes along an export, and remembers the hash at each number that a head names.
class Walk {
public:
    explicit Walk(std::map<std::uint64_t, std::string> wanted) : wanted_(std::move(wanted)) {}

    void line(std::string_view text, std::size_t number)
    {
        if (trim(text).empty()) return;
        try {
            const auto value = json::parse(json::string_view(text.data(), text.size()));
            const auto& object = value.as_object();
            if (object.contains("postern_audit"))
                start(object);
            else
                next(record_in(object));
        } catch (const std::exception&) {
            problem(fmt::format("line {} of the export is no record", number));
        }
    }

    AuditCheck check;
    std::map<std::uint64_t, std::string> found;  ///< hashes as they follow from the records

private:
    void problem(std::string what)
    {
        if (check.problems.size() < most_problems) check.problems.push_back(std::move(what));
    }

    void keep(std::uint64_t number, const std::string& hash)
    {
        if (wanted_.contains(number)) found[number] = hash;
    }

    void start(const json::object& object)
    {
        before_ = from_hex(std::string(object.at("hash").as_string())).value_or("");
        number_ = object.at("after").to_number<std::uint64_t>();
        started_ = true;
        keep(number_, before_);
    }

    void next(const AuditRecord& record)
    {
        if (!started_) {
            problem("the export does not say where it begins: its first line is missing");
            before_ = std::string(hash_size, '\0');
            number_ = record.number - 1;
            started_ = true;
        }
        if (record.number != number_ + 1)
            problem(fmt::format("after record {} comes {}: records are missing", number_, record.number));
        const auto due = hash_of(before_, record);
        if (due != record.hash)
            problem(fmt::format("record {} ({} by {}) does not fit its hash: it, or one before it, was changed",
                                record.number, printable(record.act, 60), printable(record.actor, 80)));
        if (check.records++ == 0) check.first = record.number;
        check.last = number_ = record.number;
        before_ = due;
        keep(number_, before_);
    }

    std::map<std::uint64_t, std::string> wanted_;
    std::string before_;
    std::uint64_t number_ = 0;
    bool started_ = false;
};

template <class Each>
void each_line(std::string_view text, Each each)
{
    std::size_t at = 0, number = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find('\n', at), text.size());
        each(text.substr(at, end - at), ++number);
        at = end + 1;
    }
}

}  // namespace

AuditCheck verify_export(std::string_view exported, std::string_view heads, const std::string& public_key)
{
    std::vector<AuditHead> signed_heads;
    std::vector<std::string> forged;
    std::map<std::uint64_t, std::string> wanted;
    each_line(heads, [&](std::string_view line, std::size_t number) {
        const auto head = AuditHead::parse(line);
        if (!head) return;
        if (!is_signed_by(*head, public_key)) {
            forged.push_back(fmt::format("line {} of the heads is not signed by that key", number));
            return;
        }
        wanted[head->number] = head->hash;
        signed_heads.push_back(*head);
    });
    if (!heads.empty() && signed_heads.empty() && forged.empty())
        forged.emplace_back("there is no signed head in what was given as heads");
    Walk walk(wanted);
    each_line(exported, [&](std::string_view line, std::size_t number) { walk.line(line, number); });
    auto check = std::move(walk.check);
    check.problems.insert(check.problems.end(), forged.begin(), forged.end());
    for (const auto& head : signed_heads) {
        const auto found = walk.found.find(head.number);
        if (found == walk.found.end()) {
            if (head.number > check.last)
                check.problems.push_back(
                    fmt::format("the head of {} names record {}, and the export ends at {}: records were cut off",
                                head.at, head.number, check.last));
            continue;  // before the export begins
        }
        ++check.heads;
        if (found->second != head.hash)
            check.problems.push_back(fmt::format(
                "the head of {} is not what the records lead to at {}: the chain was made anew", head.at, head.number));
    }
    return check;
}

}  // namespace postern::directory
