#include "base/fault.hpp"

namespace postern {

Fault&& Fault::tell_peer(int digits, Status status, std::string text) &&
{
    peer_ = std::make_shared<const PeerText>(PeerText{digits, status, std::move(text)});
    return std::move(*this);
}

Fault&& Fault::about(std::string object) &&
{
    object_ = std::move(object);
    return std::move(*this);
}

Fault&& Fault::because(Fault cause) &&
{
    cause_ = std::make_shared<const Fault>(std::move(cause));
    return std::move(*this);
}

PeerText Fault::peer() const
{
    if (peer_) return *peer_;
    if (retry_ == Retry::later) return {51, {3, 0}, "The service is not available at the moment; please try again"};
    return {54, {7, 1}, "This message is not accepted"};
}

std::string Fault::describe() const
{
    std::string text = object_.empty() ? detail_ : object_ + ": " + detail_;
    if (cause_) text += "; because " + cause_->describe();
    return text;
}

}  // namespace postern
