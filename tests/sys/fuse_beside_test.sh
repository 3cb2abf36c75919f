#!/bin/sh
# rubus mount beside a rubusd on the same store: who may change what, and who sees what.
. "${srcdir:-.}/tests/lib/functions.sh"
. "$srcdir/tests/lib/mounts.sh"
require nfs
chmod 755 "$tmp"

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
for client in pi-1 pi-2 deb-1; do run 0 rubus client add $client --image deb; done
start_rubusd --port 0 --listen 127.0.0.1
# logged PATTERN: waits for a line of rubusd's.
logged() {
	tries=0
	while ! grep -q "$1" "$tmp/rubusd.log"; do
		[ $((tries += 1)) -le 200 ] || fail "rubusd doesn't say: $1"
		sleep 0.05
	done
}

put() { run 0 nfs "$port" "/$1" put "$2" "$3"; }

say "a served client is seen as it was when it was mounted"
put pi-1 /etc/note number-00
mount_view pi-1 first
first=$mnt
is "$first/etc/note" number-00
i=0
while [ $i -lt 20 ]; do
	put pi-1 /etc/note "number-$((10 + i))"
	put pi-1 "/etc/new.$i" new
	i=$((i + 1))
done
run 0 nfs "$port" /pi-1 remove /etc/hostname
mount_view pi-1 second
is "$first/etc/note" number-00
[ ! -e "$first/etc/new.0" ] && [ -e "$first/etc/hostname" ] || fail "a mounted view follows its client"
is "$mnt/etc/note" number-29
[ -e "$mnt/etc/new.19" ] && [ ! -e "$mnt/etc/hostname" ] || fail "a new mount is not what is on disk"
run 0 rubus umount "$mnt"

say "what it needs isn't collected"
run 1 rubus gc
said err "is mounted on this machine (rubus mount): collect when it is unmounted"
run 0 rubus umount "$first"
run 0 rubus gc

say "a snapshot"
run 0 rubus snapshot create pi-1 good
put pi-1 /etc/note number-bad
mount_view pi-1@good snapshot
is "$mnt/etc/note" number-29
run 0 rubus umount "$mnt"
run 1 rubus mount pi-1@none "$mnt"
said err none
run 1 rubus mount pi-1@good "$mnt" --write
said err "a snapshot can only be looked at"
run 1 rubus mount deb "$mnt" --write
said err "deb: an image can only be looked at"
run 1 rubus mount nobody "$mnt"
said err "there is no client and no image nobody"
run 0 rubus client add deb --image deb
run 1 rubus mount deb "$mnt"
said err "deb is a client and an image: say client:deb or image:deb"
run 0 rubus mount image:deb "$mnt"
is "$mnt/etc/motd" golden
run 0 rubus umount "$mnt"
run 0 rubus client remove deb --yes

say "who is in use isn't changed here"
rm -f "$tmp/ask"
mkfifo "$tmp/ask"
nfs "$port" /pi-1 follow /etc/motd <"$tmp/ask" >"$tmp/answer" 2>"$tmp/follow.err" &
follow=$!
cleanup_fn kill $follow
exec 4>"$tmp/ask"
echo >&4
tries=0
while [ ! -s "$tmp/answer" ]; do
	[ $((tries += 1)) -le 200 ] || fail "no answer"
	sleep 0.05
done
mnt write
run 1 rubus mount pi-1 "$mnt" --write
said err "client pi-1 has called within the last quarter of an hour"
grep -q "$mnt" /proc/mounts && fail "it is mounted all the same"
exec 4>&-
wait $follow || true

say "one that isn't served is, and rubusd leaves it alone"
run 0 rubus mount pi-2 "$mnt" --write
echo here >"$mnt/etc/motd"
mkdir "$mnt/etc/made"
run 1 nfs "$port" /pi-2 cat /etc/motd
logged "warning peer: not served till that is unmounted: client pi-2 is in use by rubus-fuse, process [0-9]* client=pi-2"
put pi-1 /etc/note meanwhile
for change in 'snapshot create pi-2' 'reset pi-2 --now' 'client remove pi-2 --yes' 'client clone pi-2 pi-9' gc; do
	# shellcheck disable=SC2086
	run 1 rubus $change
done
mnt again
run 1 rubus mount pi-2 "$mnt" --write
said err "client pi-2 is in use by rubus-fuse, process "
run 0 rubus umount "$tmp/mnt.write"
run 0 nfs "$port" /pi-2 cat /etc/motd
said out here
put pi-2 /etc/made/file "over NFS"
run 0 rubus snapshot create pi-2 later

say "--now takes it from rubusd; a kill gives it back"
run 0 rubus mount pi-2 "$mnt" --write --now
is "$mnt/etc/made/file" "over NFS"
echo again >"$mnt/etc/motd"
perl -e 'use IO::Handle; open(my $h, "<", $ARGV[0]) or die; $h->sync or die' "$mnt/etc/motd"
server=$(server_of "$mnt")
kill -KILL "$server"
until_ended "$server"
until_gone "$mnt"
run 0 nfs "$port" /pi-2 cat /etc/motd
said out again

say "rubusd starts and stops while a client is mounted"
run 0 rubus mount deb-1 "$mnt" --write
echo one >"$mnt/one"
stop_rubusd TERM
echo two >"$mnt/two"
run 1 rubus client remove deb-1 --yes
said err "client deb-1 is in use by rubus-fuse"
start_rubusd --port 0 --listen 127.0.0.1
echo three >"$mnt/three"
put pi-1 /etc/note "after the start"
run 0 rubus umount "$mnt"
for word in one two three; do
	run 0 nfs "$port" /deb-1 cat /$word
	said out $word
done
stop_rubusd TERM

say "a process without powers"
rubus mount pi-1 "$mnt" --write >/dev/null
server=$(server_of "$mnt")
for task in /proc/"$server"/task/*; do
	for field in CapInh CapPrm CapEff CapAmb; do
		[ "$(sed -n "s/^$field:[[:space:]]*//p" "$task/status")" = 0000000000000000 ] || fail "$task: $field"
	done
	[ "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "$task/status")" = 1 ] || fail "$task: NoNewPrivs"
done
run 0 rubus umount "$mnt"
[ "$(id -u)" = 0 ] || {
	say "the rest needs root"
	no_findings
	exit 0
}

say "another user's store: mounted by root, and by him"
user=$(id -u daemon) # fusermount3 wants one with a name
mkdir "$tmp/theirs"
cp -a "$store" "$tmp/theirs/store"
chown -R "$user:$user" "$tmp/theirs"
store=$tmp/theirs/store
RUBUS_STORE=$store
run 0 rubus mount pi-1 "$mnt" --write
server=$(server_of "$mnt")
[ "$(sed -n 's/^Uid:[[:space:]]*//p' "/proc/$server/status" | tr '\t' ' ')" = "$user $user $user $user" ] || fail "Uid"
echo theirs >"$mnt/etc/motd"
[ "$(stat -c %u "$mnt/etc/motd")" = 0 ] || fail "an owner in the view"
run 0 rubus umount "$mnt"
[ "$(find "$store" ! -user "$user" | wc -l)" = 0 ] || fail "not all of the store is its owner's"
mkdir "$tmp/theirs/mnt"
chown "$user" "$tmp/theirs/mnt"
cleanup_fn umount -l "$tmp/theirs/mnt"
him() { setpriv --reuid "$user" --regid "$user" --clear-groups "$@"; }
run 1 setpriv --reuid 1235 --regid 1235 --clear-groups rubus mount pi-1 "$tmp/theirs/mnt"
said err "run this as root"
if him test -w /dev/fuse && command -v fusermount3 >/dev/null; then
	run 0 him rubus mount pi-1 "$tmp/theirs/mnt"
	[ "$(him cat "$tmp/theirs/mnt/etc/motd")" = theirs ] || fail "he can't read it"
	run 0 him rubus umount "$tmp/theirs/mnt"
	run 0 him rubus mount pi-1 "$tmp/theirs/mnt" --write
	run 1 him touch "$tmp/theirs/mnt/etc/new" # a folder of root's
	server=$(server_of "$tmp/theirs/mnt")
	kill -KILL "$server"
	until_ended "$server"
	until_gone "$tmp/theirs/mnt"
	run 0 him rubus mount pi-1 "$tmp/theirs/mnt" --write
	run 0 him rubus umount "$tmp/theirs/mnt"
else
	say "not tried: ordinary users can't mount here: no fusermount3, or /dev/fuse is root's"
fi
no_findings
