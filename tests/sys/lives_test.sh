#!/bin/sh
# The lives of clients by the command line, alone and beside a rubusd whose clients run: snapshot,
# rollback, undo, reset, clone, settings, and what waits for the next boot.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq nfs

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 pi-2 pi-3 --image deb

# Without a rubusd.
run 0 rubus snapshot list
said out "There is no snapshot yet: rubus snapshot create CLIENT makes one."
run 0 rubus snapshot create pi-1 fresh --note "as delivered"
said out "Snapshot fresh of client pi-1."
run 1 rubus snapshot create pi-1 fresh
said err "client pi-1 has a snapshot fresh already"
run 1 rubus snapshot create pi-9
said err "there is no client pi-9; there are pi-1, pi-2, pi-3"
run 2 rubus snapshot create
said err "CLIENT is missing"
run 0 rubus snapshot list pi-1 --json
json 'map([.client, .name, .kind, .note])' '[["pi-1","fresh","made","as delivered"]]'
run 0 rubus client set pi-1 --group room
run 0 rubus client set pi-2 --group room
run 0 rubus client show pi-2 --json
json '[.group, .quota, .keep, .pending, .volatile]' '["room",0,[],"",false]'
run 0 rubus snapshot create --group room
run 0 rubus snapshot list --json
json 'map(.client)' '["pi-1","pi-1","pi-2"]'
run 1 rubus reset --group attic
said err "no client is in group attic"
run 2 rubus reset --now --at-boot pi-1
said err "--now and --at-boot exclude each other"
run 1 rubus undo pi-1
said err "there is nothing to undo for client pi-1"

start_rubusd --port 0 --listen 127.0.0.1
put() { run 0 nfs "$port" "/$1" put "$2" "$3"; }
has() {
	run 0 nfs "$port" "/$1" cat "$2"
	said out "$3"
}
lacks() { run 1 nfs "$port" "/$1" cat "$2"; }

# A client that is in use is changed at its next boot, another one at once.
put pi-1 /etc/motd mine
run 0 rubus snapshot create pi-1 good
put pi-1 /etc/motd worse
run 0 rubus rollback pi-1 good
said out "At the next boot: pi-1 is rolled back."
run 0 rubus client show pi-1 --json
json .pending '"rollback to good"'
run 0 rubus reset pi-3
said out "pi-3 was reset; rubus undo takes it back."
has pi-1 /etc/motd mine
run 0 rubus client show pi-1 --json
json .pending '""'
run 0 rubus undo pi-1 --now
has pi-1 /etc/motd worse

# What waits can be cancelled, and survives a restart.
run 0 rubus reset pi-1 --at-boot
run 0 rubus cancel pi-1
run 1 rubus cancel pi-1
said err "nothing waits for client pi-1"
has pi-1 /etc/motd worse
run 0 rubus reset pi-1 --at-boot
stop_rubusd
start_rubusd --port 0 --listen 127.0.0.1
has pi-1 /etc/motd golden
run 0 rubus undo pi-1 --now
has pi-1 /etc/motd worse

# --now under an open file: its handle is stale, never another file's.
mkfifo "$tmp/ask" "$tmp/answer"
nfs "$port" /pi-1 follow /etc/motd <"$tmp/ask" >"$tmp/answer" 2>"$tmp/follow.err" &
follower=$!
cleanup_fn kill $follower
exec 4>"$tmp/ask" 5<"$tmp/answer"
echo >&4
read -r text <&5 || [ "$text" = worse ] || fail "before the reset: $text"
run 0 rubus reset --now --all
echo >&4
exec 4>&-
text=$(cat <&5)
exec 5<&-
! wait $follower || fail "the handle is not stale, it said $text"
[ -z "$text" ] || fail "a stale handle gave $text"
has pi-1 /etc/motd golden

# Kept folders, once and always.
run 0 nfs "$port" /pi-1 mkdir /home
put pi-1 /home/work "my work"
put pi-1 /etc/motd spoilt
run 0 rubus reset pi-1 --now --keep /home
has pi-1 /home/work "my work"
has pi-1 /etc/motd golden
run 0 rubus client set @room --keep /home --keep /var/spool/
run 0 rubus client show pi-2 --json
json .keep '["/home","/var/spool"]'
run 0 rubus reset --group room --now
has pi-1 /home/work "my work"
run 1 rubus reset pi-1 --now --keep home
said err "a folder to keep is a path from the root"

# A clone is another client; the first goes on.
put pi-1 /etc/motd original
run 0 rubus snapshot create pi-1 before-exam
put pi-1 /etc/motd later
run 0 rubus client clone pi-1 pi-4
run 0 rubus client clone pi-1@before-exam pi-5
has pi-4 /etc/motd later
has pi-5 /etc/motd original
put pi-4 /etc/motd "its own"
has pi-1 /etc/motd later
run 1 rubus client clone pi-1 pi-4
said err "there is a client pi-4 already"
run 1 rubus client clone pi-1@never pi-6
said err "client pi-1 has no snapshot never"

# Another image: what was changed is kept, and so are the folders.
echo next >"$tmp/tree/etc/motd"
run 0 rubus image import "$tmp/tree" --name deb2
run 0 rubus image update deb deb2 --now
has pi-1 /etc/motd next
has pi-1 /home/work "my work"
run 0 rubus client show pi-4 --json
json .image '"deb2"'
run 1 rubus image update deb deb2
said err "no client has image deb"
run 0 rubus undo pi-1 --now
has pi-1 /etc/motd later
run 1 rubus image update deb deb2 pi-4
said err "client pi-4 has image deb2, not deb"
run 0 rubus client set pi-1 --image deb2

# Nothing is lost without an answer.
run 1 rubus snapshot remove pi-1 good </dev/null
said err "--yes does it without asking"
run 0 rubus snapshot remove pi-1 good --yes
run 1 rubus snapshot remove pi-1 good --yes
said err "client pi-1 has no snapshot good"
run 1 rubus client remove pi-1 </dev/null
said err "Client pi-1 goes for ever, with"
run 0 rubus client remove pi-1 --yes
has pi-4 /home/work "my work"
stop_rubusd
[ "$got" = 0 ] || fail "exit status $got"

# What differs, and an image of what a client has become; alone, too.
run 0 rubus client add pi-7 --image deb2
start_rubusd --port 0 --listen 127.0.0.1
run 0 rubus diff pi-7
said_nothing out
put pi-7 /etc/motd improved
run 0 nfs "$port" /pi-7 mkdir /srv
run 0 nfs "$port" /pi-7 remove /usr/bin/hello
run 0 rubus diff pi-7
said out "~ /etc/motd  5B -> 8B"
said out "+ /srv/"
said out "- /usr/bin/hello"
run 0 rubus diff pi-7 --summary --json
json 'map([.folder, .added, .changed, .removed])' '[["/etc",0,2,0],["/usr/bin",0,0,1]]'
run 0 rubus snapshot create pi-7 one
put pi-7 /etc/motd "improved again"
run 0 rubus diff pi-7@one pi-7 --json
json 'map([.kind, .path, .old_size, .size])' \
	'[["changed","/etc/motd",8,14],["changed","/etc/motd.again",8,14]]'
run 1 rubus diff nobody
said err "there is no client and no image nobody"
run 0 rubus image commit pi-7@one better
run 0 rubus diff pi-7@one better
said_nothing out
run 0 rubus image commit pi-7 best
run 1 rubus image commit pi-7 best
said err "there is an image best already"
run 0 rubus snapshot list pi-7 --json
json 'map(.name)' '["one"]'
run 0 rubus image update deb2 best pi-7 --now
has pi-7 /etc/motd "improved again"
run 0 rubus diff pi-7
said_nothing out
stop_rubusd
run 0 rubus image commit pi-7 alone
run 0 rubus diff best alone
said_nothing out
run 0 rubus df
said out "Free on the disk"
said out pi-7
run 0 rubus df --json
json '[.blocks > 0, .database > 0, (.image_list | map(.name) | index("alone") != null)]' '[true,true,true]'
run 0 rubus gc --json
json '.blocks_in_use > 0' true
