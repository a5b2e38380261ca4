"""The demo community around a running Postern: policy, certificates, members' servers, posternd, the command line.

    with Community() as community:
        community.client("greenstone").message(sender, recipient, make_message(...))
        community.members["crown-court"].server.wait()

Everything is on loopback and on free ports; members connect from addresses of their own (127.0.0.11 and so on).
"""
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import time

from .certificates import Authority, Certificate
from .member_client import MemberClient, swaks
from .member_server import MemberServer
from .policy_text import Policy, value_of
from .tools import WorkFolder, free_port, program_folder, sanitized, source_root, wait_until

NODE_NAME = "mx.cjsm.net"
FAST_RETRY = (
    "{ first: 1 second, factor: 1.5, at_most: 2 seconds, jitter: 10 %, delay_report: 1 hour, " "give_up: 2 hours }"
)

# The demo's members with servers of their own: where each connects from.
DEMO = {"greenstone": "127.0.0.11", "crown-court": "127.0.0.12", "northshire-police": "127.0.0.13"}

COMPLAINTS = (
    "ERROR: AddressSanitizer",
    "ERROR: LeakSanitizer",
    "WARNING: ThreadSanitizer",
    "runtime error:",
    "terminate called",
    "Assertion ",
)


@dataclasses.dataclass
class Member:
    """A member with its own server."""

    id: str
    name: str  # DNS name of its server, as its certificate says
    domain: str
    source: str  # the address that it connects from
    certificate: Certificate
    server: MemberServer


class Community:
    def __init__(self, name="test", retry=FAST_RETRY, tls=True, folder=None, ports=None):
        """`tls=False`: clear text on loopback both ways, as measurements have it. `folder`: work there, keep it."""
        self.work = WorkFolder(name) if folder is None else None
        self.folder = self.work.path if self.work else folder
        self.bin, self.tls = program_folder(), tls
        self.ports = ports or {}
        self.port = self.ports.get("smtp") or free_port()
        self.metrics_port = self.ports.get("metrics") or free_port()
        self.socket = self.folder / "control"
        self.process, self.members, self.wrapper = None, {}, []
        self.environment, self.log_file = {}, self.folder / "posternd.log"
        # Without what the demo forbids, counts, tells and tests: a test that is about rules writes its own.
        without = shutil.ignore_patterns("content.yaml", "permissions.yaml", "alerts.yaml", "tests", "lua", "README.md")
        shutil.copytree(source_root() / "rules", self.folder / "policy", dirs_exist_ok=True, ignore=without)
        self.policy = Policy(self.folder / "policy")
        self.authority = Authority(self.folder / "ca", postern=self.bin / "postern")
        self.certificate = self.authority.issue(NODE_NAME, self.folder / "certificates")
        self.mailboxes = MemberServer(name="mailboxes.cjsm.net", lmtp=True, port=self.ports.get("lmtp")).start()
        for organisation, source in DEMO.items():
            self._join(organisation, source)
        self.policy.set("routing.yaml", "retry", retry)
        self.policy.set("limits.yaml", "rates", None)
        self.policy.set("routing.yaml", "routes", None)  # the demo's depend on the time of day
        self.write_node()

    # --- policy ---
    def _join(self, organisation, source):
        """Gives a member of rules/ a certificate and a server on loopback."""
        file = self.policy.organisation_file(organisation)
        text = self.policy.read(file)
        domain = value_of(text, r"^domains:\s*\[\s*([^,\]\s}]+)") or value_of(
            text, r"^\s*-\s*(?:\{\s*domain:\s*)?([\w.-]+)"
        )
        name = value_of(text, r"certificate:\s*\{\s*name:\s*([^\s},]+)") or f"mail.{domain}"
        certificate = self.authority.issue(name, self.folder / "certificates")
        server = MemberServer(certificate if self.tls else None, name, port=self.ports.get(organisation)).start()
        self.members[organisation] = Member(organisation, name, domain, source, certificate, server)
        self.connects_from(organisation)
        self.deliver_to(organisation, server.port)

    def connects_from(self, organisation, text=None):
        member = self.members[organisation]
        proof = f"certificate: {{ name: {member.name} }}" if self.tls else ""
        self.policy.organisation(
            organisation, "connects_from", text or f"\n  networks: [{member.source}/32]\n  {proof}".rstrip()
        )

    def deliver_to(self, organisation, *ports, more=""):
        """Where the member's mail goes: ports on loopback, in order."""
        member = self.members[organisation]
        proof = f"  tls: verify\n  verify_name: {member.name}" if self.tls else "  tls: none"
        hosts = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        self.policy.organisation(organisation, "deliver_to", f"\n  hosts: [{hosts}]\n{proof}{more}")

    def write_node(self, limits="", more="", certificate=None):
        """node.yaml for this machine. `limits`: the listener's, as flow YAML; `more`: top-level text."""
        shown = certificate or self.certificate
        tls = (
            f"    tls: {{ certificate: {shown.chain}, key: {shown.key}, clients: request }}\n"
            if self.tls
            else "    clear_text: true\n"
        )
        self.policy.write(
            "node.yaml",
            "".join(
                (
                    "# yaml-language-server: $schema=../yaml-schema/node.schema.json\n",
                    f"name: {NODE_NAME}\n",
                    f'listeners:\n  - name: members\n    address: "127.0.0.1:{self.port}"\n{tls}',
                    f"    limits: {limits}\n" if limits else "",
                    f"storage:\n  directory: {self.folder}/spool\n",
                    f"certificates:\n  members: {self.authority.bundle}\n  next_hops: {self.authority.certificate}\n",
                    f'mailboxes:\n  lmtp: "127.0.0.1:{self.mailboxes.port}"\n',
                    f"control:\n  socket: {self.socket}\n",
                    f'metrics: "127.0.0.1:{self.metrics_port}"\n',
                    "" if "scanner:" in more else "scanner: { signatures: none }\n",
                    more,
                )
            ),
        )

    # --- posternd ---
    def start(self, ready=True):
        """Starts posternd; with `ready` waits until it answers."""
        (self.folder / "spool").mkdir(exist_ok=True)
        environment = os.environ | {"UBSAN_OPTIONS": "print_stacktrace=1", "ASAN_OPTIONS": "detect_leaks=1"}
        environment |= self.environment
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, str(self.bin / "posternd"), str(self.policy.folder)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        if ready:
            wait_until(
                self._answers, 60 if sanitized() else 20, lambda: "posternd to answer:\n" + self.log_tail(), every=0.05
            )
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"posternd ended with {self.process.returncode}:\n{self.log_tail()}")
        return self.run("status").returncode == 0

    def import_directory(self, file=None):
        self.postern("directory", "import", "--remove", file or self.policy.folder / "directory.yaml")

    def stop(self, seconds=30):
        """An orderly end; fails if it was not, or if a sanitizer complained."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"posternd did not stop within {seconds} s:\n{self.log_tail()}") from None
        text = self.log_file.read_text(errors="replace")
        for complaint in COMPLAINTS:
            if complaint in text:
                raise AssertionError(text[max(0, text.index(complaint) - 500) :][:6000])
        if code:
            raise AssertionError(f"posternd ended with {code}:\n{self.log_tail()}")

    def kill(self):
        """kill -9, without a word."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def close(self):
        try:
            self.stop()
        finally:
            self.mailboxes.stop()
            for member in self.members.values():
                member.server.stop()
            if self.work:
                self.work.remove()

    def __enter__(self):
        try:
            self.start()
            self.import_directory()
        except BaseException:
            self.process and self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # --- the command line ---
    def run(self, *arguments):
        """The postern command against this gateway, as it ends."""
        return subprocess.run(
            [str(self.bin / "postern"), "--socket", str(self.socket), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
        )

    def admit_nobody(self):
        """From the next start on the user nobody may use the control socket, by as_nobody()."""
        node = self.policy.folder / "node.yaml"
        socket = f"  socket: {self.socket}\n"
        node.write_text(node.read_text().replace(socket, socket + "  group: nogroup\n"))
        shutil.copy(self.bin / "postern", self.folder / "postern-of-nobody")

    def as_nobody(self, *arguments):
        """The command as run by nobody, as it ends; only root can."""
        return subprocess.run(
            [self.folder / "postern-of-nobody", "--socket", self.socket, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            user="nobody",
            group="nogroup",
            extra_groups=[],
        )

    def postern(self, *arguments):
        """What the command prints as JSON; AssertionError if it fails."""
        done = self.run(*arguments, "--json")
        if done.returncode:
            raise AssertionError(
                f"postern {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return json.loads(done.stdout) if done.stdout.strip() else None

    def queue(self, *arguments):
        """Rows of `postern queue list`."""
        return rows(self.postern("queue", "list", *arguments))

    def trace(self, *arguments):
        """Messages that `postern trace` finds."""
        return rows(self.postern("trace", *arguments))

    def generation(self):
        return self.postern("status")["generation"]

    def reload(self):
        return self.postern("reload")

    def wait_empty(self, seconds=30):
        """Until nothing waits in the queue."""
        wait_until(lambda: not self.queue(), seconds, lambda: f"an empty queue: {self.queue()}\n{self.log_tail()}")

    # --- the log ---
    def log(self):
        """All JSON lines so far."""
        found = []
        for line in self.log_file.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def log_tail(self, lines=25):
        return (
            "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:]) if self.log_file.exists() else ""
        )

    # --- members ---
    def client(self, organisation, hello=True, **more):
        """A connection from a member's server; past STARTTLS and EHLO unless `hello=False`."""
        member = self.members[organisation]
        settings = {
            "source": member.source,
            "certificate": member.certificate if self.tls else None,
            "helo": member.name,
        } | more
        client = MemberClient(self.port, **settings)
        return client.hello() if hello else client

    def send(self, organisation, sender, recipients, content, **more):
        """One message over a connection of its own; the reply that decided."""
        with self.client(organisation) as client:
            return client.message(sender, recipients, content, **more)

    def swaks(self, organisation, sender, recipient, *more):
        member = self.members[organisation]
        return swaks(self.port, sender, recipient, member.source, member.certificate, member.name, self.tls, more)

    def metrics(self):
        """The text of the metrics page."""
        import urllib.request

        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as page:
            return page.read().decode()


def rows(value):
    """A JSON answer's list, whether it stands alone or under one name."""
    if isinstance(value, list):
        return value
    lists = [v for v in (value or {}).values() if isinstance(v, list)]
    return lists[0] if lists else ([value] if value else [])


def until(moment):
    """A time from now, in seconds, as YAML wants it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + moment))
