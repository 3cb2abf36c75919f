#!/bin/sh
# What rubusd and rubus-import may still do once they run: nothing that their store's owner may not.
. "${srcdir:-.}/tests/lib/functions.sh"
require nfs

# of PID FIELD: the field of its status, in one line.
of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '; }

# Each thread, since capabilities are a thread's own.
assert_powerless() {
	for task in /proc/"$1"/task/*; do
		for field in CapInh CapPrm CapEff CapAmb; do
			[ "$(sed -n "s/^$field:[[:space:]]*//p" "$task/status")" = 0000000000000000 ] ||
				fail "$task: $field"
		done
		[ "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "$task/status")" = 1 ] || fail "$task: NoNewPrivs"
	done
}

serves() {
	run 0 nfs "$port" /pi-1 put /etc/motd "$1"
	run 0 nfs "$port" /pi-1 cat /etc/motd
	said out "$1"
	run 0 rubus status
}

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 --image deb
start_rubusd --port 0 --listen 127.0.0.1
[ "$(ls "/proc/$pid/task" | wc -l)" -gt 2 ] || fail "not the threads of a server"
assert_powerless "$pid"
serves first
stop_rubusd TERM
[ "$(id -u)" = 0 ] || {
	say "the rest needs root"
	exit 0
}

[ "$(stat -c %u "$store")" = 0 ] || fail "root's store isn't root's"
start_rubusd --port 0 --listen 127.0.0.1
[ "$(of "$pid" CapBnd)" = 0000000000000000 ] || fail "CapBnd"
stop_rubusd TERM

# Another user's store, which root made and imports into: served as that user, and by that user.
chmod 755 "$tmp"
mkdir "$tmp/theirs"
chown 1234:1234 "$tmp/theirs"
store=$tmp/theirs/store
RUBUS_STORE=$store
chmod 700 "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 --image deb
[ "$(find "$store" ! -user 1234 | wc -l)" = 0 ] || fail "not all of the store is its owner's"
start_rubusd --port 0 --listen 127.0.0.1
[ "$(of "$pid" Uid)" = '1234 1234 1234 1234' ] || fail "Uid: $(of "$pid" Uid)"
[ "$(of "$pid" Gid)" = '1234 1234 1234 1234' ] || fail "Gid"
[ -z "$(of "$pid" Groups | tr -d ' ')" ] || fail "Groups"
assert_powerless "$pid"
serves second
run 0 rubus image import "$tmp/tree" --name again
stop_rubusd TERM
[ "$(find "$store" ! -user 1234 | wc -l)" = 0 ] || fail "not all of the store is its owner's"

# A low port is bound by a server that can do nothing else.
start_rubusd --port 1001 --listen 127.0.0.1
[ "$(of "$pid" CapEff)" = 0000000000000400 ] || fail "CapEff: $(of "$pid" CapEff)"
serves third
stop_rubusd TERM
