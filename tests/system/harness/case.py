"""The base of system tests: one community for the tests of a file, and what is worth seeing when one fails."""
import re
import subprocess
import unittest

from .community import Community

ERIC = "eric.brown@greenstonechambers.co.uk"
ERIC_INSIDE = ERIC + ".cjsm.net"
CLERKS = "clerks@greenstonechambers.co.uk"
LISTING = "listing@crowncourt.example"
LISTING_INSIDE = LISTING + ".cjsm.net"
CUSTODY = "custody@northshire.police.example"
CUSTODY_INSIDE = CUSTODY + ".cjsm.net"
OFFICE_INSIDE = "office@smithsolicitors.co.uk.cjsm.net"  # hosted here
ADMIN_INSIDE = "admin@smithsolicitors.co.uk.cjsm.net"  # hosted here, a group mailbox
SAFETY_INSIDE = "safety@victimcare.example.cjsm.net"  # hosted here, ex-directory


class CommunityTest(unittest.TestCase):
    """Subclasses may set `settings` (for Community) or override `prepare` (before posternd starts)."""

    settings = {}
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.community = Community(cls.__module__.removeprefix("test_"), **cls.settings)
        cls.addClassCleanup(cls.community.close)
        cls.prepare(cls.community)
        cls.community.start()
        cls.community.import_directory()
        cls.greenstone = cls.community.members["greenstone"].server
        cls.court = cls.community.members["crown-court"].server
        cls.police = cls.community.members["northshire-police"].server
        cls.hosted = cls.community.mailboxes

    @classmethod
    def prepare(cls, community):
        pass

    def setUp(self):
        self.servers = [self.greenstone, self.court, self.police, self.hosted]
        for server in self.servers:
            server.forget()
            server.messages.clear()
            server.commands.clear()

    def tearDown(self):
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            print(f"--- posternd's log at the end of {self.id()} ---\n{self.community.log_tail()}")

    def assertReply(self, reply, code, *fragments):
        """The reply has this code, or begins with this "550 5.1.1", and its text holds the fragments (case-blind)."""
        text = str(reply).replace("\n", " ")
        self.assertTrue(text.startswith(str(code)), f"expected {code}, got {text}")
        for fragment in fragments:
            self.assertIn(fragment.lower(), text.lower())

    @classmethod
    def confirm_outside(cls, who, smarthost, password="four words make sense"):
        """Somebody logs in for the first time and confirms the address outside that their entry names."""
        given = cls.community.postern("user", "invite", who)
        cls.typed([given["one_time_password"], password, ""], "user", "password", who)
        cls.typed([password, ""], "user", "mail-address-code", who)
        cls.typed([password, cls.address_code(smarthost), ""], "user", "confirm-address", who)
        smarthost.messages.clear()

    @classmethod
    def address_code(cls, smarthost):
        """The code of the mail that asks to confirm an address outside; the mail is taken out."""
        message = smarthost.wait_for(lambda m: "Confirm this address" in (m.header("Subject") or ""), 20)
        smarthost.messages.remove(message)
        return re.search(rb"^(\d{8})\r?$", message.content, re.M)[1].decode()

    @classmethod
    def typed(cls, lines, *arguments):
        """What `postern` prints when a person types these lines; it must succeed."""
        done = subprocess.run(
            [str(cls.community.bin / "postern"), "--socket", str(cls.community.socket), *arguments],
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def arrives(self, server, subject, seconds=20):
        """The message whose subject holds this text."""
        return server.wait_for(lambda m: subject in (m.header("Subject") or ""), seconds)

    def stays_away(self, server, subject, seconds=0.5):
        """No such message arrives for a while."""
        import time

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for message in list(server.messages):
                self.assertNotIn(subject, message.header("Subject") or "")
            time.sleep(0.05)
