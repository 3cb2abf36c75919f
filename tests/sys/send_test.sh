#!/bin/sh
# An image goes to another store, whole the first time, then without the blocks that are there.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq tar

tree=$tmp/tree
small_tree "$tree"
i=0
while [ $i -lt 200 ]; do
	head -c 60000 /dev/urandom >"$tree/usr/bin/$i"
	i=$((i + 1))
done
truncate -s 200M "$tree/hole"
printf end >>"$tree/hole"
ln "$tree/usr/bin/7" "$tree/usr/bin/7.again"
mkfifo "$tree/fifo"
setfattr -n user.comment -v hello "$tree/etc/motd"
printf x >"$tree/na$(printf '\351')me"
: >"$tree/empty-file"
run 0 rubus image import "$tree" --name one
run 0 rubus --json image show one
one=$(jq -r .id "$tmp/out")

# The other store is made by the first image that it gets.
other=$tmp/other
run 0 rubus image send one --to "rubus --store $other image receive"
said err "all of it"
said out "Image one: "
run 0 rubus --store "$other" check --all-bytes
run 0 rubus --store "$other" --json image show one
json .id "\"$one\""

# 5% of it are new: at most 6% of its bytes go over.
i=0
while [ $i -lt 10 ]; do
	head -c 60000 /dev/urandom >"$tree/usr/bin/$i"
	i=$((i + 1))
done
run 0 rubus image import "$tree" --name two
run 0 rubus --json image show two
two=$(jq -r .id "$tmp/out")
run 0 rubus image send two --to "tee $tmp/wire | rubus --store $other image receive --name copy"
! grep -q "all of it" "$tmp/err" || fail "not incremental"
wire=$(stat -c %s "$tmp/wire")
[ "$wire" -lt $((12000000 * 6 / 100)) ] || fail "$wire bytes were sent"
say "$wire bytes for a change of 600000 in 12000000"
run 0 rubus --store "$other" --json image show copy
json .id "\"$two\""
run 0 rubus --store "$other" check --all-bytes

# Beside a rubusd at both ends; what image commit made; a store that names blocks otherwise.
run 0 rubus client add pi-1 --image two
start_rubusd --port 0 --listen 127.0.0.1
if command -v nfs >/dev/null; then
	run 0 nfs "$port" /pi-1 put /etc/motd changed
fi
run 0 rubus image commit pi-1 three
run 0 rubus image send three --to "rubus --store $other image receive"
run 0 rubus image export three "$tmp/three.tar"
stop_rubusd
run 0 rubus --store "$other" image export three "$tmp/three-again.tar"
cmp "$tmp/three.tar" "$tmp/three-again.tar" || fail "a committed image has changed on its way"
third=$tmp/third
run 0 rubus --store "$third" image import "$tree/etc" --name etc
run 0 rubus image send two --to "rubus --store $third image receive"
said err "names them in another way"
run 0 rubus --store "$third" check --all-bytes
run 0 rubus --store "$third" --json image show two
json .id "\"$two\""

# By a pipe or a file, all of it goes.
run 0 sh -c "rubus image send two >$tmp/file"
run 0 sh -c "rubus --store $tmp/fourth image receive <$tmp/file"
run 0 rubus --store "$tmp/fourth" --json image show two
json .id "\"$two\""

# What is cut off, bent, or taken makes nothing.
run 1 sh -c "rubus --store $other image receive --name copy <$tmp/file"
said err "there is an image copy already"
for size in 0 5 300 100000 $(($(stat -c %s "$tmp/file") - 3)); do
	head -c "$size" "$tmp/file" >"$tmp/cut"
	run 1 sh -c "rubus --store $other image receive --name cut <$tmp/cut"
done
cp "$tmp/file" "$tmp/bent"
printf '\377' | dd of="$tmp/bent" bs=1 seek=500000 conv=notrunc status=none
run 1 sh -c "rubus --store $other image receive --name bent <$tmp/bent"
said err "what arrives isn't what was sent"
run 1 sh -c "rubus --store $other image receive --name bad </etc/passwd"
run 1 rubus image send none --to "cat >/dev/null"
said err "there is no image none"
run 1 rubus image send two --to "exit 3"
run 1 rubus image send two --to "cat"
run 0 rubus --store "$other" --json image list
json 'map(.name)' '["copy","one","three"]'
run 0 rubus --store "$other" check --all-bytes
