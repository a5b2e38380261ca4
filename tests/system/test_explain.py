"""postern explain says beforehand what the gateway does, and postern trace says the same afterwards."""
import json
import subprocess
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING_INSIDE, OFFICE_INSIDE, CommunityTest, make_message

CONTENT = """rules:
  - name: no-programs
    when: { attachment.name: ["*.exe", "*.scr"] }
    then: { reject: "5.7.1 Attachment ${attachment.name} is of a kind this service does not carry" }
  - name: secrets-wait
    when: { message.subject: "*secret*" }
    then: { quarantine: "marked secret" }
  - name: marked
    when: { header.X-Marking: restricted }
    then: { add_header: { X-Checked: "yes" } }
record: [message.subject, header.X-Marking]
"""
PROGRAM = (
    f"From: Eric Brown <{ERIC}>\nTo: {LISTING_INSIDE}\nSubject: Setup\nMessage-ID: <setup@example.org>\n"
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHere.\n"
    '--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename="setup.exe"\n'
    "Content-Transfer-Encoding: base64\n\nTVo=\n--b--\n"
)


class Explain(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("content.yaml", CONTENT)

    def explain(self, message, *arguments, text=None):
        file = self.community.folder / "message.eml"
        file.write_text(message)
        return subprocess.run(
            [
                str(self.community.bin / "postern"),
                "--socket",
                str(self.community.socket),
                "explain",
                "-" if text else str(file),
                "--policy",
                str(self.community.policy.folder),
                *arguments,
            ],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def explained(self, message, *arguments):
        done = self.explain(message, "--json", *arguments)
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def plain(self, subject="Hearing", more=""):
        return (
            f"From: {ERIC}\nTo: {LISTING_INSIDE}\nSubject: {subject}\nMessage-ID: <{subject.lower()}@example.org>\n{more}"
            "\nHello.\n"
        )

    def test_every_rule_is_printed_with_its_clauses_and_what_they_saw(self):
        done = self.explain(PROGRAM, "--from", ERIC, "--to", LISTING_INSIDE)
        self.assertEqual(0, done.returncode, done.stderr)
        for fragment in (
            "reject, by content.yaml:2 no-programs",
            "Attachment setup.exe is of a kind this service does not carry",
            "attachment.name",
            "setup.exe",
            "content.yaml:3:",
            "secrets-wait",
        ):
            self.assertIn(fragment, done.stdout)
        self.assertLessEqual(max(len(line) for line in done.stdout.splitlines()), 130)

    def test_what_was_not_said_is_taken_from_the_message_and_told(self):
        done = self.explain("", text=self.plain())
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("--from was not given", done.stdout)
        self.assertIn("--to was not given", done.stdout)
        self.assertIn(f"<{LISTING_INSIDE}>: deliver", done.stdout)

    def test_the_copy_is_shown_as_it_goes_out(self):
        recipient = self.explained(self.plain(more="X-Marking: restricted\n"))["recipients"][0]
        self.assertEqual("deliver", recipient["verdict"])
        self.assertEqual("CJSM: Hearing", recipient["subject"])
        self.assertEqual("crown-court", recipient["organisation"])
        added = {change["name"] for change in recipient["header"] if "before" not in change}
        self.assertIn("X-Checked", added)
        self.assertIn("deliver_to", recipient["route"])

    def test_each_recipient_has_a_verdict_of_its_own(self):
        answer = self.explained(
            self.plain(), "--from", ERIC, "--to", LISTING_INSIDE, "--to", "nobody@smithsolicitors.co.uk.cjsm.net"
        )
        self.assertEqual(["deliver", "refuse"], [r["verdict"] for r in answer["recipients"]])
        self.assertIn("550 5.1.1", answer["recipients"][1]["reply"])

    def test_who_is_listed_can_be_asked_of_the_engine(self):
        answer = self.explained(self.plain(), "--to", OFFICE_INSIDE, "--directory", "live")
        self.assertEqual("deliver", answer["recipients"][0]["verdict"])
        answer = self.explained(self.plain(), "--to", "offices@smithsolicitors.co.uk.cjsm.net", "--directory", "live")
        self.assertEqual("refuse", answer["recipients"][0]["verdict"])

    def test_the_policy_in_force_is_asked_where_none_is_named(self):
        file = self.community.folder / "message.eml"
        file.write_text(self.plain(more="X-Marking: restricted\n"))
        for which in ((), ("--policy", "1")):
            answer = self.community.postern("explain", file, *which)
            self.assertEqual("deliver", answer["recipients"][0]["verdict"])
            self.assertIn("content.yaml:8 marked", answer["recipients"][0]["rules_held"])
            self.assertEqual(1, answer["generation"])
            added = {change["name"]: change["after"] for change in answer["recipients"][0]["header"]}
            self.assertEqual("generation=1", added["X-Secure-Email"])
        self.assertEqual(1, self.community.run("explain", file, "--policy", "99").returncode)

    def test_attachments_are_looked_into_as_traffic_is(self):
        answer = self.explained(PROGRAM.replace("setup.exe", "notes.txt"), "--to", LISTING_INSIDE)
        self.assertEqual("deliver", answer["recipients"][0]["verdict"])

    def test_what_can_not_be_read_is_said(self):
        done = self.explain(self.plain(), "--from", "nobody")
        self.assertEqual(1, done.returncode)
        self.assertIn('--from: "nobody" is no address', done.stderr)
        done = self.explain(self.plain(), "--policy", "/nowhere")
        self.assertNotEqual(0, done.returncode)
        self.assertEqual(2, self.community.run("explain").returncode)

    def test_a_trace_says_afterwards_what_explain_said_before(self):
        for subject, fields in (("Tracing", {"X_Marking": "restricted"}), ("Plain tracing", {})):
            content = make_message(ERIC, LISTING_INSIDE, subject, **fields)
            before = self.explained(content.decode().replace("\r\n", "\n"))["recipients"][0]
            self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content), 250)
            self.arrives(self.court, subject)
            message = self.community.trace("--from", ERIC_INSIDE, "--limit", "1")[0]
            done = self.community.run("trace", message["message"]["id"], "--explain", "--json")
            self.assertEqual(0, done.returncode, done.stderr)
            again = json.loads(done.stdout)["explained"][0]["recipients"][0]
            # By what the ledger kept, and that there was no attachment.
            for what in ("verdict", "route", "next_hop", "organisation", "limit"):
                self.assertEqual(before[what], again[what], what)
            self.assertEqual(before["rules_held"], again["rules_held"])
            for rule in message["message"].get("rules", []):
                self.assertIn(rule, before["rules_held"])

    def test_a_trace_says_which_clauses_need_content_that_is_gone(self):
        self.assertReply(
            self.community.send(
                "greenstone", ERIC, LISTING_INSIDE, PROGRAM.replace("setup.exe", "notes.txt").replace("\n", "\r\n").encode()
            ),
            250,
        )
        self.arrives(self.court, "Setup")
        message = self.community.trace("--from", ERIC_INSIDE, "--limit", "1")[0]
        done = self.community.run("trace", message["message"]["id"], "--explain")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("decided again under generation", done.stdout)
        self.assertIn("needs content that is not kept: content.yaml:3:", done.stdout)


if __name__ == "__main__":
    unittest.main()
