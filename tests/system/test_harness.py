# builds: asan
"""The harness itself does what it says: its servers, clients and Postfix talk to each other."""
import socket
import unittest

from harness import Authority, MemberClient, MemberServer, PostfixMember, make_message, swaks, wait_until
from harness.policy_text import Policy
from harness.tools import WorkFolder


class HarnessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = WorkFolder("harness")
        cls.authority = Authority(cls.work.path / "ca")
        cls.certificate = cls.authority.issue("mx.cjsm.net", cls.work.path / "certificates")
        cls.other = cls.authority.issue("mail.member.example", cls.work.path / "certificates")

    @classmethod
    def tearDownClass(cls):
        cls.work.remove()

    def test_client_and_server_talk_over_tls_and_keep_every_byte(self):
        content = make_message("a@one.example", "b@two.example", "Dots", b".\r\n..two\r\n\xff\xfe 8-bit\r\n.")
        with MemberServer(self.certificate) as server, MemberClient(server.port, "127.0.0.11", self.other) as client:
            self.assertEqual(
                250, client.hello().message("a@one.example", "b@two.example", content, "RET=HDRS", "NOTIFY=NEVER").code
            )
            self.assertEqual(250, client.message("a@one.example", "b@two.example", content).code)
            self.assertEqual(250, client.mail("").code)
            self.assertEqual(250, client.rcpt("b@two.example").code)
            self.assertEqual(250, client.bdat(content[:7], content[7:]).code)
            first, _, third = server.wait(3)
        self.assertEqual(content + b"\r\n", first.content)
        self.assertEqual(content, third.content)
        self.assertEqual(("DATA", "BDAT"), (first.by, third.by))
        self.assertTrue(first.tls.startswith("TLSv1."))
        self.assertEqual(["mail.member.example"], first.client_names)
        self.assertEqual({"RET": "HDRS"}, first.sender_parameters)
        self.assertEqual({"NOTIFY": "NEVER"}, first.recipient_parameters["b@two.example"])
        self.assertEqual("Dots", first.header("subject"))

    def test_a_server_does_as_it_is_told(self):
        with MemberServer() as server, MemberClient(server.port) as client:
            server.order("rcpt", "450 4.2.1 busy", matching="slow@", times=1)
            server.order("end", "554 5.7.1 no", times=1)
            client.hello()
            content = make_message("a@one.example", "b@two.example")
            self.assertEqual("4.2.1", client.message("a@one.example", "slow@two.example", content).status)
            self.assertEqual(554, client.message("a@one.example", "slow@two.example", content).code)
            self.assertEqual(250, client.message("a@one.example", "slow@two.example", content).code)
            server.order("data", drop=True)
            with self.assertRaises(EOFError):
                client.message("a@one.example", "b@two.example", content)
            self.assertEqual(1, len(server.messages))

    def test_lmtp_answers_for_each_recipient(self):
        path = self.work.path / "lmtp"
        with MemberServer(lmtp=True, unix_socket=path) as server:
            server.order("end", per_recipient={"b@x.example": "452 4.2.2 full"})
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(str(path))
            peer.sendall(b"LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n")
            peer.sendall(b"Subject: x\r\n\r\n.\r\n")
            server.wait()
            self.assertEqual(["a@x.example"], server.messages[0].recipients)
            got = b""
            while b"452 4.2.2 full\r\n" not in got:
                got += peer.recv(4096)
            peer.close()

    def test_swaks_sends_over_tls_with_a_certificate(self):
        with MemberServer(self.certificate) as server:
            code, dialogue = swaks(server.port, "a@one.example", "b@two.example", "127.0.0.11", self.other)
            self.assertEqual(0, code, dialogue)
            self.assertEqual(["mail.member.example"], server.wait()[0].client_names)

    def test_postfix_as_a_member_sends_and_takes_mail_over_tls(self):
        with MemberServer(self.certificate, "mx.cjsm.net") as postern:
            with PostfixMember(
                "mail.member.example", "member.example", "127.0.0.11", self.other, postern.port
            ) as member:
                member.submit(
                    "a@member.example",
                    ["b@other.example.cjsm.net"],
                    make_message("a@member.example", "b@other.example.cjsm.net", "Out"),
                )
                out = postern.wait_for(lambda m: m.header("Subject") == "Out")
                self.assertEqual(["mail.member.example"], out.client_names)
                with MemberClient(member.port, "127.0.0.9", self.certificate) as client:
                    client.hello()
                    reply = client.message(
                        "b@other.example", "a@member.example", make_message("b@other.example", "a@member.example", "In")
                    )
                    self.assertEqual(250, reply.code, reply)
                self.assertIn(b"Subject: In", member.wait_mail()[0])

    def test_policy_text_is_changed_by_key(self):
        policy = Policy(self.work.path / "policy")
        policy.write("a.yaml", "# top\none: 1\nretry:\n  first: 2\n\n  # why\n  more: 3\ntwo: [2]\n")
        policy.set("a.yaml", "retry", "{ first: 9 }")
        policy.set("a.yaml", "three", "3")
        policy.set("a.yaml", "one", None)
        self.assertEqual("# top\nretry: { first: 9 }\ntwo: [2]\nthree: 3\n", policy.read("a.yaml"))

    def test_waiting_in_vain_says_for_what(self):
        with self.assertRaisesRegex(AssertionError, "for the moon"):
            wait_until(lambda: False, 0.05, "the moon")


if __name__ == "__main__":
    unittest.main()
