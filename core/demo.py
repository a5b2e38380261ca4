"""The demo behind core/run: the community of rules/ on loopback, real messages, and what became of them.

Starts posternd and three members' mail servers (the same that the tests use), sends, shows, and stops all of it;
with --stay it goes on until Ctrl-C. Lives in build/demo (or the folder that POSTERN_DEMO names), made anew each time.
"""
import email.message
import email.policy
import io
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import zipfile

ROOT = pathlib.Path(os.path.abspath(__file__)).parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))
sys.dont_write_bytecode = True
from harness.certificates import Authority  # noqa: E402
from harness.member_client import MemberClient, make_message  # noqa: E402
from harness.member_server import MemberServer  # noqa: E402
from harness.signatures import EICAR, write_set  # noqa: E402
from harness.tools import wait_until  # noqa: E402

DEMO = pathlib.Path(os.environ.get("POSTERN_DEMO") or ROOT / "build/demo")
BIN = pathlib.Path(os.environ.get("POSTERN_BIN") or ROOT / "build/release/bin")
ERIC, LISTING = "eric.brown@greenstonechambers.co.uk", "listing@crowncourt.example.cjsm.net"
GATEWAY = 2525
# What rules/ declares: each member's server, the ports where it takes mail, the address that it connects from.
MEMBERS = {
    "mail.greenstonechambers.co.uk": ("Greenstone Chambers", [2601], "127.0.0.11"),
    "mail.crowncourt.example": ("Crown Court Listing", [2602], "127.0.0.12"),
    "mail.northshire.police.example": ("Northshire Police", [2603, 2604], "127.0.0.13"),
}
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


def say(text=""):
    print(text, flush=True)


def step(title, why=""):
    step.number += 1
    say(f"\n{bold(f'{step.number}. {title}')}")
    if why:
        say(textwrap.fill(why, 100, initial_indent="   ", subsequent_indent="   "))


step.number = 0


def show(text):
    say(textwrap.indent(text.rstrip(), "     "))


def relative(path):
    """As one would type it at the root of the checkout."""
    return os.path.relpath(path, ROOT) if str(path).startswith(str(ROOT)) else str(path)


class Trouble(Exception):
    """What the user has to know and can mend."""


class Demo:
    def __init__(self):
        self.policy, self.state, self.log = DEMO / "policy", DEMO / "state", DEMO / "posternd.log"
        self.process, self.servers, self.certificates = None, {}, {}

    # --- making ---
    def prepare(self):
        for name in ("posternd", "postern-scan", "postern"):
            if not (BIN / name).exists():
                raise Trouble(f"{relative(BIN / name)} has not been built")
        for port in [GATEWAY] + [port for _, ports, _ in MEMBERS.values() for port in ports]:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    raise Trouble(f"port {port} is taken on this machine: is another demo running?")
        shutil.rmtree(DEMO, ignore_errors=True)
        shutil.copytree(ROOT / "rules", self.policy)
        self.state.mkdir()
        write_set(self.state / "signatures")  # one signature, which knows the EICAR test file

    def certify(self):
        authority = Authority(DEMO / "ca", "Demo community", BIN / "postern")
        tls = self.policy / "tls"
        tls.mkdir(exist_ok=True)
        own = authority.issue("mx.cjsm.net", DEMO / "certificates")
        for source, target in ((own.chain, "mx.pem"), (own.key, "mx.key"), (authority.bundle, "members.pem")):
            shutil.copy(source, tls / target)
        for name in MEMBERS:
            self.certificates[name] = authority.issue(name, DEMO / "certificates")

    def start(self):
        for name, (_, ports, _) in MEMBERS.items():
            for port in ports:
                # Without DSN of their own, as many members' servers are: so Postern reports for them.
                self.servers[port] = MemberServer(self.certificates[name], name, port=port, without=("DSN",)).start()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [BIN / "posternd", self.policy], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        wait_until(self.answers, 20, "posternd to answer")
        self.postern("directory", "import", self.policy / "directory.yaml")

    def answers(self):
        if self.process.poll() is not None:
            raise Trouble(f"posternd did not start:\n{self.log.read_text()}")
        return self.command("status").returncode == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for server in self.servers.values():
            server.stop()

    # --- talking ---
    def send(self, content, expected):
        """As Eric's server does; the reply to the content."""
        name = "mail.greenstonechambers.co.uk"
        client = MemberClient(GATEWAY, "127.0.0.11", self.certificates[name], name).hello()
        reply = client.message(ERIC, LISTING, content)
        client.quit()
        if reply.code != expected:
            raise Trouble(f"expected {expected}, came {reply}")
        return reply

    def command(self, *arguments):
        return subprocess.run(
            [BIN / "postern", "--socket", self.state / "control", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def postern(self, *arguments):
        done = self.command(*arguments)
        if done.returncode:
            raise Trouble(f"postern {' '.join(map(str, arguments))} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def swaks(self, subject):
        certificate = self.certificates["mail.greenstonechambers.co.uk"]
        lines = [
            ["swaks", "--server", f"127.0.0.1:{GATEWAY}", "--local-interface", "127.0.0.11"],
            ["--tls", "--tls-cert", relative(certificate.chain), "--tls-key", relative(certificate.key)],
            ["--ehlo", "mail.greenstonechambers.co.uk", "--from", ERIC, "--to", LISTING],
            ["--header", f"Subject: {subject}", "--body", "Room 4 at ten, please."],
        ]
        quoted = [" ".join(f"'{part}'" if " " in part else part for part in line) for line in lines]
        show("$ " + " \\\n        ".join(quoted))
        shown = [part for line in lines for part in line]
        try:
            done = subprocess.run(shown, capture_output=True, text=True, timeout=30, cwd=ROOT)
        except subprocess.TimeoutExpired:
            raise Trouble("swaks got no answer within 30 seconds") from None
        if done.returncode:
            raise Trouble(f"swaks ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def arrived(self, port, mark):
        return self.servers[port].wait_for(lambda m: mark in m.content.decode("utf-8", "replace"), 20)


def dialogue(text):
    """The lines of a swaks dialogue that tell the story: TLS, the envelope, and what is answered to it."""
    wanted, kept = ("=== TLS started", "=== TLS peer DN", " ~> MAIL", " ~> RCPT", " ~> DATA", " ~> ."), []
    for line in text.splitlines():
        answer = line.startswith("<~") and kept and kept[-1].startswith(" ~>")
        if line.startswith(wanted) or answer:
            kept.append(line)
    return "\n".join(kept)


def head(message):
    """The headers that people and Postern care for."""
    wanted = ("received:", "from:", "to:", "subject:", "x-secure-email:", "auto-submitted:")
    lines, keep = [], False
    for line in message.content.split(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n"):
        if line[:1] not in (" ", "\t"):
            keep = line.lower().startswith(wanted)
        if keep:
            lines.append(line)
    return "\n".join(
        [
            f"(SMTP) MAIL FROM:<{message.sender}>  RCPT TO:<{'> <'.join(message.recipients)}>  over "
            f"{message.tls or 'clear text'}"
        ]
        + lines
    )


def with_attachment(subject, name, content):
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = ERIC, LISTING, subject
    mail.set_content("Please see the attachment.\n")
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()


def broken_archive():
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("statement.txt", os.urandom(4000))
    return whole.getvalue()[:2000]


def shortened(explanation, rules=6):
    """The first of the rules that were considered are enough to see what it is."""
    head, _, considered = explanation.partition("  rules considered, in order\n")
    held = [line for line in considered.splitlines() if "content.yaml" in line or line.startswith("        ->")]
    return head + "  rules considered, in order\n    ...\n" + "\n".join(held[:rules]) + "\n    ..."


def text_of(report):
    """The part of a report that is for people."""
    parsed = email.message_from_bytes(report.content)
    part = next((p for p in parsed.walk() if p.get_content_type() == "text/plain"), parsed)
    return (part.get_payload(decode=True) or b"").decode("utf-8", "replace")


def tell(demo):
    step(
        "The community's authority certifies each member's mail server",
        "postern ca init, then postern ca issue for each:",
    )
    demo.certify()
    show("\n".join(f"{relative(c.chain)}" for c in demo.certificates.values()))

    step(
        "Postern starts", "posternd reads its policy, a copy of rules/, and imports the directory of people and desks."
    )
    demo.start()
    show(f"$ posternd {relative(demo.policy)}")
    show(f"$ postern directory import {relative(demo.policy / 'directory.yaml')}")

    step(
        "Eric Brown writes to the listing office, from his own mail server",
        "He uses his ordinary address; the recipient's ends in the community's suffix, so his server sends it here.",
    )
    show(dialogue(demo.swaks("Hearing on Monday")))

    step(
        "What arrived at the court's own server",
        "Its own suffix is gone and Eric's address has one: replying just works. The subject tells it apart.",
    )
    show(head(demo.arrived(2602, "Hearing on Monday")))

    step(
        "Eric writes again and asks for a report",
        "MAIL FROM with RET=HDRS ENVID=demo-2, RCPT TO with NOTIFY=SUCCESS,FAILURE.",
    )
    client = MemberClient(
        GATEWAY, "127.0.0.11", demo.certificates["mail.greenstonechambers.co.uk"], "mail.greenstonechambers.co.uk"
    ).hello()
    reply = client.message(
        ERIC,
        LISTING,
        make_message(ERIC, LISTING, "Bundle of papers"),
        "RET=HDRS ENVID=demo-2",
        "NOTIFY=SUCCESS,FAILURE",
    )
    client.quit()
    show(str(reply))
    if reply.code != 250:
        raise Trouble("the message was not taken")
    demo.arrived(2602, "Bundle of papers")

    step(
        "Somebody at Eric's office sends a virus",
        "It is the harmless EICAR test file, known to every scanner. The scanner looks into each message before its 250.",
    )
    show(str(demo.send(make_message(ERIC, LISTING, "Do open this", EICAR + b"\r\n"), 554)))

    tell_rules(demo)

    step("The report that came back to Eric's server", "The one that he asked for with his second message.")
    report = demo.servers[2601].wait_for(lambda m: m.sender == "" and b"papers" in m.content.lower(), 20)
    show(head(report))
    say()
    show(text_of(report))

    step("What became of his mail", f"$ postern trace --from {ERIC}.cjsm.net")
    wait_until(
        lambda: demo.postern("trace", "--from", f"{ERIC}.cjsm.net").count("handed over to") >= 2, 10, "the ledger"
    )
    show(demo.postern("trace", "--from", f"{ERIC}.cjsm.net"))

    step("How the gateway is", "$ postern status")
    show(demo.postern("status"))


def tell_rules(demo):
    """What content.yaml decides, and how one asks it."""
    step(
        "Eric attaches a program",
        "A rule of content.yaml refuses it. Which one, and why not another, is what postern explain says of any message:",
    )
    message = DEMO / "tool.eml"
    message.write_bytes(with_attachment("The tool you asked for", "tool.exe", b"MZ"))
    show(str(demo.send(message.read_bytes(), 550)))
    asked = ("explain", relative(message), "--from", ERIC, "--to", LISTING, "--brief")
    say()
    show(f"$ postern {' '.join(asked)}\n" + shortened(demo.postern(*asked)))

    step(
        "Eric attaches an archive that breaks off in the middle",
        "Nobody can say what is in it, so it waits for people, and Eric is told. The default policy wants two of them:",
    )
    reply = demo.send(with_attachment("Bundle, part 2", "bundle.zip", broken_archive()), 250)
    show(str(reply))
    message_id = str(reply).split("Taken as ")[1].split()[0]
    demo.servers[2601].wait_for(lambda m: m.sender == "" and b"part 2" in m.content, 20)
    for asked in (("quarantine", "list"), ("quarantine", "release", message_id, "--reason", "opened it by hand")):
        say()
        show("$ postern " + " ".join(f"'{part}'" if " " in part else part for part in asked))
        show(demo.postern(*asked))


def stay(demo):
    certificate = demo.certificates["mail.greenstonechambers.co.uk"]
    say(
        f"""
{bold('It keeps running until you press Ctrl-C.')} From another terminal:

   export PATH="$PWD/{relative(BIN)}:$PATH" POSTERN_SOCKET="$PWD/{relative(demo.state / 'control')}"
   postern status
   swaks --server 127.0.0.1:{GATEWAY} --local-interface 127.0.0.11 --tls --tls-cert {relative(certificate.chain)} \\
         --tls-key {relative(certificate.key)} --from {ERIC} --to {LISTING}
   postern trace --to {LISTING}

Change a file in {relative(demo.policy)} and it goes live by itself. Mail that arrives at a member is named here:"""
    )
    seen = {port: len(server.messages) for port, server in demo.servers.items()}
    while demo.process.poll() is None:
        for port, server in demo.servers.items():
            for message in server.messages[seen[port] :]:
                member = MEMBERS[server.name][0]
                say(
                    f"   {time.strftime('%H:%M:%S')}  {member}: \"{message.header('Subject')}\" from <{message.sender}>"
                )
            seen[port] = len(server.messages)
        time.sleep(0.2)
    raise Trouble(f"posternd ended with {demo.process.returncode}; see {relative(demo.log)}")


def main():
    demo = Demo()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        say(bold("Postern with its demo community, on this machine's loopback only"))
        demo.prepare()
        tell(demo)
        if "--stay" in sys.argv:
            stay(demo)
        say(
            f"\nEverything was stopped. Policy, log and databases are in {relative(DEMO)}; "
            "core/run --stay keeps it running."
        )
        return 0
    except KeyboardInterrupt:
        say("\nStopped.")
        return 0
    except (Trouble, AssertionError, OSError) as trouble:
        say(f"\n{bold('The demo could not go on:')} {trouble}")
        if demo.log.exists():
            say(f"Its log is {relative(demo.log)}.")
        return 1
    finally:
        demo.stop()


if __name__ == "__main__":
    sys.exit(main())
