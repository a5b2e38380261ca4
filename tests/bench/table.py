"""The summaries of a relay comparison as a table, with Postern's share of what Postfix needs or does.

    table.py RUNS [SIZE:TIMES:SHARE ...]

With what is due for a size, at least TIMES the messages at SHARE of the CPU at most, it ends with 1 where that is missed.
"""
import json
import sys


def median(summary, key):
    value = summary.get(key)
    return value[0] if isinstance(value, list) else value


def main():
    by_case, missed = {}, False
    due = {int(size): (float(times), float(share)) for size, times, share in (w.split(":") for w in sys.argv[2:])}
    for line in open(sys.argv[1], encoding="utf-8"):
        try:
            run = json.loads(line)
        except ValueError:
            continue
        if "summary" in run:
            by_case.setdefault((run["size"], run["sessions"]), {})[run["summary"]] = run
    print(
        f"\n{'size':>7} {'sessions':>8}  {'relay':8} {'msg/s':>8} {'ms CPU/msg':>10} {'MB':>6} "
        f"{'flushes/msg':>11} {'twice':>5}"
    )
    for (size, sessions), relays in by_case.items():
        for label, run in relays.items():
            cells = [median(run, key) for key in ("msgs_s", "cpu_ms_msg", "rss_mb", "flushes_msg", "dup")]
            print(
                f"{size:7} {sessions:8}  {label:8} "
                + " ".join(
                    f"{'-' if cell is None else round(cell, 2):>{width}}"
                    for cell, width in zip(cells, (8, 10, 6, 11, 5))
                )
            )
        if {"postern", "postfix"} <= relays.keys():
            ours, theirs = relays["postern"], relays["postfix"]
            times = median(ours, "msgs_s") / median(theirs, "msgs_s")
            share = median(ours, "cpu_ms_msg") / median(theirs, "cpu_ms_msg")
            print(f"{'':16}  -> {times:.2f} times the messages, {share:.2f} of the CPU for each", end="")
            if size in due:
                met = times >= due[size][0] and share <= due[size][1]
                missed = missed or not met
                print(f"; due {due[size][0]:g} and {due[size][1]:.2f}: {'met' if met else 'MISSED'}", end="")
            print()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
