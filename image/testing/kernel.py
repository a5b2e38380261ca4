"""The unified kernel image of an appliance's disk, taken apart: kernel, initrd, command line."""
import dataclasses
import pathlib
import struct
import subprocess


def partition_offset(path, number):
    """Where partition `number` of a GPT disk begins, in bytes; numbers count from 1."""
    with open(path, "rb") as disk:
        disk.seek(2 * 512 + (number - 1) * 128 + 32)
        return int.from_bytes(disk.read(8), "little") * 512


def partition_bytes(path, number):
    """Its length, in bytes."""
    with open(path, "rb") as disk:
        disk.seek(2 * 512 + (number - 1) * 128 + 32)
        first, last = struct.unpack("<QQ", disk.read(16))
    return (last - first + 1) * 512


def sections(image):
    """Name -> bytes of a PE image's sections."""
    header = struct.unpack_from("<I", image, 0x3C)[0]
    count, optional = struct.unpack_from("<H", image, header + 6)[0], struct.unpack_from("<H", image, header + 20)[0]
    found = {}
    for number in range(count):
        name, size, _, stored, start = struct.unpack_from("<8sIIII", image, header + 24 + optional + 40 * number)
        found[name.rstrip(b"\0").decode()] = image[start:start + min(size, stored)]
    return found


@dataclasses.dataclass(frozen=True)
class Kernel:
    linux: pathlib.Path
    initrd: pathlib.Path
    command_line: str

    @classmethod
    def of(cls, disk, folder):
        """That of the first slot of a raw disk image, written to files in the folder."""
        esp = f"{disk}@@{partition_offset(disk, 1)}"
        listed = subprocess.run(["mdir", "-b", "-i", esp, "::EFI/Linux"], capture_output=True, text=True, check=True).stdout.split()
        unified = pathlib.Path(folder) / "kernel.efi"
        subprocess.run(["mcopy", "-o", "-i", esp, listed[0], str(unified)], check=True)
        parts = sections(unified.read_bytes())
        unified.unlink()
        linux, initrd = pathlib.Path(folder) / "linux", pathlib.Path(folder) / "initrd"
        linux.write_bytes(parts[".linux"])
        initrd.write_bytes(parts[".initrd"])
        return cls(linux, initrd, parts[".cmdline"].rstrip(b"\0\n").decode())
