#include "scan/worker.hpp"

#include "mail/mime_values.hpp"
#include "scan/sandbox.hpp"

#include <unistd.h>
#include <algorithm>
#include <exception>

namespace postern::scan {

namespace {

constexpr std::size_t most_of_a_type = 256 * 1024;  ///< libmagic needs a file's beginning
constexpr unsigned deepest_mail_file = 10;
constexpr std::uint64_t most_unpacked = 256ULL << 20;  ///< on the way to names
constexpr int stopped = 0;
constexpr int failed = 1;

// One message's look, part by part.
class Look {
public:
    Look(const Order& order, std::string_view message, const TypeDetector& types, const VirusEngine* engine,
         CleanParts& clean, VirusEngine::Moment until)
        : order_(order), message_(message), types_(types), engine_(engine), clean_(clean), until_(until)
    {
        limits_ = {most_members, most_member_bytes, most_unpacked};
        if (!order_.members && engine_) limits_ = {engine_->archive_files(), 0, engine_->archive_size(), false};
        limits_.until = until_;
    }

    Answer run()
    {
        answer_.id = order_.id;
        if (order_.viruses && !engine_) {
            answer_.failure = "there are no virus signatures";
            return std::move(answer_);
        }
        if (order_.viruses) answer_.inspection.signatures = engine_->version();
        seen().parts.resize(order_.pieces.size());
        for (std::size_t i = 0; i < order_.pieces.size() && answer_.failure.empty(); ++i) look_at(i);
        const bool as_mail = order_.doubtful || doubtful_ || has_old_encoding();
        if (order_.viruses && answer_.failure.empty()) scan(message_, as_mail, order_.pieces.size());
        return std::move(answer_);
    }

private:
    vocabulary::Inspection& seen() { return answer_.inspection; }

    // Files within a text, as mail carried them before MIME: libclamav's own mail parser knows where they begin.
    [[nodiscard]] bool has_old_encoding() const
    {
        return message_.find("\nbegin ") != std::string_view::npos || message_.find("BinHex") != std::string_view::npos;
    }

    // Well before the worker would be killed, and its message put off again and again.
    bool is_late()
    {
        if (std::chrono::steady_clock::now() < until_) return false;
        unscannable("time");
        return true;
    }

    void look_at(std::size_t index)
    {
        if (is_late()) return;
        const auto& piece = order_.pieces[index];
        std::string decoded;
        std::string_view bytes = message_.substr(piece.offset, piece.length);
        if (piece.encoding != mail::Part::Encoding::none) {
            const bool clear = mail::decode_body(bytes, piece.encoding, [&decoded](std::string_view more) {
                decoded += more;
                return true;
            });
            if (!clear) look_behind_padding(bytes, index);
            bytes = decoded;
            doubtful_ = doubtful_ || begins_like_mail(bytes) || is_binary_as_text(piece, bytes);
        }
        auto& part = seen().parts[index];
        if (order_.types) part.detected_type = types_.type_of(bytes.substr(0, most_of_a_type));
        if (looks_inside()) look_for_obstacles(bytes, index);
        if (order_.viruses) scan_part(bytes, index);
        if (looks_inside() && begins_like_mail(bytes)) look_into_mail_file(bytes, index, !was_walked(index), 0);
    }

    void look_behind_padding(std::string_view encoded, std::size_t index)
    {
        const auto bytes = mail::decode_behind_padding(encoded);
        if (looks_inside()) look_for_obstacles(bytes, index);
        if (order_.viruses) scan_part(bytes, index);
        if (looks_inside() && begins_like_mail(bytes)) look_into_mail_file(bytes, index, !was_walked(index), 0);
    }

    [[nodiscard]] bool looks_inside() const { return order_.members || order_.obstacles || order_.viruses; }

    void look_for_obstacles(std::string_view bytes, std::size_t index)
    {
        auto& part = seen().parts[index];
        if (order_.viruses) limits_.show_unread = [this, index](std::string_view file) { scan_part(file, index); };
        if (const auto ended = look_inside(bytes, limits_, part); !ended.empty()) unscannable(std::string(ended));
        if (part.encrypted) unscannable("encrypted");
        if (part.broken) unscannable("broken");
        if (part.macros) unscannable("macros");
    }

    // A mail file that is attached: what is in it, only a mail parser finds.
    [[nodiscard]] static bool begins_like_mail(std::string_view bytes)
    {
        const auto colon = bytes.find(':');
        const auto is_name = [](char c) { return c > ' ' && c < 0x7f; };
        return bytes.starts_with("From ") ||
               (colon > 0 && colon < 80 && std::ranges::all_of(bytes.substr(0, colon), is_name));
    }

    // Quoted-printable has no line ends of its own, and programs differ about those of a binary file.
    [[nodiscard]] static bool is_binary_as_text(const Order::Piece& piece, std::string_view bytes)
    {
        return piece.encoding == mail::Part::Encoding::quoted_printable && bytes.find('\0') != std::string_view::npos;
    }

    void scan_part(std::string_view bytes, std::size_t index)
    {
        if (is_late()) return;
        const auto digest = sha256(bytes);
        if (clean_.knows(digest)) return;
        if (scan(bytes, true, index)) clean_.add(digest);
    }

    // Whether there is nothing to say of it.
    bool scan(std::string_view bytes, bool mail, std::size_t index)
    {
        const auto finding = engine_->scan(bytes, mail, until_);
        if (!finding) {
            answer_.failure = finding.error().describe();
            return false;
        }
        for (const auto& name : finding->viruses) {
            const auto same = [&name](const auto& known) { return known.signature == name; };
            if (std::ranges::none_of(seen().viruses, same) && seen().viruses.size() < most_findings)
                seen().viruses.push_back({name, index});
        }
        for (const auto& reason : finding->unscannable) {
            unscannable(reason);
            if (index >= seen().parts.size()) continue;
            auto& part = seen().parts[index];
            part.encrypted = part.encrypted || reason == "encrypted";
            part.broken = part.broken || reason == "broken";
            part.macros = part.macros || reason == "macros";
        }
        return finding->viruses.empty() && finding->unscannable.empty();
    }

    // A mail file that is attached, whatever it says it is, and mail files attached to it. What is in them counts as
    // what is in an archive, where it is `unknown` yet.
    void look_into_mail_file(std::string_view mail, std::size_t index, bool unknown, unsigned depth)
    {
        if (depth >= deepest_mail_file) return unscannable("depth");
        if (is_late()) return;
        const auto structure = mail::read_structure(mail, false);
        for (const auto& part : structure.parts) {
            if (is_late()) return;
            if (unknown && !note_member(part.name, index)) return unscannable("files");
            const std::string bytes = mail::decoded(mail, part, mail.size());
            if (unknown) look_for_obstacles(bytes, index);
            if (order_.viruses) scan_part(bytes, index);
            if (part.encoding != mail::Part::Encoding::none && begins_like_mail(bytes))
                look_into_mail_file(bytes, index, unknown, depth + 1);
        }
    }

    /// Its parts are the message's own: the walk over that has been through it.
    [[nodiscard]] bool was_walked(std::size_t index) const
    {
        const auto& whole = order_.pieces[index];
        return std::ranges::any_of(order_.pieces, [&whole](const auto& piece) {
            return &piece != &whole && piece.offset >= whole.offset && piece.offset < whole.offset + whole.length;
        });
    }

    /// False: there are too many.
    bool note_member(const std::string& name, std::size_t index)
    {
        if (name.empty() || !order_.members) return true;
        if (limits_.members == 0 || limits_.name_bytes < name.size()) return false;
        limits_.members -= 1;
        limits_.name_bytes -= name.size();
        seen().parts[index].members.push_back(name);
        return true;
    }

    void unscannable(const std::string& reason)
    {
        if (std::ranges::find(seen().unscannable, reason) == seen().unscannable.end())
            seen().unscannable.push_back(reason);
    }

    const Order& order_;
    std::string_view message_;
    const TypeDetector& types_;
    const VirusEngine* engine_;
    CleanParts& clean_;
    VirusEngine::Moment until_;
    ArchiveLimits limits_;
    Answer answer_;
    bool doubtful_ = false;  ///< a part that libclamav's mail parser has to see
};

}  // namespace

Answer inspect(const Order& order, std::string_view message, const TypeDetector& types, const VirusEngine* engine,
               CleanParts& clean, VirusEngine::Moment until)
{
    return Look(order, message, types, engine, clean, until).run();
}

void run_worker(Descriptor socket, const Settings& settings, unsigned slot, const TypeDetector& types,
                VirusEngine* engine)
{
    try {
        const auto folder = slot_folder(settings, slot);
        if (engine) engine->use_folder(folder);
        confine_worker(settings, slot);
        Datagram datagram;
        CleanParts clean;
        while (receive_datagram(socket.get(), datagram) == Received::datagram) {
            const auto order = decode_order(datagram.bytes);
            if (!order) _exit(failed);
            const auto view = SealedView::open(datagram.passed.get(), order->size);
            if (!view) _exit(failed);
            allow_processor_time(settings.scanner.deadline);
            const auto until = std::chrono::steady_clock::now() + settings.scanner.deadline * 3 / 4;
            const auto answer = inspect(*order, view->bytes(), types, engine, clean, until);
            empty_slot(folder);
            if (!send_datagram(socket.get(), encode(answer))) _exit(failed);
        }
        _exit(stopped);
    } catch (const std::exception& error) {
        const auto text = std::string("postern-scan: a worker ends: ") + error.what() + "\n";
        static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
        _exit(failed);
    }
}

}  // namespace postern::scan
