#!/usr/bin/python3
"""The house holds together: who may include whom in core/.

    tests/include_test.py            check core/ against tests/levels.txt; exit code 1 and one line for each fault
    tests/include_test.py --itself   show on made-up trees that each kind of fault is found

Rules: every folder of core/ stands in levels.txt; includes between folders are written "folder/file.hpp", name an
existing file and go downwards only; some libraries are spoken to by one room alone (ONLY_IN). Files that grew past
what a reader takes in at once are named as warnings.
"""
import pathlib
import re
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
LONG_FILE = 450

# A library's header, and the only paths below core/ that may include it.
ONLY_IN = {"yaml-cpp/": ["policy/yaml_reader"], "sqlite3.h": ["store/", "directory/"]}


def read_levels(text):
    """{folder: level} from levels.txt."""
    levels = {}
    for line in text.splitlines():
        words = line.split("#")[0].split()
        for folder in words[1:]:
            levels[folder] = int(words[0])
    return levels


def check_include(core, path, levels, quoted, system):
    """The fault in one include of one file (relative to core), or None."""
    room = path.parts[0]
    for prefix, places in ONLY_IN.items():
        if (quoted or system).startswith(prefix) and not str(path).startswith(tuple(places)):
            return f"includes {quoted or system}, which only {' and '.join(places)} may"
    if not quoted:
        return None
    if "/" not in quoted:
        return f'includes "{quoted}": write "{room}/{quoted}"'
    target = quoted.split("/")[0]
    if target not in levels:
        return f'includes "{quoted}": {target}/ does not stand in levels.txt'
    if not (core / quoted).is_file():
        return f'includes "{quoted}", which does not exist'
    if target != room and levels[target] >= levels[room]:
        what = "a sibling" if levels[target] == levels[room] else "a floor above"
        return f'includes "{quoted}": {target}/ (level {levels[target]}) is {what} of {room}/ (level {levels[room]})'
    return None


def check(core, levels):
    """(faults, warnings), each a list of lines."""
    faults, warnings = [], []
    for folder in sorted(p.name for p in core.iterdir() if p.is_dir() and p.name != "__pycache__"):
        if folder not in levels:
            faults.append(f"core/{folder}: does not stand in levels.txt")
    for file in sorted(core.rglob("*.[ch]pp")):
        path = file.relative_to(core)
        if path.parts[0] not in levels or len(path.parts) < 2:
            continue
        lines = file.read_text(encoding="utf-8").splitlines()
        if len(lines) > LONG_FILE:
            warnings.append(f"core/{path}: {len(lines)} lines: which second idea is inside?")
        for number, line in enumerate(lines, 1):
            if match := INCLUDE.match(line):
                if fault := check_include(core, path, levels, match[1] or "", match[2] or ""):
                    faults.append(f"core/{path}:{number}: {fault}")
    return faults, warnings


class FindsEveryKindOfFault(unittest.TestCase):
    def faults(self, files):
        with tempfile.TemporaryDirectory() as folder:
            core = pathlib.Path(folder)
            for name, text in files.items():
                (core / name).parent.mkdir(exist_ok=True)
                (core / name).write_text(text)
            return check(core, {"base": 0, "smtp": 3, "store": 3, "gateway": 5})[0]

    def test_downwards_and_within_a_room_is_right(self):
        self.assertEqual(
            [],
            self.faults(
                {
                    "base/a.hpp": "#include <string>\n",
                    "smtp/b.hpp": '#include "base/a.hpp"\n',
                    "smtp/c.cpp": '#include "smtp/b.hpp"\n',
                    "store/d.cpp": "#include <sqlite3.h>\n",
                }
            ),
        )

    def test_a_sibling_is_refused(self):
        self.assertIn("sibling", self.faults({"smtp/a.hpp": "", "store/b.cpp": '  # include "smtp/a.hpp"\n'})[0])

    def test_a_floor_above_is_refused(self):
        self.assertIn(
            "core/base/b.cpp:2: ", self.faults({"gateway/a.hpp": "", "base/b.cpp": '\n#include "gateway/a.hpp"\n'})[0]
        )

    def test_a_folder_nobody_declared_is_refused(self):
        self.assertIn("core/shed", self.faults({"shed/a.hpp": ""})[0])

    def test_a_name_without_its_room_is_refused(self):
        self.assertIn('write "smtp/b.hpp"', self.faults({"smtp/b.hpp": "", "smtp/a.cpp": '#include "b.hpp"\n'})[0])

    def test_a_missing_file_is_refused(self):
        self.assertIn("does not exist", self.faults({"base/none.cpp": "", "smtp/a.cpp": '#include "base/x.hpp"\n'})[0])

    def test_a_library_outside_its_room_is_refused(self):
        self.assertIn("only policy/yaml_reader", self.faults({"gateway/a.cpp": "#include <yaml-cpp/yaml.h>\n"})[0])


def main():
    if "--itself" in sys.argv:
        sys.argv.remove("--itself")
        unittest.main()
    faults, warnings = check(ROOT / "core", read_levels((ROOT / "tests/levels.txt").read_text()))
    for line in warnings:
        print("warning:", line)
    for line in faults:
        print(line)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
