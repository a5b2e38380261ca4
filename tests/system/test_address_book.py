# builds: asan release
"""The directory for others: the feed by permission, and OpenLDAP filled from it as the address book of mail programs.

Real slapd, ldapsearch, lbdb and neomutt. Everything on loopback and in folders of the test.
"""
import csv
import io
import json
import os
import pty
import re
import select
import subprocess
import time
import unittest

from harness import ERIC, ERIC_INSIDE, OFFICE_INSIDE, SAFETY_INSIDE, CommunityTest, free_port, wait_until
from harness.tools import WorkFolder, source_root

BASE = "dc=cjsm,dc=net"
TOOLS = source_root() / "image/address-book"
PASSWORD = "for-the-programs-of-greenstone"


class AddressBook(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.work = WorkFolder("book")
        cls.addClassCleanup(cls.work.remove)
        cls.port = free_port()
        cls.uri = "ldapi://" + str(cls.work.path / "socket").replace("/", "%2F")
        cls.tool("set-up", cls.work.path / "state", BASE)
        log = open(cls.work.path / "slapd.log", "ab")
        cls.addClassCleanup(log.close)
        cls.slapd = subprocess.Popen(
            ["/usr/sbin/slapd", "-d", "0", "-f", cls.work.path / "state/slapd.conf"]
            + ["-h", f"{cls.uri} ldap://127.0.0.1:{cls.port}"],
            stdout=log,
            stderr=log,
        )
        cls.addClassCleanup(cls.stop_slapd)
        wait_until(lambda: (cls.work.path / "socket").exists() and cls.search(code=None) is not None, 20, "slapd")
        cls.reader = cls.tool("add-reader", cls.uri, BASE, "greenstone", input=PASSWORD + "\n").strip()

    @classmethod
    def stop_slapd(cls):
        cls.slapd.terminate()
        cls.slapd.wait(20)

    @classmethod
    def tool(cls, name, *arguments, code=0, **more):
        done = subprocess.run(
            [TOOLS / name, *map(str, arguments)], capture_output=True, text=True, timeout=60, **more
        )
        if code is not None and done.returncode != code:
            raise AssertionError(f"{name}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    @classmethod
    def fill(cls, code=0, socket=None):
        postern = [cls.community.bin / "postern", "--socket", socket or cls.community.socket]
        return cls.tool("feed", cls.uri, BASE, *postern, code=code)

    @classmethod
    def search(cls, words="(objectClass=*)", attributes=("mail",), who=None, password=PASSWORD, code=0):
        """What a member's program gets: [{attribute: value}], by the address book's TCP port."""
        done = subprocess.run(
            ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", f"ldap://127.0.0.1:{cls.port}"]
            + ["-D", who or f"cn=greenstone,ou=readers,{BASE}", "-w", password]
            + ["-b", f"ou=directory,{BASE}", words, *attributes],
            capture_output=True,
            text=True,
            timeout=30,
        )
        if code is None:
            return done.stderr if "Can't contact" not in done.stderr else None
        if done.returncode != code:
            raise AssertionError(f"ldapsearch: {done.returncode} {done.stderr}")
        blocks = [re.findall(r"^([\w;-]+): (.*)$", block, re.M) for block in done.stdout.split("\n\n")]
        return [dict(block) for block in blocks if block]

    def mails(self, words="(mail=*)"):
        return sorted(found["mail"] for found in self.search(words))

    def accepted(self, *arguments):
        done = self.community.run(*arguments)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def said_no(self, *arguments):
        done = self.community.run("may", *arguments)
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def feed(self, *arguments):
        return self.accepted("directory", "feed", *arguments)

    # --- the feed ---
    def test_the_feed_says_who_can_be_written_to_in_every_form(self):
        feed = json.loads(self.feed())
        self.assertEqual("cjsm.net", feed["community"])
        by_address = {entry["address"]: entry for entry in feed["entries"]}
        eric = by_address[ERIC_INSIDE]
        self.assertEqual(("Eric Brown", "user", "greenstone"), (eric["name"], eric["kind"], eric["organisation"]))
        self.assertEqual(("Greenstone Chambers", "York"), (eric["organisation_name"], eric["place"]))
        self.assertEqual("group", by_address["admin@smithsolicitors.co.uk.cjsm.net"]["kind"])
        table = list(csv.DictReader(io.StringIO(self.feed("--format", "csv"))))
        self.assertEqual(sorted(by_address), sorted(row["address"] for row in table))
        ldif = self.feed("--format", "ldif")
        self.assertEqual(sorted(by_address), sorted(re.findall(r"^mail: (.*)$", ldif, re.M)))
        smith = json.loads(self.feed("--organisation", "smith"))["entries"]
        self.assertEqual({"smith"}, {entry["organisation"] for entry in smith})

    def test_what_is_hidden_or_private_is_in_no_form_of_it(self):
        self.accepted("user", "add", "gone@greenstonechambers.co.uk", "--name", "Gone Person")
        self.accepted("user", "remove", "gone@greenstonechambers.co.uk", "--moved-to", "hidden@crowncourt.example")
        self.accepted("user", "add", "absent@greenstonechambers.co.uk", "--name", "Absent Person")
        self.accepted("user", "suspend", "absent@greenstonechambers.co.uk")
        self.accepted("user", "edit", ERIC, "--non-secure", "eric@private.example")
        for form in ("json", "csv", "ldif"):
            text = self.feed("--format", form)
            for hidden in (SAFETY_INSIDE, "gone@", "absent@", "private.example", "elsewhere.example"):
                self.assertNotIn(hidden, text)
            self.assertIn(ERIC_INSIDE, text)

    def test_permission_decides_and_a_denial_is_on_record(self):
        ordinary = "ordinary.reader@greenstonechambers.co.uk"
        self.accepted("user", "add", ordinary, "--name", "Ordinary Reader")
        self.assertIn(ERIC_INSIDE, self.accepted("--for", ordinary, "directory", "feed"))
        self.assertTrue(self.accepted("may", ordinary, "read_feed").startswith("yes"))
        self.accepted("user", "suspend", ordinary)
        done = self.community.run("--for", ordinary, "directory", "feed")
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertIn("not permitted", done.stderr)
        self.assertTrue(self.said_no(ordinary, "read_feed").startswith("no"))
        denied = self.community.postern("audit", "search", "--outcome", "denied")["records"]
        self.assertIn("read_feed", [record["act"] for record in denied])

    def test_wrong_forms_and_names_are_refused(self):
        for arguments in (("--format", "xml"), ("--base", BASE), ("--format", "csv", "--changes-from", "/dev/null")):
            self.assertEqual(2, self.community.run("directory", "feed", *arguments).returncode)
        for base in ("nonsense", "dc=a\nchangetype: delete", " dc=a"):
            done = self.community.run("directory", "feed", "--format", "ldif", "--base", base)
            self.assertEqual(1, done.returncode)
            self.assertIn("distinguished name", done.stderr)

    # --- the address book ---
    def test_the_address_book_follows_the_directory(self):
        self.fill()
        self.assertEqual([ERIC_INSIDE], self.mails("(cn=eric*)"))
        self.assertEqual([OFFICE_INSIDE], self.mails("(&(o=Smith*)(description=office))"))
        self.assertEqual("", self.fill())  # nothing differs: nothing is written

        emma = "emma.gray@greenstonechambers.co.uk"
        self.accepted("user", "add", emma, "--name", "Emma Gray", "--detail", "telephone=01904 555 321")
        self.assertEqual("address book: 1 entries changed\n", self.fill())
        (found,) = self.search("(sn=Gray)", ("mail", "telephoneNumber", "givenName"))
        self.assertEqual((emma + ".cjsm.net", "01904 555 321"), (found["mail"], found["telephoneNumber"]))

        self.accepted("user", "edit", emma, "--name", "Emma Gr\u00e4y", "--detail", "telephone=")
        self.fill()
        self.assertEqual([emma + ".cjsm.net"], self.mails("(cn=Emma Gr\u00e4y)"))
        (found,) = self.search(f"(mail={emma}.cjsm.net)", ("mail", "telephoneNumber"))
        self.assertNotIn("telephoneNumber", found)

        self.accepted("user", "edit", emma, "--ex-directory", "true")
        self.fill()
        self.assertEqual([], self.mails("(mail=emma*)"))
        self.accepted("user", "edit", emma, "--ex-directory", "false")
        self.fill()
        self.assertEqual([emma + ".cjsm.net"], self.mails("(mail=emma*)"))
        self.accepted("user", "remove", emma)
        self.fill()
        self.assertEqual([], self.mails("(mail=emma*)"))

    def test_ex_directory_entries_are_never_in_it(self):
        self.fill()
        self.assertIn(ERIC_INSIDE, self.mails())
        self.assertEqual([], self.mails("(mail=safety*)"))
        self.assertNotIn("safety", (self.work.path / "slapd.log").read_text())

    def test_what_somebody_else_wrote_there_is_put_right(self):
        self.fill()
        stray = f"dn: mail=stray@x.example,ou=directory,{BASE}\nobjectClass: inetOrgPerson\ncn: S\nsn: S\nmail: stray@x.example\n"
        subprocess.run(
            ["ldapadd", "-Q", "-Y", "EXTERNAL", "-H", self.uri], input=stray, text=True, check=True, capture_output=True
        )
        self.assertIn("stray@x.example", self.mails())
        self.fill()
        self.assertNotIn("stray@x.example", self.mails())

    def test_a_gateway_that_does_not_answer_leaves_it_as_it_is(self):
        self.fill()
        before = self.mails()
        told = self.fill(code=3, socket=self.work.path / "nobody-listens")
        self.assertIn("nobody-listens", told)
        self.assertEqual(before, self.mails())

    def test_only_readers_read_and_nobody_but_the_feed_writes(self):
        self.fill()
        for who, password in ((self.reader, "wrong"), (f"cn=nobody,ou=readers,{BASE}", PASSWORD)):
            self.search(who=who, password=password, code=49)
        anonymous = subprocess.run(
            ["ldapsearch", "-x", "-LLL", "-H", f"ldap://127.0.0.1:{self.port}", "-b", f"ou=directory,{BASE}"],
            capture_output=True,
            text=True,
        )
        self.assertNotEqual(0, anonymous.returncode)
        self.assertNotIn("mail", anonymous.stdout)
        write = f"dn: mail={ERIC_INSIDE},ou=directory,{BASE}\nchangetype: modify\nreplace: sn\nsn: Grey\n"
        done = subprocess.run(
            ["ldapmodify", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", self.reader, "-w", PASSWORD],
            input=write,
            capture_output=True,
            text=True,
        )
        self.assertEqual(50, done.returncode, done.stderr)
        secrets = subprocess.run(
            ["ldapsearch", "-x", "-LLL", "-H", f"ldap://127.0.0.1:{self.port}", "-D", self.reader, "-w", PASSWORD]
            + ["-b", f"ou=readers,{BASE}"],
            capture_output=True,
            text=True,
        )
        self.assertNotIn("userPassword", secrets.stdout)

    # --- mail programs ---
    def lbdb(self):
        """A home folder in which lbdb asks the address book, as a user of mutt has it."""
        home = self.work.path / "home"
        (home / ".lbdb").mkdir(parents=True, exist_ok=True)
        (home / ".lbdb/lbdbrc").write_text('METHODS="m_ldap"\nLDAP_NICKS="cjsm"\n')
        (home / ".lbdb/ldap.rc").write_text(
            f"%ldap_server_db = ('cjsm' => ['127.0.0.1:{self.port}', 'ou=directory,{BASE}', 'cn mail sn givenName o',\n"
            f"  'cn mail o', '${{mail}}', '${{cn}}', '${{o}}', 0, '{self.reader}', '{PASSWORD}', 0, '']);\n1;\n"
        )
        return os.environ | {"HOME": str(home), "TERM": "xterm", "LANG": "C.UTF-8"}

    def test_lbdb_finds_people_for_mutt_and_vim(self):
        self.fill()
        done = subprocess.run(["lbdbq", "brown"], env=self.lbdb(), capture_output=True, text=True, timeout=30)
        self.assertIn(f"{ERIC_INSIDE}\tEric Brown\tGreenstone Chambers", done.stdout, done.stderr)
        done = subprocess.run(["lbdbq", "safety"], env=self.lbdb(), capture_output=True, text=True, timeout=30)
        self.assertNotIn(SAFETY_INSIDE, done.stdout)

    def test_neomutt_looks_people_up_as_one_types(self):
        self.fill()
        (self.work.path / "muttrc").write_text(
            f'set query_command = "lbdbq %s"\nset folder = "{self.work.path}"\nset quit = yes\nset wait_key = no\n'
        )
        (self.work.path / "mailbox").touch()
        program, terminal = pty.fork()
        if program == 0:
            os.execvpe(
                "neomutt",
                ["neomutt", "-n", "-F", str(self.work.path / "muttrc"), "-f", str(self.work.path / "mailbox")],
                self.lbdb(),
            )
        try:
            self.shows(terminal, "NeoMutt")
            os.write(terminal, b"Q")
            self.shows(terminal, "Query:")
            os.write(terminal, b"brown\r")
            self.shows(terminal, f"Eric Brown                <{ERIC_INSIDE[:20]}")  # as wide as its column is
            os.write(terminal, b"qq")
        finally:
            os.close(terminal)
            self.ended(program)

    def ended(self, program):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if os.waitpid(program, os.WNOHANG)[0]:
                return
            time.sleep(0.05)
        os.kill(program, 9)
        os.waitpid(program, 0)

    def shows(self, terminal, text, seconds=20):
        """Waits until the screen has shown this text."""
        seen, end = "", time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 65536).decode(errors="replace")
                if text in re.sub(r"\x1b[\[(][0-9;?]*[A-Za-z]", "", seen):
                    return
        self.fail(f"the terminal does not show {text!r}:\n{seen[-3000:]}")


if __name__ == "__main__":
    unittest.main()
