#!/usr/bin/python3
"""How long a large policy takes to load and to reload, and whether mail notices.

    tests/bench/policy_load.py [ORGANISATIONS]     10000 where absent

Prints the cold load (start until posternd answers) and a reload with one changed file; ends with 1 where they take
more than 4 s and 1 s, or a transaction failed meanwhile.
"""
import sys
import threading
import time

import harness_path  # noqa: F401
from harness import ERIC, LISTING_INSIDE, Community, make_message

ORGANISATION = """organisation: member-{n}
name: Member {n}
kind: server
kind_of_body: solicitors
users: any
domains: [member{n}.example]
administrators: [clerk@member{n}.example]
connects_from:
  networks: [10.{a}.{b}.{c}]
  certificate: {{ name: mail.member{n}.example }}
deliver_to:
  hosts: ["mail.member{n}.example:25"]
  tls: verify
limits: {{ message_size: {size} MiB }}
"""


def text_of(n, size=5):
    return ORGANISATION.format(n=n, a=n >> 16 & 255, b=n >> 8 & 255, c=n & 255, size=size)


class Traffic(threading.Thread):
    """Sends one message after the other and keeps what failed and the longest time one took."""

    def __init__(self, community):
        super().__init__(daemon=True)
        self.community, self.ended, self.failed, self.sent, self.longest = community, threading.Event(), [], 0, 0.0

    def run(self):
        while not self.ended.is_set():
            started = time.monotonic()
            try:
                reply = self.community.send(
                    "greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Meanwhile")
                )
                if reply.code != 250:
                    self.failed.append(str(reply))
            except (OSError, EOFError) as error:
                self.failed.append(repr(error))
            self.sent += 1
            self.longest = max(self.longest, time.monotonic() - started)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    community = Community("policy")
    for n in range(count):
        (community.policy.folder / "organisations" / f"member-{n}.yaml").write_text(text_of(n))
    started = time.monotonic()
    community.start(ready=False)
    while community.run("status").returncode:
        if community.process.poll() is not None:
            sys.exit("posternd ended:\n" + community.log_tail())
        time.sleep(0.02)
    cold = time.monotonic() - started
    try:
        community.import_directory()
        traffic = Traffic(community)
        traffic.start()
        warm = []
        for size in (6, 7, 8, 9, 10):
            community.policy.write("organisations/member-1.yaml", text_of(1, size))
            started = time.monotonic()
            community.reload()
            warm.append(time.monotonic() - started)
            time.sleep(0.3)
        traffic.ended.set()
        traffic.join()
        print(
            f"{count} organisations: cold load {cold:.2f} s (at most 4), reload with one changed file "
            f"{max(warm):.2f} s at worst of {len(warm)} (at most 1); "
            f"{traffic.sent} messages meanwhile, {len(traffic.failed)} failed, longest "
            f"{1000 * traffic.longest:.0f} ms"
        )
        for fault in traffic.failed[:5]:
            print("  ", fault)
        return 0 if cold <= 4 and max(warm) <= 1 and not traffic.failed else 1
    finally:
        community.close()


if __name__ == "__main__":
    sys.exit(main())
