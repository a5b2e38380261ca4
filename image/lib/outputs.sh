# What people take away: disk images, the update, the bill of materials, digests, a signed manifest.
# shellcheck shell=bash

out=$cache/out

make_outputs() {
    local name=postern_$version
    say "outputs"
    rm -f "$out/$name".*
    cp --sparse=always "$cache/work/disk.raw" "$out/$name.raw"
    quietly qcow2 qemu-img convert -f raw -O qcow2 -c "$out/$name.raw" "$out/$name.qcow2"
    make_ova "$name"
    make_bill "$name"
    make_update "$name"
    (cd "$out" && sha256sum "$name".{raw,qcow2,ova,spdx.json,update,packages} >"$name.sha256")
    sign "$out/$name.sha256"
    show_sizes "$name"
}

show_sizes() {
    local name=$1 size file
    size=$(stat -c %s "$out/$name.qcow2")
    [ "$size" -le $((200 * 1024 * 1024)) ] || die "the compressed image has $size bytes, and may have 200 MiB" "take packages or modules out"
    say "made, in $out:"
    for file in raw qcow2 ova update spdx.json packages sha256 sha256.sig; do
        printf '       %-34s %5d MiB on disk\n' "$name.$file" $(($(du -k "$out/$name.$file" | cut -f1) >> 10)) >&2
    done
    say "compressed $((size >> 20)) MiB (at most 200), root $(($(stat -c %s "$cache/work/root.erofs") >> 20)) MiB (at most 250)"
}

sign() { openssl pkeyutl -sign -rawin -inkey "$keys/update.key" -in "$1" -out "$1.sig"; }

# For VMware and VirtualBox: an OVF description, its manifest, and a stream-optimised disk.
make_ova() {
    local folder=$cache/work/ova name=$1 capacity
    rm -rf "$folder"
    mkdir -p "$folder"
    quietly vmdk qemu-img convert -f raw -O vmdk -o subformat=streamOptimized "$out/$name.raw" "$folder/$name.vmdk"
    capacity=$(stat -c %s "$out/$name.raw")
    sed -e "s/%NAME/$name/g; s/%VERSION/$version/g; s/%CAPACITY/$capacity/; s/%SIZE/$(stat -c %s "$folder/$name.vmdk")/" \
        "$here/postern.ovf" >"$folder/$name.ovf"
    (cd "$folder" && for file in "$name.ovf" "$name.vmdk"; do printf 'SHA256(%s)= %s\n' "$file" "$(digest_of <"$file")"; done >"$name.mf")
    tar --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$folder" -cf "$out/$name.ova" \
        "$name.ovf" "$name.mf" "$name.vmdk"
}

# SPDX 2.3: every Debian package with the digest that the archive's signed index has for it, and Postern itself.
make_bill() {
    local name=$1
    sort "$cache/work/packages.list" >"$out/$name.packages"
    /usr/bin/python3 "$here/lib/bill.py" "$name" "$version" "$SOURCE_DATE_EPOCH" "$out/$name.packages" "$catalogue/packages" >"$out/$name.spdx.json"
}

# The update: a manifest, its signature, and what the manifest names, in the order in which they are needed.
make_update() {
    local folder=$cache/work/update
    rm -rf "$folder"
    mkdir -p "$folder"
    ln "$cache/work/root.erofs" "$cache/work/root.verity" "$cache/work/kernel.efi" "$folder/"
    {
        echo "postern-update 1"
        echo "version $version"
        echo "root-hash $root_hash"
        (cd "$folder" && for file in root.erofs root.verity kernel.efi; do echo "file $file $(stat -c %s "$file") $(digest_of <"$file")"; done)
    } >"$folder/manifest"
    openssl pkeyutl -sign -rawin -inkey "$keys/update.key" -in "$folder/manifest" -out "$folder/manifest.sig"
    tar --format=ustar --owner=0 --group=0 --numeric-owner --mode=644 --mtime="@$SOURCE_DATE_EPOCH" -C "$folder" \
        -cf "$out/$1.update" manifest manifest.sig root.erofs root.verity kernel.efi
}
