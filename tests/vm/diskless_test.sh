#!/bin/bash
# Debian boots diskless from a Rubus client, twice: what it wrote the first time is there the second
# time, a package is installed in it, and another client sees none of it.
set -u
. "$(dirname "$0")/lib.sh"
require_root
require qemu-system-x86_64 rpcbind mmdebstrap busybox cpio modprobe ip jq
enter_namespace "$@"

cat >"$t/first" <<'END'
set -eu
findmnt -no FSTYPE,SOURCE /
systemctl is-system-running --wait || systemctl --failed --no-legend
systemctl is-active multi-user.target
echo written-by-pi-01 >/etc/hostname
echo "deb [trusted=yes] file:/srv/packages ./" >/etc/apt/sources.list
apt-get -qq update
apt-get -q -y -o Dpkg::Use-Pty=0 install hello
hello
mkdir /home/pupil
dd if=/dev/urandom of=/home/pupil/work bs=64k count=64 2>/dev/null
sha256sum /home/pupil/work >/home/pupil/work.sum
ln /home/pupil/work /home/pupil/link
mv /usr/share/zoneinfo /usr/share/zones
END
cat >"$t/second" <<'END'
set -eux
systemctl is-active multi-user.target
test "$(cat /etc/hostname)" = written-by-pi-01
sha256sum -c /home/pupil/work.sum
test /home/pupil/work -ef /home/pupil/link
test ! -e /usr/share/zoneinfo
test -e /usr/share/zones/Europe/Berlin
hello
(cd / && grep ' usr/bin/' /var/lib/dpkg/info/hello.md5sums | md5sum -c)
dpkg --audit
END
cat >"$t/other" <<'END'
set -eux
mkdir /mnt/mine /mnt/theirs
mount -t nfs -o ro,vers=3,nolock,tcp,addr=10.77.0.1 10.77.0.1:/ /mnt/mine
test "$(cat /mnt/mine/etc/hostname)" = golden
test ! -e /mnt/mine/home/pupil
test ! -e /mnt/mine/usr/bin/hello
test -e /mnt/mine/usr/share/zoneinfo/Europe/Berlin
if grep '^Package: hello$' /mnt/mine/var/lib/dpkg/status; then exit 1; fi
if mount -t nfs -o ro,vers=3,nolock,tcp,addr=10.77.0.1 10.77.0.1:/pi-01 /mnt/theirs; then exit 1; fi
echo "the other client sees the golden root only, and may not mount /pi-01"
END

start_rpcbind
rubus_ image import "$guest/root.tar" --name debian
rubus_ client add pi-01 --image debian --address 10.77.0.11
rubus_ client add pi-02 --image debian --address 10.77.0.12
start_rubusd


# boot_counted NAME JOB: boots pi-01 and prints what the boot and its job asked of the server.
boot_counted() {
	say "== $1 boot"
	read_stats "$t/before"
	boot_diskless 10.77.0.11 pi-01 -t 240 "$2" || fail "the $1 boot: status $?"
	read_stats "$t/after"
	print_stats "$t/before" "$t/after"
}

boot_counted first "$t/first"
boot_counted second "$t/second"
say "== the other client"
boot_mount 10.77.0.12 pi-02 "$t/other" || fail "the other client: status $?"
stop_rubusd
