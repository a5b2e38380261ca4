#!/usr/bin/python3
"""The documentation holds: what README.md promises is done, and what there is stands in it.

    tests/docs_test.py      with the programs of $POSTERN_BIN, or build/release/bin

"The first hour" is run as it stands, in one shell in a folder of its own, on free ports. Its blocks:
  yaml   files; each begins with a line "# path"
  sh     commands; they must succeed, unless the promise below ends in "exit code N"
  text   what the block above prints: ids, times, digests, sizes and ports count as equal, … stands for anything,
         and a line of … alone for any lines
Needs swaks and curl. Standard library only.
"""
import os
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "system"))
from harness.tools import WorkFolder, free_port, program_folder, source_root  # noqa: E402

ROOT = source_root()
README = (ROOT / "README.md").read_text()
PATIENCE = 20  # seconds until something that only looks must show what is promised
LOOKS = re.compile(r"(postern (status|trace|queue list|queue show|check)|cat|curl|grep)\b")
EXIT_CODE = re.compile(r"exit code (\d+)\n?$")

# What differs from one run to the next.
VARIABLE = (
    (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "ID"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"<\d{14}\.\d+@[\w.-]+>", "<MESSAGE-ID>"),
    (r"\b\d+ bytes\b", "N bytes"),
    (r"\b\d+ ms\b", "N ms"),
    (r"\b\d+ read\b", "N read"),
    (r"\b\d+ attempts?\b", "N attempts"),
    (r"\bby \w+$", "by USER"),
)


def section(title):
    """The part of README.md under a heading of level two."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    if not found:
        raise AssertionError(f'README.md has no part "{title}"')
    return found[1]


def blocks(text):
    """[(kind, content)] of the fenced blocks."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)


def files(block):
    """[(path, content)] of a yaml block: the line that names a file is its first."""
    parts = re.split(r"^# ([\w./-]+\.yaml)$", block, flags=re.M)
    if parts[0].strip():
        raise AssertionError(f"a yaml block that does not begin with its file's name:\n{block}")
    return [(name, f"# {name}{text}") for name, text in zip(parts[1::2], parts[2::2])]


def pattern(promise):
    """A regular expression for what a text block promises."""
    expression = ""
    for line in EXIT_CODE.sub("", promise).splitlines():
        if line.strip() == "…":
            expression += r"(?:.*\n)*?"
        else:
            expression += ".*".join(re.escape(part) for part in normal(line).split("…")) + "\n"
    return re.compile(expression)


def normal(text):
    for expression, name in VARIABLE:
        text = re.sub(expression, name, text, flags=re.M)
    return text


class Shell:
    """One bash for all commands, so that variables, functions and background jobs live on."""

    def __init__(self, folder):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTERN")}
        self.process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def run(self, commands):
        """(what was printed, exit code of the last command)."""
        self.process.stdin.write(f'{commands}\necho "ended with $?"\n')
        self.process.stdin.flush()
        printed = ""
        while not (end := re.search(r"ended with (\d+)\n\Z", printed)):
            try:
                line = self.lines.get(timeout=60)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no end of:\n{commands}\n{printed}")
            printed += line
        return printed[: end.start()], int(end[1])

    def close(self):
        import signal

        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


class FirstHour(unittest.TestCase):
    """README.md, "The first hour of an administrator"."""

    def setUp(self):
        self.work = WorkFolder("hour")
        self.addCleanup(self.work.remove)
        (self.work.path / "build/release").mkdir(parents=True)
        (self.work.path / "build/release/bin").symlink_to(program_folder())
        (self.work.path / "tests").symlink_to(ROOT / "tests")
        self.hour = section("The first hour of an administrator")
        self.ports = {port: str(free_port()) for port in sorted(set(re.findall(r"\b(?:25|91)\d\d\b", self.hour)))}
        self.shell = Shell(self.work.path)
        self.addCleanup(self.shell.close)

    def here(self, text):
        """With ports that are free."""
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def as_printed(self, text):
        for port, free in self.ports.items():
            text = re.sub(rf"\b{free}\b", port, text)
        return text

    def write(self, block):
        for name, text in files(block):
            path = pathlib.Path(self.shell.run("pwd")[0].strip()) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.here(text))

    def do(self, commands, promise):
        wanted = int((EXIT_CODE.search(promise) or [0, "0"])[1])
        looks = all(LOOKS.match(line) for line in commands.splitlines())
        end = time.monotonic() + PATIENCE
        while True:
            printed, code = self.shell.run(self.here(commands))
            got = normal(self.as_printed(printed))
            kept = code == wanted and (not promise or pattern(promise).fullmatch(got))
            if kept or not looks or time.monotonic() > end:
                break
            time.sleep(0.1)
        log = self.work.path / "build/first-hour/gateway.log"
        told = log.read_text()[-2000:] if log.exists() else ""
        self.assertTrue(
            kept, f"{commands}\n--- promised:\n{promise}\n--- ended with {code}:\n{printed}\n--- log:\n{told}"
        )

    def await_gateway(self):
        """What a reader's own speed does: the next command comes when the gateway is there."""
        for _ in range(PATIENCE * 10):
            if self.shell.run("postern status > /dev/null 2>&1")[1] == 0:
                return
            time.sleep(0.1)
        self.fail("no gateway answers")

    def test_every_step_works_as_promised(self):
        steps = blocks(self.hour)
        self.assertGreater(sum(kind == "sh" for kind, _ in steps), 10)
        for at, (kind, text) in enumerate(steps):
            promise = steps[at + 1][1] if at + 1 < len(steps) and steps[at + 1][0] == "text" else ""
            if kind == "yaml":
                self.write(text)
            elif kind == "sh":
                self.do(text, promise)
                if text.startswith("posternd"):
                    self.await_gateway()
            else:
                self.assertEqual("text", kind, f"a block that nobody runs:\n{text}")


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
        for name in re.findall(r"^  (\w+)", listed[1], re.M) if listed else ():
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
        for page in ["README.md", "core/README.md", "tests/bench/README.md", *reference]:
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
