"""The suffix: put on and taken off in envelope and headers, so that replying just works."""
import re
import unittest

from harness import (
    ADMIN_INSIDE,
    CLERKS,
    CUSTODY,
    CUSTODY_INSIDE,
    ERIC,
    ERIC_INSIDE,
    LISTING,
    LISTING_INSIDE,
    OFFICE_INSIDE,
    CommunityTest,
    make_message,
)


class Addresses(CommunityTest):
    def send(self, organisation, sender, recipients, subject, to=None, **headers):
        recipients = [recipients] if isinstance(recipients, str) else recipients
        content = make_message(headers.pop("From", sender), to or ", ".join(recipients), subject, **headers)
        self.assertReply(self.community.send(organisation, sender, recipients, content), 250)

    def test_a_reply_to_what_arrived_comes_back(self):
        self.send("greenstone", ERIC, LISTING_INSIDE, "There")
        there = self.arrives(self.court, "There")
        self.send("crown-court", LISTING, there.header("From"), "Re: " + there.header("Subject"))
        back = self.arrives(self.greenstone, "There")
        self.assertEqual([ERIC], back.recipients)
        self.assertEqual(LISTING_INSIDE, back.header("From"))
        self.assertEqual("CJSM: Re: There", back.header("Subject"))

    def test_every_field_with_a_members_own_address_gets_the_suffix(self):
        fields = (
            "Sender",
            "Reply-To",
            "Cc",
            "Resent-From",
            "Resent-To",
            "Mail-Followup-To",
            "Disposition-Notification-To",
            "Return-Receipt-To",
        )
        self.send("greenstone", ERIC, LISTING_INSIDE, "Fields", **{name.replace("-", "_"): CLERKS for name in fields})
        message = self.arrives(self.court, "Fields")
        for name in fields:
            self.assertEqual(CLERKS + ".cjsm.net", message.header(name), name)

    def test_another_members_address_keeps_its_suffix_and_ones_own_loses_it(self):
        self.send("greenstone", ERIC, [LISTING_INSIDE, CUSTODY_INSIDE], "Two members")
        court, police = self.arrives(self.court, "Two members"), self.arrives(self.police, "Two members")
        self.assertEqual(f"{LISTING}, {CUSTODY_INSIDE}", court.header("To"))
        self.assertEqual(f"{LISTING_INSIDE}, {CUSTODY}", police.header("To"))
        self.assertEqual([LISTING], court.recipients)
        self.assertEqual([CUSTODY], police.recipients)

    def test_an_address_that_has_the_suffix_gets_no_second_one(self):
        self.send("greenstone", ERIC_INSIDE, LISTING_INSIDE, "Once")
        message = self.arrives(self.court, "Once")
        self.assertEqual((ERIC_INSIDE, ERIC_INSIDE), (message.sender, message.header("From")))

    def test_case_is_ignored_and_kept(self):
        self.send("greenstone", "Eric.Brown@GreenstoneChambers.co.uk", "Listing@CrownCourt.example.CJSM.NET", "Case")
        message = self.arrives(self.court, "Case")
        self.assertEqual(["Listing@CrownCourt.example"], message.recipients)
        self.assertEqual("Eric.Brown@GreenstoneChambers.co.uk.cjsm.net", message.sender)

    def test_names_comments_and_folding_around_an_address_stay(self):
        self.send(
            "greenstone",
            ERIC,
            LISTING_INSIDE,
            "Names",
            From=f'"Brown, Eric" <{ERIC}> (chambers)',
            Cc=f"=?utf-8?q?Cl=C3=A9rks?= <{CLERKS}>,\r\n other@outside.example",
        )
        message = self.arrives(self.court, "Names")
        self.assertEqual(f'"Brown, Eric" <{ERIC_INSIDE}> (chambers)', message.header("From"))
        self.assertIn(
            b"=?utf-8?q?Cl=C3=A9rks?= <" + CLERKS.encode() + b".cjsm.net>,\r\n other@outside.example\r\n",
            message.content,
        )

    def test_a_hosted_mailbox_gets_addresses_unstripped_and_no_tag(self):
        self.send("greenstone", ERIC, OFFICE_INSIDE, "Hosted")
        message = self.arrives(self.hosted, "Hosted")
        self.assertEqual([OFFICE_INSIDE], message.recipients)
        self.assertEqual("Hosted", message.header("Subject"))
        self.assertEqual(OFFICE_INSIDE, message.header("To"))
        self.assertEqual(ERIC_INSIDE, message.header("From"))

    def test_a_group_mailbox_is_an_address_like_any_other(self):
        self.send("crown-court", LISTING, ADMIN_INSIDE, "Group")
        self.assertEqual([ADMIN_INSIDE], self.arrives(self.hosted, "Group").recipients)

    def test_mail_within_one_organisation_is_carried(self):
        self.send("greenstone", ERIC, CLERKS + ".cjsm.net", "Within")
        self.assertEqual([CLERKS], self.arrives(self.greenstone, "Within").recipients)

    def test_the_subject_is_tagged_once_in_whatever_form(self):
        # tagging.yaml takes the tag off on entry and puts it on again for whom it is due
        for number, (given, expected) in enumerate(
            (
                ("Plain {}", "CJSM: Plain {}"),
                ("CJSM: Had {}", "CJSM: Had {}"),
                ("Re: CJSM: Reply {}", "CJSM: Re: Reply {}"),
                ("AW: cjsm: Antwort {}", "CJSM: AW: Antwort {}"),
                ("Fwd: Re: CJSM: Both {}", "CJSM: Fwd: Re: Both {}"),
            )
        ):
            with self.subTest(given):
                mark = f"number{number}"
                self.send("greenstone", ERIC, LISTING_INSIDE, given.format(mark))
                self.assertEqual(expected.format(mark), self.arrives(self.court, mark).header("Subject"))

    def test_a_hosted_mailbox_sees_no_tag_in_a_reply_either(self):
        self.send("greenstone", ERIC, OFFICE_INSIDE, "Re: CJSM: Untagged")
        self.assertEqual("Re: Untagged", self.arrives(self.hosted, "Untagged").header("Subject"))

    def test_a_tag_that_stays_is_not_put_on_twice(self):
        text = self.community.policy.read("tagging.yaml")
        self.community.policy.edit("tagging.yaml", "remove_on_entry: true", "remove_on_entry: false")
        self.community.reload()
        try:
            for given in ("Re: CJSM: Kept one", "AW: cjsm: Kept two", "CJSM: Kept three"):
                self.send("greenstone", ERIC, LISTING_INSIDE, given)
                self.assertEqual(given, self.arrives(self.court, given[-5:]).header("Subject"))
        finally:
            self.community.policy.write("tagging.yaml", text)
            self.community.reload()

    def test_an_encoded_subject_stays_readable_and_is_tagged_once(self):
        import email.header

        for given in ("=?utf-8?q?Anh=C3=B6rung_encoded?=", "=?utf-8?q?Re=3A_CJSM=3A_Anh=C3=B6rung_encoded?="):
            with self.subTest(given):
                self.court.messages.clear()
                self.send("greenstone", ERIC, LISTING_INSIDE, given)
                raw = self.court.wait()[0].header("Subject")
                text = "".join(
                    part.decode(charset or "ascii") if isinstance(part, bytes) else part
                    for part, charset in email.header.decode_header(raw)
                )
                self.assertEqual(1, len(re.findall("CJSM", text)), text)
                self.assertIn("Anhörung encoded", text)

    def test_a_message_without_subject_gets_one_or_none_but_arrives(self):
        content = make_message(ERIC, LISTING_INSIDE, Subject=None, X_Mark="no-subject").replace(
            b"Subject: A test\r\n", b""
        )
        self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content), 250)
        self.assertEqual("no-subject", self.court.wait()[0].header("X-Mark"))

    def test_headers_that_only_postern_may_write_are_removed_on_entry(self):
        self.send(
            "greenstone",
            ERIC,
            LISTING_INSIDE,
            "Forged",
            Authentication_Results="mx.cjsm.net; dkim=pass",
            X_Secure_Email="generation=999",
            X_Other="stays",
        )
        message = self.arrives(self.court, "Forged")
        self.assertEqual([], [v for v in message.headers("Authentication-Results") if "dkim=pass" in v])
        self.assertEqual(1, len(message.headers("X-Secure-Email")))
        self.assertNotIn("999", message.header("X-Secure-Email"))
        self.assertEqual("stays", message.header("X-Other"))

    def test_a_domain_may_have_another_name_inside(self):
        police = self.community.members["northshire-police"]
        file = self.community.policy.organisation_file("northshire-police")
        before = self.community.policy.read(file)
        try:
            self.community.policy.set(
                file, "domains", f"\n  - {{ domain: {police.domain}, secure: northshire.cjsm.net }}"
            )
            self.community.reload()
            self.send("northshire-police", CUSTODY, LISTING_INSIDE, "Mapped")
            self.assertEqual("custody@northshire.cjsm.net", self.arrives(self.court, "Mapped").sender)
            self.send("crown-court", LISTING, "custody@northshire.cjsm.net", "Back")
            self.assertEqual([CUSTODY], self.arrives(self.police, "Back").recipients)
        finally:
            self.community.policy.write(file, before)
            self.community.reload()


if __name__ == "__main__":
    unittest.main()
