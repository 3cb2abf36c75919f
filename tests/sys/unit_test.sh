#!/bin/sh
# The systemd unit: without mistakes, and with little that it may do.
. "${srcdir:-.}/tests/lib/functions.sh"
require systemd-analyze

# As installed, but for the program's place.
unit=$tmp/rubusd.service
sed "s|^ExecStart=[^ ]*|ExecStart=$builddir/rubusd|" "$builddir/server/rubusd.service" >"$unit"
run 0 systemd-analyze verify --man=no "$unit"
! grep rubusd.service "$tmp/err" || fail "systemd finds fault with the unit"
run 0 systemd-analyze security --offline=yes --threshold=20 "$unit"
grep 'exposure level' "$tmp/out"

# Its readiness is told, once it serves.
require socat
socat -u "UNIX-RECV:$tmp/notify" "OPEN:$tmp/told,creat,append" &
cleanup_fn kill $!
until [ -S "$tmp/notify" ]; do kill -0 $! || fail "no socket"; done
export NOTIFY_SOCKET="$tmp/notify"
start_rubusd --port 0 --listen 127.0.0.1
stop_rubusd TERM
grep -q '^READY=1' "$tmp/told" || fail "READY=1 was not told"
