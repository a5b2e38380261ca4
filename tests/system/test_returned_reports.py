"""Read and delivery reports that members' systems send back: what joins the history of a message, and what must not."""
import email
import email.policy
import re
import unittest

from harness import (
    CUSTODY,
    CUSTODY_INSIDE,
    ERIC,
    ERIC_INSIDE,
    LISTING,
    LISTING_INSIDE,
    CommunityTest,
    make_message,
    wait_until,
)
from harness.tools import source_root

CLERK = "clerk.one@crowncourt.example"
CLERK_INSIDE = CLERK + ".cjsm.net"


def report(kind, author, addressee, machine, head=None, subject="Read: it"):
    """A multipart/report (RFC 6522) as bytes; `machine` is the text of its part for machines."""
    lines = [
        f"From: {author}",
        f"To: {addressee}",
        f"Subject: {subject}",
        "Date: Mon, 23 Nov 2026 10:00:00 +0000",
        f"Message-ID: <{abs(hash((author, machine, subject)))}@members.example>",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type={kind}; boundary="=_part"',
        "",
        "--=_part",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "What happened to your message.",
        "",
        "--=_part",
        f"Content-Type: message/{kind}",
        "",
        *machine.splitlines(),
        "",
    ]
    if head is not None:
        lines += ["--=_part", "Content-Type: text/rfc822-headers", "", *head.decode().splitlines(), ""]
    return "\r\n".join([*lines, "--=_part--", ""]).encode()


def read_report(message_id, author=LISTING, final=LISTING, original=None, what="displayed", head=None, to=ERIC_INSIDE):
    machine = "Reporting-UA: pc7.crowncourt.example; A Mail Program\n"
    if original:
        machine += f"Original-Recipient: rfc822;{original}\n"
    machine += f"Final-Recipient: rfc822;{final}\n"
    if message_id:
        machine += f"Original-Message-ID: {message_id}\n"
    machine += f"Disposition: manual-action/MDN-sent-manually; {what}\n"
    return report("disposition-notification", author, to, machine, head)


def delivery_report(groups, envelope_id=None, head=None, author="MAILER-DAEMON@mail.crowncourt.example"):
    machine = "Reporting-MTA: dns; mail.crowncourt.example\n"
    if envelope_id:
        machine += f"Original-Envelope-Id: {envelope_id}\n"
    for final, action, status in groups:
        machine += f"\nFinal-Recipient: rfc822; {final}\nAction: {action}\nStatus: {status}\n"
    return report("delivery-status", author, ERIC_INSIDE, machine, head, "Delivery report")


class ReturnedReports(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())

    def send(self, subject, *recipients, mail="", rcpt=""):
        """A message that asks to be told when it is read: (Message-ID, as it arrived at the court's server)."""
        recipients = recipients or (LISTING_INSIDE,)
        message_id = f"<{re.sub(r'[^a-z]', '-', subject.lower())}@greenstonechambers.co.uk>"
        content = make_message(
            ERIC, ", ".join(recipients), subject, Message_ID=message_id, Disposition_Notification_To=f"Eric <{ERIC}>"
        )
        self.assertReply(self.community.send("greenstone", ERIC, list(recipients), content, mail=mail, rcpt=rcpt), 250)
        arrived = self.arrives(self.court, subject)
        self.community.wait_empty()
        return message_id, arrived

    def head_of(self, arrived):
        return arrived.content.split(b"\r\n\r\n")[0]

    def back(self, content, organisation="crown-court", sender="", to=ERIC_INSIDE, code=250):
        self.assertReply(self.community.send(organisation, sender, to, content), code)
        self.community.wait_empty()

    def history(self, message_id):
        found = [m for m in self.community.trace(message_id) if m["message"]["organisation"] == "greenstone"]
        self.assertEqual(1, len(found))
        return found[0]

    def about(self, message_id, recipient=LISTING_INSIDE):
        """(answer, heard) of a recipient."""
        for one in self.history(message_id)["recipients"]:
            if one["address"] == recipient:
                return one["answer"], one["heard"]
        self.fail(f"{recipient} is none of its recipients")

    def reported(self, message_id):
        return [e for e in self.history(message_id)["events"] if e["kind"] == "reported"]

    def unheard(self, message_id, recipient=LISTING_INSIDE):
        self.assertEqual(("handed over", []), self.about(message_id, recipient))
        self.assertEqual([], self.reported(message_id))
        text = self.community.run("trace", message_id).stdout
        self.assertIn("nothing heard since", text)

    def log_says(self, text):
        wait_until(
            lambda: any(text in line.get("reason", "") for line in self.community.log()), 5, lambda: f"the log: {text}"
        )

    # --- the request ---
    def test_a_request_for_a_read_report_keeps_its_addressee_both_ways(self):
        message_id, arrived = self.send("Request survives")
        self.assertEqual(f"Eric <{ERIC_INSIDE}>", arrived.header("Disposition-Notification-To"))
        self.assertEqual(ERIC_INSIDE, arrived.sender)  # RFC 8098 section 2.1: no program asks its user twice
        self.back(read_report(message_id))
        home = self.arrives(self.greenstone, "Read: it")
        self.assertEqual([ERIC], home.recipients)
        self.assertEqual("", home.sender)
        self.assertEqual(ERIC, home.header("To"))
        self.assertEqual(LISTING_INSIDE, home.header("From"))
        parsed = email.message_from_bytes(home.content, policy=email.policy.default)
        self.assertEqual("multipart/report", parsed.get_content_type())
        self.assertIn(message_id.encode(), home.content)

    # --- what counts ---
    def ask_outside(self, subject, field, sender=ERIC, organisation="greenstone", to=LISTING_INSIDE):
        """swaks sends a message that asks its reader for a receipt: (exit code, dialogue)."""
        return self.community.swaks(
            organisation, sender, to, "--header", f"Subject: {subject}", "--header", f"From: {sender}", "--add-header", field
        )

    def test_a_request_for_a_receipt_outside_is_taken_out_both_ways_and_trace_says_so(self):
        for number, field in enumerate(
            (
                "Disposition-Notification-To: boss@elsewhere.example",
                f"Disposition-Notification-To: {ERIC}, boss@elsewhere.example",
                "disposition-notification-to: <custody@northshire.police.example>",  # a member, past the service
                "Return-Receipt-To: boss@elsewhere.example",
                "X-Confirm-Reading-To: boss@elsewhere.example",
            )
        ):
            subject = f"Outside receipt {number}"
            code, said = self.ask_outside(subject, field)
            self.assertEqual(0, code, said)
            arrived = self.arrives(self.court, subject)
            self.assertNotIn(b"elsewhere.example", arrived.content)
            self.assertIsNone(arrived.header(field.split(":")[0]))
            self.assertIn(subject.encode(), arrived.content)
            traced = self.community.trace("--from", ERIC_INSIDE)[0]
            notes = traced["recipients"][0]["decision"]["notes"]
            self.assertEqual(1, len(notes))
            self.assertIn("asks for a receipt outside", notes[0])
            self.assertIn(field.split(": ")[1], notes[0])
            self.assertIn("asks for a receipt outside", self.community.run("trace", traced["message"]["id"]).stdout)
        # And from the other member back.
        code, said = self.ask_outside("Back outside", "Disposition-Notification-To: x@elsewhere.example", LISTING, "crown-court", ERIC_INSIDE)
        self.assertEqual(0, code, said)
        self.assertIsNone(self.arrives(self.greenstone, "Back outside").header("Disposition-Notification-To"))

    def test_a_policy_may_refuse_to_ask_for_receipts_outside(self):
        text = self.community.policy.read("routing.yaml")
        try:
            self.community.policy.edit("routing.yaml", "outside_receipts: strip", "outside_receipts: refuse")
            self.community.reload()
            code, said = self.ask_outside("Refused receipt", "Disposition-Notification-To: boss@elsewhere.example")
            self.assertNotEqual(0, code)
            self.assertRegex(said, r"550 5\.7\.1 .*receipt outside")
            code, said = self.ask_outside("Kept receipt", f"Disposition-Notification-To: {ERIC}")
            self.assertEqual(0, code, said)
            self.assertEqual(ERIC_INSIDE, self.arrives(self.court, "Kept receipt").header("Disposition-Notification-To"))
        finally:
            self.community.policy.write("routing.yaml", text)
            self.community.reload()

    def test_a_read_report_joins_the_history_as_reported_by_that_member(self):
        message_id, _ = self.send("Honest read")
        self.unheard(message_id)
        self.back(read_report(message_id))
        self.assertEqual(("read", ["read"]), self.about(message_id))
        (event,) = self.reported(message_id)
        self.assertEqual(("read", "crown-court", LISTING_INSIDE), (event["state"], event["actor"], event["recipient"]))
        text = self.community.run("trace", message_id).stdout
        self.assertIn("reported by crown-court: read: displayed, manual-action/MDN-sent-manually", text)
        self.assertRegex(text, re.escape(LISTING_INSIDE) + r"  read, reported by crown-court at .*; handed over to its")

    def test_a_read_report_from_the_person_itself_counts_as_one_with_the_null_sender_does(self):
        message_id, _ = self.send("By person")
        self.back(read_report(message_id), sender=LISTING)
        self.assertEqual(("read", ["read"]), self.about(message_id))

    def test_a_delivery_report_joins_the_history_for_each_of_its_recipients(self):
        message_id, arrived = self.send("Honest delivery", LISTING_INSIDE, CLERK_INSIDE)
        groups = [(LISTING, "delivered", "2.0.0"), (CLERK, "failed", "5.2.2")]
        self.back(delivery_report(groups, head=self.head_of(arrived)))
        self.assertEqual(("delivered", ["delivered"]), self.about(message_id))
        self.assertEqual(("failed", ["failed"]), self.about(message_id, CLERK_INSIDE))
        self.assertIn("not delivered, reported by crown-court", self.community.run("trace", message_id).stdout)

    def test_delivered_and_then_read(self):
        message_id, arrived = self.send("First one then the other")
        self.back(delivery_report([(LISTING, "delivered", "2.0.0")], head=self.head_of(arrived)))
        self.back(read_report(message_id))
        self.assertEqual(("read", ["delivered", "read"]), self.about(message_id))

    def test_a_delivery_report_is_known_by_its_envelope_id_alone(self):
        message_id, _ = self.send("By envelope", mail="ENVID=by+2Benvelope RET=HDRS", rcpt="NOTIFY=SUCCESS")
        self.back(delivery_report([(LISTING, "delivered", "2.0.0")], envelope_id="by+envelope"))
        self.assertEqual(("delivered", ["delivered"]), self.about(message_id))

    def test_an_alias_of_the_member_is_known_by_the_recipient_that_was_given(self):
        message_id, arrived = self.send("Aliased")
        self.assertEqual(f"rfc822;{LISTING_INSIDE}", arrived.recipient_parameters[LISTING]["ORCPT"])
        self.back(read_report(message_id, author=CLERK, final=CLERK, original=LISTING_INSIDE))
        self.assertEqual(("read", ["read"]), self.about(message_id))

    # --- what does not ---
    def test_a_report_of_another_member_does_not_count(self):
        message_id, arrived = self.send("Foreign")
        self.back(read_report(message_id, author=CUSTODY, final=CUSTODY), "northshire-police")
        self.back(
            read_report(message_id, author=CUSTODY, final=LISTING, head=self.head_of(arrived)), "northshire-police"
        )
        self.back(
            delivery_report(
                [(LISTING, "delivered", "2.0.0")],
                head=self.head_of(arrived),
                author="MAILER-DAEMON@northshire.police.example",
            ),
            "northshire-police",
        )
        self.unheard(message_id)
        self.log_says("nothing with these ids")

    def test_a_report_for_another_recipient_does_not_count(self):
        message_id, arrived = self.send("Other recipient", LISTING_INSIDE, CLERK_INSIDE)
        nobody = "nobody@crowncourt.example"
        self.back(read_report(message_id, author=nobody, final=nobody))
        self.back(read_report(message_id, author=nobody, final=nobody, head=self.head_of(arrived)))
        self.back(read_report(message_id, author=CLERK, final=LISTING))  # one of them for another
        self.unheard(message_id)
        self.unheard(message_id, CLERK_INSIDE)

    def test_a_recipient_to_whom_it_was_not_handed_over_is_not_heard_of(self):
        self.court.order("rcpt", "550 5.1.1 no", matching="gone@")
        message_id, _ = self.send("Never there", LISTING_INSIDE, "gone@crowncourt.example.cjsm.net")
        gone = "gone@crowncourt.example"
        self.back(read_report(message_id, author=gone, final=gone))
        self.assertEqual(("failed", []), self.about(message_id, gone + ".cjsm.net"))

    def test_wrong_ids_do_not_count(self):
        message_id, arrived = self.send("Wrong ids", mail="ENVID=right")
        other_id, other = self.send("Wrong ids of another")
        self.back(read_report("<made-up@greenstonechambers.co.uk>"))
        self.back(read_report(None))
        self.back(read_report(other_id, head=self.head_of(arrived)))  # says one, returns the other
        delivered = [(LISTING, "delivered", "2.0.0")]
        self.back(delivery_report(delivered, envelope_id="wrong", head=self.head_of(arrived)))
        self.back(delivery_report(delivered))
        self.unheard(message_id)
        self.unheard(other_id)

    def test_a_trace_token_of_one_message_is_no_proof_of_another(self):
        message_id, arrived = self.send("Token of mine")
        other_id, other = self.send("Token of another")
        head = self.head_of(arrived).replace(message_id.encode(), other_id.encode())
        self.back(delivery_report([(LISTING, "delivered", "2.0.0")], head=head))
        self.unheard(message_id)
        self.unheard(other_id)

    def test_a_message_id_counts_only_for_mail_of_the_organisation_that_the_report_goes_to(self):
        message_id, arrived = self.send("To somebody else")
        self.back(read_report(message_id, to=CUSTODY_INSIDE), to=CUSTODY_INSIDE)
        self.unheard(message_id)
        # Our own token, returned with the head, names the message wherever the report goes: a copy's author, say.
        self.back(read_report(message_id, to=CUSTODY_INSIDE, head=self.head_of(arrived)), to=CUSTODY_INSIDE)
        self.assertEqual(("read", ["read"]), self.about(message_id))

    def test_a_delivery_report_with_a_sender_does_not_count(self):
        message_id, arrived = self.send("Not null")
        content = delivery_report([(LISTING, "delivered", "2.0.0")], head=self.head_of(arrived), author=LISTING)
        self.back(content, sender=LISTING)
        self.unheard(message_id)
        self.log_says("null sender")

    def test_a_replay_changes_nothing(self):
        message_id, _ = self.send("Replayed")
        for _ in range(3):
            self.back(read_report(message_id))
        self.assertEqual(1, len(self.reported(message_id)))
        first = self.reported(message_id)[0]["time"]
        self.back(read_report(message_id, what="displayed/error"))
        self.assertEqual([first], [e["time"] for e in self.reported(message_id)])

    def test_malformed_and_huge_reports_are_mail_and_say_nothing(self):
        message_id, arrived = self.send("Malformed")
        good = read_report(message_id)
        twice = good.replace(b"Disposition: ", b"Final-Recipient: rfc822;a@crowncourt.example\r\nDisposition: ")
        self.back(twice)
        self.back(good.replace(b"displayed", b"adored"))
        self.back(good.replace(b"Disposition: manual", b"Disposition manual"))
        self.back(good.replace(b"Reporting-UA: ", b"Reporting-UA: " + (b"x" * 70 + b"\r\n ") * 4500, 1))
        many = [(f"a{i}@crowncourt.example", "delivered", "2.0.0") for i in range(2000)]
        self.back(delivery_report([(LISTING, "delivered", "2.0.0"), *many], head=self.head_of(arrived)))
        self.unheard(message_id)
        self.log_says("malformed report")
        self.assertEqual(5, len([m for m in self.greenstone.messages if b"multipart/report" in m.content]))

    def test_a_report_in_the_name_of_another_members_host_is_refused(self):
        _, arrived = self.send("Host name")
        content = delivery_report(
            [(LISTING, "delivered", "2.0.0")],
            head=self.head_of(arrived),
            author="MAILER-DAEMON@mail.northshire.police.example",
        )
        self.back(content, code="550 5.7.1")

    def test_what_is_heard_outlives_a_crash(self):
        message_id, _ = self.send("Outlives")
        self.back(read_report(message_id))
        self.community.kill()
        self.community.start()
        self.assertEqual(("read", ["read"]), self.about(message_id))
        self.back(read_report(message_id))
        self.assertEqual(1, len(self.reported(message_id)))

    def test_each_sees_what_became_of_their_own_mail(self):
        message_id, _ = self.send("Mine to see")
        self.back(read_report(message_id))
        found = self.community.run("--for", ERIC, "trace", message_id)
        self.assertEqual(0, found.returncode, found.stderr)
        self.assertIn("read, reported by crown-court", found.stdout)
        self.assertNotEqual(0, self.community.run("--for", CUSTODY, "trace", message_id).returncode)


class DeliveryAnswer(CommunityTest):
    """A sender who asks is answered, also where the recipient's server promises a report and sends none."""

    settings = {
        "retry": "{ first: 1 second, factor: 1, at_most: 1 second, jitter: 0 %, delay_report: 3 seconds, "
        "give_up: 2 hours }"
    }

    def send(self, subject, rcpt="NOTIFY=SUCCESS"):
        content = make_message(ERIC, LISTING_INSIDE, subject, Message_ID=f"<{subject.replace(' ', '.')}@chambers>")
        self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content, rcpt=rcpt), 250)
        return self.arrives(self.court, subject)

    def answers(self, subject):
        reference = f"<{subject.replace(' ', '.')}@chambers>".encode()
        return [
            m for m in self.greenstone.messages if b"Action: relayed" in m.content and b"In-Reply-To: " + reference in m.content
        ]

    def text_of(self, received):
        parsed = email.message_from_bytes(received.content, policy=email.policy.default)
        return parsed, next(p for p in parsed.walk() if p.get_content_type() == "text/plain").get_content()

    def test_silence_is_answered_with_what_is_known(self):
        self.send("Silent one")
        wait_until(lambda: self.answers("Silent one"), 30, lambda: "an answer")
        parsed, text = self.text_of(self.answers("Silent one")[0])
        self.assertIn(LISTING_INSIDE, text)
        self.assertRegex(text, r"Taken by: \S+, \d+ \w+ \d{4}, \d\d:\d\d UTC")
        self.assertRegex(text, r"Secured by: TLSv1\.[23] ")
        self.assertRegex(text, r"Taken from you: \d+ \w+ \d{4}, \d\d:\d\d UTC")
        self.assertIn("asked to say when it delivers, and has not", " ".join(text.split()))
        self.assertIn("your message of", parsed["Subject"])
        import time

        time.sleep(7)  # longer than it takes to look again
        self.assertEqual(1, len(self.answers("Silent one")))
        (history,) = self.community.trace("<Silent.one@chambers>")
        self.assertEqual(1, len([e for e in history["events"] if e["kind"] == "report"]))

    def test_a_server_that_reports_is_not_spoken_for(self):
        arrived = self.send("Heard one")
        content = delivery_report([(LISTING, "delivered", "2.0.0")], head=arrived.content.split(b"\r\n\r\n")[0])
        self.assertReply(self.community.send("crown-court", "", ERIC_INSIDE, content), 250)
        self.send("Silent beside it")
        wait_until(lambda: self.answers("Silent beside it"), 30, lambda: "an answer to the other")
        self.assertEqual([], self.answers("Heard one"))

    def test_who_does_not_ask_is_not_answered(self):
        self.send("Unasked one", rcpt="NOTIFY=FAILURE")
        self.send("Silent after it")
        wait_until(lambda: self.answers("Silent after it"), 30, lambda: "an answer to the other")
        self.assertEqual([], self.answers("Unasked one"))

    def test_without_such_a_promise_the_answer_comes_at_once_and_names_time_server_and_tls(self):
        self.addCleanup(self.court.offer_without("DSN"))
        self.send("At once")
        wait_until(lambda: self.answers("At once"), 20, lambda: "an answer")
        parsed, text = self.text_of(self.answers("At once")[0])
        self.assertIn("At once", parsed["Subject"])
        self.assertRegex(text, r"Secured by: TLSv1\.[23] ")
        self.assertNotIn("Since then", text)


if __name__ == "__main__":
    unittest.main()
