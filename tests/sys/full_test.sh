#!/bin/sh
# A disk that is full: data end first, then names; the store still starts, and what fills it can be
# removed.
. "${srcdir:-.}/tests/lib/functions.sh"
[ -e /dev/fuse ] || skip "no /dev/fuse"
[ "$(id -u)" = 0 ] || skip "not root"

disk=$tmp/disk
mkdir "$disk" "$tmp/m"
mount -t tmpfs -o size=256m tmpfs "$disk" 2>/dev/null || skip "no mounts here"
cleanup_fn umount -l "$disk"
store=$disk/store
RUBUS_STORE=$store
export RUBUS_STORE
small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi --image deb --any-address
run 0 rubus client add other --image deb --any-address
run 0 rubus mount pi "$tmp/m" --write
dd if=/dev/urandom of="$tmp/m/fill" bs=64k 2>"$tmp/dd" && fail "no end of data"
grep -q 'No space left' "$tmp/dd" || fail "$(cat "$tmp/dd")"
target=$(head -c 4000 /dev/zero | tr '\0' t)
i=0
while [ $i -lt 9000 ] && ln -s "$target" "$tmp/m/link$i" 2>"$tmp/ln"; do i=$((i + 1)); done
[ $i -lt 9000 ] || fail "no end of names"
grep -q 'No space left' "$tmp/ln" || fail "$(cat "$tmp/ln")"
run 0 rubus umount "$tmp/m"

start_rubusd --port 0 --listen 127.0.0.1
run 0 rubus status
run 0 rubus client remove pi --yes
run 0 rubus gc
said out "Given back"
run 0 rubus check --all-bytes
stop_rubusd
[ "$got" = 0 ] || fail "exit status $got"
