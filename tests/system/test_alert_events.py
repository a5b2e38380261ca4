"""Events of the engine as alerts: a virus in a hostile message, quarantine, tampering, a member's server that is gone;
scripts and texts of rules; and nothing of content on its way outside, whatever an enemy wrote."""
import base64
import email
import email.policy
import sqlite3
import unittest

from harness import CLERKS, ERIC, ERIC_INSIDE, LISTING_INSIDE, CommunityTest, make_message, wait_until
from harness.member_server import MemberServer
from harness.signatures import EICAR, write_set
from harness.tools import sanitized, source_root

PATIENCE = 60 if sanitized() else 30
DUTY = "duty@outside.example"
HOME = "eric@home.example"

ALERTS = """
people:
  operations: [clerks@greenstonechambers.co.uk, duty@outside.example]
alerts:
  - name: virus
    on: virus_found
    to: [operations, sender]
    template: virus.txt
    template_non_secure: virus-outside.txt
    lua: watched.lua
    may: [annotate]
    at_most: { one_per: 1 hour, group_by: signature }
  - name: broken
    on: virus_found
    to: operations.secure
    lua: broken.lua
  - name: ignored
    on: virus_found
    to: operations.secure
    lua: broken.lua
    on_error: ignore
  - name: kept
    on: message_quarantined
    to: operations.secure
  - name: gone
    on: { destination_down_for: 1 second }
    to: operations.secure
    when: { destination: "organisation:crown*" }
  - name: tampering
    on: tampering
    to: operations.secure
"""

# Whatever can be written into a message that its sender makes.
HOSTILE_SUBJECT = "{{text}} {{{sender.address}}} R v Smith https://evil.example/?token=SESAME {{#what}}x{{/what}}"
HOSTILE_NAME = "{{advice}}.invoice-SESAME.com"


def hostile_message():
    return (
        f"From: {ERIC}\r\nTo: {LISTING_INSIDE}\r\nSubject: {HOSTILE_SUBJECT}\r\nMIME-Version: 1.0\r\n"
        f"Message-ID: <SESAME@evil.example>\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nSee attached.\r\n--b\r\n'
        f'Content-Disposition: attachment; filename="{HOSTILE_NAME}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode() + base64.encodebytes(EICAR).replace(b"\n", b"\r\n") + b"\r\n--b--\r\n"


def text_of(message):
    """Everything that a reader or a program can find in it: raw, and decoded."""
    parsed = email.message_from_bytes(message.content, policy=email.policy.default)
    decoded = " ".join(str(value) for value in parsed.values())
    return message.content.decode() + decoded + parsed.get_content()


class AlertEvents(CommunityTest):
    @classmethod
    def prepare(cls, community):
        certificate = community.authority.issue("smarthost.example", community.folder / "certificates")
        cls.smarthost = MemberServer(certificate, "smarthost.example").start()
        cls.addClassCleanup(cls.smarthost.stop)
        signatures = write_set(community.folder / "signatures")
        community.write_node(more=f"scanner: {{ workers: 1, deadline: 10 seconds, signatures: {signatures} }}\n")
        community.policy.set(
            "routing.yaml",
            "routes",
            "\n  - name: alerts-outward\n    when: { origin: alert, recipient.inside: false }\n"
            f'    then: {{ next_hop: ["127.0.0.1:{cls.smarthost.port}"], tls: verify, verify_name: smarthost.example }}',
        )
        community.policy.edit("directory.yaml", "{ address: eric.brown@greenstonechambers.co.uk", f"{{ address: eric.brown@greenstonechambers.co.uk, non_secure: {HOME}")
        policy = community.policy
        policy.write("alerts.yaml", ALERTS)
        policy.write("content.yaml", "rules:\n  - { name: keep, when: { message.subject: \"*keep this*\" }, then: quarantine }\n")
        policy.write("templates/virus.txt", "Subject: Virus of {{sender.organisation}}\n\n{{signature}}: {{message.subject}}\n{{note}}\n")
        policy.write("templates/virus-outside.txt", "Subject: {{service}}: {{what}}\n\n{{time}}\n{{advice}}\nOur own words.\n")
        policy.write(
            "lua/watched.lua",
            "return function(event)\n  if event:field('sender.organisation') == 'greenstone' then\n"
            "    return postern.annotate('watched since Monday, at ' .. event.name)\n  end\n  return false\nend\n",
        )
        policy.write("lua/broken.lua", "return function(event)\n  return event.nothing.at_all\nend\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.confirm_outside("eric.brown@greenstonechambers.co.uk", cls.smarthost)

    def setUp(self):
        super().setUp()
        self.smarthost.messages.clear()
        wait_until(
            lambda: self.community.postern("status")["scanner"]["workers"], PATIENCE, "the scanner's worker"
        )

    def alerts(self, rule):
        return [a for a in self.community.postern("alert", "list")["alerts"] if a["rule"] == rule]

    def newest(self, rule):
        return wait_until(lambda: next(iter(self.alerts(rule)), None), PATIENCE, f"an alert of rule {rule}")

    def test_a_virus_is_told_inside_whole_and_outside_without_anything_that_its_sender_wrote(self):
        answer = self.community.send("greenstone", ERIC, [LISTING_INSIDE], hostile_message())
        self.assertReply(answer, "554 5.7.1", "Eicar")
        told = self.greenstone.wait_for(
            lambda m: CLERKS in m.recipients and (m.header("Subject") or "") == "CJSM: Virus of greenstone", PATIENCE
        )
        self.assertIn("R v Smith", text_of(told))
        self.assertIn("watched since Monday, at virus_found", text_of(told))
        self.assertIn("{{text}}", text_of(told))  # a value is never read as a tag
        self.greenstone.wait_for(lambda m: ERIC in m.recipients and "Virus of" in (m.header("Subject") or ""), PATIENCE)

        outside = self.smarthost.wait_for(lambda m: DUTY in m.recipients, PATIENCE)
        text = text_of(outside)
        shown = self.community.postern("alert", "show", self.newest("virus")["id"])
        secrets = [shown["id"], shown["text"], ERIC, ERIC_INSIDE, CLERKS, "greenstone", "R v Smith", "SESAME", "evil", "://", "{{"]
        secrets += [value for value in shown["fields"].values() if value]
        secrets += [s["note"] for s in shown["sends"] if s["note"]]
        for secret in secrets:
            self.assertNotIn(secret, text)
        self.assertIn("cjsm.net: A virus was found in a message", text)
        self.assertIn("Our own words.", text)
        self.assertEqual("", outside.sender)
        home = self.smarthost.wait_for(lambda m: HOME in m.recipients, PATIENCE)
        for secret in secrets:
            self.assertNotIn(secret, text_of(home))
        self.assertNotIn(HOME, str(shown["fields"]))

        # The second of its kind within the hour is counted, not told.
        self.community.send("greenstone", ERIC, [LISTING_INSIDE], hostile_message())
        wait_until(lambda: self.newest("virus")["left_out"], PATIENCE, "the second to be left out")
        self.assertEqual(1, len(self.alerts("virus")))

        # A script that fails keeps no alert back, unless the rule says so.
        self.assertTrue(self.alerts("broken"))
        self.assertEqual([], self.alerts("ignored"))
        self.assertTrue(any("broken.lua:2" in str(line) for line in self.community.log()))

    def test_what_is_put_into_quarantine_is_an_event(self):
        message = make_message(ERIC, LISTING_INSIDE, "Please keep this")
        self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, message), 250)
        alert = self.newest("kept")
        self.assertEqual(LISTING_INSIDE, alert["fields"]["recipient.address"])
        self.assertEqual(ERIC_INSIDE, alert["fields"]["sender.address"])
        self.assertEqual("crown-court", alert["fields"]["recipient.organisation"])

    def test_a_destination_that_is_gone_is_told_once_and_again_when_it_is_back(self):
        port = self.court.port
        self.court.stop()
        message = make_message(ERIC, LISTING_INSIDE, "for a server that is away")
        self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, message), 250)
        alert = self.newest("gone")
        self.assertEqual("organisation:crown-court", alert["fields"]["destination"])
        self.assertEqual("crown-court", alert["fields"]["organisation"])
        member = self.community.members["crown-court"]
        type(self).court = member.server = MemberServer(member.certificate, member.name, port=port).start()
        self.court.wait_for(lambda m: "away" in (m.header("Subject") or ""), PATIENCE)
        wait_until(lambda: self.newest("gone")["cleared"], PATIENCE, "the condition to have ended")
        self.assertEqual(1, len(self.alerts("gone")))

    def test_an_archive_that_somebody_changed_and_storage_that_others_may_write_to_are_tampering(self):
        spool = self.community.folder / "spool"
        self.community.stop()
        with sqlite3.connect(spool / "mail.db") as database:
            # One list names the files; a file is what is left.
            changed = database.execute(
                "UPDATE policy_object SET bytes = CAST(replace(CAST(bytes AS TEXT), 'clerks@', 'nobody@') AS BLOB)"
                " WHERE instr(bytes, 'clerks@') > 0"
            ).rowcount
        database.close()
        self.assertGreater(changed, 0)
        (spool / "trace.key").chmod(0o600)
        self.community.start()
        alert = self.newest("tampering")
        self.assertIn("The archive of generation", alert["text"])
        spool.chmod(0o777)
        wait_until(
            lambda: any("Others than the service may write" in a["text"] for a in self.alerts("tampering")),
            PATIENCE + 20,
            "the open storage to be told",
        )
        spool.chmod(0o700)


class Senders(CommunityTest):
    """With the demo's own alerts."""

    @classmethod
    def prepare(cls, community):
        signatures = write_set(community.folder / "signatures")
        community.write_node(more=f"scanner: {{ workers: 1, deadline: 10 seconds, signatures: {signatures} }}\n")
        community.policy.write("alerts.yaml", (source_root() / "rules/alerts.yaml").read_text())

    def test_each_of_two_senders_of_a_member_is_told_of_the_virus_that_they_sent(self):
        wait_until(lambda: self.community.postern("status")["scanner"]["workers"], PATIENCE, "the scanner's worker")
        for sender in (ERIC, CLERKS):
            content = hostile_message().replace(ERIC.encode(), sender.encode())
            self.assertReply(self.community.send("greenstone", sender, [LISTING_INSIDE], content), 554, "Eicar")
        for address in (ERIC, CLERKS):
            # Others of the demo's letters go there as well.
            told = self.greenstone.wait_for(
                lambda m, address=address: address in m.recipients and "Eicar-Test-Signature" in text_of(m), PATIENCE
            )
            self.assertIn(f"in a message of {address}.cjsm.net", text_of(told))
        alerts = self.community.postern("alert", "list")["alerts"]
        self.assertEqual(2, len([alert for alert in alerts if alert["rule"] == "virus-sent"]))
        (member,) = [alert for alert in alerts if alert["rule"] == "virus"]
        self.assertEqual(1, member["left_out"])


if __name__ == "__main__":
    unittest.main()
