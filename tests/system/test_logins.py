"""Logins as people, helpers and the service manager have them, by the command line."""
import json
import subprocess
import time
import unittest

from harness import ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest, make_message, wait_until
from harness.facts import FACTS, typed_facts
from harness.tools import source_root

ANNA = "anna.bell@greenstonechambers.co.uk"
HELPER = "helper@greenstonechambers.co.uk"
GOOD = "four words make sense"


UNTIL = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))

class Logins(CommunityTest):
    def run_with(self, lines, *arguments):
        return subprocess.run(
            [str(self.community.bin / "postern"), "--socket", str(self.community.socket), *arguments],
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def outcome(self, password, who=ANNA):
        done = self.run_with([password, ""], "user", "check", who, "--json")
        return json.loads(done.stdout)["outcome"]

    def settle(self, address):
        """A user with a password of their own and facts."""
        self.community.postern("user", "add", address, "--name", "Some Body")
        given = self.community.postern("user", "invite", address)
        done = self.run_with([given["one_time_password"], GOOD, ""], "user", "password", given["user_name"])
        self.assertEqual(0, done.returncode, done.stderr)
        lines = [GOOD] + typed_facts()
        done = self.run_with(lines, "user", "facts", given["user_name"])
        self.assertEqual(0, done.returncode, done.stderr)

    def answers(self, address, facts):
        """Asks for a reset as a helper does, and answers what is asked."""
        listed = subprocess.run(
            ["curl", "-s", "--unix-socket", str(self.community.socket), f"http://postern/v1/logins/{address}/reset"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        questions = json.loads(listed.stdout)["questions"]
        return self.run_with([facts.get(q, "no idea") for q in questions], "--for", HELPER, "user", "reset-password", address)

    @classmethod
    def prepare(cls, community):
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.community.postern("user", "add", HELPER, "--name", "A Helper")
        cls.community.postern("user", "grant", HELPER, "helpdesk")

    def test_the_first_login_chooses_a_password(self):
        self.community.postern("user", "add", ANNA, "--name", "Anna Bell")
        given = self.community.postern("user", "invite", ANNA)
        self.assertEqual("anna.bell.greenstone", given["user_name"])
        self.assertEqual("must_change", self.outcome(given["one_time_password"]))
        bad = self.run_with([given["one_time_password"], "annabell", ""], "user", "password", ANNA)
        self.assertEqual(1, bad.returncode)
        self.assertIn("shorter than 12", bad.stderr)
        self.assertIn("person's name", bad.stderr)
        done = self.run_with([given["one_time_password"], GOOD, ""], "user", "password", ANNA)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual("granted", self.outcome(GOOD))
        self.assertEqual("refused", self.outcome("wrong"))
        self.assertEqual("refused", self.outcome("wrong", "nobody@greenstonechambers.co.uk"))
        self.assertFalse(self.community.postern("user", "login", ANNA)["one_time"])

    def test_a_locked_login_never_stops_mail(self):
        address = "locked@greenstonechambers.co.uk"
        self.settle(address)
        for _ in range(5):
            self.assertEqual("refused", self.outcome("wrong", address))
        self.assertTrue(self.community.postern("user", "login", address)["locked"])
        self.assertEqual("refused", self.outcome(GOOD, address))
        inside = address + ".cjsm.net"
        self.assertReply(self.community.send("crown-court", LISTING, inside, make_message(LISTING, inside, "To locked")), 250)
        self.arrives(self.greenstone, "To locked")
        content = make_message(address, LISTING_INSIDE, "From locked")
        self.assertReply(self.community.send("greenstone", address, LISTING_INSIDE, content), 250)
        self.community.postern("user", "unlock", address)
        self.assertEqual("granted", self.outcome(GOOD, address))

    def test_the_helpdesk_resets_against_known_facts(self):
        address = "forgot@greenstonechambers.co.uk"
        self.settle(address)
        done = self.answers(address, FACTS)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertTrue(done.stdout.startswith("yes"))
        self.assertEqual("refused", self.outcome(GOOD, address))
        record = self.community.postern("audit", "search", "--act", "reset_password", "--target", address)["records"][0]
        self.assertEqual("done", record["outcome"])
        self.assertIn(HELPER, record["actor"])
        for secret in (*FACTS.values(), GOOD):
            self.assertNotIn(secret, json.dumps(record))

    def test_what_can_not_be_confirmed_goes_to_the_service_manager(self):
        address = "unsure@greenstonechambers.co.uk"
        self.settle(address)
        for _ in range(3):
            done = self.answers(address, {})
            self.assertEqual(1, done.returncode)
            self.assertTrue(done.stderr.startswith("no"), done.stderr)
        self.assertIn("case", done.stderr)
        self.assertEqual("granted", self.outcome(GOOD, address))  # the login itself is not locked
        number = self.community.postern("case", "list")["cases"][0]["number"]
        denied = self.community.run("--for", HELPER, "case", "decide", number, "--grant")
        self.assertIn("not permitted", denied.stderr)
        given = self.community.postern("case", "decide", number, "--grant", "--reason", "known by telephone")
        self.assertEqual("must_change", self.outcome(given["one_time_password"], address))
        self.assertEqual([], self.community.postern("case", "list")["cases"])

    def test_who_holds_a_role_is_out_of_the_helpdesks_reach(self):
        address = "important@greenstonechambers.co.uk"
        self.settle(address)
        self.community.postern("user", "grant", address, "service_manager")
        self.assertIn("not permitted", self.community.run("--for", HELPER, "user", "reset-password", address).stderr)

    def test_passwords_are_not_in_the_log(self):
        text = self.community.log_file.read_text(errors="replace")
        for secret in (GOOD, *FACTS.values()):
            self.assertNotIn(secret, text.replace("York", "") if secret == "York" else text)


class OrganisationsInLife(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())

    def test_an_outage_of_its_own_holds_mail_and_its_administrator_ends_it(self):
        clerk = "clerks@greenstonechambers.co.uk"
        as_clerk = ("--for", clerk)
        done = self.community.run(*as_clerk, "organisation", "outage", "greenstone", "--until", UNTIL, "--reason", "new server")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertReply(
            self.community.send("crown-court", LISTING, ERIC_INSIDE, make_message(LISTING, ERIC_INSIDE, "Held")), 250
        )
        wait_until(lambda: self.community.queue("--held"), 15, "it to be held")
        shown = self.community.postern("organisation", "show", "greenstone")
        self.assertEqual("outage", shown["suspended"])
        self.assertIn("administrators", [task["task"] for task in shown["tasks"] if task["due"]])
        self.assertIn("not permitted", self.community.run(*as_clerk, "organisation", "suspend", "greenstone").stderr)
        self.assertIn("not permitted", self.community.run(*as_clerk, "organisation", "outage", "smith", "--until", UNTIL).stderr)
        done = self.community.run(*as_clerk, "organisation", "resume", "greenstone")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.arrives(self.greenstone, "Held", 60)

    def test_a_sanction_refuses_and_only_the_service_lifts_it(self):
        self.community.postern("organisation", "suspend", "northshire-police", "--reason", "terms")
        try:
            inside = "custody@northshire.police.example.cjsm.net"
            reply = self.community.send("crown-court", LISTING, inside, make_message(LISTING, inside, "No"))
            self.assertReply(reply, "550 5.7.1", "suspended")
            told = self.community.run("--for", "control@northshire.police.example", "organisation", "resume", "northshire-police")
            self.assertIn("not permitted", told.stderr)
        finally:
            self.community.postern("organisation", "resume", "northshire-police")
        text = self.community.policy.read(self.community.policy.organisation_file("northshire-police"))
        self.assertNotIn("suspended", text)
        self.assertIn("# ", text)  # comments stay

    def test_yearly_tasks_are_done_and_remembered(self):
        self.community.postern("organisation", "done", "smith", "terms")
        tasks = {task["task"]: task for task in self.community.postern("organisation", "show", "smith")["tasks"]}
        self.assertFalse(tasks["terms"]["due"])
        self.assertTrue(tasks["users"]["due"])


if __name__ == "__main__":
    unittest.main()
