"""Documents that a reader can paste, run as they stand.

Fenced blocks of a text:
  yaml   files; each begins with a line "# path"
  sh     commands; they must succeed, unless the promise below ends in "exit code N"
  text   what the block above prints: ids, times, digests, sizes and ports count as equal, … stands for anything,
         and a line of … alone for any lines
"""
import os
import pathlib
import queue
import re
import subprocess
import threading
import time

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


class Walk:
    """Does what a document says, in one shell that begins in `folder`; `test` is told when a promise is not kept."""

    def __init__(self, test, folder, text, ports=(), log=None):
        self.test, self.text, self.log = test, text, log
        self.ports = dict(ports)  # as the document names them: those that are used
        self.shell = Shell(folder)
        test.addCleanup(self.shell.close)

    def here(self, text):
        for port, used in self.ports.items():
            text = re.sub(rf"\b{port}\b", used, text)
        return text

    def as_printed(self, text):
        for port, used in self.ports.items():
            text = re.sub(rf"\b{used}\b", port, text)
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
        told = self.log.read_text()[-2000:] if self.log and self.log.exists() else ""
        self.test.assertTrue(
            kept, f"{commands}\n--- promised:\n{promise}\n--- ended with {code}:\n{printed}\n--- log:\n{told}"
        )

    def every_step(self, after=lambda commands: None):
        """`after` is called with the commands of each block that was done."""
        steps = blocks(self.text)
        self.test.assertGreater(sum(kind == "sh" for kind, _ in steps), 10)
        for at, (kind, text) in enumerate(steps):
            promise = steps[at + 1][1] if at + 1 < len(steps) and steps[at + 1][0] == "text" else ""
            if kind == "yaml":
                self.write(text)
            elif kind == "sh":
                self.do(text, promise)
                after(text)
            else:
                self.test.assertEqual("text", kind, f"a block that nobody runs:\n{text}")
