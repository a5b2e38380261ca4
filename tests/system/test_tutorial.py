# builds: release
# alone
"""rules/README.md: ten minutes from a wish to a rule that is live and back, as a reader would paste them."""
import os
import signal
import subprocess
import unittest

from harness import source_root, wait_until
from harness.documents import Walk
from harness.tools import WorkFolder, program_folder


class TenMinutes(unittest.TestCase):
    def setUp(self):
        self.work = WorkFolder("tutorial")
        self.addCleanup(self.work.remove)
        for name in ("core", "rules", "lua", "tests", "image", "yaml-schema", "README.md"):
            (self.work.path / name).symlink_to(source_root() / name)
        (self.work.path / "build/release").mkdir(parents=True)
        (self.work.path / "build/release/bin").symlink_to(program_folder())

    def start_demo(self):
        """What the reader does in another terminal."""
        environment = os.environ | {"POSTERN_SKIP_BUILD": "1", "NO_COLOR": "1"}
        environment.pop("POSTERN_BIN", None)
        output = self.work.path / "build/stay.txt"
        with open(output, "wb") as target:
            demo = subprocess.Popen(
                ["core/run", "--stay"],
                cwd=self.work.path,
                env=environment,
                stdout=target,
                stderr=target,
                start_new_session=True,
            )
        self.addCleanup(self.stop, demo)
        wait_until(lambda: "Ctrl-C" in output.read_text() or demo.poll() is not None, 60, "the demo")
        self.assertIsNone(demo.poll(), output.read_text())

    @staticmethod
    def stop(demo):
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGINT)
        demo.wait(30)

    def test_every_step_works_as_promised(self):
        self.start_demo()
        text = (source_root() / "rules/README.md").read_text()
        log = self.work.path / "build/demo/posternd.log"
        Walk(self, self.work.path, text, log=log).every_step()


if __name__ == "__main__":
    unittest.main()
