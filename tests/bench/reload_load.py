#!/usr/bin/python3
"""Whether mail notices that generations change: the time of a transaction during 100 reloads, and without.

    tests/bench/reload_load.py [ORGANISATIONS [RULES [RELOADS]]]     10000, 1000 and 100 where absent

First how many messages a second go in as fast as eight connections can send; then a quarter of that, without and with
reloads, each of which changes one member's file. Ends with 1 where a transaction failed, or where p99 during reloads is
more than twice that without and more than 20 ms, whichever allows more. Needs smtp-sink (Postfix).
"""
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import time

import harness_path  # noqa: F401
from harness import Community, free_port, make_message
from policy_load import text_of

CONNECTIONS = 8
SENDER, RECIPIENT = "bench@greenstonechambers.co.uk", "bench@crowncourt.example.cjsm.net"
MESSAGE = make_message(SENDER, RECIPIENT, "Bench", "A line of text.\r\n" * 60) + b"\r\n.\r\n"


def rules(count):
    """Half of them tags, half limits; none of them holds, so that every one is looked at for every recipient."""
    when = "{{ recipient.organisation: member-{n}, sender.domain: \"*.domain{n}.example\" }}"
    tags = "".join(
        f"  - name: tag-{n}\n    when: {when.format(n=n)}\n    headers: {{ add: {{ X-Tag: \"{n}\" }} }}\n"
        for n in range(count // 2)
    )
    limits = "".join(
        f"  - name: limit-{n}\n    when: {when.format(n=n)}\n    message_size: {1 + n % 9} MiB\n"
        for n in range(count - count // 2)
    )
    return f"tags:\n{tags}", f"message_size: 10 MiB\nlimits:\n{limits}"


class Connection:
    """A member's server that keeps its connection and sends one message after the other."""

    def __init__(self, port, source):
        self.socket = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")
        self.sent = 0
        self.reply()
        self.say(b"EHLO bench.example\r\n")
        self.reply()

    def say(self, data):
        self.socket.sendall(data)

    def reply(self):
        while True:
            line = self.reader.readline()
            if not line:
                raise EOFError("the gateway closed the connection")
            if line[3:4] != b"-":
                return line

    def transaction(self):
        """Seconds from MAIL to the answer that decides; None if that is no 250."""
        started = time.monotonic()
        self.say(f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n".encode())
        replies = [self.reply() for _ in range(3)]
        if not replies[2].startswith(b"354"):
            return None
        self.sent += 1
        self.say(f"X-Bench: {os.getpid()} {self.sent}\r\n".encode() + MESSAGE)  # no two are the same
        return time.monotonic() - started if self.reply().startswith(b"250") else None


def send(port, source, interval, begin, ended, results):
    """One sender: as fast as it can, or one message each `interval` seconds, late ones at once."""
    times, failed = [], []
    try:
        connection = Connection(port, source)
        due = begin
        while not ended.is_set():
            if interval:
                time.sleep(max(0.0, due - time.monotonic()))
                due = max(due + interval, time.monotonic() - 1)
            took = connection.transaction()
            failed.append("refused") if took is None else times.append(took)
    except (OSError, EOFError) as error:
        failed.append(repr(error))
    results.put((times, failed))


def load(community, rate, work):
    """(times, faults, seconds) of transactions while work() runs; rate 0: as many as there can be."""
    ended, results = multiprocessing.Event(), multiprocessing.Queue()
    started = time.monotonic()
    senders = []
    for n in range(CONNECTIONS):
        interval = CONNECTIONS / rate if rate else 0
        begin = started + 0.2 + (interval * n / CONNECTIONS)
        senders.append(
            multiprocessing.Process(
                target=send,
                args=(community.port, community.members["greenstone"].source, interval, begin, ended, results),
            )
        )
        senders[-1].start()
    work()
    ended.set()
    times, failed = [], []
    for _ in senders:
        some, faults = results.get(timeout=60)
        times += some
        failed += faults
    seconds = time.monotonic() - started
    for sender in senders:
        sender.join()
    return sorted(times), failed, seconds


def percentile(times, share):
    return 1000 * times[min(len(times) - 1, int(len(times) * share))]


def reloads(community, count, took):
    for n in range(count):
        community.policy.write("organisations/member-1.yaml", text_of(1, 1 + n % 9))
        started = time.monotonic()
        community.reload()
        took.append(time.monotonic() - started)
        time.sleep(0.02)


def prepare(organisations, count):
    community = Community("reload", tls=False)
    for n in range(organisations):
        (community.policy.folder / "organisations" / f"member-{n}.yaml").write_text(text_of(n))
    tags, limits = rules(min(count, 2 * organisations))
    community.policy.write("tagging.yaml", tags)
    community.policy.write("limits.yaml", limits)
    for name in ("content.yaml", "permissions.yaml", "alerts.yaml"):
        (community.policy.folder / name).unlink(missing_ok=True)
    for name in ("tests", "lua"):
        shutil.rmtree(community.policy.folder / name, ignore_errors=True)
    sink = free_port()
    community.deliver_to("crown-court", sink, more="\n  concurrency: 20")
    for member in ("greenstone", "crown-court"):
        community.policy.organisation(member, "users", "any")
    community.write_node("{ connections_per_address: 1000, commands: 1000000 }")
    program = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin") or sys.exit("smtp-sink is not there")
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    server = subprocess.Popen([program, *as_user, f"127.0.0.1:{sink}", "1000"], stdout=subprocess.DEVNULL)
    return community, server


def main():
    given = [int(word) for word in sys.argv[1:4]]
    organisations, count, wanted = given + [10_000, 1_000, 100][len(given) :]
    community, sink = prepare(organisations, count)
    try:
        community.start(ready=False)
        while community.run("status").returncode:
            if community.process.poll() is not None:
                sys.exit("posternd ended:\n" + community.log_tail())
            time.sleep(0.05)
        times, failed, seconds = load(community, 0, lambda: time.sleep(5))
        capacity = len(times) / seconds
        if failed:
            sys.exit(f"transactions failed without a reload: {failed[:3]}")
        community.wait_empty(60)
        took = []
        quiet, faults, _ = load(community, capacity / 4, lambda: time.sleep(15))
        busy, more, seconds = load(community, capacity / 4, lambda: reloads(community, wanted, took))
        faults += more
        before, during = percentile(quiet, 0.99), percentile(busy, 0.99)
        print(
            f"{organisations} organisations, {count} rules: {capacity:.0f} messages a second at most; at a quarter p50 "
            f"{percentile(quiet, 0.5):.1f} ms, p99 {before:.1f} ms; during {len(took)} reloads in {seconds:.0f} s p50 "
            f"{percentile(busy, 0.5):.1f} ms, p99 {during:.1f} ms (at most {max(2 * before, 20):.1f}), longest "
            f"{1000 * busy[-1]:.0f} ms; {len(busy)} messages, {len(faults)} failed; a reload took "
            f"{1000 * sorted(took)[len(took) // 2]:.0f} ms"
        )
        for fault in faults[:5]:
            print("  ", fault)
        return 0 if during <= max(2 * before, 20) and not faults else 1
    finally:
        sink.terminate()
        sink.wait()
        community.close()


if __name__ == "__main__":
    sys.exit(main())
