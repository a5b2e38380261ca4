# builds: release
"""A change of the appliance's network that is ordered from afar goes back by itself, unless a new connection confirms it."""
import json
import os
import subprocess
import time
import unittest

from harness import Authority, CommunityTest, free_port, wait_until

GATEWAY = "mx.cjsm.net"


class NetworkTrial(CommunityTest):
    @classmethod
    def prepare(cls, community):
        cls.port, cls.other_port = free_port(), free_port()
        staff = Authority(community.folder / "staff", "Administrators", community.bin / "postern")
        out = staff.folder / "issued"
        subprocess.run(
            [community.bin / "postern", "ca", "issue", "--ca", staff.folder, "--name", "anna.staff.example", "--out", out],
            check=True,
            capture_output=True,
        )
        cls.anna = out / "anna.staff.example.pem", out / "anna.staff.example.key"
        cls.staff = staff
        cls.write(community.policy.folder / "node.yaml", community, cls.port, "192.0.2.10/24", "12 seconds")
        holders = "holders: [{ who: anna.staff.example, role: service_administrator }]\n"
        community.policy.write("permissions.yaml", holders)
        folder = community.folder / "config/postern"
        folder.mkdir(parents=True)
        cls.point_at(community, cls.port)

    @classmethod
    def point_at(cls, community, port):
        file = community.folder / "config/postern" / f"{GATEWAY}.yaml"
        file.write_text(f'address: "127.0.0.1:{port}"\nauthority: {community.authority.certificate}\n')

    @classmethod
    def write(cls, file, community, port, address, confirm):
        community.write_node(
            more=f'machine:\n  interfaces: [{{ name: "en*", addresses: ["{address}"] }}]\n  confirm: {confirm}\n'
        )
        text = community.policy.read("node.yaml").replace(
            f"  socket: {community.socket}\n",
            f"  socket: {community.socket}\n  remote:\n    address: \"127.0.0.1:{port}\"\n"
            f"    administrators: {cls.staff.bundle}\n",
        )
        file.write_text(text)

    def at(self, *arguments):
        chain, key = self.anna
        environment = {k: v for k, v in os.environ.items() if not k.startswith("POSTERN_")}
        return subprocess.run(
            [self.community.bin / "postern", "--at", GATEWAY, "--certificate", chain, "--key", key, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment | {"XDG_CONFIG_HOME": str(self.community.folder / "config")},
        )

    def changed(self, port, address):
        """A folder with the policy in force, but for its network."""
        mine = self.community.folder / "mine"
        done = self.at("get", "--out", mine, "--overwrite")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = (mine / "node.yaml").read_text()
        self.assertIn(f"127.0.0.1:{self.port}", text)
        text = text.replace(f"127.0.0.1:{self.port}", f"127.0.0.1:{port}").replace("192.0.2.10/24", address)
        (mine / "node.yaml").write_text(text)
        return mine

    def rendered(self):
        folder = self.community.folder / "rendered"
        done = subprocess.run(
            [self.community.bin / "postern-machine", "render", self.community.policy.folder, folder],
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return (folder / "network/10-postern-0.network").read_text()

    def test_nobody_confirms_and_everything_is_as_it_was(self):
        before = self.community.generation()
        done = self.at("apply", self.changed(self.port, "198.51.100.7/24"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("changes this machine's network", done.stdout)
        self.assertIn("198.51.100.7/24", self.rendered(), "the machine follows the trial")
        self.assertIn("192.0.2.10/24", self.community.policy.read("node.yaml"), "the directory does not")
        wait_until(lambda: self.community.generation() == before, 30)
        self.assertIn("192.0.2.10/24", self.rendered())
        self.assertFalse((self.community.folder / "spool/trial").exists())
        alarms = self.community.postern("status")["alarms"]
        self.assertTrue([a for a in alarms if "was not confirmed in time" in a["text"]], alarms)
        wait_until(lambda: "was not confirmed in time" in json.dumps(self.community.postern("audit", "search")), 10)

    def test_the_control_port_moves_and_only_a_connection_to_the_new_one_after_a_while_confirms(self):
        done = self.at("apply", self.changed(self.other_port, "192.0.2.10/24"))
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: self.at("status").returncode == 3, 10, "the old port to be closed")
        self.point_at(self.community, self.other_port)
        done = self.at("confirm")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("still changing its network", done.stderr)
        wait_until(lambda: self.at("confirm").returncode == 0, 15, every=0.5)
        time.sleep(13)  # longer than the trial
        self.assertIn(f"127.0.0.1:{self.other_port}", self.community.policy.read("node.yaml"))
        self.assertEqual(self.at("status").returncode, 0)
        # And back, from the machine itself: who sits there sees what they do.
        text = self.community.policy.read("node.yaml").replace(str(self.other_port), str(self.port))
        self.community.policy.write("node.yaml", text)
        self.community.reload()
        self.point_at(self.community, self.port)
        wait_until(lambda: self.at("status").returncode == 0, 10)

    def test_what_leaves_the_network_alone_is_no_trial(self):
        mine = self.changed(self.port, "192.0.2.10/24")
        text = (mine / "limits.yaml").read_text()
        (mine / "limits.yaml").write_text(text.replace("10 MiB", "9 MiB", 1))
        done = self.at("apply", mine)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("trial", done.stdout)
        self.assertIn("9 MiB", self.community.policy.read("limits.yaml"))


if __name__ == "__main__":
    unittest.main()
