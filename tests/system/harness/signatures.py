"""Small virus signature sets, made here: nothing is downloaded.

The EICAR test file is harmless and known to every scanner by agreement; it stands here in two halves, so that no scanner
takes this file for it.
"""
import hashlib
import pathlib

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SAMPLES = pathlib.Path("/usr/share/clamav-testfiles")


def body(name, text, place="*"):
    """A line of an .ndb file: this text, anywhere in a file, or at its start with place 0."""
    return f"{name}:0:{place}:{text.hex()}\n"


def eicar_set(more=""):
    return body("Eicar-Test-Signature", EICAR, 0) + more


def write_set(folder, more="", name="test.ndb"):
    """The set in that folder, whole at once, as freshclam does it."""
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    unfinished = folder / ("." + name)
    unfinished.write_text(eicar_set(more))
    unfinished.replace(folder / name)
    return folder


def samples_set():
    """Lines of an .hdb file that knows the program that every file of clamav-testfiles holds."""
    program = (SAMPLES / "clam.exe").read_bytes()
    return f"{hashlib.md5(program).hexdigest()}:{len(program)}:Clam.Test.File\n"
