"""postern diff: what changes between two policies in words, and whose mail would fare differently."""
import json
import shutil
import unittest

from harness import ERIC, LISTING_INSIDE, CommunityTest, make_message
from harness.policy_text import Policy


class Diff(CommunityTest):
    def setUp(self):
        super().setUp()
        self.fresh = self.community.folder / "next"
        shutil.rmtree(self.fresh, ignore_errors=True)
        shutil.copytree(self.community.policy.folder, self.fresh)
        self.next = Policy(self.fresh)

    def diff(self, *arguments):
        done = self.community.run("diff", *arguments)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def test_nothing_changes_between_a_policy_and_its_copy(self):
        self.next.write("limits.yaml", "# a comment\n" + self.next.read("limits.yaml"))
        self.assertEqual("nothing changes\n", self.diff(self.community.policy.folder, self.fresh))

    def test_changes_are_told_with_values_and_places(self):
        self.next.set("limits.yaml", "message_size", "9 MiB")
        self.next.organisation("greenstone", "name", "Greenstone Court Chambers")
        told = self.diff(self.community.policy.folder, self.fresh)
        self.assertIn("~ limits.yaml: message_size 10 MiB -> 9 MiB   [limits.yaml:", told)
        self.assertIn("~ organisation greenstone: name Greenstone Chambers -> Greenstone Court Chambers", told)

    def test_generations_are_compared_with_directories(self):
        self.next.set("limits.yaml", "message_size", "9 MiB")
        told = self.diff(self.community.generation(), self.fresh)
        self.assertIn("message_size 10 MiB -> 9 MiB", told)

    def test_remembered_mail_is_replayed_through_both(self):
        content = make_message(ERIC, LISTING_INSIDE, "Replayed", b"Hello.\r\n")
        self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content), 250)
        self.arrives(self.court, "Replayed")
        self.next.write(
            "permissions.yaml",
            "mail:\n  - { name: closed, when: { recipient.organisation: crown-court }, then: refuse }\n",
        )
        told = self.diff(self.community.policy.folder, self.fresh, "--replay")
        self.assertIn("+ permissions.yaml", told)
        self.assertIn("1 would differ", told)
        self.assertIn("is  refuse by permissions.yaml closed", told)
        answer = json.loads(self.diff(self.community.policy.folder, self.fresh, "--replay", "--json"))
        self.assertEqual(LISTING_INSIDE, answer["replay"]["changes"][0]["recipient"])

    def test_a_policy_that_is_not_fit_is_said(self):
        self.next.write("limits.yaml", "message_size: much\n")
        done = self.community.run("diff", self.community.policy.folder, self.fresh, "--replay")
        self.assertEqual(1, done.returncode)
        self.assertIn("limits.yaml:1", done.stderr)


if __name__ == "__main__":
    unittest.main()
