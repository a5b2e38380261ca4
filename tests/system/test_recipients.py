"""Refused recipients: the text tells the sender how to address a member."""
import unittest

from harness import CUSTODY_INSIDE, ERIC, LISTING, LISTING_INSIDE, SAFETY_INSIDE, CommunityTest, make_message
from harness.community import until


class Recipients(CommunityTest):
    def rcpt(self, recipient, organisation="crown-court", sender=LISTING):
        with self.community.client(organisation) as client:
            self.assertReply(client.mail(sender), 250)
            return client.rcpt(recipient)

    def test_an_unknown_recipient_is_refused_with_a_suggestion(self):
        self.assertReply(
            self.rcpt("eric.browne@greenstonechambers.co.uk.cjsm.net"),
            "550 5.1.1",
            "did you mean",
            "eric.brown@greenstonechambers.co.uk.cjsm.net",
        )

    def test_a_member_that_takes_any_address_refuses_none_here(self):
        self.assertReply(self.rcpt("whoever@crowncourt.example.cjsm.net", "greenstone", ERIC), 250)

    def test_a_missing_suffix_is_named(self):
        self.assertReply(self.rcpt(ERIC), "550 5.1", ERIC + ".cjsm.net")

    def test_outside_the_community_is_refused(self):
        self.assertReply(self.rcpt("someone@outside.example"), "550 5.7", "outside")
        self.assertReply(self.rcpt("someone@outside.example.cjsm.net"), "550 5.1")

    def test_an_ex_directory_person_is_reachable_and_never_suggested(self):
        self.assertReply(self.rcpt(SAFETY_INSIDE), 250)
        reply = self.rcpt(SAFETY_INSIDE.replace("safety", "safetty"))
        self.assertReply(reply, "550 5.1.1")
        self.assertNotIn("safety@", reply.text)

    def test_malformed_addresses_get_a_clear_answer(self):
        with self.community.client("crown-court") as client:
            for line in (
                "RCPT TO:<a@b.example",
                "RCPT TO:a b",
                "RCPT TO:<>",
                "RCPT TO:<@>",
                "RCPT TO:<a@-b.example>",
                "RCPT TO:<" + "a" * 65 + "@greenstonechambers.co.uk.cjsm.net>",
                "RCPT TO:<a@b> NOTIFY=SOMETIMES",
                "RCPT TO:<a@" + "b." * 200 + "example>",
            ):
                with self.subTest(line[:40]):
                    client.command("RSET")
                    self.assertReply(client.mail(LISTING), 250)
                    self.assertEqual(5, client.command(line).code // 100)

    def suspend(self, kind, end=3600):
        end_text = f", until: {until(end)}" if end else ""
        self.community.policy.organisation(
            "northshire-police", "suspended", f'{{ kind: {kind}, reason: "new servers being installed"{end_text} }}'
        )
        self.community.reload()
        self.addCleanup(self.resume)

    def resume(self):
        self.community.policy.organisation("northshire-police", "suspended", None)
        self.community.reload()

    def test_an_outage_holds_mail_tells_the_sender_and_ends(self):
        self.suspend("outage")
        content = make_message(LISTING, CUSTODY_INSIDE, "During an outage")
        self.assertReply(self.community.send("crown-court", LISTING, CUSTODY_INSIDE, content), 250)
        self.stays_away(self.police, "During an outage", 2)
        notice = self.court.wait(1)[0]
        self.assertIn("new servers being installed", " ".join(notice.content.decode().split()))
        self.resume()
        self.arrives(self.police, "During an outage")

    def test_a_sanction_refuses_mail_for_it_and_from_it(self):
        self.suspend("sanction", None)
        reply = self.rcpt(CUSTODY_INSIDE)
        self.assertReply(reply, "550 5.", "suspended")
        self.assertNotIn("new servers", reply.text)
        with self.community.client("northshire-police") as client:
            self.assertEqual(5, client.mail("custody@northshire.police.example").code // 100)

    def with_people(self, *entries):
        """The demo's directory with more people at Greenstone Chambers, as a file to import."""
        text = self.community.policy.read("directory.yaml")
        place = text.index("      - { address: eric.brown@")
        added = "".join(f"      - {{ {entry} }}\n" for entry in entries)
        file = self.community.folder / "people.yaml"
        file.write_text(text[:place] + added + text[place:])
        return file

    def test_a_suspended_or_removed_person_is_refused_and_never_suggested(self):
        self.community.import_directory(
            self.with_people(
                "address: anna.grey@greenstonechambers.co.uk, name: Anna Grey, status: suspended",
                "address: bert.gold@greenstonechambers.co.uk, name: Bert Gold, status: removed",
            )
        )
        self.assertEqual(5, self.rcpt("anna.grey@greenstonechambers.co.uk.cjsm.net").code // 100)
        self.assertEqual(5, self.rcpt("bert.gold@greenstonechambers.co.uk.cjsm.net").code // 100)
        self.assertNotIn("anna.grey@", self.rcpt("anna.gray@greenstonechambers.co.uk.cjsm.net").text)

    def test_one_who_moved_is_named_with_the_new_address(self):
        self.community.import_directory(
            self.with_people(
                "address: cora.lind@greenstonechambers.co.uk, name: Cora Lind, status: removed, "
                "moved_to: cora.lind@smithsolicitors.co.uk.cjsm.net"
            )
        )
        self.assertReply(
            self.rcpt("cora.lind@greenstonechambers.co.uk.cjsm.net"), 55, "cora.lind@smithsolicitors.co.uk.cjsm.net"
        )

    def test_importing_with_dry_run_changes_nothing(self):
        file = self.with_people("address: dora.dry@greenstonechambers.co.uk, name: Dora Dry, status: active")
        self.community.postern("directory", "import", file, "--dry-run")
        self.assertReply(self.rcpt("dora.dry@greenstonechambers.co.uk.cjsm.net"), "550 5.1.1")
        self.community.import_directory(file)
        self.assertReply(self.rcpt("dora.dry@greenstonechambers.co.uk.cjsm.net"), 250)


class AskedMember(CommunityTest):
    """users: ask: the member's own server knows."""

    @classmethod
    def prepare(cls, community):
        community.policy.organisation("crown-court", "users", "ask")

    def rcpt(self, recipient):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            return client.rcpt(recipient)

    def test_a_yes_counts_and_is_remembered(self):
        self.assertReply(self.rcpt("asked@crowncourt.example.cjsm.net"), 250)
        asked = [c for _, c in self.court.commands if c.upper().startswith("RCPT")]
        self.assertReply(self.rcpt("asked@crowncourt.example.cjsm.net"), 250)
        self.assertEqual(1, len(asked))
        self.assertEqual(asked, [c for _, c in self.court.commands if c.upper().startswith("RCPT")])

    def test_a_no_is_passed_on(self):
        self.court.order("rcpt", "550 5.1.1 never heard of", matching="nobody@")
        self.assertReply(self.rcpt("nobody@crowncourt.example.cjsm.net"), "550 5.1.1")

    def test_an_unavailable_server_defers(self):
        self.court.order("rcpt", "451 4.3.0 later", matching="perhaps@")
        self.assertEqual(4, self.rcpt("perhaps@crowncourt.example.cjsm.net").code // 100)


if __name__ == "__main__":
    unittest.main()
