#!/bin/sh
# Builds what the real machine boots, from Debian packages and the files beside this script:
#
#     kernel        Debian's cloud kernel, unpacked and not installed
#     initrd        busybox, the network modules, kexec and stock fence_kdump_send, and once more the
#                   kernel with the same initrd, to be loaded as the crash kernel
#     palvm.so, sha256.so   the modules for ipmi_sim
#
# usage: build.sh CACHE     prints the directory in CACHE that holds them; built once per version of these
#                           sources. Exit 3: a Debian package is missing, the last line of stderr names it.
set -eu

sources=$(dirname "$(readlink -f "$0")")
cache=$1
# Modules in the order of their needs; the kernel may have some of them built in.
modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover
	virtio_net"

missing() {
	echo "the real machine needs the Debian package $1" >&2
	exit 3
}

[ -x /usr/bin/qemu-system-x86_64 ] || missing qemu-system-x86
[ -x /usr/bin/ipmi_sim ] || missing openipmi
[ -e /usr/include/OpenIPMI/serv.h ] || missing libopenipmi-dev
[ -e /usr/include/openssl/hmac.h ] || missing libssl-dev
command -v gcc >/dev/null || missing gcc
command -v cpio >/dev/null || missing cpio
command -v lz4 >/dev/null || missing lz4
command -v setpriv >/dev/null || missing util-linux
busybox=$(command -v busybox) || missing busybox-static
kexec=$(PATH=$PATH:/usr/sbin:/sbin command -v kexec) || missing kexec-tools
sender=/usr/libexec/fence-agents/fence_kdump_send
[ -x "$sender" ] || missing fence-agents
if ldd "$busybox" >/dev/null 2>&1; then missing busybox-static; fi

version=$(cat "$sources/build.sh" "$sources/init.sh" "$sources/palvm.c" "$sources/../ipmi-sim/sha256.c" |
	sha256sum | cut -c 1-16)
if [ -d "$cache/$version" ]; then
	echo "$cache/$version"
	exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/building-XXXXXX")
trap 'rm -rf "$work"' EXIT

# The meta-package names the release's own kernel; without it the newest that there is.
find_kernel() {
	kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
	[ -n "$kernel" ] || kernel=$(apt-cache search --names-only '^linux-image-[0-9].*-cloud-amd64$' |
		cut -d ' ' -f 1 | sort -V | tail -n 1)
	[ -n "$kernel" ]
}
fetch_kernel() {
	find_kernel && (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$kernel" >&2)
}
if ! fetch_kernel; then
	apt-get update -qq >&2 || true
	fetch_kernel || missing linux-image-cloud-amd64
fi
dpkg-deb -x "$work"/linux-image-*.deb "$work/unpacked"
mkdir "$work/done"
vmlinuz=$(echo "$work"/unpacked/boot/vmlinuz-*)

# QEMU is given the kernel decompressed, as it boots it too: a kernel that decompresses itself over the
# translated code of the one before it takes ten seconds after each reset, not one. Offsets are those of
# the x86 boot protocol; the payload ends in its length, which is not part of it.
field() {
	od -A n -t "u$2" -j "$1" -N "$2" "$vmlinuz" | tr -d ' '
}
start=$(((($(field 497 1) + 1) * 512) + $(field 584 4)))
length=$(($(field 588 4) - 4))
if [ "$(od -A n -t x4 -j $start -N 4 "$vmlinuz" | tr -d ' ')" = 184c2102 ]; then
	tail -c +$((start + 1)) "$vmlinuz" | head -c $length | lz4 -dc >"$work/done/kernel"
else
	cp "$vmlinuz" "$work/done/kernel"
fi

# First archive: the system, as both kernels boot it.
root=$work/root
mkdir -p "$root/bin" "$root/modules" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
cp "$sources/init.sh" "$root/init"
cp "$busybox" "$root/bin/busybox"
for applet in sh mount insmod ifconfig reboot sleep; do ln -s busybox "$root/bin/$applet"; done
cp "$kexec" "$sender" "$root/bin/"
for library in $(ldd "$kexec" "$sender" | grep -o '/[^ ]*\.so[^ ]*' | sort -u); do
	mkdir -p "$root$(dirname "$library")"
	cp "$library" "$root$library"
done
number=10
for module in $modules; do
	file=$(find "$work/unpacked" -name "$module.ko*" | head -n 1)
	case $file in
	*.ko) cp "$file" "$root/modules/$number-$module.ko" ;;
	*.ko.xz) xz -dc "$file" >"$root/modules/$number-$module.ko" ;;
	esac
	number=$((number + 1))
done
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/system"

# Second archive, only for the first kernel: what it loads for the case of a crash.
mkdir "$work/crash"
cp "$vmlinuz" "$work/crash/crash-kernel"
cp "$work/system" "$work/crash/crash-initrd"
(cd "$work/crash" && find . -type f | cpio --quiet -o -H newc) >"$work/done/initrd"
cat "$work/system" >>"$work/done/initrd"

flags="-Wall -Wextra -Wno-deprecated-declarations -shared -fPIC -O2"
gcc $flags -o "$work/done/palvm.so" "$sources/palvm.c"
gcc $flags -o "$work/done/sha256.so" "$sources/../ipmi-sim/sha256.c" -lcrypto

# Of two builds at once one is kept; what older sources made goes.
mv -T "$work/done" "$cache/$version" 2>/dev/null || [ -d "$cache/$version" ]
for other in "$cache"/????????????????; do
	[ "$other" = "$cache/$version" ] || rm -rf "$other"
done
echo "$cache/$version"
