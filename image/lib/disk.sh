# From root and kernel to files that a hypervisor or an update takes.
# shellcheck shell=bash

# Root and hash tree, as one slot holds both. Sets $root_hash.
make_slot() {
    say "slot: erofs and dm-verity"
    find "$root" -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    # What is linked elsewhere (the update's parts) stays as it is.
    rm -f "$cache"/work/root.{erofs,verity} "$cache"/work/{kernel,loader}.efi
    quietly erofs tools mkfs.erofs ${POSTERN_IMAGE_COMPRESSION:--zzstd,9 -C131072} -T "$SOURCE_DATE_EPOCH" --all-time -U "$(uuid_of root)" -x -1 /job/root.erofs /root-tree
    local size
    size=$(stat -c %s "$cache/work/root.erofs")
    [ "$size" -le $((250 * 1024 * 1024)) ] || die "the root has $size bytes, and may have 250 MiB" "take packages or modules out"
    : >"$cache/work/root.verity"
    quietly verity tools veritysetup format --uuid "$(uuid_of verity)" --salt "$(printf '%s' "salt $version" | digest_of)" \
        --root-hash-file /job/root.hash /job/root.erofs /job/root.verity
    root_hash=$(cat "$cache/work/root.hash")
}

# A UUID that only depends on the version and what it is for.
uuid_of() {
    local digest
    digest=$(printf 'postern %s %s' "$version" "$1" | digest_of)
    printf '%s-%s-4%s-8%s-%s' "${digest:0:8}" "${digest:8:4}" "${digest:13:3}" "${digest:17:3}" "${digest:20:12}"
}

# How systemd finds the halves: the first and the last 128 bits of the root hash.
half_of_hash() {
    local hex=${1:$2:32}
    printf '%s-%s-%s-%s-%s' "${hex:0:8}" "${hex:8:4}" "${hex:12:4}" "${hex:16:4}" "${hex:20:12}"
}

make_esp() {
    local esp=$cache/work/esp
    rm -rf "$esp"
    mkdir -p "$esp"/{EFI/BOOT,EFI/systemd,EFI/Linux,loader/keys/postern}
    cp "$cache/work/loader.efi" "$esp/EFI/BOOT/BOOTX64.EFI"
    cp "$cache/work/loader.efi" "$esp/EFI/systemd/systemd-bootx64.efi"
    cp "$cache/work/kernel.efi" "$esp/EFI/Linux/postern_$version.efi"
    cp "$keys"/{PK,KEK,db}.auth "$esp/loader/keys/postern/"
    printf 'timeout 2\neditor no\nauto-firmware no\nauto-entries yes\nconsole-mode keep\nsecure-boot-enroll manual\n' >"$esp/loader/loader.conf"
    find "$esp" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
}

make_disk() {
    say "disk: ESP, two slots"
    make_esp
    local definitions=$cache/work/repart
    rm -rf "$definitions"
    mkdir -p "$definitions"
    sed "s/%A/$version/; /^Format/a CopyFiles=/job/esp:/" "$here/repart/00-esp.conf" >"$definitions/00-esp.conf"
    sed "s/%A/$version/; \$a CopyBlocks=/job/root.erofs\nUUID=$(half_of_hash "$root_hash" 0)" "$here/repart/10-root-a.conf" >"$definitions/10-root-a.conf"
    sed "s/%A/$version/; \$a CopyBlocks=/job/root.verity\nUUID=$(half_of_hash "$root_hash" 32)" "$here/repart/11-verity-a.conf" >"$definitions/11-verity-a.conf"
    cp "$here"/repart/2*.conf "$definitions/"
    rm -f "$cache/work/disk.raw"
    quietly repart tools systemd-repart --empty=create --offline=yes --sector-size=512 --size=auto --dry-run=no --no-pager \
        --seed="$(uuid_of disk)" --definitions=/job/repart /job/disk.raw
}
