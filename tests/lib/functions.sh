# What the shell tests share. Source it first: . "${srcdir:-.}/tests/lib/functions.sh"
#
# The test gets a folder of its own, $tmp, and a name for a store in it, $store (also in
# $RUBUS_STORE). Whatever it registers by cleanup_fn is undone at the end, however it ends.
set -eu

builddir=$(cd "${RUBUS_BUILDDIR:-.}" && pwd)
srcdir=$(cd "${srcdir:-.}" && pwd)
PATH=$builddir:$builddir/tests/lib:/usr/sbin:/sbin:$PATH
LC_ALL=C
TZ=UTC
export PATH LC_ALL TZ
unset RUBUS_LIBEXEC

say() { printf '%s\n' "$*"; }

cleanups=:
# cleanup_fn COMMAND...: to be run at the end, the last one first. Words without spaces only.
cleanup_fn() { cleanups="$* 2>/dev/null; $cleanups"; }

at_end() {
	status=$?
	trap - EXIT
	set +e
	cd /
	eval "$cleanups"
	exit $status
}
trap at_end EXIT
trap 'exit 99' HUP INT TERM

tmp=$(mktemp -d "${TMPDIR:-/tmp}/rubus-sys.XXXXXX")
cleanups="rm -rf $tmp"
store=$tmp/store
RUBUS_STORE=$store
export RUBUS_STORE

fail() {
	say "FAIL: $*"
	for file in "$tmp/out" "$tmp/err" "$tmp/rubusd.log"; do
		[ ! -s "$file" ] || { say "--- $file"; tail -n 40 "$file"; }
	done
	exit 1
}

skip() {
	say "SKIP: $*"
	exit 77
}

# require PROGRAM...: skips the test where one is missing.
require() {
	for program; do
		command -v "$program" >/dev/null || skip "no $program"
	done
}

# run STATUS COMMAND...: runs it; its output goes to $tmp/out and $tmp/err.
run() {
	want=$1
	shift
	got=0
	"$@" >"$tmp/out" 2>"$tmp/err" || got=$?
	[ "$got" = "$want" ] || fail "$*: exit status $got, expected $want"
}

# said out|err TEXT: the last run printed this text (not a pattern).
said() { grep -qF -e "$2" "$tmp/$1" || fail "not on std$1: $2"; }
said_nothing() { [ ! -s "$tmp/$1" ] || fail "std$1 should be empty"; }

# json FILTER EXPECTED: what jq makes of the last run's output.
json() {
	value=$(jq -c "$1" "$tmp/out") || fail "not JSON"
	[ "$value" = "$2" ] || fail "$1 is $value, expected $2"
}

# small_tree FOLDER: a root file system of a few files.
small_tree() {
	mkdir -p "$1/etc" "$1/usr/bin" "$1/empty"
	echo golden >"$1/etc/motd"
	echo raspberry >"$1/etc/hostname"
	printf '#!/bin/sh\n' >"$1/usr/bin/hello"
	chmod 755 "$1/usr/bin/hello"
	ln -s ../usr/bin/hello "$1/etc/hello"
	ln "$1/etc/motd" "$1/etc/motd.again"
}

# start_rubusd ARGUMENT...: starts it on $store and waits until it says that it serves: sets $pid and
# $port. Its log is $tmp/rubusd.log. $file_limit: the largest file that it may write, in 512 bytes.
file_limit=
start_rubusd() {
	rm -f "$tmp/log.pipe"
	mkfifo "$tmp/log.pipe"
	# 4 and 5 are the test's own.
	(
		[ -z "$file_limit" ] || ulimit -f "$file_limit"
		exec rubusd "$@"
	) 2>"$tmp/log.pipe" 4>&- 5>&- &
	pid=$!
	cleanup_fn kill -KILL $pid
	port=
	exec 3<"$tmp/log.pipe"
	while read -r line <&3; do
		say "$line" >>"$tmp/rubusd.log"
		case $line in
		*" main: serves "*)
			port=${line#*port=}
			port=${port%% *}
			break
			;;
		esac
	done
	[ "$port" ] || fail "rubusd didn't start"
	cat <&3 >>"$tmp/rubusd.log" 4>&- 5>&- &
	cleanup_fn kill $!
	exec 3<&-
}

# stop_rubusd [SIGNAL]: and waits for its end; its exit status in $got.
stop_rubusd() {
	kill "-${1:-TERM}" "$pid"
	got=0
	wait "$pid" || got=$?
}
