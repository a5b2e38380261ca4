// The gateway as the alerts engine sees it: who is inside, what is in force, and mail about an alert made ready.
//
// Called on the engine's thread.
#pragma once

#include "alert/house.hpp"
#include "gateway/services.hpp"

namespace postern::gateway {

class AlertHouse final : public alert::House {
public:
    explicit AlertHouse(Services services) : services_(services) {}

    [[nodiscard]] std::optional<mail::Address> inside(const mail::Address& address) const override;
    [[nodiscard]] std::vector<mail::Address> administrators(std::string_view organisation) const override;
    [[nodiscard]] std::vector<std::string> non_secure(std::string_view organisation) const override;
    [[nodiscard]] alert::Present present() const override;
    [[nodiscard]] boost::asio::awaitable<Result<store::NewMessage>> letter(alert::Present present,
                                                                           alert::Letter letter) override;
    void mail_waits() override;
    [[nodiscard]] boost::asio::awaitable<std::string> non_secure_of(mail::Address person) override;
    [[nodiscard]] boost::asio::awaitable<Result<std::vector<alert::Person>>> people() override;

private:
    [[nodiscard]] Result<store::NewMessage> outside_letter(const alert::Present& present, const alert::Letter& letter,
                                                           Instant now) const;

    Services services_;
};

}  // namespace postern::gateway
