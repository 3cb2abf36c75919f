#!/bin/bash
# From a disk image to a machine that runs: the image is made as Raspberry Pi OS is (MBR, FAT with the
# kernel, ext4 root) and imported; a machine gets its address from dnsmasq, its kernel, initramfs and
# command line from our TFTP, and its root from our NFS. A kernel that is installed in it is what it
# boots next, and a rollback brings back the one before.
set -u
. "$(dirname "$0")/lib.sh"
require_root
require qemu-system-x86_64 rpcbind mmdebstrap busybox cpio modprobe ip jq dnsmasq mke2fs mkfs.vfat mcopy sfdisk xz
enter_namespace "$@"
PATH=$builddir/tests/lib:$PATH
serial=1a2b3c4d mac=52:54:0a:4d:00:15

say "== the image"
mkdir -p "$t/root" "$t/firmware"
tar -C "$t/root" -xf "$guest/root.tar"
mkdir -p "$t/root/boot/firmware"
cp "$guest/vmlinuz" "$t/firmware/kernel8.img"
cp "$guest/initrd" "$t/firmware/initramfs8"
printf 'auto_initramfs=1\narm_64bit=1\n' >"$t/firmware/config.txt"
printf 'start\n' >"$t/firmware/start4.elf"
printf 'console=ttyS0 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait quiet panic=-1 net.ifnames=0\n' \
	>"$t/firmware/cmdline.txt"
mke2fs -q -F -t ext4 -d "$t/root" "$t/ext" 1400M || fail mke2fs
truncate -s 128M "$t/fat"
mkfs.vfat -F 32 "$t/fat" >/dev/null
mcopy -i "$t/fat" "$t"/firmware/* ::
truncate -s $(((4 + 128 + 1400) * 1048576)) "$t/os.img"
printf 'label: dos\nstart=4MiB, size=128MiB, type=c\nstart=132MiB, size=1400MiB, type=83\n' |
	sfdisk -q "$t/os.img" >/dev/null 2>&1 || fail sfdisk
dd if="$t/fat" of="$t/os.img" bs=1M seek=4 conv=notrunc,sparse status=none
dd if="$t/ext" of="$t/os.img" bs=1M seek=132 conv=notrunc,sparse status=none
rm -rf "$t/root" "$t/ext" "$t/fat"
xz -0 -T2 "$t/os.img"

start_rpcbind
rubus_ image import "$t/os.img.xz" --name os
rm "$t/os.img.xz"
printf 'tftp = yes\n' >"$t/store/rubus.conf"
start_rubusd

say "== a machine that nobody knows"
TFTP_SERVER=10.77.0.1
export TFTP_SERVER
if tftpget 69 $serial/start4.elf 2>"$t/err"; then fail "a stranger was served"; fi
grep -q "isn't known" "$t/err" || fail "$(cat "$t/err")"
rubus_ pending
rubus_ client add pi-01 --pending 1 --image os
rubus_ client set pi-01 --mac $mac
rubus_ client set pi-01 --address 10.77.0.21

rubus --store "$t/store" dnsmasq --interface br0 --range 10.77.0.100,10.77.0.150 >"$t/dnsmasq.conf" || fail "rubus dnsmasq"
dnsmasq --test --conf-file="$t/dnsmasq.conf" || fail "dnsmasq doesn't take it"
dnsmasq --no-daemon --conf-file="$t/dnsmasq.conf" --dhcp-leasefile="$t/leases" --pid-file= >"$t/dnsmasq.log" 2>&1 &

# boot_pi JOB: a bootloader's part, and then the machine with what it fetched.
boot_pi() {
	local file
	for file in config.txt start4.elf kernel8.img initramfs8 cmdline.txt; do
		tftpget 69 $serial/$file "$t/$file" || fail "$file"
	done
	"$vm/boot" -k "$t/kernel8.img" -i "$t/initramfs8" -M $mac -C "$t/cmdline.txt" -n pi-01 -a - -t 240 "$1"
}
cat >"$t/first" <<'END'
set -eu
findmnt -no FSTYPE,SOURCE /
systemctl is-system-running --wait || systemctl --failed --no-legend
systemctl is-active multi-user.target
ip -o -4 addr show eth0 | grep -q '10\.77\.0\.21/'
cat /proc/cmdline
test "$(hostname)" = pi-01
grep -q "^127.0.1.1.pi-01$" /etc/hosts
cat /etc/machine-id
echo "a newer kernel" >/boot/firmware/start4.elf
END
say "== the first boot"
boot_pi "$t/first" || { tail -n 20 "$t/dnsmasq.log"; fail "the first boot: status $?"; }
grep -q 'nfsroot=10.77.0.1:/pi-01,' "$t/cmdline.txt" || fail "$(cat "$t/cmdline.txt")"
! grep -q PARTUUID "$t/cmdline.txt" || fail "$(cat "$t/cmdline.txt")"
rubus_ boot pi-01
rubus_ boot pi-01 --json | jq -e 'map(select(.stage == "mount" and (.failed | not))) | length > 0' >/dev/null ||
	fail "the trace has no mount"

say "== what was installed is what boots next, and goes with a rollback"
[ "$(tftpget 69 $serial/start4.elf)" = "a newer kernel" ] || fail "the new file isn't served"
rubus_ snapshot create pi-01 newer
rubus_ reset pi-01 --at-boot
sleep 31 # a machine that asks so long after its last file has been switched on
[ "$(tftpget 69 $serial/start4.elf)" = start ] || fail "the reset wasn't done before the first file"
rubus_ rollback pi-01 newer --now
[ "$(tftpget 69 $serial/start4.elf)" = "a newer kernel" ] || fail "the rollback"
cat >"$t/second" <<'END'
set -eu
systemctl is-active multi-user.target
grep -q newer /boot/firmware/start4.elf
test "$(hostname)" = pi-01
END
boot_pi "$t/second" || fail "the second boot: status $?"
stop_rubusd
