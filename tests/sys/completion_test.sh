#!/bin/sh
# What can come next on the command line, by rubus complete and by the two shells.
. "${srcdir:-.}/tests/lib/functions.sh"

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 pi-2 --image deb
run 0 rubus client set pi-1 --group room-2
run 0 rubus snapshot create pi-1 before-exam

# next WORDS... -- EXPECTED: what can follow, in a line.
next() {
	words=
	while [ "$1" != = ]; do
		words="$words '$1'"
		shift
	done
	shift
	eval "rubus complete -- $words" >"$tmp/out" 2>"$tmp/err" || fail "$words"
	[ "$(tr '\n' ' ' <"$tmp/out")" = "$*${*:+ }" ] || fail "after $words came $(cat "$tmp/out")"
}
next sna = snapshot
next snapshot '' = create list remove
next rollback '' = pi-1 pi-2
next rollback pi-1 '' = before-exam
next rollback pi-2 '' =
next diff pi-1@ = pi-1@before-exam
next reset --gr = --group
next reset --group '' = room-2
next client add x --image d = deb
next image remove '' = deb
next image update '' = deb
next client show pi = pi-1 pi-2
next gc --d = --dry-run
next nonsense more '' =
[ ! -s "$tmp/err" ] || fail "something was said"
RUBUS_STORE=$tmp/nowhere next client show pi =

if command -v bash >/dev/null; then
	got=$(bash -c '. "$1"; COMP_LINE="rubus rollback pi-1 be"; COMP_POINT=${#COMP_LINE}
		_rubus; printf "%s\n" "${COMPREPLY[@]}"' - "$srcdir/scripts/completion/rubus.bash")
	[ "$got" = before-exam ] || fail "bash completes $got"
	got=$(bash -c '. "$1"; COMP_LINE="rubus diff pi-1@"; COMP_POINT=${#COMP_LINE}
		_rubus; printf "%s\n" "${COMPREPLY[@]}"' - "$srcdir/scripts/completion/rubus.bash")
	case $got in before-exam | pi-1@before-exam) ;; *) fail "bash completes $got" ;; esac
fi
if command -v zsh >/dev/null; then
	run 0 zsh -n "$srcdir/scripts/completion/_rubus"
fi
