# builds: asan release
"""`postern health`: mail that the gateway sends to itself, and what is said when it does not come back."""
import json
import unittest

from harness import ERIC, LISTING_INSIDE, CommunityTest, make_message


class Health(CommunityTest):
    def health(self, *words):
        done = self.community.run("health", "--json", *words)
        return done.returncode, json.loads(done.stdout)

    def check(self, value, name):
        return next(c for c in value["checks"] if c["check"] == name)

    def test_a_gateway_that_works_says_so_and_leaves_nothing_behind(self):
        before = self.community.postern("status")["queue"]
        for _ in range(3):
            code, value = self.health()
            self.assertEqual(code, 0, value)
            self.assertTrue(value["healthy"])
            self.assertIn("came back", self.check(value, "mail")["text"])
        self.assertEqual(before["messages"], self.community.postern("status")["queue"]["messages"])
        self.assertEqual([], [t for t in self.community.trace() if "postern-health" in str(t)])
        self.assertEqual([], self.court.messages + self.police.messages + self.hosted.messages)

    def test_for_people_each_check_has_a_line(self):
        done = self.community.run("health")
        self.assertEqual(done.returncode, 0)
        for name in ("policy", "signatures", "storage", "mail"):
            self.assertIn(f"good {name}: ", done.stdout)
        self.assertTrue(done.stdout.endswith("healthy\n"))

    def test_nobody_else_sends_or_receives_the_gateways_own_mail(self):
        with self.community.client("greenstone") as client:
            probe = "postern-health-01arz3ndektsv4rrffq69g5fav@mx.cjsm.net"
            self.assertReply(client.command(f"MAIL FROM:<{probe}>"), 550)
        with self.community.client("greenstone") as client:
            client.command(f"MAIL FROM:<{ERIC}>")
            self.assertReply(client.command(f"RCPT TO:<{probe}>"), 550)
            self.assertReply(client.command(f"RCPT TO:<{LISTING_INSIDE}>"), 250)

    def test_a_patience_that_is_none_is_refused(self):
        self.assertNotEqual(self.community.run("health", "--patience", "1").returncode, 0)


class Unhealthy(CommunityTest):
    @classmethod
    def prepare(cls, community):
        # A listener that takes no connection from this machine: as good as none.
        community.write_node(limits="{ connections_per_address: 1 }")

    def test_mail_that_does_not_come_back_is_not_health_though_the_socket_is_open(self):
        with self.community.client("greenstone", source="127.0.0.1", hello=False):
            done = self.community.run("health", "--patience", "1s", "--json")
        self.assertEqual(done.returncode, 1)
        value = json.loads(done.stdout)
        self.assertFalse(value["healthy"])
        mail = next(c for c in value["checks"] if c["check"] == "mail")
        self.assertIn("did not come back", mail["text"])
        self.assertEqual(0, self.community.postern("status")["queue"]["messages"])


if __name__ == "__main__":
    unittest.main()
