#!/bin/sh
# Registration with rpcbind, in a network of the test's own.
. "${srcdir:-.}/tests/lib/functions.sh"
require unshare rpcbind rpcinfo ip
[ "$(id -u)" = 0 ] || skip "needs root"
if [ -z "${SYS_INSIDE:-}" ]; then
	unshare --net --mount --pid true 2>/dev/null || skip "no namespaces here"
	got=0
	SYS_INSIDE=yes srcdir=$srcdir unshare --net --mount --pid --fork --kill-child --mount-proc "$0" ||
		got=$?
	exit $got
fi
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up

registered() { rpcinfo -p 127.0.0.1 | awk '$1 == 100003 || $1 == 100005 { print $1, $2, $3, $4 }' | sort; }

# Without rpcbind: a warning, and it serves.
start_rubusd
[ "$port" = 2049 ] || fail "the port is $port"
grep -q "warning net: not registered with rpcbind" "$tmp/rubusd.log" || fail "no warning"
stop_rubusd
[ "$got" = 0 ] || fail "exit status $got"

# A foreground rpcbind says nothing when it is ready: its socket does.
rpcbind -w -f &
cleanup_fn kill $!
tries=0
until rpcinfo -p 127.0.0.1 >/dev/null 2>&1; do
	[ $((tries += 1)) -le 500 ] || fail "rpcbind doesn't start"
	sleep 0.02
done
start_rubusd
want="100003 3 tcp 2049
100005 3 tcp 2049
100005 3 udp 2049"
[ "$(registered)" = "$want" ] || fail "registered is: $(registered)"
rpcinfo -T tcp 127.0.0.1 100003 3 >/dev/null || fail "NFS isn't found by rpcbind"
rpcinfo -T udp 127.0.0.1 100005 3 >/dev/null || fail "MOUNT isn't found by rpcbind"
rpcinfo -T tcp6 ::1 100005 3 >/dev/null || fail "MOUNT isn't found over IPv6"
stop_rubusd
[ -z "$(registered)" ] || fail "left behind: $(registered)"

# What a killed one has left is replaced; --port registers nothing.
start_rubusd
stop_rubusd KILL
start_rubusd
[ "$(registered)" = "$want" ] || fail "after a kill: $(registered)"
stop_rubusd
start_rubusd --port 2050
[ -z "$(registered)" ] || fail "registered in spite of --port: $(registered)"
stop_rubusd
