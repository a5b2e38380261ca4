# builds: asan release
"""A message has one end, whatever a sender writes: bare CR and LF are refused, however split (SMTP smuggling)."""
import time
import unittest

from harness import ERIC, LISTING_INSIDE, CommunityTest, make_message

SECOND = f"MAIL FROM:<{ERIC}>\r\nRCPT TO:<{LISTING_INSIDE}>\r\nDATA\r\n".encode() + make_message(
    ERIC, LISTING_INSIDE, "Smuggled in"
)
FALSE_ENDS = (
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\n\n.\r\n",
    b"\r\n\0.\r\n",
    b"\r\r\n.\r\r\n",
)


class Smuggling(CommunityTest):
    def offer(self, ending, piece=None, pause=0.0):
        """Sends content that ends falsely and goes on with a second transaction; all replies until the true end."""
        content = make_message(ERIC, LISTING_INSIDE, "Carrier") + b"text" + ending + SECOND + b"\r\n.\r\n"
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            client.rcpt(LISTING_INSIDE)
            self.assertReply(client.command("DATA"), 354)
            step = piece or len(content)
            for start in range(0, len(content), step):
                client.send(content[start : start + step])
                time.sleep(pause)
            client.send(b"NOOP\r\n")
            replies = []
            try:
                for _ in range(4):
                    replies.append(client.read())
                    if replies[-1].code in (221, 421):
                        break
                    client.socket.settimeout(0.4)
            except (EOFError, TimeoutError, OSError):
                pass
            return replies

    def test_no_false_end_ends_a_message(self):
        for ending in FALSE_ENDS:
            for piece in (None, 1):
                with self.subTest(ending=ending, piece=piece):
                    replies = self.offer(ending, piece)
                    self.assertEqual(5, replies[0].code // 100, str(replies[0]))
        self.stays_away(self.court, "Smuggled in", 1)
        self.assertEqual([], self.court.messages)

    def test_every_split_of_the_true_end_is_seen(self):
        content = make_message(ERIC, LISTING_INSIDE, "Split") + b"text\r\n.\r\n"
        for cut in range(len(content) - 6, len(content)):
            with self.subTest(cut=cut), self.community.client("greenstone") as client:
                client.mail(ERIC)
                client.rcpt(LISTING_INSIDE)
                client.command("DATA")
                client.send(content[:cut])
                time.sleep(0.02)
                client.send(content[cut:])
                self.assertReply(client.read(), 250)
        self.assertEqual(6, len(self.court.wait(6)))

    def test_bare_line_ends_in_bdat_are_refused_too(self):
        for bare in (b"a\nb\r\n", b"a\rb\r\n"):
            for chunks in ((bare,), (bare[:2], bare[2:]), (bare[:1], bare[1:2], bare[2:])):
                with self.subTest(chunks=chunks), self.community.client("greenstone") as client:
                    client.mail(ERIC)
                    client.rcpt(LISTING_INSIDE)
                    reply = client.bdat(make_message(ERIC, LISTING_INSIDE, "Bare in BDAT"), *chunks)
                    self.assertEqual(5, reply.code // 100, str(reply))
        self.assertEqual([], self.court.messages)

    def test_a_carriage_return_that_ends_one_chunk_and_a_line_feed_that_begins_the_next_are_one_line_end(self):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            client.rcpt(LISTING_INSIDE)
            self.assertReply(client.bdat(make_message(ERIC, LISTING_INSIDE, "Halves") + b"a\r", b"\nb\r\n"), 250)
        self.assertIn(b"a\r\nb\r\n", self.arrives(self.court, "Halves").content)

    def test_a_dot_in_bdat_ends_nothing(self):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            client.rcpt(LISTING_INSIDE)
            content = make_message(ERIC, LISTING_INSIDE, "Dot", b"one\r\n.\r\ntwo\r\n..three\r\n")
            self.assertReply(client.bdat(content), 250)
        self.assertEqual(b"one\r\n.\r\ntwo\r\n..three\r\n", self.arrives(self.court, "Dot").body)

    def test_a_server_without_bdat_gets_the_same_bytes(self):
        self.addCleanup(self.court.offer_without("CHUNKING"))
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            client.rcpt(LISTING_INSIDE)
            client.bdat(make_message(ERIC, LISTING_INSIDE, "Restuffed", b".\r\n..\r\n.x\r\n"))
        message = self.arrives(self.court, "Restuffed")
        self.assertEqual(("DATA", b".\r\n..\r\n.x\r\n"), (message.by, message.body))

    def test_bare_line_feeds_between_commands_are_no_commands(self):
        with self.community.client("greenstone") as client:
            client.send(f"MAIL FROM:<{ERIC}>\nRCPT TO:<{LISTING_INSIDE}>\n\r\n".encode())
            self.assertEqual(5, client.read().code // 100)
            self.assertReply(client.rcpt(LISTING_INSIDE), 503)


if __name__ == "__main__":
    unittest.main()
