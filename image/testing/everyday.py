"""What an appliance does every day: it is configured, carries mail, stops viruses, is looked at, loses its power."""
import hashlib
import shutil
import ssl
import subprocess

from .appliance import PATIENCE, Appliance
from .community import EICAR
from .machine import GUEST, HOST


def mail():
    """takes its policy from a configuration disk, and carries mail both ways"""
    with Appliance("mail") as appliance:
        appliance.ready()
        appliance.carries("First")
        appliance.machine.wait_for_console("healthy: version", seconds=PATIENCE)
        print("\n".join("      " + line for line in appliance.said("status").splitlines()))


def virus():
    """stops EICAR, and takes a policy over mutual TLS"""
    with Appliance("virus") as appliance:
        appliance.ready()
        stopped = appliance.send("Virus", body=EICAR.decode())
        assert stopped.code == 554 or stopped.status.startswith("5.7.1"), str(stopped)
        appliance.apply(appliance.community.policy("smaller", message_size="1 KiB"))
        refused = appliance.send("Large", body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 40)
        assert refused.code == 552, str(refused)


def power():
    """a power cut loses nothing that was taken; a configuration disk that nobody signed counts no more"""
    with Appliance("power") as appliance:
        appliance.ready()
        appliance.community.servers["court"].order("connect", "421 4.3.2 Not now")
        kept = appliance.send("Kept")
        assert kept.code == 250, str(kept)
        appliance.machine.cut()
        appliance.community.servers["court"].forget()
        appliance.start()
        appliance.wait_for_mail("Kept")
        appliance.machine.wait_for_console("the policy in force stays", seconds=PATIENCE)


def console():
    """without a configuration the serial console asks, takes nothing that has no sense, and restarts and switches off"""
    with Appliance("console", configured=False) as appliance:
        machine = appliance.machine
        machine.start()
        machine.expect("Not configured", PATIENCE)
        machine.expect("[n] network and first administrator")
        _set_up(appliance)
        shown = appliance.machine.wait(lambda: _certificate(appliance.control), PATIENCE, lambda: "the control port")
        (appliance.community.folder / "gateway.pem").write_text(shown)
        machine.type("\r")
        machine.expect("generation 1", PATIENCE)
        machine.type("k")
        machine.expect("tls/gateway.key")
        machine.expect(_key_digest(shown))
        machine.type("\r")
        appliance.community.gateway_authority = appliance.community.folder / "gateway.pem"
        assert "generation 1" in appliance.postern("status")
        appliance.apply(_with_its_own_files(appliance.policy))
        appliance.machine.wait_for_port(25, PATIENCE, b"220 ")
        _open_a_shell(appliance)
        _restart_and_switch_off(appliance)


def _set_up(appliance):
    machine = appliance.machine
    machine.type("n")
    for question, wrong, right in (("Name of this gateway", "MX example\r", "mx.example.org\r"),
                                   ("Suffix of the community", "$(reboot).example\r", "secure.example\r"),
                                   ("Network card", "eth0; rm\r", "\r"),
                                   ("Address", f"{GUEST}/99\r", f"{GUEST}/24\r"),
                                   ("Router", "300.1.1.1\r", f"{HOST}\r"),
                                   ("Resolver", "../..\r", "\r")):
        machine.expect(question)
        machine.type(wrong)
        machine.expect("not taken: ")
        machine.type(right)
    machine.expect("paste it")
    machine.type(appliance.community.staff.read_text().replace("\n", "\r"))
    # That of who certifies administrators names none of them.
    machine.expect("The administrator's name, as their certificate says it:")
    machine.type("anna; reboot\r")
    machine.expect("not taken: ")
    machine.type("anna.staff.example\r")
    machine.expect("Put this in force")
    machine.type("yes\r")
    machine.expect("taken: the policy of the console is in force", PATIENCE)


def _with_its_own_files(policy):
    """The policy with the certificates that the console made: apply carries none."""
    node = policy / "node.yaml"
    node.write_text(node.read_text().replace("tls/mx.", "tls/gateway.").replace("tls/members.pem", "tls/gateway.pem"))
    shutil.rmtree(policy / "tls")
    return policy


def _certificate(port):
    """What is shown there, in PEM; nothing while nobody answers."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=20)
    except OSError:
        return None


def _key_digest(pem):
    """SHA-256 of the public key, as the console shows it."""
    key = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem.encode(), capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True, check=True).stdout
    return hashlib.sha256(der).hexdigest()


def _open_a_shell(appliance):
    """Nobody gets one but where the policy declares it, and the console says so as long as it does."""
    machine = appliance.machine
    machine.type("s")
    machine.type("k")
    machine.expect("Enter goes back")
    assert "debug /" not in machine.console(), "a shell that nobody declared"
    machine.type("\r")
    appliance.apply(_with_its_own_files(appliance.community.policy("debug", machine="  debug: true\n")))
    machine.expect("DEBUG: ", PATIENCE)
    machine.expect("[s] shell")
    machine.type("s")
    machine.expect("debug / #", PATIENCE)
    machine.type("echo user $(id -u), confined: $(cat /proc/self/attr/current)\r")
    machine.expect("user 0, confined: unconfined")
    machine.type("exit\r")
    machine.expect("DEBUG: ", PATIENCE)
    appliance.apply(_with_its_own_files(appliance.community.policy()))
    machine.wait(lambda: "DEBUG: " not in machine.console().rpartition("\033[2J")[2], PATIENCE, lambda: "a console without DEBUG")


def _restart_and_switch_off(appliance):
    machine = appliance.machine
    machine.type("r")
    machine.expect('type "restart"')
    machine.type("no\r")
    machine.expect("[r] restart")
    machine.type("r")
    machine.expect('type "restart"')
    machine.type("restart\r")
    machine.expect("restarting")
    machine.expect("Reached target", PATIENCE)
    machine.expect("[p] power off", PATIENCE)
    machine.wait_for_port(25, PATIENCE, b"220 ")
    appliance.wait_for_status("2 organisations")
    machine.type("p")
    machine.expect('type "power off"')
    machine.type("power off\r")
    machine.wait_until_off(PATIENCE)
