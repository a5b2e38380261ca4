# builds: asan release
"""What a policy's folder can hold that is no policy: each class has its exact message, and check ends at once.

Broken YAML is in tests/policy-broken; here is what only a file system can do.
"""
import json
import os
import shutil
import socket
import subprocess
import time
import unittest

from harness.tools import WorkFolder, program_folder, sanitized, source_root

HUGE = 100 << 20
LONGEST = 60 if sanitized() else 20  # seconds for one check, whatever it reads
NOBODY = 65534
MAILBOXES = (
    'DIR/node.yaml: warning: no "mailboxes" are declared: mail for service, smith, victim-care has nowhere to go\n'
    "        mailboxes: { lmtp: /run/dovecot/lmtp }\n"
)


class BadFiles(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.work = WorkFolder("bad-files")
        self.addCleanup(self.work.remove)
        self.policy = self.work.path / "policy"
        # Only what every policy has: a rule that names a role would miss it where the members are missing.
        without = shutil.ignore_patterns("content.yaml", "permissions.yaml", "tests", "lua")
        shutil.copytree(source_root() / "rules", self.policy, ignore=without)
        (self.policy / "tls").mkdir(exist_ok=True)
        for name in ("mx.pem", "mx.key", "members.pem"):
            (self.policy / "tls" / name).write_text("x")
        self.limits = self.policy / "limits.yaml"

    def postern(self, *arguments):
        # As an ordinary user: to root no file is unreadable.
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        start = time.monotonic()
        done = subprocess.run(
            [program_folder() / "postern", "check", *arguments, self.policy],
            capture_output=True,
            timeout=LONGEST,
            **user,
        )
        self.assertLess(time.monotonic() - start, LONGEST)
        self.assertEqual(b"", done.stderr)
        return done.returncode, done.stdout.decode().replace(str(self.policy), "DIR")

    def assertRefused(self, *expected):
        """`check` prints these lines and the warning that the demo has, and no others, in text and in JSON."""
        code, printed = self.postern()
        wanted = "".join(line + "\n" for line in expected)
        self.assertEqual(wanted, printed.replace(MAILBOXES, ""))
        self.assertEqual(1, code)
        code, printed = self.postern("--json")
        self.assertEqual(1, code)
        errors = [d for d in json.loads(printed) if d["severity"] == "error"]
        self.assertEqual(len([line for line in expected if line.startswith("DIR")]), len(errors))

    def assertFine(self):
        code, printed = self.postern()
        self.assertEqual((0, True), (code, "files are fine" in printed), printed)

    def write(self, content):
        self.limits.write_bytes(content)

    # --- what stands in the file ---
    def test_a_file_of_100_mb_is_not_read(self):
        with open(self.limits, "wb") as file:
            file.truncate(HUGE)
        self.assertRefused(f"DIR/limits.yaml: has {HUGE} bytes; a policy file has at most {1 << 20}")

    def test_bytes_that_are_no_utf8(self):
        self.write(b"# caf\xe9\nmessage_size: 10 MiB\n")
        self.assertRefused(
            "DIR/limits.yaml:1:6: not UTF-8",
            "    1 | # caf?",
            "      |      ^ save the file as UTF-8",
        )

    def test_utf_16_is_named_as_what_it_is(self):
        self.write("message_size: 10 MiB\n".encode("utf-16"))
        self.assertRefused(
            "DIR/limits.yaml:1:1: UTF-16, not UTF-8",
            "    1 | ??m?e?s?s?a?g?e?_?s?i?z?e?:? ?1?0? ?M?i?B?",
            "      | ^ save the file as UTF-8",
        )

    def test_a_byte_order_mark_is_fine(self):
        self.write("\ufeffmessage_size: 10 MiB\n".encode())
        self.assertFine()

    def test_columns_count_from_behind_a_byte_order_mark(self):
        self.write("\ufeffmesage_size: 10 MiB\n".encode())
        self.assertRefused(
            'DIR/limits.yaml:1:1: unknown key "mesage_size"',
            "    1 | mesage_size: 10 MiB",
            '      | ^~~~~~~~~~~ did you mean "message_size"?',
        )

    def test_line_ends_of_windows_are_fine(self):
        self.write(b"message_size: 10 MiB\r\nrecipients: 200\r\n")
        self.assertFine()

    def test_places_are_right_with_line_ends_of_windows(self):
        self.write(b"message_size: 10 MiB\r\nrecipient: 200\r\n")
        self.assertRefused(
            'DIR/limits.yaml:2:1: unknown key "recipient"',
            "    2 | recipient: 200",
            '      | ^~~~~~~~~ did you mean "recipients"?',
        )

    def test_a_carriage_return_alone(self):
        self.write(b"message_size: 10 MiB\rrecipients: 200\r")
        self.assertRefused(
            "DIR/limits.yaml:1:21: a control character (byte 13)",
            "    1 | message_size: 10 MiB?recipients: 200",
            "      |                     ^ policy files are UTF-8 text",
        )

    def test_a_nul_byte(self):
        self.write(b"message_size: 10\x00 MiB\n")
        self.assertRefused(
            "DIR/limits.yaml:1:17: a control character (byte 0)",
            "    1 | message_size: 10? MiB",
            "      |                 ^ policy files are UTF-8 text",
        )

    def test_a_very_long_line_is_shown_around_its_mistake(self):
        names = ", ".join(f"r{i}" for i in range(60_000))
        self.write(f"message_size: 10 MiB\n# {names}\nmesage_size: 1\n".encode())
        self.assertRefused(
            'DIR/limits.yaml:3:1: unknown key "mesage_size"',
            "    3 | mesage_size: 1",
            '      | ^~~~~~~~~~~ did you mean "message_size"?',
        )

    def test_a_very_long_value(self):
        self.write(b'message_size: "' + b"1" * 500_000 + b' MiB"\n')
        self.assertRefused(
            f'DIR/limits.yaml:1:15: "{"1" * 60}..." is too large or too exact',
            '    1 | message_size: "' + "1" * 105,
            "      |               ^" + "~" * 119 + ' write a size such as "10 MiB"',
        )

    def test_an_empty_file(self):
        for content in (b"", b"\n\n", b"# nothing yet\n", b"---\n", b"~\n"):
            self.write(content)
            self.assertRefused("DIR/limits.yaml: the file is empty")

    def test_another_file_under_the_name(self):
        self.write(b"\x7fELF\x02\x01\x01\x00")
        self.assertRefused(
            "DIR/limits.yaml:1:1: a control character (byte 127)",
            "    1 | ?ELF????",
            "      | ^ policy files are UTF-8 text",
        )

    def test_a_bomb_of_aliases_costs_nothing(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
        self.write("\n".join(lines).encode())
        code, printed = self.postern()
        self.assertEqual(1, code)
        self.assertIn("DIR/limits.yaml:1:5: anchors are not used in policies\n", printed)
        self.assertIn("DIR/limits.yaml:2:10: aliases are not used in policies\n", printed)
        self.assertIn("more errors in this file are not shown\n", printed)

    # --- what the file is ---
    def test_a_file_that_may_not_be_read(self):
        self.limits.chmod(0)
        self.assertRefused("DIR/limits.yaml: cannot be read: Permission denied")

    def test_a_folder_that_may_not_be_read(self):
        (self.policy / "organisations").chmod(0)
        self.addCleanup((self.policy / "organisations").chmod, 0o755)
        self.assertRefused("DIR/organisations: cannot be read: Permission denied")

    def test_a_link_to_nowhere(self):
        self.limits.unlink()
        self.limits.symlink_to("../shared/limits.yaml")
        self.assertRefused('DIR/limits.yaml: is a link to "../shared/limits.yaml", which is not there')

    def test_links_in_a_circle(self):
        self.limits.unlink()
        self.limits.symlink_to("other")
        (self.policy / "other").symlink_to("limits.yaml")
        self.assertRefused('DIR/limits.yaml: is a link to "other", which leads back to it')

    def test_a_link_to_a_file_is_followed(self):
        target = self.work.path / "limits-of-all"
        self.limits.rename(target)
        self.limits.symlink_to(target)
        self.assertFine()

    def test_a_folder_of_members_that_is_a_link_to_itself(self):
        shutil.rmtree(self.policy / "organisations")
        (self.policy / "organisations").symlink_to("organisations")
        self.assertRefused('DIR/organisations: is a link to "organisations", which leads back to it')

    def test_a_pipe_does_not_hang(self):
        self.limits.unlink()
        os.mkfifo(self.limits)
        self.assertRefused("DIR/limits.yaml: is not a regular file")

    def test_a_socket(self):
        self.limits.unlink()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self.limits))
            self.assertRefused("DIR/limits.yaml: is not a regular file")

    def test_a_folder_in_place_of_a_file(self):
        self.limits.unlink()
        self.limits.mkdir()
        self.assertRefused("DIR/limits.yaml: is not a regular file")

    def test_a_file_in_place_of_the_members(self):
        shutil.rmtree(self.policy / "organisations")
        (self.policy / "organisations").write_text("")
        self.assertRefused("DIR/organisations: cannot be read: Not a directory")

    def test_no_folder_of_members(self):
        shutil.rmtree(self.policy / "organisations")
        self.assertRefused(
            "DIR/organisations: the folder is missing",
            "        one file for each member: organisations/NAME.yaml",
        )

    def test_no_folder_at_all(self):
        shutil.rmtree(self.policy)
        self.assertRefused("DIR: cannot be read: No such file or directory")

    def test_a_file_in_place_of_the_policy(self):
        shutil.rmtree(self.policy)
        self.policy.write_text("")
        self.assertRefused("DIR: cannot be read: Not a directory")


if __name__ == "__main__":
    unittest.main()
