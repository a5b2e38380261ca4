"""Who may enter, and as whom: strangers, TLS, senders, From, the null sender."""
import unittest

from harness import (
    CUSTODY_INSIDE,
    ERIC,
    ERIC_INSIDE,
    LISTING,
    LISTING_INSIDE,
    Authority,
    CommunityTest,
    MemberClient,
    make_message,
)


class Entry(CommunityTest):
    def test_a_stranger_gets_a_polite_550_and_learns_nothing(self):
        with MemberClient(self.community.port, "127.0.0.99", helo="mail.stranger.example") as client:
            client.hello()
            replies = [
                client.mail("x@stranger.example"),
                client.rcpt(LISTING_INSIDE),
                client.command(f"EXPN {LISTING}"),
            ]
            # the same for every address, and so no information
            self.assertEqual(client.command(f"VRFY {LISTING}").text, client.command("VRFY x@y.example").text)
            self.assertReply(replies[0], "550 5.7.1")
            for reply in replies:
                self.assertNotIn(reply.code, (250, 251, 252))
                for word in ("crown", "court", "greenstone", "organisation:"):
                    self.assertNotIn(word, reply.text.lower().replace(LISTING, ""))

    def test_the_right_network_without_the_certificate_is_a_stranger(self):
        with self.community.client("greenstone", certificate=None) as client:
            self.assertReply(client.mail(ERIC), "550 5.7.1")

    def test_the_right_certificate_from_another_network_is_a_stranger(self):
        with self.community.client("greenstone", source="127.0.0.98") as client:
            self.assertReply(client.mail(ERIC), "550 5.7.1")

    def test_another_authoritys_certificate_for_the_same_name_is_a_strangers(self):
        other = Authority(self.community.folder / "other-ca", "Somebody else")
        forged = other.issue("mail.greenstonechambers.co.uk", self.community.folder / "forged")
        with self.community.client("greenstone", certificate=forged) as client:
            self.assertReply(client.mail(ERIC), "550 5.7.1")

    def test_a_member_without_tls_is_asked_for_it(self):
        with self.community.client("greenstone", hello=False) as client:
            client.ehlo()
            self.assertIn("STARTTLS", client.offered)
            self.assertNotIn("REQUIRETLS", client.offered)
            self.assertReply(client.mail(ERIC), "530 5.7.0", "starttls")

    def test_ehlo_under_tls_offers_everything_and_no_second_starttls(self):
        with self.community.client("greenstone") as client:
            self.assertEqual(
                {"SIZE", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN", "REQUIRETLS"},
                set(client.offered),
            )
            self.assertEqual(str(10 << 20), client.offered["SIZE"])

    def test_nothing_said_before_starttls_counts_after_it(self):
        with self.community.client("greenstone", hello=False) as client:
            client.ehlo()
            client.starttls()
            self.assertReply(client.mail(ERIC), 503)

    def test_commands_smuggled_behind_starttls_are_not_obeyed(self):
        with self.community.client("greenstone", hello=False) as client:
            client.ehlo()
            client.send(b"STARTTLS\r\nEHLO injected.example\r\nMAIL FROM:<" + ERIC.encode() + b">\r\n")
            try:
                reply = client.read()
                if reply.code == 220:  # the rest is thrown away: after the handshake nobody has said EHLO
                    client.buffer = b""
                    client.socket = client.certificate.client_context().wrap_socket(client.socket)
                    self.assertReply(client.rcpt(LISTING_INSIDE), 503)
                else:
                    self.assertIn(reply.code // 100, (4, 5))
            except (EOFError, OSError):
                pass  # hanging up is an answer too

    def test_a_sender_of_another_organisation_is_refused(self):
        with self.community.client("greenstone") as client:
            self.assertReply(client.mail("someone@outside.example"), "550 5.7.1")
            self.assertReply(client.mail(ERIC), 250)
        # Another member's address is judged with the content in hand, which may be a loop or a redirect.
        for forged in (LISTING, LISTING_INSIDE):
            for named in (LISTING, ERIC):
                content = make_message(named, CUSTODY_INSIDE, "In another's name")
                self.assertReply(self.community.send("greenstone", forged, CUSTODY_INSIDE, content), "550 5.7.1")

    def refused_for_from(self, header):
        content = make_message(ERIC, LISTING_INSIDE, "From rules").replace(f"From: {ERIC}\r\n".encode(), header)
        reply = self.community.send("greenstone", ERIC, LISTING_INSIDE, content)
        self.assertReply(reply, "550 5.7.1", "from")

    def test_from_must_be_one_address_of_the_member(self):
        for header in (
            b"",
            b"From: " + LISTING.encode() + b"\r\n",
            b"From: friends: a@greenstonechambers.co.uk;\r\n",
            f"From: {ERIC}, clerks@greenstonechambers.co.uk\r\n".encode(),
            f"From: {ERIC}\r\nFrom: {LISTING}\r\n".encode(),
            b"From: nobody\r\n",
        ):
            with self.subTest(header):
                self.refused_for_from(header)
        self.assertEqual([], self.court.messages)

    def test_policy_may_let_from_differ(self):
        self.community.policy.organisation("greenstone", "from_must_agree", "false")
        self.community.reload()
        try:
            content = make_message("scanner@elsewhere.example", LISTING_INSIDE, "From differs")
            self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content), 250)
        finally:
            self.community.policy.organisation("greenstone", "from_must_agree", None)
            self.community.reload()

    # --- the null sender ---
    def null(self, recipients, **headers):
        headers = {"From": ERIC} | headers
        content = make_message(headers.pop("From"), LISTING_INSIDE, "From nobody", **headers)
        return self.community.send("greenstone", "", recipients, content)

    def test_an_automatic_message_may_have_the_null_sender(self):
        self.assertReply(self.null(LISTING_INSIDE, Auto_Submitted="auto-replied"), 250)
        self.assertEqual("", self.arrives(self.court, "From nobody").sender)

    def test_a_report_may_have_the_null_sender(self):
        report = b"\r\n".join(
            (
                b"From: postmaster@greenstonechambers.co.uk",
                b"To: " + LISTING_INSIDE.encode(),
                b"Subject: Report",
                b"MIME-Version: 1.0",
                b'Content-Type: multipart/report; report-type=delivery-status; boundary="x"',
                b"",
                b"--x",
                b"",
                b"Sorry.",
                b"--x",
                b"Content-Type: message/delivery-status",
                b"",
                b"Reporting-MTA: dns; mail.greenstonechambers.co.uk",
                b"",
                b"Final-Recipient: rfc822; a@b.example",
                b"Action: failed",
                b"Status: 5.1.1",
                b"",
                b"--x--",
                b"",
            )
        )
        self.assertReply(self.community.send("greenstone", "", LISTING_INSIDE, report), 250)
        self.arrives(self.court, "Report")

    def test_ordinary_mail_with_the_null_sender_is_refused_after_the_content(self):
        self.assertReply(self.null(LISTING_INSIDE), "550 5.7.1")

    def test_the_null_sender_has_one_recipient(self):
        reply = self.null([LISTING_INSIDE, "other@crowncourt.example.cjsm.net"], Auto_Submitted="auto-replied")
        self.assertIn(reply.code // 100, (4, 5))

    def test_the_null_sender_needs_a_from_of_that_member(self):
        self.assertReply(self.null(LISTING_INSIDE, Auto_Submitted="auto-replied", From=LISTING), "550 5.7.1")

    def test_a_call_out_is_answered(self):
        with self.community.client("crown-court") as client:
            self.assertReply(client.mail(""), 250)
            self.assertReply(client.rcpt(ERIC_INSIDE), 250)
            self.assertReply(client.command("RSET"), 250)
            self.assertReply(client.mail(""), 250)
            self.assertReply(client.rcpt("nobody@greenstonechambers.co.uk.cjsm.net"), "550 5.1.1")


class CallOuts(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.write_node(limits="{ call_outs: 5 per minute }")

    def test_many_call_outs_are_slowed_down_but_mail_is_not(self):
        replies = []
        with self.community.client("crown-court") as client:
            for _ in range(8):
                client.mail("")
                replies.append(client.rcpt(ERIC_INSIDE).code)
                client.command("RSET")
        self.assertEqual([250] * 5, replies[:5])
        self.assertEqual(4, replies[-1] // 100)
        self.assertReply(
            self.community.send("crown-court", LISTING, ERIC_INSIDE, make_message(LISTING, ERIC_INSIDE)), 250
        )


if __name__ == "__main__":
    unittest.main()
