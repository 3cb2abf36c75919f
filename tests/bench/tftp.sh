#!/bin/sh
# tftp.sh - 40 machines fetch a boot set of 60 MB at once: from Rubus and from dnsmasq's TFTP, in turn,
# in a network namespace of its own. Run by make bench-tftp, as root.
set -eu
builddir=$(pwd)
PATH=$builddir:$builddir/tests/bench:/usr/sbin:/sbin:$PATH
if [ -z "${BENCH_INSIDE:-}" ]; then
	BENCH_INSIDE=yes exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
ip link set lo up
t=$(mktemp -d "${TMPDIR:-/var/tmp}/rubus-tftp.XXXXXX")
trap 'rm -rf "$t"' EXIT
n=${1:-40} rounds=${2:-3}

mkdir -p "$t/root/boot/firmware"
head -c 2300000 /dev/urandom >"$t/root/boot/firmware/start4.elf"
head -c 28000000 /dev/urandom >"$t/root/boot/firmware/kernel8.img"
head -c 29700000 /dev/urandom >"$t/root/boot/firmware/initramfs8"
rubus --store "$t/store" image import "$t/root" --name os --raw >/dev/null
i=1
while [ $i -le "$n" ]; do
	rubus --store "$t/store" client add "$(printf 'pi-%02d' $i)" --image os --serial "$(printf '%08x' $i)" >/dev/null
	i=$((i + 1))
done
printf 'tftp = yes\ntftp_port = 6969\n' >"$t/store/rubus.conf"
rubusd --store "$t/store" --port 0 --listen 127.0.0.1 2>"$t/rubusd.log" &
rubusd=$!
dnsmasq --no-daemon --port=0 --enable-tftp --tftp-root="$t/root/boot/firmware" --listen-address=127.0.0.1 \
	--bind-interfaces --tftp-no-fail --user=root --tftp-max=1000 --pid-file= --conf-file=/dev/null 2>"$t/dnsmasq.log" &
dnsmasq=$!
sleep 2
cpu() { awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"; }
round=0
while [ $round -lt "$rounds" ]; do
	a=$(cpu $rubusd)
	printf 'rubus:   '
	tftp_load 127.0.0.1 6969 "$n" %d/start4.elf %d/kernel8.img %d/initramfs8
	b=$(cpu $rubusd) c=$(cpu $dnsmasq)
	printf 'dnsmasq: '
	tftp_load 127.0.0.1 69 "$n" start4.elf kernel8.img initramfs8
	d=$(cpu $dnsmasq)
	echo "         CPU of the server: rubus $((b - a)) ms, dnsmasq $((d - c)) ms"
	round=$((round + 1))
done
kill $rubusd $dnsmasq
