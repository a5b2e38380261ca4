#!/usr/bin/python3
"""What an idle connection costs, and whether mail flows while thousands are held.

    tests/bench/idle.py [CONNECTIONS]      10000 where absent

Prints resident memory for each connection before STARTTLS and with TLS, and how long messages take meanwhile; ends
with 1 where more than 32 KiB or 128 KiB are used, or a message fails.
"""
import os
import resource
import statistics
import sys
import time

import harness_path  # noqa: F401
from harness import ERIC, LISTING_INSIDE, Community, make_message

MOST = {"before STARTTLS": 32, "with TLS": 128}


def resident(pid):
    """KiB."""
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("posternd is gone")


def send_some(community, count=50):
    """Milliseconds of single messages, each over a connection of its own."""
    times = []
    for number in range(count):
        started = time.monotonic()
        reply = community.send(
            "greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, f"Meanwhile {number}")
        )
        if reply.code != 250:
            raise AssertionError(f"a message failed: {reply}")
        times.append(1000 * (time.monotonic() - started))
    return times


def measure(community, what, count, tls):
    send_some(community)  # what is made once is made
    before, held = resident(community.process.pid), []
    started = time.monotonic()
    for number in range(count):
        client = community.client("crown-court" if number % 2 else "greenstone", hello=False)
        client.ehlo()
        if tls:
            client.starttls()
            client.ehlo()
        held.append(client)
    took = time.monotonic() - started
    each = (resident(community.process.pid) - before) / count
    times = send_some(community)
    late = 0
    for client in held[:: max(1, count // 100)]:
        late += client.command("NOOP").code != 250
    print(
        f"{count} connections {what}: {each:.1f} KiB each (at most {MOST[what]}), opened in {took:.1f} s; "
        f"a message meanwhile takes {statistics.median(times):.1f} ms (longest {max(times):.1f}); {late} had gone",
        flush=True,
    )
    for client in held:
        client.close()
    time.sleep(2)
    return each <= MOST[what] and not late


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < count + 500:
        sys.exit(f"only {most} open files are allowed here (ulimit -Hn)")
    os.environ.pop("POSTERN_SANITIZE", None)
    right = []
    for what, tls in (("before STARTTLS", False), ("with TLS", True)):
        # An engine of its own for each: memory that an earlier one freed would be used again and not be seen.
        community = Community("idle")
        community.write_node(limits="{ connections: 50000, connections_per_address: 50000 }")
        with community:
            right.append(measure(community, what, count, tls))
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
