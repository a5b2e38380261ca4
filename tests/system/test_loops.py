"""Mail that comes back: a loop ends at its first return, a redirect to someone else is told apart from it."""
import unittest

from harness import CUSTODY_INSIDE, ERIC, LISTING, LISTING_INSIDE, CommunityTest, make_message


class Loops(CommunityTest):
    def there(self, subject):
        """What the court got from Eric."""
        content = make_message(ERIC, LISTING_INSIDE, subject)
        self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content), 250)
        return self.arrives(self.court, subject).content

    def test_the_same_message_for_the_same_recipient_is_a_loop_at_its_first_return(self):
        # A server that sends what it got back to its smart host keeps the envelope sender, or puts its own.
        for sender in (ERIC + ".cjsm.net", LISTING):
            with self.subTest(sender):
                content = self.there("Goes round")
                self.court.messages.clear()
                reply = self.community.send("crown-court", sender, LISTING_INSIDE, content)
                self.assertReply(reply, "554 5.4.6")

    def test_a_forged_token_is_no_token(self):
        content = make_message(
            LISTING, LISTING_INSIDE, "Forged token", Postern_Trace="v1 id=x; org=crown-court; hops=1; to=abc; sig=abc"
        )
        self.assertReply(self.community.send("crown-court", LISTING, LISTING_INSIDE, content), 250)
        self.arrives(self.court, "Forged token")

    def test_a_redirect_is_refused_where_nothing_else_is_declared(self):
        content = self.there("Redirected").replace(f"From: {ERIC}.cjsm.net".encode(), f"From: {LISTING}".encode())
        reply = self.community.send("crown-court", LISTING, CUSTODY_INSIDE, content)
        self.assertEqual(5, reply.code // 100)
        self.assertIn("redirect", reply.text.lower())

    def test_a_redirect_is_carried_where_declared(self):
        text = self.community.policy.read("routing.yaml")
        suffix = "suffix: cjsm.net"
        self.assertIn(suffix, text)
        if "redirects:" in text:
            import re

            changed = re.sub(r"redirects:\s*\w+", "redirects: carry", text)
        elif "{ " + suffix in text:
            changed = text.replace(suffix, suffix + ", redirects: carry")
        else:
            changed = text.replace(suffix, suffix + "\n  redirects: carry")
        self.community.policy.write("routing.yaml", changed)
        self.community.reload()
        try:
            content = self.there("Passed on")
            reply = self.community.send("crown-court", LISTING, CUSTODY_INSIDE, content)
            self.assertReply(reply, 250)
            message = self.arrives(self.police, "Passed on")
            self.assertEqual(LISTING_INSIDE, message.sender)
            self.assertEqual(ERIC + ".cjsm.net", message.header("From"))
        finally:
            self.community.policy.write("routing.yaml", text)
            self.community.reload()

    def test_an_answer_that_quotes_the_headers_is_no_loop(self):
        quoted = b"> " + self.there("Quoted").replace(b"\r\n", b"\r\n> ")
        content = make_message(LISTING, ERIC + ".cjsm.net", "Re: Quoted answer", quoted + b"\r\n")
        self.assertReply(self.community.send("crown-court", LISTING, ERIC + ".cjsm.net", content), 250)
        self.arrives(self.greenstone, "Quoted answer")


if __name__ == "__main__":
    unittest.main()
