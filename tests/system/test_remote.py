# builds: asan release threads
"""The control protocol from an administrator's own machine: mutual TLS, and nobody else gets as far as HTTP."""
import http.client
import os
import select
import socket
import ssl
import subprocess
import unittest

from harness import Authority, CommunityTest, free_port, wait_until
from harness.certificates import anonymous_context

GATEWAY = "mx.cjsm.net"


class Remote(CommunityTest):
    @classmethod
    def prepare(cls, community):
        cls.port = free_port()
        cls.staff = Authority(community.folder / "staff", "Administrators", community.bin / "postern")
        cls.anna = cls.issue("anna.staff.example")
        cls.listed = Authority(community.folder / "elsewhere", "Elsewhere").issue("guest.example", community.folder)
        cls.administrators = community.folder / "administrators.pem"
        cls.brief = community.folder / "brief.pem"  # key and certificate, which ends as it begins
        request, crt = community.folder / "brief.csr", community.folder / "brief.crt"
        for command in (
            ("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
            + ("-subj", "/CN=brief", "-keyout", cls.brief, "-out", request),
            ("x509", "-req", "-in", request, "-signkey", cls.brief, "-days", "0", "-out", crt),
        ):
            subprocess.run(["openssl", *command], check=True, capture_output=True)
        cls.brief.write_text(cls.brief.read_text() + crt.read_text())
        cls.write_administrators()
        community.write_node()
        text = community.policy.read("node.yaml")
        community.policy.write(
            "node.yaml",
            text.replace(
                f"  socket: {community.socket}\n",
                f"  socket: {community.socket}\n  remote:\n    address: \"127.0.0.1:{cls.port}\"\n"
                f"    administrators: {cls.administrators}\n",
            ),
        )
        # A folder of gateways, as ~/.config/postern is one.
        folder = community.folder / "config/postern"
        folder.mkdir(parents=True)
        (folder / f"{GATEWAY}.yaml").write_text(f'address: "127.0.0.1:{cls.port}"\nauthority: {community.authority.certificate}\n')

    @classmethod
    def issue(cls, name, *more):
        out = cls.staff.folder / "issued"
        done = subprocess.run(
            [cls.staff.postern, "ca", "issue", "--ca", cls.staff.folder, "--name", name, "--out", out, *more],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise AssertionError(done.stderr)
        return out / f"{name}.pem", out / f"{name}.key"

    @classmethod
    def write_administrators(cls):
        """Who may: whom the staff's authority certifies, but for its list of revoked, and two certificates themselves."""
        leaf = cls.listed.chain.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
        leaf += cls.brief.with_suffix(".crt").read_text()
        fresh = cls.administrators.with_suffix(".new")
        fresh.write_text(cls.staff.bundle.read_text() + leaf)
        os.replace(fresh, cls.administrators)

    def at(self, *arguments, who=None, gateway=GATEWAY, more=()):
        chain, key = who or self.anna
        environment = {k: v for k, v in os.environ.items() if not k.startswith("POSTERN_")}
        return subprocess.run(
            [
                self.community.bin / "postern",
                *("--at", gateway, "--certificate", chain, "--key", key),
                *more,
                *map(str, arguments),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment | {"XDG_CONFIG_HOME": str(self.community.folder / "config")},
        )

    def test_commands_work_from_elsewhere_and_the_certificates_name_goes_on_record(self):
        for arguments in (("status",), ("queue", "list"), ("generations",), ("reload",), ("trace", "--limit", "1")):
            there, here = self.at(*arguments), self.community.run(*arguments)
            self.assertEqual(here.returncode, there.returncode, there.stderr)
        self.assertIn("generation", self.at("status").stdout)
        before = self.community.generation()
        mine = self.community.folder / "mine"
        self.assertEqual(0, self.at("get", "--out", mine, "--overwrite").returncode)
        text = (mine / "limits.yaml").read_text()
        (mine / "limits.yaml").write_text(text.replace("10 MiB", "9 MiB", 1))
        done = self.at("check", mine)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("it would go live", done.stdout)
        self.assertEqual(before, self.community.generation())
        done = self.at("apply", mine, "--try", "1 hour", "--comment", "from home")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(0, self.at("confirm").returncode)
        newest = self.community.postern("generations")["generations"][-1]
        self.assertEqual("apply by anna.staff.example", newest["how"])
        self.assertEqual("from home", newest["comment"])
        self.assertEqual(0, self.at("rollback", before).returncode)
        self.assertTrue([line for line in self.community.log() if line.get("actor") == "anna.staff.example"])
        (mine / "limits.yaml").write_text("message_size: lots\n")
        done = self.at("check", mine)
        self.assertEqual(1, done.returncode)
        self.assertIn("limits.yaml:1:15", done.stderr)

    def test_a_certificate_that_is_listed_itself_counts(self):
        done = self.at("status", who=(self.listed.chain, self.listed.key))
        self.assertEqual(0, done.returncode, done.stderr)

    def test_certificates_that_are_not_good_are_refused_with_a_reason(self):
        member = self.community.members["greenstone"].certificate
        server = self.issue("server.staff.example", "--use", "server")
        for name, who in (("a member's", (member.chain, member.key)), ("a server's", server)):
            with self.subTest(name):
                done = self.at("status", who=who)
                self.assertEqual(3, done.returncode, done.stdout)
                self.assertIn("administrators", done.stderr)
                self.assertNotIn("generation", done.stdout)

    def test_an_expired_certificate_is_refused(self):
        brief = (self.brief, self.brief)
        wait_until(lambda: self.at("status", who=brief).returncode == 3, 20, "the certificate's end", every=0.3)
        self.assertIn("expired", self.at("status", who=brief).stderr)

    def test_a_revoked_certificate_is_refused_once_the_list_is_renewed(self):
        leaver = self.issue("leaver.staff.example")
        self.assertEqual(0, self.at("status", who=leaver).returncode)
        self.assertEqual(0, self.community.run("ca", "revoke", "--ca", self.staff.folder, "leaver.staff.example").returncode)
        self.write_administrators()
        self.community.reload()
        done = self.at("status", who=leaver)
        self.assertEqual(3, done.returncode)
        self.assertIn("revoked", done.stderr)
        self.assertEqual(0, self.at("status").returncode)

    def test_a_gateway_that_is_another_is_not_believed(self):
        done = self.at("status", more=("--authority", self.staff.certificate))
        self.assertEqual(3, done.returncode)
        self.assertIn("--authority names who vouches for the gateway", done.stderr)
        folder = self.community.folder / "config/postern"
        (folder / "other.example.yaml").write_text((folder / f"{GATEWAY}.yaml").read_text())
        done = self.at("status", gateway="other.example")
        self.assertNotEqual(0, done.returncode)

    def test_wrong_usage_says_what_to_do(self):
        (self.community.folder / "config/postern/bad.example.yaml").write_text("adress: here\n")
        environment = os.environ | {"XDG_CONFIG_HOME": str(self.community.folder / "config")}
        run = lambda *a: subprocess.run(  # noqa: E731
            [self.community.bin / "postern", *a], capture_output=True, text=True, env=environment
        )
        done = run("--at", "bad.example", "status")
        self.assertEqual(2, done.returncode)
        self.assertIn('did you mean "address"?', done.stderr)
        done = run("--at", GATEWAY, "status")
        self.assertEqual(3, done.returncode)
        self.assertIn("--key and --certificate", done.stderr)

    # --- without the client ---
    def context(self, who=None, version=None):
        context = anonymous_context()
        if who:
            context.load_cert_chain(*who)
        if version:
            context.maximum_version = version
        return context

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), 20)

    def ask(self, context, path="/v1/status"):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def test_nobody_without_a_certificate_gets_an_answer(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                self.assertEqual(200, self.ask(self.context(self.anna, version)))
                with self.assertRaises((OSError, http.client.HTTPException)):
                    self.ask(self.context(None, version))

    def test_plain_http_gets_no_answer(self):
        with self.raw() as plain:
            plain.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            try:
                while chunk := plain.recv(4096):
                    answer += chunk
            except ConnectionResetError:
                pass
        self.assertNotIn(b"HTTP/1.", answer)

    def test_what_is_no_request_is_refused(self):
        for text in (b"\x00\x01nonsense\r\n\r\n", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
                     b"POST /v1/apply HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n"):
            with self.context(self.anna).wrap_socket(self.raw()) as stream:
                stream.sendall(text)
                self.assertTrue(stream.recv(4096).startswith(b"HTTP/1.1 400"))
        self.assertEqual(404, self.ask(self.context(self.anna), "/v1/unknown"))

    def test_slow_and_many_clients_keep_nobody_out(self):
        idle = [self.raw() for _ in range(9)]  # no handshake
        try:
            ended = select.select(idle, [], [], 5)[0]  # one address has eight places: one of the nine had none
            self.assertEqual([b""], [stream.recv(10) for stream in ended])
            self.assertEqual(0, self.community.run("status").returncode)
            # The others' handshakes run out of time, and the places are free again.
            for stream in idle:
                self.assertEqual(b"", stream.recv(10))
        finally:
            for stream in idle:
                stream.close()
        wait_until(lambda: self.at("status").returncode == 0, 20, "an answer")

    def test_many_questions_at_once(self):
        tasks = [
            subprocess.Popen(
                [self.community.bin / "postern", "--at", GATEWAY, "--certificate", self.anna[0], "--key", self.anna[1],
                 "status"],
                stdout=subprocess.DEVNULL,
                env=os.environ | {"XDG_CONFIG_HOME": str(self.community.folder / "config")},
            )
            for _ in range(6)
        ]
        self.assertEqual([0] * 6, [task.wait(60) for task in tasks])


if __name__ == "__main__":
    unittest.main()
