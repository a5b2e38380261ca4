"""What protects logins: second factors, sessions, and that people are told of what is done to theirs, at both addresses."""
import json
import re
import os
import signal
import subprocess
import time
import unittest

from harness import ERIC, CommunityTest, wait_until
from harness.member_server import MemberServer
from harness.tools import source_root

GOOD = "four words make sense"
HOME, NEW_HOME = "eric@home.example", "eric@new-home.example"
HELPER = "helper@greenstonechambers.co.uk"
LOIS = "lois@smithsolicitors.co.uk"  # hosted here: her login opens her mailbox
FACTS = {
    "In which town were you born?": "York",
    "What was the name of your first school?": "St. Mary's",
    "What was your first car?": "Mini",
}
# `postern user facts` asks for all that the service has, in their order; "" answers one of them with nothing.
TYPED_FACTS = ["York", "", "", "St. Mary's", "Mini", "", "", ""]


class LoginTest(CommunityTest):
    """A community with the demo's permissions and alerts, whose alerts leave by a smart host."""

    @classmethod
    def prepare(cls, community):
        certificate = community.authority.issue("smarthost.example", community.folder / "certificates")
        cls.smarthost = MemberServer(certificate, "smarthost.example").start()
        cls.addClassCleanup(cls.smarthost.stop)
        community.policy.set(
            "routing.yaml",
            "routes",
            "\n  - name: alerts-outward\n    when: { origin: alert, recipient.inside: false }\n"
            f'    then: {{ next_hop: ["127.0.0.1:{cls.smarthost.port}"], tls: verify, verify_name: smarthost.example }}',
        )
        rules = source_root() / "rules"
        powers = (rules / "permissions.yaml").read_text()
        community.policy.write("permissions.yaml", powers + "\nholders: [{ who: nobody, role: portal }]\n")
        community.admit_nobody()
        community.policy.write("alerts.yaml", (rules / "alerts.yaml").read_text())
        community.policy.edit("directory.yaml", f"{{ address: {ERIC}", f"{{ address: {ERIC}, non_secure: {HOME}")

    def setUp(self):
        super().setUp()
        self.smarthost.messages.clear()

    def run_with(self, lines, *arguments):
        return subprocess.run(
            [str(self.community.bin / "postern"), "--socket", str(self.community.socket), *arguments],
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def accepted(self, lines, *arguments):
        done = self.run_with(lines, *arguments)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def refused(self, lines, *arguments):
        done = self.run_with(lines, *arguments)
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def outcome(self, who, code="", password=GOOD):
        return json.loads(self.run_with([password, code], "user", "check", who, "--json").stdout)

    def settle(self, address, facts=False):
        """Gives somebody a login with a password of their own."""
        given = self.community.postern("user", "invite", address)
        self.accepted([given["one_time_password"], GOOD, ""], "user", "password", given["user_name"])
        if facts:
            self.accepted([GOOD] + TYPED_FACTS, "user", "facts", address)

    def audit(self, act, **more):
        words = [word for name, value in more.items() for word in (f"--{name}", value)]
        return self.community.postern("audit", "search", "--act", act, *words)["records"]

    def code_in(self, server, to):
        """The code of the newest mail with one."""
        message = server.wait_for(lambda m: "Your code" in (m.header("Subject") or ""), 20)
        self.assertIn(to, message.header("To"))
        server.messages.remove(message)
        return re.search(rb"^(\d{8})\r?$", message.content, re.M)[1].decode()


class SecondFactors(LoginTest):
    def test_a_code_by_mail_to_a_members_own_server_is_a_second_factor(self):
        self.settle(ERIC)
        asked = self.run_with([GOOD, ""], "user", "second-factor", ERIC, "--mail")
        self.assertEqual(1, asked.returncode)  # the code was not typed
        self.assertNotRegex(asked.stdout + asked.stderr, r"\b\d{8}\b")
        self.code_in(self.greenstone, ERIC)
        sent = json.loads(self.accepted([GOOD], "user", "mail-code", ERIC, "--json"))
        self.assertEqual("secure", sent["to"])
        code = self.code_in(self.greenstone, ERIC)
        done = subprocess.run(
            ["curl", "-s", "--unix-socket", str(self.community.socket), "http://postern/v1/login/confirm-mail",
             "-d", json.dumps({"user_name": ERIC, "password": GOOD, "code": code})],
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(10, len(json.loads(done.stdout)["recovery_codes"]), done.stdout)

        answer = self.outcome(ERIC)
        self.assertEqual("needs_code", answer["outcome"])
        self.assertEqual(["mail"], answer["code_by"])
        self.assertEqual("refused", self.outcome(ERIC, code)["outcome"])  # good once
        self.assertIn("wrong", self.refused(["not my password"], "user", "mail-code", ERIC))
        self.accepted([GOOD], "user", "mail-code", ERIC)
        code = self.code_in(self.greenstone, ERIC)
        self.assertEqual("granted", self.outcome(ERIC, code)["outcome"])
        self.assertEqual("refused", self.outcome(ERIC, code)["outcome"])
        for _ in range(5):  # of which some were sent before
            done = self.run_with([GOOD], "user", "mail-code", ERIC)
        self.assertIn("no more than 5 per hour", done.stderr)
        text = self.community.log_file.read_text(errors="replace")
        self.assertNotIn(code, text)
        self.assertFalse(self.smarthost.messages, "a code left the community")

    def test_who_is_hosted_here_gets_codes_outside_and_only_where_the_address_has_rested(self):
        self.community.postern("user", "add", LOIS, "--name", "Lois")
        self.settle(LOIS)
        self.assertIn("no address that a code could be sent to", self.refused([GOOD], "user", "mail-code", LOIS))
        self.community.postern("user", "edit", LOIS, "--non-secure", "lois@home.example")
        self.accepted([GOOD, self.address_code(self.smarthost), ""], "user", "confirm-address", LOIS)
        self.assertIn("have rested", self.refused([GOOD], "user", "mail-code", LOIS))
        self.assertFalse(self.smarthost.messages)
        with_home = "rested@smithsolicitors.co.uk"
        self.community.postern("user", "add", with_home, "--name", "Rested", "--non-secure", "rested@home.example")
        self.settle(with_home)
        self.assertIn("confirmed", self.refused([GOOD], "user", "mail-code", with_home))
        self.accepted([GOOD, self.address_code(self.smarthost), ""], "user", "confirm-address", with_home)
        sent = json.loads(self.accepted([GOOD], "user", "mail-code", with_home, "--json"))
        self.assertEqual("non_secure", sent["to"])
        self.code_in(self.smarthost, "rested@home.example")

    def test_who_holds_a_role_can_not_log_in_without_a_second_factor(self):
        address = "chief@greenstonechambers.co.uk"
        self.community.postern("user", "add", address, "--name", "Chief Clerk")
        self.settle(address)
        self.assertEqual("granted", self.outcome(address)["outcome"])
        self.community.postern("user", "grant", address, "service_manager")
        answer = json.loads(self.run_with([GOOD, ""], "user", "check", address, "--session", "--json").stdout)
        self.assertEqual("must_set_factor", answer["outcome"])
        self.assertNotIn("session", answer)
        told = self.refused([GOOD] + TYPED_FACTS, "user", "facts", address)
        self.assertIn("set up a second factor first", told)
        self.assertIn("must set up a second factor", self.audit("login", target=address)[0]["detail"])


class Sessions(LoginTest):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        community.policy.edit("permissions.yaml", "session: { longest: 8 hours, idle: 30 minutes }", "session: { longest: 30 seconds, idle: 4 seconds }")

    def begin(self, address):
        answer = json.loads(self.accepted([GOOD, ""], "user", "check", address, "--session", "--json"))
        return answer["session"]

    def goes_on(self, token):
        return self.run_with([token], "user", "session").returncode == 0

    def test_a_session_goes_on_while_it_is_used_and_ends_when_it_is_not(self):
        address = "session@greenstonechambers.co.uk"
        self.community.postern("user", "add", address, "--name", "Some Body")
        self.settle(address)
        token = self.begin(address)
        shown = json.loads(self.accepted([token], "user", "session", "--json"))
        self.assertEqual(address, shown["address"])
        self.assertTrue(self.goes_on(token))
        other = self.begin(address)
        self.accepted([other], "user", "end-session")
        self.assertFalse(self.goes_on(other))
        self.assertIn("log in again", self.refused([other], "user", "session"))
        third = self.begin(address)
        self.community.postern("user", "end-sessions", address)
        self.assertFalse(self.goes_on(third))
        self.assertFalse(self.goes_on("ABCDEFGH"))

    def test_an_idle_session_ends_at_its_declared_time(self):
        address = "idle@greenstonechambers.co.uk"
        self.community.postern("user", "add", address, "--name", "Some Body")
        self.settle(address)
        token = self.begin(address)
        time.sleep(4.5)  # not used: asking would be a use
        self.assertFalse(self.goes_on(token))


class Told(LoginTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.community.postern("user", "add", HELPER, "--name", "A Helper")
        cls.community.postern("user", "grant", HELPER, "helpdesk")

    def assertWithoutContent(self, message):
        for name in (b"eric.brown", b"greenstone", b"Eric", b"helper", b"helpdesk@"):
            self.assertNotIn(name.lower(), message.content.lower().replace(HOME.encode(), b"").replace(NEW_HOME.encode(), b""))

    def test_a_reset_is_told_at_both_addresses_and_outside_without_content(self):
        self.confirm_outside(ERIC, self.smarthost, GOOD)
        self.accepted([GOOD] + TYPED_FACTS, "user", "facts", ERIC)
        session = json.loads(self.accepted([GOOD, ""], "user", "check", ERIC, "--session", "--json"))["session"]
        listed = subprocess.run(
            ["curl", "-s", "--unix-socket", str(self.community.socket), f"http://postern/v1/logins/{ERIC}/reset"],
            capture_output=True, text=True, timeout=30,
        )
        questions = json.loads(listed.stdout)["questions"]
        # Which of the answers is wrong can't be told, whichever it is.
        told = set()
        for wrong in questions:
            answers = ["no idea" if question == wrong else FACTS[question] for question in questions]
            done = self.run_with(answers, "--for", HELPER, "user", "reset-password", ERIC)
            told.add((done.returncode, done.stdout, done.stderr))
        self.assertEqual(1, len(told), told)
        done = self.run_with([FACTS[q] for q in questions], "--for", HELPER, "user", "reset-password", ERIC)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        inside = self.arrives(self.greenstone, "Your password was reset")
        self.assertIn(b"sessions have ended", inside.content)
        outside = self.arrives(self.smarthost, "Your password was reset")
        self.assertIn(HOME, outside.header("To"))
        self.assertWithoutContent(outside)
        self.assertEqual(1, self.run_with([session], "user", "session").returncode)

    def test_a_case_is_told_to_the_service_manager(self):
        address = "unsure@greenstonechambers.co.uk"
        self.community.postern("user", "add", address, "--name", "Un Sure")
        self.settle(address, facts=True)
        for _ in range(3):
            done = self.run_with(["no idea"] * 2, "--for", HELPER, "user", "reset-password", address)
        self.assertRegex(done.stderr, r"^no: it goes to the service manager as case \d+")
        alerts = lambda: [a for a in self.community.postern("alert", "list")["alerts"] if a["event"] == "case_opened"]
        wait_until(alerts, 20, "the service manager to be told")

    def test_a_new_address_outside_gets_nothing_but_its_confirmation_and_the_old_one_is_told(self):
        address = "mover@greenstonechambers.co.uk"
        made = self.community.postern("user", "add", address, "--name", "Mover", "--non-secure", "mover@home.example")
        self.assertIn("counts once its owner has confirmed it", made["confirmation"])
        self.assertFalse(made["non_secure_confirmed"])
        asked = self.smarthost.wait_for(lambda m: "Confirm this address" in (m.header("Subject") or ""), 20)
        self.assertIn("mover@home.example", asked.header("To"))
        for name in (b"greenstone", b"http", b"eric", b"name=", b"mover@green"):
            self.assertNotIn(name, asked.content.lower())
        code = self.address_code(self.smarthost)
        self.settle(address)
        self.assertIn("not the newest code", self.refused([GOOD, "00000000", ""], "user", "confirm-address", address))
        self.assertIn("wrong", self.refused(["not it", code, ""], "user", "confirm-address", address))
        self.accepted([GOOD, code, ""], "user", "confirm-address", address)
        self.assertNotIn("non_secure_confirmed", self.community.postern("user", "show", address))
        self.assertEqual("done", self.audit("confirm_address", target=address)[0]["outcome"])
        self.assertIn("no new address", self.refused([GOOD, ""], "user", "mail-address-code", address))

        self.community.postern("user", "edit", address, "--non-secure", "thief@home.example")
        self.assertEqual("thief@home.example", self.community.postern("user", "show", address)["non_secure"])
        self.arrives(self.greenstone, "Your address outside the service was changed")
        outside = self.arrives(self.smarthost, "Your address outside the service was changed")
        self.assertIn("mover@home.example", outside.header("To"))
        # What comes within the time still goes to the one before it.
        for _ in range(5):
            self.outcome(address, password="wrong")
        locked = self.arrives(self.smarthost, "A login was locked")
        self.assertIn("mover@home.example", locked.header("To"))
        for message in self.smarthost.messages:
            if "thief@" in message.header("To"):
                self.assertIn("Confirm this address", message.header("Subject"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can act as somebody else")
    def test_exceptional_access_needs_two_people_and_the_owner_is_told(self):
        owner, reader, one, two = (f"{name}@greenstonechambers.co.uk" for name in ("absent", "deputy", "first", "second"))
        for address in (owner, reader, one, two):
            self.community.postern("user", "add", address, "--name", "Some Body")
        for address in (one, two):
            self.community.postern("user", "grant", address, "service_manager")
        ask = ("access", "ask", owner, "--to", reader, "--until", "2099-01-01T00:00:00Z")
        self.assertIn("not permitted", self.refused([], "--for", reader, *ask, "--reason", "curious"))
        told = self.accepted([], "--for", one, *ask, "--reason", "long illness")
        number = re.search(r"case (\d+)", told)[1]
        decide = ("case", "decide", number, "--grant")
        self.assertIn("a second person must agree", self.refused([], "--for", one, *decide))
        self.assertIn("not permitted", self.refused([], "--for", reader, *decide))
        # One person in two names is one; a portal brings what people say.
        self.assertIn("a second person must agree", self.refused([], "--for", two, *decide))
        agreed = self.community.as_nobody("--for", two, *decide, "--reason", "agreed")
        self.assertEqual(0, agreed.returncode, agreed.stdout + agreed.stderr)
        self.arrives(self.greenstone, "Somebody else was given access to a mailbox")
        accesses = self.community.postern("access", "list", owner)["accesses"]
        self.assertEqual([reader], [access["who"] for access in accesses])
        # The owner sees who can read their mail; others do not.
        self.assertIn(reader, self.accepted([], "--for", owner, "access", "list", owner))
        self.assertIn("not permitted", self.refused([], "--for", reader, "access", "list", owner))
        self.accepted([], "access", "end", str(accesses[0]["number"]))
        self.assertEqual([], self.community.postern("access", "list", owner)["accesses"])
        self.assertEqual("done", self.audit("end_access")[0]["outcome"])

    def test_what_is_kept_about_a_person_is_exported_and_deleted_and_both_are_on_record(self):
        address = "leaver@greenstonechambers.co.uk"
        self.community.postern("user", "add", address, "--name", "Lea Ver", "--detail", "telephone=01904 555 123")
        self.settle(address, facts=True)
        self.community.postern("user", "login", address)
        out = self.community.folder / "leaver.json"
        self.accepted([], "user", "export", address, "--out", str(out))
        self.assertEqual(0o600, out.stat().st_mode & 0o777)
        kept = json.loads(out.read_text())
        self.assertEqual("Lea Ver", kept["entry"]["name"])
        self.assertEqual(sorted(FACTS), sorted(kept["security_questions"]))
        self.assertIn("see_login", [record["act"] for record in kept["audit"]])  # who saw their data
        for secret in (GOOD, *FACTS.values()):
            self.assertNotIn(secret.lower(), out.read_text().lower().replace("york", "") if secret == "York" else out.read_text().lower())
        self.assertIn("not permitted", self.refused([], "--for", HELPER, "user", "export", address))
        self.assertIn("was removed", self.refused([], "user", "forget", address, "--reason", "asked"))
        self.community.postern("user", "remove", address)
        self.accepted([], "user", "forget", address, "--reason", "asked by letter")
        database = (self.community.folder / "spool" / "directory.db").read_bytes()
        kept = json.loads(self.accepted([], "user", "export", address))
        self.assertEqual("", kept["entry"]["name"])
        self.assertNotIn("login", kept)
        self.assertTrue(database)
        self.assertEqual("asked by letter", self.audit("forget_person")[0]["detail"])


class Upkeep(LoginTest):
    def test_reloads_by_files_and_signals_stand_in_the_audit_and_the_audits_head_leaves_by_mail(self):
        # The first round of what is done every hour is done at the start.
        wait_until(lambda: self.community.postern("alert", "list")["alerts"], 20, "alerts")
        alerts = lambda event: [a for a in self.community.postern("alert", "list")["alerts"] if a["event"] == event]
        wait_until(lambda: alerts("audit_head"), 20, "the head to be told")
        wait_until(lambda: alerts("organisation_task"), 20, "organisations to be reminded")
        start = self.audit("reload_policy")[-1]
        self.assertIn("start", start["detail"])
        self.community.policy.edit("permissions.yaml", "wrong_answers: 5", "wrong_answers: 6")
        wait_until(lambda: any("files changed" in r["detail"] for r in self.audit("reload_policy")), 30, "the change on record")
        self.community.policy.edit("permissions.yaml", "wrong_answers: 6", "wrong_answers: six")
        os.kill(self.community.process.pid, signal.SIGHUP)
        wait_until(lambda: self.audit("reload_policy", outcome="failed"), 30, "the refusal on record")
        failed = self.audit("reload_policy", outcome="failed")[0]
        self.assertIn("permissions.yaml", failed["detail"])

    def test_retention_says_how_much_there_is(self):
        shown = self.community.postern("audit", "retention")
        self.assertEqual("395 days", shown["keep"])
        self.assertGreater(shown["records"], 0)
        self.assertEqual(0, shown["over"])
        self.assertEqual(0, self.community.postern("audit", "retention", "--now")["deleted"])


if __name__ == "__main__":
    unittest.main()
