"""People: the directory by hand and by file, roles, the audit, as an administrator has them."""
import re
import subprocess
import unittest

from harness import CommunityTest, make_message, wait_until
from harness.tools import source_root

EMMA = "emma.green@greenstonechambers.co.uk"


class People(CommunityTest):
    @classmethod
    def prepare(cls, community):
        administrators = "[clerks@greenstonechambers.co.uk, clerk@greenstonechambers.co.uk]"
        community.policy.organisation("greenstone", "administrators", administrators)
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())

    def refused(self, *arguments):
        done = self.community.run(*arguments)
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def accepted(self, *arguments):
        done = self.community.run(*arguments)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def said_no(self, *arguments):
        done = self.community.run("may", *arguments)
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def file(self, name, text):
        path = self.community.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def audit(self, *filters):
        return self.community.postern("audit", "search", *filters)["records"]

    # --- one at a time ---
    def test_a_user_is_added_found_changed_and_removed(self):
        self.accepted("user", "add", EMMA, "--name", "Emma Green", "--detail", "telephone=01904 555 123")
        shown = self.community.postern("user", "show", EMMA)
        self.assertEqual(EMMA + ".cjsm.net", shown["address"])
        self.assertEqual("greenstone", shown["organisation"])
        self.assertEqual("01904 555 123", shown["details"]["telephone"])
        found = self.community.postern("user", "list", "emm gre")["entries"]
        self.assertEqual([EMMA + ".cjsm.net"], [entry["address"] for entry in found])
        self.accepted("user", "edit", EMMA + ".cjsm.net", "--name", "Emma Greene", "--detail", "telephone=")
        shown = self.community.postern("user", "show", EMMA)
        self.assertEqual("Emma Greene", shown["name"])
        self.assertNotIn("details", shown)
        self.accepted("user", "suspend", EMMA, "--reason", "on leave")
        self.assertEqual("suspended", self.community.postern("user", "show", EMMA)["status"])
        self.accepted("user", "remove", EMMA)
        self.assertEqual([], self.community.postern("user", "list", "emm")["entries"])
        acts = [record["act"] for record in self.audit("--target", EMMA)]
        self.assertEqual(["remove_user", "suspend_user", "edit_entry", "add_user"], [a for a in acts if a != "see_entry"])
        self.assertIn("see_entry", acts)  # who saw whose data

    def test_two_administrators_at_once_the_second_is_told(self):
        address = "twice@greenstonechambers.co.uk"
        self.accepted("user", "add", address, "--name", "Twice")
        version = self.community.postern("user", "show", address)["version"]
        self.accepted("user", "edit", address, "--name", "First", "--version", version)
        told = self.refused("user", "edit", address, "--name", "Second", "--version", version)
        self.assertIn("look at it again", told)
        self.assertEqual("First", self.community.postern("user", "show", address)["name"])

    def test_what_does_not_fit_is_refused_with_a_reason(self):
        for arguments, part in (
            (("user", "add", "x@elsewhere.example", "--name", "X"), "no member's domain"),
            (("user", "add", "a@crowncourt.example", "--name", "A", "--organisation", "greenstone"), "not in a domain"),
            (("user", "add", "f@greenstonechambers.co.uk", "--name", "=cmd()"), "formula"),
            (("function", "add", "desk@greenstonechambers.co.uk", "--function", "desk"), "owner"),
            (("list", "add", "l@greenstonechambers.co.uk", "--name", "L"), "owner"),
            (("user", "edit", "nobody@greenstonechambers.co.uk", "--name", "N"), "no entry"),
        ):
            self.assertIn(part, self.refused(*arguments), arguments)
        self.accepted("group", "add", "team@greenstonechambers.co.uk", "--name", "Team", "--owner", "eric.brown@greenstonechambers.co.uk")
        self.assertIn(
            "a group's members are its organisation's own",
            self.refused("group", "member", "team@greenstonechambers.co.uk", "listing@crowncourt.example"),
        )
        self.accepted("list", "add", "all@greenstonechambers.co.uk", "--name", "All", "--owner", "eric.brown@greenstonechambers.co.uk")
        self.assertIn(
            "outside of the community", self.refused("list", "member", "all@greenstonechambers.co.uk", "x@outside.example")
        )

    # --- files ---
    def test_csv_shows_the_difference_first_and_is_all_or_nothing(self):
        # What the demo's directory says of this organisation stays.
        exported = self.accepted("directory", "export", "--format", "csv", "--organisation", "greenstone")
        more = exported.rstrip("\r\n") + "\r\n" + "greenstone,user,csv.one@greenstonechambers.co.uk,Csv One" + "," * (
            exported.splitlines()[0].count(",") - 3
        ) + "\r\n"
        path = self.file("people.csv", more)
        told = self.accepted("directory", "import", path, "--dry-run")
        self.assertIn("+ csv.one@greenstonechambers.co.uk (greenstone)", told)
        self.assertIn("would be imported: 1 added", told)
        self.assertEqual([], self.community.postern("user", "list", "csv.one")["entries"])
        self.accepted("directory", "import", path)
        self.assertEqual(1, len(self.community.postern("user", "list", "csv.one")["entries"]))
        again = self.accepted("directory", "import", path, "--dry-run")
        self.assertIn("0 added, 0 changed, 0 removed", again)

    def test_a_file_with_a_few_rows_removes_nobody_unasked(self):
        path = self.file("few.csv", "organisation,address,name\ngreenstone,few@greenstonechambers.co.uk,Few\n")
        before = self.community.postern("status")["directory"]["active"]
        told = self.refused("directory", "import", path)
        for part in ("of greenstone stand in the directory and not in the file", "@greenstonechambers.co.uk", "--remove"):
            self.assertIn(part, told)
        self.assertIn("asked for with --remove", self.accepted("directory", "import", path, "--dry-run"))
        self.assertEqual(before, self.community.postern("status")["directory"]["active"])
        self.assertNotIn("asked for", self.accepted("directory", "import", path, "--dry-run", "--remove"))

    def test_bad_files_are_refused_with_place_cause_and_remedy(self):
        head = "organisation,address,name\n"
        one = "greenstone,fine@greenstonechambers.co.uk,Fine\n"
        for text, parts in (
            (head + one + "greenstone,evil@greenstonechambers.co.uk,=1+1\n", ("line 3", "formula", "'")),
            (head.encode() + b"greenstone,a@greenstonechambers.co.uk,Fran\xe7ois\n", ("line 2", "UTF-8")),
            (head + one + one.replace("Fine", "Again"), ("line 3", "stands already in line 2")),
            (head + "greenstone,a@crowncourt.example,A\n", ("line 2", "not in a domain")),
            (head + 'greenstone,a@greenstonechambers.co.uk,"A\n', ("line 2", "never closed")),
        ):
            told = self.refused("directory", "import", self.file("bad.csv", text))
            for part in parts:
                self.assertIn(part, told)
        self.assertEqual([], self.community.postern("user", "list", "fine")["entries"])

    def test_an_export_as_yaml_is_what_an_import_reads(self):
        path = self.community.folder / "export.yaml"
        self.accepted("directory", "export", "--out", path)
        self.assertIn("0 added, 0 changed, 0 removed", self.accepted("directory", "import", path, "--dry-run"))

    def test_many_are_added_with_letters(self):
        names = self.file("names.txt", "Anna Smith\nÉric O'Hara\nJo Li\n")
        letters = self.community.folder / "letters.html"
        told = self.accepted("user", "bulk-add", names, "--organisation", "greenstone", "--dry-run")
        self.assertIn("would add 3 people", told)
        told = self.accepted("user", "bulk-add", names, "--organisation", "greenstone", "--letters", letters)
        self.assertIn("added 3 people", told)
        page = letters.read_text()
        self.assertEqual(3, page.count("<section>"))
        self.assertIn("eric.ohara@greenstonechambers.co.uk.cjsm.net", page)
        self.assertIn("anna.smith.greenstone", page)
        passwords = re.findall(r"<code>(\w{4}-\w{4}-\w{4}-\w{4})</code>", page)
        self.assertEqual(3, len(set(passwords)))
        self.assertEqual(0o600, letters.stat().st_mode & 0o777)
        self.assertEqual("invited", self.community.postern("user", "show", "jo.li@greenstonechambers.co.uk")["status"])
        for password in passwords:  # kept nowhere but on the letter
            self.assertNotIn(password.encode(), (self.community.folder / "spool" / "directory.db").read_bytes())
        too_many = self.file("many.txt", "".join(f"Person Number{i}\n" for i in range(501)))
        self.assertIn("at most 500", self.refused("user", "bulk-add", too_many, "--organisation", "greenstone"))

    # --- roles ---
    def test_who_may_what_is_decided_in_one_place_and_denials_are_on_record(self):
        clerk, helper = "clerk@greenstonechambers.co.uk", "helper@greenstonechambers.co.uk"
        for address in (clerk, helper):
            self.accepted("user", "add", address, "--name", "A Person")
        as_clerk = ("--for", clerk)
        self.accepted(*as_clerk, "user", "add", "new.one@greenstonechambers.co.uk", "--name", "New One")
        told = self.refused(*as_clerk, "user", "add", "new.one@smithsolicitors.co.uk", "--name", "New One")
        self.assertIn("not permitted", told)
        self.assertIn("not permitted", self.refused(*as_clerk, "queue", "list"))
        self.assertIn("not permitted", self.refused(*as_clerk, "reload"))
        self.assertIn("not permitted", self.refused(*as_clerk, "user", "grant", clerk, "service_administrator"))
        self.assertIn("not permitted", self.refused("--for", helper, "user", "edit", clerk, "--name", "Other"))
        denied = self.audit("--outcome", "denied")
        self.assertIn("add_user", [record["act"] for record in denied])
        self.assertTrue(any(record["actor"] == f"{clerk} (by root)" or "(by " in record["actor"] for record in denied))

        why = self.accepted("may", clerk, "add_user", "greenstone")
        self.assertRegex(why, r"yes: .*\(permissions\.yaml:\d+ organisation_administrator\)")
        self.assertTrue(self.said_no(clerk, "add_user", "smith").startswith("no: "))
        self.accepted("user", "grant", helper, "helpdesk")
        self.assertTrue(self.accepted("may", helper, "reset_password", "admin@smithsolicitors.co.uk").startswith("yes"))
        self.assertTrue(self.said_no(helper, "reset_password", clerk).startswith("no"))  # holds a role
        self.accepted("user", "suspend", helper)
        self.assertTrue(self.said_no(helper, "find_user").startswith("no"))
        self.assertIn("did you mean", self.refused("may", helper, "reset_pasword"))

    def test_ex_directory_people_are_seen_by_administrators_only(self):
        ordinary = "ordinary@greenstonechambers.co.uk"
        self.accepted("user", "add", ordinary, "--name", "Ordinary User")
        hidden = "safety@victimcare.example"
        self.accepted("function", "show", hidden)
        told = self.refused("--for", ordinary, "function", "show", hidden)
        self.assertEqual(told.replace("nobody-here", "safety"), self.refused("--for", ordinary, "function", "show", "nobody-here@victimcare.example").replace("nobody-here", "safety"))
        self.assertEqual([], self.community.postern("--for", ordinary, "function", "list", "safety")["entries"])

    def test_people_see_what_became_of_their_own_mail_and_administrators_their_organisations(self):
        eric, other = "eric.brown@greenstonechambers.co.uk", "other@greenstonechambers.co.uk"
        clerk = "clerks@greenstonechambers.co.uk"
        self.accepted("user", "add", other, "--name", "Other")
        listing = "listing@crowncourt.example.cjsm.net"
        self.community.send("greenstone", eric, listing, make_message(eric, listing, "Mine"))
        self.community.send("greenstone", other, listing, make_message(other, listing, "Not mine"))
        self.community.wait_empty()
        senders = lambda *who: {t["message"]["sender"] for t in self.community.trace(*who)}
        self.assertEqual({eric + ".cjsm.net", other + ".cjsm.net"}, senders())
        self.assertEqual({eric + ".cjsm.net"}, {t["message"]["sender"] for t in self.community.postern("--for", eric, "trace")["messages"]})
        seen = {t["message"]["sender"] for t in self.community.postern("--for", clerk, "trace")["messages"]}
        self.assertEqual({eric + ".cjsm.net", other + ".cjsm.net"}, seen)
        control = self.community.postern("--for", "control@northshire.police.example", "trace")["messages"]
        self.assertEqual([], control)

    # --- the audit ---
    def test_the_audit_holds_and_forgery_is_found_out(self):
        self.accepted("user", "add", "audited@greenstonechambers.co.uk", "--name", "Audited")
        head, key = self.file("heads", self.accepted("audit", "head")), self.file("key", self.accepted("audit", "key"))
        export = self.community.folder / "audit.jsonl"
        self.accepted("audit", "export", "--out", export)
        verify = ("audit", "verify", export, "--heads", head, "--public-key", key)
        self.assertIn("1 signed heads fit", self.accepted(*verify))
        self.assertIn("hold", self.accepted("audit", "verify"))
        text = export.read_text()
        export.write_text(text.replace("audited@", "innocent@"))
        self.assertIn("does not fit its hash", self.refused(*verify))
        export.write_text("".join(text.splitlines(True)[:-4]))  # further back than the head
        self.assertIn("cut off", self.refused(*verify))
        self.assertTrue(any(line.get("event") == "audit head" for line in self.community.log()))

    def test_reloads_stand_in_the_audit(self):
        self.accepted("reload")
        self.assertEqual("reload", self.audit("--act", "apply_policy")[0]["target"].split()[0])


class PowerLoss(CommunityTest):
    def test_an_import_that_a_kill_interrupts_is_whole_or_not_at_all(self):
        rows = "".join(f"greenstone,p{i}@greenstonechambers.co.uk,Person {i}\n" for i in range(20000))
        path = self.community.folder / "large.csv"
        path.write_text("organisation,address,name\n" + rows)
        before = self.community.postern("status")["directory"]["entries"]
        importing = subprocess.Popen(
            [str(self.community.bin / "postern"), "--socket", str(self.community.socket), "directory", "import", "--remove", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(
            lambda: self.community.postern("status") is not None and b"writing" in self.progress(), 60, "it to write"
        )
        self.community.kill()
        importing.wait(30)
        self.community.start()
        after = self.community.postern("status")["directory"]["entries"]
        self.assertIn(after, (before, before + 20000))
        self.community.postern("directory", "import", "--remove", path)
        self.assertEqual(before + 20000, self.community.postern("status")["directory"]["entries"])

    def progress(self):
        import http.client
        import socket

        connection = http.client.HTTPConnection("postern")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.community.socket))
        connection.request("GET", "/v1/directory/import")
        answer = connection.getresponse().read()
        connection.close()
        if b"writing" not in answer and b"comparing" not in answer and b'"phase":""' in answer:
            # It may be over before we look: then there is nothing left to interrupt.
            if self.community.postern("status")["directory"]["entries"] > 20000:
                return b"writing"
        return answer


if __name__ == "__main__":
    unittest.main()
