# The image's root: the Debian packages of the base tree, Postern, the files of image/tree, and nothing that a gateway
# does not need.
# shellcheck shell=bash

root=$cache/root

# Kernel modules of a machine with a screen, a radio or a sound card; and file systems, protocols and buses that no
# gateway has. What is left drives the disks and network cards of hypervisors and servers.
unneeded_modules=(
    sound drivers/gpu drivers/media drivers/staging drivers/bluetooth drivers/infiniband drivers/iio drivers/isdn
    drivers/net/wireless drivers/net/can drivers/net/ieee802154 drivers/net/wwan drivers/net/wan drivers/net/hamradio
    drivers/net/plip drivers/net/slip drivers/net/arcnet drivers/net/fddi drivers/net/appletalk drivers/net/usb drivers/nfc
    drivers/firewire drivers/parport drivers/pcmcia drivers/comedi drivers/gnss drivers/greybus drivers/hsi drivers/accel
    drivers/input/joystick drivers/input/tablet drivers/input/touchscreen drivers/memstick drivers/mmc drivers/mtd
    drivers/power drivers/thunderbolt drivers/usb/gadget drivers/usb/serial drivers/usb/storage drivers/usb/misc drivers/w1
    drivers/platform/x86 drivers/platform/chrome drivers/platform/surface drivers/soundwire drivers/video/fbdev drivers/vfio
    drivers/target drivers/ufs drivers/uwb drivers/xen/xenbus drivers/crypto/qat drivers/crypto/intel drivers/rpmsg
    drivers/edac drivers/ntb drivers/spi drivers/pinctrl
    fs/btrfs fs/xfs fs/f2fs fs/jfs fs/reiserfs fs/nilfs2 fs/ocfs2 fs/gfs2 fs/ceph fs/nfs fs/nfsd fs/smb fs/ubifs fs/jffs2 fs/udf
    fs/hfs fs/hfsplus fs/ntfs3 fs/minix fs/ufs fs/affs fs/befs fs/bfs fs/adfs fs/afs fs/9p fs/coda fs/dlm fs/ecryptfs fs/exfat
    fs/freevxfs fs/omfs fs/orangefs fs/qnx4 fs/qnx6 fs/romfs fs/sysv fs/hpfs fs/efs fs/cramfs fs/bcachefs fs/zonefs fs/vboxsf
    fs/netfs fs/fscache fs/cachefiles fs/lockd
    net/bluetooth net/wireless net/mac80211 net/mac802154 net/ieee802154 net/nfc net/can net/tipc net/sctp net/dccp net/rds
    net/ax25 net/netrom net/rose net/atm net/appletalk net/x25 net/lapb net/batman-adv net/openvswitch net/ceph net/9p net/sunrpc
    net/l2tp net/mpls net/6lowpan net/phonet net/hsr net/kcm net/rxrpc net/smc net/vmw_vsock net/decnet net/wimax net/rfkill
)

# What only installing needs. The list of what was installed is kept, for the image's bill of materials.
installers='
    usr/bin/apt usr/bin/apt-cache usr/bin/apt-cdrom usr/bin/apt-config usr/bin/apt-get usr/bin/apt-key
    usr/bin/apt-mark usr/lib/apt usr/share/bash-completion etc/apt usr/share/keyrings usr/bin/dpkg usr/bin/dpkg-deb
    usr/bin/dpkg-divert usr/bin/dpkg-maintscript-helper usr/bin/dpkg-query usr/bin/dpkg-realpath usr/bin/dpkg-split
    usr/bin/dpkg-statoverride usr/bin/dpkg-trigger usr/sbin/dpkg-fsys-usrunmess usr/sbin/dpkg-preconfigure
    usr/sbin/dpkg-reconfigure usr/sbin/start-stop-daemon usr/share/dpkg etc/dpkg usr/share/debconf usr/share/perl5
    usr/bin/perl usr/bin/perl5.40.1 usr/lib/x86_64-linux-gnu/perl-base usr/lib/x86_64-linux-gnu/libapt-pkg.so.7.0*
    usr/lib/x86_64-linux-gnu/libapt-private.so.0.0* usr/share/zsh usr/share/lintian usr/share/bug usr/share/gcc
    usr/share/initramfs-tools etc/initramfs-tools usr/share/pixmaps usr/share/info usr/share/man usr/share/locale
    usr/share/menu usr/share/polkit-1 usr/share/vim usr/share/applications usr/share/doc-base usr/share/python3
    usr/include usr/games etc/cron.daily etc/cron.weekly etc/kernel etc/init.d etc/rc*.d usr/bin/debconf*
    usr/bin/deb-systemd-* usr/bin/chsh usr/bin/chfn usr/bin/passwd usr/bin/su usr/bin/login usr/bin/newgrp usr/bin/sg
    usr/bin/gpasswd usr/bin/expiry usr/bin/chage usr/bin/faillog usr/bin/lastlog usr/sbin/useradd usr/sbin/usermod
    usr/sbin/userdel usr/sbin/adduser usr/sbin/deluser usr/sbin/newusers usr/sbin/vipw usr/sbin/chpasswd
    usr/sbin/sulogin usr/sbin/agetty usr/bin/gpgv* usr/bin/script usr/bin/scriptreplay usr/bin/scriptlive usr/bin/wall usr/bin/write
    usr/bin/mesg usr/bin/c_rehash usr/lib/systemd/boot usr/lib/systemd/system/dracut-*
    usr/lib/systemd/system/*/dracut-* usr/lib/dracut usr/bin/dracut usr/bin/lsinitrd usr/bin/dracut-*
    etc/dracut.conf.d usr/lib/dracut.conf.d usr/bin/cpio'

strip_root() {
    local release item
    release=$(ls "$root/usr/lib/modules")
    for item in "${unneeded_modules[@]}"; do rm -rf "$root/usr/lib/modules/$release/kernel/$item"; done
    rm -f "$root"/usr/lib/modules/*/{build,source}
    quietly depmod chroot "$root" depmod "$release"
}

# After the initrd is made, which needs dracut.
remove_installers() {
    # Patterns count from the image's root, and may match nothing.
    # shellcheck disable=SC2086
    (cd "$root" && rm -rf -- $installers)
    rm -rf "$root"/boot/* "$root"/initrd.img* "$root"/vmlinuz* "$root"/usr/lib/modules/*/vmlinuz
    find "$root/usr/bin" "$root/usr/sbin" -xtype l -delete
}

# What packages leave behind when they are installed: keys, salts, identities, caches, times. None may be shared by
# all who run this image.
remove_leftovers() {
    rm -rf "$root"/var/lib/{dpkg,apt,dracut,systemd,dbus,pam,initramfs-tools,ucf,sgml-base,xml-core,python,man-db} "$root"/var/cache/* \
        "$root"/var/log/* "$root"/var/backups "$root"/var/tmp/* "$root"/tmp/* "$root"/run/* "$root"/root/.[!.]* "$root"/etc/ssl/private/* \
        "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid}- "$root"/etc/.pwd.lock "$root"/etc/ld.so.cache~ "$root"/etc/machine-id \
        "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/var/lib/misc "$root"/etc/motd "$root"/etc/issue* "$root"/usr/lib/firmware \
        "$root"/usr/share/doc/*/changelog* "$root"/srv "$root"/media "$root"/opt "$root"/mnt/* "$root"/etc/{ca-certificates,ca-certificates.conf,X11,opt,update-motd.d,skel}
    find "$root" -xdev \( -name '*.pyc' -o -name '*.dpkg-*' -o -name '*.ucf-*' \) -delete
    rm -f "$root"/var/lib/chrony/* "$root"/var/lib/clamav/*
    # The day of a password's change, and no password at all: nobody logs in.
    sed -i -E 's/^([^:]+):[^:]*:[^:]*:/\1:!*:1:/' "$root/etc/shadow"
    sed -i -E 's#^(root:.*:)[^:]*$#\1/usr/sbin/nologin#' "$root/etc/passwd"
}

install_programs() {
    local program
    for program in posternd postern postern-scan postern-machine; do
        [ -x "$programs/$program" ] || die "there is no $programs/$program" "where it was compiled here, $cache/logs/engine.log says why"
        install -m 755 "$programs/$program" "$root/usr/bin/$program"
        in_tree build --with "$root/usr/bin:/out" strip --strip-debug "/out/$program"
    done
}

install_postern() {
    install_programs
    mkdir -p "$root/usr/share/postern"
    cp -a "$tree/yaml-schema" "$tree/rules" "$tree/lua" "$root/usr/share/postern/"
    cp -a "$here/tree/." "$root/"
    chown -R 0:0 "$root/usr/share/postern" "$root/usr/lib/postern"
    mkdir -p "$root/usr/lib/repart.d"
    local rule
    for rule in "$here"/repart/*.conf; do sed "s/%A/$version/; /^CopyFiles=/d" "$rule" >"$root/usr/lib/repart.d/$(basename "$rule")"; done
    printf '%s\n' "$version" >"$root/usr/lib/postern/version"
    install -m 644 "$keys/update.pub" "$root/usr/share/postern/update.pub"
}

# Debian brings profiles for programs of a desktop; compiling them takes a minute of each start.
keep_own_profiles() {
    local profile
    for profile in "$root"/etc/apparmor.d/*; do
        case ${profile##*/} in abi | abstractions | disable | force-complain | local | tunables | postern*) ;; *) rm -rf "$profile" ;; esac
    done
}

# Compiled for the kernel's features as image/lib/apparmor-features has them (image/test hardened prints them): compiling
# takes half a minute of a slow machine's start. A kernel with others finds none of these and compiles them itself. Nothing
# is kept where the running machine could write it.
compile_profiles() {
    local place=/usr/share/postern/apparmor
    mkdir -p "$root$place"
    cp "$here/lib/apparmor-features" "$root/tmp/features"
    quietly apparmor in_tree_at "$root" apparmor_parser --skip-kernel-load --write-cache --cache-loc=$place --kernel-features=/tmp/features \
        $(cd "$root" && printf '/%s ' etc/apparmor.d/postern*)
    rm "$root/tmp/features"
    sed -i 's/ --write-cache//; s/^PARSER_OPTS=--write-cache$/PARSER_OPTS=/' "$root/usr/lib/apparmor/rc.apparmor.functions"
    printf '\n# As they were compiled with the image.\ncache-loc=%s\n' $place >>"$root/etc/apparmor/parser.conf"
}

configure_root() {
    keep_own_profiles
    compile_profiles
    quietly sysusers in_tree_at "$root" systemd-sysusers
    : >"$root/etc/machine-id"
    chmod 444 "$root/etc/machine-id"
    echo postern >"$root/etc/hostname"
    ln -sfn ../var/etc/postern "$root/etc/postern"
    ln -sfn ../run/postern-machine/rendered/resolv.conf "$root/etc/resolv.conf"
    ln -sfn ../usr/share/zoneinfo/UTC "$root/etc/localtime"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
    sed -i -e '/^IMAGE_\|^VARIANT/d' -e "s/^PRETTY_NAME=.*/PRETTY_NAME=\"Postern $version\"/" "$root/usr/lib/os-release"
    printf 'IMAGE_ID=postern\nIMAGE_VERSION=%s\nVARIANT="Postern appliance"\nVARIANT_ID=postern\n' "$version" >>"$root/usr/lib/os-release"
    mkdir -p "$root/efi" "$root/mnt"
    quietly preset in_tree_at "$root" systemctl preset-all --preset-mode=full
    local unit
    # Nobody logs in, and nothing is asked of the machine but by the gateway.
    for unit in systemd-firstboot.service systemd-repart.service systemd-boot-update.service getty-static.service getty.target \
        serial-getty@.service getty@.service autovt@.service container-getty@.service console-getty.service debug-shell.service \
        emergency.service rescue.service systemd-hostnamed.socket systemd-sysext.socket systemd-bootctl.socket systemd-update-done.service \
        systemd-journal-catalog-update.service sys-kernel-tracing.mount sys-kernel-debug.mount sys-fs-fuse-connections.mount \
        ldconfig.service systemd-networkd-wait-online.service; do
        ln -sfn /dev/null "$root/etc/systemd/system/$unit"
    done
    quietly ldconfig in_tree_at "$root" ldconfig
}

in_tree_at() { chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 TZ=UTC SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" "${@:2}"; }

# What is below /var comes to the data partition at the first boot.
move_factory_var() {
    rm -rf "$root/usr/share/factory"
    mkdir -p "$root/usr/share/factory"
    mv "$root/var" "$root/usr/share/factory/var"
    mkdir -m 755 "$root/var"
}

make_root() {
    say "root: packages, Postern, hardening"
    rm -rf "$root"
    cp -a --reflink=auto "$cache/trees/base" "$root"
    chroot "$root" dpkg-query -W -f '${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n' >"$cache/work/packages.list"
    [ "$(find "$root/usr/lib/modules" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] ||
        die "the base tree has not one kernel but $(ls "$root/usr/lib/modules" | paste -sd' ')" "rm -r $cache/trees/base and build again"
    install_postern
    strip_root
    configure_root
    make_initrd
    remove_installers
    remove_leftovers
    configure_identity
    move_factory_var
}

# Made again after the leftovers are gone.
configure_identity() {
    : >"$root/etc/machine-id"
    chmod 444 "$root/etc/machine-id"
    echo postern >"$root/etc/hostname"
    ln -sfn ../run/postern-machine/rendered/resolv.conf "$root/etc/resolv.conf"
}
