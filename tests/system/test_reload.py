# builds: asan release threads
"""Live reload: valid edits go live whole, bad ones change nothing and say why, and nobody's mail notices."""
import hashlib
import os
import shutil
import signal
import threading
import time
import unittest

from harness import ERIC, LISTING_INSIDE, CommunityTest, free_port, make_message, wait_until
from harness.member_client import MemberClient
from harness.policy_text import Policy


class Reload(CommunityTest):
    @classmethod
    def prepare(cls, community):
        # The policy is reached through a symbolic link, as a careful administrator has it.
        link = community.policy.folder
        link.rename(community.folder / "policy-1")
        link.symlink_to("policy-1")

    def setUp(self):
        super().setUp()
        self.policy = self.community.policy
        self.before = {
            str(p.relative_to(self.policy.folder)): p.read_text()
            for p in sorted(self.policy.folder.resolve().rglob("*.yaml"))
            for p in [self.policy.folder / p.relative_to(self.policy.folder.resolve())]
        }

    def tearDown(self):
        super().tearDown()
        for name, text in self.before.items():
            if self.policy.read(name) != text:
                self.policy.write(name, text)
        self.community.reload()

    def size_limit(self):
        with self.community.client("greenstone") as client:
            return client.offered["SIZE"]

    def limit(self, text):
        self.policy.set("limits.yaml", "message_size", text)

    def test_an_edit_goes_live_by_itself_once_the_files_are_quiet(self):
        before = self.community.generation()
        self.limit("9 MiB")
        wait_until(lambda: self.community.generation() > before, 30, "a new generation")
        self.assertEqual(str(9 << 20), self.size_limit())

    def test_texts_and_what_tests_bring_along_are_watched_too(self):
        for name in ("templates/failure.txt", "tests/deep/note.txt"):
            before = self.community.generation()
            self.policy.write(name, "Subject: Not delivered\n\nWe are sorry.\n")
            wait_until(lambda: self.community.generation() > before, 30, f"a generation with {name}")
            self.community.reload()
            (self.policy.folder / name).unlink()
        self.community.reload()

    def test_a_directory_that_is_being_written_waits_until_it_rests(self):
        before = self.community.generation()
        self.limit("1 MiB")  # half of an edit
        greenstone, gaps, last = self.policy.read("organisations/greenstone.yaml"), [], time.monotonic()
        for n in range(8):
            time.sleep(0.5)
            self.policy.write("organisations/greenstone.yaml", greenstone + f"# {n}\n")
            gaps.append(time.monotonic() - last)
            last = time.monotonic()
        if max(gaps) > 1.5:
            self.skipTest("this machine could not keep the directory restless")
        self.assertEqual(before, self.community.generation())
        self.limit("9 MiB")
        wait_until(lambda: self.community.generation() > before, 30, "a new generation")
        self.assertEqual(before + 1, self.community.generation())
        self.assertEqual(str(9 << 20), self.size_limit())

    def test_reload_goes_live_at_once(self):
        before = self.community.generation()
        self.limit("8 MiB")
        self.community.reload()
        self.assertEqual(before + 1, self.community.generation())
        self.assertEqual(str(8 << 20), self.size_limit())

    def test_a_hangup_signal_goes_live_at_once(self):
        before = self.community.generation()
        self.limit("7 MiB")
        self.community.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.community.generation() > before, 3, "a new generation")
        self.assertEqual(str(7 << 20), self.size_limit())

    def test_a_swapped_link_goes_live_whole(self):
        before = self.community.generation()
        fresh = self.community.folder / f"policy-{before + 100}"
        shutil.copytree(self.policy.folder.resolve(), fresh)
        Policy(fresh).set("limits.yaml", "message_size", "6 MiB")
        link = self.community.folder / "next"
        link.symlink_to(fresh.name)
        os.replace(link, self.policy.folder)
        wait_until(lambda: self.community.generation() > before, 30, "a new generation")
        self.assertEqual(str(6 << 20), self.size_limit())

    def test_a_reload_without_a_change_makes_no_generation(self):
        before = self.community.generation()
        self.community.reload()
        self.assertEqual(before, self.community.generation())

    def test_a_bad_edit_keeps_the_old_generation_and_says_why_everywhere(self):
        before, size = self.community.generation(), self.size_limit()
        self.policy.set("limits.yaml", "mesage_size", "5 MiB")
        done = self.community.run("reload")
        self.assertNotEqual(0, done.returncode)
        for text in (
            "limits.yaml:",
            'unknown key "mesage_size"',
            'did you mean "message_size"?',
            f"generation {before} stays in force",
            "^~",
        ):
            self.assertIn(text, done.stdout + done.stderr)
        self.assertEqual(before, self.community.generation())
        self.assertEqual(size, self.size_limit())
        self.assertIn("mesage_size", str(self.community.postern("status")))
        self.assertTrue([line for line in self.community.log() if "mesage_size" in str(line)])
        reply = self.community.send(
            "greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Under the old")
        )
        self.assertReply(reply, 250)
        self.policy.set("limits.yaml", "mesage_size", None)
        self.community.reload()
        self.assertNotIn("mesage_size", str(self.community.postern("status")))

    def test_all_faults_are_named_at_once(self):
        self.policy.set("limits.yaml", "mesage_size", "5 MiB")
        self.policy.set("limits.yaml", "recipients", "many")
        self.policy.set("routing.yaml", "retri", "{}")
        text = (done := self.community.run("reload")).stdout + done.stderr
        for part in ("mesage_size", "recipients", "retri"):
            self.assertIn(part, text)

    def test_a_transaction_keeps_the_generation_it_began_with(self):
        before = self.community.generation()
        with self.community.client("greenstone") as client:
            client.mail(ERIC)
            self.policy.set(
                "tagging.yaml",
                "tags",
                "\n  - name: other\n    when: { recipient.organisation.kind: server }\n"
                '    subject: { prefix: "NEW: " }\n    headers: { add: { X-Secure-Email: '
                '"generation=${policy.generation}" } }',
            )
            self.community.reload()
            client.rcpt(LISTING_INSIDE)
            self.assertReply(client.data(make_message(ERIC, LISTING_INSIDE, "Began before")), 250)
            client.message(ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Began after"))
        old, new = self.arrives(self.court, "Began before"), self.arrives(self.court, "Began after")
        self.assertEqual("CJSM: Began before", old.header("Subject"))
        self.assertEqual("NEW: Began after", new.header("Subject"))
        self.assertIn(f"generation={before}", old.header("X-Secure-Email"))
        self.assertIn(f"generation={before + 1}", new.header("X-Secure-Email"))

    def shown(self):
        with self.community.client("greenstone") as client:
            return hashlib.sha256(client.socket.getpeercert(True)).hexdigest()

    def test_a_new_certificate_in_the_same_file_is_shown_after_a_reload(self):
        fresh = self.community.authority.issue("mx.cjsm.net", self.community.folder / f"fresh{time.time_ns()}")
        old = self.shown()
        with self.community.client("greenstone") as open_before:
            for source, target in (
                (fresh.key, self.community.certificate.key),
                (fresh.chain, self.community.certificate.chain),
            ):
                shutil.copy(source, f"{target}.new")
                os.replace(f"{target}.new", target)
            self.community.reload()
            self.assertReply(open_before.command("NOOP"), 250)
        self.assertNotEqual(old, self.shown())
        self.assertEqual(fresh.sha256(), self.shown())

    def test_a_key_that_does_not_fit_keeps_what_was(self):
        before, shown = self.community.generation(), self.shown()
        other = self.community.authority.issue("mx.cjsm.net", self.community.folder / f"other{time.time_ns()}")
        text = self.policy.read("node.yaml")
        self.policy.write("node.yaml", text.replace(str(self.community.certificate.key), str(other.key)))
        self.assertNotEqual(0, self.community.run("reload").returncode)
        self.assertEqual((before, shown), (self.community.generation(), self.shown()))

    def test_listeners_come_and_go(self):
        port, text = free_port(), self.policy.read("node.yaml")
        second = text[text.index("  - name: members") : text.index("storage:")].replace("members", "second", 1)
        second = second.replace(f":{self.community.port}", f":{port}")
        self.policy.write("node.yaml", text.replace("storage:", second + "storage:", 1))
        self.community.reload()
        with MemberClient(port, "127.0.0.11", self.community.members["greenstone"].certificate) as client:
            self.assertReply(client.hello().mail(ERIC), 250)
            self.policy.write("node.yaml", text)
            self.community.reload()
            self.assertReply(client.rcpt(LISTING_INSIDE), 250)
        with self.assertRaises(OSError):
            MemberClient(port).greet()

    def test_a_listener_that_cannot_be_had_keeps_the_old_generation(self):
        before, text = self.community.generation(), self.policy.read("node.yaml")
        self.policy.write("node.yaml", text.replace(f"127.0.0.1:{self.community.port}", f"127.0.0.1:{self.court.port}"))
        self.assertNotEqual(0, self.community.run("reload").returncode)
        self.assertEqual(before, self.community.generation())
        self.size_limit()

    def test_no_transaction_fails_while_generations_change(self):
        faults, sent, stop = [], [], threading.Event()

        def load(number):
            while not stop.is_set():
                subject = f"During {number}-{len(sent)}"
                try:
                    reply = self.community.send(
                        "greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, subject)
                    )
                    (sent if reply.code == 250 else faults).append(str(reply))
                except Exception as error:  # whatever it was, it is what the test looks for
                    faults.append(repr(error))

        threads = [threading.Thread(target=load, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for size in range(20):
            self.limit(f"{5 + size % 5} MiB")
            self.community.reload()
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual([], faults)
        self.court.wait(len(sent), 60)


if __name__ == "__main__":
    unittest.main()
