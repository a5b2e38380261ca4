#!/usr/bin/python3
# builds: asan
"""What clamscan finds in a message, the gateway finds too: every file of clamav-testfiles in every wrapping that mail has."""
import base64
import binascii
import pathlib
import quopri
import subprocess
import unittest

from harness.case import ERIC, LISTING_INSIDE, CommunityTest
from harness.signatures import EICAR, SAMPLES, samples_set, write_set
from harness.tools import wait_until

HEAD = f"From: {ERIC}\r\nTo: {LISTING_INSIDE}\r\nMIME-Version: 1.0\r\n"


def lines(data):
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def head(subject, *fields):
    return "".join((HEAD, f"Subject: {subject}\r\n", *(f + "\r\n" for f in fields), "\r\n")).encode()


def base64_lines(content):
    return lines(base64.encodebytes(content))


def uuencoded(content, name):
    rows = b"".join(binascii.b2a_uu(content[i : i + 45]) for i in range(0, len(content), 45))
    return lines(b"begin 644 %s\n%s`\nend\n" % (name.encode(), rows))


def attached(name, content, ending=True):
    return (
        head(name, 'Content-Type: multipart/mixed; boundary="b"')
        + b"--b\r\nContent-Type: text/plain\r\n\r\nSee attached.\r\n"
        + f'--b\r\nContent-Type: application/octet-stream; name="{name}"\r\n'.encode()
        + b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n"
        + base64_lines(content)
        + (b"--b--\r\n" if ending else b"")
    )


def wrappings(name, content):
    """(kind, message): the forms in which mail carries a file, honest and broken."""
    yield "attached", attached(name, content)
    yield "unfinished", attached(name, content, ending=False)
    yield "only part", head(name, "Content-Transfer-Encoding: base64", f"Content-Type: x/y; name={name}") + base64_lines(content)
    if b"\0" in content:  # of a text the line ends are the mail's, not the file's
        quoted = lines(quopri.encodestring(content, quotetabs=True).replace(b"\r", b"=0D"))
        yield "quoted-printable", head(name, "Content-Transfer-Encoding: quoted-printable") + quoted
    yield "uuencoded", head(name, "Content-Transfer-Encoding: x-uuencode") + uuencoded(content, name)
    yield "uuencoded in a text", head(name) + b"See below.\r\n\r\n" + uuencoded(content, name)
    inner = attached(name, content)
    yield "forwarded", head(name, "Content-Type: multipart/mixed; boundary=o") + b"--o\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"--o--\r\n"
    yield "forwarded in base64", (
        head(name, "Content-Type: message/rfc822", "Content-Transfer-Encoding: base64") + base64_lines(inner)
    )
    yield "attached as a mail file", attached("mail.eml", inner)


class Corpus(CommunityTest):
    @classmethod
    def prepare(cls, community):
        cls.signatures = write_set(community.folder / "signatures")
        (cls.signatures / "samples.hdb").write_text(samples_set())
        community.write_node(more=f"scanner: {{ deadline: 60 seconds, signatures: {cls.signatures} }}\n")

    def test_everything_that_clamscan_finds_is_found(self):
        folder = self.community.folder / "corpus"
        folder.mkdir()
        files = {p.name: p.read_bytes() for p in sorted(SAMPLES.iterdir()) if p.stat().st_size < 300_000}
        files["eicar.com"] = EICAR
        messages = {}
        for number, (name, content) in enumerate(files.items()):
            for kind, content_of_message in wrappings(name, content):
                # Every file in its plain form; a third of them in each of the others keeps the test short.
                if kind != "attached" and (number + len(kind)) % 3 and name not in ("eicar.com", "clam.exe", "clam.zip"):
                    continue
                file = folder / f"{number:02} {name} {kind}.eml"
                file.write_bytes(content_of_message)
                messages[str(file)] = content_of_message
        found = self.clamscan(folder)
        self.assertGreater(len(found), len(messages) // 2)
        wait_until(lambda: self.community.postern("status")["scanner"]["signature_count"] == 2, 30)
        missed = []
        with self.community.client("greenstone") as client:
            for file, content in messages.items():
                reply = client.message(ERIC, [LISTING_INSIDE], content)
                if file in found and reply.code != 554:
                    missed.append((pathlib.Path(file).name, str(reply)))
        self.assertFalse(missed)

    def clamscan(self, folder):
        done = subprocess.run(
            ["clamscan", "--no-summary", "--infected", f"--database={self.signatures}", "-r", str(folder)],
            capture_output=True,
            text=True,
            timeout=300,
        )
        return {line.rsplit(": ", 1)[0] for line in done.stdout.splitlines() if line.endswith(" FOUND")}


if __name__ == "__main__":
    unittest.main()
