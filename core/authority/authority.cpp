#include "authority/authority.hpp"

#include "authority/certificates.hpp"
#include "authority/files.hpp"
#include "authority/index.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <algorithm>
#include <array>

namespace postern::authority {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> uses{"client", "server", "both"};
constexpr mode_t secret = 0600;
constexpr mode_t open_to_all = 0644;

Instant whole_seconds(Instant at)
{
    return std::chrono::floor<std::chrono::seconds>(at);
}

/// A host name of letters, digits and hyphens, not an IP address; safe in a certificate and as a file's name.
bool is_host_name(std::string_view name)
{
    if (name.empty() || name.size() > 253) return false;
    std::size_t label = 0;
    bool digits_only = true;  // of the label at hand: a last label of digits would be an IP address
    char before = '.';
    for (const char c : name) {
        const bool digit = c >= '0' && c <= '9';
        const bool letter = c >= 'a' && c <= 'z';
        if (c == '.') {
            if (label == 0 || before == '-') return false;
            label = 0;
            digits_only = true;
        } else if (!(digit || letter || (c == '-' && label > 0)) || ++label > 63) {
            return false;
        } else {
            digits_only = digits_only && digit;
        }
        before = c;
    }
    return label > 0 && before != '-' && !digits_only;
}

Result<std::vector<std::string>> checked_names(const std::vector<std::string>& names)
{
    if (names.empty()) return fault(Retry::never, "a certificate needs at least one DNS name");
    std::vector<std::string> checked;
    for (const auto& name : names) {
        const std::string lower = to_lower(name);
        if (!is_host_name(lower))
            return fault(Retry::never, "is not a DNS name such as mail.greenstonechambers.co.uk")
                .about(printable(name));
        if (std::find(checked.begin(), checked.end(), lower) == checked.end()) checked.push_back(lower);
    }
    return checked;
}

Result<void> check_secret(const fs::path& path)
{
    struct stat facts {};
    if (::stat(path.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0)
        return fault(Retry::never, fmt::format("can be read by others (mode {:o}); chmod 600 it", facts.st_mode & 0777))
            .about(path.string());
    return {};
}

Result<void> make_folder(const fs::path& folder)
{
    std::error_code error;
    const bool made = fs::create_directories(folder, error);
    if (error) return fault(Retry::never, "cannot be created: " + error.message()).about(folder.string());
    if (made) fs::permissions(folder, fs::perms::owner_all, error);
    if (error) return fault(Retry::never, "cannot be closed to others: " + error.message()).about(folder.string());
    return {};
}

/// Puts the file's name in front of what is wrong with its content.
template <class T>
Result<T> about(Result<T> result, const fs::path& path)
{
    if (result || !result.error().object().empty()) return result;
    return std::unexpected(std::move(result.error()).about(path.string()));
}

}  // namespace

std::string_view name_of(Standing standing) noexcept
{
    static constexpr std::array<std::string_view, 3> names{"valid", "lapsed", "revoked"};
    return names[static_cast<std::size_t>(standing)];
}

std::string_view name_of(Use use) noexcept
{
    return uses[static_cast<std::size_t>(use)];
}

std::optional<Use> use_named(std::string_view name) noexcept
{
    for (std::size_t i = 0; i < uses.size(); ++i)
        if (uses[i] == name) return static_cast<Use>(i);
    return std::nullopt;
}

Standing standing(const Certificate& certificate, Instant now) noexcept
{
    if (certificate.revoked) return Standing::revoked;
    return now > certificate.not_after ? Standing::lapsed : Standing::valid;
}

const std::vector<std::string>& reasons()
{
    static const std::vector<std::string> all{"unspecified", "keyCompromise", "affiliationChanged", "superseded",
                                              "cessationOfOperation"};
    return all;
}

struct Authority::Impl {
    fs::path folder;
    const Clock& clock;
    FolderLock lock;
    Signer signer;
    Index index;
    std::string root_pem;
    Instant next_update{};

    [[nodiscard]] Result<void> load();
    [[nodiscard]] Result<void> load_list();
    [[nodiscard]] Result<void> save(Index changed);
    [[nodiscard]] Result<void> write_list();
};

Result<void> Authority::Impl::load()
{
    const auto key_text = read_file(folder / "ca.key");
    if (!key_text) return std::unexpected(key_text.error());
    auto certificate_text = read_file(folder / "ca.pem");
    if (!certificate_text) return std::unexpected(certificate_text.error());
    const auto index_text = read_file(folder / "index.json");
    if (!index_text) return std::unexpected(index_text.error());

    auto key = about(key_from_pem(*key_text), folder / "ca.key");
    if (!key) return std::unexpected(key.error());
    auto certificate = about(certificate_from_pem(*certificate_text), folder / "ca.pem");
    if (!certificate) return std::unexpected(certificate.error());
    auto read = about(parse_index(*index_text), folder / "index.json");
    if (!read) return std::unexpected(read.error());

    signer = Signer{std::move(*key), std::move(*certificate)};
    index = std::move(*read);
    root_pem = std::move(*certificate_text);
    return about(check_signer(signer), folder);
}

/// The list on disk, if it is the one that the index speaks of; else it is made anew: a crash came between the two.
Result<void> Authority::Impl::load_list()
{
    const auto list = read_file(folder / "crl.pem");
    const auto members = read_file(folder / "members.pem");
    if (list && members && *members == root_pem + *list) {
        const auto facts = read_list(*list, signer);
        if (facts && facts->number == index.list_number) {
            next_update = facts->next_update;
            return {};
        }
    }
    return write_list();
}

Result<void> Authority::Impl::write_list()
{
    const Instant now = clock.now();
    const auto list = make_list(signer, index.certificates, index.list_number, now);
    if (!list) return std::unexpected(list.error());
    if (auto done = replace_file(folder / "crl.pem", *list, open_to_all); !done) return done;
    if (auto done = replace_file(folder / "members.pem", root_pem + *list, open_to_all); !done) return done;
    next_update = whole_seconds(now + list_valid_for);
    return {};
}

/// The index first: what is on record and was not handed out does no harm, the other way round it could never be
/// revoked; and open() brings the list up to the index.
Result<void> Authority::Impl::save(Index changed)
{
    ++changed.list_number;
    if (auto done = replace_file(folder / "index.json", print_index(changed), secret); !done) return done;
    index = std::move(changed);
    return write_list();
}

Result<Authority> Authority::init(const fs::path& folder, const std::string& name, Duration valid_for,
                                  const Clock& clock)
{
    if (name.empty() || name.size() > 64 || !is_utf8(name) || printable(name) != name)
        return fault(Retry::never, "an authority's name has 1 to 64 bytes of printable text").about(printable(name));
    if (valid_for < std::chrono::days{1} || valid_for > std::chrono::days{365 * 50})
        return fault(Retry::never, "an authority is valid for 1 day to 50 years");
    if (auto made = make_folder(folder); !made) return std::unexpected(made.error());
    {
        const auto lock = FolderLock::take(folder);
        if (!lock) return std::unexpected(lock.error());
        for (const char* file : {"ca.key", "ca.pem", "index.json"})
            if (fs::exists(folder / file))
                return fault(Retry::never,
                             fmt::format("holds an authority already ({}), which is not overwritten", file))
                    .about(folder.string());
        const auto key = make_key();
        if (!key) return std::unexpected(key.error());
        const auto root = make_root(**key, name, clock.now(), valid_for);
        if (!root) return std::unexpected(root.error());
        const auto key_pem = to_pem(**key);
        const auto root_pem = to_pem(**root);
        if (!key_pem || !root_pem) return std::unexpected(key_pem ? root_pem.error() : key_pem.error());
        if (auto done = create_file(folder / "ca.key", *key_pem, secret); !done) return std::unexpected(done.error());
        if (auto done = create_file(folder / "ca.pem", *root_pem, open_to_all); !done)
            return std::unexpected(done.error());
        if (auto done = create_file(folder / "index.json", print_index({.list_number = 1, .certificates = {}}), secret);
            !done)
            return std::unexpected(done.error());
    }
    return open(folder, clock);
}

Result<Authority> Authority::open(const fs::path& folder, const Clock& clock)
{
    if (!fs::exists(folder / "ca.key"))
        return fault(Retry::never, "holds no authority; `postern ca init` makes one").about(folder.string());
    if (auto closed = check_secret(folder / "ca.key"); !closed) return std::unexpected(closed.error());
    auto lock = FolderLock::take(folder);
    if (!lock) return std::unexpected(lock.error());
    auto impl = std::make_unique<Impl>(Impl{folder, clock, std::move(*lock), {}, {}, {}, {}});
    if (auto loaded = impl->load(); !loaded) return std::unexpected(loaded.error());
    if (auto loaded = impl->load_list(); !loaded) return std::unexpected(loaded.error());
    return Authority(std::move(impl));
}

Result<Issued> Authority::issue(const Issue& order)
{
    auto names = checked_names(order.names);
    if (!names) return std::unexpected(names.error());
    const auto ends = not_after(*impl_->signer.certificate);
    if (!ends) return std::unexpected(ends.error());
    const Instant now = whole_seconds(impl_->clock.now());
    if (order.valid_for < std::chrono::hours{1})
        return fault(Retry::never, "a certificate is valid for an hour at least");
    if (now > *ends || order.valid_for > *ends - now)
        return fault(Retry::never,
                     fmt::format("the authority itself ends at {}; ask for a shorter time", to_iso8601(*ends)))
            .about(names->front());

    Issued issued{.certificate = {},
                  .key = order.out / (names->front() + ".key"),
                  .chain = order.out / (names->front() + ".pem")};
    for (const auto& file : {issued.key, issued.chain})
        if (fs::exists(file)) return fault(Retry::never, "exists already and is not overwritten").about(file.string());
    const auto serial = make_serial();
    const auto key = make_key();
    if (!serial || !key) return std::unexpected(serial ? key.error() : serial.error());
    issued.certificate = Certificate{.serial = *serial,
                                     .names = std::move(*names),
                                     .use = order.use,
                                     .not_before = now - backdated,
                                     .not_after = whole_seconds(now + order.valid_for),
                                     .sha256 = {},
                                     .revoked = {},
                                     .reason = {}};
    const auto leaf = make_leaf(impl_->signer, **key, issued.certificate);
    if (!leaf) return std::unexpected(leaf.error());
    const auto digest = fingerprint(**leaf);
    const auto key_pem = to_pem(**key);
    const auto leaf_pem = to_pem(**leaf);
    if (!digest || !key_pem || !leaf_pem) return fault(Retry::never, "the certificate could not be printed");
    issued.certificate.sha256 = *digest;

    Index changed = impl_->index;
    changed.certificates.push_back(issued.certificate);
    if (auto done = impl_->save(std::move(changed)); !done) return std::unexpected(done.error());
    if (auto done = create_file(issued.key, *key_pem, secret); !done) return std::unexpected(done.error());
    if (auto done = create_file(issued.chain, *leaf_pem + impl_->root_pem, open_to_all); !done)
        return std::unexpected(done.error());
    return issued;
}

const std::vector<Certificate>& Authority::list() const noexcept
{
    return impl_->index.certificates;
}

Result<std::vector<Certificate>> Authority::revoke(const std::string& serial_or_name, const std::string& reason)
{
    if (std::find(reasons().begin(), reasons().end(), reason) == reasons().end())
        return fault(Retry::never, fmt::format("is not a reason; one of {}", fmt::join(reasons(), ", ")))
            .about(printable(reason));
    const Instant now = whole_seconds(impl_->clock.now());
    Index changed = impl_->index;
    std::vector<Certificate> revoked;
    bool known = false;
    for (auto& certificate : changed.certificates) {
        const bool by_serial = iequals(certificate.serial, serial_or_name);
        const bool by_name = std::any_of(certificate.names.begin(), certificate.names.end(),
                                         [&](const std::string& name) { return iequals(name, serial_or_name); });
        known = known || by_serial || by_name;
        // A lapsed one proves nothing any more; by its serial it can still be put on record.
        const Standing stands = standing(certificate, now);
        if (!(by_serial || by_name) || stands == Standing::revoked || (by_name && stands == Standing::lapsed)) continue;
        certificate.revoked = now;
        certificate.reason = reason;
        revoked.push_back(certificate);
    }
    if (revoked.empty())
        return fault(Retry::never, known ? "is revoked or lapsed already" : "no certificate has that serial or name")
            .about(printable(serial_or_name));
    if (auto done = impl_->save(std::move(changed)); !done) return std::unexpected(done.error());
    return revoked;
}

Result<void> Authority::refresh()
{
    return impl_->save(impl_->index);
}

Instant Authority::refresh_before() const noexcept
{
    return impl_->next_update;
}

fs::path Authority::bundle() const
{
    return impl_->folder / "members.pem";
}

Authority::Authority(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Authority::Authority(Authority&&) noexcept = default;
Authority& Authority::operator=(Authority&&) noexcept = default;
Authority::~Authority() = default;

}  // namespace postern::authority
