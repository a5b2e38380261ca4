"""How well the appliance is closed: figures that are printed, and floors that hold."""
import os
import re
import shutil


from .appliance import CACHE, IMAGE, PATIENCE, WORK, Appliance
from .machine import run

MOST_EXPOSED = 2.0  # by systemd-analyze security: 0 is best, 10 worst
LEAST_LYNIS = int(os.environ.get("POSTERN_LEAST_LYNIS", "70"))  # of 100
MOST_MEMORY = 250  # MiB, without virus signatures of the real kind
PROFILES = sorted(path.name for path in (IMAGE / "tree/etc/apparmor.d").glob("postern*"))
# A shell with all rights, which runs only where the policy declares it.
UNCONFINED = ("postern-debug@.service",)

# Of lynis, for minutes each where everything is emulated, and about nothing that is in the image: when each of the world's
# authorities ends, IPv6's modes, PHP.
SLOW_TESTS = ("CRYP-7902", "NETW-2600", "PHP-2211")

UNIT = """[Unit]
Description=Look from inside
After=posternd.service postern-status.service

[Service]
Type=oneshot
ExecStartPre=/usr/bin/mkdir -p /run/inspect
ExecStartPre=/usr/bin/mount -t erofs -o ro /dev/disk/by-label/inspect /run/inspect
ExecStart=/usr/bin/bash /run/inspect/inspect /run/inspect
TimeoutStartSec=3600
"""


def tools(*command, outside=None):
    """A program of the tools tree, which has Debian 13's; `outside` is seen there as /job."""
    mount = f"mount --bind '{outside}' '{CACHE}/trees/tools/job'; " if outside else ""
    script = f"mkdir -p '{CACHE}/trees/tools/job'; {mount} mount -t proc proc '{CACHE}/trees/tools/proc'; exec chroot '{CACHE}/trees/tools' \"$@\""
    return run("unshare", "--mount", "--pid", "--fork", "--propagation", "private", "bash", "-euc", script, "tools",
               "/usr/bin/env", "LC_ALL=C.UTF-8", "COLUMNS=150", "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0", *command)


def exposures():
    """Service -> its figure, of the units as the image has them."""
    folder = WORK / "units/usr/lib/systemd/system"
    shutil.rmtree(WORK / "units", ignore_errors=True)
    folder.mkdir(parents=True)
    found = {}
    for unit in sorted((IMAGE / "tree/usr/lib/systemd/system").glob("*.service")):
        if unit.name in UNCONFINED:
            continue
        shutil.copy(unit, folder)
        said = tools("systemd-analyze", "security", "--offline=true", "--root=/job", "--no-pager", unit.name, outside=WORK / "units")
        found[unit.name] = float(re.search(r"Overall exposure level for [^:]+: ([0-9.]+)", said).group(1))
    return found


def inspection_disk(path):
    """inspect and lynis, as erofs: nothing of either is in the image."""
    folder = WORK / "inspection"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(IMAGE / "testing/inspect", folder / "inspect")
    tree = CACHE / "trees/tools"
    for part in ("usr/sbin/lynis", "usr/share/lynis", "etc/lynis"):
        target = folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-rL", tree / part, target)
    with open(folder / "etc/lynis/default.prf", "a") as profile:
        profile.writelines(f"skip-test={test}\n" for test in SLOW_TESTS)
    run("cp", "-r", tree / "etc/lynis/plugins", folder / "usr/share/lynis/plugins")
    tools("mkfs.erofs", "--quiet", "-L", "inspect", "--all-root", "/job/inspection.erofs", "/job/inspection", outside=WORK)
    os.replace(WORK / "inspection.erofs", path)
    shutil.rmtree(folder)
    return path


def look_inside(machine):
    """Has the machine, when it starts, run image/testing/inspect; returns the file in which its words come."""
    words = machine.folder / "inside.txt"
    machine.attach(inspection_disk(machine.folder / "inspection.img"))
    unit = machine.folder / "unit"
    unit.write_text(UNIT)
    machine.told_by_firmware("systemd.extra-unit.inspect.service", unit)
    machine.boot_kernel("systemd.import_credentials=yes", "systemd.wants=inspect.service")
    machine.second_serial(words)
    return words


def blocks(text):
    """Name -> text of what inspect printed."""
    found = {}
    for part in text.replace("\r", "").split("\n== ")[1:]:
        name, _, rest = part.partition("\n")
        found[name.strip()] = rest.strip()
    return found


def kib(memory, name):
    return int(re.search(rf"{name}:\s+(\d+) kB", memory).group(1))


def hardened():
    """sandboxes, lynis, AppArmor, core dumps, journal, firewall and memory are as they should be"""
    wrong = []

    def check(holds, what):
        if not holds:
            wrong.append(what)

    for unit, figure in exposures().items():
        print(f"      {unit:32} exposed {figure}", flush=True)
        check(figure <= MOST_EXPOSED, f"{unit} is exposed {figure}, and may be {MOST_EXPOSED}")
    with Appliance("hardened") as appliance:
        words = look_inside(appliance.machine)
        appliance.ready()
        appliance.machine.wait(lambda: "\n== end" in (words.read_text(errors="replace") if words.exists() else ""), 3 * PATIENCE, lambda: "the inspection's end")
        inside = blocks(words.read_text(errors="replace"))
    for name in ("failed", "denied", "lockdown", "cores", "journal"):
        print(f"      {name}: " + "; ".join(inside[name].splitlines()))
    check(not inside["failed"], f"units have failed: {inside['failed']}")
    check(not inside["denied"], f"profiles have kept services from what they do: {inside['denied']}")
    for profile in PROFILES:
        check(f"{profile} (enforce)" in inside["profiles"].splitlines(), f"the profile {profile} is not enforced")
    for program in ("posternd", "console"):
        check(re.search(rf"\b{program} postern[a-z-]* \(enforce\)", inside["confined"]), f"{program} is not confined: {inside['confined']}")
    check("[confidentiality]" in inside["lockdown"], "the kernel is not locked down")
    check("/bin/false" in inside["cores"] and re.search(r"core file size\s+0\s+0", inside["cores"]), f"core dumps: {inside['cores']}")
    check("/var/log/journal" in inside["journal"], f"the journal is not kept: {inside['journal']}")
    for text in ("hook input priority filter; policy drop", "hook output priority filter; policy drop", "limit rate over 120/minute", "hook forward priority filter; policy drop"):
        check(text in inside["firewall"], f"the firewall has no \"{text}\"")
    check(" /dev/mapper/root / " not in inside["mounts"] and "/dev/mapper/root / erofs ro" in inside["mounts"], "the root is not read-only")
    used = (kib(inside["memory"], "MemTotal") - kib(inside["memory"], "MemAvailable")) / 1024
    print(f"      memory in use: {used:.0f} MiB")
    check(used <= MOST_MEMORY, f"{used:.0f} MiB are in use, and may be {MOST_MEMORY}")
    index = int(re.search(r"hardening_index=(\d+)", inside.get("lynis", "hardening_index=0")).group(1))
    print(f"      lynis: {index} of 100")
    print("\n".join("        " + line for line in inside.get("lynis", "").splitlines() if line.startswith(("warning", "suggestion")))[:6000])
    check(index >= LEAST_LYNIS, f"lynis gives {index}, and should give {LEAST_LYNIS}")
    assert not wrong, "\n".join(wrong)
