# builds: asan release
"""A configuration disk after the first start: signed with ssh-keygen by a declared administrator, and newer."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness.tools import program_folder


class SignedDisk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-disk-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.anna, cls.stranger = cls.key("anna"), cls.key("stranger")

    @classmethod
    def key(cls, name):
        file = cls.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file], check=True)
        return file

    def setUp(self):
        self.policy = self.folder / "policy"
        self.disk = self.folder / "disk"
        for folder in (self.policy, self.disk):
            shutil.rmtree(folder, ignore_errors=True)
        self.write(self.policy, self.anna.with_suffix(".pub").read_text().strip())
        self.write(self.disk, self.anna.with_suffix(".pub").read_text().strip())
        (self.disk / "limits.yaml").write_text("message_size: 9 MiB\n")

    def write(self, folder, key):
        (folder / "organisations").mkdir(parents=True)
        (folder / "routing.yaml").write_text("community: { suffix: secure.example, operator: postmaster@secure.example }\n")
        (folder / "organisations/court.yaml").write_text(
            "organisation: court\nname: Court\nkind: server\nusers: any\ndomains: [court.example]\n"
            'connects_from: { networks: [198.51.100.0/29] }\ndeliver_to: { hosts: ["203.0.113.9:26"] }\n'
        )
        (folder / "node.yaml").write_text(
            "name: mx.example.org\nlisteners: [{ name: local, address: \"127.0.0.1:2525\", clear_text: true }]\n"
            "storage: { directory: /var/lib/postern }\ncontrol: { socket: /run/postern/control }\n"
            "scanner: { signatures: none }\n"
            f'machine:\n  interfaces: [{{ name: "en*", addresses: dhcp }}]\n  administrators: ["{key}"]\n'
        )

    def sign(self, key, *more):
        return subprocess.run(
            [program_folder() / "postern", "configuration", "sign", self.disk, "--key", key, *map(str, more)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def verify(self):
        return subprocess.run(
            [program_folder() / "postern-machine", "verify-disk", self.disk, self.policy], capture_output=True, text=True
        )

    def assertRefused(self, *words):
        done = self.verify()
        self.assertEqual(done.returncode, 1, done.stdout)
        for word in words:
            self.assertIn(word, done.stderr)

    def take(self):
        """As the appliance does: the folder takes the policy's place."""
        shutil.rmtree(self.policy)
        shutil.copytree(self.disk, self.policy)

    def test_a_signed_disk_counts_once_and_the_next_needs_a_higher_serial(self):
        done = self.sign(self.anna)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("serial 1, signed by ssh-ed25519", done.stdout)
        self.take()
        self.assertRefused("its serial is 1, and 1 has been in force")
        self.assertEqual(self.sign(self.anna).returncode, 0)
        self.assertIn("serial 2", self.verify().stdout)
        self.take()
        self.assertEqual(self.sign(self.anna, "--serial", 1).returncode, 0)
        self.assertRefused("a newer disk has a higher one")
        self.assertEqual(self.sign(self.anna, "--serial", 40).returncode, 0)
        self.assertIn("serial 40", self.verify().stdout)

    def test_the_commands_of_the_documentation_sign_as_well(self):
        script = (
            'cd "$1" && { echo "serial: 7"; find . -type f ! -name "manifest*" -printf "%P\\n" | sort | '
            'xargs -d "\\n" sha256sum; } >"$1.manifest" && mv "$1.manifest" manifest && '
            'ssh-keygen -q -Y sign -n postern-configuration -f "$2" manifest'
        )
        subprocess.run(["bash", "-ec", script, "-", str(self.disk), str(self.anna)], check=True, capture_output=True)
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("serial 7", done.stdout)

    def test_who_is_not_declared_signs_in_vain(self):
        self.assertEqual(self.sign(self.stranger).returncode, 0)
        self.assertRefused("a key that node.yaml does not declare", "ssh-ed25519 AAAA")

    def test_a_disk_that_brings_its_own_administrator_is_judged_by_the_policy_in_force(self):
        shutil.rmtree(self.disk)
        self.write(self.disk, self.stranger.with_suffix(".pub").read_text().strip())
        self.assertEqual(self.sign(self.stranger).returncode, 0)
        self.assertRefused("does not declare")

    def test_what_was_changed_added_or_taken_out_after_signing_is_named(self):
        self.assertRefused("it is not signed")
        self.assertEqual(self.sign(self.anna).returncode, 0)
        (self.disk / "limits.yaml").write_text("message_size: 8 MiB\n")
        self.assertRefused("limits.yaml", "is not what was signed")
        (self.disk / "limits.yaml").unlink()
        self.assertRefused("limits.yaml", "is not there")
        (self.disk / "limits.yaml").write_text("message_size: 9 MiB\n")
        (self.disk / "tagging.yaml").write_text("tags: []\n")
        self.assertRefused("tagging.yaml", "is not in the signed manifest")
        (self.disk / "tagging.yaml").unlink()
        (self.disk / "link").symlink_to("/etc/passwd")
        self.assertRefused("link", "no plain file")
        (self.disk / "link").unlink()
        self.assertEqual(self.verify().returncode, 0)
        manifest = (self.disk / "manifest").read_text()
        (self.disk / "manifest").write_text(manifest.replace("serial: 1", "serial: 9"))
        self.assertRefused("changed after it was signed")

    def test_a_signature_for_something_else_does_not_count(self):
        self.assertEqual(self.sign(self.anna).returncode, 0)
        (self.disk / "manifest.sig").unlink()
        subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", self.anna, self.disk / "manifest"],
            check=True,
            capture_output=True,
        )
        self.assertRefused('is for "file"')
        for text in ("", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", "x" * 100_000):
            (self.disk / "manifest.sig").write_text(text)
            self.assertRefused("signature is none")

    def test_without_declared_administrators_no_disk_counts(self):
        text = (self.policy / "node.yaml").read_text()
        (self.policy / "node.yaml").write_text(text[: text.index("  administrators:")])
        self.assertEqual(self.sign(self.anna).returncode, 0)
        self.assertRefused("declares nobody who could sign")


if __name__ == "__main__":
    unittest.main()
