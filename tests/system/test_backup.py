# builds: release
# alone
"""Backups: made while mail flows, refused when broken, put back on a fresh machine with every message accounted for."""
import hashlib
import os
import shutil
import stat
import threading
import time
import unittest

from harness import ERIC, LISTING, Authority, Community, make_message, wait_until
from harness.put_server import PutServer


class Load(threading.Thread):
    """Sends messages until it is told to stop; keeps what was answered 250, and when."""

    def __init__(self, community, number):
        super().__init__(daemon=True)
        self.community, self.number = community, number
        self.accepted, self.ended = {}, threading.Event()

    def run(self):
        tried = 0
        try:
            with self.community.client("greenstone") as client:
                while not self.ended.is_set():
                    mark = f"load-{self.number}-{tried}"
                    tried += 1
                    body = os.urandom(30).hex().encode() + b"\r\n"
                    if tried % 5 == 0:  # over the threshold: a file of its own
                        body = body * 6000
                    # Every other one has to wait: its recipient is put off.
                    to = ("wait" if tried % 2 else "go") + f".{mark}@crowncourt.example"
                    content = make_message(ERIC, "several:;", mark, body, X_Digest=hashlib.sha256(body).hexdigest())
                    if client.message(ERIC, [to + ".cjsm.net"], content).code == 250:
                        self.accepted[to] = time.monotonic()
        except (OSError, EOFError, ValueError):
            pass


def declare(community, more=""):
    """Makes a key, and has the gateway make backups for it. Gives the file of the secret half."""
    secret = community.folder / "backup.secret"
    done = community.run("backup", "key", secret)
    assert done.returncode == 0, done.stderr
    community.write_node(more=f"backup:\n  keys: [{done.stdout.strip()}]\n{more}")
    return secret


def lose_machine(community):
    """The disk is gone: spool and policy."""
    lost = community.folder / "lost"
    lost.mkdir()
    for name in ("spool", "policy"):
        shutil.move(community.folder / name, lost / name)
    return lost


class Disaster(unittest.TestCase):
    def test_a_backup_made_under_mail_restores_every_message_that_it_holds(self):
        with Community("backup") as community:
            secret = declare(community)
            community.reload()
            court = community.members["crown-court"].server
            court.order("rcpt", "451 4.3.0 wait", matching="wait.")
            loads = [Load(community, n) for n in range(3)]
            for load in loads:
                load.start()
            wait_until(lambda: sum(len(load.accepted) for load in loads) > 60, 60)
            before = time.monotonic()
            file = community.folder / "first.backup"
            made = community.run("backup", "create", file)
            self.assertEqual(made.returncode, 0, made.stderr)
            after = time.monotonic()
            wait_until(lambda: min(max(load.accepted.values()) for load in loads) > after + 0.3, 60)
            heads = community.postern("audit", "head")
            signer = community.folder / "signer.pem"
            signer.write_text(community.run("audit", "key").stdout)
            community.kill()
            for load in loads:
                load.ended.set()
                load.join(30)
            lose_machine(community)

            words = ("backup", "restore", file, "--key", secret, "--into", community.policy.folder)
            done = community.run(*words)
            self.assertEqual(done.returncode, 1, "a new machine takes it from nobody in particular")
            self.assertIn("--signer", done.stderr)
            done = community.run(*words, "--signer", signer)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("may be sent again", done.stdout)
            arrived_before = [r for m in court.messages for r in m.recipients]
            court.forget()
            community.start()
            traces = community.trace("--limit", "100000")
            held = {r["address"].removesuffix(".cjsm.net") for t in traces for r in t["recipients"]}
            community.run("queue", "retry", "--all")
            community.wait_empty(120)

            accepted = {to: at for load in loads for to, at in load.accepted.items()}
            arrived = [r for m in court.messages for r in m.recipients]
            # All that was answered before the backup began is in it, and nothing of it is lost.
            for to, at in accepted.items():
                if at < before:
                    self.assertIn(to, held)
            self.assertEqual([], sorted(held - set(arrived)), "in the backup, and never arrived")
            for message in court.messages:
                self.assertEqual(hashlib.sha256(message.body).hexdigest(), message.header("X-Digest"))
            # What came later and is in no backup either arrived before the disaster or went with it: no other.
            late = [to for to, at in accepted.items() if to not in held]
            self.assertTrue(all(accepted[to] >= before for to in late))
            # Twice is what was delivered between the backup and the disaster, and nothing else.
            twice = {r for r in arrived if arrived.count(r) > 1}
            self.assertTrue(twice <= held & set(arrived_before))
            print(f"{len(accepted)} accepted, {len(held)} in the backup, {len(late)} after it, {len(twice)} sent again")

            # People and audit: the same entries, and the chain goes on behind what it held.
            self.assertGreater(community.postern("status")["directory"]["entries"], 5)
            records = community.postern("audit", "search", "--act", "restored")
            self.assertIn("restored", str(records))
            exported = community.folder / "audit.jsonl"
            exported.write_text(community.run("audit", "export").stdout)
            key = community.folder / "audit.pem"
            key.write_text(community.run("audit", "key").stdout)
            checked = community.run("audit", "verify", exported, "--public-key", key)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
            self.assertTrue(heads)


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.community = Community("backup-refused")
        cls.addClassCleanup(cls.community.close)
        cls.secret = declare(cls.community)
        cls.community.start()
        cls.community.import_directory()
        cls.file = cls.community.folder / "good.backup"
        done = cls.community.run("backup", "create", cls.file)
        assert done.returncode == 0, done.stderr

    def refused(self, *words, says):
        done = self.community.run("backup", *words)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(says, done.stderr)

    def changed(self, name, change):
        path = self.community.folder / name
        path.write_bytes(change(self.file.read_bytes()))
        return path

    def restore(self, file, *more, key=None):
        return ("restore", file, "--key", key or self.secret, "--into", self.community.folder / "fresh", *more)

    def test_a_good_one_is_private_and_verified_with_and_without_the_key(self):
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        done = self.community.run("backup", "verify", self.file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("signed by the gateway mx.cjsm.net", done.stdout)
        done = self.community.run("backup", "verify", self.file, "--key", self.secret)
        self.assertIn("every digest holds", done.stdout)
        pem = self.community.folder / "signer.pem"
        pem.write_text(self.community.run("audit", "key").stdout)
        self.assertEqual(self.community.run("backup", "verify", self.file, "--signer", pem).returncode, 0)

    def test_none_of_the_content_can_be_read_in_it(self):
        bytes_ = self.file.read_bytes()
        for word in (b"SQLite format", b"greenstone", b"BEGIN PRIVATE KEY"):
            self.assertNotIn(word, bytes_)

    def test_broken_cut_off_foreign_and_newer_ones_are_refused_in_words(self):
        half = self.changed("half.backup", lambda b: b[: len(b) // 2])
        flipped = self.changed("flipped.backup", lambda b: b[:5000] + bytes([b[5000] ^ 1]) + b[5001:])
        foreign = self.changed("foreign.backup", lambda b: b"PK\x03\x04" + b)
        newer = self.changed("newer.backup", lambda b: b.replace(b"postern-backup 1\n", b"postern-backup 7\n", 1))
        for words in (("verify", half), self.restore(half)):
            self.refused(*words, says="breaks off")
        for words in (("verify", flipped), self.restore(flipped)):
            self.refused(*words, says="damaged")
        for words in (("verify", foreign), self.restore(foreign)):
            self.refused(*words, says="is no backup of Postern")
        for words in (("verify", newer), self.restore(newer)):
            self.refused(*words, says="a backup of form 7")
        self.refused("verify", "/nowhere/x.backup", says="/nowhere/x.backup")
        self.assertFalse((self.community.folder / "fresh" / "node.yaml").exists())

    def test_another_key_opens_nothing(self):
        other = self.community.folder / "other.secret"
        self.community.run("backup", "key", other)
        self.refused(*self.restore(self.file, key=other), says="does not open this backup")
        self.refused("verify", self.file, "--key", other, says="does not open this backup")

    def test_a_gateway_that_holds_mail_or_runs_is_left_alone(self):
        folder = self.community.policy.folder
        self.refused("restore", self.file, "--key", self.secret, "--into", folder, says="--replace")
        self.community.send("greenstone", ERIC, [LISTING + ".cjsm.net"], make_message(ERIC, LISTING, "here"))
        spool = self.community.folder / "spool"
        words = ("restore", self.file, "--key", self.secret, "--into", self.community.folder / "other-policy")
        self.refused(*words, "--storage", spool, "--replace", says="another engine uses this directory")
        self.assertEqual(self.community.run("status").returncode, 0)
        self.community.stop()
        self.addCleanup(self.community.start)
        self.refused(*words, "--storage", spool, says="a gateway's mail is there already: 1 messages")
        self.assertFalse((self.community.folder / "other-policy").exists())
        self.assertFalse((spool / "restore").exists())

    def test_a_key_is_never_written_over_and_without_one_no_backup_is_made(self):
        self.refused("key", self.secret, says="is there already")
        self.refused("create", says="names neither a folder nor a server")


class Declared(unittest.TestCase):
    def test_backups_come_by_themselves_the_newest_stay_and_a_failure_is_an_alarm(self):
        with Community("backup-declared") as community:
            folder = community.folder / "elsewhere"
            folder.mkdir()
            declare(community, more=f"  folder: {folder}\n  keep: 2\n")
            community.reload()
            first = wait_until(lambda: list(folder.glob("*.backup")), 60, "the first backup by itself")
            wait_until(lambda: community.postern("status")["backup"]["newest"] == first[0].name, 30)
            self.assertLess(community.postern("status")["backup"]["age_seconds"], 120)
            self.assertIn("postern_backup_age_seconds", community.metrics())
            for _ in range(3):
                time.sleep(1.1)  # names have seconds
                done = community.run("backup", "create")
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(list(folder.glob("*.backup"))), 2)
            self.assertNotIn(first[0], list(folder.iterdir()))

            shutil.rmtree(folder)
            done = community.run("backup", "create")
            self.assertEqual(done.returncode, 1)
            self.assertIn(str(folder), done.stderr)
            alarms = community.postern("status")["alarms"]
            self.assertTrue([a for a in alarms if a["alarm"] == "backup"], alarms)
            folder.mkdir()
            self.assertEqual(community.run("backup", "create").returncode, 0)
            self.assertFalse([a for a in community.postern("status")["alarms"] if a["alarm"] == "backup"])
            self.assertFalse(list((community.folder / "spool" / "backup").glob("**/*.db")), "copies stay nowhere")


class OnAServer(unittest.TestCase):
    """backup: to."""

    LOGIN = ("postern", "of no use: elsewhere")

    def setUp(self):
        self.community = Community("backup-server")
        self.addCleanup(self.community.close)
        self.community.start()
        self.authority = Authority(self.community.folder / "authority", "Who keeps backups")
        certificate = self.authority.issue("localhost", self.community.folder / "place")
        self.place = PutServer(self.community.folder / "there", certificate, self.community.authority.certificate, self.LOGIN)
        self.addCleanup(self.place.close)

    def declare(self, password=LOGIN[1], authorities=None, more=""):
        """Gives the file of the backups' secret key."""
        secrets = self.community.folder / "secrets.yaml"
        secrets.write_text(f'offsite: {{ user: {self.LOGIN[0]}, password: "{password}" }}\n')
        secrets.chmod(0o600)
        secret = self.community.folder / "backup.secret"
        if not secret.exists():
            self.key = self.community.run("backup", "key", secret).stdout.strip()
        self.community.write_node(
            more=f'backup:\n  keys: [{self.key}]\n  to: "https://localhost:{self.place.port}/postern/"\n'
            f"  authorities: {authorities or self.authority.certificate}\n  credentials: offsite\n{more}secrets: {secrets}\n"
        )
        self.community.reload()
        return secret

    def waiting(self):
        return list((self.community.folder / "spool/backup/to-send").glob("*"))

    def alarms(self):
        return [alarm for alarm in self.community.postern("status")["alarms"] if alarm["alarm"] == "backup"]

    def create(self):
        """By order, once none is being made by the clock."""
        def order():
            done = self.community.run("backup", "create")
            return None if "is being made already" in done.stderr else done
        return wait_until(order, 60, "the end of the one by the clock")

    def failed(self, says):
        done = self.create()
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(says, done.stderr)

    def test_backups_are_put_there_by_themselves_and_open_with_their_key(self):
        secret = self.declare()
        file = wait_until(self.place.files, 60, "a backup by itself")[0]
        status = wait_until(lambda: (s := self.community.postern("status")["backup"])["newest"] == file.name and s, 30)
        self.assertLess(status["age_seconds"], 120)
        path, shown = self.place.shown[0]
        self.assertEqual(path, f"/postern/{file.name}")
        self.assertIn(("DNS", "mx.cjsm.net"), shown["subjectAltName"])
        done = self.community.run("backup", "verify", file, "--key", secret)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"newest in https://localhost:{self.place.port}/postern: {file.name}", self.community.run("backup", "status").stdout)
        self.assertFalse(self.waiting(), "what is there lies here no more")
        # Who knows that it is there sends none at its next start.
        self.community.stop()
        self.community.start()
        wait_until(lambda: self.community.postern("status")["backup"]["newest"] == file.name, 60)
        self.assertEqual(len(self.place.shown), 1)

    def test_what_the_server_does_not_take_is_an_alarm_and_sent_again_as_it_is_once_that_is_mended(self):
        self.place.refuses = 507
        self.declare()
        wait_until(self.alarms, 60, "the alarm of the first by itself")
        self.assertIn("the server answers 507", self.alarms()[0]["text"])
        kept = self.waiting()
        self.assertEqual(len(kept), 1)
        digest = hashlib.sha256(kept[0].read_bytes()).hexdigest()
        self.place.refuses = None
        self.declare(more='  at: ["00:00"]\n')
        wait_until(self.place.files, 60, "the same, under another policy")
        wait_until(lambda: not self.alarms(), 60, "the end of the alarm")
        self.assertEqual([hashlib.sha256(file.read_bytes()).hexdigest() for file in self.place.files()], [digest])
        self.assertFalse(self.waiting())

    def test_who_orders_one_gets_one_of_this_moment_and_not_what_waited(self):
        self.place.refuses = 507
        self.declare()
        wait_until(self.waiting, 60, "one by itself")
        old = wait_until(lambda: self.alarms() and self.waiting(), 60)[0].name
        self.place.refuses = None
        time.sleep(1.1)  # names have seconds
        done = self.create()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual([file.name for file in self.place.files()], [old])
        self.assertFalse(self.waiting())

    def test_nothing_is_given_to_a_server_that_proves_nothing_or_refuses_the_login(self):
        self.declare(authorities=Authority(self.community.folder / "stranger", "Somebody").certificate)
        self.failed(says="does not prove its name")
        self.declare(password="wrong")
        self.failed(says="the server answers 401")
        self.place.hangs_up = True
        self.declare()
        self.failed(says="the connection ended before the answer")
        self.assertFalse(self.place.files())
        self.place.close()
        self.declare()
        self.failed(says="can't connect")

    def test_the_gateway_ends_while_a_server_keeps_it_waiting(self):
        self.place.answers.clear()
        self.declare()
        self.assertTrue(self.place.asked.wait(60))
        self.assertEqual(self.community.run("status").returncode, 0)
        self.community.stop(60)


class Running(unittest.TestCase):
    def test_a_running_gateway_takes_a_backup_and_its_next_start_is_that(self):
        with Community("backup-running") as community:
            secret = declare(community)
            community.reload()
            court = community.members["crown-court"].server
            court.order("rcpt", "451 4.3.0 wait", matching="wait.")
            community.send("greenstone", ERIC, ["wait.one@crowncourt.example.cjsm.net"], make_message(ERIC, "x:;", "one"))
            file = community.folder / "x.backup"
            self.assertEqual(community.run("backup", "create", file).returncode, 0)
            community.send("greenstone", ERIC, ["wait.two@crowncourt.example.cjsm.net"], make_message(ERIC, "x:;", "two"))

            done = community.run("backup", "restore", file, "--key", secret)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--replace", done.stderr)
            self.assertEqual(len(community.trace()), 2)

            done = community.run("backup", "restore", file, "--key", secret, "--replace")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("restored: ", done.stdout)
            self.assertEqual(community.process.wait(30), 0)
            community.start()
            self.assertEqual([t["recipients"][0]["address"] for t in community.trace()],
                             ["wait.one@crowncourt.example.cjsm.net"])
            aside = list((community.folder / "spool").glob("before-restore-*"))
            self.assertEqual(len(aside), 1)
            self.assertTrue((aside[0] / "storage" / "mail.db").exists())
            court.forget()
            community.run("queue", "retry", "--all")
            court.wait_for(lambda m: m.header("Subject") and "one" in m.header("Subject"), 30)


if __name__ == "__main__":
    unittest.main()
