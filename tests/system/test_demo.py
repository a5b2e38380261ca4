# builds: release
# alone
"""core/run: what the demo shows, that it ends well, and that it stays when asked to."""
import os
import signal
import subprocess
import unittest

from harness import source_root, wait_until
from harness.tools import WorkFolder, program_folder


class Demo(unittest.TestCase):
    def setUp(self):
        # A folder that looks like the checkout, so that nothing is written into the real one.
        self.work = WorkFolder("demo")
        self.addCleanup(self.work.remove)
        for name in ("core", "rules", "tests", "image", "yaml-schema", "README.md"):
            (self.work.path / name).symlink_to(source_root() / name)
        (self.work.path / "build/release").mkdir(parents=True)
        (self.work.path / "build/release/bin").symlink_to(program_folder())
        self.environment = os.environ | {"POSTERN_SKIP_BUILD": "1", "NO_COLOR": "1"}
        self.environment.pop("POSTERN_BIN", None)

    def nothing_runs(self):
        left = subprocess.run(["pgrep", "-f", f"posternd {self.work.path}"], capture_output=True, text=True)
        self.assertEqual("", left.stdout)

    def test_it_shows_mail_and_leaves_nothing_behind(self):
        done = subprocess.run(
            ["core/run"], cwd=self.work.path, env=self.environment, capture_output=True, text=True, timeout=120
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        for part in (
            "CJSM: Hearing on Monday",
            "eric.brown@greenstonechambers.co.uk.cjsm.net",
            "handed over",
            "A virus was found in this message: Eicar-Test-Signature",
            "generation",
        ):
            self.assertIn(part, done.stdout)
        self.nothing_runs()

    def test_it_stays_until_it_is_interrupted(self):
        output = self.work.path / "build/stay.txt"
        with open(output, "wb") as target:
            process = subprocess.Popen(
                ["core/run", "--stay"],
                cwd=self.work.path,
                env=self.environment,
                stdout=target,
                stderr=target,
                start_new_session=True,
            )
        try:
            wait_until(lambda: "Ctrl-C" in output.read_text() or process.poll() is not None, 60, "the demo")
            self.assertIsNone(process.poll(), output.read_text())
            status = subprocess.run(
                [program_folder() / "postern", "--socket", self.work.path / "build/demo/state/control", "status"],
                capture_output=True,
                text=True,
                timeout=30,
            )
            self.assertEqual(0, status.returncode, status.stderr)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait(30)
        self.nothing_runs()


if __name__ == "__main__":
    unittest.main()
