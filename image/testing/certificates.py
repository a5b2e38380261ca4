"""The certificate that an ACME server issues, and the machine has renewed."""
import subprocess

from .appliance import PATIENCE, Appliance
from .community import AcmeServer
from .machine import HOST

ISSUED = "/var/lib/postern-acme/certificate.pem"


def certificate():
    """proves its name to an ACME server, shows members the certificate that it gets, and carries mail by it"""
    with Appliance("certificate", configured=False) as appliance:
        community, machine = appliance.community, appliance.machine
        acme = AcmeServer(community.proof, community.members, HOST, ("127.0.0.1", machine.forward(443)))
        policy = community.policy(machine=f"  acme: {{ directory: \"{acme.directory}\", authorities: tls/members.pem }}\n")
        node = policy / "node.yaml"
        node.write_text(node.read_text().replace("tls/mx.pem", ISSUED).replace("tls/mx.key", ISSUED))
        machine.attach(community.configuration_disk(policy, community.folder / "configuration.img"))
        appliance.start()
        machine.wait(lambda: _is_proved(appliance), PATIENCE, lambda: f"a certificate for mx.example.org; the ACME server was asked for {acme.names}")
        assert acme.proofs == [True], acme.proofs
        appliance.wait_for_status("signatures ")
        appliance.carries("Issued")
        acme.close()


def _is_proved(appliance):
    """Whether a member that knows the authority would believe what is shown at port 25."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{appliance.smtp}", "-starttls", "smtp", "-verify_hostname", "mx.example.org",
                           "-verify_return_error", "-CAfile", str(appliance.community.authority)],
                          input=b"QUIT\r\n", capture_output=True, timeout=120)
    return b"Verification: OK" in done.stdout
