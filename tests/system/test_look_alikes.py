"""Passing for somebody else by what an address looks like: look-alike letters, case, suffix games, by every path."""
import json
import subprocess
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest, make_message
from harness.tools import source_root

FALSE_ERIC = "erіc.brown@greenstonechambers.co.uk"  # a Cyrillic letter
GAMES = (
    "a@b.cjsm.net.cjsm.net",
    ERIC_INSIDE + ".cjsm.net",
    ERIC + ".cjsm.net.example",
    ERIC + ".CJSM.NET.cjsm.net",
    "eric.brown%greenstonechambers.co.uk@cjsm.net",
    "eric.brown@greenstonechambers.co.uk.cjsm.net.",
    '"eric.brown@greenstonechambers.co.uk"@cjsm.net.cjsm.net',
)


class LookAlikes(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())

    def refused(self, *arguments):
        done = self.community.run(*arguments)
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def entry(self, **order):
        """By the control protocol itself, as a program would that is not ours."""
        done = subprocess.run(
            ["curl", "-s", "-w", "\n%{http_code}", "--unix-socket", str(self.community.socket),
             "http://postern/v1/entries", "-d", json.dumps(order)],
            capture_output=True, text=True, timeout=30,
        )
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), body

    def test_nobody_gets_an_address_that_reads_like_another(self):
        for false in (FALSE_ERIC, "eric.br0wn@greenstonechambers.co.uk", "ERIC.BR0WN@greenstonechambers.co.uk"):
            self.assertRegex(self.refused("user", "add", false, "--name", "Eric Brown"), "looks like|mixes letters")
            status, body = self.entry(address=false, create=True, kind="user", set={"name": "Eric Brown"}, sure=True)
            self.assertEqual(400, status, body)  # the policy does not ask, so nobody can be sure
            path = self.community.folder / "false.csv"
            exported = self.community.run("directory", "export", "--format", "csv", "--organisation", "greenstone").stdout
            commas = "," * (exported.splitlines()[0].count(",") - 3)
            path.write_text(exported.rstrip("\r\n") + f"\r\ngreenstone,user,{false},Eric Brown{commas}\r\n")
            told = self.refused("directory", "import", path)
            self.assertRegex(told, "line .*(looks like|mixes letters)")
            for kind, more in (("group", ("--owner", ERIC)), ("list", ("--owner", ERIC)), ("function", ("--function", "x", "--owner", ERIC))):
                self.assertRegex(self.refused(kind, "add", false, "--name", "Eric Brown", *more), "looks like|mixes letters")

    def test_case_makes_no_other_person(self):
        for same in (ERIC.upper(), "Eric.Brown@GreenstoneChambers.CO.UK", ERIC_INSIDE.upper()):
            self.assertIn("there already", self.refused("user", "add", same, "--name", "Eric Brown"))

    def test_suffix_games_are_nobodys_address_by_hand_file_and_protocol(self):
        for game in GAMES:
            self.refused("user", "add", game, "--name", "Game")
            self.refused("list", "add", game, "--name", "Game", "--owner", ERIC)
            status, body = self.entry(address=game, create=True, kind="user", organisation="greenstone", set={"name": "G"})
            self.assertEqual(400, status, f"{game}: {body}")
        path = self.community.folder / "games.csv"
        path.write_text("organisation,address,name\n" + f"greenstone,{GAMES[0]},Game\n")
        self.assertIn("line 2", self.refused("directory", "import", path))

    def test_mail_by_suffix_games_case_and_look_alikes_is_refused(self):
        for game in GAMES[:4]:
            reply = self.community.send("crown-court", LISTING, game, make_message(LISTING, game, "Game"))
            self.assertReply(reply, 550)
        # Somebody else's name as the sender, in another case and with the suffix twice. (Another member's is refused when
        # the content is there, since a redirect bears it with proof of where it was.)
        for false in (ERIC.upper(), ERIC_INSIDE.upper(), LISTING_INSIDE + ".cjsm.net", ERIC + ".CJSM.net.cjsm.net"):
            content = make_message(LISTING, ERIC_INSIDE, "From another")
            self.assertReply(self.community.send("crown-court", false, ERIC_INSIDE, content), 550)
        # In From, behind an envelope that is right.
        for false in (ERIC, ERIC.upper(), ERIC_INSIDE, LISTING_INSIDE + ".cjsm.net"):
            content = make_message(false, ERIC_INSIDE, "From another")
            self.assertReply(self.community.send("crown-court", LISTING, ERIC_INSIDE, content), 550)
        self.stays_away(self.greenstone, "From another")

    def test_acting_as_somebody_by_case_or_suffix_is_acting_as_them_and_by_look_alike_as_nobody(self):
        self.assertIn("not permitted", self.refused("--for", ERIC.upper(), "user", "add", "x@greenstonechambers.co.uk", "--name", "X"))
        self.assertIn("not permitted", self.refused("--for", FALSE_ERIC, "user", "add", "x@greenstonechambers.co.uk", "--name", "X"))
        self.assertIn("not permitted", self.refused("--for", ERIC_INSIDE + ".cjsm.net", "queue", "list"))
        denied = self.community.postern("audit", "search", "--outcome", "denied")["records"]
        self.assertGreaterEqual(len(denied), 3)


class WhereThePolicyAsks(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())
        community.policy.edit("permissions.yaml", "look_alikes: refuse", "look_alikes: ask   ")

    def test_who_is_sure_says_so(self):
        false = "eric.br0wn@greenstonechambers.co.uk"
        done = self.community.run("user", "add", false, "--name", "Eric Brown the younger")
        self.assertEqual(1, done.returncode)
        self.assertIn(f"looks like {ERIC}", done.stderr)
        self.assertIn("say that you are sure", done.stderr)
        self.community.postern("user", "add", false, "--name", "Eric Brown the younger", "--look-alike")
        self.assertEqual("greenstone", self.community.postern("user", "show", false)["organisation"])


if __name__ == "__main__":
    unittest.main()
