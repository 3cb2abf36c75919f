# What the tests of rubus mount share. Source it after functions.sh.
require setfattr getfattr perl
[ -w /dev/fuse ] || skip "no /dev/fuse that this user may open"

# What a sanitizer has to say of a process in the background would be lost. libfuse frees the name of
# the folder when it unmounts, which it doesn't.
echo leak:fuse_session_mount >"$tmp/leaks"
LSAN_OPTIONS=suppressions=$tmp/leaks:print_suppressions=0
for tool in ASAN UBSAN TSAN LSAN; do
	eval "${tool}_OPTIONS=\${${tool}_OPTIONS:+\$${tool}_OPTIONS:}log_path=$tmp/sanitizer; export ${tool}_OPTIONS"
done
no_findings() {
	for file in "$tmp"/sanitizer*; do
		[ ! -e "$file" ] || fail "$(cat "$file")"
	done
}

# mnt NAME: a new folder, which is unmounted at the end whatever happens; its path in $mnt.
mnt() {
	mnt=$tmp/mnt.$1
	mkdir -p "$mnt"
	cleanup_fn umount -l "$mnt"
}

# mount_view WHAT NAME [--write]: mounted on a new folder, $mnt.
mount_view() {
	what=$1
	mnt "$2"
	shift 2
	run 0 rubus mount "$what" "$mnt" "$@"
}

# server_of DIR: the process that serves what is mounted there.
server_of() { awk -v dir="$1" '$2 == dir && $3 == "fuse.rubus" { n = split($1, part, ":"); pid = part[n] } END { print pid }' /proc/mounts; }

# until_gone DIR: waits till nothing of ours is mounted there.
until_gone() {
	tries=0
	while grep -q " $1 fuse.rubus " /proc/mounts; do
		[ $((tries += 1)) -le 200 ] || fail "$1 is still mounted"
		sleep 0.05
	done
}

# until_ended PID
until_ended() {
	tries=0
	while [ -d "/proc/$1" ] && ! grep -q '^State:.*zombie' "/proc/$1/status"; do
		[ $((tries += 1)) -le 200 ] || fail "process $1 is still there"
		sleep 0.05
	done
}

# is FILE TEXT: it has just this in it.
is() { [ "$(cat "$1")" = "$2" ] || fail "$1 is '$(cat "$1")', expected '$2'"; }
