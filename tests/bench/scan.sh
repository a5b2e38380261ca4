#!/bin/bash
# Postern with its scanner beside Postfix with clamav-milter and clamd, in turns, with the same signatures.
#
#   RELAY_BENCH=PROGRAM POSTFIX_BASELINE=PROGRAM SIGNATURES=PROGRAM tests/bench/scan.sh [--quick] [SIZE:SESSIONS:COUNT ...]
#
# What the three programs must be is said in tests/bench/README.md. --quick is a rough look, on a busy machine too.
# One JSON line a run; a table at the end, and 1 as exit code where what is due is missed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PATH:/usr/sbin"
rounds=5 cases=() scale=1 other=0.1
while [ $# -gt 0 ]; do
    case $1 in
        --quick) rounds=2 scale=4 other=1 ;;
        [0-9]*:*:*) cases+=("$1") ;;
        *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 2 ;;
    esac
    shift
done
[ ${#cases[@]} -gt 0 ] || cases=(4096:20:3000 102400:20:2000)
for name in RELAY_BENCH POSTFIX_BASELINE SIGNATURES; do
    [ -n "${!name:-}" ] || { echo "scan.sh: set $name to its program (tests/bench/README.md)" >&2; exit 2; }
done
bin=${POSTERN_BIN:-$PWD/build/release/bin}

work=$(mktemp -d "$PWD/build/scan-bench.XXXXXX")
chmod 755 "$work"
pids=()
finish() {
    [ ! -d "$work/postfix" ] || "$POSTFIX_BASELINE" stop --dir "$work/postfix" || true
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' INT TERM
for port in 2525 2526 2599 2602 2610; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo "scan.sh: port $port is taken; what an earlier run left behind?" >&2; exit 1
    fi
done

wait_for() {  # WHAT COMMAND...: until it succeeds
    local what=$1; shift
    for _ in $(seq 1200); do "$@" 2>/dev/null && return; sleep 0.1; done
    echo "scan.sh: $what did not come" >&2; cat "$work"/*.log >&2; return 1
}
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

"$SIGNATURES" "$work/signatures"
chmod -R a+rX "$work/signatures"

# --- Postern ---
cp -r tests/bench/community "$work/policy"
mkdir -p "$work/state" "$work/policy/tls"
"$bin/postern" ca init "$work/ca" --name "Bench" >/dev/null
"$bin/postern" ca issue --ca "$work/ca" --name mx.cjsm.net --out "$work/ca" >/dev/null
cp "$work/ca/mx.cjsm.net.pem" "$work/policy/tls/mx.pem"
cp "$work/ca/mx.cjsm.net.key" "$work/policy/tls/mx.key"
cp "$work/ca/members.pem" "$work/policy/tls/members.pem"
sed -i '/^scanner:/d' "$work/policy/node.yaml"
echo "scanner: { workers: 2, signatures: $work/signatures }" >>"$work/policy/node.yaml"
"$bin/posternd" "$work/policy" >"$work/posternd.log" 2>&1 &
pids+=($!) postern=$!
wait_for "Postern" port_open 2525
has_signatures() { "$bin/postern" --socket "$work/state/control" status --json | grep -q '"signature_count":[1-9]'; }
wait_for "Postern's signatures" has_signatures

# --- clamd and its milter ---
cat >"$work/clamd.conf" <<END
Foreground yes
DatabaseDirectory $work/signatures
LocalSocket $work/clamd.socket
TemporaryDirectory /tmp
MaxThreads 2
OfficialDatabaseOnly no
END
clamd --config-file="$work/clamd.conf" >"$work/clamd.log" 2>&1 &
pids+=($!) clamd=$!
wait_for "clamd" test -S "$work/clamd.socket"
cat >"$work/milter.conf" <<END
Foreground yes
MilterSocket inet:2610@127.0.0.1
ClamdSocket unix:$work/clamd.socket
OnInfected Reject
OnFail Defer
END
clamav-milter --config-file="$work/milter.conf" >"$work/milter.log" 2>&1 &
pids+=($!) milter=$!
wait_for "clamav-milter" port_open 2610
"$POSTFIX_BASELINE" start --dir "$work/postfix" --port 2602 --sink-port 2599 --milter inet:127.0.0.1:2610
postfix=$(tr -d ' ' <"$work/postfix/spool/pid/master.pid")

for case in "${cases[@]}"; do
    IFS=: read -r size sessions count <<<"$case"
    "$RELAY_BENCH" --sink-port 2599 --size "$size" --sessions "$sessions" --count $((count / scale)) --rounds $rounds \
        --recipient bench@sink.example.cjsm.net --max-other $other --relay "postern=2525,pid=$postern" \
        --relay "postfix=2602,pid=$postfix,pid=$clamd,pid=$milter"
done | tee "$work/runs"

# At least 3 times the messages at a third of the CPU for 4 KiB; twice at half for 100 KiB.
/usr/bin/python3 tests/bench/table.py "$work/runs" 4096:3:0.333 102400:2:0.5
