#!/bin/sh
# Imports by the real programs: sources, what can't be imported, an interruption, a running rubusd.
. "${srcdir:-.}/tests/lib/functions.sh"
require tar gzip xz zstd jq

small_tree "$tmp/tree"

# The same tree by every way is the same image.
run 0 rubus --json image import "$tmp/tree" --name folder
id=$(jq -r .id "$tmp/out")
tar --format=posix -C "$tmp/tree" -cf "$tmp/tree.tar" .
gzip -k "$tmp/tree.tar"
xz -k "$tmp/tree.tar"
zstd -q "$tmp/tree.tar"
for source in tree.tar tree.tar.gz tree.tar.xz tree.tar.zst; do
	run 0 rubus --json image import "$tmp/$source" --name "$source"
	json .id "\"$id\""
	json .stored 0
done
rubus --json image import - --name stdin <"$tmp/tree.tar.gz" >"$tmp/out" || fail "from stdin"
json .id "\"$id\""

# What isn't a source.
echo nothing >"$tmp/text"
run 1 rubus image import "$tmp/text" --name text
said err "$tmp/text"
head -c 5000 "$tmp/tree.tar" >"$tmp/cut.tar"
run 1 rubus image import "$tmp/cut.tar" --name cut
run 0 rubus --json image list
json 'map(.name) | contains(["cut"]) or contains(["text"])' false

# A file that can't be read is named; --skip-errors leaves it out. Root can read everything.
if [ "$(id -u)" != 0 ]; then
	echo secret >"$tmp/tree/etc/shadow"
	chmod 000 "$tmp/tree/etc/shadow"
	run 1 rubus image import "$tmp/tree" --name shadow
	said err "etc/shadow"
	said err "1 entry can't be imported"
	run 0 rubus --json image import "$tmp/tree" --name shadow --skip-errors
	said err "etc/shadow"
	json .skipped 1
fi

# Interrupted while it waits for more: nothing is left, nor what it stored.
used() { du -s --apparent-size --block-size=1K "$store/segments" | cut -f 1; }
before=$(used)
mkfifo "$tmp/pipe"
rubus image import - --name half <"$tmp/pipe" >"$tmp/out" 2>"$tmp/err" &
import=$!
cleanup_fn kill -KILL $import
exec 4>"$tmp/pipe"
mkdir "$tmp/big"
head -c 20000000 /dev/urandom >"$tmp/big/noise"
tar -C "$tmp/big" -cf "$tmp/big.tar" .
head -c 15000000 "$tmp/big.tar" >&4
kill -INT $import
exec 4>&-
got=0
wait $import || got=$?
[ $got = 130 ] || [ $got = 1 ] || fail "an interrupted import: exit status $got"
run 0 rubus --json image list
json 'map(.name) | contains(["half"])' false
run 1 rubus image show half
[ "$(used)" -le "$before" ] || fail "an interrupted import left $(used) KiB of segments, before: $before"

# Beside a rubusd: no restart is needed.
start_rubusd --port 0
run 0 rubus image import "$tmp/big.tar" --name big
run 0 rubus client add pi-1 --image big
run 0 rubus client show pi-1
stop_rubusd
