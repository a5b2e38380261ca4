# builds: release
"""A disk with not one byte left: the gateway starts, puts mail off, hands over what waits, and goes on once there is room."""
import subprocess
import tempfile
import unittest

from harness import ERIC, LISTING, Community, make_message, wait_until

SIZE = 96 << 20


def can_mount():
    """Whether this machine lets us have a small disk."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False).returncode != 0:
            return False
        subprocess.run(["umount", folder], check=True)
        return True


def fill(path):
    """Until nothing fits."""
    with open(path, "wb", buffering=0) as file:
        for part in (1 << 20, 4096, 1):
            try:
                while file.write(b"\xa5" * part):
                    pass
            except OSError:
                pass


@unittest.skipUnless(can_mount(), "no disk can be mounted here")
class FullDisk(unittest.TestCase):
    def setUp(self):
        self.community = Community("full-disk")
        self.addCleanup(self.community.close)
        self.spool = self.community.folder / "spool"
        self.spool.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.spool], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.spool], check=True)
        self.addCleanup(self.community.stop)
        self.community.start()
        self.community.import_directory()

    def send(self, subject):
        return self.community.send("greenstone", ERIC, [LISTING + ".cjsm.net"], make_message(ERIC, LISTING, subject))

    def alarms(self):
        return [alarm["alarm"] for alarm in self.community.postern("status")["alarms"]]

    def test_it_starts_refuses_new_mail_hands_over_the_old_and_takes_mail_again(self):
        court = self.community.members["crown-court"].server
        court.order("rcpt", "451 4.3.0 wait")
        self.assertEqual(self.send("Before").code, 250)
        wait_until(lambda: (self.spool / "reserve").exists(), 30, "the reserve")
        self.community.stop()
        fill(self.spool / "filler")
        self.community.start()
        self.assertFalse((self.spool / "reserve").exists(), "it was given up")
        self.assertEqual(self.send("Full").code, 452)
        self.assertEqual(self.community.postern("status")["storage"], "failing")
        wait_until(lambda: "storage" in self.alarms(), 60, "the alarm")
        court.forget()
        self.community.run("queue", "retry", "--all")
        court.wait_for(lambda message: "Before" in message.header("Subject"), 60)
        wait_until(lambda: self.community.trace()[0]["recipients"][0]["state"] == "relayed", 60, "its end in the ledger")
        (self.spool / "filler").unlink()
        self.assertEqual(self.send("After").code, 250)
        court.wait_for(lambda message: "After" in message.header("Subject"), 60)
        wait_until(lambda: (self.spool / "reserve").exists(), 30, "the reserve again")
        wait_until(lambda: "storage" not in self.alarms(), 60, "the end of the alarm")


if __name__ == "__main__":
    unittest.main()
