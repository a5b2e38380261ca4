"""How a policy gets to a machine that has one: by a signed disk, and by a network that may turn out to be wrong."""
import pathlib

from .appliance import PATIENCE, ROOT, Appliance
from .machine import GUEST, run

ELSEWHERE = "10.0.2.99"  # where qemu's network brings nobody


def signed():
    """takes a policy from a disk that a declared administrator signed, and none that is a stranger's or older"""
    with Appliance("signed", configured=False) as appliance:
        community, machine = appliance.community, appliance.machine
        anna, stranger = _ssh_key(community.folder / "anna"), _ssh_key(community.folder / "stranger")
        declared = f"  administrators: [\"{anna.with_suffix('.pub').read_text().strip()}\"]\n"
        disk = community.configuration_disk(community.policy(machine=declared), community.folder / "configuration.img")
        machine.attach(disk)
        appliance.ready()
        appliance.carries("First")
        _given(appliance, disk, community.policy("small", "1 KiB", declared), anna, 1)
        machine.wait_for_console("took the policy of the configuration disk", seconds=PATIENCE)
        assert _is_small(appliance), "the signed policy is not in force"
        for name, key, serial, why in (("strangers", stranger, 2, "a key that node.yaml does not declare"), ("older", anna, 1, "serial")):
            _given(appliance, disk, community.policy(name, "10 MiB", declared), key, serial)
            machine.wait_for_console("the policy in force stays", seconds=PATIENCE)
            line = next(line for line in machine.shown().splitlines() if "is not taken" in line)
            print(f"      {name}: {line.split('postern: ')[-1].strip()}", flush=True)
            assert why in line, line
            assert _is_small(appliance), f"{name} is in force"


def _ssh_key(path):
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", path)
    return pathlib.Path(path)


def _given(appliance, disk, policy, key, serial):
    """Started again with that on its disk."""
    appliance.machine.cut()
    run(ROOT / "build/release/bin/postern", "configuration", "sign", policy, "--key", key, "--serial", serial)
    appliance.community.configuration_disk(policy, disk)
    appliance.start()


def _is_small(appliance):
    """Whether the policy that takes small mail only is in force."""
    appliance.wait_for_status("signatures ")
    return appliance.send("Large", body=("y" * 70 + "\r\n") * 40).code == 552


def network():
    """a change of the network that cuts the administrator off goes back by itself"""
    with Appliance("network", configured=False) as appliance:
        community, machine = appliance.community, appliance.machine
        patient = "  confirm: 60 seconds\n"
        machine.attach(community.configuration_disk(community.policy(machine=patient), community.folder / "configuration.img"))
        appliance.ready()
        lost = community.policy("lost", machine=patient)
        (lost / "node.yaml").write_text((lost / "node.yaml").read_text().replace(f"{GUEST}/24", f"{ELSEWHERE}/24"))
        assert "changes this machine's network" in appliance.postern("apply", lost)
        machine.expect(f"{ELSEWHERE}/24", PATIENCE)
        machine.expect(f"{GUEST}/24", PATIENCE)
        appliance.wait_for_status("generation ")
        appliance.carries("Found again")
        appliance.apply(community.policy("small", "1 KiB", patient))
        assert _is_small(appliance)
