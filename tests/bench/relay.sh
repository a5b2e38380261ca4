#!/bin/bash
# Postern beside Postfix as a relay, in turns on one machine: messages a second, CPU and memory.
#
#   RELAY_BENCH=PROGRAM [POSTFIX_BASELINE=PROGRAM] tests/bench/relay.sh [--tls] [--reuse] [--quick] [SIZE:SESSIONS:COUNT ...]
#
# What the two programs must be is said in tests/bench/README.md. --tls puts TLS on both sides, by stunnel around the
# generator and the sink; --reuse keeps the generator's connections; --quick is a rough look, on a busy
# machine too. One JSON line a run; a table at the end.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PATH:/usr/sbin"
tls= reuse=() rounds=5 cases=() scale=1 other=0.1
for word in "$@"; do
    case $word in
        --tls) tls=yes ;;
        --reuse) reuse=(--reuse) ;;
        --quick) rounds=2 scale=5 other=1 ;;
        [0-9]*:*:*) cases+=("$word") ;;
        *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 2 ;;
    esac
done
[ ${#cases[@]} -gt 0 ] || cases=(4096:1:3000 4096:20:20000 4096:100:20000 102400:20:5000)
: "${RELAY_BENCH:?set it to a relay-bench program (tests/bench/README.md)}"
bin=${POSTERN_BIN:-$PWD/build/release/bin}

# On the file system of the checkout, where Postfix's queue goes as well: both must pay the same flushes.
work=$(mktemp -d "$PWD/build/bench.XXXXXX")
chmod 755 "$work"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    [ -z "${POSTFIX_BASELINE:-}" ] || [ ! -d "$work/postfix" ] || "$POSTFIX_BASELINE" stop --dir "$work/postfix" || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 143' INT TERM
for port in 2525 2526 2598 2599 2602 2625 2626; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo "relay.sh: port $port is taken; what an earlier run left behind?" >&2; exit 1
    fi
done

wait_port() { for _ in $(seq 200); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.05; done
              echo "relay.sh: nothing listens on port $1" >&2; cat "$work"/*.log >&2; return 1; }

# --- Postern ---
cp -r tests/bench/community "$work/policy"
mkdir -p "$work/state" "$work/policy/tls" "$work/certificates"
"$bin/postern" ca init "$work/ca" --name "Bench" >/dev/null
for name in mx.cjsm.net mail.source.example mail.sink.example; do
    "$bin/postern" ca issue --ca "$work/ca" --name "$name" --out "$work/certificates" >/dev/null
done
cp "$work/certificates/mx.cjsm.net.pem" "$work/policy/tls/mx.pem"
cp "$work/certificates/mx.cjsm.net.key" "$work/policy/tls/mx.key"
cp "$work/ca/members.pem" "$work/policy/tls/members.pem"
next=2599
if [ -n "$tls" ]; then
    next=2598
    sed -i 's/127.0.0.1:2599"\], tls: none/127.0.0.1:2598"], tls: verify, verify_name: mail.sink.example/' \
        "$work/policy/organisations/sink.yaml"
fi
"$bin/posternd" "$work/policy" >"$work/posternd.log" 2>&1 &
pids+=($!) postern=$!
wait_port 2525

# --- TLS around generator and sink ---
front() {  # PORT RELAY-PORT: a generator in clear text on PORT speaks TLS with the relay
    printf '[front-%s]\nclient = yes\nprotocol = smtp\naccept = 127.0.0.1:%s\nconnect = 127.0.0.1:%s\ncert = %s\nkey = %s\n' \
        "$1" "$1" "$2" "$work/certificates/mail.source.example.pem" "$work/certificates/mail.source.example.key"
}
if [ -n "$tls" ]; then
    {
        printf 'foreground = yes\npid =\ndebug = 3\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n'
        front 2625 2526
        front 2626 2602
        printf '[sink]\nprotocol = smtp\naccept = 127.0.0.1:2598\nconnect = 127.0.0.1:2599\ncert = %s\nkey = %s\n' \
            "$work/certificates/mail.sink.example.pem" "$work/certificates/mail.sink.example.key"
    } >"$work/stunnel.conf"
    stunnel "$work/stunnel.conf" >"$work/stunnel.log" 2>&1 &
    pids+=($!)
    wait_port 2625
fi

# --- Postfix ---
relays=(--relay "postern=$([ -n "$tls" ] && echo 2625 || echo 2525),pid=$postern")
if [ -n "${POSTFIX_BASELINE:-}" ]; then
    settings=()
    if [ -n "$tls" ]; then
        cat "$work/certificates/mx.cjsm.net.key" "$work/certificates/mx.cjsm.net.pem" >"$work/chain.pem"
        settings=(--set 'smtpd_tls_security_level = may' --set "smtpd_tls_chain_files = $work/chain.pem"
                  --set 'smtpd_tls_ask_ccert = yes' --set "smtpd_tls_CAfile = $work/ca/ca.pem"
                  --set 'smtp_tls_security_level = secure' --set 'smtp_tls_secure_cert_match = mail.sink.example'
                  --set "smtp_tls_CAfile = $work/ca/ca.pem")
    fi
    "$POSTFIX_BASELINE" start --dir "$work/postfix" --port 2602 --sink-port $next "${settings[@]}"
    relays+=(--relay "postfix=$([ -n "$tls" ] && echo 2626 || echo 2602),pid=$(tr -d ' ' <"$work/postfix/spool/pid/master.pid")")
fi

for case in "${cases[@]}"; do
    IFS=: read -r size sessions count <<<"$case"
    "$RELAY_BENCH" --sink-port 2599 --size "$size" --sessions "$sessions" --count $((count / scale)) --rounds $rounds \
        --recipient bench@sink.example.cjsm.net "${reuse[@]}" --max-other $other "${relays[@]}"
done | tee "$work/runs"

/usr/bin/python3 tests/bench/table.py "$work/runs"
