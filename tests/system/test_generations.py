"""Generations: every policy that went live is kept whole, is listed, can be taken out, and comes back by its number."""
import shutil
import unittest

from harness import CommunityTest


class Generations(CommunityTest):
    def setUp(self):
        super().setUp()
        self.policy = self.community.policy

    def limit(self, text):
        self.policy.set("limits.yaml", "message_size", text)
        self.community.reload()
        return self.community.generation()

    def size_limit(self):
        with self.community.client("greenstone") as client:
            return int(client.offered["SIZE"])

    def listed(self):
        return {g["generation"]: g for g in self.community.postern("generations")["generations"]}

    def test_each_is_listed_with_time_author_and_how_it_came(self):
        number = self.limit("9 MiB")
        listed = self.listed()
        self.assertEqual("start", listed[1]["how"])
        self.assertRegex(listed[number]["how"], r"^reload by \w+$")
        self.assertTrue(listed[number]["in_force"])
        self.assertFalse(listed[1]["in_force"])
        self.assertRegex(listed[number]["at"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(self.community.postern("status")["hash"], listed[number]["hash"])
        text = self.community.run("generations").stdout
        self.assertRegex(text, rf"(?m)^\* +{number}  .*reload by")

    def test_a_generation_is_kept_whole(self):
        first = self.limit("8 MiB")
        self.policy.write("templates/delay.txt", "Subject: Late\n\nIt is late.\n")
        (self.policy.folder / "tls").mkdir(exist_ok=True)
        self.policy.write("tls/some.key", "no policy")
        second = self.limit("7 MiB")
        out = self.community.folder / "out"
        done = self.community.run("get", first, "--out", out)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("message_size: 8 MiB", (out / "limits.yaml").read_text())
        self.assertFalse((out / "templates").exists())
        done = self.community.run("get", first, "--out", out)
        self.assertEqual(1, done.returncode)
        self.assertIn("not empty", done.stderr)
        self.assertEqual(0, self.community.run("get", "--out", out, "--overwrite").returncode)
        for file in self.policy.folder.rglob("*"):
            name = file.relative_to(self.policy.folder)
            if file.is_file() and name.parts[0] not in ("tls", "directory.yaml") and not name.name.startswith("."):
                self.assertEqual(file.read_bytes(), (out / name).read_bytes(), name)
        self.assertFalse((out / "tls").exists())
        shown = self.community.postern("generations", "show", second)
        self.assertIn("templates/delay.txt", [file["name"] for file in shown["files"]])
        self.assertIn("message_size: 8 MiB", self.community.run("generations", "show", first, "limits.yaml").stdout)
        shutil.rmtree(self.policy.folder / "templates")
        shutil.rmtree(self.policy.folder / "tls")

    def test_what_is_not_there_is_said(self):
        for arguments in (("generations", "show", 4711), ("get", 4711, "--out", self.community.folder / "none")):
            done = self.community.run(*arguments)
            self.assertEqual(1, done.returncode)
            self.assertIn("there is no generation 4711", done.stderr)
        done = self.community.run("generations", "show", 1, "content.yml")
        self.assertIn("generation 1 has no file content.yml", done.stderr)
        self.assertEqual(1, self.community.run("rollback", 4711).returncode)
        self.assertIn("a generation is a number", self.community.run("generations", "show", "last").stderr)

    def test_rollback_brings_the_files_back_under_a_new_number(self):
        old = self.limit("6 MiB")
        newer = self.limit("5 MiB")
        self.policy.write("tests/nothing.txt", "A note beside the tests.\n")
        newest = self.limit("4 MiB")
        done = self.community.run("rollback", old, "--comment", "too small for the court")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual(newest + 1, self.community.generation())
        self.assertEqual(6 << 20, self.size_limit())
        self.assertIn("message_size: 6 MiB", self.policy.read("limits.yaml"))
        self.assertFalse((self.policy.folder / "tests/nothing.txt").exists())
        self.assertTrue((self.policy.folder / "directory.yaml").exists())
        listed = self.listed()
        self.assertRegex(listed[newest + 1]["how"], rf"^rollback to {old} by \w+$")
        self.assertEqual("too small for the court", listed[newest + 1]["comment"])
        self.assertEqual(listed[old]["hash"], listed[newest + 1]["hash"])
        self.assertNotEqual(listed[newer]["hash"], listed[newest + 1]["hash"])
        done = self.community.run("rollback", old)
        self.assertIn("nothing has changed", done.stdout)
        self.community.reload()
        self.assertEqual(newest + 1, self.community.generation())

    def test_a_generation_that_is_not_fit_today_is_refused_with_reasons(self):
        text = self.policy.read("node.yaml")
        fresh = self.community.authority.issue("mx.cjsm.net", self.community.folder / "short-lived")
        self.policy.write(
            "node.yaml",
            text.replace(str(self.community.certificate.chain), str(fresh.chain)).replace(
                str(self.community.certificate.key), str(fresh.key)
            ),
        )
        gone = self.limit("3 MiB")
        self.policy.write("node.yaml", text)
        now = self.limit("2 MiB")
        fresh.key.unlink()
        done = self.community.run("rollback", gone)
        self.assertEqual(1, done.returncode)
        for part in (str(fresh.key), f"rollback rejected: generation {now} stays in force"):
            self.assertIn(part, done.stdout + done.stderr)
        self.assertEqual(now, self.community.generation())
        self.assertIn("2 MiB", self.policy.read("limits.yaml"))
        self.assertEqual([], self.community.postern("status")["alarms"])

    def test_changes_in_the_directory_that_are_not_in_force_are_not_overwritten_unasked(self):
        old = self.limit("6 MiB")
        now = self.limit("5 MiB")
        self.policy.set("limits.yaml", "recipients", "many")
        done = self.community.run("rollback", old)
        self.assertEqual(1, done.returncode)
        for part in ("not in force (limits.yaml)", "--overwrite"):
            self.assertIn(part, done.stdout + done.stderr)
        self.assertEqual(now, self.community.generation())
        self.assertIn("recipients: many", self.policy.read("limits.yaml"))
        self.assertEqual(0, self.community.run("rollback", old, "--overwrite").returncode)
        self.assertNotIn("many", self.policy.read("limits.yaml"))

    def test_numbers_and_files_outlive_a_restart(self):
        old = self.limit("6 MiB")
        now = self.limit("5 MiB")
        self.community.kill()
        self.community.start()
        self.assertEqual(now, self.community.generation())
        self.assertEqual(0, self.community.run("rollback", old).returncode)
        self.assertEqual(6 << 20, self.size_limit())
        self.community.stop()
        self.community.start()
        self.assertEqual(now + 1, self.community.generation())
        self.assertEqual(6 << 20, self.size_limit())


if __name__ == "__main__":
    unittest.main()
