#!/usr/bin/python3
"""What the appliance uses of memory, and what Postern adds to the time of its start.

    tests/bench/appliance.py [ROUNDS]      3 where absent

Needs image/build's image and no KVM. The same image is started in the same qemu with and without Postern, in turns, each from a
disk that has been started before: once until it greets on port 25 as a configured gateway, once with Postern's own units masked
until a socket of systemd's answers there. Ends with 1 where the first takes more than 1.3 times the second, or more than 250 MiB
are in use.
"""
import contextlib
import pathlib
import shutil
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "image"))
from testing.appliance import PATIENCE, WORK, Appliance, image  # noqa: E402
from testing.hardening import MOST_MEMORY, blocks, kib, look_inside  # noqa: E402
from testing.machine import GUEST, Machine  # noqa: E402

MOST_RATIO = 1.3
OWN = [f"postern-{name}" for name in ("configuration.service", "firewall.service", "machine.service", "machine.path", "machine.timer", "acme.timer",
                                      "health.service", "status.service", "signatures.service", "time.service", "firmware.path",
                                      "console@tty1.service", "console@ttyS0.service", "console-configuration.path", "console-restart.path",
                                      "console-poweroff.path", "console-shell@tty1.path", "console-shell@ttyS0.path")] + ["posternd.service"]

UNITS = {
    "systemd.extra-unit.probe.socket": "[Unit]\nDescription=A socket\n[Socket]\nListenStream=25\nAccept=yes\n",
    "systemd.extra-unit.probe@.service": "[Unit]\nDescription=Greets\n[Service]\nExecStart=/usr/bin/echo 220 here\nStandardOutput=socket\n",
    "network.network.50-probe": f"[Match]\nName=e*\n[Network]\nDHCP=no\nIPv6AcceptRA=no\nAddress={GUEST}/24\n",
}


def bare(folder):
    """The image without Postern, with a socket in its place."""
    folder.mkdir(parents=True)
    machine = Machine(image(), folder)
    machine.forward(25)
    for name, text in UNITS.items():
        path = folder / name
        path.write_text(text)
        machine.told_by_firmware(name, path)
    machine.boot_kernel("systemd.import_credentials=yes", "systemd.wants=probe.socket", *(f"systemd.mask={unit}" for unit in OWN))
    return machine


def seconds_to_greeting(machine):
    machine.start()
    machine.wait_for_port(25, PATIENCE, b"220 ")
    took = machine.age
    machine.cut()
    return took


def memory():
    """MiB in use by the running gateway, without its signatures' share: the test's set is a few entries."""
    with Appliance("bench-memory") as appliance:
        words = look_inside(appliance.machine)
        appliance.ready()
        appliance.machine.wait(lambda: "== failed" in (words.read_text(errors="replace") if words.exists() else ""), PATIENCE, lambda: "the inspection")
        inside = blocks(words.read_text(errors="replace"))["memory"]
    return (kib(inside, "MemTotal") - kib(inside, "MemAvailable")) / 1024


def starts(rounds):
    """Seconds with Postern, and without."""
    shutil.rmtree(WORK / "bench-bare", ignore_errors=True)
    with_postern, without = [], []
    other = bare(WORK / "bench-bare")
    with Appliance("bench-boot") as appliance, contextlib.closing(other):
        appliance.machine.boot_kernel()
        for machine in (appliance.machine, other):
            seconds_to_greeting(machine)
        for _ in range(rounds):
            with_postern.append(seconds_to_greeting(appliance.machine))
            without.append(seconds_to_greeting(other))
    return with_postern, without


def main(rounds):
    used = memory()
    with_postern, without = starts(rounds)
    ratio = statistics.median(with_postern) / statistics.median(without)
    print(f"memory in use: {used:.0f} MiB (at most {MOST_MEMORY})")
    print(f"start to mail, beside start to a socket without Postern: {ratio:.2f} (at most {MOST_RATIO}); rounds: "
          + ", ".join(f"{one:.0f}/{other:.0f} s" for one, other in zip(with_postern, without)))
    return 0 if used <= MOST_MEMORY and ratio <= MOST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
