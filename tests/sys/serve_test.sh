#!/bin/sh
# rubusd and an NFS client: what is served, who is mounted, what is counted, and a restart.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq nfs

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 --image deb
run 0 rubus client add pi-2 --image deb
start_rubusd --port 0 --listen 127.0.0.1

# Two clients, one image: each its own.
run 0 nfs "$port" /pi-1 list /etc
[ "$(sort "$tmp/out" | tr '\n' ' ')" = "hello hostname motd motd.again " ] || fail "listing"
run 0 nfs "$port" /pi-1 cat /etc/motd
said out golden
run 0 nfs "$port" /pi-1 put /etc/motd changed
run 0 nfs "$port" /pi-1 cat /etc/motd.again
said out changed
run 0 nfs "$port" /pi-2 cat /etc/motd
said out golden
run 0 nfs "$port" /pi-2 remove /etc/motd
run 0 nfs "$port" /pi-2 mkdir /etc/folder
run 1 nfs "$port" /pi-2 cat /etc/motd
run 0 nfs "$port" /pi-1 cat /etc/motd
said out changed
run 1 nfs "$port" /pi-3 list /
said err NOENT

# Who is mounted, and what was counted.
run 0 rubus --json status
json '.clients | map([.name, .mounted_by])' '[["pi-1",["127.0.0.1"]],["pi-2",["127.0.0.1"]]]'
json '.clients | map(.delta_files > 0)' '[true,true]'
json '.clients[0].since >= .server.started' true
run 0 rubus --json stats
json '.procedures | map(select(.name == "MNT"))[0] | [.calls >= 9, .errors]' '[true,1]'
json '.procedures | map(select(.name == "REMOVE"))[0] | [.calls, .p99_us > 0]' '[1,true]'
run 0 rubus stats
said out REMOVE
rubus --json stats --watch | head -n 2 >"$tmp/out"
[ "$(jq -c .events.rejected "$tmp/out" | tr '\n' ' ')" = "0 0 " ] || fail "--watch"

# An open file lives on over a restart, by TERM and by KILL; so do changes.
mkfifo "$tmp/ask"
for signal in TERM KILL; do
	mkfifo "$tmp/answer"
	nfs "$port" /pi-1 follow /etc/motd <"$tmp/ask" >"$tmp/answer" &
	follower=$!
	cleanup_fn kill $follower
	exec 4>"$tmp/ask" 5<"$tmp/answer"
	echo >&4
	read -r text <&5 || [ "$text" = changed ] || fail "before SIG$signal: $text"
	stop_rubusd $signal
	[ $signal = KILL ] || [ "$got" = 0 ] || fail "SIGTERM: exit status $got"
	start_rubusd --port "$port" --listen 127.0.0.1
	echo >&4
	exec 4>&-
	text=$(cat <&5)
	[ "$text" = changed ] || fail "after SIG$signal: $text"
	wait $follower || fail "the client failed after SIG$signal"
	rm "$tmp/answer"
	exec 5<&-
	run 0 nfs "$port" /pi-1 cat /etc/motd
	said out changed
	run 1 nfs "$port" /pi-2 cat /etc/motd
done

# A removed client's view is gone, also for who had mounted it.
run 1 rubus client remove pi-2
said err "Client pi-2 goes for ever"
said err "--yes does it without asking"
run 0 rubus client remove pi-2 --yes
run 1 nfs "$port" /pi-2 list /
run 0 rubus client add pi-2 --image deb
run 0 nfs "$port" /pi-2 cat /etc/motd
said out golden

stop_rubusd
[ "$got" = 0 ] || fail "exit status $got"
[ ! -e "$store/rubusd.sock" ] || fail "the control socket was left"
