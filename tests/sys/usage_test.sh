#!/bin/sh
# What the programs say to wrong words, and help.
. "${srcdir:-.}/tests/lib/functions.sh"

# wrong TEXT COMMAND...: a usage error that says this.
wrong() {
	text=$1
	shift
	run 2 "$@"
	said err "$text"
	said_nothing out
}

wrong "Usage: rubus" rubus
wrong "this is not a whole command" rubus image
wrong "there is no command image eat" rubus image eat
wrong "there is no command frobnicate" rubus frobnicate now
wrong "image import  " rubus import x --name y
wrong "client list  " rubus list
wrong "unrecognized option '--frob'" rubus status --frob
wrong "option '--name' requires an argument" rubus image import x --name
wrong "--name is missing" rubus image import x
wrong "--image is missing" rubus client add pi-1
wrong "--watch doesn't belong" rubus status --watch
wrong "extra: one argument too many" rubus client show pi-1 extra
wrong "NAME is missing" rubus client show
wrong "SOURCE is missing" rubus image import --name x
wrong "there is no command nonsense" rubus help nonsense
wrong "there is no command client nonsense" rubus help client nonsense
wrong "unrecognized option '--frob'" rubusd --frob
wrong "word: takes options only" rubusd word
wrong "Usage: rubus-import" rubus-import --store x

run 0 rubus help
said out "image import"
said_nothing err
run 0 rubus --help
said out "client remove"
run 0 rubus help help
said out "client remove"
run 0 rubus client add pi-1 --help
said out "Usage: rubus [--store DIR] [--json] client add"
run 0 rubus help client
said out "client show"
run 0 rubus help image import
said out "--skip-errors"
run 0 rubus image import --help
said out "SOURCE is a disk image"
for program in rubus rubusd rubus-import; do
	run 0 "$program" --version
	said out "$program "
	run 0 "$program" --help
	said out "Usage: $program"
done

# No store: the mistake is named, and what to do.
run 1 rubus image list
said err "there is no store at $store"
run 1 rubus --store "$tmp/elsewhere" status
said err "$tmp/elsewhere"
run 1 rubusd --config "$tmp/none.conf"
said err "$tmp/none.conf"
run 1 rubusd --port 70000
said err "port = 70000: must be a number from 0 to 65535"
run 1 rubusd --listen nowhere
said err "listen = nowhere: must be a numeric"
echo "prot = 2049" >"$tmp/bad.conf"
run 1 rubusd --config "$tmp/bad.conf"
said err "$tmp/bad.conf:1: prot: there is no such key"
[ ! -e "$store" ] || fail "a mistake made a store"
