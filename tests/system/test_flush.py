# builds: release
# alone
"""250 means on disk: write, flush, then the answer, in that order, as strace sees it from outside.

The same check must fail where flushes are swallowed (libeatmydata), or it would prove nothing.
"""
import glob
import re
import time
import unittest

from harness import ERIC, LISTING_INSIDE, Community, make_message

CALLS = "write,writev,pwrite64,pwritev,sendto,sendmsg,sendmmsg,fdatasync,fsync"


def events(text, port):
    """[(kind, detail)] in the order in which calls ended: said, written, flushed."""
    found, begun = [], {}
    for line in text.splitlines():
        match = re.match(r"(\d+)\s+(.*)", line)
        if not match:
            continue
        thread, call = match.groups()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", call):
            call = begun.pop(thread, "") + resumed[1]
        name = call.split("(")[0]
        target = re.search(r"\(\d+<(TCP[^\]]*\]|[^>]*)>", call)
        if not target:
            continue
        target = target[1]
        if f":{port}->" in target and name in ("write", "writev", "sendto", "sendmsg", "sendmmsg"):
            if said := re.search(r'"(\d{3})[ -]', call):
                found.append(("said", said[1]))
        elif "/spool/" in target and " = -1" not in call:
            kind = "flushed" if name in ("fdatasync", "fsync") else "written" if "write" in name else ""
            if kind:
                found.append((kind, target.rsplit("/", 1)[1]))
    return found


def check_order(found):
    """Number of messages whose 250 came after its bytes were flushed; AssertionError at the first that was not."""
    checked, since = 0, None
    for kind, detail in found:
        if (kind, detail) == ("said", "354"):
            since = []
        elif since is not None and kind == "said" and detail == "250":
            log = [k for k, name in since if name.endswith("-wal")]
            if "written" not in log:
                raise AssertionError(f"250 was said and nothing had been written: {since}")
            if log[-1] != "flushed":
                raise AssertionError(f"250 was said before the log was flushed: {since}")
            for name in {name for k, name in since if k == "written" and ".db" not in name}:
                own = [(k, n) for k, n in since]
                last = max(i for i, e in enumerate(own) if e == ("written", name))
                first_log = min(i for i, (k, n) in enumerate(own) if k == "flushed" and n.endswith("-wal"))
                if not any(e == ("flushed", name) for e in own[last:first_log]):
                    raise AssertionError(f"the body {name} was not flushed before the row that names it: {since}")
            checked, since = checked + 1, None
        elif since is not None and kind != "said":
            since.append((kind, detail))
    return checked


class Flush(unittest.TestCase):
    def observe(self, preload=""):
        community = Community("flush", tls=False)
        trace = community.folder / "strace"
        community.wrapper = ["strace", "-D", "-f", "-yy", "-s", "60", "-e", f"trace={CALLS}", "-o", str(trace)]
        if preload:
            community.wrapper += ["-E", f"LD_PRELOAD={preload}"]
        with community:
            for number in range(6):
                size = 200_000 if number % 3 == 2 else 2000
                reply = community.send(
                    "greenstone",
                    ERIC,
                    LISTING_INSIDE,
                    make_message(
                        ERIC,
                        LISTING_INSIDE,
                        f"Flushed {number}",
                        b"x" * 70 + b"\r\n" * 1 + (b"y" * 70 + b"\r\n") * (size // 72),
                    ),
                )
                self.assertEqual(250, reply.code, reply)
                time.sleep(0.3)
            community.members["crown-court"].server.wait(6)
            port = community.port
            community.stop()
            time.sleep(0.3)
            return events(trace.read_text(errors="replace"), port)

    def test_every_250_comes_after_write_and_flush(self):
        self.assertEqual(6, check_order(self.observe()))

    def test_the_same_check_fails_where_flushes_are_swallowed(self):
        library = glob.glob("/usr/lib/*/libeatmydata.so*")
        self.assertTrue(library, "libeatmydata is not installed")
        with self.assertRaisesRegex(AssertionError, "before the log was flushed"):
            check_order(self.observe(library[0]))


class TheCheckItself(unittest.TestCase):
    ORDER = [
        ("said", "354"),
        ("written", "body.1"),
        ("flushed", "body.1"),
        ("written", "mail.db-wal"),
        ("flushed", "mail.db-wal"),
        ("said", "250"),
    ]

    def test_the_right_order_is_right(self):
        self.assertEqual(1, check_order(self.ORDER))

    def test_each_wrong_order_is_found(self):
        for wrong in (
            self.ORDER[:4] + self.ORDER[5:],
            self.ORDER[:2] + self.ORDER[3:],
            self.ORDER[:3] + [("flushed", "mail.db-wal"), ("written", "mail.db-wal"), ("said", "250")],
            [self.ORDER[0], self.ORDER[5]],
        ):
            with self.subTest(wrong), self.assertRaises(AssertionError):
                check_order(wrong)

    def test_strace_lines_are_read(self):
        text = (
            '7 pwrite64(9</tmp/x/spool/mail.db-wal>, "a"..., 4096, 0) = 4096\n'
            "7 fdatasync(9</tmp/x/spool/mail.db-wal> <unfinished ...>\n"
            '8 sendmsg(12<TCP:[127.0.0.1:2525->127.0.0.11:5000]>, {msg_iov=[{iov_base="354 go"}]}, 0) = 6\n'
            "7 <... fdatasync resumed>) = 0\n"
        )
        self.assertEqual([("written", "mail.db-wal"), ("said", "354"), ("flushed", "mail.db-wal")], events(text, 2525))


if __name__ == "__main__":
    unittest.main()
