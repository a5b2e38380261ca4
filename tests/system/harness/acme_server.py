"""An authority that issues certificates by ACME (RFC 8555), and has each name proved by tls-alpn-01 (RFC 8737).

It takes requests as they come, without looking at their signatures: what is tried with it is how a client is set up, and
whether the name's port answers as it must.
"""
import base64
import hashlib
import http.server
import itertools
import json
import socket
import ssl
import threading


def _decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class AcmeServer:
    """At https://HOST:PORT/directory. `certificate`: its own; `authority`: whose name stands in what it issues;
    `prove`: the address where it looks whether a name is the asker's."""

    def __init__(self, certificate, authority, host, prove):
        self.authority, self.host, self.prove = authority, host, prove
        self.key, self.names, self.issued, self.proofs = None, [], None, []
        self.numbers = itertools.count()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate.chain, certificate.key)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        self.server, self.port = server, server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()

    def url(self, path):
        return f"https://{self.host}:{self.port}/{path}"

    @property
    def directory(self):
        return self.url("directory")

    # --- what it is asked ---
    def answer(self, path, payload, header):
        """Status, object or PEM, Location."""
        if path == "account":
            known = self.key == header["jwk"]
            if payload.get("onlyReturnExisting") and not known:
                return 400, {"type": "urn:ietf:params:acme:error:accountDoesNotExist"}, None
            self.key = header["jwk"]
            return (200 if known else 201), {"status": "valid"}, self.url("account/1")
        if path == "order":
            self.names = [identifier["value"] for identifier in payload["identifiers"]]
            self.proofs, self.issued = [False] * len(self.names), None
            return 201, self.order(), self.url("order/1")
        if path == "order/1":
            return 200, self.order(), None
        kind, _, number = path.partition("/")
        if kind == "authorization":
            return 200, self.authorization(int(number)), None
        if kind == "challenge":
            self.proofs[int(number)] = self.is_proved(int(number))
            return 200, self.authorization(int(number))["challenges"][0], None
        if kind == "finalize":
            self.issued = self.authority.sign_request(_decoded(payload["csr"]), self.names)
            return 200, self.order(), self.url("order/1")
        if kind == "certificate":
            return 200, self.issued, None
        return 404, {"type": "urn:ietf:params:acme:error:malformed"}, None

    def order(self):
        status = "valid" if self.issued else "ready" if all(self.proofs) else "pending"
        return {"status": status, "identifiers": [{"type": "dns", "value": name} for name in self.names], "finalize": self.url("finalize/1"),
                "authorizations": [self.url(f"authorization/{number}") for number in range(len(self.names))],
                **({"certificate": self.url("certificate/1")} if self.issued else {})}

    def authorization(self, number):
        status = {False: "pending", True: "valid", None: "invalid"}[self.proofs[number]]
        challenge = {"type": "tls-alpn-01", "url": self.url(f"challenge/{number}"), "token": self.token(number), "status": status}
        return {"status": status, "identifier": {"type": "dns", "value": self.names[number]}, "challenges": [challenge]}

    @staticmethod
    def token(number):
        return f"{number:044d}"

    def is_proved(self, number):
        """True, or None: what answers there under that name must show the digest of token and the account's key."""
        members = {name: self.key[name] for name in sorted(self.key) if name in ("crv", "kty", "x", "y", "e", "n")}
        thumb = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
        wanted = hashlib.sha256(f"{self.token(number)}.{base64.urlsafe_b64encode(thumb).decode().rstrip('=')}".encode()).digest()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["acme-tls/1"])
        try:
            with socket.create_connection(self.prove, 60) as plain, context.wrap_socket(plain, server_hostname=self.names[number]) as peer:
                shown = peer.selected_alpn_protocol() == "acme-tls/1" and wanted in peer.getpeercert(binary_form=True)
        except OSError:
            return None
        return True if shown else None


def _handler(acme):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path == "/nonce":
                self.reply(204, "")
                return
            known = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "revokeCert": "revoke", "keyChange": "change"}
            self.reply(200, {word: acme.url(path) for word, path in known.items()})

        def do_HEAD(self):
            self.reply(200, "")

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            header, payload = (_decoded(asked[part]) for part in ("protected", "payload"))
            self.reply(*acme.answer(self.path.strip("/"), json.loads(payload or "{}"), json.loads(header)))

        def reply(self, status, what, location=None):
            body = what.encode() if isinstance(what, str) else json.dumps(what).encode()
            self.send_response(status)
            kind = "problem+json" if status >= 400 else "pem-certificate-chain" if isinstance(what, str) else "json"
            self.send_header("Content-Type", f"application/{kind}")
            self.send_header("Replay-Nonce", f"nonce-{next(acme.numbers)}")
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            pass
    return Handler
