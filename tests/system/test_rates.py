"""Rates and permissions at RCPT: counted by message or recipient, given back for what did not happen, kept by a reload."""
import unittest

import harness  # noqa: F401
from harness import CommunityTest, make_message
from harness.case import CLERKS, CUSTODY_INSIDE, ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, OFFICE_INSIDE

LIMITS = """
message_size: 10 MiB
rates:
  - { name: one-sender, per: sender.address, allow: 3 per hour, over: defer }
"""
PERMISSIONS = """
mail:
  - name: no-custody
    when: { recipient.address: "custody@*", sender.organisation: greenstone }
    then: { refuse: "5.7.1 Only courts write to custody" }
"""


class Rates(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("limits.yaml", LIMITS)
        community.policy.write("permissions.yaml", PERMISSIONS)

    def test_over_the_rate_is_told_when_to_come_again_and_a_reload_forgets_nothing(self):
        for n in range(3):
            with self.community.client("crown-court") as client:
                client.mail(LISTING)
                self.assertReply(client.rcpt(ERIC_INSIDE), 250)  # not sent: given back
            content = make_message(LISTING, ERIC_INSIDE, f"Number {n}")
            self.assertReply(self.community.send("crown-court", LISTING, ERIC_INSIDE, content), 250)
        self.community.policy.edit("limits.yaml", "10 MiB", "9 MiB")
        self.community.reload()
        with self.community.client("crown-court") as client:
            client.mail(LISTING)
            self.assertReply(client.rcpt(ERIC_INSIDE), "450 4.7.1", "3 per hour")

    def test_who_may_not_write_is_told_the_declared_text(self):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            self.assertReply(client.rcpt(CUSTODY_INSIDE), "550 5.7.1", "Only courts write to custody")
            self.assertReply(client.rcpt(LISTING_INSIDE), 250)


class OtherRates(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write(
            "limits.yaml",
            "message_size: 10 MiB\nrates:\n"
            "  - { name: one-desk, per: recipient.address, allow: 2 per hour, over: defer }\n"
            "  - { name: one-member, per: sender.organisation, allow: 4 per hour, over: reject }\n",
        )
        community.policy.write("permissions.yaml", "dual_control: [release_quarantine]\n")

    def rcpts(self, organisation, sender, *recipients):
        """One message; the replies to its recipients, who get it if any may."""
        with self.community.client(organisation) as client:
            client.mail(sender)
            replies = [client.rcpt(recipient) for recipient in recipients]
            if any(reply.code == 250 for reply in replies):
                self.assertReply(client.data(make_message(sender, recipients[0], "Counted")), 250)
        return replies

    def test_a_recipient_and_an_organisation_have_counts_of_their_own(self):
        for _ in range(2):
            self.assertReply(self.rcpts("greenstone", ERIC, CUSTODY_INSIDE)[0], 250)
        over, other = self.rcpts("greenstone", ERIC, CUSTODY_INSIDE, LISTING_INSIDE)
        self.assertReply(over, "450 4.7.1", "2 per hour")
        self.assertReply(other, 250)
        self.assertReply(self.rcpts("crown-court", LISTING, CUSTODY_INSIDE)[0], "450 4.7.1")  # whoever writes
        self.assertReply(self.rcpts("greenstone", CLERKS, LISTING_INSIDE)[0], 250)
        self.assertReply(self.rcpts("greenstone", CLERKS, OFFICE_INSIDE)[0], "550 5.7.1", "4 per hour")
        self.assertReply(self.rcpts("crown-court", LISTING, OFFICE_INSIDE)[0], 250)


if __name__ == "__main__":
    unittest.main()
