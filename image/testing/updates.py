"""Updates: good ones, broken ones, foreign ones."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

from .appliance import CACHE, IMAGE, OUTPUT, PATIENCE, WORK, Appliance, version
from .machine import run

# What a maker may do wrong: without the program that looks for viruses no mail can be taken. It need not wait five
# minutes to find out.
BROKEN = "rm -f usr/bin/postern-scan; sed -i s/^patience=.*/patience=90/ usr/lib/postern/health"


def keys():
    """The maker's."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.environ.get("HOME", "/root"), ".config")
    return pathlib.Path(os.environ.get("POSTERN_IMAGE_KEYS") or os.path.join(home, "postern/image-keys"))


def following(step):
    numbers = version().split(".")
    return ".".join(numbers[:-1] + [str(int(numbers[-1]) + step)])


def made(number, change=None):
    """An update of that version, of the cached trees; made where it is older than the image that takes it."""
    path = OUTPUT / f"postern_{number}.update"
    base = OUTPUT / f"postern_{version()}.raw"
    if not path.exists() or path.stat().st_mtime < base.stat().st_mtime:
        command = [str(IMAGE / "build"), "--version", number, "--update-only"] + (["--change", change] if change else [])
        subprocess.run(command, check=True)
    return path


def update():
    """version 2 into the other slot while mail flows, marked good; back and forth; a broken version 3 falls back with an alarm"""
    second, third = made(following(1)), made(following(2), BROKEN)
    with Appliance("update") as appliance:
        appliance.ready()
        appliance.carries("Before")
        _published(appliance, second)
        _next_version(appliance, second, "Meanwhile")
        appliance.carries("After")
        appliance.postern("firmware", "rollback")
        appliance.wait_for_firmware(f"version {version()}\n")
        appliance.wait_for_status("signatures ")
        assert "not healthy" not in appliance.said("status"), appliance.said("status")
        appliance.carries("Back by hand")
        _next_version(appliance, second, "Meanwhile again")
        _broken(appliance, third)
        for subject in ("Before", "Meanwhile", "After", "Back by hand", "Meanwhile again", "Fallen back"):
            for member in ("court", "chambers"):
                assert appliance.arrived(subject, member) == 1, f"{subject}: {appliance.arrived(subject, member)} times at the {member}"


def _published(appliance, update):
    """What the declared place of updates has is told by its manifest, over TLS that the declared authorities prove."""
    with tarfile.open(update) as tar:
        for name in ("manifest", "manifest.sig"):
            tar.extract(name, appliance.community.folder / "updates")
    said = appliance.said("firmware", "check")
    assert f"version {following(1)} is newer than {version()}" in said, said


def _next_version(appliance, second, subject):
    state = appliance.install(second)
    assert "is installed" in state, state
    appliance.carries(subject)
    appliance.postern("firmware", "restart")
    appliance.wait_for_firmware(f"version {following(1)}\n")
    appliance.machine.expect(f"healthy: version {following(1)}", PATIENCE)
    appliance.wait_for_status("signatures ")


def _broken(appliance, third):
    state = appliance.install(third)
    assert "is installed" in state, state
    appliance.postern("firmware", "restart")
    appliance.machine.expect(f"version {following(2)} was not healthy", 4 * PATIENCE)
    appliance.wait_for_firmware(f"version {following(1)}\n")
    appliance.wait_for_status(f"Version {following(2)} was not healthy")
    _told_that_it_fell_back(appliance)
    appliance.carries("Fallen back")


def _told_that_it_fell_back(appliance):
    """The event firmware_fell_back, in the list of alerts and as mail to whom alerts.yaml says."""
    def told():
        return any(f"Version {following(2)} was not healthy" in message.content.decode("utf-8", "replace")
                   for message in appliance.community.servers["court"].messages)
    appliance.machine.wait(told, PATIENCE, lambda: f"mail about the old version; alerts: {appliance.said('alert', 'list')}")
    listed = json.loads(appliance.postern("alert", "list", "--json"))["alerts"]
    events = [alert["event"] for alert in listed if alert["rule"] == "fell-back"]
    assert events == ["firmware_fell_back"], listed


def rewritten(update, target, manifest=lambda text: text, key=None, leave_out=()):
    """The update with another manifest, signed by this key; unsigned without one."""
    folder = target.with_suffix(".parts")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(update) as tar:
        tar.extractall(folder)
        names = tar.getnames()
    (folder / "manifest").write_text(manifest((folder / "manifest").read_text()))
    (folder / "manifest.sig").unlink()
    if key:
        run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", folder / "manifest", "-out", folder / "manifest.sig")
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            if (folder / name).exists() and name not in leave_out:
                tar.add(folder / name, name)
    shutil.rmtree(folder)
    return target


def bad_updates(good, folder):
    """Files that no appliance may install; what the gateway says of each when it is sent (nothing: takes
    it), and what the program that would install it says, to which nobody's word counts."""
    cut, changed, stranger = folder / "cut.update", folder / "changed.update", folder / "stranger.key"
    whole = good.read_bytes()
    cut.write_bytes(whole[: 8 << 20])
    late = bytearray(whole)
    late[len(whole) // 2] ^= 1
    changed.write_bytes(late)
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", stranger)
    number = f"version {following(1)}\n"
    # What is refused by its manifest need not carry more.
    light = {"leave_out": ("root.erofs", "root.verity", "kernel.efi")}
    maker = keys() / "update.key"
    return (
        (rewritten(good, folder / "unsigned.update", **light), "has no manifest.sig", "breaks off"),
        (rewritten(good, folder / "foreign.update", key=stranger, **light), "signature is not that of this appliance's maker",
         "signature is not that of this appliance's maker"),
        (rewritten(good, folder / "older.update", lambda text: text.replace(number, "version 0.0.1\n"), maker, **light),
         "only a newer one is taken", "which is older"),
        (rewritten(good, folder / "same.update", lambda text: text.replace(number, f"version {version()}\n"), maker, **light),
         "only a newer one is taken", "which is running"),
        (cut, None, "breaks off"),
        (rewritten(good, folder / "short.update", key=maker, **light), None, "breaks off"),
        (changed, None, "is not what the manifest says"),
    )


def program_says(update):
    """What the image's own program makes of an update that lies before it, whoever let it through. Run in the root that an
    image was last made of, as if it were this version's, with a data partition that goes with it."""
    script = """
        mount --bind "$1" /mnt
        for folder in var run tmp; do mount -t tmpfs $folder /mnt/$folder; done
        mount -t proc proc /mnt/proc
        echo "$3" >/mnt/tmp/version
        mount --bind /mnt/tmp/version /mnt/usr/lib/postern/version
        mkdir -p /mnt/var/lib/postern/firmware /mnt/var/lib/postern-machine /mnt/run/postern-machine
        cp "$2" /mnt/var/lib/postern/firmware/incoming
        echo install >/mnt/var/lib/postern/firmware/order
        chroot /mnt /usr/lib/postern/firmware >&2
        cat /mnt/run/postern-machine/firmware"""
    return run("unshare", "--mount", "--pid", "--fork", "--propagation", "private", "bash", "-euc", script, "program", CACHE / "root", update, version())


def foreign():
    """refuses updates that are truncated, changed, unsigned, foreign, older or not whole, and stays up on what it had"""
    good = made(following(1))
    (WORK / "foreign-program").mkdir(parents=True, exist_ok=True)
    for path, _, why in bad_updates(good, WORK / "foreign-program"):
        said = program_says(path)
        assert said.startswith("refused: ") and why in said, f"{path.name}: {said}"
    shutil.rmtree(WORK / "foreign-program")
    with Appliance("foreign") as appliance:
        appliance.ready()
        for path, early, why in bad_updates(good, WORK / "foreign"):
            state = appliance.said("firmware", "install", path) if early else appliance.install(path)
            print(f"      {path.name}: {state.splitlines()[-1]}", flush=True)
            assert "refused:" in state and (early or why) in state, f"{path.name}: {state}"
            path.unlink()
        appliance.carries("Still")
        appliance.machine.cut()
        appliance.start()
        assert f"version {version()}\n" in appliance.firmware(), appliance.firmware()
