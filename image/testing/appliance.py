"""One machine in its community: what most tests begin with."""
import os
import pathlib
import shutil

from .community import ERIC, LISTING, SUFFIX, Community
from .machine import Machine

IMAGE = pathlib.Path(__file__).resolve().parents[1]
ROOT = IMAGE.parent
CACHE = pathlib.Path(os.environ.get("POSTERN_IMAGE_CACHE") or ROOT / "build/image")
WORK = CACHE / "test"
OUTPUT = CACHE / "out"
PATIENCE = 900  # seconds, for everything that waits for a start


def version():
    text = (ROOT / "CMakeLists.txt").read_text()
    return text.split("project(postern VERSION ")[1].split(" ")[0]


def image(of=None):
    path = OUTPUT / f"postern_{of or version()}.raw"
    if not path.exists():
        raise SystemExit(f"image/test: there is no {path}: image/build makes it")
    return path


class Appliance:
    """A machine with a configuration disk, its members' servers and its administrator.

    The disk stays attached: once there is a policy it counts no more, since nobody signed it."""

    def __init__(self, name, configured=True, **machine):
        shutil.rmtree(WORK / name, ignore_errors=True)
        self.community = Community(WORK / name / "community")
        self.policy = self.community.policy()
        self._take(Machine(image(), WORK / name, **machine))
        if configured:
            self.machine.attach(self.community.configuration_disk(self.policy, WORK / name / "configuration.img"))

    def _take(self, machine):
        self.machine, self.smtp, self.control = machine, machine.forward(25), machine.forward(8443)

    def exchange_machine(self, name):
        """As if it had burnt: another one, that was never started."""
        self.machine.close()
        shutil.rmtree(WORK / name, ignore_errors=True)
        self._take(Machine(image(), WORK / name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.machine.close()
        self.community.close()

    def start(self):
        self.machine.start()
        self.machine.wait_for_port(25, PATIENCE, b"220 ")
        print(f"      accepts mail after {self.machine.age:.0f} s", flush=True)

    def ready(self):
        """Started, with its virus signatures."""
        self.start()
        self.wait_for_status("signatures ")

    # --- its administrator ---
    def postern(self, *words):
        return self.community.postern(self.control, *words)

    def does(self, *words):
        """Whether it ends well."""
        try:
            self.postern(*words)
            return True
        except AssertionError:
            return False

    def said(self, *words):
        """What it prints or why it fails."""
        try:
            return self.postern(*words)
        except AssertionError as error:
            return str(error)

    def apply(self, policy):
        """In force for good: a change of the network is on trial until it is confirmed by a new connection."""
        if "changes this machine's network" in self.postern("apply", policy):
            self.machine.wait(lambda: self.does("confirm"), PATIENCE, lambda: f"a policy confirmed: {self.said('confirm')}")

    def wait_for_status(self, text, seconds=PATIENCE):
        self.machine.wait(lambda: text in self.said("status"), seconds, lambda: f"\"{text}\" in the status, which is\n{self.said('status')}")

    def firmware(self):
        return self.said("firmware", "status")

    def wait_for_firmware(self, *texts, seconds=PATIENCE):
        """The state that has one of them."""
        def found():
            state = self.firmware()
            return state if any(text in state for text in texts) else None
        return self.machine.wait(found, seconds, lambda: f"{texts} in the firmware's state, which is\n{self.firmware()}")

    def install(self, update):
        """What became of it."""
        def ends():
            return sum(self.machine.console().count(text) for text in ("firmware: refused: ", "is installed; it starts"))
        before = ends()
        self.postern("firmware", "install", update)
        self.machine.wait(lambda: ends() > before, PATIENCE, lambda: f"an end of the update; {self.firmware()}")
        return self.firmware()

    # --- its members ---
    def send(self, subject, sender="chambers", **more):
        there, back = (ERIC, f"{LISTING}.{SUFFIX}"), (LISTING, f"{ERIC}.{SUFFIX}")
        return self.community.send(self.smtp, sender, *(there if sender == "chambers" else back), subject, **more)

    def arrived(self, subject, at="court"):
        """How often."""
        return sum(message.header("Subject") == f"SECURE: {subject}" for message in self.community.servers[at].messages)

    def wait_for_mail(self, subject, at="court", seconds=PATIENCE):
        self.machine.wait(lambda: self.arrived(subject, at), seconds, lambda: f"\"{subject}\" at the {at}")

    def carries(self, subject):
        """Chambers to court, and back; both arrive, marked."""
        there, back = self.send(subject), self.send(subject, "court")
        assert there.code == 250 and back.code == 250, f"{there} / {back}"
        self.wait_for_mail(subject, "court")
        self.wait_for_mail(subject, "chambers")
