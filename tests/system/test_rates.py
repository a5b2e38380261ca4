"""Rates and permissions at RCPT: counted by message or recipient, given back for what did not happen, kept by a reload."""
import unittest

import harness  # noqa: F401
from harness import CommunityTest, make_message
from harness.case import CLERKS, CUSTODY_INSIDE, ERIC, LISTING, LISTING_INSIDE, ERIC_INSIDE

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


if __name__ == "__main__":
    unittest.main()
