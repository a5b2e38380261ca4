"""Logins as people, helpers and the service manager have them, by the command line."""
import json
import re
import subprocess
import time
import unittest

from harness import ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest, make_message, wait_until
from harness.tools import source_root

ANNA = "anna.bell@greenstonechambers.co.uk"
HELPER = "helper@greenstonechambers.co.uk"
GOOD = "four words make sense"
FACTS = {
    "In which town were you born?": "York",
    "What was the name of your first school?": "St. Mary's",
    "What was your first car?": "Mini",
}
# `postern user facts` asks for all that the service has, in their order; "" answers one of them with nothing.
TYPED_FACTS = ["York", "", "", "St. Mary's", "Mini", "", "", ""]


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
        lines = [GOOD] + TYPED_FACTS
        done = self.run_with(lines, "user", "facts", given["user_name"])
        self.assertEqual(0, done.returncode, done.stderr)

    def questions(self, address, what="reset", path=None):
        """What a helper has to ask."""
        listed = subprocess.run(
            ["curl", "-s", "--unix-socket", str(self.community.socket), "http://postern" + (path or f"/v1/logins/{address}/{what}")]
            + ([] if path else ["-H", f"Postern-For: {HELPER}"]),
            capture_output=True,
            text=True,
            timeout=30,
        )
        return json.loads(listed.stdout)["questions"]

    def answers(self, address, facts):
        """Asks for a reset as a helper does, and answers what is asked."""
        questions = self.questions(address)
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

    def lock(self, address):
        for _ in range(5):
            self.outcome("wrong", address)
        self.assertTrue(self.community.postern("user", "login", address)["locked"])

    def test_the_helpdesk_opens_a_lock_against_the_proof_that_a_reset_needs(self):
        address = "locked-out@greenstonechambers.co.uk"
        self.settle(address)
        self.lock(address)
        helper = ("--for", HELPER, "user", "unlock", address)
        no = self.run_with(["no idea", "none"], *helper)
        self.assertEqual((1, "no\n"), (no.returncode, no.stderr.removeprefix("postern: ")), no.stdout)
        self.assertEqual("refused", self.outcome(GOOD, address))
        # Without answers nothing is opened, whatever program asks.
        bare = subprocess.run(
            ["curl", "-s", "--unix-socket", str(self.community.socket), "-H", f"Postern-For: {HELPER}", "-X", "POST",
             f"http://postern/v1/logins/{address}/unlock", "-d", "{}"],
            capture_output=True, text=True, timeout=30,
        )
        self.assertIn("security data", bare.stdout)
        self.assertEqual("refused", self.outcome(GOOD, address))
        yes = self.run_with([FACTS[q] for q in self.questions(address, "unlock")], *helper)
        self.assertEqual(0, yes.returncode, yes.stdout + yes.stderr)
        self.assertIn("unlocked", yes.stdout)
        self.assertEqual("granted", self.outcome(GOOD, address))  # the password stays
        record = self.community.postern("audit", "search", "--act", "unlock_login", "--target", address)["records"][0]
        self.assertEqual(("done", "after known facts"), (record["outcome"], record["detail"]))
        self.assertIn(HELPER, record["actor"])

    def test_an_administrator_opens_the_locks_of_their_own_people_and_of_nobody_else(self):
        address, clerk = "own@greenstonechambers.co.uk", "clerks@greenstonechambers.co.uk"
        self.settle(address)
        self.lock(address)
        self.assertIn("not permitted", self.run_with([], "--for", "control@northshire.police.example", "user", "unlock", address).stderr)
        done = self.run_with([], "--for", clerk, "user", "unlock", address)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual("granted", self.outcome(GOOD, address))

    def test_a_helper_can_not_tell_who_has_a_login(self):
        address = "real@greenstonechambers.co.uk"
        self.settle(address)
        self.community.postern("user", "add", "without@greenstonechambers.co.uk", "--name", "No Login")
        heard = {}
        for who in (address, "real.greenstone", "nobody@greenstonechambers.co.uk", "no.body.greenstone",
                    "without@greenstonechambers.co.uk"):
            said = []
            for _ in range(2):
                questions = self.questions(who)
                self.assertEqual(2, len(questions))
                self.assertEqual(questions, self.questions(who))
                for question in questions:
                    self.assertIn(question, self.questions("x", path="/v1/login/questions"))
                done = self.run_with(["no idea"] * 2, "--for", HELPER, "user", "reset-password", who)
                said.append((done.returncode, done.stdout, re.sub(r"\d+", "N", done.stderr)))
            heard[who] = said
        del heard["real.greenstone"]  # the same person as the first, whose tries it goes on counting
        self.assertEqual(1, len({json.dumps(said) for said in heard.values()}), heard)

    def test_a_refusal_does_not_tell_whose_user_name_it_is(self):
        address = "hidden.name@greenstonechambers.co.uk"
        self.settle(address)
        police = ("--for", "control@northshire.police.example", "user", "reset-password")
        real = self.run_with([], *police, "hidden.name.greenstone").stderr
        none = self.run_with([], *police, "hidden.none.greenstone").stderr
        self.assertIn("not permitted", real)
        self.assertEqual(real.replace("hidden.name", "hidden.none"), none)
        self.assertNotIn("@greenstone", real)

    def test_what_can_not_be_confirmed_goes_to_the_service_manager(self):
        address = "unsure@greenstonechambers.co.uk"
        self.settle(address)
        for _ in range(3):
            done = self.answers(address, {})
            self.assertEqual(1, done.returncode)
            self.assertTrue(done.stderr.startswith("no"), done.stderr)
        self.assertIn("case", done.stderr)
        self.assertEqual("granted", self.outcome(GOOD, address))  # the login itself is not locked
        newest = self.community.postern("case", "list")["cases"][0]
        self.assertEqual(address, newest["about"])
        number = newest["number"]
        denied = self.community.run("--for", HELPER, "case", "decide", number, "--grant")
        self.assertIn("not permitted", denied.stderr)
        given = self.community.postern("case", "decide", number, "--grant", "--reason", "known by telephone")
        self.assertEqual("must_change", self.outcome(given["one_time_password"], address))
        self.assertNotIn(number, [case["number"] for case in self.community.postern("case", "list")["cases"]])

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
