"""What must not work: changed bytes, unsigned kernels, hostile configuration disks, a full data partition."""
import os
import pathlib
import shutil
import subprocess
import tarfile

from .appliance import CACHE, IMAGE, PATIENCE, WORK, Appliance, image
from .community import Community
from .kernel import partition_bytes, partition_offset
from .machine import Machine, run


def copied(name):
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / name
    run("cp", "--sparse=always", image(), path)
    return path


def flipped():
    """one flipped bit in each of the first blocks of the root is detected"""
    broken = copied("flipped.raw")
    with open(broken, "r+b") as disk:
        # Behind the superblock: in the first files that are read.
        place = partition_offset(broken, 2) + 64 * 1024
        for offset in range(place, place + 40 * 1024 * 1024, 4096):
            disk.seek(offset)
            byte = disk.read(1)
            disk.seek(offset)
            disk.write(bytes([byte[0] ^ 1]))
    shutil.rmtree(WORK / "flipped", ignore_errors=True)
    with Machine(broken, WORK / "flipped") as machine:
        said = machine.wait_for_console("dm-verity", "data block", "Kernel panic", "[k] key", seconds=PATIENCE)
        assert said != "[k] key", said
    broken.unlink()


def unsigned():
    """with the maker's keys in the firmware an image that they did not sign is refused, and the signed one starts"""
    WORK.mkdir(parents=True, exist_ok=True)
    keys = WORK / "keys.fd"
    subprocess.run([str(IMAGE / "lib/enrol"), str(keys)], check=True)
    stranger = copied("unsigned.raw")
    run("mcopy", "-o", "-i", f"{stranger}@@{partition_offset(stranger, 1)}", CACHE / "trees/tools/usr/lib/systemd/boot/efi/systemd-bootx64.efi",
        "::EFI/BOOT/BOOTX64.EFI")
    for folder in ("unsigned", "enrolled"):
        shutil.rmtree(WORK / folder, ignore_errors=True)
    with Machine(stranger, WORK / "unsigned", secure_boot=keys) as machine:
        machine.wait_for_console("Access Denied", "Security Violation", seconds=PATIENCE)
    stranger.unlink()
    with Machine(image(), WORK / "enrolled", secure_boot=keys) as machine:
        machine.wait_for_console("postern: there is no policy yet", seconds=PATIENCE)


# --- configuration disks ---
def fat(path, size_kib=8192):
    path.unlink(missing_ok=True)
    run("mkfs.vfat", "-C", "-n", "POSTERN", path, size_kib)
    return path


def put(disk, folder):
    run("mcopy", "-i", disk, "-s", folder, "::")


def staged(folder, policy):
    target = folder / "postern"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(policy, target)
    return target


def other_file_system(folder, _):
    disk = folder / "ext4.img"
    with open(disk, "wb") as file:
        file.truncate(8 << 20)
    run("mkfs.ext4", "-q", "-L", "POSTERN", disk)
    return disk


def without_policy(folder, _):
    return fat(folder / "empty.img")


def with_errors(folder, policy):
    inside = staged(folder, policy)
    (inside / "limits.yaml").write_text("message_siez: 1 MiB\n")
    disk = fat(folder / "errors.img")
    put(disk, inside)
    return disk


def with_many_files(folder, policy):
    inside = staged(folder, policy)
    (inside / "many").mkdir()
    for number in range(5100):
        (inside / "many" / f"{number}.yaml").write_text("x")
    disk = fat(folder / "many.img", 65536)
    put(disk, inside)
    return disk


def too_large(folder, policy):
    inside = staged(folder, policy)
    with open(inside / "large.pem", "wb") as file:
        for _ in range(40):
            file.write(os.urandom(1 << 20))
    disk = fat(folder / "large.img", 65536)
    put(disk, inside)
    return disk


def damaged(folder, policy):
    """Both allocation tables and what follows overwritten with noise; the label stays."""
    disk = fat(folder / "damaged.img")
    put(disk, staged(folder, policy))
    with open(disk, "r+b") as file:
        start = file.read(64)
        reserved, tables, entries = start[14] + 256 * start[15], start[16], start[17] + 256 * start[18]
        length = (start[22] + 256 * start[23]) * 512
        root = 512 * reserved + tables * length
        file.seek(512 * reserved + 8)
        file.write(os.urandom(tables * length - 8))
        file.seek(root + entries * 32)
        file.write(os.urandom(1 << 20))
    return disk


DISKS = (
    (other_file_system, 'its file system is "ext4"'),
    (without_policy, "it has no postern/node.yaml"),
    (with_errors, "its policy has errors"),
    (with_many_files, "it has more than 5000 files"),
    (too_large, "bytes, and at most 33554432 are"),
    (damaged, "is not taken: it "),
)


def credential_with_link(folder, policy):
    tarred = folder / "link.tar"
    with tarfile.open(tarred, "w") as tar:
        tar.add(policy, "postern")
        link = tarfile.TarInfo("postern/outside")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    return tarred


def credential_of_noise(folder, _):
    noise = folder / "noise.tar"
    noise.write_bytes(os.urandom(1 << 16))
    return noise


CREDENTIALS = (
    (credential_with_link, "it has links or special files"),
    (credential_of_noise, "it is no tar"),
)


def disks():
    """refuses configuration disks and credentials that are broken, missing, huge or hostile, says why, and goes on asking"""
    folder = WORK / "disks"
    shutil.rmtree(folder, ignore_errors=True)
    community = Community(folder / "community")
    policy = community.policy()
    try:
        for make, why in DISKS:
            _refused(folder, make, why, lambda machine, path: machine.attach(path), policy)
        for make, why in CREDENTIALS:
            _refused(folder, make, why, lambda machine, path: machine.credential("postern.configuration", path), policy)
    finally:
        community.close()


def _refused(folder, make, why, give, policy):
    refused = Machine(image(), folder / make.__name__)
    give(refused, make(folder, policy))
    refused.boot_kernel()
    with refused as machine:
        machine.wait_for_console(why, "took the policy", seconds=PATIENCE)
        machine.wait_for_console("Not configured", seconds=PATIENCE)
        assert "is not taken" in machine.shown() and "took the policy" not in machine.shown(), make.__name__
        line = next(line for line in machine.shown().splitlines() if "is not taken" in line)
        print(f"      {make.__name__}: {line.split('postern: ')[-1].strip()}", flush=True)
    shutil.rmtree(folder / make.__name__)


# --- a full disk ---
def full():
    """with not one block left on the data partition it starts, puts mail off and says so, and goes on once there is room"""
    with Appliance("full", disk_size="1800M") as appliance:
        appliance.ready()
        appliance.carries("With room")
        appliance.machine.cut()
        filler = _fill(appliance.machine)
        appliance.start()
        refused = appliance.send("Without room")
        assert refused.code in (421, 451, 452), str(refused)
        print(f"      says: {refused}", flush=True)
        appliance.wait_for_status("ALARM")
        print("\n".join("      " + line for line in appliance.said("status").splitlines() if "ALARM" in line or "storage" in line))
        appliance.machine.cut()
        filler()
        appliance.ready()
        appliance.carries("Room again")


def _fill(machine):
    """Files until nothing fits, not even what ext4 keeps for root. Returns what takes them away again."""
    raw, part = machine.folder / "disk.raw", machine.folder / "data.ext4"

    def outside(*commands):
        run("qemu-img", "convert", "-O", "raw", machine.disk, raw)
        offset, length = partition_offset(raw, 6), partition_bytes(raw, 6)
        run("dd", f"if={raw}", f"of={part}", "bs=1M", "iflag=skip_bytes,count_bytes", f"skip={offset}", f"count={length}", "conv=sparse")
        subprocess.run(["e2fsck", "-fy", str(part)], capture_output=True, check=False)  # its journal; 1 means that it was read
        for command in commands:
            subprocess.run(["debugfs", "-w", "-R", command, str(part)], capture_output=True, text=True, check=False)
        free = int(next(line.split(":")[1] for line in run("dumpe2fs", "-h", part).splitlines() if line.startswith("Free blocks:")))
        run("dd", f"if={part}", f"of={raw}", "bs=1M", "oflag=seek_bytes", f"seek={offset}", "conv=notrunc")
        run("qemu-img", "convert", "-O", "qcow2", raw, machine.disk)
        raw.unlink()
        part.unlink()
        return free

    filler = machine.folder / "filler"
    with open(filler, "wb") as file:
        for _ in range(2048):
            file.write(b"\xa5" * (1 << 20))
    small = machine.folder / "small"
    small.write_bytes(b"\xa5" * 4096)
    free = outside(f"write {filler} filler", *(f"write {small} small{number}" for number in range(40)))
    filler.unlink()
    assert free < 8, f"{free} blocks are still free"
    return lambda: outside("rm filler", *(f"rm small{number}" for number in range(40)))
