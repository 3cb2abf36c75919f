#!/bin/sh
# rubus schedule: units that systemd takes, listed and removed; bad times are refused.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 --image deb
RUBUS_UNIT_DIR=$tmp/units
export RUBUS_UNIT_DIR
mkdir "$RUBUS_UNIT_DIR"
run 0 rubus schedule list
said out "Nothing is scheduled"
run 0 rubus schedule add morning reset --group room-2 --at 07:00 --on weekdays --keep /home
said out "Scheduled morning: Mon..Fri 07:00."
run 0 rubus schedule add nightly snapshot pi-1 --at 23:30
run 0 rubus schedule add odd reset pi-1 'a$b%c"d' --at 06:05 --on mon,Sun
run 0 rubus schedule list --json
json 'map([.name, .when])' '[["morning","Mon..Fri 07:00"],["nightly","23:30"],["odd","Mon,Sun 06:05"]]'
json '.[0].what' '"reset --group room-2 --keep /home"'
grep -qF 'Persistent=true' "$RUBUS_UNIT_DIR/rubus-schedule-morning.timer" || fail "not persistent"
grep -qF 'reset --group "room-2" --keep "/home"' "$RUBUS_UNIT_DIR/rubus-schedule-morning.service" ||
	fail "the command line"
grep -qF 'a$$b%%c\"d' "$RUBUS_UNIT_DIR/rubus-schedule-odd.service" || fail "quoting"
if command -v systemd-analyze >/dev/null; then
	for unit in "$RUBUS_UNIT_DIR"/*.timer; do
		run 0 systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' "$unit")"
		run 0 systemd-analyze verify "$unit"
	done
fi

# What the timer runs does it.
command=$(sed -n 's/^ExecStart=//p' "$RUBUS_UNIT_DIR/rubus-schedule-nightly.service")
run 0 sh -c "$command"
run 0 rubus snapshot list --json
json length 1

for bad in 7:00 24:00 07:60 noon 07:00:00; do
	run 1 rubus schedule add x reset --all --at "$bad"
	said err "--at $bad: a time of the day is meant"
done
run 1 rubus schedule add x reset --all --at 07:00 --on "$(yes mon | head -n 60 | paste -sd,)"
run 1 rubus schedule add x reset pi-1 "a
ExecStart=/bin/false" --at 07:00
said err "control character"
for at in ' 7: 0' '+7:-0' 7:00 07:60; do run 1 rubus schedule add x reset --all --at "$at"; done
run 1 rubus schedule add x reset --all --at 07:00 --on someday
said err "--on someday"
run 1 rubus schedule add x reset --at 07:00
said err "name clients, --group G or --all"
run 1 rubus schedule add x remove pi-1 --at 07:00
said err "reset or snapshot can be scheduled"
run 1 rubus schedule add ../x reset --all --at 07:00
said err "can't be the name of a schedule"
run 2 rubus schedule add x reset --all
said err "--at is missing"
run 0 rubus schedule remove morning
run 1 rubus schedule remove morning
said err "there is no schedule morning"
run 0 rubus schedule list --json
json length 2
[ ! -e "$RUBUS_UNIT_DIR/rubus-schedule-morning.service" ] || fail "a unit was left"
