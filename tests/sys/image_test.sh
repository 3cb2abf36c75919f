#!/bin/sh
# Disk images, as they are downloaded: the root is that of the tree which they were made of, with the
# boot partition's files where the system has them; and damaged ones.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq mke2fs mkfs.vfat mcopy mmd sfdisk xz gzip zstd zip debugfs setfattr nfs ssh-keygen

tree=$tmp/tree
small_tree "$tree"
mkdir -p "$tree/boot/firmware" "$tree/usr/lib"
cp /bin/sh /bin/ls "$tree/usr/bin/"
i=0
while [ $i -lt 400 ]; do
	echo $i >"$tree/usr/lib/a file with a rather long name $i"
	i=$((i + 1))
done
truncate -s 300M "$tree/usr/lib/sparse"
printf end >>"$tree/usr/lib/sparse" # mke2fs -d with inline_data forgets a hole at the end
ln -s "$(printf 't%.0s' $(seq 900))" "$tree/usr/long"
ln -s short "$tree/usr/short"
mkfifo "$tree/usr/fifo"
setfattr -n user.comment -v 'hello world' "$tree/etc/motd" || skip "no extended attributes in $tmp"
if [ "$(id -u)" = 0 ]; then
	chown 1000:70000 "$tree/etc/hostname"
	mknod "$tree/null" c 1 3
	mknod "$tree/disk" b 259 70000
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$tree/usr/bin/ls"
fi
# mke2fs -d knows whole seconds only.
find "$tree" -depth -exec touch -h -d '2001-02-03 04:05:06' {} +
printf 'arm_64bit=1\n' >"$tmp/config.txt"
head -c 3000000 /dev/urandom >"$tmp/kernel8.img"
printf overlay >"$tmp/vc4-kms-v3d-pi4.dtbo"

# ext SIZE OPTION...: a file system of the tree, in $tmp/ext.
ext() {
	size=$1
	shift
	rm -f "$tmp/ext"
	run 0 mke2fs -q -F -t ext4 "$@" -d "$tree" "$tmp/ext" "$size"
	run 0 debugfs -w -R 'set_inode_field <2> mtime 20010203040506' "$tmp/ext"
}
# disk TYPE FATSIZE [FATBITS]: a disk of it, in $tmp/disk.img: a FAT at 4 MiB, the ext behind it.
disk() {
	rm -f "$tmp/fat" "$tmp/disk.img"
	truncate -s "$2M" "$tmp/fat"
	run 0 mkfs.vfat -F "$3" "$tmp/fat"
	run 0 mcopy -i "$tmp/fat" "$tmp/config.txt" "$tmp/kernel8.img" ::
	run 0 mmd -i "$tmp/fat" ::/overlays
	run 0 mcopy -i "$tmp/fat" "$tmp/vc4-kms-v3d-pi4.dtbo" ::/overlays/
	bytes=$(stat -c %s "$tmp/ext")
	truncate -s $(((4 + $2 + 1) * 1048576 + bytes)) "$tmp/disk.img"
	if [ "$1" = gpt ]; then
		printf 'label: gpt\nstart=4MiB, size=%sMiB, type=uefi\nstart=%sMiB, size=%sK, type=linux\n' \
			"$2" $((4 + $2)) $((bytes / 1024)) | sfdisk -q "$tmp/disk.img" >/dev/null 2>&1 || fail "sfdisk"
	else
		printf 'label: dos\nstart=4MiB, size=%sMiB, type=c\nstart=%sMiB, size=%sK, type=83\n' \
			"$2" $((4 + $2)) $((bytes / 1024)) | sfdisk -q "$tmp/disk.img" >/dev/null 2>&1 || fail "sfdisk"
	fi
	dd if="$tmp/fat" of="$tmp/disk.img" bs=1M seek=4 conv=notrunc,sparse status=none
	dd if="$tmp/ext" of="$tmp/disk.img" bs=1M seek=$((4 + $2)) conv=notrunc,sparse status=none
}
id_of() { rubus --json image show "$1" | jq -r .id; }

run 0 rubus image import "$tree" --name tree
golden_id=$(id_of tree)

# File systems alone, of several kinds.
n=0
for options in "" "-O ^extent,^64bit" "-O inline_data -I 512" "-b 1024" "-O ^metadata_csum,^has_journal -I 128"; do
	n=$((n + 1))
	# shellcheck disable=SC2086 # words
	ext 64M $options
	run 0 rubus image import "$tmp/ext" --name "ext$n"
	[ "$(id_of "ext$n")" = "$golden_id" ] || fail "mke2fs $options: another tree"
done

# Disks: the boot partition's files are in the tree.
mkdir -p "$tmp/whole"
cp -a "$tree/." "$tmp/whole/"
ext 64M
n=0
for kind in "dos 64 32" "dos 32 16" "gpt 64 32"; do
	n=$((n + 1))
	# shellcheck disable=SC2086 # words
	disk $kind
	run 0 rubus image import "$tmp/disk.img" --name "disk$n"
	run 0 rubus image export "disk$n" "$tmp/disk.tar"
	run 0 tar -xOf "$tmp/disk.tar" boot/firmware/kernel8.img
	cmp "$tmp/out" "$tmp/kernel8.img" || fail "$kind: the kernel"
	run 0 tar -xOf "$tmp/disk.tar" boot/firmware/overlays/vc4-kms-v3d-pi4.dtbo
	said out overlay
	run 0 tar -xOf "$tmp/disk.tar" boot/firmware/config.txt
	said out arm_64bit
done

# Packed.
golden_id=$(id_of disk3)
xz -1 -k "$tmp/disk.img"
gzip -1 -k "$tmp/disk.img"
zstd -q -1 -k "$tmp/disk.img"
(cd "$tmp" && zip -q -1 disk.zip config.txt disk.img)
for suffix in img.xz img.gz img.zst zip; do
	run 0 rubus image import "$tmp/disk.$suffix" --name "packed-$suffix"
	[ "$(id_of "packed-$suffix")" = "$golden_id" ] || fail "$suffix: another tree"
done
[ -z "$(find "$store" -size +250M -name '[^s]*' ! -name '*.seg')" ] || fail "something unpacked was left"
run 0 rubus check

# Raspberry Pi OS is made ready for a network root, once; --raw leaves it as it is.
mkdir -p "$tmp/pi"
small_tree "$tmp/pi"
mkdir -p "$tmp/pi/boot/firmware" "$tmp/pi/usr/lib/systemd/system" "$tmp/pi/etc/ssh"
printf 'VERSION_ID="12"\nID=debian\n' >"$tmp/pi/etc/os-release"
: >"$tmp/pi/etc/rpi-issue"
: >"$tmp/pi/usr/lib/systemd/system/apt-daily.timer"
printf 'PARTUUID=1-01 /boot/firmware vfat defaults 0 2\nPARTUUID=1-02 / ext4 defaults 0 1\n' >"$tmp/pi/etc/fstab"
printf '127.0.0.1 localhost\n127.0.1.1 raspberrypi\n' >"$tmp/pi/etc/hosts"
printf 'shared' >"$tmp/pi/etc/ssh/ssh_host_rsa_key"
run 0 rubus image import "$tmp/pi" --name pios --raw
run 0 rubus --json image list
json 'map(.name) | map(select(startswith("pios")))' '["pios"]'
run 0 rubus image remove pios --yes
run 0 rubus image import "$tmp/pi" --name pios
said out "apt-daily.timer is off"
said out "as it came: pios.raw"
run 0 rubus --json image list
json 'map(.name) | map(select(startswith("pios")))' '["pios","pios.raw"]'
run 0 rubus image export pios "$tmp/pios.tar"
run 0 tar -xOf "$tmp/pios.tar" etc/fstab
said_nothing out
run 0 rubus --json client list
json . '[]'

# The identity is each client's own, and outlives a reset.
run 0 rubus client add pi-8 --image pios --serial 1a2b3c4d
run 0 rubus client add pi-9 --image pios
start_rubusd --port 0 --listen 127.0.0.1
for pi in pi-8 pi-9; do
	run 0 nfs "$port" /$pi cat /etc/hostname
	[ "$(cat "$tmp/out")" = $pi ] || fail "hostname of $pi: $(cat "$tmp/out")"
	run 0 nfs "$port" /$pi cat /etc/hosts
	said out "127.0.1.1	$pi"
	run 0 nfs "$port" /$pi cat /etc/machine-id
	cp "$tmp/out" "$tmp/id-$pi"
	run 1 nfs "$port" /$pi cat /etc/ssh/ssh_host_rsa_key
	run 0 nfs "$port" /$pi cat /etc/ssh/ssh_host_ed25519_key.pub
	cp "$tmp/out" "$tmp/key-$pi"
done
! cmp -s "$tmp/id-pi-8" "$tmp/id-pi-9" || fail "two clients have one machine-id"
! cmp -s "$tmp/key-pi-8" "$tmp/key-pi-9" || fail "two clients have one host key"
run 0 rubus reset pi-8 --now
run 0 nfs "$port" /pi-8 cat /etc/ssh/ssh_host_ed25519_key.pub
cmp "$tmp/out" "$tmp/key-pi-8" || fail "another host key after a reset"
run 0 nfs "$port" /pi-8 cat /etc/machine-id
cmp "$tmp/out" "$tmp/id-pi-8" || fail "another machine-id after a reset"
run 0 rubus client clone pi-8 pi-7
run 0 nfs "$port" /pi-7 cat /etc/ssh/ssh_host_ed25519_key.pub
! cmp -s "$tmp/out" "$tmp/key-pi-8" || fail "a clone has the other one's key"
run 0 nfs "$port" /pi-7 cat /etc/hostname
said out pi-7
stop_rubusd

# A client of it has its kernel for TFTP; that is the same file.
run 0 rubus client add pi-1 --image disk1

# Damaged, cut off, or something else: a sentence, and nothing is left.
refused() {
	got=0
	rubus image import "$1" --name bad >"$tmp/out" 2>"$tmp/err" || got=$?
	[ $got = 1 ] || fail "$1: exit status $got"
	said err "rubus: "
	rubus image list --json >"$tmp/out"
	json 'map(select(.name == "bad"))' '[]'
}
size=$(stat -c %s "$tmp/disk.img")
for part in 3 10 50 90; do
	head -c $((size / 100 * part)) "$tmp/disk.img" >"$tmp/cut.img"
	refused "$tmp/cut.img"
done
for suffix in xz gz zst; do
	n=$(stat -c %s "$tmp/disk.img.$suffix")
	head -c $((n - n / 3)) "$tmp/disk.img.$suffix" >"$tmp/cut.img.$suffix"
	refused "$tmp/cut.img.$suffix"
done
head -c 2000000 /dev/urandom >"$tmp/noise.img"
refused "$tmp/noise.img"
printf 'label: dos\nstart=1MiB, size=1MiB, type=c\n' >"$tmp/layout"
truncate -s 4M "$tmp/nothing.img"
sfdisk -q "$tmp/nothing.img" <"$tmp/layout" >/dev/null 2>&1
refused "$tmp/nothing.img"
said err "none holds an ext4 file system"
cp "$tmp/ext" "$tmp/dirty.img"
debugfs -w -R 'feature needs_recovery' "$tmp/dirty.img" >/dev/null 2>&1
refused "$tmp/dirty.img"
said err "wasn't unmounted cleanly"

# Bits that are wrong, here and there in what the file system says of itself: no crash, no hang.
rm -f "$tmp/ext"
rm -f "$tree/usr/lib/sparse"
run 0 mke2fs -q -F -t ext4 -O ^metadata_csum -d "$tree" "$tmp/ext" 12M
seed=${RUBUS_SEED:-1}
say "seed $seed"
i=0
tries=40
[ -z "${RUBUS_LONG:-}" ] || tries=1000
while [ $i -lt $tries ]; do
	i=$((i + 1))
	cp --sparse=always "$tmp/ext" "$tmp/flip.img"
	for place in 1 2 3 4; do
		at=$(awk -v s="$seed" -v i="$i" -v p="$place" 'BEGIN { srand(s * 100000 + i * 10 + p)
			print int(rand() * (p < 3 ? 20000 : 1500000)) }')
		printf "\\$(printf %o $(((i * 37 + place * 91) % 256)))" |
			dd of="$tmp/flip.img" bs=1 seek="$at" conv=notrunc status=none
	done
	got=0
	timeout 30 rubus image import "$tmp/flip.img" --name flip >"$tmp/out" 2>"$tmp/err" || got=$?
	case $got in
	0) run 0 rubus image remove flip --yes ;;
	1) said err "rubus: " ;;
	*) fail "flip $i (seed $seed): exit status $got" ;;
	esac
done
