#!/usr/bin/python3
# builds: asan release
"""The scanner beside the gateway: viruses, workers that are hurt from outside, signature sets that change under load."""
import base64
import functools
import http.server
import io
import os
import pathlib
import pwd
import signal
import subprocess
import tarfile
import threading
import unittest
import zipfile

from harness.case import ERIC, LISTING_INSIDE, CommunityTest
from harness.signatures import EICAR, body, write_set
from harness.tools import wait_until

KNOWN = b"known from now on"


def message(subject, content, name=None, encoding="base64"):
    """A message with one attachment, or with this text alone."""
    head = f"From: {ERIC}\r\nTo: {LISTING_INSIDE}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
    if name is None:
        return head.encode() + b"\r\n" + content + b"\r\n"
    coded = base64.encodebytes(content).replace(b"\n", b"\r\n") if encoding == "base64" else content
    return (
        head.encode()
        + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nSee attached.\r\n--b\r\n'
        + f'Content-Disposition: attachment; filename="{name}"\r\n'.encode()
        + f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        + coded
        + b"\r\n--b--\r\n"
    )


def zipped(content, name="a.com"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def tarred(content):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("a.com")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class ScannerTest(CommunityTest):
    scanner = "workers: 2, deadline: 3 seconds"

    @classmethod
    def prepare(cls, community):
        cls.signatures = write_set(community.folder / "signatures")
        community.write_node(more=f"scanner: {{ {cls.scanner}, signatures: {cls.signatures} }}\n")

    def setUp(self):
        super().setUp()
        wait_until(lambda: len(self.workers()) == 2, 20, lambda: f"workers: {self.status()}")

    def status(self):
        return self.community.postern("status")["scanner"]

    def workers(self):
        return [worker["process"] for worker in self.status()["workers"]]

    def relatives(self, name):
        """Processes of that name below the gateway's."""
        todo, found = [self.community.process.pid], []
        while todo:
            below = subprocess.run(["pgrep", "-P", str(todo.pop())], capture_output=True, text=True)
            todo += [int(pid) for pid in below.stdout.split()]
            found += [int(pid) for pid in below.stdout.split()]
        return [pid for pid in found if self.name_of(pid) == name]

    @staticmethod
    def name_of(process):
        try:
            return pathlib.Path(f"/proc/{process}/comm").read_text().strip()
        except OSError:  # it has ended
            return ""

    def alarms(self):
        return [alarm["alarm"] for alarm in self.community.postern("status")["alarms"]]

    def counter(self, name):
        return self.community.postern("status")["counters"][name]

    def send(self, subject, content, name=None, **more):
        return self.community.send("greenstone", ERIC, [LISTING_INSIDE], message(subject, content, name, **more))


class Viruses(ScannerTest):
    def test_a_virus_is_refused_in_any_wrapping_and_nobody_gets_it(self):
        nested = zipped(tarred(zipped(EICAR)), "inner.tar.gz")
        wrappings = [(EICAR, None), (EICAR, "a.com"), (zipped(EICAR), "a.zip"), (tarred(EICAR), "a.tgz"), (nested, "n.zip")]
        for content, name in wrappings:
            self.assertReply(self.send(f"virus in {name}", content, name), "554 5.7.1", "Eicar-Test-Signature")
        self.assertReply(self.send("clean", b"Good morning", "a.txt"), 250)
        self.arrives(self.court, "clean")
        self.stays_away(self.court, "virus")
        told = [line for line in self.community.log() if "Eicar-Test-Signature" in str(line) and line["level"] == "alert"]
        self.assertGreaterEqual(len(told), len(wrappings))

    def test_a_mail_that_was_looked_at_part_by_part_is_read_as_mail_inside_an_archive(self):
        carrier = message("carrier", EICAR, "a.com")
        wrapped = zipped(carrier, "carrier.eml")
        self.assertReply(self.send("before", wrapped, "before.zip"), "554 5.7.1", "Eicar-Test-Signature")
        self.assertReply(self.community.send("greenstone", ERIC, [LISTING_INSIDE], carrier), "554 5.7.1")
        for number in range(4):
            self.assertReply(self.send(f"after {number}", wrapped, "after.zip"), "554 5.7.1", "Eicar-Test-Signature")

    def test_status_tells_version_and_age(self):
        status = self.status()
        self.assertIn("1 signatures of 20", status["signatures"])
        self.assertLess(status["signatures_age_seconds"], 3600)
        self.assertIn("postern_signatures 1", self.community.metrics())


class Faults(ScannerTest):
    def in_flight(self, content=b"Good morning"):
        """Sends a message that no worker answers; its reply comes into the list."""
        for worker in self.workers():
            os.kill(worker, signal.SIGSTOP)
        replies = []
        thread = threading.Thread(target=lambda: replies.append(self.send("in flight", content)))
        thread.start()
        wait_until(lambda: any(worker["busy"] for worker in self.status()["workers"]), 20)
        return replies, thread

    def test_a_worker_that_crashes_costs_its_message_a_451_and_is_replaced(self):
        before = self.workers()
        replies, thread = self.in_flight()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        thread.join()
        self.assertReply(replies[0], "451 4.7.1", "can't be checked")
        self.assertReply(self.send("after the crash", b"Good morning"), 250)
        self.assertFalse(set(before) & set(self.workers()))

    def test_a_worker_that_hangs_is_ended_at_the_deadline(self):
        replies, thread = self.in_flight()
        thread.join()
        self.assertReply(replies[0], "451 4.7.1", "can't be checked")
        wait_until(lambda: self.send("after the hang", b"Good morning").code == 250, 20)
        self.arrives(self.court, "after the hang")
        self.stays_away(self.court, "in flight")

    def test_many_failures_raise_an_alarm(self):
        for _ in range(2):
            before = self.workers()
            for worker in before:
                os.kill(worker, signal.SIGKILL)
            wait_until(lambda: len(self.workers()) == 2 and not set(before) & set(self.workers()), 20)
        self.assertIn("scanner-failing", self.alarms())
        self.assertGreaterEqual(self.counter("scanner_workers_replaced"), 4)


class Swaps(ScannerTest):
    def test_a_set_changes_under_load_without_a_lost_or_unscanned_message(self):
        replies, stop = [], threading.Event()

        def keep_sending():
            number = 0
            while not stop.is_set():
                number += 1
                replies.append(self.send(f"flow {number}", KNOWN if number % 2 else EICAR))

        thread = threading.Thread(target=keep_sending)
        thread.start()
        try:
            wait_until(lambda: len(replies) > 4, 20)
            write_set(self.signatures, body("Known", KNOWN))
            wait_until(lambda: self.status()["signature_count"] == 2, 30, lambda: f"{self.status()}")
            wait_until(lambda: [r.code for r in replies[-2:]] == [554, 554], 20)
        finally:
            stop.set()
            thread.join()
        self.assertFalse([str(r) for r in replies if r.code not in (250, 554)])
        self.assertFalse([str(r) for r in replies[1::2] if r.code != 554])  # EICAR, before, during and after
        self.assertEqual(self.counter("signature_swaps"), 1)
        self.community.wait_empty()

        write_set(self.signatures, "this is no signature\n")
        wait_until(lambda: "signatures-rejected" in self.alarms(), 30)
        self.assertReply(self.send("still known", KNOWN), 554)


class Freshclam(ScannerTest):
    def test_a_set_that_freshclam_fetches_is_used(self):
        mirror = write_set(self.community.folder / "mirror", body("Known", KNOWN), "fetched.ndb")
        handler = functools.partial(QuietHandler, directory=str(mirror))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        place = f"http://127.0.0.1:{server.server_port}"
        config = self.community.folder / "freshclam.conf"
        config.write_text(
            f"DatabaseOwner {pwd.getpwuid(os.geteuid()).pw_name}\n"
            f"DatabaseDirectory {self.signatures}\nDatabaseCustomURL {place}/fetched.ndb\n"
            f"PrivateMirror {place}\nScriptedUpdates no\n"
        )
        self.assertReply(self.send("not yet", KNOWN), 250)
        command = ["freshclam", f"--config-file={config}", "--stdout", "--update-db=custom"]
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(fetched.returncode, 0, fetched.stdout + fetched.stderr)
        wait_until(lambda: self.status()["signature_count"] == 3, 30, lambda: f"{self.status()}")
        self.assertReply(self.send("known", KNOWN), 554, "Known")


class Without(ScannerTest):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        (cls.signatures / "test.ndb").unlink()

    def test_without_signatures_the_engine_starts_says_so_and_defers(self):
        wait_until(lambda: "scanner" in self.alarms(), 20)
        self.assertReply(self.send("early", b"Good morning"), "451 4.7.1")
        self.assertIn("signatures", self.status()["trouble"].lower() + str(self.signatures))
        write_set(self.signatures)
        wait_until(lambda: self.status()["signature_count"] == 1, 30, lambda: f"{self.status()}")
        wait_until(lambda: "scanner" not in self.alarms(), 5)
        self.assertReply(self.send("later", b"Good morning"), 250)


class Limits(ScannerTest):
    scanner = "workers: 2, archive_depth: 3, archive_size: 2 MiB"

    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        community.policy.write("content.yaml", "unscannable: { encrypted: defer }\n")

    def test_what_cannot_be_looked_into_meets_its_declared_verdict(self):
        deep = EICAR
        for _ in range(6):
            deep = zipped(deep, "inner.zip")
        self.assertReply(self.send("deep", deep, "deep.zip"), "554 5.7.1", "too deeply")
        self.assertReply(self.send("bomb", zipped(b"\0" * (64 << 20), "zeros"), "bomb.zip"), "554 5.7.1", "too large")
        locked = bytearray(zipped(b"secret"))
        locked[6] |= 1  # the flag that says so, in both of its places
        locked[locked.index(b"PK\x01\x02") + 8] |= 1
        self.assertReply(self.send("locked", bytes(locked), "locked.zip"), "451 4.7.1", "password")
        self.assertReply(self.send("plain", zipped(b"Good morning"), "plain.zip"), 250)


if __name__ == "__main__":
    unittest.main()
