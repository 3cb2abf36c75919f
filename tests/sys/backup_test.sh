#!/bin/sh
# A backup of a store that is served, restored elsewhere: the same handles, all that was
# acknowledged; and what is no backup, or half of one, is refused.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq nfs tar

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 pi-2 --image deb
start_rubusd --port 0 --listen 127.0.0.1
run 0 nfs "$port" /pi-1 put /etc/motd "before the backup"
run 0 rubus snapshot create pi-1 one

# Somebody writes all the time; a file stays open over it all.
mkfifo "$tmp/ask" "$tmp/answer"
nfs "$port" /pi-1 follow /etc/motd <"$tmp/ask" >"$tmp/answer" &
follower=$!
cleanup_fn kill $follower
exec 4>"$tmp/ask" 5<"$tmp/answer"
echo >&4
read -r text <&5 || [ "$text" = "before the backup" ] || fail "before: $text"
(i=0; while nfs "$port" /pi-2 put /etc/motd "$((i += 1))" 2>/dev/null; do :; done) &
writer=$!
cleanup_fn kill $writer
for name in plain.tar small.tar.zst; do
	run 0 rubus backup "$tmp/$name"
	said out "$tmp/$name: "
done
run 0 sh -c "rubus backup - >$tmp/piped.tar"
kill $writer
wait $writer || :
run 0 rubus --json gc
[ "$(ls "$tmp" | grep -c 'rubus-backup\|\.new')" = 0 ] || fail "something was left"
run 0 tar -tf "$tmp/plain.tar"
said out store.db
stop_rubusd

for name in plain.tar small.tar.zst piped.tar; do
	store=$tmp/again-$name
	RUBUS_STORE=$store
	run 0 rubus restore "$tmp/$name"
	run 0 rubus check --all-bytes
	said out "The store is whole"
	run 0 rubus snapshot list --json
	json 'map(.name)' '["one"]'
done
start_rubusd --port "$port" --listen 127.0.0.1
echo >&4
exec 4>&-
text=$(cat <&5)
[ "$text" = "before the backup" ] || fail "the open file after the restore: $text"
wait $follower || fail "the client failed"
exec 5<&-
run 0 nfs "$port" /pi-2 cat /etc/motd
run 0 nfs "$port" /pi-1 put /etc/motd "goes on"
stop_rubusd

# It goes other ways than the store that it was made of, which may be served still: no write verifier
# and no segment of the one is the other's.
rubus --json --store "$tmp/store" status >"$tmp/out"
epoch=$(jq .store.epoch "$tmp/out")
rubus --json --store "$tmp/again-plain.tar" status >"$tmp/out"
json ".store.epoch > $epoch + 65000" true

# An interrupted one leaves nothing.
RUBUS_STORE=$tmp/store
head -c 3000000 /dev/urandom >"$tmp/tree/big"
run 0 rubus image import "$tmp/tree" --name big
mkfifo "$tmp/slow"
head -c 100000 "$tmp/slow" >/dev/null &
(exec rubus backup - >"$tmp/slow" 2>"$tmp/err") &
writer=$!
cleanup_fn kill $writer
wait $writer && fail "a backup into a pipe that was closed" || :
(exec rubus backup "$tmp/int.tar.xz" 2>"$tmp/err") &
writer=$!
until [ -s "$tmp/int.tar.xz.new" ] || ! kill -0 $writer 2>/dev/null; do sleep 0.01; done
kill -INT $writer 2>/dev/null || :
wait $writer && fail "an interrupted backup" || :
[ "$(ls "$tmp" | grep -c 'rubus-backup\|int.tar')" = 0 ] || fail "an interrupted backup left something"

# Not over another store, not of half a backup, not of something else.
run 1 rubus restore "$tmp/plain.tar"
said err "is not empty"
RUBUS_STORE=$tmp/none
head -c 20000 "$tmp/plain.tar" >"$tmp/half.tar"
run 1 rubus restore "$tmp/half.tar"
[ ! -e "$tmp/none" ] || fail "half a store was left"
mkdir "$tmp/mangled"
tar -C "$tmp/mangled" -xf "$tmp/plain.tar"
mv "$tmp/mangled/images" "$tmp/mangled/hidden"
mkdir "$tmp/mangled/images"
tar -C "$tmp/mangled" -cf "$tmp/noimage.tar" segments/$(ls "$tmp/mangled/segments" | head -n 1) store.db
run 1 rubus restore "$tmp/noimage.tar"
said err "lacks"
dd if=/dev/urandom of="$tmp/mangled/store.db" bs=4096 count=2 conv=notrunc status=none
tar -C "$tmp/mangled" -cf "$tmp/baddb.tar" store.db
run 1 rubus restore "$tmp/baddb.tar"
[ ! -e "$tmp/none" ] || fail "a damaged store was left"
tar -C "$tmp" -cf "$tmp/other.tar" tree
run 1 rubus restore "$tmp/other.tar"
said err "this is no backup"
run 1 rubus restore "$tmp/tree/etc/motd"
run 1 rubus restore "$tmp/absent"
said err "$tmp/absent"
[ ! -e "$tmp/none" ] || fail "something was left"
run 1 rubus backup "$tmp/no/such/folder/x.tar"
said err "$tmp/no/such/folder"
