"""Changes to a policy's YAML as text: the way an administrator with an editor makes them.

Standard library only, hence by line. Enough for rules/: top-level keys at the margin, one key a line below them.
"""
import os
import pathlib
import re


class Policy:
    """A policy directory that a test may change. Every write is a rename, so that nobody sees half a file."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def read(self, name):
        return (self.folder / name).read_text()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name("." + path.name + ".new")
        fresh.write_text(text)
        os.replace(fresh, path)

    def edit(self, name, old, new):
        """Replaces text that must be there."""
        text = self.read(name)
        if old not in text:
            raise AssertionError(f"{name} does not hold {old!r}:\n{text}")
        self.write(name, text.replace(old, new, 1))

    def set(self, name, key, value):
        """Gives a top-level key this value (YAML text); adds it where it is missing; None takes it away."""
        text = self.read(name) if (self.folder / name).exists() else ""
        block = re.compile(rf"^{re.escape(key)}:.*\n?(?:^[ \t]+.*\n?|^\s*\n|^#.*\n(?=[ \t])|^- .*\n)*", re.M)
        fresh = "" if value is None else f"{key}: {value}\n"
        self.write(
            name, block.sub(lambda _: fresh, text, count=1) if block.search(text) else text.rstrip("\n") + "\n" + fresh
        )

    def organisation_file(self, organisation):
        """Name of the file that declares it."""
        for path in sorted((self.folder / "organisations").glob("*.yaml")):
            if re.search(rf"^organisation:\s*{re.escape(organisation)}\s*(#.*)?$", path.read_text(), re.M):
                return f"organisations/{path.name}"
        raise AssertionError(f"no organisation {organisation} in {self.folder}")

    def organisation(self, organisation, key, value):
        self.set(self.organisation_file(organisation), key, value)


def value_of(text, pattern):
    """The first group of a pattern in YAML text, unquoted; None if it isn't there."""
    match = re.search(pattern, text, re.M)
    return match[1].strip().strip("\"'") if match else None
