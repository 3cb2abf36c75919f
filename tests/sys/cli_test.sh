#!/bin/sh
# Every command of rubus, without a rubusd and beside one: the same words, the same answers.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq

small_tree "$tmp/tree"

# All commands, from an image to its removal. $1 goes into the names.
commands() {
	run 0 rubus image import "$tmp/tree" --name "deb-$1"
	said out "Image deb-$1: "
	run 1 rubus image import "$tmp/tree" --name "deb-$1"
	said err "there is an image deb-$1 already"
	run 1 rubus image import "$tmp/tree" --name "-bad"
	said err "\"-bad\" can't be the name of an image"
	run 1 rubus image import "$tmp/nowhere" --name other
	said err "$tmp/nowhere"
	run 0 rubus image list
	said out "deb-$1"
	run 0 rubus --json image list
	json "map(.name) | contains([\"deb-$1\"])" true
	run 0 rubus image show "deb-$1" --json
	json '[.name, .entries, .clients]' "[\"deb-$1\",9,0]"
	run 1 rubus image show deb-x
	said err "there is no image deb-x; there"

	run 0 rubus client add "pi-$1" --image "deb-$1" --address 192.0.2.1 --address 2001:db8::1
	said out "export /pi-$1"
	run 1 rubus client add "pi-$1" --image "deb-$1"
	said err "there is a client pi-$1 already"
	run 1 rubus client add other --image "deb-$1" --address 192.0.2.1
	said err "belongs to client pi-$1"
	run 1 rubus client add other --image "deb-$1" --address 0.0.0.0
	said err "no machine can have the address 0.0.0.0"
	run 1 rubus client add other --image "deb-$1" --address 192.0.2.2 --address ::ffff:192.0.2.2
	said err "the address 192.0.2.2 is given twice"
	run 1 rubus client add other --image "deb-$1" --address 192.0.2.300
	said err '"192.0.2.300" is not an IP address'
	run 1 rubus client add other --image deb-x
	said err "there is no image deb-x"
	run 1 rubus client add ../other --image "deb-$1"
	said err "../other"
	run 0 rubus --json client add --any-address "any-$1" --image "deb-$1"
	json '[.name, .any_address, .addresses]' "[\"any-$1\",true,[]]"
	run 1 rubus client add "x-$1" "y-$1" --image "deb-$1" --address 192.0.2.7
	said err "2 clients take 2 addresses, one for each in the same order, not 1"
	run 1 rubus client add "x-$1" "pi-$1" --image "deb-$1"
	said err "there is a client pi-$1 already"
	run 1 rubus client show "x-$1"
	run 0 rubus client add "x-$1" "y-$1" --image "deb-$1" --address 192.0.2.7 --address 192.0.2.8
	said out "Added 2 clients: exports /x-$1 to /y-$1, image deb-$1."
	run 0 rubus --json client add "z-$1" "zz-$1" --image "deb-$1"
	json 'map(.name)' "[\"z-$1\",\"zz-$1\"]"
	run 0 rubus --json client show "y-$1"
	json .addresses '["192.0.2.8"]'
	for name in x y z zz; do run 0 rubus client remove "$name-$1"; done
	run 0 rubus client add "here-$1" --image "deb-$1"
	said out "this machine alone can mount it"
	run 0 rubus client remove "here-$1"
	run 0 rubus client list
	said out "192.0.2.1,2001:db8::1"
	run 0 rubus client show "pi-$1" --json
	json '[.image, .addresses, .delta_bytes]' "[\"deb-$1\",[\"192.0.2.1\",\"2001:db8::1\"],0]"
	run 0 rubus client show "pi-$1"
	said out "Addresses"
	run 1 rubus client show pi-x
	said err "there is no client pi-x; there"
	run 0 rubus status
	said out "pi-$1"
	run 0 rubus status --json
	json '[.store.path, (.clients | map(.name) | sort)]' "[\"$store\",[\"any-$1\",\"pi-$1\"]]"

	run 1 rubus image remove "deb-$1"
	said err "image deb-$1 is used by any-$1, pi-$1: remove these first"
	run 0 rubus client remove "any-$1"
	run 0 rubus client remove "pi-$1" --json
	json .removed "\"pi-$1\""
	run 1 rubus client remove "pi-$1"
	said err "there is no client pi-$1"
	run 0 rubus client list --json
	json . "[]"
	run 0 rubus image remove "deb-$1"
	run 0 rubus image list
	said out "There is no image yet"
}

commands alone
run 1 rubus stats
said err "rubusd doesn't run on $store"
run 0 rubus --json status
json .server.running false

start_rubusd --port 0
commands beside
run 0 rubus --json status
json '[.server.running, .server.port, .server.pid]' "[true,$port,$pid]"
run 0 rubus --json stats
json '[.procedures[].name] | map(select(. == "READ" or . == "MNT")) | sort' '["MNT","READ"]'
run 0 rubus stats
said out "No call has come yet."
run 0 rubus status
said out "Running since"
run 1 rubusd --port 0
said err "$store is in use by process $pid"

# A second store by --store, and a long path to a store.
stop_rubusd
long=$tmp/$(printf '%0100d' 0)
run 0 rubus --store "$long" image import "$tmp/tree" --name deb
start_rubusd --store "$long" --port 0
run 0 rubus --json --store "$long" status
json .server.running true
