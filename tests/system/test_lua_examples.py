"""lua/examples: a policy that takes them all is fit, and its tests reach each of their rules."""
import shutil
import subprocess
import unittest

from harness import source_root
from harness.tools import WorkFolder, program_folder

EXAMPLES = source_root() / "lua/examples"


class Examples(unittest.TestCase):
    def setUp(self):
        self.work = WorkFolder("examples")
        self.addCleanup(self.work.remove)
        self.policy = self.work.path / "policy"
        shutil.copytree(source_root() / "rules", self.policy, ignore=shutil.ignore_patterns("tests"))
        shutil.copytree(EXAMPLES / "tests", self.policy / "tests")
        shutil.copy(EXAMPLES / "content.yaml", self.policy / "content.yaml")
        (self.policy / "lua").mkdir()
        for script in EXAMPLES.glob("*.lua"):
            shutil.copy(script, self.policy / "lua")

    def postern(self, *arguments):
        return subprocess.run([program_folder() / "postern", *arguments], capture_output=True, text=True, timeout=60)

    def test_each_script_is_named_by_a_rule_and_no_rule_is_without_a_test(self):
        rules = (EXAMPLES / "content.yaml").read_text()
        for script in EXAMPLES.glob("*.lua"):
            if not script.read_text().startswith("-- alerts.yaml"):
                self.assertIn(f"lua: {script.name}", rules)
        done = self.postern("test", self.policy)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("10 tests passed", done.stdout)
        self.assertNotIn("content.yaml:", done.stdout)  # as a rule that held in no test


if __name__ == "__main__":
    unittest.main()
