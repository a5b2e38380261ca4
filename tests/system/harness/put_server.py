"""A server that takes files by HTTPS PUT, as one for WebDAV does: the place of backups."""
import base64
import http.server
import pathlib
import ssl
import threading


class PutServer:
    """Files that are put come into `folder`. `certificate`: its own; `clients`: PEM of who vouches for those that may
    come; `login`: (user, password) that it asks for."""

    def __init__(self, folder, certificate, clients=None, login=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.expected = "Basic " + base64.b64encode(":".join(login).encode()).decode() if login else None
        self.refuses = None  # a status instead of taking it
        self.hangs_up = False  # no answer at all
        self.answers = threading.Event()  # until it is set nobody gets an answer
        self.answers.set()
        self.asked, self.shown = threading.Event(), []  # paths and the clients' certificates
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate.chain, certificate.key)
        if clients:
            tls.verify_mode = ssl.CERT_REQUIRED
            tls.load_verify_locations(clients)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def files(self):
        return sorted(self.folder.glob("*.backup"))

    def close(self):
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()


def _handler(of):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            of.shown.append((self.path, self.connection.getpeercert()))
            of.asked.set()
            if of.expected and self.headers["Authorization"] != of.expected:
                return self.end(401)
            content = self.rfile.read(int(self.headers["Content-Length"]))
            of.answers.wait()
            if of.hangs_up:
                return None
            if of.refuses:
                return self.end(of.refuses)
            (of.folder / pathlib.PurePosixPath(self.path).name).write_bytes(content)
            return self.end(201)

        def end(self, status):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler
