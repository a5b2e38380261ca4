# builds: asan release
"""Orders about firmware where the gateway is no appliance: nothing is taken, and nothing is left behind."""
import unittest

from harness import CommunityTest


class Firmware(CommunityTest):
    def test_a_gateway_that_is_no_appliance_takes_no_update_and_says_why(self):
        update = self.community.folder / "postern_9.9.update"
        update.write_bytes(b"not an update")
        for words in (("install", str(update)), ("restart",), ("rollback",)):
            done = self.community.run("firmware", *words)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertIn("no appliance", done.stdout + done.stderr)
        self.assertEqual([], list(self.community.folder.glob("**/firmware/*")))

    def test_status_says_so_too(self):
        done = self.community.run("firmware", "status")
        self.assertEqual(done.returncode, 0)
        self.assertIn("no appliance", done.stdout)

    def test_a_file_that_is_not_there_is_named(self):
        done = self.community.run("firmware", "install", "/nowhere/postern.update")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/nowhere/postern.update", done.stderr)


if __name__ == "__main__":
    unittest.main()
