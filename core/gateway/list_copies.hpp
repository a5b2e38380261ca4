// The copy of a message that a list makes: for its members, each once, with the list's fields and its owner as envelope
// sender, so that bounces go there and never to whoever wrote.
//
// Each member passes the checks at RCPT and the content rules as if the writer had named them. Who is a recipient of
// the message already, or of another list of the same message that comes first, gets no second copy. Runs in the
// caller's coroutine; stores nothing: the copy is stored in the commit that says the list was expanded.
#pragma once

#include "gateway/generations.hpp"
#include "gateway/lists.hpp"
#include "gateway/recipients.hpp"
#include "gateway/sources.hpp"
#include "gateway/verdicts.hpp"
#include "store/mail_records.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

namespace postern::gateway {

struct ListCopy {
    std::optional<store::NewMessage> message;  ///< nothing: nobody is left to get it
    std::size_t members = 0;                   ///< who get it
    std::size_t left_out = 0;                  ///< not active, not permitted, refused by rules
};

class ListCopies {
public:
    explicit ListCopies(Sources sources) : sources_(sources), recipients_(sources), verdicts_(sources) {}

    /// `recipient` is the list's, of that message. Fault: never (gone, a loop), or later.
    [[nodiscard]] boost::asio::awaitable<Result<ListCopy>> make(GenerationPtr generation,
                                                                std::shared_ptr<const store::MessageRecord> message,
                                                                store::Content content,
                                                                store::RecipientRecord recipient);

private:
    template <class T>
    using Async = boost::asio::awaitable<T>;
    [[nodiscard]] Async<Result<vocabulary::DirectoryEntryPtr>> list_named(std::string hop_address);
    [[nodiscard]] Async<Result<std::set<std::string>>> served(const Transaction& transaction,
                                                              const mail::Header& header, const std::string& id,
                                                              const store::RecipientRecord& recipient);
    [[nodiscard]] Async<Result<void>> decide(const Transaction& transaction, const ListMember& member,
                                             mail::Address inside, const MessageView& view, Decided& decided,
                                             ListCopy& copy);

    Sources sources_;
    Recipients recipients_;
    Verdicts verdicts_;
};

}  // namespace postern::gateway
