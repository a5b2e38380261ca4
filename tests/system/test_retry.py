"""What happens when a next hop does not take mail: back-off, other hosts, missing proofs, several verdicts."""
import dataclasses
import time
import unittest

from harness import (
    CUSTODY_INSIDE,
    ERIC,
    LISTING,
    LISTING_INSIDE,
    OFFICE_INSIDE,
    Authority,
    CommunityTest,
    MemberServer,
    make_message,
    wait_until,
)


class Retry(CommunityTest):
    def send(self, recipients, subject, **more):
        recipients = [recipients] if isinstance(recipients, str) else recipients
        content = make_message(ERIC, ", ".join(recipients), subject)
        reply = self.community.send("greenstone", ERIC, recipients, content, **more)
        self.assertReply(reply, 250)

    def test_each_temporary_refusal_is_tried_again(self):
        for step, reply in (
            ("connect", "421 4.3.2 not now"),
            ("ehlo", "421 4.3.2 no"),
            ("starttls", "454 4.7.0 no"),
            ("mail", "451 4.3.0 no"),
            ("rcpt", "450 4.2.1 no"),
            ("data", "451 4.3.0 no"),
            ("end", "452 4.3.1 no"),
        ):
            with self.subTest(step):
                self.court.forget()
                self.court.order(step, reply, times=2)
                # a fresh connection for each, so that the early steps are met
                self.send(LISTING_INSIDE, "Again " + step)
                self.arrives(self.court, "Again " + step, 30)
        self.community.wait_empty()

    def test_a_connection_that_breaks_at_any_step_loses_nothing(self):
        for step in ("connect", "ehlo", "mail", "rcpt", "data", "end"):
            with self.subTest(step):
                self.court.forget()
                self.court.order(step, drop=True, times=1)
                self.send(LISTING_INSIDE, "Broken " + step)
                self.arrives(self.court, "Broken " + step, 30)

    def test_waits_grow_from_attempt_to_attempt(self):
        self.court.order("rcpt", "450 4.2.1 no", matching="backoff@", times=5)
        attempts = []
        self.send("backoff@crowncourt.example.cjsm.net", "Back-off")

        def count():
            seen = len([c for _, c in self.court.commands if "backoff@" in c])
            if seen > len(attempts):
                attempts.extend([time.monotonic()] * (seen - len(attempts)))
            return any("Back-off" in (m.header("Subject") or "") for m in self.court.messages)

        wait_until(count, 30, "the sixth attempt")
        waits = [b - a for a, b in zip(attempts, attempts[1:])]
        self.assertGreaterEqual(len(attempts), 6)
        self.assertGreater(waits[3], waits[0])

    def test_a_route_that_fails_does_not_keep_the_recipients_of_another(self):
        condition = '{ recipient.inside: true, recipient.address: "special@crowncourt.example.cjsm.net" }'
        proof = f"tls: verify, verify_name: {self.community.members['northshire-police'].name}"
        hop = f'{{ next_hop: ["127.0.0.1:{self.police.port}"], {proof} }}'
        routes = f"\n  - name: special\n    when: {condition}\n    then: {hop}"
        self.community.policy.set("routing.yaml", "routes", routes)
        self.community.reload()
        try:
            self.police.order("rcpt", "450 4.2.1 no")
            self.send(["special@crowncourt.example.cjsm.net", LISTING_INSIDE], "Two routes")
            self.arrives(self.court, "Two routes")
            time.sleep(1)
            self.assertLess(len([c for _, c in self.police.commands if c.startswith("RCPT")]), 6)
            self.police.forget()
            self.arrives(self.police, "Two routes")
            self.community.wait_empty()
        finally:
            self.community.policy.set("routing.yaml", "routes", None)
            self.community.reload()

    def test_the_second_host_gets_it_when_the_first_is_down(self):
        with MemberServer(self.community.members["northshire-police"].certificate, "second") as second:
            first = self.police.port
            self.community.deliver_to("northshire-police", 1, second.port)
            self.community.reload()
            try:
                self.send(CUSTODY_INSIDE, "Second host")
                self.arrives(second, "Second host")
            finally:
                self.community.deliver_to("northshire-police", first)
                self.community.reload()

    def unproved(self, server, subject):
        """With such a server mail waits, an alert is logged, and nothing but EHLO and STARTTLS was said."""
        ours = self.court.port
        with server:
            self.community.deliver_to("crown-court", server.port)
            self.community.reload()
            try:
                self.send(LISTING_INSIDE, subject)
                wait_until(lambda: server.connections >= 2, 20, "a second attempt")
                self.assertEqual([], server.messages)
                self.assertEqual(
                    [], [c for _, c in server.commands if c.upper().startswith(("MAIL", "RCPT", "DATA", "BDAT"))]
                )
                self.assertTrue(self.community.queue())
                self.assertIn("tls", self.community.log_tail(400).lower())
            finally:
                self.community.deliver_to("crown-court", ours)
                self.community.reload()
        self.arrives(self.court, subject, 30)

    def test_a_server_without_tls_gets_no_mail(self):
        self.unproved(MemberServer(None, "mail.crowncourt.example"), "Clear text")

    def test_a_server_with_another_authoritys_certificate_gets_no_mail(self):
        other = Authority(self.community.folder / "wrong-ca", "Somebody else")
        self.unproved(
            MemberServer(other.issue("mail.crowncourt.example", self.community.folder / "wrong")), "Wrong authority"
        )

    def test_a_server_with_another_name_gets_no_mail(self):
        self.unproved(MemberServer(self.community.members["greenstone"].certificate), "Wrong name")

    def test_a_pinned_certificate_is_believed_and_any_other_is_not(self):
        other = Authority(self.community.folder / "pin-ca", "Self made").issue(
            "whatever.example", self.community.folder / "pin"
        )
        # its server believes the community's authority, whose certificate Postern shows
        other = dataclasses.replace(other, authority=self.community.authority.certificate)
        ours = self.court.port
        with MemberServer(other) as server:
            file = self.community.policy.organisation_file("crown-court")
            for pin, arrives in (("0" * 64, False), (other.sha256(), True)):
                self.community.policy.set(
                    file, "deliver_to", f'\n  hosts: ["127.0.0.1:{server.port}"]\n  tls: pin\n  ' f'pins: ["{pin}"]'
                )
                self.community.reload()
                if not arrives:
                    self.send(LISTING_INSIDE, "Pinned")
                    self.stays_away(server, "Pinned", 1.5)
            self.arrives(server, "Pinned", 30)
        self.community.deliver_to("crown-court", ours)
        self.community.reload()

    def test_several_verdicts_on_one_message(self):
        self.court.order("rcpt", "550 5.1.1 gone", matching="gone@")
        self.court.order("rcpt", "450 4.2.1 later", matching="later@", times=2)
        recipients = [
            LISTING_INSIDE,
            "gone@crowncourt.example.cjsm.net",
            "later@crowncourt.example.cjsm.net",
            OFFICE_INSIDE,
        ]
        self.send(recipients, "Several verdicts")
        self.arrives(self.hosted, "Several verdicts")
        copies = wait_until(
            lambda: (found := [m for m in self.court.messages if "Several verdicts" in m.header("Subject")])
            and len({r for m in found for r in m.recipients}) == 2
            and found,
            30,
            "both recipients",
        )
        self.assertEqual(sorted([LISTING, "later@crowncourt.example"]), sorted(r for m in copies for r in m.recipients))
        report = self.greenstone.wait_for(lambda m: b"gone@crowncourt.example.cjsm.net" in m.content and m.sender == "")
        self.assertNotIn(b"Final-Recipient: rfc822;later@", report.content.replace(b"; ", b";"))

    def test_lmtp_answers_for_each_recipient_count_one_by_one(self):
        self.hosted.order("end", per_recipient={OFFICE_INSIDE: "452 4.2.2 mailbox full"}, times=1)
        self.send([OFFICE_INSIDE, "admin@smithsolicitors.co.uk.cjsm.net"], "One by one")
        wait_until(
            lambda: sorted(r for m in self.hosted.messages for r in m.recipients)
            == sorted([OFFICE_INSIDE, "admin@smithsolicitors.co.uk.cjsm.net"]),
            20,
            "each once",
        )

    def test_connections_are_kept_for_the_next_message(self):
        before = self.court.connections
        for number in range(10):
            self.send(LISTING_INSIDE, f"Kept {number}")
            self.arrives(self.court, f"Kept {number}")
        self.assertLessEqual(self.court.connections - before, 3)

    def test_a_slow_member_does_not_keep_others_waiting(self):
        self.court.order("end", delay=3)
        for number in range(15):
            self.send(LISTING_INSIDE, f"Slow {number}")
        started = time.monotonic()
        self.send(CUSTODY_INSIDE, "Quick one")
        self.arrives(self.police, "Quick one")
        self.assertLess(time.monotonic() - started, 2.5)
        self.court.forget()
        self.court.wait(15, 60)


class Concurrency(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.deliver_to("crown-court", community.members["crown-court"].server.port, more="\n  concurrency: 2")

    def test_connections_to_one_destination_stay_within_what_is_declared(self):
        self.court.order("end", delay=0.2)
        for number in range(10):
            content = make_message(ERIC, LISTING_INSIDE, f"Bounded {number}")
            self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content), 250)
        messages = self.court.wait(10, 30)
        self.assertLessEqual(len({m.connection for m in messages}), 2)


if __name__ == "__main__":
    unittest.main()
