"""What content rules do to real mail: one message, several verdicts, and what its sender and its recipients see of it."""
import unittest

import harness  # noqa: F401
from harness import CommunityTest, make_message, wait_until
from harness.case import CUSTODY_INSIDE, ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE

CONTENT = """
rules:
  - name: no-programs
    when: { attachment.name: "*.exe" }
    then: { reject: "5.7.1 Programs are not carried" }
  - name: court-refuses-blue
    when: { message.subject: "*blue*", recipient.organisation: crown-court }
    then: { reject: "5.7.1 Nothing blue for the court" }
  - name: later
    when: { message.subject: "*put off*" }
    then: { defer: "4.7.1 Not today" }
  - name: court-waits
    when: { message.subject: "*wait a moment*", recipient.organisation: crown-court }
    then: { hold: { reason: "the court reads later", for: 2 seconds } }
  - name: to-custody
    when: { message.subject: "*for whoever is there*", recipient.organisation: crown-court }
    then: [ { redirect: "custody@northshire.police.example.cjsm.net" }, { add_header: { X-Redirected: "by rule" } } ]
  - name: round
    when: { message.subject: "*round and round*", recipient.organisation: crown-court }
    then: { redirect: "custody@northshire.police.example.cjsm.net" }
  - name: and-round
    when: { message.subject: "*round and round*", recipient.organisation: northshire-police }
    then: { redirect: "listing@crowncourt.example.cjsm.net" }
  - name: to-nobody
    when: { message.subject: "*into the void*", recipient.organisation: crown-court }
    then: { redirect: "nobody@greenstonechambers.co.uk.cjsm.net" }
  - name: told
    when: { message.subject: "*tell them*" }
    then: [ { notify: { to: [sender], text: "A large message was taken" } }, { annotate: "somebody was told" } ]
  - name: marked
    when: { message.subject: "*mark me*" }
    then:
      - { tag_subject: "MARKED: " }
      - { add_header: { X-Checked: "first" } }
      - { replace_header: { X-Checked: "second" } }
      - { remove_header: [X-Internal] }
  - name: heard-of-first
    when: { recipient.first_contact: true, message.subject: "*how do you do*" }
    then: { tag_subject: "FIRST: " }
  - name: small-today
    when: { message.subject: "*large today*", recipient.organisation: northshire-police }
    then: { set_limit: 2 KiB }
  - name: listing-gets-one-too
    when: { message.subject: "*to be shared*", recipient.organisation: northshire-police }
    then: { add_recipient: "listing@crowncourt.example.cjsm.net" }
"""


class Content(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.write("content.yaml", CONTENT)

    def send(self, subject, recipients=LISTING_INSIDE, **more):
        return self.community.send("greenstone", ERIC, recipients, make_message(ERIC, LISTING_INSIDE, subject, **more))

    def outcome(self, subject_reply):
        """Recipients of the message that a 250 names, from the ledger."""
        return {r["address"]: r for r in self.message(subject_reply)["recipients"]}

    def message(self, reply):
        return self.community.trace(str(reply).split("Taken as ")[1].split()[0])[0]

    def test_one_recipient_that_is_refused_is_an_answer_at_the_end_of_data(self):
        self.assertReply(self.send("All blue"), "550 5.7.1", "Nothing blue for the court")
        self.stays_away(self.court, "All blue")

    def test_one_recipient_that_is_put_off_is_a_4xx(self):
        self.assertReply(self.send("Please put off"), 4, "Not today")
        self.assertEqual([], self.community.queue())

    def test_a_refused_one_among_others_gets_a_report(self):
        reply = self.send("Half blue", [LISTING_INSIDE, CUSTODY_INSIDE])
        self.assertReply(reply, 250)
        self.arrives(self.police, "Half blue")
        notice = self.arrives(self.greenstone, "Not delivered")
        self.assertIn("Nothing blue for the court", " ".join(notice.content.decode().split()))
        self.stays_away(self.court, "Half blue")
        self.assertEqual("reject", self.outcome(reply)[LISTING_INSIDE]["decision"]["verdict"])

    def test_held_mail_goes_on_by_itself(self):
        reply = self.send("Please wait a moment", [LISTING_INSIDE, CUSTODY_INSIDE])
        self.assertReply(reply, 250)
        self.arrives(self.police, "wait a moment")
        self.assertEqual("held", self.outcome(reply)[LISTING_INSIDE]["state"])
        told = self.arrives(self.greenstone, "wait a moment")
        self.assertIn("the court reads later", " ".join(told.content.decode().split()))
        self.arrives(self.court, "wait a moment")

    def test_a_redirect_reaches_the_other_one_only(self):
        reply = self.send("For whoever is there")
        self.assertReply(reply, 250)
        self.assertEqual("by rule", self.arrives(self.police, "whoever").header("X-Redirected"))
        self.stays_away(self.court, "whoever")
        outcome = self.outcome(reply)
        self.assertEqual("redirected", outcome[LISTING_INSIDE]["state"])
        self.assertIn(CUSTODY_INSIDE, outcome[LISTING_INSIDE]["reply"])

    def test_two_who_redirect_to_each_other_lose_nothing(self):
        reply = self.send("Round and round", [LISTING_INSIDE, CUSTODY_INSIDE])
        self.assertReply(reply, 250)
        self.arrives(self.court, "Round and round")
        self.assertEqual("redirected", self.outcome(reply)[CUSTODY_INSIDE]["state"])

    def test_a_redirect_to_nobody_is_the_senders_business(self):
        self.assertReply(self.send("Into the void"), "550 5.1.1", "redirected", "nobody@")

    def test_a_notice_is_no_report_and_carries_the_rules_words(self):
        reply = self.send("Please tell them")
        self.assertReply(reply, 250)
        notice = self.arrives(self.greenstone, "Notice: ")
        self.assertEqual("auto-generated", notice.header("Auto-Submitted"))
        self.assertIn("A large message was taken", " ".join(notice.content.decode().split()))
        self.assertIn("somebody was told", self.outcome(reply)[LISTING_INSIDE]["decision"]["notes"])

    def test_edits_take_effect_in_order(self):
        self.assertReply(self.send("Please mark me", X_Internal="secret"), 250)
        got = self.arrives(self.court, "mark me")
        self.assertIn("MARKED: Please mark me", got.header("Subject"))
        self.assertEqual(1, got.content.count(b"X-Checked:"))
        self.assertEqual("second", got.header("X-Checked"))
        self.assertIsNone(got.header("X-Internal"))

    def test_a_first_contact_is_one_once(self):
        self.assertReply(self.send("How do you do", CUSTODY_INSIDE), 250)
        self.arrives(self.police, "FIRST: How do you do")
        wait_until(lambda: not self.community.queue(), 20, "the delivery in the ledger")
        self.assertReply(self.send("And how do you do today", CUSTODY_INSIDE), 250)
        again = self.arrives(self.police, "And how do you do")
        self.assertNotIn("FIRST", again.header("Subject"))

    def test_a_rule_can_make_the_limit_of_a_recipient_smaller(self):
        def send(recipients):
            content = make_message(ERIC, LISTING_INSIDE, "Large today", "A line of text.\r\n" * 200)
            return self.community.send("greenstone", ERIC, recipients, content)

        self.assertReply(send(CUSTODY_INSIDE), "552 5.3.4", "small-today", "2 KiB")
        self.assertReply(send(LISTING_INSIDE), 250)
        self.arrives(self.court, "Large today")

    def test_who_is_added_gets_a_copy_and_only_one(self):
        reply = self.send("To be shared", CUSTODY_INSIDE)
        self.assertReply(reply, 250)
        self.arrives(self.police, "To be shared")
        self.arrives(self.court, "To be shared")
        self.assertIn("listing-gets-one-too", self.outcome(reply)[LISTING_INSIDE]["decision"]["added_by"])
        self.court.messages.clear()
        self.assertReply(self.send("Again to be shared", [CUSTODY_INSIDE, LISTING_INSIDE]), 250)
        self.arrives(self.court, "Again to be shared")
        self.community.wait_empty()
        self.assertEqual(1, len([m for m in self.court.messages if "Again to be" in m.header("Subject")]))

    def test_notices_of_one_rule_to_one_person_end_at_twenty_an_hour(self):
        for at in range(24):
            self.assertReply(self.send(f"Tell them {at}", CUSTODY_INSIDE), 250)
        self.community.wait_empty()
        told = [m for m in self.greenstone.messages if "Notice: " in (m.header("Subject") or "")]
        self.assertLessEqual(len(told), 20)
        self.assertGreaterEqual(len(told), 15)  # another test may have had some
        self.assertRegex(self.community.metrics(), r"postern_notices_suppressed_total [4-9]")

    def test_what_was_put_off_is_decided_again_before_it_is_handed_over(self):
        policy = self.community.policy
        policy.edit("content.yaml", 'when: { message.subject: "*put off*" }',
                    'when: { message.subject: "*put off*", recipient.organisation: crown-court }')
        self.community.reload()
        self.addCleanup(policy.write, "content.yaml", CONTENT)
        reply = self.send("Partly put off", [LISTING_INSIDE, CUSTODY_INSIDE])
        self.assertReply(reply, 250)
        self.arrives(self.police, "Partly put off")
        waiting = [d for d in self.community.queue() if d["delivery"].get("undecided")]
        self.assertEqual(1, len(waiting))
        self.stays_away(self.court, "Partly put off", seconds=0.3)
        policy.edit("content.yaml", "*put off*", "*no more*")
        self.community.reload()
        self.community.run("queue", "retry", "--all")
        self.arrives(self.court, "Partly put off")
        kinds = [event["kind"] for event in self.message(reply)["events"]]
        self.assertIn("decided", kinds)


if __name__ == "__main__":
    unittest.main()
