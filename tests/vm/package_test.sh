#!/bin/bash
# The Debian package in a fresh Debian 12, whose systemd runs rubusd by its unit: install, start, serve,
# watchdog, upgrade under a client, removal, purge. The guest that it is done in boots from our rubusd.
set -u
. "$(dirname "$0")/lib.sh"
require_root
require qemu-system-x86_64 rpcbind mmdebstrap busybox cpio modprobe ip jq dpkg-deb

# --- Before the namespaces, which have no way to Debian's mirror: the packages and the root they are in.

# The same with another version and another sample configuration: what N+1 looks like to dpkg.
make_next() {
	local tree=$work/next
	dpkg-deb -R "$1" "$tree"
	sed -i 's/^Version: .*/&+next/' "$tree/DEBIAN/control"
	echo '# a newer line' >>"$tree/etc/rubus/rubus.conf"
	dpkg-deb --root-owner-group -b "$tree" "$work/next.deb" >/dev/null
}

in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@" </dev/null; }

check_root() {
	in_root rubus --version || fail "rubus doesn't run"
	[ "$(in_root stat -c '%U %G %a' /var/lib/rubus)" = 'rubus rubus 700' ] || fail "/var/lib/rubus isn't the user's"
	in_root systemctl --quiet is-enabled rubusd || fail "the unit isn't enabled"
	for file in /lib/systemd/system/rubusd.service /etc/rubus/rubus.conf /usr/sbin/rubusd \
		/usr/share/bash-completion/completions/rubus /usr/share/zsh/vendor-completions/_rubus; do
		[ -f "$root$file" ] || fail "no $file"
	done
	in_root systemd-analyze verify --man=no rubusd.service || fail "systemd finds fault with the unit"
	in_root systemd-analyze security --offline=yes --no-pager rubusd.service | tail -n 1
}

prepare() {
	work=$(mktemp -d "${TMPDIR:-/var/tmp}/rubus-package.XXXXXX")
	root=$work/root
	trap 'umount -q "$root/proc"; rm -rf "$work"' EXIT
	say "== the package"
	"$vm/../../scripts/package" --out "$work" || exit 1
	mv "$work"/rubus_*.deb "$work/rubus.deb"
	make_next "$work/rubus.deb"
	guest=$("$vm/guest") || exit 99
	mkdir "$root"
	tar -xf "$guest/root.tar" -C "$root"
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	cp "$work"/*.deb "$root/root/"
	mount -t proc proc "$root/proc"
	in_root apt-get -qq update || { say "SKIP: no way to Debian's packages"; exit 77; }
	in_root apt-get -qq -o Dpkg::Use-Pty=0 install -y /root/rubus.deb libnfs-utils >"$work/apt.log" 2>&1 ||
		{ cat "$work/apt.log"; fail "the package can't be installed"; }
	in_root apt-get clean
	check_root
	umount "$root/proc"
	export work
}

if [ "${1:-}" != --inside ]; then
	prepare
	status=0
	"$0" --inside || status=$?
	exit $status
fi

# --- In them: a server of this build, and on it the machine that the package was installed in.

enter_namespace "$@"
cat >"$t/job" <<'END'
set -u
unit=rubusd.service
store=/var/lib/rubus
fail() {
	echo "FAIL: $*"
	systemctl --no-pager --full status $unit
	journalctl --no-pager -n 40 -u $unit
	exit 1
}
# soon COMMAND...: it succeeds within a minute.
soon() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		[ $((tries += 1)) -le 300 ] || fail "waited in vain for: $*"
		sleep 0.2
	done
}
property() { systemctl show -P "$1" $unit; }
pid() { property MainPID; }
of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid)/status" | tr '\t' ' '; }
cat_file() { nfs-cat "nfs://127.0.0.1/${2:-pi-1}$1?version=3"; }
debconf() { DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold "$@" </dev/null 2>&1; }
active() { systemctl --quiet is-active $unit; }
# What is in the store, but for what each start writes.
blocks() { (cd $store && find images segments -type f -exec sha256sum {} + | sort); }

echo "== started at boot"
systemctl is-system-running --wait || systemctl --failed --no-legend
active || fail "not active"
[ "$(ps -o user= -p "$(pid)")" = rubus ] || fail "it isn't run by the user rubus"
[ "$(of CapEff) $(of CapBnd)" = '0000000000000000 0000000000000400' ] || fail "CapEff $(of CapEff), CapBnd $(of CapBnd)"
[ "$(stat -c '%U %a' $store $store/store.db | sort -u | tr '\n' ' ')" = 'rubus 600 rubus 700 ' ] || fail "the store's owner"
for row in '100003 3 tcp 2049' '100005 3 tcp 2049' '100005 3 udp 2049'; do
	rpcinfo -p | tr -s ' ' | grep -q "^ $row" || fail "rpcbind doesn't know $row"
done

echo "== serves an image to a client"
mkdir -p /run/golden/etc
echo golden >/run/golden/etc/motd
head -c 300000 /dev/urandom >/run/golden/data
chmod 600 /run/golden/data
rubus image import /run/golden --name golden || fail "the import"
rubus client add pi-1 --image golden || fail "the client"
[ "$(cat_file /etc/motd)" = golden ] || fail "libnfs reads something else"
cat_file /data | cmp - /run/golden/data || fail "libnfs reads other data"
rubus status || fail "status"
[ "$(find $store ! -user rubus | wc -l)" = 0 ] || fail "not all of the store is the user's"
mount -i -t nfs -o vers=3,nolock,tcp,hard,addr=127.0.0.1 127.0.0.1:/pi-1 /mnt || fail "the mount"
echo mine >/mnt/etc/motd
sync

echo "== makes host keys for a client, by a program of the system"
mkdir -p /run/pios/etc/ssh
printf 'VERSION_ID="12"\nID=debian\n' >/run/pios/etc/os-release
: >/run/pios/etc/rpi-issue
rubus image import /run/pios --name pios || fail "the import of a Raspberry Pi OS"
rubus client add pi-2 --image pios || fail "the second client"
nfs-ls "nfs://127.0.0.1/pi-2?version=3" >/dev/null || fail "its root" # nfs-cat mounts the file's folder only
cat_file /etc/ssh/ssh_host_ed25519_key.pub pi-2 | grep '^ssh-ed25519 .* root@pi-2$' || fail "no host key"

echo "== killed, and hung: systemd starts it again, and the client goes on"
kill -KILL "$(pid)"
[ "$(cat /mnt/etc/motd)" = mine ] || fail "after a kill"
soon active
[ "$(property NRestarts)" = 1 ] || fail "not restarted once: $(property NRestarts)"
mkdir -p /etc/systemd/system/$unit.d
printf '[Service]\nWatchdogSec=10s\n' >/etc/systemd/system/$unit.d/fast.conf
systemctl daemon-reload
systemctl restart $unit || fail "the restart"
sleep 22 # longer than two of them
[ "$(property NRestarts)" = 0 ] || fail "killed though it is well"
kill -STOP "$(pid)"
restarted() { [ "$(property NRestarts)" = 1 ]; }
soon restarted
soon active
journalctl --no-pager -u $unit | grep -m 1 -i 'watchdog timeout' || fail "not the watchdog's doing"
rm -r /etc/systemd/system/$unit.d
systemctl daemon-reload
echo again >/mnt/etc/motd
[ "$(cat_file /etc/motd)" = again ] || fail "after the watchdog"

echo "== its configuration: TFTP on the low port"
echo 'tftp = yes' >>/etc/rubus/rubus.conf
systemctl restart $unit || fail "it doesn't start with TFTP"
[ "$(of CapEff)" = 0000000000000400 ] || fail "CapEff $(of CapEff)"
ss -Hlun 'sport = :69' | grep -q . || fail "nothing listens on port 69"

echo "== an upgrade while a client writes"
(
	i=0
	while [ ! -e /run/stop ]; do
		i=$((i + 1))
		echo $i >>/mnt/log || { echo failed >>/run/acked; break; }
		read -r now _ </proc/uptime
		echo "$i $now" >>/run/acked
	done
) &
writer=$!
grown() { [ "$(wc -l </run/acked)" -ge "$1" ]; }
soon grown 20
before=$(pid)
debconf -i /root/next.deb || fail "the upgrade"
active || fail "not active after the upgrade"
[ "$(pid)" != "$before" ] || fail "the old program still runs"
soon grown $(($(wc -l </run/acked) + 20))
touch /run/stop
wait $writer
cut -d ' ' -f 1 /run/acked | cmp - /mnt/log || fail "what was answered and what is there differ"
awk 'NR > 1 && $2 - last > longest { longest = $2 - last } { last = $2 }
	END { print "writes answered: " NR ", longest pause: " longest " s" }' /run/acked
dpkg-query -W rubus
tail -n 1 /etc/rubus/rubus.conf | grep -qx 'tftp = yes' || fail "the configuration was overwritten"
[ -e /etc/rubus/rubus.conf.dpkg-dist ] || fail "no newer sample beside it"
[ "$(cat_file /etc/motd)" = again ] || fail "the client's file after the upgrade"
umount /mnt

echo "== removed, purged, installed again: the store stays"
systemctl stop $unit
blocks >/run/blocks
debconf -r rubus || fail "the removal"
[ ! -e /usr/sbin/rubusd ] || fail "rubusd is still there"
[ -e /etc/rubus/rubus.conf ] || fail "the configuration is gone"
active && fail "still active"
debconf -P rubus | tee /run/purged
grep -q 'is kept' /run/purged || fail "the purge doesn't say that the store is kept"
[ ! -e /etc/rubus/rubus.conf ] || fail "the configuration is still there"
[ "$(stat -c %U $store)" = rubus ] || fail "the store's owner"
blocks | cmp - /run/blocks || fail "the store was touched"
debconf -i /root/rubus.deb || fail "the second installation"
soon active
[ "$(cat_file /etc/motd)" = again ] || fail "the client's file after the second installation"

echo "== a store without an image goes with a purge"
systemctl stop $unit
rm -r $store
systemctl start $unit || fail "the start without a store"
[ -e $store/store.db ] || fail "no store was made"
debconf -P rubus
[ ! -e $store ] || fail "an empty store was kept"
END

start_rpcbind
rubus_ image import "$work/root" --name debian
rubus_ client add machine --image debian --address 10.77.0.11
start_rubusd
boot_diskless 10.77.0.11 machine -t 560 "$t/job" || fail "in the guest: status $?"
stop_rubusd
