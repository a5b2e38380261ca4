#!/usr/bin/python3
"""What a large directory costs each message: two gateways of one policy, in turns.

    tests/bench/people_relay.py [MESSAGES [RUNS]]      3000 and 5 where absent

One has 200,000 users in 2,000 organisations, the other as few as the demo. Both carry mail to the same 20 organisations,
whose next hop is one smtp-sink: with the large directory to 2,000 different users, so that memory does not know them at
first. Prints the CPU of the gateway for each message, the median of the runs, and ends with 1 where the large directory
costs more than 10 % more.
"""
import os
import pathlib
import shutil
import smtplib
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("POSTERN_BIN", ROOT / "build/release/bin"))
ORGANISATIONS, USERS, WRITTEN_TO, CONNECTIONS, MOST = 2000, 200_000, 20, 4, 1.10
SENDER = "clerk@source.example"
LETTER = "From: <%s>\r\nTo: <%s>\r\nSubject: Case\r\n\r\n" + "text of a letter\r\n" * 100
MEMBERS = 10_000

NODE = """\
name: mx.cjsm.net
listeners:
  - name: clear
    address: "127.0.0.1:{port}"
    clear_text: true
    limits: {{ connections: 1000, connections_per_address: 1000, commands: 1000000 }}
storage: {{ directory: ../state }}
control: {{ socket: ../state/control }}
log: ../log
scanner: {{ signatures: none }}
"""
ROUTING = """\
community: { suffix: cjsm.net, operator: postmaster@cjsm.net }
retry: { first: 1 second, factor: 2, at_most: 10 seconds, jitter: 20 %, delay_report: 4 hours, give_up: 1 day }
"""
TAGGING = """\
tags:
  - name: secure-subject
    when: { recipient.organisation.kind: server }
    subject: { prefix: "CJSM: ", once: true }
"""
MEMBER = """\
organisation: {id}
name: {id}
kind: server
users: {users}
domains: [{domain}]
connects_from: {{ networks: [{network}] }}
deliver_to: {{ hosts: ["127.0.0.1:{sink}"], tls: none }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class Gateway:
    def __init__(self, folder, name, users, sink):
        self.folder, self.port = folder / name, free_port()
        policy = self.folder / "policy"
        (policy / "organisations").mkdir(parents=True)
        (self.folder / "state").mkdir()
        (policy / "node.yaml").write_text(NODE.format(port=self.port))
        (policy / "routing.yaml").write_text(ROUTING)
        (policy / "tagging.yaml").write_text(TAGGING)
        source = MEMBER.format(id="source", users="any", domain="source.example", network="127.0.0.1", sink=sink)
        (policy / "organisations/source.yaml").write_text(source)
        for number in range(ORGANISATIONS):
            text = MEMBER.format(id=f"member-{number}", users="listed", domain=f"member-{number}.example",
                                 network=f"10.{number >> 8}.{number & 255}.1", sink=sink)
            (policy / f"organisations/member-{number}.yaml").write_text(text)
        self.process = subprocess.Popen([BIN / "posternd", policy])
        self.control = self.folder / "state/control"
        wait_for(lambda: self.process.poll() is not None or (self.control.exists() and self.answers()), 60, f"{name} to start")
        if self.process.poll() is not None:
            raise RuntimeError("posternd does not start")
        self.addresses = self.fill(users)

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def postern(self, *words):
        done = subprocess.run([BIN / "postern", "--socket", self.control, *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"postern {words[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")
        return done.stdout

    def fill(self, users):
        """Imports them, and gives those that are written to."""
        rows, written_to = ["organisation,address,name"], []
        for user in range(users):
            number = user % min(users, ORGANISATIONS)
            rows.append(f"member-{number},person.u{user}@member-{number}.example,Person {user}")
            if number < WRITTEN_TO:
                written_to.append(f"person.u{user}@member-{number}.example.cjsm.net")
        file = self.folder / "directory.csv"
        if users >= MEMBERS:
            # As an address book's export has it: one cell.
            rows[0] += ",kind,owner,members"
            rows[1:] = [row + ",,," for row in rows[1:]]
            members = " ".join(row.split(",")[1] for row in rows[1 :: users // MEMBERS])
            rows.append(f"member-0,everybody@member-0.example,Everybody,list,person.u0@member-0.example,{members}")
        file.write_text("\n".join(rows) + "\n")
        self.postern("directory", "import", "--remove", str(file))
        return written_to

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, count):
        def some(first):
            with smtplib.SMTP("127.0.0.1", self.port, local_hostname="mail.source.example") as client:
                for number in range(first, count, CONNECTIONS):
                    to = self.addresses[number * 7 % len(self.addresses)]
                    client.sendmail(SENDER, [to], LETTER % (SENDER, to))

        threads = [threading.Thread(target=some, args=(first,)) for first in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: "the queue is empty" in self.postern("queue", "list"), 120, "the queue to be empty")

    def expand(self):
        """Milliseconds from the 250 of a message to a list of 10,000 until the copy for its members is stored."""
        database = sqlite3.connect(f"file:{self.folder / 'state/mail.db'}?mode=ro", uri=True)
        recipients = lambda: database.execute("SELECT count(*) FROM recipient").fetchone()[0]
        with smtplib.SMTP("127.0.0.1", self.port, local_hostname="mail.source.example") as client:
            before = recipients()
            client.sendmail(SENDER, ["everybody@member-0.example.cjsm.net"], LETTER % (SENDER, "everybody"))
            started = time.monotonic()
            while recipients() < before + MEMBERS:
                if time.monotonic() > started + 60:
                    raise RuntimeError("the list is not expanded")
                time.sleep(0.002)
            return 1000 * (time.monotonic() - started)

    def measure(self, count):
        """Milliseconds of CPU for each message."""
        before = self.cpu()
        self.send(count)
        return 1000 * (self.cpu() - before) / count

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    (ROOT / "build").mkdir(exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench.", dir=ROOT / "build"))
    sink_port, started = free_port(), []
    program = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin")
    sink = subprocess.Popen([program, "-u", "nobody", f"127.0.0.1:{sink_port}", "1000"])
    try:
        small = Gateway(folder, "small", WRITTEN_TO, sink_port)
        started.append(small)
        large = Gateway(folder, "large", USERS, sink_port)
        started.append(large)
        for gateway in (small, large):
            gateway.send(100)  # what is made once is made
        took = {"small": [], "large": []}
        for _ in range(runs):
            took["small"].append(small.measure(count))
            took["large"].append(large.measure(count))
            print(f"{took['small'][-1]:.3f} ms with {WRITTEN_TO} users, {took['large'][-1]:.3f} ms with {USERS}", flush=True)
        print(f"a list of {MEMBERS}: {large.expand():.0f} ms from its 250 until the copy for its members is stored")
        ratio = statistics.median(took["large"]) / statistics.median(took["small"])
        print(f"CPU for each message with the large directory: {ratio:.3f} of that with the small one (at most {MOST})")
        return 0 if ratio <= MOST else 1
    finally:
        for gateway in started:
            gateway.stop()
        sink.terminate()
        sink.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
