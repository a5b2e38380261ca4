#!/usr/bin/python3
"""The documentation holds: what README.md promises is done, and what there is stands in it.

    tests/docs_test.py      with the programs of $POSTERN_BIN, or build/release/bin

"The first hour" is run as it stands (harness/documents), in one shell in a folder of its own, on free ports. Needs swaks
and curl. Standard library only.
"""
import pathlib
import re
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "system"))
from harness.documents import PATIENCE, Walk, blocks, files, normal, pattern  # noqa: E402
from harness.tools import WorkFolder, free_port, program_folder, source_root  # noqa: E402

ROOT = source_root()
README = (ROOT / "README.md").read_text()


def section(title):
    """The part of README.md under a heading of level two."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    if not found:
        raise AssertionError(f'README.md has no part "{title}"')
    return found[1]


class FirstHour(unittest.TestCase):
    """README.md, "The first hour of an administrator"."""

    def test_every_step_works_as_promised(self):
        work = WorkFolder("hour")
        self.addCleanup(work.remove)
        (work.path / "build/release").mkdir(parents=True)
        (work.path / "build/release/bin").symlink_to(program_folder())
        (work.path / "tests").symlink_to(ROOT / "tests")
        hour = section("The first hour of an administrator")
        ports = {port: str(free_port()) for port in sorted(set(re.findall(r"\b(?:25|91)\d\d\b", hour)))}
        walk = Walk(self, work.path, hour, ports, work.path / "build/first-hour/gateway.log")
        walk.every_step(lambda commands: commands.startswith("posternd") and self.await_gateway(walk.shell))

    def await_gateway(self, shell):
        """What a reader's own speed does: the next command comes when the gateway is there."""
        for _ in range(PATIENCE * 10):
            if shell.run("postern status > /dev/null 2>&1")[1] == 0:
                return
            time.sleep(0.1)
        self.fail("no gateway answers")


class Reference(unittest.TestCase):
    """README.md, "Reference", names everything that the programs have."""

    def setUp(self):
        self.text = section("Reference")

    def names(self, word):
        return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", self.text)

    def help_of(self, *command):
        done = subprocess.run(
            [program_folder() / "postern", *command, "--help"], capture_output=True, text=True, timeout=30
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def walk(self, *command):
        """Each command of the tree with its help."""
        text = self.help_of(*command)
        yield command, text
        listed = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
        for name in re.findall(r"^  ([\w-]+)", listed[1], re.M) if listed else ():
            yield from self.walk(*command, name)

    def test_every_command_and_option_is_named(self):
        commands = list(self.walk())
        self.assertGreater(len(commands), 15)
        for command, text in commands:
            for word in command:
                self.assertTrue(self.names(word), f"postern {' '.join(command)}")
            for option in re.findall(r"^  (?:-\w,)?(--[\w-]+)", text, re.M):
                self.assertTrue(self.names(option), f"{option} of postern {' '.join(command)}")

    def test_every_log_field_is_named(self):
        comment = re.search(r"Names in use: ([^.]*)\.", (ROOT / "core/base/log.hpp").read_text())[1]
        fields = set(re.findall(r"[a-z_]+", comment.replace("///", "")))
        for source in (ROOT / "core").rglob("*.cpp"):
            for call in re.findall(r"log_?\.(?:info|warning|error|write)\((.*?)\);", source.read_text(), re.S):
                fields |= set(re.findall(r'\{"([a-z_]+)",', call))
        self.assertGreater(len(fields), 15)
        for field in sorted(fields):
            self.assertTrue(self.names(field), f"log field {field}")

    def test_every_metric_is_named(self):
        source = (ROOT / "core/control/status.cpp").read_text()
        rows = re.findall(r'^ {4}\{"(\w+)", "[^"]*", &ports::Metrics::\w+(, true)?\}', source, re.M)
        metrics = [name + ("" if gauge else "_total") for name, gauge in rows] + re.findall(
            r'"postern_([a-z_]+)"', source
        )
        self.assertGreater(len(metrics), 25)
        for name in metrics:
            self.assertTrue(self.names(name), f"metric postern_{name}")

    def test_every_key_of_a_file_and_every_field_of_conditions_is_named(self):
        import json

        for schema in sorted((ROOT / "yaml-schema").glob("*.json")):
            self.assertIn(f"yaml-schema/{schema.name}", self.text)
            for key in json.loads(schema.read_text())["properties"]:
                self.assertTrue(self.names(key), f"{key} of {schema.name}")
        table = (ROOT / "core/vocabulary/fields.cpp").read_text()
        fields = re.findall(r'FieldId::\w+, "([\w.]+)"', table)
        self.assertGreater(len(fields), 15)
        for field in fields:
            page = ROOT / f"yaml-schema/reference/fields/{field}.md"
            self.assertTrue(page.exists(), f"field {field} of conditions has no page in the reference")

    def test_every_limit_of_a_listener_is_named(self):
        keys = (ROOT / "core/policy/keys.cpp").read_text()
        limits = re.search(r"Shape intake_shape\(\)\n\{(.*?)^\}", keys, re.M | re.S)[1]
        for key in re.findall(r'\{"(\w+)", (?:count|simple)', limits):
            self.assertTrue(self.names(key), f"limit {key} of a listener")


class Links(unittest.TestCase):
    def test_every_file_that_is_named_exists(self):
        reference = [str(page.relative_to(ROOT)) for page in (ROOT / "yaml-schema/reference").rglob("*.md")]
        self.assertGreater(len(reference), 50)
        for page in ["README.md", "core/README.md", "rules/README.md", "tests/bench/README.md", *reference]:
            text = (ROOT / page).read_text()
            for link in re.findall(r"\]\(([^)#\s]+)\)", text):
                if "://" not in link:
                    self.assertTrue(((ROOT / page).parent / link).exists(), f"{link} in {page}")
            for path in re.findall(r"`((?:core|rules|tests|yaml-schema|image|cmake)/[\w./-]*)`", text):
                self.assertTrue((ROOT / path).exists(), f"{path} in {page}")

    def test_the_inside_names_files_that_are_there(self):
        text = (ROOT / "core/README.md").read_text()
        rooms = {path.name for path in (ROOT / "core").iterdir() if path.is_dir()}
        for room, name in re.findall(r"`(\w+)/(\w+)`", text):
            if room in rooms:
                found = list((ROOT / "core" / room).glob(name + "*"))
                self.assertTrue(found, f"{room}/{name} in core/README.md")

    def test_every_room_stands_in_the_inside(self):
        text = (ROOT / "core/README.md").read_text()
        for room in (ROOT / "core").iterdir():
            if room.is_dir():
                self.assertIn(f"`{room.name}/", text)


class TheTestItself(unittest.TestCase):
    def test_blocks_and_files_are_read(self):
        text = "a\n```sh\none\n```\n```text\nout\n```\n"
        self.assertEqual([("sh", "one\n"), ("text", "out\n")], blocks(text))
        self.assertEqual(
            [("a.yaml", "# a.yaml\nx: 1\n"), ("b/c.yaml", "# b/c.yaml\ny\n")], files("# a.yaml\nx: 1\n# b/c.yaml\ny\n")
        )

    def test_promises_are_held_to(self):
        promise = "at 2026-01-01T00:00:00Z by root\n…\nend… here\nexit code 1\n"
        self.assertTrue(pattern(promise).fullmatch(normal("at 2027-02-02T01:00:00.5Z by eric\nx\ny\nend now here\n")))
        self.assertFalse(pattern(promise).fullmatch(normal("at once by root\nend here\n")))


if __name__ == "__main__":
    unittest.main()
