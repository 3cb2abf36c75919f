#!/bin/sh
# What is exported is what was imported: the same image id again, and the same tree for GNU tar.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq nfs tar setfattr setfacl zstd xz socat

tree=$tmp/tree
small_tree "$tree"
mkdir -p "$tree/deep/$(printf 'x%.0s' $(seq 200))/$(printf 'y%.0s' $(seq 200))"
cp /bin/sh "$tree/deep/$(printf 'x%.0s' $(seq 200))/$(printf 'y%.0s' $(seq 200))/sh"
printf 'latin1' >"$tree/na$(printf '\351')me"
printf 'utf8' >"$tree/na$(printf '\303\251')me with blanks"
printf 'a name of 255 bytes' >"$tree/$(printf 'z%.0s' $(seq 255))"
ln -s "$(printf 't%.0s' $(seq 900))" "$tree/longlink"
mkfifo "$tree/fifo"
truncate -s 600M "$tree/sparse"
printf 'middle' | dd of="$tree/sparse" bs=1 seek=300000000 conv=notrunc status=none
truncate -s 100000 "$tree/hole"
: >"$tree/empty-file"
ln "$tree/sparse" "$tree/etc/sparse.again"
chmod 4711 "$tree/usr/bin/hello"
chmod 1777 "$tree/empty"
touch -d '2001-02-03 04:05:06.123456789' "$tree/etc/motd"
touch -d '1969-12-31 23:59:59' "$tree/etc/hostname"
special=
if [ "$(id -u)" = 0 ]; then
	special=yes
	chown 4000000000:70000 "$tree/etc/hostname"
	mknod "$tree/null" c 1 3
	mknod "$tree/disk" b 259 70000
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$tree/usr/bin/hello"
	setfattr -n trusted.x -v binary "$tree/etc"
fi
setfattr -n user.comment -v 'hello world' "$tree/etc/motd" || skip "no extended attributes in $tmp"
setfacl -m u:1234:rw,g:77:r "$tree/etc/motd" && setfacl -d -m u:1234:rx "$tree/etc" || skip "no ACLs in $tmp"

run 0 rubus image import "$tree" --name one
run 0 rubus --json image show one
id=$(jq -r .id "$tmp/out")
n=0
for name in plain.tar some.tar.gz some.tar.xz some.tar.zst; do
	n=$((n + 1))
	run 0 rubus image export one "$tmp/$name"
	said out "$tmp/$name: "
	[ "$(stat -c %s "$tmp/$name")" -lt 3000000 ] || fail "$name: holes were written"
	run 0 rubus image import "$tmp/$name" --name "again$n"
	run 0 rubus --json image show "again$n"
	json .id "\"$id\""
done
run 0 sh -c "rubus image export one - >$tmp/piped.tar"
cmp "$tmp/piped.tar" "$tmp/plain.tar" || fail "standard output gets another tar"

# GNU tar makes the same tree of it.
mkdir "$tmp/gnu"
run 0 tar -C "$tmp/gnu" --numeric-owner --xattrs --xattrs-include='*' --acls -xpf "$tmp/plain.tar"
if [ "$special" ]; then
	run 0 rubus image import "$tmp/gnu" --name gnu
	run 0 rubus --json image show gnu
	json .id "\"$id\""
fi

# A client, as it is; a snapshot of it, as it was.
run 0 rubus client add pi-1 --image one
start_rubusd --port 0 --listen 127.0.0.1
run 0 nfs "$port" /pi-1 put /etc/motd "client, then"
run 0 rubus snapshot create pi-1 first
run 0 nfs "$port" /pi-1 put /etc/motd "client, late"
run 0 nfs "$port" /pi-1 remove /fifo
run 0 rubus image export pi-1 "$tmp/client.tar"
run 0 rubus image export pi-1@first "$tmp/snapshot.tar"
run 0 tar -xOf "$tmp/client.tar" etc/motd
[ "$(cat "$tmp/out")" = "client, late" ] || fail "the client's file"
run 0 tar -xOf "$tmp/snapshot.tar" etc/motd
[ "$(cat "$tmp/out")" = "client, then" ] || fail "the snapshot's file"
run 0 tar -tf "$tmp/client.tar"
! grep -qx fifo "$tmp/out" || fail "a removed file was exported"
stop_rubusd

# A socket has no place in a tar: it is named.
timeout 1 socat UNIX-LISTEN:"$tmp/sock",unlink-close=0 - </dev/null || :
[ -S "$tmp/sock" ] || fail "socat made no socket"
mv "$tmp/sock" "$tree/etc/sock"
run 0 rubus image import "$tree" --name sock
run 0 rubus --json image export sock "$tmp/sock.tar"
json '[.skipped, .entries > 15]' '[1,true]'
said err "/etc/sock: a tar can't hold a socket"

run 1 rubus image export none "$tmp/x.tar"
said err "there is no client and no image none"
run 1 rubus image export one "$tmp/no/x.tar"
said err "$tmp/no/x.tar.new"
run 2 rubus image export one
(exec rubus image export one "$tmp/int.tar.xz" 2>"$tmp/err") &
writer=$!
until [ -e "$tmp/int.tar.xz.new" ] || ! kill -0 $writer 2>/dev/null; do :; done
kill -INT $writer 2>/dev/null || :
wait $writer || :
[ "$(ls "$tmp" | grep -c '\.new$')" = 0 ] || fail "an interrupted export left something"
