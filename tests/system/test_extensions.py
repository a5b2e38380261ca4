# builds: asan release
"""Service extensions from end to end, and byte honesty: what Postern does not change leaves as it came."""
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest, make_message
from harness.member_client import stuff

ODD_BODY = (
    b"--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    + bytes(range(128, 256))
    + b"\r\n"
    + b"l" * 5000
    + b"\r\n"
    + b"trailing spaces  \t \r\n\r\n\r\n.\r\n..\r\n.leading\r\n\x01 control \x7f\r\n"
    + b"--x\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nMIIB\r\n"
    b"--wrong--\r\n\r\n \r\n"
)


class Extensions(CommunityTest):
    def without(self, server, *names):
        def again():
            offer_again()
            # a kept connection remembers what was offered: this message finds it closed and opens another
            self.community.send(
                "greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Another connection")
            )
            self.arrives(server, "Another connection")

        offer_again = server.offer_without(*names)
        self.addCleanup(again)

    # --- bytes ---
    def odd(self, subject):
        head = (
            f"Received: from a by b\r\n\twith odd   folding ; Mon, 1 Jan 2024 00:00:00 +0000\r\nfrom:{ERIC}\r\n"
            f"X-Odd:no space\r\nX-8bit: \u00fc raw\r\nDKIM-Signature: v=1; a=rsa-sha256;\r\n  b=abc\r\n\tdef\r\n"
            f"TO: <{LISTING_INSIDE}>\r\nSubject: {subject}\r\nX-Empty:\r\nMIME-Version: 1.0\r\n"
            "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
            "Message-ID: <odd@greenstonechambers.co.uk>\r\nContent-Type: multipart/mixed;\r\n\tboundary=x\r\n\r\n"
        ).encode()
        return head + ODD_BODY

    def test_the_body_and_every_field_not_edited_leave_as_they_came(self):
        content = self.odd("Odd bytes")
        with self.community.client("greenstone") as client:
            self.assertReply(client.message(ERIC, LISTING_INSIDE, content, "BODY=8BITMIME"), 250)
        message = self.arrives(self.court, "Odd bytes")
        self.assertEqual(ODD_BODY, message.body)
        for field in content.split(b"\r\n\r\n")[0].split(b"\r\nX-Odd")[0:1]:
            self.assertIn(
                b"Received: from a by b\r\n\twith odd   folding ; Mon, 1 Jan 2024 00:00:00 +0000\r\n", message.content
            )
        for field in (
            b"\r\nX-Odd:no space\r\n",
            "\r\nX-8bit: \u00fc raw\r\n".encode(),
            b"\r\nX-Empty:\r\n",
            b"\r\nDKIM-Signature: v=1; a=rsa-sha256;\r\n  b=abc\r\n\tdef\r\n",
            b"\r\nContent-Type: multipart/mixed;\r\n\tboundary=x\r\n",
            f"\r\nfrom:{ERIC_INSIDE}\r\n".encode(),
            f"\r\nTO: <{LISTING}>\r\n".encode(),
        ):
            self.assertIn(field, message.content)
        self.assertEqual("8BITMIME", message.sender_parameters.get("BODY"))

    def test_bdat_and_data_carry_the_same(self):
        content = self.odd("Both ways")
        with self.community.client("greenstone") as client:
            client.message(ERIC, LISTING_INSIDE, content, "BODY=8BITMIME")
            client.mail(ERIC, "BODY=8BITMIME")
            client.rcpt(LISTING_INSIDE)
            self.assertReply(client.bdat(*(content[i : i + 97] for i in range(0, len(content), 97))), 250)
        one, two = self.court.wait(2)[:2]
        self.assertEqual(one.body, two.body)

    def test_an_empty_last_chunk_ends_a_message(self):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            client.rcpt(LISTING_INSIDE)
            self.assertReply(client.bdat(make_message(ERIC, LISTING_INSIDE, "Empty last"), b""), 250)
        self.arrives(self.court, "Empty last")

    def test_eight_bit_mail_for_a_seven_bit_server_comes_back_rather_than_being_changed(self):
        self.without(self.court, "8BITMIME")
        self.community.send("greenstone", ERIC, LISTING_INSIDE, self.odd("Too many bits"), mail="BODY=8BITMIME")
        report = self.greenstone.wait_for(lambda m: m.sender == "" and b"Too many bits" in m.content)
        self.assertIn(b"5.6.", report.content)
        self.stays_away(self.court, "Too many bits")

    # --- commands ---
    def test_commands_may_come_in_one_packet(self):
        content = make_message(ERIC, LISTING_INSIDE, "Pipelined")
        with self.community.client("greenstone") as client:
            client.send(
                f"MAIL FROM:<{ERIC}>\r\nRCPT TO:<{LISTING_INSIDE}>\r\nRCPT TO:<nobody@outside.example>\r\n"
                "DATA\r\n".encode()
            )
            self.assertEqual([250, 250, 550, 354], [client.read().code for _ in range(4)])
            client.send(stuff(content) + b"NOOP\r\nQUIT\r\n")
            self.assertEqual([250, 250, 221], [client.read().code for _ in range(3)])
        self.arrives(self.court, "Pipelined")

    def test_data_after_only_refused_recipients_is_refused(self):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            client.rcpt("nobody@outside.example")
            self.assertIn(client.command("DATA").code, (503, 554))

    def test_commands_out_of_order_and_nonsense_get_clear_answers(self):
        with self.community.client("greenstone") as client:
            for line, code in (
                ("DATA", 503),
                ("RCPT TO:<a@b>", 503),
                ("BOGUS", 500),
                ("MAIL", 501),
                ("MAIL FROM:", 501),
                ("MAIL FROM:<a b@c>", 501),
                ("NOOP anything", 250),
                ("RSET", 250),
                ("HELP", 214),
                ("AUTH PLAIN x", 502),
                ("VRFY eric.brown", 252),
            ):
                with self.subTest(line):
                    self.assertEqual(code // 100, client.command(line).code // 100, line)
            self.assertReply(client.command(b"\xff\xfe\x00 nonsense"), 5)
            self.assertReply(client.command("X" * 100_000), 5)
            self.assertReply(client.command("NOOP"), 250)

    def test_a_chunk_whose_size_cannot_be_known_ends_the_connection(self):
        for line in ("BDAT", "BDAT x LAST"):
            with self.subTest(line), self.community.client("greenstone") as client:
                self.assertEqual(5, client.command(line).code // 100)
                with self.assertRaises((EOFError, OSError)):
                    client.command("NOOP")

    def test_a_nul_is_refused_and_its_line_named(self):
        content = make_message(ERIC, LISTING_INSIDE, "NUL", b"one\r\ntwo\0\r\n")
        reply = self.community.send("greenstone", ERIC, LISTING_INSIDE, content)
        self.assertReply(reply, "550 5.6.0", "line 8", "NUL")

    # --- REQUIRETLS ---
    def test_requiretls_travels_to_a_server_that_speaks_it(self):
        self.community.send(
            "greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Require"), mail="REQUIRETLS"
        )
        self.assertIn("REQUIRETLS", self.arrives(self.court, "Require").sender_parameters)

    def test_requiretls_fails_where_the_next_server_does_not_speak_it(self):
        self.without(self.court, "REQUIRETLS")
        self.community.send(
            "greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Cannot require"), mail="REQUIRETLS"
        )
        report = self.greenstone.wait_for(lambda m: m.sender == "" and b"Cannot require" in m.content)
        self.assertIn(b"5.7.30", report.content)
        self.stays_away(self.court, "Cannot require")

    # --- SMTPUTF8 ---
    def test_internationalised_addresses_pass_to_a_server_that_takes_them(self):
        recipient = "h\u00f6rung@crowncourt.example"
        content = make_message(ERIC, recipient + ".cjsm.net", "Pr\u00fcfung utf8")
        with self.community.client("greenstone") as client:
            self.assertReply(client.message(ERIC, recipient + ".cjsm.net", content, "SMTPUTF8 BODY=8BITMIME"), 250)
        message = self.arrives(self.court, "fung utf8")
        self.assertEqual([recipient], message.recipients)
        self.assertIn("SMTPUTF8", message.sender_parameters)
        self.assertIn(f"\r\nTo: {recipient}\r\n".encode(), message.content)

    def test_they_come_back_from_a_server_that_does_not(self):
        self.without(self.court, "SMTPUTF8")
        recipient = "h\u00f6rung@crowncourt.example.cjsm.net"
        with self.community.client("greenstone") as client:
            client.message(ERIC, recipient, make_message(ERIC, recipient, "No utf8"), "SMTPUTF8 BODY=8BITMIME")
        report = self.greenstone.wait_for(lambda m: m.sender == "" and b"No utf8" in m.content)
        self.assertIn(b"5.6.7", report.content)

    def test_without_smtputf8_such_an_address_is_refused(self):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            self.assertReply(client.rcpt("h\u00f6rung@crowncourt.example.cjsm.net"), 5)


class Large(CommunityTest):
    def test_a_large_message_arrives_whole(self):
        import random

        body = b"\r\n".join(random.Random(1).randbytes(38).hex().encode() for _ in range(100_000)) + b"\r\n"
        content = make_message(LISTING, "control@northshire.police.example.cjsm.net", "Large", body)
        reply = self.community.send(
            "crown-court", LISTING, "control@northshire.police.example.cjsm.net", content, mail=f"SIZE={len(content)}"
        )
        self.assertReply(reply, 250)
        self.assertEqual(body, self.arrives(self.police, "Large", 60).body)


if __name__ == "__main__":
    unittest.main()
