"""Alerts: what is told to whom on which way, nothing of content outside, escalation and maintenance over restarts."""
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import unittest

import dkim

from harness import ERIC, LISTING_INSIDE, CommunityTest, make_message, wait_until
from harness.member_server import MemberServer
from harness.tools import free_port

CLERKS_INSIDE = "clerks@greenstonechambers.co.uk.cjsm.net"
DUTY = "duty@outside.example"
OFFICE = "office@greenstone.example"
HOME = "eric@home.example"
PASSWORD = "correct horse battery staple"
KEY = "0123456789abcdef0123456789abcdef"

ALERTS = """
people:
  operations: [clerks@greenstonechambers.co.uk, duty@outside.example]
  service_manager: listing@crowncourt.example
webhook:
  url: "http://127.0.0.1:{port}/alerts?from=postern"
  headers: {{ X-Team: night }}
  key: {folder}/webhook.key
  tries: 5
syslog: {{ socket: {folder}/log.socket }}
dkim: {{ domain: cjsm.net, selector: {selector}, key: {folder}/dkim.pem }}
alerts:
  - name: policy
    on: policy_reload_failed
    to: operations
    by: [mail, webhook, syslog]
    template: policy.txt
  - name: planned
    on: maintenance_announced
    to: [operations.secure]
    escalate: {{ unacknowledged_for: 4 seconds, to: [service_manager] }}
  - name: unsent
    on: alert_unsent
    to: [operations.secure]
  - name: refused
    on: disk_low
    to: [nobody@elsewhere.example]
"""


class Hook(http.server.BaseHTTPRequestHandler):
    """Fails as often as it is told to, then takes what comes."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body))
        if self.server.failures:
            self.server.failures -= 1
            self.send_error(503, "not yet")
            return
        self.send_response(204)
        self.end_headers()
        self.server.taken.append(json.loads(body))

    def log_message(self, *_):
        pass


class Alerts(CommunityTest):
    @classmethod
    def prepare(cls, community):
        cls.hook = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Hook)
        cls.hook.seen, cls.hook.taken, cls.hook.failures = [], [], 0
        threading.Thread(target=cls.hook.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.hook.server_close)
        cls.addClassCleanup(cls.hook.shutdown)
        cls.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        cls.addClassCleanup(cls.syslog.close)
        cls.syslog.bind(str(community.folder / "log.socket"))
        cls.syslog.settimeout(20)
        certificate = community.authority.issue("smarthost.example", community.folder / "certificates")
        cls.smarthost = MemberServer(certificate, "smarthost.example", logins={"postern": PASSWORD}).start()
        cls.addClassCleanup(cls.smarthost.stop)

        (community.folder / "webhook.key").write_text(KEY + "\n")
        cls.make_key("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        secrets = community.folder / "secrets.yaml"
        secrets.write_text(f'alert-smarthost: {{ user: postern, password: "{PASSWORD}" }}\n')
        secrets.chmod(0o600)
        community.write_node(more=f"secrets: {secrets}\n")
        community.policy.set(
            "routing.yaml",
            "routes",
            "\n  - name: alerts-outward\n    when: { origin: alert, recipient.inside: false }\n"
            f'    then: {{ next_hop: ["127.0.0.1:{cls.smarthost.port}"], tls: verify, '
            "verify_name: smarthost.example, credentials: alert-smarthost }",
        )
        community.policy.organisation("greenstone", "alerts", f"{{ also_to: [{OFFICE}] }}")
        community.policy.edit("directory.yaml", "{ address: eric.brown@greenstonechambers.co.uk", f"{{ address: eric.brown@greenstonechambers.co.uk, non_secure: {HOME}")
        community.policy.write("templates/policy.txt", "Subject: Policy: {{severity}}\n\n{{text}}\nRule {{rule}}.\n")
        cls.declare("one")

    @classmethod
    def make_key(cls, algorithm, *options):
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", algorithm, *options, "-out", cls.community.folder / "dkim.pem"],
            check=True,
            capture_output=True,
        )

    @classmethod
    def declare(cls, selector, more=""):
        text = ALERTS.format(port=cls.hook.server_port, folder=cls.community.folder, selector=selector)
        cls.community.policy.write("alerts.yaml", text + more)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.confirm_outside("eric.brown@greenstonechambers.co.uk", cls.smarthost)

    def setUp(self):
        super().setUp()
        self.smarthost.forget()
        self.smarthost.messages.clear()
        self.hook.seen.clear()
        self.hook.taken.clear()
        self.addCleanup(self.mend)

    def mend(self):
        self.community.policy.set("limits.yaml", "recipients", "200")
        self.community.run("reload")

    def break_policy(self):
        self.community.policy.set("limits.yaml", "recipients", "many")
        self.assertNotEqual(0, self.community.run("reload").returncode)

    def alerts(self, *arguments):
        return self.community.postern("alert", "list", *arguments)["alerts"]

    def newest(self, rule):
        return wait_until(
            lambda: next((a for a in self.alerts() if a["rule"] == rule), None), 20, f"an alert of rule {rule}"
        )

    def check_signature(self, message, selector):
        """By somebody else's implementation, with the key as it would stand in the DNS."""
        text = subprocess.run(
            ["openssl", "pkey", "-in", self.community.folder / "dkim.pem", "-pubout"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        key = "".join(text.splitlines()[1:-1])
        kind = "rsa"
        if "ed25519" in message.header("DKIM-Signature"):
            import base64

            kind, key = "ed25519", base64.b64encode(base64.b64decode(key)[-32:]).decode()
        record = f"v=DKIM1; k={kind}; p={key}".encode()

        def lookup(name, timeout=5):
            self.assertEqual(f"{selector}._domainkey.cjsm.net.", name.decode() if isinstance(name, bytes) else name)
            return record

        self.assertTrue(dkim.verify(message.content, dnsfunc=lookup))
        changed = message.content.replace(b"Subject: ", b"Subject: x", 1)
        self.assertFalse(dkim.verify(changed, dnsfunc=lookup))

    def test_a_rejected_reload_is_told_on_every_way(self):
        self.hook.failures = 2
        self.break_policy()
        inside = self.greenstone.wait_for(lambda m: "Policy: warning" in (m.header("Subject") or ""))
        self.assertEqual("", inside.sender)
        self.assertEqual(["clerks@greenstonechambers.co.uk"], inside.recipients)
        self.assertIn(b"limits.yaml", inside.body)
        self.assertIn(b"Rule policy.", inside.body)
        self.assertEqual("NEVER", next(iter(inside.recipient_parameters.values()))["NOTIFY"])

        outside = self.smarthost.wait_for(lambda m: DUTY in m.recipients)
        self.assertTrue(outside.tls)
        self.assertEqual("", outside.sender)
        self.check_signature(outside, "one")

        wait_until(lambda: self.hook.taken, 30, "the webhook to take it")
        self.assertEqual(3, len(self.hook.seen))
        path, headers, body = self.hook.seen[-1]
        self.assertEqual("/alerts?from=postern", path)
        self.assertEqual("night", headers["X-Team"])
        digest = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
        self.assertEqual("sha256=" + digest, headers["X-Postern-Signature"])
        alert = self.newest("policy")
        self.assertEqual(alert["id"], self.hook.taken[0]["id"])
        self.assertEqual("policy_reload_failed", self.hook.taken[0]["event"])

        line = self.syslog.recv(10_000).decode()
        self.assertRegex(line, r"^<28>\w{3} [ \d]\d \d\d:\d\d:\d\d postern\[\d+\]: policy_reload_failed policy: ")

        shown = self.community.postern("alert", "show", alert["id"])
        self.nothing_of(shown, outside)
        wait_until(
            lambda: all(
                s["state"] == "sent" for s in self.community.postern("alert", "show", alert["id"])["sends"]
            ),
            20,
            "everything sent",
        )
        self.mend()
        wait_until(lambda: self.newest("policy")["cleared"], 20, "the condition to have ended")

    def nothing_of(self, shown, message):
        """No value of the alert's can be found in what left the community."""
        parsed = email.message_from_bytes(message.content, policy=email.policy.default)
        text = message.content.decode() + parsed.get_content()
        values = [shown["id"], shown["text"], "limits.yaml", "http", CLERKS_INSIDE, ERIC]
        values += [v for v in shown["fields"].values() if v]
        values += [s["note"] for s in shown["sends"] if s["note"]]
        for value in values:
            self.assertNotIn(value, text)
        self.assertIn("A change of the policy was rejected", parsed.get_content())
        self.assertIn("cjsm.net", parsed["Subject"])

    def test_ed25519_signs_as_well_and_login_is_said_where_plain_is_not_offered(self):
        self.make_key("ED25519")
        self.declare("two")
        self.community.reload()
        self.smarthost.mechanisms = "LOGIN"
        self.smarthost.hang_up()
        self.community.postern("alert", "test", "planned", "--to", DUTY)
        message = self.smarthost.wait_for(lambda m: DUTY in m.recipients)
        self.check_signature(message, "two")
        self.assertIn((message.connection, "AUTH LOGIN"), self.smarthost.commands)
        self.smarthost.mechanisms = "PLAIN LOGIN"
        self.smarthost.hang_up()

    def test_a_test_goes_to_the_rules_own_people_and_an_unknown_rule_is_named(self):
        self.community.postern("alert", "test", "policy")
        self.greenstone.wait_for(lambda m: b"This is a test of rule policy" in m.body)
        wait_until(lambda: self.hook.taken, 20, "the webhook")
        self.syslog.recv(10_000)
        refused = self.community.run("alert", "test", "polcy")
        self.assertEqual(1, refused.returncode)
        self.assertIn('did you mean "policy"?', refused.stderr)

    def test_an_alert_that_cannot_be_sent_is_an_alert_and_ends_there(self):
        self.smarthost.order("rcpt", "550 5.1.1 nobody here", matching="nobody@")
        self.greenstone.order("rcpt", "550 5.1.1 nor here", matching="clerks@")
        self.community.postern("alert", "test", "refused")
        alert = self.newest("unsent")
        self.assertIn("nobody@elsewhere.example", alert["text"])
        # Its own mail is refused as well, and that raises nothing.
        wait_until(
            lambda: any(
                line.get("event") == "delivery attempt"
                and line.get("recipient") == CLERKS_INSIDE
                and line.get("outcome") == "failed"
                for line in self.community.log()
            ),
            20,
            "the alert about it to fail",
        )
        self.assertEqual(1, len([a for a in self.alerts() if a["rule"] == "unsent"]))

    def test_escalation_and_maintenance_go_on_after_a_restart(self):
        begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7200))
        window = self.community.postern(
            "maintenance", "announce", "--from", begin, "--to", end, "--text", "New disks", "--at-before", "2h,1min"
        )["id"]
        alert = self.newest("planned")
        self.greenstone.wait_for(lambda m: b"Maintenance from" in m.body)
        self.community.kill()
        self.community.start()

        # The escalation.
        self.court.wait_for(lambda m: (m.header("Subject") or "").startswith("CJSM: Not acknowledged"))
        taken = self.community.postern("alert", "acknowledge", alert["id"], "--comment", "on it")
        self.assertEqual("now", taken["acknowledged"])
        self.assertEqual("before", self.community.postern("alert", "acknowledge", alert["id"])["acknowledged"])
        self.assertEqual("on it", self.community.postern("alert", "show", alert["id"])["comment"])
        self.assertNotIn(alert["id"], [a["id"] for a in self.alerts("--open")])

        # People, once each, inside and outside. A kill between a server's 250 and our record of it sends the same
        # message again (RFC 5321 section 4.5.4.1 prefers that to a loss), so letters are counted, not their copies.
        def letters(server, address, words):
            found = {
                m.header("Message-ID"): m
                for m in server.messages
                if address in m.recipients and words in (m.header("Subject") or "")
            }
            return list(found.values())

        def told(server, address):
            return letters(server, address, "Maintenance of")

        wait_until(lambda: told(self.greenstone, ERIC), 20, "Eric to be told")
        wait_until(lambda: told(self.smarthost, OFFICE), 20, "the office to be told")
        wait_until(lambda: told(self.smarthost, HOME), 20, "Eric to be told at home")
        for address in (OFFICE, HOME):
            self.assertNotIn(b"New disks", told(self.smarthost, address)[0].content)
        self.community.wait_empty()
        self.community.kill()
        self.community.start()
        row = next(w for w in self.community.postern("maintenance", "list")["windows"] if w["id"] == window)
        self.assertEqual("planned", row["state"])
        self.community.postern("maintenance", "cancel", window)
        self.community.wait_empty()
        self.assertEqual(1, len(told(self.greenstone, ERIC)))
        self.assertEqual(1, len(told(self.smarthost, OFFICE)))
        self.assertEqual(1, len(told(self.smarthost, HOME)))

        def called_off(server, address):
            return letters(server, address, "ancelled")

        for server, address in ((self.greenstone, ERIC), (self.smarthost, OFFICE), (self.smarthost, HOME)):
            wait_until(lambda: called_off(server, address), 20, f"{address} to be told that it will not be")
        self.assertIn(b"New disks", called_off(self.greenstone, ERIC)[0].content)
        for address in (OFFICE, HOME):
            self.assertNotIn(b"New disks", called_off(self.smarthost, address)[0].content)
        self.community.kill()
        self.community.start()
        self.community.wait_empty()
        self.assertEqual(1, len(called_off(self.greenstone, ERIC)))

    def test_a_window_is_an_alert_though_the_engine_is_killed_as_soon_as_it_is_announced(self):
        begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 90000))

        def announce(text):
            self.community.postern("maintenance", "announce", "--from", begin, "--to", end, "--text", text)

        def told(text):
            return [a for a in self.alerts() if a["rule"] == "planned" and text in a["text"]]

        announce("New pumps")
        self.community.kill()
        self.community.start()
        wait_until(lambda: told("New pumps"), 20, "the alert")
        self.community.stop()
        self.community.start()
        count = len(told("New pumps"))
        announce("New fans")
        wait_until(lambda: told("New fans"), 20, "the other alert")
        self.assertEqual(count, len(told("New pumps")))

    def test_a_window_that_defers_answers_421_and_a_cancelled_one_does_not(self):
        now = time.time()
        stamp = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # noqa: E731
        window = self.community.postern(
            *("maintenance", "announce", "--from", stamp(now - 60), "--to", stamp(now + 3600)),
            *("--text", "Moving house", "--intake", "defer", "--at-before", "1min"),
        )["id"]

        wait_until(lambda: self.answer().startswith("421"), 10, "421")
        self.assertReply(self.answer(), "421 4.3.2", "maintenance", "Moving house")
        self.community.postern("maintenance", "cancel", window)
        wait_until(lambda: self.answer().startswith("250"), 10, "250 again")

    def answer(self):
        """To a message now."""
        return str(
            self.community.send("greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "In the window"))
        )

    def test_a_declared_window_that_is_moved_is_told_anew_and_one_that_comes_back_counts_again(self):
        stamp = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # noqa: E731
        now = time.time()

        def declare(begin, text):
            window = f'{{ name: pumps, from: "{stamp(begin)}", to: "{stamp(now + 7200)}", text: {text}, intake: defer, at_before: [2 hours] }}'
            self.declare("one", f"maintenance:\n  windows:\n    - {window}\n")
            self.assertEqual(0, self.community.run("reload").returncode)

        def letters(begin):
            return [
                m for m in self.greenstone.messages
                if ERIC in m.recipients and "Maintenance of" in (m.header("Subject") or "") and stamp(begin)[11:16].encode() in m.body
            ]

        def state():
            windows = self.community.postern("maintenance", "list")["windows"]
            return next((w["state"] for w in windows if w["id"] == "declared:pumps"), None)

        self.addCleanup(self.declare, "one")
        declare(now + 1800, "Pumps")
        wait_until(lambda: letters(now + 1800), 30, "Eric to be told")
        declare(now - 60, "Pumps")  # moved: it has begun
        wait_until(lambda: letters(now - 60), 30, "Eric to be told of the other time")
        wait_until(lambda: self.answer().startswith("421"), 20, "421")

        self.declare("one")
        self.assertEqual(0, self.community.run("reload").returncode)
        wait_until(lambda: state() == "cancelled", 20, "the window to be cancelled")
        wait_until(lambda: self.answer().startswith("250"), 20, "250 again")
        declare(now - 60, "Pumps")
        wait_until(lambda: self.answer().startswith("421"), 20, "421 again")
        self.declare("one")
        self.assertEqual(0, self.community.run("reload").returncode)
        wait_until(lambda: self.answer().startswith("250"), 20, "250 in the end")
        self.community.wait_empty()

    def test_what_is_wrong_is_named(self):
        self.assertIn(
            "the window ends before it begins",
            self.community.run(
                *("maintenance", "announce", "--text", "x"),
                *("--from", "2099-01-02T00:00:00Z", "--to", "2099-01-01T00:00:00Z"),
            ).stderr,
        )
        self.assertEqual(1, self.community.run("alert", "show", "01JD7Q0000000000000000NONE").returncode)
        os.chmod(self.community.folder / "secrets.yaml", 0o644)
        self.community.policy.set("limits.yaml", "recipients", "199")
        refused = self.community.run("reload")
        self.assertEqual(1, refused.returncode)
        self.assertIn("others than its owner may read the secrets", refused.stdout + refused.stderr)
        self.assertNotIn(PASSWORD, refused.stdout + refused.stderr + self.community.log_file.read_text())
        os.chmod(self.community.folder / "secrets.yaml", 0o600)


if __name__ == "__main__":
    unittest.main()
