#!/usr/bin/python3
"""Whether mail notices that signatures change: the time of a transaction while sets are swapped, and without.

    SIGNATURES=PROGRAM tests/bench/scan_swap.py [SWAPS]     5 where absent

PROGRAM DIR makes a signature set of realistic size (tests/bench/README.md). First how many messages a second go in as
fast as eight connections can send; then a quarter of that, without and with swaps. Ends with 1 where a transaction
failed, or where p99 during swaps is more than twice that without. Needs smtp-sink (Postfix).
"""
import os
import subprocess
import sys
import time

import harness_path  # noqa: F401
from harness.tools import wait_until
from reload_load import load, percentile, prepare


def scanner(community):
    return community.postern("status")["scanner"]


def swaps(community, folder, count, took):
    """One after the other: a set with one signature more, until messages go to it."""
    for number in range(count):
        started = time.monotonic()
        fresh = folder / ".more.ndb"
        fresh.write_text("".join(f"More-{n}:0:*:{n:016x}beef\n" for n in range(number + 1)))
        fresh.rename(folder / "more.ndb")
        due = number + 1
        wait_until(lambda: community.postern("status")["counters"]["signature_swaps"] >= due, 120)
        took.append(time.monotonic() - started)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    program = os.environ.get("SIGNATURES") or sys.exit("set SIGNATURES to its program (tests/bench/README.md)")
    community, sink = prepare(2, 2)
    try:
        folder = community.folder / "signatures"
        subprocess.run([program, str(folder)], check=True)
        community.write_node(
            "{ connections_per_address: 1000, commands: 1000000 }", f"scanner: {{ workers: 2, signatures: {folder} }}\n"
        )
        community.start()
        wait_until(lambda: len(scanner(community)["workers"]) == 2 and scanner(community)["signatures"], 120)
        times, failed, seconds = load(community, 0, lambda: time.sleep(5))
        if failed:
            sys.exit(f"transactions failed without a swap: {failed[:3]}")
        capacity = len(times) / seconds
        community.wait_empty(60)
        took = []
        quiet, faults, _ = load(community, capacity / 4, lambda: time.sleep(30))
        busy, more, seconds = load(community, capacity / 4, lambda: swaps(community, folder, count, took))
        faults += more
        before, during = percentile(quiet, 0.99), percentile(busy, 0.99)
        print(
            f"{capacity:.0f} messages a second at most; at a quarter p50 {percentile(quiet, 0.5):.1f} ms, p99 {before:.1f} "
            f"ms; during {len(took)} swaps in {seconds:.0f} s p50 {percentile(busy, 0.5):.1f} ms, p99 {during:.1f} ms "
            f"({during / before:.2f} times), longest {1000 * busy[-1]:.0f} ms; {len(busy)} messages, {len(faults)} failed; "
            f"a swap took {sorted(took)[len(took) // 2]:.1f} s"
        )
        for fault in faults[:5]:
            print("  ", fault)
        return 0 if during <= 2 * before and not faults else 1
    finally:
        sink.terminate()
        sink.wait()
        community.close()


if __name__ == "__main__":
    sys.exit(main())
