"""A member's mail server for tests: takes mail by SMTP or LMTP, does as it is told, keeps what it got.

One thread for each connection. Behaviour is a list of orders (MemberServer.order), looked up at each step:
`connect`, `ehlo`, `starttls`, `auth`, `mail`, `rcpt`, `data`, `end` (after the content), `bdat`, `quit`.
"""
import base64
import dataclasses
import os
import re
import socket
import threading
import time

from .tools import free_port, wait_until

EXTENSIONS = (
    "PIPELINING",
    "SIZE 52428800",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "DSN",
    "REQUIRETLS",
)


@dataclasses.dataclass
class Received:
    """One message as it came."""

    sender: str
    sender_parameters: dict
    recipients: list  # addresses that were taken
    recipient_parameters: dict  # address -> {"NOTIFY": "SUCCESS", ...}
    content: bytes  # dots unstuffed, as it stands otherwise
    tls: str  # "TLSv1.3", or "" for clear text
    client_names: list  # DNS names of the client's certificate
    helo: str
    by: str  # "DATA" or "BDAT"
    connection: int  # counts connections from 1
    at: float

    def header(self, name):
        """The value of the first such field, unfolded; None if there is none."""
        values = self.headers(name)
        return values[0] if values else None

    def headers(self, name):
        head = self.content.split(b"\r\n\r\n", 1)[0].decode("utf-8", "surrogateescape")
        fields = re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")
        return [f.split(":", 1)[1].strip() for f in fields if f.lower().startswith(name.lower() + ":")]

    @property
    def body(self):
        return self.content.split(b"\r\n\r\n", 1)[1]


@dataclasses.dataclass
class Order:
    """What to do at a step, for whom, how often (None: always)."""

    step: str
    reply: str = ""  # "451 4.3.0 busy"; empty: as usual
    matching: str = ""  # part of the command line that it is for
    times: int = None
    delay: float = 0
    drop: bool = False  # close the connection without a word
    per_recipient: dict = None  # LMTP after the content: address -> reply


class Gone(Exception):
    """The peer closed the connection, or an order said so."""


class MemberServer:
    def __init__(
        self,
        certificate=None,
        name="mail.member.example",
        address="127.0.0.1",
        port=None,
        lmtp=False,
        unix_socket=None,
        without=(),
        starttls=True,
        logins=None,
        mechanisms="PLAIN LOGIN",
    ):
        """`logins`: {user: password}; then nothing is taken without AUTH, which is offered under TLS."""
        self.certificate, self.name, self.lmtp = certificate, name, lmtp
        self.extensions = [e for e in EXTENSIONS if e.split()[0] not in without]
        self.starttls = starttls and certificate is not None
        self.logins, self.mechanisms = logins, mechanisms
        self.address, self.port, self.unix_socket = address, port or free_port(address), unix_socket
        self.messages, self.orders, self.commands, self.connections = [], [], [], 0
        self._lock, self._listener, self._open = threading.Lock(), None, set()

    # --- life ---
    def start(self):
        if self.unix_socket:
            self._listener = socket.socket(socket.AF_UNIX)
            if os.path.exists(self.unix_socket):
                os.unlink(self.unix_socket)
            self._listener.bind(str(self.unix_socket))
        else:
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((self.address, self.port))
        self._listener.listen(200)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def stop(self):
        """No new connections; those that are open end with their peers."""
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def hang_up(self):
        """Ends all connections, so that the next message needs a new one and meets what is offered now."""
        with self._lock:
            peers, self._open = list(self._open), set()
        for peer in peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def offer_without(self, *names):
        """Stops offering extensions, to new and old clients alike; returns a function that offers them again."""
        before = self.extensions
        self.extensions = [e for e in before if e.split()[0] not in names]
        self.hang_up()

        def again():
            self.extensions = before
            self.hang_up()

        return again

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- what a test says and asks ---
    def order(self, step, reply="", **more):
        """From now on (or `times` times) do this at that step. Returns the order, for forget()."""
        order = Order(step, reply, **more)
        with self._lock:
            self.orders.append(order)
        return order

    def forget(self, order=None):
        with self._lock:
            self.orders = [o for o in self.orders if order is not None and o is not order]

    def wait(self, count=1, seconds=20):
        """The messages, as soon as there are that many."""
        wait_until(
            lambda: len(self.messages) >= count,
            seconds,
            lambda: f"{count} messages at {self.name}, which has {len(self.messages)}",
        )
        return list(self.messages)

    def wait_for(self, test, seconds=20):
        """The first message for which test(message) holds."""
        return wait_until(
            lambda: next((m for m in list(self.messages) if test(m)), None),
            seconds,
            lambda: f"a message at {self.name}, which has {[m.header('Subject') for m in self.messages]}",
        )

    # --- inside ---
    def _accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            with self._lock:
                self._open.add(peer)
            threading.Thread(target=Conversation(self, peer, self.connections).run, daemon=True).start()

    def _next_order(self, step, line):
        with self._lock:
            for order in self.orders:
                if order.step == step and order.matching.lower() in line.lower() and order.times != 0:
                    if order.times is not None:
                        order.times -= 1
                    return order
        return None

    def _keep(self, message):
        with self._lock:
            self.messages.append(message)


class Conversation:
    """One connection."""

    def __init__(self, server, peer, number):
        self.server, self.peer, self.number = server, peer, number
        self.buffer, self.helo, self.tls, self.user = b"", "", None, None
        if peer.family == socket.AF_INET:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(120)
        self.reset()

    def reset(self):
        self.sender, self.sender_parameters = None, {}
        self.recipients, self.parameters, self.chunks = [], {}, b""

    def run(self):
        try:
            self.answer("connect", "", f"220 {self.server.name} {'LMTP' if self.server.lmtp else 'ESMTP'} ready")
            while self.handle(self.line()):
                pass
        except (Gone, OSError, ValueError):
            pass
        finally:
            with self.server._lock:
                self.server._open.discard(self.peer)
            self.peer.close()

    # --- bytes ---
    def more(self):
        data = self.peer.recv(1 << 16)
        if not data:
            raise Gone
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        text = line.decode("utf-8", "surrogateescape")
        self.server.commands.append((self.number, text))
        return text

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def content(self):
        """Up to the final dot. Reads in one pass, since tests send megabytes."""
        pieces = bytearray()
        self.buffer = b"\r\n" + self.buffer
        while b"\r\n.\r\n" not in self.buffer:
            if len(self.buffer) > 4:
                pieces += self.buffer[:-4]
                self.buffer = self.buffer[-4:]
            self.more()
        last, self.buffer = self.buffer.split(b"\r\n.\r\n", 1)
        pieces += last + b"\r\n"
        return bytes(pieces).replace(b"\r\n.", b"\r\n")[2:]

    def answer(self, step, line, usual):
        """Sends the usual reply or what an order says; returns the reply that was sent."""
        order = self.server._next_order(step, line)
        reply = usual
        if order:
            time.sleep(order.delay)
            if order.drop:
                raise Gone
            reply = order.reply or usual
        self.peer.sendall(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        if reply.startswith("421"):
            raise Gone
        return reply

    # --- commands ---
    def handle(self, line):
        verb = line.split(" ")[0].upper()
        action = getattr(self, "on_" + verb.lower(), None)
        if action is None:
            self.answer("unknown", line, "500 5.5.2 command not known")
            return True
        return action(line) is not False

    def on_ehlo(self, line):
        self.helo = line[5:]
        offered = list(self.server.extensions)
        if self.server.starttls and not self.tls:
            offered = [e for e in offered if e != "REQUIRETLS"] + ["STARTTLS"]
        if self.server.logins and self.tls:
            offered.append("AUTH " + self.server.mechanisms)
        lines = [self.server.name] + offered
        self.answer(
            "ehlo", line, "\r\n".join(f"250{'-' if i < len(lines) - 1 else ' '}{text}" for i, text in enumerate(lines))
        )
        self.reset()

    on_lhlo = on_ehlo

    def on_helo(self, line):
        self.helo = line[5:]
        self.answer("ehlo", line, f"250 {self.server.name}")

    def on_starttls(self, line):
        if not self.server.starttls or self.tls:
            return self.answer("starttls", line, "502 5.5.1 not offered") and None
        if not self.answer("starttls", line, "220 2.0.0 go ahead").startswith("220"):
            return None
        clear = self.peer
        self.peer = self.server.certificate.server_context().wrap_socket(clear, server_side=True)
        with self.server._lock:  # the old object has given its socket away
            self.server._open.discard(clear)
            self.server._open.add(self.peer)
        self.tls, self.buffer = self.peer.version(), b""
        self.reset()
        return None

    def on_auth(self, line):
        words = line.split()
        if words[1].upper() == "PLAIN":
            _, user, password = base64.b64decode(words[2]).decode().split("\0")
        else:
            self.answer("auth", line, "334 VXNlcm5hbWU6")
            user = base64.b64decode(self.line()).decode()
            self.answer("auth", line, "334 UGFzc3dvcmQ6")
            password = base64.b64decode(self.line()).decode()
        fits = self.tls and self.server.logins.get(user) == password
        self.user = user if fits else None
        self.answer("auth", line, "235 2.7.0 welcome" if fits else "535 5.7.8 wrong")

    def on_mail(self, line):
        address, self.sender_parameters = path_and_parameters(line)
        if self.server.logins and not self.user:
            return self.answer("mail", line, "530 5.7.0 log in first") and None
        if self.answer("mail", line, "250 2.1.0 sender ok").startswith("250"):
            self.sender = address
        return None

    def on_rcpt(self, line):
        address, parameters = path_and_parameters(line)
        usual = "250 2.1.5 recipient ok" if self.sender is not None else "503 5.5.1 MAIL first"
        if self.answer("rcpt", line, usual).startswith("250"):
            self.recipients.append(address)
            self.parameters[address] = parameters

    def on_data(self, line):
        usual = "354 go ahead" if self.recipients else "503 5.5.1 RCPT first"
        if self.answer("data", line, usual).startswith("354"):
            self.finish(self.content(), "DATA")

    def on_bdat(self, line):
        words = line.split()
        self.chunks += self.exactly(int(words[1]))
        if len(words) > 2 and words[2].upper() == "LAST":
            self.finish(self.chunks, "BDAT")
        else:
            self.answer("bdat", line, "250 2.0.0 more")

    def finish(self, content, by):
        names = []
        if self.tls:
            certificate = self.peer.getpeercert() or {}
            names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
        message = Received(
            self.sender,
            self.sender_parameters,
            list(self.recipients),
            dict(self.parameters),
            content,
            self.tls or "",
            names,
            self.helo,
            by,
            self.number,
            time.time(),
        )
        order = self.server._next_order("end", message.header("Subject") or "")
        if order:
            time.sleep(order.delay)
            if order.drop:
                raise Gone
        replies = [order.reply if order and order.reply else "250 2.0.0 kept"]
        if self.server.lmtp:
            per = (order.per_recipient if order else None) or {}
            replies = [per.get(address, replies[0]) for address in self.recipients]
        message.recipients = [
            a
            for a, r in zip(self.recipients, replies * (1 if self.server.lmtp else len(self.recipients)))
            if r[0] == "2"
        ]
        if message.recipients:
            self.server._keep(message)
        self.peer.sendall("".join(reply + "\r\n" for reply in replies).encode())
        self.reset()

    def on_rset(self, line):
        self.reset()
        self.answer("rset", line, "250 2.0.0 ok")

    def on_noop(self, line):
        self.answer("noop", line, "250 2.0.0 ok")

    def on_quit(self, line):
        self.answer("quit", line, "221 2.0.0 bye")
        return False


def path_and_parameters(line):
    """("a@b", {"SIZE": "12"}) from a MAIL or RCPT command."""
    match = re.match(r"(?i)(?:MAIL FROM|RCPT TO):\s*<(.*?)>(.*)$", line)
    if not match:
        return line, {}
    words = match[2].split()
    return match[1], {w.split("=")[0].upper(): w.partition("=")[2] for w in words}


__all__ = ["MemberServer", "Received", "Order"]
