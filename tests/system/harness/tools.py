"""Small things that every part of the harness needs: free ports, waiting, folders."""
import os
import pathlib
import random
import shutil
import socket
import tempfile
import time


def source_root():
    """The folder of the checkout."""
    return pathlib.Path(os.environ.get("POSTERN_SOURCE") or pathlib.Path(__file__).resolve().parents[3])


def program_folder():
    """Where posternd and postern were built; ctest says it, by hand it is the release build."""
    return pathlib.Path(os.environ.get("POSTERN_BIN") or source_root() / "build/release/bin")


def sanitized():
    """True where the programs run under a sanitizer, which is slow and can't be preloaded into or traced."""
    return bool(os.environ.get("POSTERN_SANITIZE"))


def free_port(address="127.0.0.1"):
    """A TCP port on which nothing listens. Below the range that outgoing connections take, so that none takes it."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(10000, 30000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on " + address)


def wait_until(condition, seconds=15, what="the condition", every=0.02):
    """The first true value of condition(); AssertionError after that many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what() if callable(what) else what}")
        time.sleep(every)


class WorkFolder:
    """A temporary folder, readable by others since a private Postfix runs as its own user. KEEP=1 keeps it."""

    def __init__(self, name):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"postern-{name}-"))
        self.path.chmod(0o755)

    def remove(self):
        if os.environ.get("KEEP"):
            print("kept:", self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
