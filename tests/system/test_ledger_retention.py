"""What became of messages is known as long as permissions.yaml says: then it goes, but never what waits."""
import json
import time
import unittest

from harness import ERIC, LISTING_INSIDE, CommunityTest, make_message


class LedgerRetention(CommunityTest):
    def send(self, subject):
        self.assertReply(
            self.community.send("greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, subject)), 250
        )

    def keep(self, duration):
        """From the next start on: what is over goes then, and every hour."""
        self.community.stop()
        self.community.policy.write("permissions.yaml", f"ledger: {{ keep: {duration} }}\n")
        self.community.start()

    def test_old_mail_leaves_and_what_waits_stays(self):
        for number in range(4):
            self.send(f"Handed over {number}")
            self.arrives(self.court, f"Handed over {number}")
        self.court.stop()
        self.court.hang_up()
        self.send("Waits")
        self.send("Waits too, and is the newest")
        self.assertIn(LISTING_INSIDE, self.community.run("trace", "--from", "*").stdout)
        time.sleep(1.1)  # older than what is kept
        self.keep("1 second")
        deadline = time.monotonic() + 60
        while "ledger_retention" not in (audit := self.community.run("audit", "search").stdout):
            self.assertLess(time.monotonic(), deadline, audit)
            time.sleep(0.1)
        self.assertIn("4 messages from before", audit)
        traced = json.loads(self.community.run("trace", "--from", "*", "--json").stdout)["messages"]
        self.assertEqual({"queued"}, {one["state"] for trace in traced for one in trace["recipients"]})
        self.assertEqual(2, len(traced))
        self.court.start()
        self.community.run("queue", "retry", "--all")
        self.arrives(self.court, "Waits")


if __name__ == "__main__":
    unittest.main()
