"""A member's mail server as a sender: one command at a time, or a whole message, or real swaks."""
import dataclasses
import email.utils
import socket
import subprocess
import uuid

from .certificates import anonymous_context


@dataclasses.dataclass
class Reply:
    code: int
    lines: list

    @property
    def text(self):
        return "\n".join(self.lines)

    @property
    def status(self):
        """The enhanced status code, "5.1.1", or ""."""
        word = self.lines[-1].split(" ")[0] if self.lines else ""
        return word if word[:2] in ("2.", "4.", "5.") else ""

    def __str__(self):
        return f"{self.code} {self.text}"


def make_message(sender, recipient, subject="A test", body="Good morning.\r\n", **headers):
    """A plain message as bytes, CRLF lines. Headers by name with _ for -; a value of None leaves one out."""
    fields = {
        "From": sender,
        "To": recipient,
        "Subject": subject,
        "Date": email.utils.formatdate(),
        "Message-ID": f"<{uuid.uuid4()}@{sender.split('@')[-1].strip('<>') or 'member.example'}>",
    }
    for name, value in headers.items():
        fields[name.replace("_", "-")] = value
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return (head + "\r\n").encode() + (body if isinstance(body, bytes) else body.encode())


def stuff(content):
    """Dots stuffed and ended, as DATA wants it."""
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return (b"." + stuffed if stuffed.startswith(b".") else stuffed) + b".\r\n"


class MemberClient:
    """A connection to Postern from a member's address, with its certificate."""

    def __init__(
        self, port, source="127.0.0.1", certificate=None, helo="mail.member.example", host="127.0.0.1", timeout=30
    ):
        self.certificate, self.helo_name, self.tls = certificate, helo, None
        self.socket = socket.create_connection((host, port), timeout, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.greeting, self.offered = b"", None, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # --- bytes ---
    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def read(self):
        """The next reply; EOFError when the server has closed the connection."""
        lines = []
        while True:
            while b"\r\n" not in self.buffer:
                data = self.socket.recv(1 << 16)
                if not data:
                    raise EOFError("the server closed the connection")
                self.buffer += data
            line, self.buffer = self.buffer.split(b"\r\n", 1)
            text = line.decode("utf-8", "replace")
            lines.append(text[4:])
            if text[3:4] != "-":
                return Reply(int(text[:3]), lines)

    def command(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.read()

    # --- steps ---
    def greet(self):
        if self.greeting is None:
            self.greeting = self.read()
        return self.greeting

    def ehlo(self):
        self.greet()
        reply = self.command("EHLO " + self.helo_name)
        self.offered = {line.split(" ")[0].upper(): line.partition(" ")[2] for line in reply.lines[1:]}
        return reply

    def starttls(self):
        """STARTTLS and the handshake, with the certificate if there is one."""
        reply = self.command("STARTTLS")
        if reply.code == 220:
            context = self.certificate.client_context() if self.certificate else anonymous_context()
            self.socket = context.wrap_socket(self.socket)
            self.buffer, self.tls = b"", self.socket.version()
        return reply

    def hello(self):
        """As a well-behaved server opens: EHLO, STARTTLS, EHLO."""
        self.ehlo()
        if "STARTTLS" in self.offered and not self.tls:
            self.starttls()
            self.ehlo()
        return self

    def mail(self, sender, parameters=""):
        return self.command(f"MAIL FROM:<{sender}>{' ' + parameters if parameters else ''}")

    def rcpt(self, recipient, parameters=""):
        return self.command(f"RCPT TO:<{recipient}>{' ' + parameters if parameters else ''}")

    def data(self, content):
        """DATA with this content (unstuffed); the reply to DATA if that is refused, else the one after the dot."""
        reply = self.command("DATA")
        if reply.code != 354:
            return reply
        self.send(stuff(content))
        return self.read()

    def bdat(self, *chunks):
        """Each chunk with its BDAT, the last one LAST; the reply to the last, or to the first that is refused."""
        for index, chunk in enumerate(chunks):
            last = index == len(chunks) - 1
            self.send(f"BDAT {len(chunk)}{' LAST' if last else ''}\r\n".encode() + chunk)
            reply = self.read()
            if last or reply.code != 250:
                return reply
        return None

    def message(self, sender, recipients, content, mail="", rcpt=""):
        """A transaction to its end: the first reply that is no 2xx, else the last."""
        reply = self.mail(sender, mail)
        if reply.code != 250:
            return reply
        for recipient in [recipients] if isinstance(recipients, str) else recipients:
            reply = self.rcpt(recipient, rcpt)
            if reply.code // 100 != 2:
                self.command("RSET")
                return reply
        return self.data(content)

    def quit(self):
        reply = self.command("QUIT")
        self.close()
        return reply


def swaks(
    port,
    sender,
    recipient,
    source="127.0.0.1",
    certificate=None,
    helo="mail.member.example",
    tls=True,
    more=(),
    timeout=60,
):
    """Real swaks; returns (exit code, dialogue)."""
    command = [
        "swaks",
        "--server",
        f"127.0.0.1:{port}",
        "--from",
        sender,
        "--to",
        recipient,
        "--helo",
        helo,
        "--local-interface",
        source,
        "--timeout",
        "20",
    ]
    if tls:
        command.append("--tls")
    if tls and certificate:
        command += ["--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key)]
    done = subprocess.run(command + [str(part) for part in more], capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout + done.stderr
