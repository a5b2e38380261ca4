"""An appliance in qemu: boots a disk image with OVMF, on this machine's loopback only.

Without KVM: everything is emulated, and slow on a busy machine, so every wait has a generous bound and a condition.
"""
import pathlib
import shutil
import socket
import subprocess
import time

FIRMWARE = pathlib.Path("/usr/share/OVMF")
GUEST = "10.0.2.15"  # of qemu's user-mode network
HOST = "10.0.2.2"  # this machine, as the guest sees it


class Machine:
    """One virtual machine with a folder of its own: disk, firmware variables, serial console's text."""

    def __init__(self, image, folder, memory=1024, disk_size="3G", secure_boot=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.disk = self.folder / "disk.qcow2"
        self.serial = self.folder / "serial.txt"
        self.memory, self.secure_boot = memory, secure_boot
        self.process, self.started = None, 0.0
        self.ports = {}  # guest port -> port on loopback
        self.extra = []  # more of qemu's arguments
        if not self.disk.exists():
            _run("qemu-img", "create", "-q", "-f", "qcow2", "-b", pathlib.Path(image).resolve(), "-F", "raw", self.disk, disk_size)
        self.variables = self.folder / "variables.fd"
        if not self.variables.exists():
            shutil.copy(secure_boot or FIRMWARE / "OVMF_VARS_4M.fd", self.variables)

    # --- what it is given before it starts ---
    def forward(self, guest_port):
        """A port on this machine's loopback that leads to that of the guest."""
        if guest_port not in self.ports:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.ports[guest_port] = probe.getsockname()[1]
        return self.ports[guest_port]

    def attach(self, disk):
        """A configuration disk, read-only."""
        self.extra += ["-drive", f"if=virtio,format=raw,readonly=on,file={disk}"]

    def credential(self, name, path):
        """systemd's credential from a file, by fw_cfg."""
        self.extra += ["-fw_cfg", f"name=opt/io.systemd.credentials/{name},file={path}"]

    # --- its life ---
    def start(self):
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-{GUEST}:{there}" for there, here in self.ports.items())
        code = "OVMF_CODE_4M.secboot.fd" if self.secure_boot else "OVMF_CODE_4M.fd"
        machine = "q35,smm=on" if self.secure_boot else "q35"
        command = ["qemu-system-x86_64", "-machine", machine, "-cpu", "max", "-accel", "tcg,thread=multi,tb-size=256", "-smp", "2",
                   "-m", str(self.memory), "-display", "none", "-nodefaults", "-no-user-config", "-boot", "menu=off",
                   "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE / code}",
                   "-drive", f"if=pflash,format=raw,unit=1,file={self.variables}",
                   "-drive", f"if=virtio,format=qcow2,cache=writeback,file={self.disk}",
                   "-netdev", f"user,id=n,ipv6=off{forwards}", "-device", "virtio-net-pci,netdev=n,romfile=",
                   "-device", "virtio-rng-pci", "-serial", f"file:{self.serial}", "-monitor", "none"]
        if self.secure_boot:
            command += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        self.process = subprocess.Popen(command + self.extra, stdin=subprocess.DEVNULL, stderr=open(self.folder / "qemu.txt", "ab"))
        self.started = time.monotonic()
        return self

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        self.cut()

    def cut(self):
        """As if the power failed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def wait_until_off(self, seconds):
        self.process.wait(seconds)
        self.process = None

    @property
    def age(self):
        """Seconds since it was switched on."""
        return time.monotonic() - self.started

    # --- what is seen from outside ---
    def console(self):
        return self.serial.read_text("utf-8", "replace") if self.serial.exists() else ""

    def wait_for_console(self, *texts, seconds=900):
        """The first of these texts that the serial console shows."""
        def shown():
            now = self.console()
            return next((text for text in texts if text in now), None)
        return self.wait(shown, seconds, lambda: f"{texts} on the console")

    def wait_for_port(self, guest_port, seconds=900, greeting=b""):
        """Until somebody answers there with that greeting; user-mode networking itself takes every connection."""
        def answers():
            try:
                with socket.create_connection(("127.0.0.1", self.ports[guest_port]), 5) as peer:
                    peer.settimeout(10)
                    return peer.recv(64).startswith(greeting) if greeting else True
            except OSError:
                return False
        return self.wait(answers, seconds, lambda: f"port {guest_port}")

    def wait(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = condition()
            if answer:
                return answer
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"qemu ended while waiting for {what()}: {(self.folder / 'qemu.txt').read_text()}")
            time.sleep(0.5)
        tail = "\n".join(self.console().splitlines()[-40:])
        raise AssertionError(f"not within {seconds} s: {what()}; the console ends with\n{tail}")


def _run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
