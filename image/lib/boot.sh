# What the firmware starts: initrd, unified kernel image with the root's hash inside, loader, all signed.
# shellcheck shell=bash

command_line() {
    echo "root=/dev/mapper/root rootfstype=erofs ro roothash=$1" \
        "systemd.verity_root_options=panic-on-corruption rd.shell=0 rd.emergency=reboot panic=20" \
        "lockdown=confidentiality apparmor=1 security=apparmor slab_nomerge init_on_alloc=1 init_on_free=1" \
        "no_timer_check page_alloc.shuffle=1 randomize_kstack_offset=on vsyscall=none debugfs=off module.sig_enforce=1" \
        "systemd.default_device_timeout_sec=300 systemd.firstboot=no systemd.import_credentials=no console=tty0 console=ttyS0,115200 quiet loglevel=4 systemd.show_status=yes"
}

make_initrd() {
    local release modules
    release=$(ls "$root/usr/lib/modules")
    modules="erofs dm-verity dm-mod dm-crypt ext4 loop vfat nls_cp437 nls_ascii nls_iso8859-1 virtio_pci virtio_blk virtio_scsi virtio_net"
    modules+=" nvme ahci ata_piix sd_mod sr_mod vmw_pvscsi mptspi mptsas hv_storvsc hv_vmbus xen-blkfront crc32c qemu_fw_cfg"
    say "initrd"
    in_root_quietly initrd dracut --force --no-hostonly --no-hostonly-cmdline --reproducible --zstd --no-early-microcode \
        --modules "base systemd systemd-initrd systemd-udevd systemd-modules-load systemd-veritysetup systemd-repart dm fs-lib kernel-modules rootfs-block shutdown postern" \
        --drivers "$modules" --force-drivers "erofs dm-verity ext4" --kver "$release" /initrd
    mv "$root/initrd" "$cache/work/initrd"
}

# dracut asks for proc, sys and dev.
in_root_quietly() {
    local name=$1
    shift
    quietly "$name" unshare --mount --pid --fork --kill-child --propagation private bash -euc "
        mount -t proc proc '$root/proc'; mount -t sysfs -o ro sys '$root/sys'; mount --rbind /dev '$root/dev'
        mount -t tmpfs tmp '$root/tmp'; mount -t tmpfs run '$root/run'; mount -t tmpfs vartmp '$root/var/tmp'
        exec chroot '$root' /usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 TZ=UTC SOURCE_DATE_EPOCH='$SOURCE_DATE_EPOCH' \"\$@\"" \
        in_root "$@"
}

# The builder's keys: Secure Boot's (PK, KEK, db are one owner's) and the one that signs updates. Made once, kept apart.
make_keys() {
    if [ -s "$keys/db.key" ] && [ -s "$keys/update.key" ]; then return; fi
    say "keys: made in $keys (keep them: an appliance takes updates of these keys only)"
    (umask 077; mkdir -p "$keys")
    local name
    for name in PK KEK db; do
        quietly "key-$name" openssl req -new -x509 -newkey rsa:2048 -sha256 -nodes -days 7300 -subj "/CN=Postern image $name/" \
            -keyout "$keys/$name.key" -out "$keys/$name.pem"
    done
    quietly key-update openssl genpkey -algorithm ed25519 -out "$keys/update.key"
    openssl pkey -in "$keys/update.key" -pubout -out "$keys/update.pub"
    uuidgen -r >"$keys/owner" 2>/dev/null || cat /proc/sys/kernel/random/uuid >"$keys/owner"
    chmod 600 "$keys"/*.key
}

tools() { in_tree tools --with "$cache/work:/job" --with "$keys:/keys" --with "$here:/image" --with "$root:/root-tree" "$@"; }

# Signatures bear the time of their making: it is that of the tree's last commit.
signing_tools() { tools faketime -f "$(date -u -d "@$SOURCE_DATE_EPOCH" '+%F %T')" "$@"; }

make_kernel() {
    local hash=$1
    say "kernel image: root hash ${hash:0:16}..."
    command_line "$hash" >"$cache/work/cmdline"
    cp "$root/usr/lib/os-release" "$cache/work/os-release"
    cp "$cache/trees/base/boot"/vmlinuz-* "$cache/work/vmlinuz"
    quietly ukify signing_tools ukify build --linux=/job/vmlinuz --initrd=/job/initrd --cmdline=@/job/cmdline --os-release=@/job/os-release \
        --uname="$(ls "$root/usr/lib/modules")" --stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub \
        --secureboot-private-key=/keys/db.key --secureboot-certificate=/keys/db.pem --output=/job/kernel.efi
    quietly loader signing_tools sbsign --key /keys/db.key --cert /keys/db.pem --output /job/loader.efi \
        /usr/lib/systemd/boot/efi/systemd-bootx64.efi
}

# Signed lists that a firmware in setup mode takes from the loader's menu. They bear the time of their making: made once,
# they stay with the keys.
make_enrolment() {
    if [ -s "$keys/db.auth" ]; then return; fi
    quietly enrolment tools bash -euc '
        owner=$(cat /keys/owner)
        for name in PK KEK db; do
            openssl x509 -in /keys/$name.pem -outform DER -out /job/$name.der
            sbsiglist --owner "$owner" --type x509 --output /job/$name.esl /job/$name.der
        done
        sbvarsign --key /keys/PK.key --cert /keys/PK.pem --output /keys/PK.auth PK /job/PK.esl
        sbvarsign --key /keys/PK.key --cert /keys/PK.pem --output /keys/KEK.auth KEK /job/KEK.esl
        sbvarsign --key /keys/KEK.key --cert /keys/KEK.pem --output /keys/db.auth db /job/db.esl'
}
