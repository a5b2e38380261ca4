#!/bin/bash
# Into the initrd: the disk's layout, what makes and checks the data partition, and the unit that fills it.
check() { return 0; }
depends() { echo systemd systemd-initrd systemd-udevd systemd-veritysetup systemd-repart systemd-ask-password dm; }
installkernel() { instmods dm_crypt xts algif_skcipher algif_hash isofs; }
install() {
    inst_multiple cp cat mkdir mount umount sync sh ls rm mv chmod mkfs.ext4 e2fsck fsck fsck.ext4 resize2fs systemd-repart
    inst_multiple systemd-id128 blkid cmp head sed sleep tail tr udevadm wc
    install_encryption
    inst_simple /etc/mke2fs.conf
    inst_simple /usr/lib/systemd/systemd-growfs
    inst_simple /usr/lib/systemd/systemd-makefs
    inst_simple /usr/lib/systemd/systemd-fsck
    inst_multiple /usr/lib/systemd/system/{systemd-fsck@.service,systemd-fsck-root.service,systemd-growfs@.service}
    inst_simple "$moddir/postern-data.service" "$systemdsystemunitdir/postern-data.service"
    inst_simple "$moddir/prepare-data" /usr/lib/postern/prepare-data
    inst_simple "$moddir/make-data" /usr/lib/postern/make-data
    local rule
    for rule in "$dracutsysrootdir"/usr/lib/repart.d/*.conf; do inst_simple "${rule#"$dracutsysrootdir"}"; done
    inst_simple "$moddir/postern-repart.service" "$systemdsystemunitdir/postern-repart.service"
    mkdir -p "$initdir/etc/systemd/system/initrd.target.wants" "$initdir/etc/systemd/system/initrd-root-fs.target.requires"
    # systemd's own unit looks for the disk before the root is there.
    ln -sf /dev/null "$initdir/etc/systemd/system/systemd-repart.service"
    rm -f "$initdir/usr/lib/systemd/system/systemd-repart.service" "$initdir"/usr/lib/systemd/system/*.wants/systemd-repart.service
    ln -sf "$systemdsystemunitdir/postern-data.service" "$initdir/etc/systemd/system/initrd.target.wants/postern-data.service"
    ln -sf "$systemdsystemunitdir/postern-repart.service" "$initdir/etc/systemd/system/initrd-root-fs.target.requires/postern-repart.service"
}
# What opens an encrypted data partition, with a passphrase or by a TPM. systemd loads the libraries by name.
install_encryption() {
    inst_simple /usr/lib/systemd/systemd-cryptsetup
    inst_rules 90-postern-data.rules
    # Without its plugin libcryptsetup knows of no key in a TPM, and says nothing.
    inst_libdir_file "libcryptsetup.so.*" "/cryptsetup/libcryptsetup-token-systemd-tpm2.so" "libtss2-esys.so.*" "libtss2-mu.so.*" "libtss2-rc.so.*" "libtss2-sys.so.*" "libtss2-tcti-device.so.*"
}
