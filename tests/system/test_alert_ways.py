"""Ways of alerts that are not mail, to programs that others wrote: rsyslogd by every transport, an HTTPS server."""
import http.server
import json
import pathlib
import ssl
import subprocess
import threading
import unittest

from harness import CommunityTest, wait_until
from harness.tools import free_port, sanitized

PATIENCE = 60 if sanitized() else 30

ALERTS = """
people: {{ operations: clerks@greenstonechambers.co.uk }}
{ways}
alerts:
  - {{ name: policy, on: policy_reload_failed, to: operations, by: [{by}] }}
"""

# As a machine that collects logs has it; one message a line, with what RFC 5424 calls its parts.
COLLECTOR = """
global(workDirectory="{folder}"{tls})
{inputs}
template(name="seen" type="string" string="%syslogfacility-text%.%syslogseverity-text%|%hostname%|%app-name%|%msgid%|%msg%\\n")
action(type="omfile" file="{folder}/seen" template="seen")
"""
PLAIN = """
module(load="imudp")
module(load="imptcp")
module(load="imuxsock" SysSock.Use="off")
input(type="imudp" address="127.0.0.1" port="{port}")
input(type="imptcp" address="127.0.0.1" port="{port}")
input(type="imuxsock" Socket="{folder}/log.socket" CreatePath="on")
"""
BY_TLS = """
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" address="127.0.0.1" port="{port}")
"""
CERTIFICATES = """ DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="{authority}"
  DefaultNetstreamDriverCertFile="{chain}" DefaultNetstreamDriverKeyFile="{key}\""""


class Collector:
    """Debian's rsyslogd, in a folder of its own."""

    def __init__(self, folder, inputs, tls=""):
        self.folder, self.port = folder, free_port()
        folder.mkdir(exist_ok=True)
        configuration = folder / "rsyslog.conf"
        configuration.write_text(
            COLLECTOR.format(folder=folder, inputs=inputs.format(port=self.port, folder=folder), tls=tls)
        )
        self.process = subprocess.Popen(
            ["rsyslogd", "-n", "-f", configuration, "-i", folder / "pid"],
            stdin=subprocess.DEVNULL,
            stdout=(folder / "said").open("wb"),
            stderr=subprocess.STDOUT,
        )
        wait_until(self._listens, 20, lambda: f"rsyslogd to listen: {(folder / 'said').read_text()}")

    def _listens(self):
        table = pathlib.Path("/proc/net/tcp").read_text()
        return f"0100007F:{self.port:04X} 00000000:0000 0A" in table

    def lines(self):
        file = self.folder / "seen"
        return file.read_text().splitlines() if file.exists() else []

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Hook(http.server.BaseHTTPRequestHandler):
    """Answers as often as it is told with the failures it is told, then takes what comes."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tries += 1
        if self.server.failures:
            self.send_error(self.server.failures.pop(0), "as the test wants it")
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"taken")
        self.server.taken.append(json.loads(body))

    def log_message(self, *_):
        pass


class AlertWays(CommunityTest):
    @classmethod
    def prepare(cls, community):
        folder = community.folder
        certificate = community.authority.issue("localhost", folder / "certificates")
        cls.plain = Collector(folder / "collector", PLAIN)
        cls.addClassCleanup(cls.plain.stop)
        cls.secure = Collector(
            folder / "collector-tls",
            BY_TLS,
            CERTIFICATES.format(
                authority=community.authority.certificate, chain=certificate.chain, key=certificate.key
            ),
        )
        cls.addClassCleanup(cls.secure.stop)
        cls.hook = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Hook)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        cls.hook.socket = context.wrap_socket(cls.hook.socket, server_side=True)
        cls.hook.tries, cls.hook.failures, cls.hook.taken = 0, [], []
        threading.Thread(target=cls.hook.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.hook.server_close)
        cls.addClassCleanup(cls.hook.shutdown)
        cls.authority = community.authority.certificate
        cls.declare("syslog: { by: udp, server: '127.0.0.1:9' }", "mail")

    @classmethod
    def declare(cls, ways, by):
        cls.community.policy.write("alerts.yaml", ALERTS.format(ways=ways, by=by))

    def setUp(self):
        super().setUp()
        self.hook.tries, self.hook.failures = 0, []
        self.hook.taken.clear()

    def shown(self, identifier):
        return self.community.postern("alert", "show", identifier)

    def tested(self):
        return self.community.postern("alert", "test", "policy")["id"]

    def sent(self, identifier, state="sent"):
        return wait_until(
            lambda: next((s for s in self.shown(identifier)["sends"] if s["state"] == state), None),
            PATIENCE,
            lambda: f"{state}: {self.shown(identifier)}",
        )

    def test_rsyslogd_takes_what_is_written_by_every_way(self):
        ways = {
            "local": (self.plain, f"{{ socket: {self.plain.folder}/log.socket, facility: 16 }}"),
            "udp": (self.plain, f'{{ by: udp, server: "127.0.0.1:{self.plain.port}", facility: 16 }}'),
            "tcp": (self.plain, f'{{ by: tcp, server: "127.0.0.1:{self.plain.port}", facility: 16 }}'),
            "tls": (
                self.secure,
                f'{{ by: tls, server: "localhost:{self.secure.port}", authorities: {self.authority}, facility: 16 }}',
            ),
        }
        for way, (collector, declared) in ways.items():
            with self.subTest(way):
                self.declare(f"syslog: {declared}", "syslog")
                self.community.reload()
                identifier = self.tested()
                line = wait_until(
                    lambda: next((line for line in collector.lines() if identifier in line), None),
                    PATIENCE,
                    lambda: f"the alert at rsyslogd: {collector.lines()} {self.shown(identifier)}",
                )
                self.assertTrue(line.startswith("local0.warning|"), line)
                self.assertIn("|postern|", line)
                self.assertIn("policy_reload_failed policy: This is a test of rule policy", line)
                if way != "local":
                    self.assertIn("|mx.cjsm.net|postern|policy_reload_failed|", line)
                self.sent(identifier)
                self.assertEqual(1, sum(identifier in line for line in collector.lines()))

    def test_a_log_server_that_can_not_prove_itself_gets_nothing(self):
        self.declare(f'syslog: {{ by: tls, server: "127.0.0.1:{self.secure.port}", authorities: {self.authority} }}', "syslog")
        self.community.reload()
        before = self.secure.lines()
        identifier = self.tested()
        waiting = wait_until(
            lambda: next((s for s in self.shown(identifier)["sends"] if s["attempts"]), None), PATIENCE, "an attempt"
        )
        self.assertEqual("waiting", waiting["state"])
        self.assertIn("the server did not prove itself", waiting["note"])
        self.assertEqual(before, self.secure.lines())

    def hook_declared(self, host="localhost", more=""):
        self.declare(
            f'webhook: {{ url: "https://{host}:{self.hook.server_port}/alerts", authorities: {self.authority}{more} }}',
            "webhook",
        )
        self.community.reload()

    def test_a_webhook_by_https_is_tried_again_until_it_is_taken_and_goes_once(self):
        self.hook_declared()
        self.hook.failures = [503, 429]
        identifier = self.tested()
        send = self.sent(identifier)
        self.assertEqual(3, send["attempts"])
        self.assertEqual([identifier], [taken["id"] for taken in self.hook.taken])
        self.assertEqual("policy_reload_failed", self.hook.taken[0]["event"])

    def test_what_the_server_refuses_is_not_tried_again(self):
        self.hook_declared()
        self.hook.failures = [410]
        identifier = self.tested()
        send = self.sent(identifier, "failed")
        self.assertEqual(1, send["attempts"])
        self.assertIn("410", send["note"])
        self.assertEqual([], self.hook.taken)

    def test_a_restart_between_two_tries_loses_nothing_and_sends_nothing_twice(self):
        self.hook_declared(more=", tries: 10")
        self.hook.failures = [503] * 2
        identifier = self.tested()
        wait_until(lambda: self.hook.tries == 1, PATIENCE, "the first try")
        self.community.kill()
        self.community.start()
        self.sent(identifier)
        self.assertEqual([identifier], [taken["id"] for taken in self.hook.taken])
        self.community.kill()
        self.community.start()
        another = self.tested()
        self.sent(another)
        self.assertEqual([identifier, another], [taken["id"] for taken in self.hook.taken])

    def test_a_server_with_another_name_is_told_nothing(self):
        self.hook_declared(host="127.0.0.1", more=", tries: 1")
        send = self.sent(self.tested(), "failed")
        self.assertIn("the server did not prove itself", send["note"])
        self.assertEqual(0, self.hook.tries)


if __name__ == "__main__":
    unittest.main()
