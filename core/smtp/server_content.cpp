// Content by DATA and BDAT: every byte that a client announced is consumed as content, whatever is answered.
#include "smtp/server_machine.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

namespace postern::smtp {

namespace {

using mail::Reply;

}  // namespace

/// The reason why a chunk cannot be part of a content now.
std::optional<Reply> ServerMachine::objection_to_bdat() const
{
    if (phase_ == Phase::refused) return Reply::of(503, {5, 1}, "This server does not talk to you; only QUIT is left");
    if (awaits_tls()) return Reply::of(530, {7, 0}, "Say STARTTLS first");
    if (!offered().chunking) return Reply::of(503, {5, 1}, "Say EHLO first");
    if (phase_ < Phase::mail) return Reply::of(503, {5, 1}, "Say MAIL first");
    if (phase_ == Phase::mail) return Reply::of(554, {5, 1}, "There are no valid recipients");
    if (phase_ == Phase::broken) return Reply::of(503, {5, 1}, "This message is refused already; say RSET");
    return std::nullopt;
}

std::optional<Event> ServerMachine::on_bdat(std::string_view argument)
{
    const auto chunk = parse_bdat(argument);
    if (!chunk) {
        error(Reply::from(chunk.error()));
        closing_ = true;  // how much content follows is unknown
        return std::nullopt;
    }
    chunk_ = *chunk;
    if (const auto objection = objection_to_bdat()) {
        skip_chunk(*objection, true);
        return std::nullopt;
    }
    if (phase_ == Phase::chunks) {
        begin_chunk();
        return std::nullopt;
    }
    chunked_ = true;
    pending_ = Pending::content_begins;
    return ContentBegins{true};
}

void ServerMachine::answer_content_begins(const Reply& reply)
{
    if (!reply.positive()) {
        if (!chunked_) return;
        phase_ = Phase::broken;
        skip_chunk(reply, false);
        return;
    }
    reader_.emplace(content_limits(), declared_size_.value_or(chunked_ ? chunk_.size : 0));
    if (chunked_) {
        phase_ = Phase::chunks;
        begin_chunk();
    } else {
        output_ += Reply::plain(354, "End the message with a line that holds a dot alone").wire();
        mode_ = Mode::data;
    }
}

void ServerMachine::begin_chunk()
{
    mode_ = Mode::chunk;
    const std::uint64_t room = size_limit_ - std::min(size_limit_, reader_->size());
    if (chunk_.size > room) reader_->refuse_size();
    if (chunk_.size == 0) ++idle_commands_;
}

/// Consumes a chunk that belongs to no content; `reply` comes behind it.
void ServerMachine::skip_chunk(const Reply& reply, bool error)
{
    mode_ = Mode::skip_chunk;
    after_chunk_ = reply;
    after_chunk_is_error_ = error;
}

/// Moves from `bytes` what belongs to the content.
void ServerMachine::feed_content(std::string_view& bytes)
{
    if (mode_ == Mode::data) {
        bytes.remove_prefix(reader_->feed_data(bytes));
        return;
    }
    const auto mine = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_.size, bytes.size()));
    reader_->feed_chunk(bytes.substr(0, mine));
    bytes.remove_prefix(mine);
    chunk_.size -= mine;
}

std::optional<Event> ServerMachine::next_in_data()
{
    std::string_view text = pending_input();
    feed_content(text);
    consumed_ = input_.size() - text.size();
    if (!reader_->ended()) return NeedInput{};
    return finish_content();
}

std::optional<Event> ServerMachine::next_in_chunk()
{
    std::string_view text = pending_input();
    feed_content(text);
    consumed_ = input_.size() - text.size();
    if (chunk_.size > 0) return NeedInput{};
    if (chunk_.last) reader_->end_chunks();
    if (chunk_.last || reader_->flaw()) return finish_content();
    mode_ = Mode::command;
    say(Reply::of(250, {0, 0}, fmt::format("Chunk taken, {} bytes", reader_->size())));
    return std::nullopt;
}

std::optional<Event> ServerMachine::next_in_skipped()
{
    const auto available = static_cast<std::uint64_t>(input_.size() - consumed_);
    const std::uint64_t skipped = std::min(chunk_.size, available);
    consumed_ += static_cast<std::size_t>(skipped);
    chunk_.size -= skipped;
    if (chunk_.size > 0) return NeedInput{};
    mode_ = Mode::command;
    const Reply reply = std::exchange(after_chunk_, std::nullopt).value();
    if (after_chunk_is_error_)
        error(reply);
    else
        say(reply);
    if (chunk_.last && phase_ == Phase::broken) end_transaction();
    return std::nullopt;
}

std::optional<Event> ServerMachine::finish_content()
{
    if (const auto& flaw = reader_->flaw()) {
        const bool size = flaw->kind == Flaw::Kind::over_size;
        return fail_content(size ? size_reply() : reply_for(*flaw, content_limits()));
    }
    Content content{reader_->take(), reader_->completed_last_line()};
    reader_.reset();
    mode_ = Mode::command;
    pending_ = Pending::content;
    return content;
}

Event ServerMachine::fail_content(const Reply& reply)
{
    say_idle(reply);
    const bool more_chunks = chunked_ && !chunk_.last;
    end_transaction();
    if (more_chunks) phase_ = Phase::broken;
    return ContentRefused{reply};
}

}  // namespace postern::smtp
