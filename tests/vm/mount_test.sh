#!/bin/bash
# Linux's NFS client does some hundreds of file operations on one client's view, and the same on a
# local ext4: line by line the answers are the same. Another client's view shows nothing of it.
# RUBUS_KILL_EVERY=SECONDS: the same while rubusd is killed and started again, twelve times at most.
set -u
. "$(dirname "$0")/lib.sh"
require_root
require qemu-system-x86_64 mmdebstrap busybox cpio modprobe ip mkfs.ext4
enter_namespace "$@"

cat >"$t/job" <<'END'
how=vers=3,tcp,nolock,addr=10.77.0.1,port=2049,mountport=2049
mkdir /mnt/1 /mnt/2 /mnt/local
for n in 1 2; do # again, should the server just be killed
	tries=0
	until mount -t nfs -o "$how" 10.77.0.1:/pi-0$n /mnt/$n; do
		[ $((tries += 1)) -le 10 ] && sleep 1 || exit 1
	done
done
mount -t ext4 -o noatime /dev/vda /mnt/local || exit 1
rmdir /mnt/local/lost+found

look() { cd /mnt/2 && /run/job/fileops /run/job/look; }
look >/tmp/before
for place in local 1; do
	cd /mnt/$place || exit 1
	echo "@@@ $place"
	for script in fileops.ops random.ops; do /run/job/fileops /run/job/$script || exit 1; done
done
look >/tmp/after
echo "@@@ other"
cmp /tmp/before /tmp/after && grep -c 'mtime' /tmp/after
cd / && umount /mnt/1 /mnt/2 /mnt/local
END
echo 'tree .' >"$t/look"
fileops=$builddir/tests/vm/fileops
[ -x "$fileops" ] || fail "no $fileops: make check-vm builds it"

"$vm/golden-tree" "$t/tree/golden"
tar -C "$t/tree" --numeric-owner -cf "$t/golden.tar" golden
truncate -s 64M "$t/disk"
mkfs.ext4 -q -b 4096 -I 256 -N 8192 -d "$t/tree" "$t/disk"
seed=${RUBUS_SEED:-${RUBUS_LONG:+$RANDOM}} # --long looks for what nobody has seen yet
seed=${seed:-1}
say "random operations: RUBUS_SEED=$seed"
"$vm/fileops-random" "$seed" ${RUBUS_LONG:+5}400 >"$t/random.ops"

rubus_ image import "$t/golden.tar" --name small
rubus_ client add pi-01 --image small --any-address
rubus_ client add pi-02 --image small --any-address
start_rubusd
boot_mount 10.77.0.12 tester -d "$t/disk" -t 400 "$t/job" "$fileops" "$vm/fileops.ops" "$t/random.ops" "$t/look" \
	>"$t/out" &
guest_pid=$!
kills=0
while [ "${RUBUS_KILL_EVERY:-}" ] && [ $kills -lt 12 ] && sleep "$RUBUS_KILL_EVERY" && kill -0 $guest_pid 2>/dev/null; do
	kill_rubusd
	start_rubusd
	kills=$((kills + 1))
done
wait $guest_pid || fail "the guest: status $?"
[ -z "${RUBUS_KILL_EVERY:-}" ] || say "rubusd was killed and started $kills times"
stop_rubusd

part() { awk -v name="$1" '/^@@@ / { on = $2 == name; next } on' "$t/out"; }
part local >"$t/local"
part 1 >"$t/nfs.all"
# Linux's NFS client leaves it to the server whether a folder may be written, but looks itself, before
# it asks, whether what is to go is a folder: of two errors it finds the other first.
paste -d '\n' "$t/local" "$t/nfs.all" | awk 'NR % 2 { here = $0; next }
	$2 ~ /^@/ && $3 ~ /^(rmdir|unlink|rename)$/ && /-> (ENOTDIR|EISDIR)$/ {
		ours = here; theirs = $0
		if (sub(/-> EACCES$/, "", ours) && sub(/-> E[A-Z]*$/, "", theirs) && ours == theirs) $0 = here
	}
	{ print }' >"$t/nfs"
part other >"$t/other"
diff "$t/local" "$t/nfs" | grep '^[<>]' >"$t/differs"
sed "s/^\(.\) [0-9]*: /\1 /" "$t/differs" | LC_ALL=C sort >"$t/found"
grep -v '^#' "$vm/fileops.differs" | LC_ALL=C sort >"$t/expected"
say "$(grep -c '^[0-9]*: ' "$t/nfs") operations, $(grep -c '^>' "$t/differs") answers differ from ext4's," \
	"$(grep -c '^>' "$t/expected") are known to (fileops.differs)"
if ! diff "$t/expected" "$t/found" >"$t/news"; then
	say "local ext4 (<) and NFS (>):"
	cat "$t/differs"
	say "news beside fileops.differs:"
	cat "$t/news"
	fail "the answers are not those of a local file system"
fi
[ "$(wc -l <"$t/nfs")" -gt 500 ] || fail "the operations were cut short"
say "the other client's view: $(cat "$t/other") entries, the same before and after"
[ "$(cat "$t/other")" -gt 1000 ] || fail "the other client's view has changed"
