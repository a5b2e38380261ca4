"""Limits: sizes that name whose they are, recipients, lines, commands, connections."""
import time
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest, make_message

MEBI = 1 << 20


def filled(sender, recipient, subject, size):
    content = make_message(sender, recipient, subject, b"")
    line = b"x" * 76 + b"\r\n"
    body = line * ((size - len(content)) // len(line))
    return content + body + b"y" * max(0, size - len(content) - len(body) - 2) + b"\r\n"


class Sizes(CommunityTest):
    def test_the_recipients_limit_is_told_at_rcpt_and_named(self):
        with self.community.client("crown-court") as client:
            self.assertReply(client.mail(LISTING, f"SIZE={5 * MEBI}"), 250)
            self.assertReply(client.rcpt(ERIC_INSIDE), "552 5.3.4", "Greenstone Chambers", "4 MiB")

    def test_the_senders_own_limit_is_told_at_mail(self):
        with self.community.client("greenstone") as client:
            self.assertReply(client.mail(ERIC, f"SIZE={5 * MEBI}"), "552 5.3.4", "4 MiB")

    def test_the_communitys_limit_is_told_at_mail(self):
        with self.community.client("crown-court") as client:
            self.assertReply(client.mail(LISTING, f"SIZE={11 * MEBI}"), "552 5.3.4", "10 MiB")

    def test_without_size_the_limit_is_told_after_the_content_and_named(self):
        content = filled(LISTING, ERIC_INSIDE, "Too large", 4 * MEBI + 100)
        reply = self.community.send("crown-court", LISTING, ERIC_INSIDE, content)
        self.assertReply(reply, "552 5.3.4", "Greenstone Chambers", "4 MiB")

    def test_exactly_the_limit_passes(self):
        content = filled(LISTING, ERIC_INSIDE, "Just right", 4 * MEBI)
        self.assertEqual(4 * MEBI, len(content))
        self.assertReply(
            self.community.send("crown-court", LISTING, ERIC_INSIDE, content, mail=f"SIZE={4 * MEBI}"), 250
        )
        self.arrives(self.greenstone, "Just right")

    def test_a_lie_about_the_size_helps_nobody(self):
        content = filled(LISTING, ERIC_INSIDE, "A lie", 11 * MEBI)
        try:
            reply = self.community.send("crown-court", LISTING, ERIC_INSIDE, content, mail="SIZE=100")
            self.assertReply(reply, 552)
        except (EOFError, OSError):
            pass  # hanging up on a flood is allowed
        self.stays_away(self.greenstone, "A lie")

    def test_one_recipient_with_a_lower_limit_does_not_stop_the_others(self):
        content = filled(LISTING, "several", "For two", 5 * MEBI)
        with self.community.client("crown-court") as client:
            client.mail(LISTING)
            client.rcpt(ERIC_INSIDE)
            client.rcpt("custody@northshire.police.example.cjsm.net")
            self.assertReply(client.data(content), 250)
        self.arrives(self.police, "For two")
        notice = self.court.wait(1)[0]
        text = " ".join(notice.content.decode().split())
        self.assertIn("Greenstone Chambers accepts at most 4 MiB", text)
        self.stays_away(self.greenstone, "For two")


class Intake(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.write_node(
            limits="{ connections: 12, connections_per_address: 4, commands: 30, errors: 5, line: 2 KiB, "
            "header: 16 KiB, header_fields: 50, received_fields: 10, command_time: 2 seconds, "
            "transaction_time: 4 seconds, handshake_time: 1 second }"
        )
        community.policy.set("limits.yaml", "recipients", "5")

    def message(self, content):
        return self.community.send("greenstone", ERIC, LISTING_INSIDE, content)

    def test_too_many_recipients_are_told_to_come_again(self):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            codes = [client.rcpt(f"r{n}@crowncourt.example.cjsm.net").code for n in range(6)]
        self.assertEqual([250] * 5 + [452], codes)

    def test_a_line_that_is_too_long_is_refused(self):
        self.assertReply(self.message(make_message(ERIC, LISTING_INSIDE, body=b"x" * 3000 + b"\r\n")), 5)

    def test_a_header_that_is_too_large_is_refused(self):
        self.assertReply(self.message(make_message(ERIC, LISTING_INSIDE, X_Long="\r\n ".join(["y" * 70] * 300))), 5)

    def test_too_many_fields_are_refused(self):
        content = b"X-Many: yes\r\n" * 60 + make_message(ERIC, LISTING_INSIDE)
        self.assertReply(self.message(content), 5)

    def test_too_many_received_fields_are_a_loop(self):
        content = b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 11 + make_message(ERIC, LISTING_INSIDE)
        self.assertReply(self.message(content), "554 5.4.6")

    def test_too_many_errors_end_the_connection(self):
        with self.community.client("greenstone") as client:
            with self.assertRaises((EOFError, ConnectionError)):
                for _ in range(8):
                    reply = client.command("NONSENSE")
                    if reply.code == 421:
                        client.command("NOOP")

    def test_too_many_commands_end_the_connection(self):
        with self.community.client("greenstone") as client:
            with self.assertRaises((EOFError, ConnectionError)):
                for _ in range(60):
                    client.command("NOOP")

    def test_too_many_connections_from_one_address_are_turned_away(self):
        opened = []
        try:
            for _ in range(4):
                opened.append(self.community.client("greenstone"))
            with self.community.client("greenstone", hello=False) as one_more:
                self.assertReply(one_more.greet(), 421)
            with self.community.client("crown-court") as other:
                self.assertReply(other.mail(LISTING), 250)
        finally:
            for client in opened:
                client.close()
        time.sleep(0.2)

    def test_a_silent_client_is_told_goodbye(self):
        with self.community.client("greenstone") as client:
            started = time.monotonic()
            self.assertReply(client.read(), "421 4.4.2")
            self.assertLess(time.monotonic() - started, 6)

    def test_a_client_that_drips_bytes_does_not_live_for_ever(self):
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            client.rcpt(LISTING_INSIDE)
            client.command("DATA")
            started = time.monotonic()
            with self.assertRaises((EOFError, OSError)):
                while time.monotonic() - started < 12:
                    client.send(b"x\r\n")
                    time.sleep(0.1)
                    if time.monotonic() - started > 6:
                        client.socket.settimeout(0.2)
                        if client.read().code == 421:
                            client.read()

    def test_a_handshake_that_never_comes_ends(self):
        with self.community.client("greenstone", hello=False) as client:
            client.ehlo()
            client.command("STARTTLS")
            with self.assertRaises((EOFError, ConnectionError)):
                client.read()


if __name__ == "__main__":
    unittest.main()
