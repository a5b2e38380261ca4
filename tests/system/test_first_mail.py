# builds: asan release
"""A real message, sent by swaks from one member's server, arrives over TLS at another member's server."""
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest


class FirstMail(CommunityTest):
    def test_swaks_sends_and_the_member_gets_it(self):
        code, dialogue = self.community.swaks(
            "greenstone", ERIC, LISTING_INSIDE, "--header", "Subject: Hearing on Monday", "--body", "Room 4 at ten."
        )
        self.assertEqual(0, code, dialogue)
        message = self.arrives(self.court, "Hearing on Monday")
        self.assertEqual(ERIC_INSIDE, message.sender)
        self.assertEqual([LISTING], message.recipients)
        self.assertTrue(message.tls.startswith("TLSv1."), message.tls)
        self.assertEqual("CJSM: Hearing on Monday", message.header("Subject"))
        self.assertEqual(ERIC_INSIDE, message.header("From"))
        self.assertEqual(LISTING, message.header("To"))
        self.assertIn(b"Room 4 at ten.", message.body)

    def test_the_trace_field_says_by_whom_with_which_tls_under_which_generation(self):
        self.community.swaks("greenstone", ERIC, LISTING_INSIDE, "--header", "Subject: Traced")
        received = self.arrives(self.court, "Traced").headers("Received")[0]
        for part in ("mail.greenstonechambers.co.uk", "127.0.0.11", "by mx.cjsm.net", "ESMTPS", "TLSv1.", "generation"):
            self.assertIn(part, received)

    def test_a_report_comes_when_asked_for(self):
        with self.community.client("greenstone") as client:
            from harness import make_message

            reply = client.message(
                ERIC,
                LISTING_INSIDE,
                make_message(ERIC, LISTING_INSIDE, "With report"),
                "RET=HDRS ENVID=first",
                "NOTIFY=SUCCESS,FAILURE",
            )
            self.assertReply(reply, 250)
        self.arrives(self.court, "With report")
        # The court's server speaks DSN: it is the one to report, and gets the request.
        self.assertEqual("SUCCESS,FAILURE", self.court.messages[0].recipient_parameters[LISTING]["NOTIFY"])
        self.assertEqual("first", self.court.messages[0].sender_parameters["ENVID"])

    def test_the_answer_holds_the_id_that_trace_knows(self):
        from harness import make_message

        reply = self.community.send("greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Known"))
        self.arrives(self.court, "Known")
        identifiers = [word.strip(".,()<>") for word in reply.text.split()]
        found = [m for word in identifiers for m in self.known(word)]
        self.assertTrue(found, f"no word of {reply} is an id that trace knows")

    def known(self, word):
        done = self.community.run("trace", word, "--json")
        return [word] if done.returncode == 0 and LISTING in done.stdout else []


if __name__ == "__main__":
    unittest.main()
