#!/bin/sh
# A whole real tree, imported as a folder and as a tar: through NFS every name, attribute and byte is
# that of the source.
. "${srcdir:-.}/tests/lib/functions.sh"
require tar
compare=$builddir/tests/nfs/compare_tree
[ -x "$compare" ] || skip "no libnfs to build compare_tree with"

# Real files, and the odd ones: holes, links, names of any bytes, times long ago, device nodes.
mkdir "$tmp/tree"
for part in /etc /usr/share/zoneinfo/Europe /usr/lib/apt; do
	[ ! -d $part ] || tar -C / --ignore-failed-read -cf - ".$part" 2>/dev/null | tar -C "$tmp/tree" -xf -
done
cd "$tmp/tree"
mkdir -p odd/empty "odd/$(printf '\377\376')" odd/sticky odd/many
chmod 1777 odd/sticky
truncate -s 4300M odd/hole
printf end | dd of=odd/hole bs=1 seek=4500000000 conv=notrunc 2>/dev/null
printf x >"odd/$(printf '\200 \n')"
printf x >"odd/$(printf '%0255d' 0)"
printf s >odd/setuid && chmod 6711 odd/setuid
ln odd/setuid odd/again && ln -s nowhere odd/dangling && mkfifo odd/fifo
touch -d 1980-01-01T00:00:00.123456789Z odd/old
i=0
while [ $i -lt 1500 ]; do : >odd/many/$i && i=$((i + 1)); done
if [ "$(id -u)" = 0 ]; then
	mknod odd/null c 1 3 && mknod odd/disk b 259 70000
	chown 1000:60000 odd/old
fi
cd "$tmp"


start_rubusd --port 0 --listen 127.0.0.1
run 0 rubus image import tree --name folder
tar -C tree --format=pax --sparse --xattrs -cf - . | rubus image import - --name tar >"$tmp/out" 2>"$tmp/err" ||
	fail "import of the tar"
for name in folder tar; do
	run 0 rubus client add pi-$name --image $name
	url="nfs://127.0.0.1/pi-$name?version=3&nfsport=$port&mountport=$port"
	got=0
	"$compare" "$url" tree >"$tmp/out" 2>"$tmp/err" || got=$?
	# A tar doesn't say how large a folder is.
	[ $name = folder ] || { ! grep -v ': size: .* 4096 in the export$' "$tmp/out" | grep -v '^compared' && got=0; }
	[ "$got" = 0 ] || fail "$name: differences"
	tail -n 1 "$tmp/out"
done
