# builds: release
# alone
"""Everything in README.md that can be typed is typed: its console blocks, in order, in one shell.

A line "$ command" must succeed; "> " continues it. Other lines are what it prints, with … for anything.
"""
import os
import re
import subprocess
import unittest

from harness import source_root, wait_until
from harness.tools import WorkFolder, program_folder


def commands_of(text):
    """[(command, [expected line])] from all console blocks."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("> "):
                found[-1] = (found[-1][0] + "\n" + line[2:], found[-1][1])
            elif line.strip():
                found[-1][1].append(line)
    return found


class Readme(unittest.TestCase):
    def setUp(self):
        # A folder that looks like the checkout, so that nothing is written into the real one.
        self.work = WorkFolder("readme")
        self.addCleanup(self.work.remove)
        for name in ("core", "rules", "tests", "image", "yaml-schema", "README.md"):
            (self.work.path / name).symlink_to(source_root() / name)
        (self.work.path / "build/release").mkdir(parents=True)
        (self.work.path / "build/release/bin").symlink_to(program_folder())
        self.environment = os.environ | {"POSTERN_SKIP_BUILD": "1", "NO_COLOR": "1"}
        self.environment.pop("POSTERN_BIN", None)
        self.output = self.work.path / "build/stay.txt"

    def stay(self, command):
        """Starts what runs until Ctrl-C, and waits until it says so."""
        with open(self.output, "wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", "exec " + command],
                cwd=self.work.path,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

        def end():
            os.killpg(process.pid, 2)
            process.wait(30)

        self.addCleanup(end)
        wait_until(lambda: "Ctrl-C" in self.output.read_text() or process.poll() is not None, 60, "the demo")
        self.assertIsNone(process.poll(), self.output.read_text())

    def test_every_command_works(self):
        commands = commands_of((source_root() / "README.md").read_text())
        self.assertGreater(len(commands), 8)
        shell = subprocess.Popen(
            ["bash"],
            cwd=self.work.path,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(shell.stdout.close)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.stdin.close)
        for command, expected in commands:
            if command.endswith("--stay"):
                self.stay(command)
                continue
            shell.stdin.write(f'{{ {command}\n}} </dev/null; echo "ended with $?"\n')
            shell.stdin.flush()
            printed = ""
            while not (end := re.search(r"ended with (\d+)\n\Z", printed)):
                line = shell.stdout.readline()
                self.assertTrue(line, f"the shell ended at: {command}\n{printed}")
                printed += line
            self.assertEqual("0", end[1], f"{command}\n{printed}")
            for line in expected:
                pattern = ".*".join(re.escape(part) for part in line.split("…"))
                self.assertRegex(printed, pattern, command)

    def test_the_demo_without_staying_ends_well_and_leaves_nothing_behind(self):
        done = subprocess.run(
            ["core/run"], cwd=self.work.path, env=self.environment, capture_output=True, text=True, timeout=120
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        for part in (
            "CJSM: Hearing on Monday",
            "eric.brown@greenstonechambers.co.uk.cjsm.net",
            "handed over",
            "generation",
        ):
            self.assertIn(part, done.stdout)
        left = subprocess.run(["pgrep", "-f", f"posternd {self.work.path}"], capture_output=True, text=True)
        self.assertEqual("", left.stdout)


class TheReaderItself(unittest.TestCase):
    def test_blocks_are_read(self):
        text = "```console\n$ one\nout…\n$ cat <<X\n> a: 1\n> X\n```\n```sh\n$ no\n```\n"
        self.assertEqual([("one", ["out…"]), ("cat <<X\na: 1\nX", [])], commands_of(text))


if __name__ == "__main__":
    unittest.main()
