#!/usr/bin/python3
# builds: release
"""What nobody could look into honestly: bombs, broken and locked files, thousands of parts, EICAR split by encodings,
signature folders that are no use. Each gets its verdict, or the declared fallback, within the deadline."""
import base64
import binascii
import bz2
import gzip
import io
import lzma
import os
import pathlib
import pwd
import quopri
import signal
import struct
import subprocess
import time
import unittest
import zipfile
import zlib

from harness.case import ERIC, LISTING_INSIDE
from harness.signatures import EICAR, SAMPLES, body, samples_set, write_set
from harness.tools import sanitized, wait_until
from test_scanner import ScannerTest, message, tarred, zipped

DEADLINE = 10
FOUND = "Eicar-Test-Signature.UNOFFICIAL"  # as libclamav calls what is in no official set
HEAD = f"From: {ERIC}\r\nTo: {LISTING_INSIDE}\r\nMIME-Version: 1.0\r\n".encode()


def locked_zip():
    """A zip whose member says that it is encrypted, in both of its places."""
    locked = bytearray(zipped(b"secret" * 20, "secret.txt"))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    return bytes(locked)


def zip64(content, name="a.com"):
    """A zip whose directory is written for more than 4 GiB, though its file is small: libclamav passes it over."""
    elsewhere = 0xFFFFFFFF
    common = struct.pack("<HHHHI", 0, 0, 0, 33, zlib.crc32(content))
    sizes = struct.pack("<QQ", len(content), len(content))
    field = struct.pack("<HH", 1, len(sizes)) + sizes
    lengths = struct.pack("<IIHH", elsewhere, elsewhere, len(name), len(field))
    local = b"PK\3\4" + struct.pack("<H", 45) + common + lengths + name.encode() + field + content
    entry = b"PK\1\2" + struct.pack("<HH", 45, 45) + common + lengths + bytes(14) + name.encode() + field
    return local + entry + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)


def by(program, content):
    return subprocess.run([program, "-c"], input=content, capture_output=True, check=True).stdout


def many_files(count):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.txt", b"x")
    return file.getvalue()


def ten_thousand_parts(last):
    parts = b"".join(b"--b\r\n\r\nx%d\r\n" % number for number in range(10_000))
    return HEAD + b'Subject: parts\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n' + parts + b"--b\r\n\r\n" + last + b"\r\n--b--\r\n"


class BadScans(ScannerTest):
    scanner = f"workers: 2, deadline: {DEADLINE} seconds, archive_depth: 8, archive_files: 500, archive_size: 20 MiB"
    content = "unscannable: { encrypted: quarantine, broken: tag, depth: reject, files: reject, size: reject, time: defer }\n"

    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        community.policy.write("content.yaml", cls.content)

    def send_whole(self, content):
        return self.community.send("greenstone", ERIC, [LISTING_INSIDE], content)

    def timely(self, act, code, *words):
        begun = time.monotonic()
        self.assertReply(act(), code, *words)
        self.assertLess(time.monotonic() - begun, DEADLINE + 5)

    def test_bombs_are_refused(self):
        zeros = b"\0" * (64 << 20)
        self.timely(lambda: self.send("flat", zipped(zeros), "flat.zip"), 554, "too large")
        self.timely(lambda: self.send("nested", zipped(zipped(zeros)), "nested.zip"), 554, "too large")
        self.timely(lambda: self.send("gzip", gzip.compress(zeros), "zeros.gz"), 554, "too large")
        self.timely(lambda: self.send("bzip2", bz2.compress(zeros), "zeros.bz2"), 554, "too large")
        self.timely(lambda: self.send("files", many_files(3000), "many.zip"), 554, "too many files")
        deep = EICAR
        for _ in range(30):
            deep = zipped(deep, "inner.zip")
        self.timely(lambda: self.send("deep", deep, "deep.zip"), 554)

    def test_a_virus_in_what_was_cut_off_or_nested_is_found(self):
        for name, archive in (("a.zip", zipped(EICAR)), ("a.tgz", tarred(EICAR)), ("n.zip", zipped(tarred(zipped(EICAR)), "i.tgz"))):
            self.timely(lambda: self.send(name, archive, name), 554, "Eicar-Test-Signature")
        cut = zipped(b"Good morning" * 500)[:60]
        self.timely(lambda: self.send("cut", cut, "cut.zip"), 250)
        self.arrives(self.court, "NOT CHECKED: cut")

    def test_what_is_locked_waits_for_people_and_is_released_by_them(self):
        reply = self.send("locked", locked_zip(), "locked.zip")
        self.assertReply(reply, 250)
        id = str(reply).split("Taken as ")[1].split()[0]
        entry = next(d for d in self.community.postern("quarantine", "list")["deliveries"] if d["id"] == id)
        self.assertIn("encrypted", str(entry))
        self.stays_away(self.court, "locked")
        self.assertEqual(1, self.community.postern("quarantine", "release", id)["released"])
        self.arrives(self.court, "locked")

    def test_ten_thousand_parts_are_answered_in_time(self):
        self.timely(lambda: self.send_whole(ten_thousand_parts(b"Good morning")), 554, "too many files")
        self.timely(lambda: self.send_whole(ten_thousand_parts(EICAR)), 554)

    def test_eicar_is_found_in_any_encoding_and_split_over_lines(self):
        fields = b'Subject: x\r\nContent-Disposition: attachment; filename="a.com"\r\n'
        short_lines = b"\r\n".join(base64.b64encode(EICAR)[i : i + 4] for i in range(0, 92, 4))
        soft = b"=\r\n".join(bytes([byte]) if byte not in b"=\r\n" else b"=%02X" % byte for byte in EICAR)
        every = b"".join(b"=%02X" % byte for byte in EICAR)
        forms = {
            "7bit": (b"7bit", EICAR),
            "base64 in short lines": (b"base64", short_lines),
            "base64 with rubbish in it": (b"BASE64", b" !\r\n".join(base64.b64encode(EICAR)[i : i + 8] for i in range(0, 92, 8))),
            "quoted-printable": (b"quoted-printable", quopri.encodestring(EICAR)),
            "quoted-printable by characters": (b"quoted-printable", soft),
            "quoted-printable in hexadecimal": (b"Quoted-Printable", every.replace(b"=50=5B", b"=50=\r\n=5B")),
        }
        for name, (encoding, body) in forms.items():
            with self.subTest(name):
                whole = HEAD + fields + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body + b"\r\n"
                self.assertReply(self.send_whole(whole), 554, "Eicar-Test-Signature")

    def test_eicar_is_found_where_only_some_programs_see_a_part(self):
        coded = base64.b64encode(EICAR)
        fields = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        split = base64.b64encode(EICAR[:20]) + b"\r\n" + base64.b64encode(EICAR[20:])
        mixed = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        forms = {
            "preamble": mixed + fields + coded + b"\r\n--b\r\n\r\nhi\r\n--b--\r\n",
            "boundary of a text": b"Content-Type: text/plain; boundary=b\r\n\r\n--b\r\n" + fields + coded + b"\r\n--b--\r\n",
            "padding within": mixed + b"--b\r\n" + fields + split + b"\r\n--b--\r\n",
        }
        for name, rest in forms.items():
            with self.subTest(name):
                self.assertReply(self.send_whole(HEAD + b"Subject: x\r\n" + rest), 554, "Eicar-Test-Signature")

    def test_every_file_of_clamav_testfiles_is_answered_in_time(self):
        (self.signatures / "samples.hdb").write_text(samples_set())
        wait_until(lambda: self.status()["signature_count"] == 2, 30)
        found = 0
        for file in sorted(SAMPLES.iterdir()):
            begun = time.monotonic()
            reply = self.send(file.name, file.read_bytes(), file.name)
            self.assertLess(time.monotonic() - begun, DEADLINE + 5, file.name)
            self.assertIn(reply.code, (250, 451, 554), f"{file.name}: {reply}")
            found += reply.code == 554 and "Clam.Test.File" in str(reply)
        self.assertGreater(found, 20)


class Members(ScannerTest):
    """Where rules ask what archives hold."""

    scanner = "workers: 2, deadline: 6 seconds"

    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        community.policy.write(
            "content.yaml",
            "unscannable: { broken: reject }\nrules:\n"
            '  - { name: programs, when: { attachment.member: "*.exe" }, then: { reject: "5.7.1 No programs" } }\n'
            '  - { name: named, when: { attachment.name: "*.exe" }, then: { reject: "5.7.1 No programs" } }\n',
        )

    def test_a_program_is_found_in_an_archive_within_an_archive(self):
        self.assertReply(self.send("program", zipped(zipped(b"MZ", "tool.exe"), "inner.dat"), "a.zip"), 550, "No programs")
        self.assertReply(self.send("text", zipped(zipped(b"MZ", "tool.txt"), "inner.zip"), "a.zip"), 250)

    def test_zeros_behind_an_archives_first_header_cost_no_worker(self):
        fields = [1, 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, 6, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + b"a.txt\0"
        raw = io.BytesIO()
        with gzip.GzipFile(fileobj=raw, mode="wb") as file:
            file.write(head + bytes(-len(head) % 4))
            for _ in range(300):
                file.write(bytes(8 << 20))
        for name, bomb in (("once", raw.getvalue()), ("twice", gzip.compress(raw.getvalue()))):
            begun = time.monotonic()
            self.assertReply(self.send(name, bomb, "a.cpio.gz"), 554, "5.7.1")
            self.assertLess(time.monotonic() - begun, 11, name)
        self.assertEqual(0, self.counter("scanner_workers_replaced"))

    def test_a_file_within_a_text_is_an_attachment(self):
        for content, name in ((b"MZ", "setup.exe"), (zipped(b"MZ", "tool.exe"), "a.zip")):
            rows = b"".join(binascii.b2a_uu(content[i : i + 45]) for i in range(0, len(content), 45))
            text = b"begin 644 %s\n%s`\nend" % (name.encode(), rows)
            self.assertReply(self.send("uuencoded", text.replace(b"\n", b"\r\n")), 550, "No programs")

    def test_both_names_of_a_zips_file_count(self):
        for first, second in (("tool.exe", "tool.txt"), ("tool.txt", "tool.exe")):
            archive = bytearray(zipped(b"MZ", first))
            archive[archive.index(b"PK\1\2") :] = archive[archive.index(b"PK\1\2") :].replace(first.encode(), second.encode())
            self.assertReply(self.send("names", bytes(archive), "a.zip"), 550, "No programs")

    def test_a_mail_file_is_looked_into_whatever_it_is_called(self):
        carried = message("carried", zipped(b"MZ", "tool.exe"), "a.zip")
        self.assertReply(self.send("mail file", carried, "mail.dat"), 550, "No programs")
        self.assertReply(self.send("mail file", message("carried", b"MZ", "tool.exe"), "mail.dat"), 550, "No programs")
        self.assertReply(self.send("mail file", message("carried", b"MZ", "tool.txt"), "mail.dat"), 250)

    def test_a_broken_archive_meets_what_is_declared(self):
        self.assertReply(self.send("cut", zipped(os.urandom(5000))[:3000], "a.zip"), 554, "damaged")
        self.assertReply(self.send("cut", zipped(zipped(os.urandom(5000))[:3000], "b.zip"), "a.zip"), 554, "damaged")


class Cramped(ScannerTest):
    """What needs more room than a worker has for temporary files is too large, and costs no worker."""

    scanner = "workers: 2, deadline: 20 seconds, temporary: 8 MiB"

    def test_what_unpacks_to_more_than_there_is_room_for_is_too_large(self):
        zeros = bytes(96 << 20)  # some are unpacked in memory first, where 64 MiB have room
        bombs = {"gz": gzip.compress(zeros), "bz2": bz2.compress(zeros), "xz": lzma.compress(zeros), "zip": zipped(zeros, "a.txt")}
        bombs["lzma"] = lzma.compress(zeros, lzma.FORMAT_ALONE)
        bombs |= {name: by(program, zeros) for name, program in (("zst", "zstd"), ("lz4", "lz4"))}
        bombs |= {"tgz": tarred(zeros), "zip.gz": gzip.compress(bombs["zip"]), "bz2.zip": zipped(bombs["bz2"], "a.bz2")}
        for name, bomb in bombs.items():
            with self.subTest(name):
                self.assertReply(self.send(name, bomb, f"a.{name}"), 554, "too large")
        self.assertEqual(0, self.counter("scanner_workers_replaced"))
        self.assertReply(self.send("fine", b"Good morning"), 250)


class Unread(ScannerTest):
    """Archives that libclamav does not open are opened for it."""

    def test_a_virus_is_found_in_what_libclamav_does_not_open(self):
        forms = {
            "zst": by("zstd", EICAR),
            "lz4": by("lz4", EICAR),
            "lzma": lzma.compress(EICAR, lzma.FORMAT_ALONE),
            "zip64": zip64(EICAR),
            "ar": b"!<arch>\n" + b"a.com/          0           0     0     100644  %-10d`\n" % len(EICAR) + EICAR,
        }
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("a.com", EICAR)
        forms["zip by LZMA"] = file.getvalue()
        forms |= {f"{name} in a zip": zipped(content, "inner") for name, content in forms.items()}
        forms |= {f"{name} in a mail file": message("x", content, "a") for name, content in list(forms.items())[:6]}
        forms["zip in zst"] = by("zstd", zipped(EICAR))
        for name, content in forms.items():
            with self.subTest(name):
                self.assertReply(self.send(name, content, "a.bin"), 554, "Eicar-Test-Signature")

    def test_compressions_that_another_program_would_have_to_open_cost_no_worker(self):
        for mark in (b"GRZipII\0\2\4:)", b"LRZI\0\5", b"\x89LZO\0\r\n\x1a\n"):
            self.assertReply(self.send("odd", mark + b"x" * 500, "a.bin"), 250)
        self.assertEqual(0, self.counter("scanner_workers_replaced"))


class Nests(ScannerTest):
    """What takes longer than there is meets its verdict; its worker lives."""

    scanner = "workers: 2, deadline: 4 seconds"

    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        community.policy.write("content.yaml", "unscannable: { time: reject, depth: accept }\n")

    def test_mail_files_within_each_other_cost_no_worker(self):
        noise = base64.encodebytes(os.urandom(2 << 20)).replace(b"\n", b"\r\n")
        leaf = b"Subject: leaf\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + noise
        for number in range(39):
            leaf = b"Content-Type: message/rfc822; name=m%d.eml\r\n\r\n" % number + leaf
        for _ in range(2):  # what time prevented is not remembered, and answered alike
            reply = self.community.send("greenstone", ERIC, [LISTING_INSIDE], HEAD + b"Subject: nest\r\n" + leaf)
            self.assertIn(reply.code, (250, 554), str(reply))
        if reply.code == 554:
            self.assertEqual(0, self.counter("inspections_remembered"))
        self.assertEqual(0, self.counter("scanner_workers_replaced"))


@unittest.skipIf(sanitized(), "what a sanitizer watches can't be traced")
class Slow(ScannerTest):
    """A worker whose look takes longer than there is answers so, before it would be killed."""

    scanner = "workers: 2, deadline: 20 seconds"

    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        community.policy.write("content.yaml", "unscannable: { time: reject }\n")

    def test_what_takes_too_long_meets_its_verdict_and_costs_no_worker(self):
        before = self.workers()
        delay = ["-e", "trace=openat", "-e", "inject=openat:delay_enter=16s:when=1"]
        for worker in before:  # its first temporary file comes when three quarters of the deadline are over
            tracer = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-p", str(worker), *delay])
            self.addCleanup(tracer.wait)
            self.addCleanup(tracer.terminate)
            status = pathlib.Path(f"/proc/{worker}/status")
            wait_until(lambda: f"TracerPid:\t{tracer.pid}\n" in status.read_text(), 20)
        begun = time.monotonic()
        self.assertReply(self.send("slow", tarred(b"Good morning"), "a.tgz"), 554, "too long")
        self.assertGreater(time.monotonic() - begun, 14)
        self.assertEqual(0, self.counter("inspections_remembered"))
        self.assertEqual(0, self.counter("scanner_workers_replaced"))
        self.assertEqual(before, self.workers())


class Ledger(ScannerTest):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        community.policy.write(
            "content.yaml",
            "viruses: quarantine\nrules:\n  - { name: police, when: { recipient.organisation: northshire-police, "
            'message.virus: "*" }, then: { reject: "5.7.1 Not to us" } }\n',
        )

    def test_a_virus_is_kept_traced_and_released_for_what_it_was_kept_for(self):
        reply = self.send("kept", EICAR, "a.com")
        self.assertReply(reply, 250)
        id = str(reply).split("Taken as ")[1].split()[0]
        trace = self.community.trace(id)[0]
        scan = trace["message"]["evidence"]["scan"]
        self.assertEqual([FOUND], scan["viruses"])
        self.assertEqual(64, len(scan["sha256"]))
        self.assertIn("1 signatures of", scan["signatures"])
        told = self.community.run("trace", id).stdout
        self.assertIn("looked into by 1 signatures of", told)
        self.assertIn(f"virus {FOUND}; SHA-256", told)
        self.assertIn(f"virus {FOUND} found by 1 signatures", told)
        self.assertIn("[generation 1]", told)
        explained = self.community.run("trace", id, "--explain").stdout
        self.assertIn("content.yaml viruses", explained)
        self.assertIn("Eicar-Test-Signature", explained)
        self.stays_away(self.court, "kept")
        self.assertEqual(1, self.community.postern("quarantine", "release", id)["released"])
        self.arrives(self.court, "kept")


class Refused(ScannerTest):
    def test_the_ledger_has_what_was_refused_and_why(self):
        self.assertReply(self.send("refused", EICAR, "a.com"), 554)
        trace = self.community.trace("--to", "listing@*")[0]
        self.assertEqual([FOUND], trace["message"]["evidence"]["scan"]["viruses"])
        self.assertEqual("refused", trace["recipients"][0]["state"])
        self.assertGreaterEqual(trace["message"]["generation"], 1)
        self.community.wait_empty()


class Heavy(ScannerTest):
    """Signatures that need more memory than a worker may have of its own."""

    scanner = "workers: 2, memory: 64 MiB, deadline: 20 seconds"

    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        lines = (f"{number:064x}:{1000 + number % 50_000}:Made.Up-{number}:73\n" for number in range(600_000))
        (cls.signatures / "many.hsb").write_text("".join(lines))

    def setUp(self):
        super(ScannerTest, self).setUp()
        wait_until(lambda: self.status()["signature_count"] > 500_000, 180, lambda: f"{self.status()}")
        wait_until(lambda: len(self.workers()) == 2, 20)

    def test_workers_are_not_charged_for_the_signatures_that_they_share(self):
        before = self.workers()
        time.sleep(2)  # two looks at what workers use
        self.assertReply(self.send("fine", b"Good morning"), 250)
        self.assertEqual(sorted(before), sorted(self.workers()))
        self.assertNotIn("scanner-failing", self.alarms())

    def test_a_worker_that_bloats_is_replaced_and_its_message_kept_by_its_sender(self):
        before = self.workers()
        for worker in before:  # as if libclamav had a leak: its limit is already used up
            used = int(pathlib.Path(f"/proc/{worker}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            subprocess.run(["prlimit", f"--pid={worker}", f"--as={used}"], check=True)
        big = os.urandom(2 << 20)
        self.assertReply(self.send("bloat", big, "noise.bin"), 451)
        wait_until(lambda: not set(before) & set(self.workers()) or self.send("x", b"y").code == 250, 30)
        wait_until(lambda: self.send("after the bloat", b"Good morning").code == 250, 30)
        self.arrives(self.court, "after the bloat")

    def test_a_tree_that_dies_as_it_loads_while_none_is_in_force_is_replaced(self):
        before = self.relatives("scan-signatures")
        for process in before:
            os.kill(process, signal.SIGKILL)
        successor = wait_until(lambda: set(self.relatives("scan-signatures")) - set(before), 30)
        for process in successor:
            os.kill(process, signal.SIGKILL)
        wait_until(lambda: "scanner" in self.alarms(), 30)
        self.assertNotIn("signatures-rejected", self.alarms())
        wait_until(lambda: self.status()["signature_count"] > 500_000 and len(self.workers()) == 2, 180)
        self.assertReply(self.send("virus", EICAR), 554)
        self.assertNotIn("scanner", self.alarms())


class Useless(ScannerTest):
    """A folder without use: the engine starts, says so, defers, and takes up what comes."""

    def setUp(self):
        super(ScannerTest, self).setUp()

    def is_down(self):
        wait_until(lambda: "scanner" in self.alarms(), 30, lambda: f"{self.status()}")
        self.assertReply(self.send("early", b"Good morning"), "451 4.7.1")
        self.assertTrue(self.status()["trouble"])

    def comes_back(self):
        write_set(self.signatures)
        wait_until(lambda: self.status()["signature_count"] == 1, 60, lambda: f"{self.status()}")
        wait_until(lambda: "scanner" not in self.alarms(), 10)
        self.assertReply(self.send("later", b"Good morning"), 250)


class NoFolder(Useless):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        (cls.signatures / "test.ndb").unlink()
        cls.signatures.rmdir()

    def test_a_missing_folder(self):
        self.is_down()
        self.comes_back()


class Corrupted(Useless):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        (cls.signatures / "test.ndb").write_bytes(os.urandom(5000))

    def test_a_corrupted_set(self):
        self.is_down()
        self.comes_back()


class Forbidden(Useless):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        (cls.signatures / "test.ndb").chmod(0)

    def test_wrong_permissions(self):
        self.is_down()
        (self.signatures / "test.ndb").unlink()
        self.comes_back()


class Stopped(ScannerTest):
    """Processes that stand still or are killed from outside, the tree and the keeper too."""

    def test_a_tree_or_a_keeper_that_is_killed_comes_back(self):
        for name in ("scan-signatures", "postern-scan"):
            with self.subTest(name):
                before = self.workers()
                for process in self.relatives(name):
                    os.kill(process, signal.SIGKILL)
                wait_until(lambda: len(self.workers()) == 2 and not set(before) & set(self.workers()), 30)
                wait_until(lambda: self.send(f"after {name}", b"Good morning").code == 250, 30)
                wait_until(lambda: "scanner" not in self.alarms(), 10)
                self.assertReply(self.send("virus", EICAR), 554)


    def test_a_tree_or_a_keeper_that_stands_still_is_replaced_when_it_is_needed(self):
        for names in (["scan-signatures"], ["scan-signatures", "postern-scan"]):
            with self.subTest(names):
                before = self.workers()
                for name in names:
                    for process in self.relatives(name):
                        os.kill(process, signal.SIGSTOP)
                self.assertEqual(250, self.send("nothing is missing yet", b"Good morning").code)
                for process in before:
                    os.kill(process, signal.SIGKILL)
                wait_until(lambda: self.send(f"after {names}", b"Good morning").code == 250, 120)
                self.assertFalse(set(before) & set(self.workers()))
                self.assertReply(self.send("virus", EICAR), 554)

    def test_a_new_set_is_taken_though_the_keeper_stood_still(self):
        (keeper,) = self.relatives("postern-scan")
        os.kill(keeper, signal.SIGSTOP)
        write_set(self.signatures, body("New", b"a new signature"))
        wait_until(lambda: self.send("new", b"with a new signature").code == 554, 120)
        self.assertNotEqual([keeper], self.relatives("postern-scan"))


@unittest.skipIf(sanitized(), "what a sanitizer watches can't be traced")
class Forks(ScannerTest):
    """No process can be started for a while."""

    def forbid_forks(self, process):
        """Until what it returns is called."""
        command = ["strace", "-qq", "-o", "/dev/null", "-p", str(process), "-e", "trace=clone,clone3"]
        tracer = subprocess.Popen([*command, "-e", "inject=clone,clone3:error=EAGAIN"])
        status = pathlib.Path(f"/proc/{process}/status")
        wait_until(lambda: f"TracerPid:\t{tracer.pid}\n" in status.read_text(), 20)

        def permit():
            if tracer.poll() is None:
                tracer.terminate()
                tracer.wait()

        self.addCleanup(permit)
        return permit

    def test_workers_that_cannot_be_started_are_an_alarm_and_come_when_they_can(self):
        (tree,) = self.relatives("scan-signatures")
        permit = self.forbid_forks(tree)
        for worker in self.workers():
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: {"scanner", "scanner-failing"} <= set(self.alarms()), 30, lambda: f"{self.alarms()}")
        wait_until(lambda: "no worker can be started" in self.status()["trouble"], 10)
        self.assertReply(self.send("nobody to look", b"Good morning"), "451 4.7.1")
        permit()
        wait_until(lambda: len(self.workers()) == 2, 30)
        wait_until(lambda: "scanner" not in self.alarms(), 10)
        wait_until(lambda: not self.status()["trouble"], 10)
        self.assertReply(self.send("somebody to look", b"Good morning"), 250)
        self.assertEqual([tree], self.relatives("scan-signatures"))

    def test_a_new_set_whose_process_cannot_be_started_is_tried_again(self):
        (keeper,) = self.relatives("postern-scan")
        permit = self.forbid_forks(keeper)
        write_set(self.signatures, body("New", b"a new signature"))
        wait_until(lambda: "signatures-rejected" in self.alarms(), 30)
        self.assertReply(self.send("old set", EICAR), 554)
        self.assertReply(self.send("not yet", b"with a new signature"), 250)
        permit()
        wait_until(lambda: self.send("new", b"with a new signature").code == 554, 120)
        wait_until(lambda: "signatures-rejected" not in self.alarms(), 10)


@unittest.skipIf(sanitized() or os.geteuid() != 0, "needs a mount")
class NoMemory(ScannerTest):
    """The machine says how much memory it has; here it says what it is told."""

    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        cls.told = community.folder / "meminfo"
        cls.tell("64 GiB")
        script = 'mount --bind "$0" /proc/meminfo && exec "$@"'
        community.wrapper = ["unshare", "--mount", "sh", "-c", script, str(cls.told)]

    @classmethod
    def tell(cls, available):
        number, unit = available.split()
        cls.told.write_text(f"MemAvailable:   {int(number) << {'MiB': 10, 'GiB': 20}[unit]} kB\n")

    def test_a_set_for_which_there_is_no_memory_waits_and_is_loaded_when_there_is(self):
        self.tell("1 MiB")
        write_set(self.signatures, body("New", b"a new signature"))
        wait_until(lambda: "signatures-rejected" in self.alarms(), 30)
        alarm = next(a for a in self.community.postern("status")["alarms"] if a["alarm"] == "signatures-rejected")
        self.assertIn("not enough memory", alarm["text"])
        self.assertReply(self.send("old set", EICAR), 554)
        self.assertReply(self.send("not yet", b"with a new signature"), 250)
        self.tell("64 GiB")
        wait_until(lambda: self.send("new", b"with a new signature").code == 554, 120)
        wait_until(lambda: "signatures-rejected" not in self.alarms(), 10)


class Degraded(ScannerTest):
    """A machine that permits less: what is missing is said, and mail is scanned all the same."""

    missing = ""

    def scans(self):
        self.assertReply(self.send("virus", zipped(EICAR), "a.zip"), 554, "Eicar-Test-Signature")
        self.assertReply(self.send("clean", b"Good morning", "a.txt"), 250)
        self.arrives(self.court, "clean")


class WithoutLandlock(Degraded):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        call = "landlock_create_ruleset"
        community.wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", f"trace={call}"]
        community.wrapper += ["-e", f"inject={call}:error=ENOSYS"]

    def test_a_kernel_without_landlock(self):
        self.assertIn("no Landlock", str(self.status()["warnings"]))
        self.scans()


class WithoutNamespaces(Degraded):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        community.wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", "trace=unshare"]
        community.wrapper += ["-e", "inject=unshare:error=EPERM"]

    def test_a_machine_without_namespaces(self):
        self.assertIn("no namespaces", str(self.status()["warnings"]))
        self.scans()


@unittest.skipIf(os.geteuid() != 0, "an ordinary user is what everything runs as")
class AsOrdinaryUser(Degraded):
    @classmethod
    def prepare(cls, community):
        super().prepare(community)
        nobody = pwd.getpwnam("nobody")
        (community.folder / "spool").mkdir(exist_ok=True)
        for folder in (community.folder, *community.folder.rglob("*")):
            os.chown(folder, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
        for folder in community.folder.parents:
            if not folder.stat().st_mode & 0o001:
                raise unittest.SkipTest(f"{folder} lets nobody through")
        community.wrapper = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]

    def test_started_by_an_ordinary_user(self):
        owner = os.stat(f"/proc/{self.workers()[0]}").st_uid
        self.assertEqual(pwd.getpwnam("nobody").pw_uid, owner)
        self.scans()


if __name__ == "__main__":
    unittest.main()
