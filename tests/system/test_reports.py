"""Reports: success, relayed, delay and failure; RET, ENVID, NOTIFY and ORCPT honoured; none about a report."""
import email
import email.policy
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, OFFICE_INSIDE, CommunityTest, make_message, wait_until


class Reports(CommunityTest):
    settings = {
        "retry": "{ first: 1 second, factor: 1, at_most: 1 second, jitter: 0 %, delay_report: 2 seconds, "
        "give_up: 6 seconds }"
    }

    def send(self, recipient, subject, mail="", rcpt="", **headers):
        content = make_message(ERIC, recipient, subject, "The body of " + subject + "\r\n", **headers)
        self.assertReply(self.community.send("greenstone", ERIC, recipient, content, mail=mail, rcpt=rcpt), 250)

    def report(self, action, about, seconds=20):
        """The report with this action for the original of this subject: (received, parsed, recipient fields)."""

        def fits(message):
            return (
                b"multipart/report" in message.content
                and about.encode() in message.content
                and f"action: {action}".encode() in message.content.lower()
            )

        received = self.greenstone.wait_for(fits, seconds)
        parsed = email.message_from_bytes(received.content, policy=email.policy.default)
        status = next(
            p
            for p in parsed.walk()
            if p.get_content_type() in ("message/delivery-status", "message/global-delivery-status")
        )
        blocks = status.get_payload()
        return received, parsed, blocks[0], blocks[1]

    def no_report(self, about, seconds=1.5):
        import time

        time.sleep(seconds)
        self.assertEqual(
            [],
            [m for m in self.greenstone.messages if b"multipart/report" in m.content and about.encode() in m.content],
        )

    def without_dsn(self):
        self.addCleanup(self.court.offer_without("DSN"))

    def test_a_server_without_dsn_makes_postern_report_relayed(self):
        self.without_dsn()
        self.send(
            LISTING_INSIDE,
            "Relayed one",
            "ENVID=QQ+2B314159 RET=HDRS",
            f"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{LISTING_INSIDE.replace('=', '+3D')}",
        )
        received, parsed, whole, one = self.report("relayed", "Relayed one")
        self.assertEqual("", received.sender)
        self.assertEqual([ERIC], received.recipients)
        self.assertEqual("QQ+314159", whole["Original-Envelope-Id"])
        self.assertEqual("dns; mx.cjsm.net", whole["Reporting-MTA"])
        self.assertEqual("2", one["Status"][0])
        self.assertIn(LISTING_INSIDE, one["Original-Recipient"])
        self.assertNotIn(b"The body of Relayed one", received.content)
        self.assertEqual("auto-replied", parsed["Auto-Submitted"].split(";")[0].strip())

    def test_a_server_with_dsn_is_left_to_report_success(self):
        self.send(LISTING_INSIDE, "Left to it", "ENVID=abc", "NOTIFY=SUCCESS")
        self.arrives(self.court, "Left to it")
        self.no_report("Left to it", 1)

    def test_a_hosted_mailbox_is_reported_as_delivered(self):
        self.send(OFFICE_INSIDE, "Hosted one", "", "NOTIFY=SUCCESS")
        _, _, _, one = self.report("delivered", "Hosted one")
        self.assertIn(OFFICE_INSIDE, one["Final-Recipient"])

    def test_a_refusal_by_the_member_is_reported_with_its_words(self):
        self.court.order("rcpt", "550 5.1.1 no such desk here", matching="gone@")
        self.send("gone@crowncourt.example.cjsm.net", "Refused one")
        received, parsed, _, one = self.report("failed", "Refused one")
        self.assertIn("no such desk here", one["Diagnostic-Code"])
        self.assertEqual("5.1.1", one["Status"])
        text = next(p for p in parsed.walk() if p.get_content_type() == "text/plain").get_content()
        self.assertIn("gone@crowncourt.example.cjsm.net", text)
        self.assertNotIn("=20", text)
        self.assertNotEqual(received.sender, ERIC)

    def test_ret_full_returns_the_whole_message_of_a_failure(self):
        self.court.order("rcpt", "550 5.1.1 no", matching="full@")
        self.send("full@crowncourt.example.cjsm.net", "Returned whole", "RET=FULL")
        received, *_ = self.report("failed", "Returned whole")
        self.assertIn(b"The body of Returned whole", received.content)

    def test_notify_never_is_obeyed(self):
        self.court.order("rcpt", "550 5.1.1 no", matching="never@")
        self.send("never@crowncourt.example.cjsm.net", "Never told", "", "NOTIFY=NEVER")
        self.community.wait_empty()
        self.no_report("Never told")

    def test_success_is_not_reported_unasked(self):
        self.without_dsn()
        self.send(LISTING_INSIDE, "Unasked")
        self.arrives(self.court, "Unasked")
        self.no_report("Unasked", 1)

    def test_a_delay_is_reported_once_and_then_the_failure(self):
        self.court.order("rcpt", "451 4.3.0 cupboard is locked", matching="slow@")
        self.send("slow@crowncourt.example.cjsm.net", "Slow one", "", "NOTIFY=DELAY,FAILURE")
        _, _, _, one = self.report("delayed", "Slow one")
        self.assertIn("Will-Retry-Until", one)
        self.assertEqual("4", one["Status"][0])
        self.report("failed", "Slow one", 30)
        delays = [
            m
            for m in self.greenstone.messages
            if b"Slow one" in m.content and b"delayed" in m.content.lower() and b"Action: failed" not in m.content
        ]
        self.assertEqual(1, len(delays))

    def test_a_report_that_fails_makes_no_report(self):
        self.court.order("rcpt", "550 5.1.1 no", matching="gone@")
        self.greenstone.order("rcpt", "550 5.1.1 not here either", matching="eric.brown@")
        self.send("gone@crowncourt.example.cjsm.net", "Double")
        self.community.wait_empty()
        self.no_report("Double", 1)

    def test_automatic_mail_with_the_null_sender_makes_no_report(self):
        self.court.order("rcpt", "550 5.1.1 no", matching="gone@")
        content = make_message(ERIC, "gone@crowncourt.example.cjsm.net", "Null one", Auto_Submitted="auto-replied")
        self.assertReply(self.community.send("greenstone", "", "gone@crowncourt.example.cjsm.net", content), 250)
        self.community.wait_empty()
        self.no_report("Null one", 1)

    def test_the_report_threads_below_the_original(self):
        self.court.order("rcpt", "550 5.1.1 no", matching="thread@")
        self.send("thread@crowncourt.example.cjsm.net", "Threaded", Message_ID="<original-1@greenstonechambers.co.uk>")
        received, parsed, _, _ = self.report("failed", "Threaded")
        self.assertIn(
            "<original-1@greenstonechambers.co.uk>", (parsed["In-Reply-To"] or "") + (parsed["References"] or "")
        )

    def test_the_headers_of_the_report_name_the_sender_inside(self):
        self.court.order("rcpt", "550 5.1.1 no", matching="named@")
        self.send("named@crowncourt.example.cjsm.net", "Named")
        _, parsed, _, _ = self.report("failed", "Named")
        self.assertIn(parsed["To"].strip("<>"), (ERIC, ERIC_INSIDE))

    def test_parameters_are_checked(self):
        with self.community.client("greenstone") as client:
            for mail in ("RET=SOME", "ENVID=" + "a" * 101, "ENVID=with+XX", "RET=FULL RET=HDRS", "WHAT=EVER"):
                with self.subTest(mail):
                    self.assertEqual(5, client.mail(ERIC, mail).code // 100)
            client.mail(ERIC)
            for rcpt in ("NOTIFY=NEVER,SUCCESS", "NOTIFY=", "ORCPT=nonsense", "NOTIFY=SUCCESS NOTIFY=FAILURE"):
                with self.subTest(rcpt):
                    self.assertEqual(5, client.rcpt(LISTING_INSIDE, rcpt).code // 100)
            self.assertReply(client.rcpt(LISTING_INSIDE, f"NOTIFY=success,delay ORCPT=rfc822;{LISTING}"), 250)

    def test_parameters_are_passed_on_to_a_server_that_speaks_dsn(self):
        self.send(
            LISTING_INSIDE, "Passed on", "RET=HDRS ENVID=pass+2Bon", f"NOTIFY=DELAY ORCPT=rfc822;{LISTING_INSIDE}"
        )
        message = wait_until(lambda: next((m for m in self.court.messages if "Passed on" in m.header("Subject")), None))
        self.assertEqual(("HDRS", "pass+2Bon"), (message.sender_parameters["RET"], message.sender_parameters["ENVID"]))
        parameters = message.recipient_parameters[LISTING]
        self.assertEqual("DELAY", parameters["NOTIFY"])
        self.assertEqual(f"rfc822;{LISTING_INSIDE}".lower(), parameters["ORCPT"].lower())


if __name__ == "__main__":
    unittest.main()
