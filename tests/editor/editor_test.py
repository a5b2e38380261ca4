#!/usr/bin/python3
"""What an editor says of a policy is what Postern says of it: a file that one calls wrong the other calls wrong too.

    tests/editor/editor_test.py     with postern of $POSTERN_BIN, or build/release/bin

The editor is yaml-language-server, driven as an editor drives it; ajv judges the same files. Both come by
tests/editor/install. Files: rules/, the bench's community, what README.md and the tutorial show, and tests/policy-broken.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system"), str(HERE.parent)]
from harness.tools import WorkFolder, program_folder, source_root  # noqa: E402
from docs_test import blocks, files  # noqa: E402
from language_server import LanguageServer  # noqa: E402

ROOT = source_root()
SCHEMAS = ROOT / "yaml-schema"
PROGRAMS = ROOT / "build/editor"
BROKEN = ROOT / "tests/policy-broken"
PAGES = ["README.md"]

# What a schema cannot know, and why: our errors of these kinds need no error of the editor's.
BEYOND_A_SCHEMA = (
    (r"there is no (organisation|role|script|listener) ", "names stand in other files"),
    (r"^the file is (missing|larger)|unknown file|not read under this name", "a folder, not a document"),
    (r"the folder is missing|a folder among the organisations", "a folder, not a document"),
    (r"two (rules|listeners|organisations) |has two owners|stands twice in this table", "other places are compared"),
    (r"could prove both|proves nothing without|is not in the organisation's domains", "other places are compared"),
    (r"inside the community already|is not below the community's suffix|is outside the community", "the suffix"),
    (r"^the file is empty", "an editor with an empty page says nothing"),
    (r"is this machine's name and a member's domain|is not inside the community", "other files"),
    (r"could carry mail for outside|is too long for a domain of addresses|the service's own", "the suffix"),
    (r"has bits set behind its prefix", "arithmetic on addresses"),
    (r"the first (value|size) is the larger|from and to are the same|is not a whole number of", "arithmetic"),
    (r"is too large$|is larger than|is shorter than a second|is longer than 1000 years", "arithmetic"),
    (r"\" is from .* to |would bounce before|longest wait is shorter", "arithmetic"),
    (r"is no regular expression: ", "the syntax of RE2"),
    (r"unknown value \"\$\{|\"\$\{.*is not known yet|\"\$\{\" without", "values in texts"),
    (r"(anchors|aliases|tags|merge keys) are not used", "a parser hands on the same document"),
    (r"nested more than|a control character|a tab|not UTF-|a second document", "how YAML is written"),
    (r"the socket's path has more than|is not there", "this machine"),
    (r"the field \"Received\" is not changed by rules|is set by the service$", "names of fields in any case of letters"),
    (r"is nobody that can be told|is no kind of address|none of these events|mail to nobody", "what events carry"),
    (r"names (the )?credentials|is no file of templates/", "names stand in other files"),
    (r"window ends before it begins", "arithmetic"),
    (r"is the digest of nothing|is no date$", "texts of a form"),
    (r"can be reached from elsewhere, and permissions.yaml", "another file"),
    (r"^nothing would (be kept|ever be allowed)", "arithmetic"),
    (r"^\"limits\" is text here", "an alias stands there, which the editor follows"),
    (r"would let a virus through|(is never|nothing is ever) found: nobody looks", "other places are compared"),
    (r"could give themselves any role", "what a role may do is weighed"),
    (r"listens at an IP address|could administer the gateway|that could be shown here", "other places are compared"),
)


def is_beyond(what):
    return any(re.search(pattern, what) for pattern, _ in BEYOND_A_SCHEMA)


# Told of the map, or of another key of it, by the editor: what must be said together.
TOGETHER = (
    r"is missing|one of .* needed|is given by one of|no proof is listed|orders nothing|decides nothing|names one of|"
    r"without pins|count(s)? only with|needs \"until\"|server member needs|hosted here|has no \"tls\"|"
    r"no other secure form|clear text|labels are for|is a second verdict|counts only|only to rules|"
    r"a certificate and its key go together|a failing script would be"
)


def schema_of(name):
    """The schema of a policy's file."""
    folders = {"organisations": "organisation", "tests": "tests"}
    kind = folders.get(str(pathlib.PurePath(name).parent), pathlib.PurePath(name).stem)
    path = SCHEMAS / f"{kind}.schema.json"
    return path if name.endswith(".yaml") and path.exists() else None


def run_postern(folder):
    """{file: [(line, what)]} of the errors that `postern check` names."""
    done = subprocess.run([program_folder() / "postern", "check", "--json", folder], capture_output=True, timeout=60)
    errors = {}
    for said in json.loads(done.stdout):
        if said["severity"] == "error":
            errors.setdefault(said["file"], []).append((said["line"], said["what"]))
    if (done.returncode == 0) != (not errors):
        raise AssertionError(f"exit code {done.returncode} with {errors}")
    return errors


def run_ajv(documents=()):
    """Verdicts on all schemas, and on [(path, schema)]."""
    asked = {
        "schemas": [str(path) for path in sorted(SCHEMAS.glob("*.json"))],
        "documents": [{"path": str(path), "schema": str(schema)} for path, schema in documents],
    }
    done = subprocess.run(
        ["node", HERE / "validate.mjs"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"POSTERN_EDITOR": str(PROGRAMS)},
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


def changed_files(text):
    """{name: content, or None for one that is taken out} of a case of tests/policy-broken."""
    files, name = {}, None
    for line in text.split("@@ expect")[0].splitlines(keepends=True):
        if not line.startswith("@@ "):
            files[name] += line
        elif line.startswith("@@ -"):
            files[line[4:].strip()] = None
        else:
            name = line[3:].strip()
            files[name] = ""
    return files


class EditorTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not (PROGRAMS / "complete").exists():
            raise AssertionError("the editor's programs are missing: run tests/editor/install")
        cls.work = WorkFolder("editor")
        cls.addClassCleanup(cls.work.remove)
        # As the tree is laid out, so that the paths in first lines hold.
        (cls.work.path / "yaml-schema").symlink_to(SCHEMAS)
        schemas = {}
        for path in SCHEMAS.glob("*.schema.json"):
            kind = path.name.removesuffix(".schema.json")
            folder = {"organisation": "organisations", "tests": "tests"}.get(kind)
            schemas[path.as_uri()] = f"**/{folder}/*.yaml" if folder else f"**/{kind}.yaml"
        cls.editor = LanguageServer(PROGRAMS, cls.work.path, schemas)
        cls.addClassCleanup(cls.editor.stop)

    def demo(self, name):
        """A copy of rules/ with certificates that are only there."""
        folder = self.work.path / name
        shutil.copytree(ROOT / "rules", folder)
        (folder / "tls").mkdir(exist_ok=True)
        for file in ("mx.pem", "mx.key", "members.pem"):
            (folder / "tls" / file).write_text("x")
        return folder

    def compare(self, policies):
        """Disagreements about the files of policies, given as {folder: names of files, or None for all}."""
        judged = []
        for folder, names in policies.items():
            names = names or [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.yaml"))]
            judged += [(folder, name) for name in names if (folder / name).exists() and schema_of(name)]
        self.assertGreater(len(judged), 0)
        by_ajv = run_ajv([(folder / name, schema_of(name)) for folder, name in judged])["documents"]
        ours = {folder: run_postern(folder) for folder in policies}
        wrong = []
        for folder, name in judged:
            path = folder / name
            editor = self.editor.errors(path, path.read_text())
            found = self.disagreements(ours[folder].get(name, []), editor, by_ajv[str(path)])
            wrong += [f"{folder.name}/{name}: {text}" for text in found]
        return wrong

    @staticmethod
    def disagreements(own, editor, by_ajv):
        knowable = [(line, what) for line, what in own if not is_beyond(what)]
        by_line = {line for line, _ in editor}
        for line, what in knowable:
            if line not in by_line and not (editor and re.search(TOGETHER, what)):
                yield f"{line}: the editor does not say: {what}"
        lines = {line for line, _ in own}
        broken_yaml = any(re.match("not YAML|a tab|a second document|nested|a control|not UTF|the file is empty", what)
                          for _, what in own)
        together = any(re.search(TOGETHER, what) for _, what in own)
        for line, what in editor:
            if line not in lines and not broken_yaml and not together:
                yield f"{line}: only the editor says: {what}"
        if not broken_yaml and bool(by_ajv) != bool(editor):
            yield f"ajv says {by_ajv}, the editor {editor}"


class Schemas(EditorTest):
    def test_ajv_takes_every_schema(self):
        verdicts = run_ajv()["schemas"]
        self.assertGreater(len(verdicts), 5)
        self.assertEqual({path: None for path in verdicts}, verdicts)

    def copy_of(self, folder):
        copy = self.work.path / folder
        shutil.copytree(ROOT / folder, copy)
        return copy

    def test_the_default_policy_and_the_benchs_are_fine_everywhere(self):
        for folder in (self.demo("rules"), self.copy_of("tests/bench/community")):
            self.assertEqual([], self.compare({folder: None}))
            self.assertEqual({}, run_postern(folder))

    def test_first_lines_name_the_schema(self):
        for path in sorted((ROOT / "rules").rglob("*.yaml")):
            first = path.read_text().splitlines()[0]
            found = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
            self.assertTrue(found, f"{path} begins with {first}")
            self.assertEqual(schema_of(str(path.relative_to(ROOT / "rules"))), (path.parent / found[1]).resolve())

    def test_what_the_documentation_shows_is_judged_alike(self):
        for page in PAGES:
            folder = self.work.path / pathlib.PurePath(page).stem / "policy"
            written = {}
            for kind, block in blocks((ROOT / page).read_text()):
                for name, content in files(block) if kind == "yaml" else ():
                    if name.startswith("policy/"):
                        written.setdefault(name.removeprefix("policy/"), content)
            self.assertGreater(len(written), 0, page)
            for name, content in written.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(content)
            self.assertEqual([], self.compare({folder: None}))

    def test_broken_files_are_broken_to_both(self):
        cases = sorted(BROKEN.glob("*.txt"))
        self.assertGreater(len(cases), 10)
        policies = {}
        for path in cases:
            changed = changed_files(path.read_text())
            folder = self.demo(path.stem)
            for name, content in changed.items():
                if content is None:
                    (folder / name).unlink()
                else:
                    (folder / name).parent.mkdir(exist_ok=True)
                    (folder / name).write_text(content)
            policies[folder] = sorted(changed)
        self.assertEqual([], self.compare(policies))

    def test_a_disagreement_is_found(self):
        for own, editor, by_ajv in (
            ([(3, 'unknown key "x"')], [], []),
            ([], [(3, "Property x is not allowed.")], ["x"]),
            ([], [], ["x"]),
        ):
            self.assertNotEqual([], list(self.disagreements(own, editor, by_ajv)))


class Completion(EditorTest):
    """What is offered while one types: a | marks the place."""

    def at(self, name, text):
        path = self.work.path / "typed" / name
        place = text.index("|")
        return path, text[:place] + text[place + 1 :], place

    def offered(self, name, text):
        return self.editor.completions(*self.at(name, text))

    def test_keys_of_a_file_with_their_meaning(self):
        offered = self.offered("limits.yaml", "|\n")
        self.assertLessEqual({"message_size", "recipients", "limits", "rates"}, set(offered))
        self.assertIn("Largest message in the community", str(offered["message_size"]["documentation"]))

    def test_fields_of_the_stage_at_which_a_rule_is_decided(self):
        for text in (
            "limits:\n  - name: x\n    when: { r| }\n",
            "limits:\n  - name: x\n    when:\n      |\n    message_size: 1 MiB\n",
            "limits:\n  - name: x\n    when:\n      sender.organisation: smith\n      |\n",
        ):
            offered = self.offered("limits.yaml", text)
            self.assertLessEqual({"recipient.function", "any", "all", "not"}, set(offered), text)
            self.assertNotIn("message.subject", offered)
            self.assertIn("function in the directory", str(offered["recipient.function"]["documentation"]))
        offered = self.offered("content.yaml", "rules:\n  - name: x\n    when:\n      |\n    then: accept\n")
        self.assertLessEqual({"message.subject", "attachment.name", "recipient.function"}, set(offered))

    def test_every_field_is_described(self):
        offered = self.offered("content.yaml", "rules:\n  - name: x\n    when:\n      |\n    then: accept\n")
        self.assertGreater(len(offered), 30)
        for label, item in offered.items():
            self.assertTrue(item.get("documentation"), label)

    def test_words_of_a_field_and_of_a_key(self):
        offered = self.offered("limits.yaml", "limits:\n  - name: x\n    when:\n      recipient.organisation.kind: |\n")
        self.assertLessEqual({"server", "mailbox", "absent"}, set(offered))
        offered = self.offered("organisations/x.yaml", "organisation: x\nkind: |\n")
        self.assertEqual({"server", "mailbox"}, set(offered))
        self.assertIn("own mail server", str(offered["server"]["documentation"]))

    def test_actions_of_the_file(self):
        offered = self.offered("content.yaml", "rules:\n  - name: x\n    then:\n      |\n")
        self.assertLessEqual({"reject", "quarantine", "tag_subject", "notify"}, set(offered))
        self.assertNotIn("allow", offered)
        self.assertIn("refused for good", str(offered["reject"]["documentation"]))

    def test_the_meaning_under_the_mouse(self):
        path, text, place = self.at("content.yaml", "rules:\n  - name: x\n    when: { attach|ment.name: '*.iso' }\n")
        self.assertIn("File name of an attachment", self.editor.hover(path, text, place))


if __name__ == "__main__":
    unittest.main()
