"""The quarantine as people use it: list, show, release, delete, two people, expiry, and a kill -9 in the middle."""
# builds: asan threads
import os
import unittest

import harness  # noqa: F401
from harness import CommunityTest, make_message, wait_until
from harness.case import CUSTODY_INSIDE, ERIC, LISTING_INSIDE

CONTENT = """
quarantine: { keep: 30 days }
rules:
  - name: marking
    when: { header.X-Marking: "secret*" }
    then: { quarantine: { reason: "marked above this service's level" } }
  - name: short
    when: { message.subject: "*short*" }
    then: { quarantine: { reason: "kept shortly", for: 1 second } }
  - name: green
    when: { message.subject: "*green*" }
    then: [ { notify: { to: [sender], text: "Green mail is looked at" } }, { quarantine: "green" } ]
  - name: blue
    when: { message.subject: "*blue*" }
    then: { reject: "5.7.1 Nothing blue" }
"""


class Quarantine(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("content.yaml", CONTENT)

    def kept(self, subject, recipients=LISTING_INSIDE, **more):
        """Sends a message that is quarantined for all, and gives its id."""
        content = make_message(ERIC, LISTING_INSIDE, subject, **({"X_Marking": "SECRET"} | more))
        reply = self.community.send("greenstone", ERIC, recipients, content)
        self.assertReply(reply, 250)
        return str(reply).split("Taken as ")[1].split()[0]

    def quarantine(self, *arguments):
        return self.community.postern("quarantine", *arguments)

    def ids(self):
        return [d["id"] for d in self.quarantine("list")["deliveries"]]

    def test_it_is_kept_told_listed_and_shown_without_its_content(self):
        id = self.kept("A secret plan")
        told = self.arrives(self.greenstone, "A secret plan")
        self.assertIn("has not been delivered", " ".join(told.content.decode().split()))
        self.assertIn(id, self.ids())
        self.assertNotIn(id, [d["id"] for d in self.community.queue()])
        shown = self.quarantine("show", id)
        self.assertEqual("A secret plan", shown["header"]["Subject"])
        self.assertEqual("marking", shown["deliveries"][0]["delivery"]["rule"])
        self.assertNotIn("content", shown)
        self.stays_away(self.court, "A secret plan")
        self.assertGreaterEqual(self.community.postern("status")["queue"]["quarantined"], 1)
        self.assertIn("postern_quarantine", self.community.metrics())

    def test_a_release_goes_to_its_recipients_once(self):
        id = self.kept("Harmless after all", [LISTING_INSIDE, CUSTODY_INSIDE])
        self.assertEqual(2, self.quarantine("release", id, "--reason", "looked at")["released"])
        self.arrives(self.court, "Harmless after all")
        self.arrives(self.police, "Harmless after all")
        self.assertEqual(0, self.quarantine("release", id)["released"])
        self.community.wait_empty()
        self.assertEqual(1, len([m for m in self.court.messages if "Harmless" in (m.header("Subject") or "")]))
        released = [e for e in self.community.trace(id)[0]["events"] if e["kind"] == "released"]
        self.assertEqual(2, len(released))
        self.assertEqual("looked at", released[0]["reply"])
        self.assertTrue(released[0]["actor"])

    def test_a_release_is_decided_again_but_for_the_one_verdict(self):
        id = self.kept("A blue plan")
        done = self.quarantine("release", id)
        self.assertEqual("refused", done["recipients"][0]["outcome"])
        self.assertIn("Nothing blue", done["recipients"][0]["reason"])
        self.arrives(self.greenstone, "Not delivered: A blue plan")
        self.stays_away(self.court, "A blue plan")

    def test_each_release_overrules_one_more_rule_until_it_goes_on(self):
        id = self.kept("A green plan")
        first = self.community.run("quarantine", "release", id)
        self.assertEqual(1, first.returncode, first.stdout)
        self.assertIn("still in quarantine: green", first.stderr)
        self.assertIn("green", self.quarantine("show", id)["deliveries"][0]["delivery"]["rule"])
        self.assertEqual(1, self.quarantine("release", id)["released"])
        self.arrives(self.court, "A green plan")
        self.assertEqual(["marking", "green"], self.community.trace(id)[0]["recipients"][0]["decision"]["overruled"])
        self.stays_away(self.greenstone, "Notice:", seconds=0.3)

    def test_what_is_deleted_is_gone_and_its_sender_is_told(self):
        id = self.kept("Never mind")
        self.assertEqual(1, self.quarantine("delete", id, "--reason", "not for here")["deleted"])
        notice = self.arrives(self.greenstone, "Not delivered: Never mind")
        self.assertIn("not released", " ".join(notice.content.decode().split()))
        self.assertNotIn(id, self.ids())
        self.assertEqual(1, self.community.run("quarantine", "show", id).returncode)
        self.assertIn("deleted", [e["kind"] for e in self.community.trace(id)[0]["events"]])

    def test_what_nobody_releases_ends_as_declared(self):
        id = self.kept("Kept short", X_Marking="none")
        notice = self.arrives(self.greenstone, "Not delivered: Kept short")
        self.assertIn("nobody released it", " ".join(notice.content.decode().split()))
        self.assertNotIn(id, self.ids())
        self.assertEqual("expired", self.community.trace(id)[0]["recipients"][0]["state"])

    def test_what_is_not_there_is_said(self):
        for command in ("show", "release", "delete"):
            done = self.community.run("quarantine", command, "01KB0000000000000000000000")
            self.assertEqual(1, done.returncode, command)
        self.assertIn("there is no message", self.community.run("quarantine", "release", "01KB0000000000000000000000").stderr)

    def test_a_kill_loses_nothing(self):
        id = self.kept("Killed")
        self.community.kill()
        self.community.start()
        self.assertIn(id, self.ids())
        self.assertEqual(1, self.quarantine("release", id)["released"])
        self.arrives(self.court, "Killed")


@unittest.skipUnless(os.geteuid() == 0, "only root can act as somebody else")
class TwoPeople(CommunityTest):
    """root and nobody, who is in the group that node.yaml names."""

    @classmethod
    def prepare(cls, community):
        community.policy.write("content.yaml", CONTENT)
        community.policy.write("permissions.yaml", "dual_control: [release_quarantine]\n")
        community.admit_nobody()

    def kept(self, subject, sender=ERIC, by="greenstone", recipient=LISTING_INSIDE):
        content = make_message(sender, recipient, subject, X_Marking="secret")
        return str(self.community.send(by, sender, recipient, content)).split("Taken as ")[1].split()[0]

    def as_nobody(self, *arguments):
        return self.community.as_nobody("quarantine", *arguments)

    def test_the_same_person_twice_is_one(self):
        id = self.kept("For two")
        asked = self.community.postern("quarantine", "release", id, "--reason", "harmless")
        self.assertTrue(asked["asked"])
        again = self.community.run("quarantine", "release", id)
        self.assertEqual(1, again.returncode)
        self.assertIn("a second person must release it", again.stderr)
        self.assertEqual(1, len(self.community.postern("quarantine", "show", id)["release_asked"]))
        self.stays_away(self.court, "For two", seconds=0.3)

    def test_a_second_person_lets_it_go(self):
        id = self.kept("Seen by two")
        self.assertTrue(self.community.postern("quarantine", "release", id, "--reason", "harmless")["asked"])
        released = self.as_nobody("release", id, "--reason", "I think so too")
        self.assertEqual(0, released.returncode, released.stderr)
        self.arrives(self.court, "Seen by two")
        events = self.community.trace(id)[0]["events"]
        self.assertEqual({"root", "nobody"}, {e["actor"] for e in events if e.get("actor")})

    def test_neither_sender_nor_recipient_has_a_say(self):
        sent = self.kept("From nobody", "nobody@crowncourt.example", "crown-court", f"{ERIC}.cjsm.net")
        received = self.kept("To nobody", recipient="nobody@crowncourt.example.cjsm.net")
        for id, role in ((sent, "the sender"), (received, "a recipient")):
            done = self.as_nobody("release", id)
            self.assertEqual(1, done.returncode, done.stdout)
            self.assertIn(f"you are {role} of this message", done.stderr)
            self.assertEqual([], self.community.postern("quarantine", "show", id)["release_asked"])


if __name__ == "__main__":
    unittest.main()
