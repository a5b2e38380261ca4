"""Two members of a community on this machine's loopback, and the policy of the appliance between them.

The appliance sees both at one address, that of this machine in qemu's network: their certificates tell them apart.
"""
import pathlib
import shutil
import subprocess
import sys
import threading
import functools
import http.server
import ssl

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
from harness.acme_server import AcmeServer  # noqa: E402, F401
from harness.certificates import Authority  # noqa: E402
from harness.member_client import MemberClient, make_message  # noqa: E402
from harness.member_server import MemberServer  # noqa: E402
from harness.put_server import PutServer  # noqa: E402, F401
from harness.signatures import EICAR, write_set  # noqa: E402

from .machine import GUEST, HOST, run  # noqa: E402

SUFFIX = "secure.example"
ERIC = "eric.brown@chambers.example"
LISTING = "listing@court.example"


class Community:
    """Certificates, member servers, a mirror of signatures, and the policy folder that is given to the appliance."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        members, staff = Authority(self.folder / "ca", "Example community"), Authority(self.folder / "staff", "Administrators")
        out = self.folder / "certificates"
        self.gateway = members.issue("mx.example.org", out)
        self.administrator = staff.issue("anna.staff.example", out)
        self.servers, self.certificates = {}, {}
        for name in ("chambers", "court"):
            self.certificates[name] = members.issue(f"mail.{name}.example", out)
            self.servers[name] = MemberServer(self.certificates[name], f"mail.{name}.example").start()
        write_set(self.folder / "signatures")
        handler = functools.partial(_Quiet, directory=str(self.folder / "signatures"))
        self.mirror = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.mirror.serve_forever, daemon=True).start()
        # Where the maker publishes updates.
        (self.folder / "updates").mkdir(exist_ok=True)
        handler = functools.partial(_Quiet, directory=str(self.folder / "updates"))
        self.updates = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        proof = self.proof = members.issue(HOST, out)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(proof.chain, proof.key)
        self.updates.socket = tls.wrap_socket(self.updates.socket, server_side=True)
        threading.Thread(target=self.updates.serve_forever, daemon=True).start()
        self.members, self.authority, self.staff = members, members.certificate, staff.certificate
        self.gateway_authority = None  # for a gateway that made a certificate of its own

    def policy(self, name="policy", message_size="10 MiB", machine=""):
        """A policy folder as an administrator would write it."""
        policy = self.folder / name
        shutil.rmtree(policy, ignore_errors=True)
        (policy / "organisations").mkdir(parents=True)
        (policy / "tls").mkdir()
        for source, target in ((self.gateway.chain, "mx.pem"), (self.gateway.key, "mx.key"), (self.authority, "members.pem"),
                               (self.staff, "administrators.pem")):
            shutil.copy(source, policy / "tls" / target)
        (policy / "node.yaml").write_text(NODE.format(guest=GUEST, host=HOST, mirror=self.mirror.server_port, updates=self.updates.server_port,
                                                            machine=machine))
        (policy / "routing.yaml").write_text(f"community: {{ suffix: {SUFFIX}, operator: postmaster@{SUFFIX} }}\n"
                                             "retry: { first: 2 seconds, at_most: 10 seconds }\n")
        (policy / "tagging.yaml").write_text(TAGGING)
        (policy / "limits.yaml").write_text(f"message_size: {message_size}\n")
        (policy / "alerts.yaml").write_text(ALERTS)
        (policy / "permissions.yaml").write_text("holders: [{ who: anna.staff.example, role: service_administrator }]\n")
        for name, server in self.servers.items():
            (policy / "organisations" / f"{name}.yaml").write_text(ORGANISATION.format(name=name, host=HOST, port=server.port))
        return policy

    def configuration_disk(self, policy, path, encryption=None):
        """A FAT disk with the label POSTERN, as any machine can make one; `encryption`: what it asks for."""
        path = pathlib.Path(path)
        path.unlink(missing_ok=True)
        run("mkfs.vfat", "-C", "-n", "POSTERN", path, 8192)
        staged = self.folder / "postern"
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(policy, staged)
        run("mcopy", "-i", path, "-s", staged, "::")
        if encryption:
            word = self.folder / "encryption"
            word.write_text(encryption + "\n")
            run("mcopy", "-i", path, word, "::")
        return path

    def send(self, port, member, sender, recipient, subject="A test", body="Good morning.\r\n", timeout=120):
        """As that member's server does it; the reply to its content."""
        client = MemberClient(port, certificate=self.certificates[member], helo=f"mail.{member}.example", timeout=timeout)
        with client:
            client.hello()
            return client.message(sender, [recipient], make_message(sender, recipient, subject, body))

    def postern(self, port, *words, postern=ROOT / "build/release/bin/postern"):
        """The command line at an administrator's own machine. Its standard output; AssertionError with what it said."""
        gateways = self.folder / "config/postern"
        gateways.mkdir(parents=True, exist_ok=True)
        (gateways / "mx.example.org.yaml").write_text(
            f'address: "127.0.0.1:{port}"\nkey: {self.administrator.key}\ncertificate: {self.administrator.chain}\nauthority: {self.gateway_authority or self.authority}\n')
        done = subprocess.run([str(postern), "--at", "mx.example.org", *map(str, words)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, env={"XDG_CONFIG_HOME": str(self.folder / "config"), "PATH": "/usr/bin"})
        if done.returncode != 0:
            raise AssertionError(f"postern {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def close(self):
        self.mirror.shutdown()
        self.updates.shutdown()
        for server in self.servers.values():
            server.stop()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


NODE = """\
name: mx.example.org
listeners:
  - {{ name: members, address: "0.0.0.0:25", tls: {{ certificate: tls/mx.pem, key: tls/mx.key }} }}
storage: {{ directory: /var/lib/postern }}
certificates: {{ members: tls/members.pem, next_hops: tls/members.pem }}
scanner: {{ workers: 1, deadline: 5 minutes, signatures: /var/lib/clamav }}
control:
  socket: /run/postern/control
  group: postern-admin
  remote: {{ address: "0.0.0.0:8443", administrators: tls/administrators.pem }}
metrics: "127.0.0.1:9125"
machine:
  interfaces:
    - {{ name: "e*", addresses: [{guest}/24], routers: [{host}] }}
  signatures: ["http://{host}:{mirror}/test.ndb"]
  updates: "https://{host}:{updates}"
  updates_authorities: tls/members.pem
{machine}"""

TAGGING = """\
tags:
  - name: secure-subject
    when: { recipient.organisation.kind: server }
    subject: { prefix: "SECURE: ", once: true }
"""

ALERTS = f"""\
people: {{ operations: [{LISTING}] }}
alerts:
  - {{ name: fell-back, on: firmware_fell_back, to: operations }}
"""

ORGANISATION = """\
organisation: {name}
name: The {name}
kind: server
users: any
domains: [{name}.example]
connects_from: {{ networks: ["{host}"], certificate: {{ name: mail.{name}.example }} }}
deliver_to: {{ hosts: ["{host}:{port}"], verify_name: mail.{name}.example }}
"""
