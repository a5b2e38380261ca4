# builds: asan release
"""What postern-machine writes is taken by the programs that it is for."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness.tools import program_folder


class MachineFiles(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-machine-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        policy = self.folder / "policy"
        (policy / "organisations").mkdir(parents=True)
        (policy / "routing.yaml").write_text("community: { suffix: secure.example, operator: postmaster@secure.example }\n")
        (policy / "organisations/court.yaml").write_text(
            "organisation: court\nname: Court\nkind: server\nusers: any\ndomains: [court.example]\n"
            'connects_from: { networks: [198.51.100.0/29] }\ndeliver_to: { hosts: ["203.0.113.9:26"] }\n'
        )

    def render(self, machine):
        (self.folder / "policy/node.yaml").write_text(
            "name: mx.example.org\nlisteners: [{ name: local, address: \"127.0.0.1:2525\", clear_text: true }]\n"
            f"storage: {{ directory: {self.folder}/spool }}\ncontrol: {{ socket: /run/postern/control }}\n"
            f'scanner: {{ signatures: none }}\nmachine:\n  interfaces: [{{ name: "en*", addresses: dhcp }}]\n{machine}'
        )
        out = self.folder / "out"
        done = subprocess.run(
            [program_folder() / "postern-machine", "render", self.folder / "policy", out], capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def test_rsyslog_takes_the_file_that_sends_the_journal_away(self):
        for server in ("logs.example:6514", "127.0.0.1:6514"):
            file = self.render(f'  journal: {{ server: "{server}" }}\n') / "rsyslog.conf"
            # The service makes its own folder.
            file.write_text(file.read_text().replace("/var/lib/postern-journal", str(self.folder)))
            done = subprocess.run(["/usr/sbin/rsyslogd", "-N1", "-f", file], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("error", done.stderr.lower())
        self.assertFalse((self.render("") / "rsyslog.conf").exists(), "and it goes with its declaration")

    def test_a_policy_that_is_on_trial_comes_first_and_one_that_cannot_be_read_is_none(self):
        out = self.render("")
        trial = self.folder / "spool/trial"
        shutil.copytree(self.folder / "policy", trial)
        text = (trial / "node.yaml").read_text().replace("addresses: dhcp", 'addresses: ["192.0.2.77/24"]')
        (trial / "node.yaml").write_text(text)
        self.assertIn("192.0.2.77/24", (self.render("") / "network/10-postern-0.network").read_text())
        (trial / "node.yaml").write_text("machine: nonsense\n")
        self.assertIn("DHCP=yes", (self.render("") / "network/10-postern-0.network").read_text())
        shutil.rmtree(trial)
        self.assertIn("DHCP=yes", (out / "network/10-postern-0.network").read_text())


if __name__ == "__main__":
    unittest.main()
