#!/bin/sh
# A store that can't be written any more: what waits gets an error, rubusd ends with status 70, and
# what was answered is there when it starts again. The disk's failure is a limit on file sizes.
. "${srcdir:-.}/tests/lib/functions.sh"
require nfs

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 --image deb
largest=$(find "$store" -type f -size +0 -exec du -k --apparent-size {} + | sort -n | tail -n 1 | cut -f 1)

# In 512-byte blocks: some hundred KiB above what is there.
file_limit=$((2 * (largest + 300)))
start_rubusd --port 0
i=0
while [ $i -lt 400 ]; do
	i=$((i + 1))
	nfs "$port" /pi-1 put "/f$i" "text $i" >"$tmp/out" 2>"$tmp/err" || break
	answered=$i
done
[ $i -lt 400 ] || fail "no write failed"
[ "${answered:-0}" -gt 0 ] || fail "no write was answered before the failure"
got=0
wait "$pid" || got=$?
[ $got = 70 ] || fail "exit status $got, expected 70"
grep -q "error store: the store can't go on" "$tmp/rubusd.log" || fail "the log doesn't tell"

file_limit=
start_rubusd --port 0
i=0
while [ $i -lt "$answered" ]; do
	i=$((i + 1))
	run 0 nfs "$port" /pi-1 cat "/f$i"
	said out "text $i"
done
stop_rubusd
