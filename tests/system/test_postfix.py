# builds: asan release
"""A real Postfix as a member's mail server: mail passes both ways over verified TLS, and so do reports."""
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest, PostfixMember, make_message


class Postfix(CommunityTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boxes = {}
        for organisation in ("greenstone", "crown-court"):
            member = cls.community.members[organisation]
            box = PostfixMember(
                member.name, member.domain, member.source, member.certificate, cls.community.port
            ).start()
            cls.addClassCleanup(box.stop)
            cls.boxes[organisation] = box
            cls.community.deliver_to(organisation, box.port)
        cls.community.reload()

    def arrives_at(self, organisation, subject):
        import re

        box, count = self.boxes[organisation], 1
        while True:
            for text in box.wait_mail(count):
                if re.search(rb"(?m)^Subject:.*" + subject.encode(), text):
                    return text
            count = len(box.mail()) + 1

    def test_postfix_to_postfix_and_back(self):
        greenstone, court = self.boxes["greenstone"], self.boxes["crown-court"]
        greenstone.submit(ERIC, [LISTING_INSIDE], make_message(ERIC, LISTING_INSIDE, "Through Postfix"))
        there = self.arrives_at("crown-court", "Through Postfix")
        self.assertIn(b"Subject: CJSM: Through Postfix", there)
        self.assertIn(f"From: {ERIC_INSIDE}".encode(), there)
        self.assertIn(b"TLSv1.", there)
        court.submit(LISTING, [ERIC_INSIDE], make_message(LISTING, ERIC_INSIDE, "Re: CJSM: Through Postfix"))
        back = self.arrives_at("greenstone", "CJSM: Re: Through Postfix")
        self.assertIn(f"From: {LISTING_INSIDE}".encode(), back)
        self.assertIn(f"To: {ERIC}".encode(), back)

    def test_postfix_verifies_postern_and_shows_its_certificate(self):
        greenstone = self.boxes["greenstone"]
        greenstone.submit(ERIC, [LISTING_INSIDE], make_message(ERIC, LISTING_INSIDE, "Verified"))
        self.arrives_at("crown-court", "Verified")
        self.assertIn("Verified TLS connection established to 127.0.0.1", greenstone.log())

    def test_an_unknown_recipient_comes_back_with_the_text_that_teaches(self):
        court = self.boxes["crown-court"]
        court.submit(
            LISTING,
            ["eric.browne@greenstonechambers.co.uk.cjsm.net"],
            make_message(LISTING, "eric.browne@greenstonechambers.co.uk.cjsm.net", "Wrong name"),
        )
        bounce = self.arrives_at("crown-court", "Undelivered")
        self.assertIn(b"eric.brown@greenstonechambers.co.uk.cjsm.net", bounce.replace(b"\n    ", b""))

    def test_a_report_asked_of_postfix_comes_back_through_postern(self):
        greenstone = self.boxes["greenstone"]
        greenstone.submit(
            ERIC,
            [LISTING_INSIDE],
            make_message(ERIC, LISTING_INSIDE, "Asked"),
            ["RET=HDRS", "ENVID=ask"],
            ["NOTIFY=SUCCESS"],
        )
        report = self.arrives_at("greenstone", "Successful Mail Delivery Report|Delivery")
        self.assertIn(b"listing@crowncourt.example", report)
        self.assertIn(b"MAILER-DAEMON@mail.crowncourt.example", report)  # in its host's name
        told = self.community.run("trace", "--to", LISTING_INSIDE, "--limit", "1").stdout
        self.assertIn(f"{LISTING_INSIDE}  delivered, reported by crown-court at", told)


if __name__ == "__main__":
    unittest.main()
