# builds: release
# alone
"""kill -9 at any instant, under load, loses nothing that was answered 250. POSTERN_KILLS says how often (10)."""
import hashlib
import os
import random
import re
import threading
import time
import unittest

from harness import ERIC, LISTING, Community, make_message


class Load(threading.Thread):
    """Sends messages one after the other, whatever becomes of the connection; keeps what was answered 250."""

    def __init__(self, community, number):
        super().__init__(daemon=True)
        self.community, self.number = community, number
        self.accepted, self.tried, self.ended = {}, 0, threading.Event()

    def run(self):
        chance = random.Random(self.number)
        while not self.ended.is_set():
            try:
                with self.community.client("greenstone") as client:
                    client.socket.settimeout(10)
                    while not self.ended.is_set() and self.send(client, chance):
                        pass
            except (OSError, EOFError, ValueError):
                time.sleep(0.02)

    def send(self, client, chance):
        mark = f"kill-{self.number}-{self.tried}"
        self.tried += 1
        size = chance.choice((10, 1000, 4000, 4000, 100_000))  # the large ones are files of their own
        body = b"\r\n".join(chance.randbytes(30).hex().encode() for _ in range(size // 60 + 1)) + b"\r\n"
        recipients = [f"r{n}.{mark}@crowncourt.example" for n in range(chance.choice((1, 1, 1, 3)))]
        content = make_message(ERIC, "several:;", mark, body, X_Digest=hashlib.sha256(body).hexdigest())
        reply = client.message(ERIC, [r + ".cjsm.net" for r in recipients], content)
        if reply.code == 250:
            self.accepted[mark] = set(recipients)
        return reply.code == 250


def account(accepted, messages):
    """(lost recipients, damaged messages, duplicates) of what was answered 250 against what arrived."""
    arrived, damaged = {}, 0
    for message in messages:
        if hashlib.sha256(message.body).hexdigest() != message.header("X-Digest"):
            damaged += 1
        for recipient in message.recipients:
            arrived[recipient] = arrived.get(recipient, 0) + 1
    lost = [r for recipients in accepted.values() for r in recipients if r not in arrived]
    return lost, damaged, sum(count - 1 for count in arrived.values())


class Kills(unittest.TestCase):
    kills = int(os.environ.get("POSTERN_KILLS", "10"))

    def test_nothing_answered_250_is_lost(self):
        with Community("kills") as community:
            loads = [Load(community, number) for number in range(4)]
            for load in loads:
                load.start()
            chance = random.Random()
            for _ in range(self.kills):
                time.sleep(chance.uniform(0.05, 1.2))
                community.kill()
                community.start()
            time.sleep(0.5)
            for load in loads:
                load.ended.set()
            for load in loads:
                load.join(30)
            community.wait_empty(120)
            accepted = {mark: recipients for load in loads for mark, recipients in load.accepted.items()}
            messages = community.members["crown-court"].server.messages
            lost, damaged, duplicates = account(accepted, messages)
            files = [
                p
                for p in (community.folder / "spool").rglob("*")
                if p.is_file() and not re.search(r"\.db|lock|key|^reserve$", p.name)
            ]
            print(
                f"{self.kills} kills, {len(accepted)} messages answered 250, {len(messages)} arrived, "
                f"{duplicates} recipients got one twice"
            )
            self.assertGreater(len(accepted), self.kills * 2)
            self.assertEqual([], lost)
            self.assertEqual(0, damaged)
            self.assertLessEqual(
                duplicates, self.kills * 40, "the window between the peer's 250 and the record is too wide"
            )
            self.assertEqual([], files, "bodies without a message were left behind")


if __name__ == "__main__":
    unittest.main()
