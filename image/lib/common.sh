# What the steps of image/build and image/test share: words for people, the folders, and how a step is kept.
# Sourced, never run. $here is image/, $tree the source tree.
# shellcheck shell=bash

tree=$(dirname "$here")
cache=${POSTERN_IMAGE_CACHE:-$tree/build/image}
architecture=amd64
suite=trixie

started=$SECONDS
say() { printf '[%3ds] %s\n' $((SECONDS - started)) "$*" >&2; }

# Ends with what is missing, and what to do about it.
die() {
    printf 'image: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '       %s\n' "${@:2}" >&2
    exit 1
}

# What no package brings: found out before anything is made.
check_machine() {
    local free
    [ "$(id -u)" = 0 ] || die "root is needed: trees of Debian packages belong to it" "sudo image/build"
    [ "$(dpkg --print-architecture)" = $architecture ] || die "images are made on $architecture machines only"
    unshare --mount --pid --fork --propagation private true 2>/dev/null ||
        die "this machine permits no mounts of one's own (unshare fails)" "a container needs CAP_SYS_ADMIN for it"
    mkdir -p "$cache"
    free=$(df --output=avail -BM "$cache" | tail -n 1 | tr -dc 0-9)
    [ "$free" -ge 8000 ] || die "$cache has $free MiB left, and 8000 are needed" "POSTERN_IMAGE_CACHE names another place"
}

# quietly NAME COMMAND...: output goes to a log, which is shown where the command fails.
quietly() {
    local log=$cache/logs/$1.log
    mkdir -p "$cache/logs"
    if ! "${@:2}" >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        die "\"$1\" failed" "the whole of its output is in $log"
    fi
}

# is_made FOLDER DIGEST: whether FOLDER was made whole from what has this digest.
is_made() { [ "$(cat "$1.made" 2>/dev/null)" = "$2" ]; }
mark_made() { printf '%s\n' "$2" >"$1.made"; }

digest_of() { sha256sum | cut -d' ' -f1; }

# Packages of the lists NAME..., one requirement a line with its alternatives, as image/packages/install reads them.
requirements() {
    local list
    for list in "$@"; do
        sed 's/#.*//; s/|/ /g; s/[[:space:]]\+/ /g; s/^ //; s/ $//; /^$/d' "$here/packages/$list.txt"
    done
}
