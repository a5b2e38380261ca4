"""An encrypted data partition: opened by the machine's TPM, or by a passphrase at the console."""
from .appliance import PATIENCE, WORK, Appliance
from .kernel import partition_offset
from .machine import run

PASSPHRASE = "correct horse battery staple"


def encrypted():
    """keeps its data encrypted where that is asked for: opened by this TPM and no other, or by a passphrase at the console"""
    _by_tpm()
    _by_passphrase()
    _by_nonsense()


def _is_encrypted(machine):
    """Whether the data partition's own first bytes are those of LUKS."""
    raw = machine.folder / "disk.raw"
    run("qemu-img", "convert", "-O", "raw", machine.disk, raw)
    with open(raw, "rb") as disk:
        disk.seek(partition_offset(raw, 6))
        magic = disk.read(6)
    raw.unlink()
    return magic == b"LUKS\xba\xbe"


def _by_tpm():
    with Appliance("encrypted-tpm") as appliance:
        machine = appliance.machine
        word = machine.folder / "encryption"
        word.write_text("tpm2\n")
        machine.credential("postern.encryption", word)
        machine.attach_tpm()
        appliance.start()
        machine.wait_for_console("data encrypted", seconds=PATIENCE)
        appliance.carries("Sealed")
        machine.cut()
        assert _is_encrypted(machine)
        appliance.start()
        appliance.carries("Opened by the TPM")
        machine.cut()
        machine.forget_tpm()
        machine.start()
        machine.expect("Failed to unseal secret using TPM2", PATIENCE)
        print("      another TPM does not open it", flush=True)


def _by_passphrase():
    with Appliance("encrypted-passphrase", configured=False) as appliance:
        machine = appliance.machine
        machine.attach(appliance.community.configuration_disk(appliance.policy, WORK / "encrypted-passphrase/configuration.img", encryption="passphrase"))
        machine.start()
        for first, second in (("short", "short"), (PASSPHRASE, PASSPHRASE + "r"), (PASSPHRASE, PASSPHRASE)):
            machine.expect("New passphrase", PATIENCE)
            machine.type(first + "\r")
            machine.expect("once more", PATIENCE)
            machine.type(second + "\r")
        machine.wait_for_port(25, PATIENCE, b"220 ")
        appliance.carries("Sealed")
        machine.cut()
        assert _is_encrypted(machine)
        machine.start()
        for attempt in ("not the passphrase", PASSPHRASE):
            machine.expect("enter passphrase", PATIENCE)
            machine.type(attempt + "\r")
        machine.wait_for_port(25, PATIENCE, b"220 ")
        appliance.carries("Opened by its passphrase")


def _by_nonsense():
    with Appliance("encrypted-nonsense") as appliance:
        word = appliance.machine.folder / "encryption"
        word.write_text("rot13\n")
        appliance.machine.credential("postern.encryption", word)
        appliance.machine.start()
        appliance.machine.expect("is no encryption", PATIENCE)
