"""A private Postfix that plays a member's mail server: sends to the suffix through Postern, takes mail into a Maildir.

Needs root (Postfix insists) and the installed programs; a Postfix of the machine is left alone.
"""
import pathlib
import smtplib
import subprocess

from .tools import WorkFolder, free_port, wait_until

MAIN = """
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/spool
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}/log
syslog_name = postfix-{name}
myhostname = {name}
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.1/32
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtputf8_enable = yes
# what ends in the suffix goes to Postern, proved both ways
transport_maps = inline:{{ {{ .{suffix} = smtp:[127.0.0.1]:{postern} }}, {{ {suffix} = smtp:[127.0.0.1]:{postern} }} }}
smtp_bind_address = {source}
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = {postern_name}
smtp_tls_CAfile = {authority}
smtp_tls_chain_files = {folder}/etc/chain.pem
smtp_tls_loglevel = 1
minimal_backoff_time = 1s
queue_run_delay = 1s
# what is for us is kept
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/etc/chain.pem
smtpd_tls_CAfile = {authority}
smtpd_tls_ask_ccert = yes
smtpd_tls_received_header = yes
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 1     1 qmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
proxymap  unix  - - n -     - proxymap
smtp      unix  - - n -     - smtp
relay     unix  - - n -     - smtp
error     unix  - - n -     - error
retry     unix  - - n -     - error
virtual   unix  - n n -     - virtual
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
tlsmgr    unix  - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
"""


class PostfixMember:
    def __init__(
        self, name, domain, source, certificate, postern_port, postern_name="mx.cjsm.net", suffix="cjsm.net", port=None
    ):
        self.name, self.domain, self.port = name, domain, port or free_port()
        self.work = WorkFolder("postfix")
        self.folder = self.work.path
        for part in ("etc", "spool", "data", "log", "mail"):
            (self.folder / part).mkdir()
        subprocess.run(["chown", "postfix", str(self.folder / "data")], check=True)
        subprocess.run(["chown", "nobody", str(self.folder / "mail")], check=True)
        chain = self.folder / "etc/chain.pem"
        chain.touch(0o600)
        chain.write_text(certificate.key.read_text() + certificate.chain.read_text())
        authority = self.folder / "etc/ca.pem"
        authority.write_text(certificate.authority.read_text())
        values = {
            "folder": self.folder,
            "name": name,
            "domain": domain,
            "source": source,
            "suffix": suffix,
            "postern": postern_port,
            "postern_name": postern_name,
            "port": self.port,
            "authority": authority,
        }
        (self.folder / "etc/main.cf").write_text(MAIN.format(**values))
        (self.folder / "etc/master.cf").write_text(MASTER.format(**values))

    def _postfix(self, word):
        return subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), word], capture_output=True, text=True, timeout=60
        )

    def start(self):
        done = self._postfix("start")
        if done.returncode:
            raise AssertionError(f"Postfix did not start: {done.stdout}{done.stderr}{self.log()}")
        wait_until(self._listens, 15, lambda: "Postfix to listen: " + self.log())
        return self

    def _listens(self):
        try:
            smtplib.SMTP("127.0.0.1", self.port, timeout=2).quit()
            return True
        except OSError:
            return False

    def stop(self):
        self._postfix("abort")
        wait_until(lambda: self._postfix("status").returncode, 15, "Postfix to stop")
        self.work.remove()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def submit(self, sender, recipients, content, options=(), recipient_options=()):
        """Hands a message to this Postfix as one of its users' programs would. Returns refused recipients."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as session:
            return session.sendmail(sender, recipients, content, options, recipient_options)

    def mail(self):
        """All messages that arrived, as bytes (line ends as Postfix stores them)."""
        folder = pathlib.Path(self.folder / "mail/all/new")
        return [path.read_bytes() for path in sorted(folder.glob("*"))] if folder.exists() else []

    def wait_mail(self, count=1, seconds=30):
        wait_until(
            lambda: len(self.mail()) >= count,
            seconds,
            lambda: f"{count} messages in Postfix, which has {len(self.mail())}:\n{self.log()}",
        )
        return self.mail()

    def log(self):
        path = self.folder / "log/mail.log"
        return path.read_text()[-4000:] if path.exists() else ""
