"""An appliance in qemu: boots a disk image with OVMF, on this machine's loopback only.

Without KVM: everything is emulated, and slow on a busy machine, so every wait has a generous bound and a condition.
"""
import base64
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from .kernel import Kernel

FIRMWARE = pathlib.Path("/usr/share/OVMF")
GUEST = "10.0.2.15"  # of qemu's user-mode network
HOST = "10.0.2.2"  # this machine, as the guest sees it


class Machine:
    """One virtual machine with a folder of its own: disk, firmware variables, serial console's text."""

    def __init__(self, image, folder, memory=1024, disk_size="3G", secure_boot=None, processors=2):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.image = pathlib.Path(image).resolve()
        self.disk = self.folder / "disk.qcow2"
        self.serial = self.folder / "serial.txt"
        self.memory, self.secure_boot, self.processors = memory, secure_boot, processors
        self.process, self.started, self.seen = None, 0.0, 0
        self.ports = {}  # guest port -> port on loopback
        self.extra = []  # more of qemu's arguments
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="postern-console-"))
        self.keyboard = None
        self.firmware = True
        self.tpm = None
        if not self.disk.exists():
            run("qemu-img", "create", "-q", "-f", "qcow2", "-b", self.image, "-F", "raw", self.disk, disk_size)
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
        """A disk, read-only."""
        self.extra += ["-drive", f"if=virtio,format=raw,readonly=on,file={disk}"]

    def credential(self, name, path):
        """systemd's credential from a file, by fw_cfg."""
        self.extra += ["-fw_cfg", f"name=opt/io.systemd.credentials/{name},file={path}"]

    def told_by_firmware(self, name, path):
        """The same by SMBIOS."""
        value = base64.b64encode(pathlib.Path(path).read_bytes()).decode()
        self.extra += ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={value}"]

    def attach_tpm(self):
        """A TPM 2.0 of its own (swtpm), which keeps what it knows beside the disk."""
        self.tpm = self.folder / "tpm"
        self.extra += ["-chardev", f"socket,id=tpm,path={self.sockets}/tpm", "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm"]

    def forget_tpm(self):
        """As if the disk lay in another machine."""
        shutil.rmtree(self.tpm)

    def _start_tpm(self):
        """Ends when qemu does."""
        if self.tpm is None:
            return
        self.tpm.mkdir(exist_ok=True)
        (self.sockets / "tpm").unlink(missing_ok=True)
        subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.tpm}", "--ctrl", f"type=unixio,path={self.sockets}/tpm", "--terminate"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.wait(lambda: (self.sockets / "tpm").exists(), 60, lambda: "swtpm", may_end=True)

    def second_serial(self, path):
        """A second serial line, whose output is kept in that file."""
        self.extra += ["-serial", f"file:{path}"]

    def boot_kernel(self, *words):
        """The image's own kernel, started by qemu instead of the firmware, with more words on its command line. What
        Secure Boot would not permit: for tests that look inside."""
        kernel = Kernel.of(self.image, self.folder)
        self.firmware = False
        self.extra += ["-kernel", str(kernel.linux), "-initrd", str(kernel.initrd), "-append", " ".join((kernel.command_line, *words))]

    # --- its life ---
    def start(self):
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-{GUEST}:{there}" for there, here in self.ports.items())
        code = "OVMF_CODE_4M.secboot.fd" if self.secure_boot else "OVMF_CODE_4M.fd"
        machine = "q35,smm=on" if self.secure_boot else "q35"
        command = ["qemu-system-x86_64", "-machine", machine, "-cpu", "max", "-accel", "tcg,thread=multi,tb-size=256",
                   "-smp", str(self.processors), "-m", str(self.memory), "-display", "none", "-nodefaults", "-no-user-config", "-boot", "menu=off",
                   "-drive", f"if=virtio,format=qcow2,cache=writeback,file={self.disk}",
                   "-netdev", f"user,id=n,ipv6=off{forwards}", "-device", "virtio-net-pci,netdev=n,romfile=", "-device", "virtio-rng-pci",
                   "-chardev", f"socket,id=console,path={self.sockets}/console,server=on,wait=off,logfile={self.serial},logappend=on",
                   "-serial", "chardev:console", "-monitor", "none"]
        if self.firmware:
            command += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={FIRMWARE / code}",
                        "-drive", f"if=pflash,format=raw,unit=1,file={self.variables}"]
        if self.secure_boot:
            command += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        self.seen = len(self.console())
        self._start_tpm()
        with open(self.folder / "qemu.txt", "ab") as said:
            self.process = subprocess.Popen(command + self.extra, stdin=subprocess.DEVNULL, stderr=said)
        self.started = time.monotonic()
        return self

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.cut()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def cut(self):
        """As if the power failed."""
        if self.keyboard:
            self.keyboard.close()
            self.keyboard = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def wait_until_off(self, seconds):
        self.wait(lambda: self.process.poll() is not None, seconds, lambda: "power off", may_end=True)
        self.cut()

    @property
    def age(self):
        """Seconds since it was switched on."""
        return time.monotonic() - self.started

    # --- its serial console ---
    def console(self):
        """All that the serial console has shown in all its lives."""
        return self.serial.read_text("utf-8", "replace") if self.serial.exists() else ""

    def shown(self):
        """What it has shown since the last start, or the last expect()."""
        return self.console()[self.seen:]

    def type(self, text):
        """At the serial console's keyboard, at the speed of somebody who pastes."""
        if self.keyboard is None:
            self.keyboard = socket.socket(socket.AF_UNIX)
            self.keyboard.connect(f"{self.sockets}/console")
            # The log has it all; who connects and does not read would hold qemu up.
            threading.Thread(target=_read_away, args=(self.keyboard,), daemon=True).start()
        for at in range(0, len(text), 8):
            self.keyboard.sendall(text[at:at + 8].encode())
            time.sleep(0.02)

    def expect(self, text, seconds=300):
        """Waits for the text behind what was expected before, and goes on behind it."""
        self.wait(lambda: text in self.shown(), seconds, lambda: f"\"{text}\" on the console")
        self.seen += self.shown().index(text) + len(text)

    def wait_for_console(self, *texts, seconds=900):
        """The first of these texts that the serial console shows since the last start."""
        def found():
            now = self.shown()
            return next((text for text in texts if text in now), None)
        return self.wait(found, seconds, lambda: f"{texts} on the console")

    # --- what is seen from outside ---
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

    def wait(self, condition, seconds, what, may_end=False):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = condition()
            if answer:
                return answer
            if not may_end and self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"qemu ended while waiting for {what()}: {(self.folder / 'qemu.txt').read_text()}")
            time.sleep(0.5)
        tail = "\n".join(self.console().splitlines()[-40:])
        raise AssertionError(f"not within {seconds} s: {what()}; the console ends with\n{tail}")


def _read_away(peer):
    try:
        while peer.recv(65536):
            pass
    except OSError:
        pass


def run(*command):
    """Its standard output; AssertionError with all that it said where it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
