#!/bin/sh
# A room of Pis that are switched on: models of their bootloaders (bootloader.c), one of each kind and
# 40 at once, against the real dnsmasq with what rubus dnsmasq prints, and a real rubusd. In network
# namespaces: the server's has a bridge, to which the Pis and a router are plugged.
. "${srcdir:-.}/tests/lib/functions.sh"
PATH=$builddir/tests/sys:$PATH
require unshare nsenter ip dnsmasq jq
[ "$(id -u)" = 0 ] || skip "needs root"
if [ -z "${SYS_INSIDE:-}" ]; then
	unshare --net --mount --pid true 2>/dev/null || skip "no namespaces here"
	got=0
	SYS_INSIDE=yes srcdir=$srcdir unshare --net --mount --pid --fork --kill-child --mount-proc "$0" ||
		got=$?
	exit $got
fi
[ "$(command -v bootloader)" = "$builddir/tests/sys/bootloader" ] || fail "no bootloader"
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
n=${PIS:-40}

# --- the network ---

# add_namespace NAME: with an interface eth0 of its own, plugged to the bridge.
add_namespace() {
	unshare --net="/run/net-$1" true 2>/dev/null || skip "no more namespaces here"
	ip link add "to-$1" type veth peer name "eth-$1" || skip "no virtual interfaces here"
	ip link set "to-$1" master br0 up
	ip link set "eth-$1" netns "/run/net-$1"
	within "$1" ip link set "eth-$1" name eth0 up
}
within() {
	ns=$1
	shift
	nsenter --net="/run/net-$ns" "$@"
}
ip link set lo up
ip link add br0 type bridge 2>/dev/null || skip "no bridges here"
ip addr add 10.77.0.1/24 dev br0
ip link set br0 up
for ns in pis router; do
	: >"/run/net-$ns"
	add_namespace $ns
done
within router ip addr add 10.77.0.254/24 dev eth0
# An entry of the neighbours' table is doubted after a second, as it is after half a minute otherwise:
# a Pi 3 doesn't answer then.
echo 1 >/proc/sys/net/ipv4/neigh/br0/delay_first_probe_time 2>/dev/null || true
echo 1000 >/proc/sys/net/ipv4/neigh/br0/base_reachable_time_ms 2>/dev/null || true

# start_dnsmasq NAMESPACE NAME: with $tmp/NAME.conf.
start_dnsmasq() {
	: >"$tmp/$2.leases"
	set -- "$1" "$2" ""
	[ "$1" = server ] || set -- "$1" "$2" "nsenter --net=/run/net-$1"
	# shellcheck disable=SC2086
	$3 dnsmasq --keep-in-foreground --conf-file="$tmp/$2.conf" --pid-file= --user=root \
		--dhcp-leasefile="$tmp/$2.leases" --log-facility="$tmp/$2.log" &
	dnsmasq=$!
	cleanup_fn kill $dnsmasq
	tries=0
	until grep -qs "DHCP" "$tmp/$2.log"; do
		[ $((tries += 1)) -le 500 ] || fail "dnsmasq does not start: $(cat "$tmp/$2.log")"
		sleep 0.02
	done
}

# --- the Pis ---

# pi NUMBER: sets $kind, $serial and $mac. The MAC of a Pi 3 ends as its serial number does.
pi() {
	kind=$(echo 3b 3b+ 4 5 | cut -d ' ' -f $(($1 % 4 + 1)))
	serial=$(printf '%08x' $((268435456 + $1 * 65793)))
	tail=$(echo "$serial" | sed 's/^..\(..\)\(..\)\(..\)$/\1:\2:\3/')
	case $kind in
	3*) mac=b8:27:eb:$tail ;;
	4) mac=dc:a6:32:$tail ;;
	5) mac=2c:cf:67:$tail ;;
	esac
}

# switch_on NUMBER [OPTION...]: its files come to $tmp/got-NUMBER, what it said to $tmp/said-NUMBER.
switch_on() {
	pi "$1"
	number=$1
	shift
	rm -rf "$tmp/got-$number"
	mkdir "$tmp/got-$number"
	within pis bootloader -i eth0 -t $kind -s $serial -m $mac -o "$tmp/got-$number" "$@" \
		>"$tmp/said-$number" 2>&1
}

# It got what its client has, and its own command line.
check_boot() {
	pi "$1"
	grep -q ' booted$' "$tmp/said-$1" || fail "Pi $1 ($kind): $(tail -n 1 "$tmp/said-$1")"
	grep -q "nfsroot=10.77.0.1:/$2,vers=3,tcp," "$tmp/got-$1/cmdline.txt" ||
		fail "Pi $1 has the command line $(cat "$tmp/got-$1/cmdline.txt")"
	! grep -q PARTUUID "$tmp/got-$1/cmdline.txt" || fail "Pi $1 looks for its root on a card"
	for file in "$tmp/got-$1"/*; do
		name=${file##*/}
		case $name in
		cmdline.txt) ;;
		config.txt) grep -q sd_poll_once "$file" || fail "Pi $1: its config.txt isn't completed" ;;
		option43)
			[ "$(cat "$file")" = "$option43" ] || fail "option 43 is $(cat "$file")"
			;;
		*)
			[ ! -s "$file" ] || cmp -s "$file" "$tree/boot/firmware/$name" ||
				cmp -s "$file" "$tree/boot/firmware/overlays/$name" || fail "Pi $1: $name differs"
			;;
		esac
	done
}

tree=$tmp/tree
small_tree "$tree"
mkdir -p "$tree/boot/firmware/overlays"
cd "$tree/boot/firmware"
for file in bootcode.bin=52 start.elf=300 start4.elf=220 fixup.dat=7 fixup4.dat=5 kernel8.img=900 \
	kernel_2712.img=900 initramfs8=1000 initramfs_2712=1000 bcm2710-rpi-3-b.dtb=34 \
	bcm2710-rpi-3-b-plus.dtb=35 bcm2711-rpi-4-b.dtb=56 bcm2712-rpi-5-b.dtb=78 \
	overlays/vc4-kms-v3d-pi4.dtbo=3 overlays/vc4-kms-v3d-pi5.dtbo=3 overlays/overlay_map.dtb=6; do
	head -c $((${file#*=} * 1000 + 24)) /dev/urandom >"${file%=*}"
done
printf 'auto_initramfs=1\narm_64bit=1\n' >config.txt
printf 'console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 rootwait quiet\n' >cmdline.txt
cd "$tmp"
run 0 rubus image import "$tree" --name os
rm -rf "$tmp/tree5"
cp -r "$tree" "$tmp/tree5"
rm "$tmp/tree5"/boot/firmware/start*.elf
run 0 rubus image import "$tmp/tree5" --name only5
i=1
while [ $i -le "$n" ]; do
	pi $i
	# The first of each kind without their MAC.
	[ $i -le 4 ] || set -- --mac $mac
	run 0 rubus client add "pi-$i" --image os --serial $serial "$@"
	set --
	i=$((i + 1))
done
echo 'tftp = yes' >"$store/rubus.conf"
start_rubusd

seconds() { date +%s.%N; }
each_kind() {
	for i in 1 2 3 4; do
		switch_on $i -v "$@" || fail "Pi $i ($kind): $(tail -n 1 "$tmp/said-$i")"
		check_boot $i pi-$i
		say "$kind: $(tail -n 1 "$tmp/said-$i")"
	done
}
storm() {
	began=$(seconds)
	i=1
	pids=
	while [ $i -le "$n" ]; do
		switch_on $i &
		pids="$pids $!"
		i=$((i + 1))
	done
	for one in $pids; do
		wait "$one" || true
	done
	ended=$(seconds)
	i=1
	: >"$tmp/last"
	while [ $i -le "$n" ]; do
		check_boot $i pi-$i
		tail -n 1 "$tmp/said-$i" >>"$tmp/last"
		i=$((i + 1))
	done
	tr ' ' '\n' <"$tmp/last" | awk -F= -v n="$n" -v from="$began" -v till="$ended" '
		$1 ~ /^(dhcp|tftp|refusal)_ms$/ && $2 > most[$1] { most[$1] = $2 }
		END { printf "%d at once: %.1f s; slowest DHCP %d ms, files %d ms, refusal %d ms\n", n,
			till - from, most["dhcp_ms"], most["tftp_ms"], most["refusal_ms"] }'
	[ "$(sed 's/.*address=\([^ ]*\).*/\1/' "$tmp/last" | sort -u | wc -l)" = "$n" ] ||
		fail "two Pis have one address"
}
# Discovery control 3, "PXE", the server, the menu with the three blanks that a 3B needs, the end.
option43=0601030a040050584508070000010a4d0001091700001452617370626572727920506920426f6f74202020ff

say "== dnsmasq gives the addresses"
run 0 rubus dnsmasq --interface br0 --range 10.77.0.100,10.77.0.199 --router 10.77.0.254
cp "$tmp/out" "$tmp/full.conf"
start_dnsmasq server full
each_kind -l
kill $dnsmasq
wait $dnsmasq || true
# Their MACs are known now, and so each has an address of its own.
run 0 rubus dnsmasq --interface br0 --range 10.77.0.100,10.77.0.199 --router 10.77.0.254
cp "$tmp/out" "$tmp/all.conf"
start_dnsmasq server all
storm

say "== a Pi 3 that answers no ARP, and takes longer than its MAC is kept in mind"
switch_on 4 -w 4000 || fail "Pi 4: $(tail -n 1 "$tmp/said-4")"
check_boot 4 pi-4
say "$kind: $(tail -n 1 "$tmp/said-4")"

say "== Pis that nobody knows"
for i in 101 102; do # a 3B+, and a 4
	pi $i
	! switch_on $i || fail "Pi $i was served"
	grep -q "this Pi isn't known: see rubus pending" "$tmp/said-$i" || fail "$(cat "$tmp/said-$i")"
	run 0 rubus --json pending
	json "map(select(.mac == \"$mac\")) | length" 1
	run 0 rubus client add pi-$i --pending "$(jq ".[] | select(.mac == \"$mac\") | .number" "$tmp/out")" --image os
	switch_on $i || fail "Pi $i: $(tail -n 1 "$tmp/said-$i")"
	check_boot $i pi-$i
done

say "== no start.elf: a Pi 5 that asks for names without its serial number"
pi 103
run 0 rubus client add pi-103 --image only5 --serial $serial
switch_on 103 -v || fail "Pi 103: $(cat "$tmp/said-103")"
check_boot 103 pi-103
grep -q '^got cmdline.txt' "$tmp/said-103" || fail "it asked for: $(cat "$tmp/said-103")"
kill $dnsmasq
wait $dnsmasq || true

say "== a router gives the addresses, others than before"
printf '%s\n' port=0 interface=eth0 bind-interfaces no-ping \
	dhcp-range=10.77.0.20,10.77.0.240,255.255.255.0,1h >"$tmp/router.conf"
i=1
while [ $i -le "$n" ]; do
	pi $i
	echo "dhcp-host=$mac,10.77.0.$((200 - i))" >>"$tmp/router.conf"
	i=$((i + 1))
done
start_dnsmasq router router
run 0 rubus dnsmasq --interface br0
cp "$tmp/out" "$tmp/proxy.conf"
start_dnsmasq server proxy
each_kind
storm
stop_rubusd
[ "$got" = 0 ] || fail "rubusd: exit status $got"
! grep -E ' (error|alarm) ' "$tmp/rubusd.log" || fail "errors in the log"
