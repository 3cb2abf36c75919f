#!/bin/sh
# rubus edit: a shell in an image, and a new image of what it leaves; alone and beside a rubusd.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq
[ -e /dev/fuse ] || skip "no /dev/fuse"
[ "$(id -u)" = 0 ] || skip "not root"

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb

# edit FROM NEW STATUS COMMANDS: as if they were typed.
edit() {
	run "$3" sh -c 'printf "%s\n" "$1" | TMPDIR=$2 rubus edit "$3" "$4"' - "$4" "$tmp" "$1" "$2"
}
for where in alone beside; do
	[ $where = alone ] || start_rubusd --port 0 --listen 127.0.0.1
	edit deb "new-$where" 0 'echo edited >etc/motd; mkdir -p opt/more; rm usr/bin/hello'
	said out "Image new-$where: deb with what was changed."
	run 0 rubus diff deb "new-$where"
	said out "~ /etc/motd"
	said out "+ /opt/more/"
	said out "- /usr/bin/hello"
	edit deb "none-$where" 1 'echo edited >etc/motd; exit 3'
	said err "the shell ended with 3: nothing was kept"
	run 1 rubus image show "none-$where"
	edit deb "new-$where" 1 true
	said err "there is an image new-$where already"
	edit nothing x 1 true
	said err "there is no image nothing"
	run 0 rubus client list --json
	json length 0
	[ -z "$(ls -d "$tmp"/rubus-edit.* 2>/dev/null)" ] || fail "a folder was left"
done
stop_rubusd
[ "$got" = 0 ] || fail "exit status $got"

# With programs that run here, they are the image's own.
if [ -x /bin/busybox ]; then
	mkdir -p "$tmp/tree/bin" "$tmp/tree/proc"
	cp /bin/busybox "$tmp/tree/bin/busybox"
	for program in sh cat; do ln -s busybox "$tmp/tree/bin/$program"; done
	run 0 rubus image import "$tmp/tree" --name box
	edit box box2 0 'cat /etc/hostname >/etc/copy; echo /* >/etc/root; echo /proc/1/*at >>/etc/root'
	run 0 rubus mount box2 "$(mkdir "$tmp/m" && echo "$tmp/m")"
	grep -q raspberry "$tmp/m/etc/copy" || fail "not in the image"
	grep -q '/bin /empty /etc' "$tmp/m/etc/root" || fail "its root: $(cat "$tmp/m/etc/root")"
	grep -q /proc/1/stat "$tmp/m/etc/root" || fail "no /proc"
	run 0 rubus umount "$tmp/m"

	# They may be a pupil's: the shell is root's, but this machine is out of its reach.
	mkdir -p "$tmp/tree/dev" "$tmp/tree/tmp"
	for program in mknod mount chroot ls echo id hostname; do
		ln -s busybox "$tmp/tree/bin/$program"
	done
	mknod "$tmp/tree/tmp/zero" c 1 5
	run 0 rubus image import "$tmp/tree" --name cage
	before=$(cat /proc/sys/kernel/core_pattern)
	edit cage cage2 0 'exec >/etc/told 2>&1
		mknod /tmp/disk b 8 0 && echo device made
		(cat /tmp/zero | :) 2>&1; read x </tmp/zero && echo device read
		echo "|/bad" >/proc/sys/kernel/core_pattern && echo kernel changed
		mount -t tmpfs none /tmp && echo mounted
		hostname bad && echo named
		chroot /proc/1/root /bin/sh -c "ls -d /work /var/lib/dpkg" && echo out
		cd /; cd ../../..; echo root: *; echo devices: /dev/*; echo pids: /proc/[0-9]*'
	run 0 rubus mount cage2 "$tmp/m"
	cat "$tmp/m/etc/told" >"$tmp/told"
	run 0 rubus umount "$tmp/m"
	grep -E '^(device (made|read)|kernel|mounted|named|out)' "$tmp/told" && fail "$(cat "$tmp/told")"
	grep -q '^root: bin dev ' "$tmp/told" || fail "$(cat "$tmp/told")"
	grep -q '^devices: /dev/fd /dev/full /dev/null ' "$tmp/told" || fail "$(cat "$tmp/told")"
	grep -qE '^pids: /proc/1( /proc/[0-9]+)?$' "$tmp/told" || fail "$(cat "$tmp/told")"
	[ "$before" = "$(cat /proc/sys/kernel/core_pattern)" ] || fail "the kernel's core_pattern"
else
	say "the image's own shell: no static busybox here"
fi
