# Postern's programs, compiled in the Debian 13 build tree. What was compiled once is kept.
# shellcheck shell=bash

engine=$cache/engine

# in_tree TREE [--with HOST:INSIDE]... COMMAND...: runs in a tree, in mounts and processes of its own that end with it.
in_tree() {
    local root=$cache/trees/$1 mounts="" pair
    shift
    while [ "$1" = --with ]; do
        pair=$2
        mkdir -p "$root${pair##*:}"
        mounts+="mount --bind '${pair%:*}' '$root${pair##*:}'; "
        shift 2
    done
    unshare --mount --pid --ipc --fork --kill-child --propagation private bash -euc "
        mount -t proc proc '$root/proc'; mount -t sysfs -o ro sys '$root/sys'; mount --rbind /dev '$root/dev'
        mount -t tmpfs tmp '$root/tmp'; mount -t tmpfs run '$root/run'
        $mounts
        exec chroot '$root' /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 TZ=UTC \
            SOURCE_DATE_EPOCH='${SOURCE_DATE_EPOCH:-0}' \"\$@\"" in_tree "$@"
}

# Paths inside are the same on every machine, so that what comes out is too.
# Sets $programs, the folder where they lie.
make_engine() {
    local jobs=${POSTERN_IMAGE_JOBS:-$(nproc)}
    say "engine: compiling with Debian 13's compiler, $jobs at a time (the first time takes long)"
    mkdir -p "$engine"/{build,ccache}
    local inside=(in_tree build --with "$tree:/src" --with "$engine/build:/build" --with "$engine/ccache:/ccache" env CCACHE_DIR=/ccache CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime)
    quietly engine-configure "${inside[@]}" cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O2 -DNDEBUG -ffile-prefix-map=/src=. -ffile-prefix-map=/build=build" -DCMAKE_CXX_COMPILER=g++ -DCMAKE_PROJECT_INCLUDE=/src/image/lib/precompiled.cmake
    # It takes long, and nobody waits at the keyboard: others first.
    quietly engine "${inside[@]}" nice -n 10 cmake --build /build --target programs -j "$jobs" -- -k 0
    programs=$engine/build/bin
}
