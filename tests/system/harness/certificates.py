"""Certificates for members' servers: from the community's own authority, or from one that nobody declared."""
import dataclasses
import pathlib
import re
import ssl
import subprocess


@dataclasses.dataclass(frozen=True)
class Certificate:
    """PEM files of a server or client certificate, and the authority that vouches for it."""

    chain: pathlib.Path
    key: pathlib.Path
    authority: pathlib.Path

    def sha256(self):
        """Of the DER form, lower-case hexadecimal, as pins are written."""
        import hashlib

        pem = self.chain.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()

    def server_context(self):
        """For a fake member's server: shows this certificate, asks for the client's without insisting."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.chain, self.key)
        context.load_verify_locations(self.authority)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def client_context(self, server_name=None):
        """For a fake member's client: shows this certificate; with a server name it also verifies the server."""
        context = anonymous_context() if server_name is None else ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.chain, self.key)
        return context


def anonymous_context():
    """A client that shows nothing and believes anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Authority:
    """A small certificate authority in a folder. With a postern program it is `postern ca`, else openssl's."""

    def __init__(self, folder, name="Demo community", postern=None):
        self.folder = pathlib.Path(folder)
        self.name, self.postern = name, postern
        self.folder.mkdir(parents=True, exist_ok=True)
        if postern:
            if not any(self.folder.iterdir()):
                self.folder.rmdir()
                _run(postern, "ca", "init", self.folder, "--name", name)
            self.certificate = self._find(self.folder, "ca")
            self.bundle = self.folder / "members.pem"  # with the list of what was revoked
        else:
            self.certificate = self.bundle = self.folder / "ca.pem"
            _run(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                self.folder / "ca.key",
                "-out",
                self.certificate,
                "-days",
                "30",
                "-subj",
                f"/CN={name}",
                "-addext",
                "basicConstraints=critical,CA:TRUE",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            )

    @staticmethod
    def _find(folder, stem):
        """The certificate that the authority wrote, whatever ending it gives it."""
        for ending in ("pem", "crt"):
            if (folder / f"{stem}.{ending}").exists():
                return folder / f"{stem}.{ending}"
        raise AssertionError(f"no certificate {stem} in {folder}: {sorted(p.name for p in folder.iterdir())}")

    def issue(self, server_name, out):
        """A certificate for this DNS name or address, as client and as server, in the folder `out`."""
        out = pathlib.Path(out)
        out.mkdir(parents=True, exist_ok=True)
        key = out / f"{server_name}.key"
        if self.postern:
            _run(self.postern, "ca", "issue", "--ca", self.folder, "--name", server_name, "--out", out)
            return Certificate(self._find(out, server_name), key, self.certificate)
        request, chain = (out / f"{server_name}.{ending}" for ending in ("csr", "pem"))
        _run(
            "openssl",
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            key,
            "-out",
            request,
            "-subj",
            f"/CN={server_name}",
        )
        self._sign(request, [server_name], chain)
        return Certificate(chain, key, self.certificate)

    def sign_request(self, der, names):
        """What an asker gets for its request (PKCS #10, DER): PEM, for these names whatever the request says."""
        request, chain = self.folder / "asked.csr", self.folder / "asked.pem"
        request.write_text(ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", "CERTIFICATE REQUEST"))
        self._sign(request, names, chain)
        return chain.read_text()

    def _sign(self, request, names, chain):
        kinds = ("IP" if re.fullmatch(r"[0-9.]+", name) else "DNS" for name in names)
        extensions = chain.with_suffix(".ext")
        subjects = ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names))
        extensions.write_text(f"subjectAltName={subjects}\nextendedKeyUsage=serverAuth,clientAuth\n")
        _run(
            "openssl",
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.certificate,
            "-CAkey",
            self.folder / "ca.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            extensions,
            "-out",
            chain,
        )
