#!/bin/sh
# Machines that boot, as the commands tell of them.
. "${srcdir:-.}/tests/lib/functions.sh"
require jq nfs

small_tree "$tmp/tree"
run 0 rubus image import "$tmp/tree" --name deb
run 0 rubus client add pi-1 --image deb --serial 100000001A2B3C4D --mac DC-A6-32-01-02-03
run 0 rubus --json client show pi-1
json '[.serial, .macs, .learned]' '["1a2b3c4d",["dc:a6:32:01:02:03"],""]'
run 1 rubus client add pi-2 --image deb --serial 1a2b3c4d
said err "the serial number 1a2b3c4d belongs to client pi-1 already"
run 0 rubus client set pi-1 --serial 11112222
run 0 rubus client show pi-1
said out 11112222
run 1 rubus client set pi-1 --mac hello
said err '"hello" is not a MAC'

# Enrolment is the store's, with and without a rubusd.
run 0 rubus enroll
said out "Enrolment is off"
run 1 rubus enroll on --image none
said err "there is no image none"
run 2 rubus enroll on
said err "--image is missing"
run 2 rubus enroll maybe
run 0 rubus enroll on --image deb --prefix room-
run 1 rubus pending
said err "rubusd doesn't run"
run 1 rubus boot pi-1

start_rubusd --port 0 --listen 127.0.0.1
run 0 rubus --json enroll
json '[.on, .image, .prefix]' '[true,"deb","room-"]'
run 0 rubus enroll off
run 0 rubus enroll
said out "Enrolment is off"
run 0 rubus pending
said out "No unknown Pi has knocked."
run 1 rubus client add pi-9 --pending 1 --image deb
said err "no Pi with the number 1 is pending"
run 1 rubus client add pi-9 --pending x --image deb
said err "--pending x: that is no number"
# What dnsmasq would only find odd: said here, with the network that it must be of.
run 1 rubus dnsmasq --interface lo --range 127.0.0.199,127.0.0.100
said err "the range 127.0.0.199,127.0.0.100 ends before it begins"
run 1 rubus dnsmasq --interface lo --range 10.78.0.1,10.78.0.5
said err "the network of lo is 127.0.0.0"
run 1 rubus dnsmasq --interface lo --range 127.0.0.5
said err "two addresses"
run 1 rubus dnsmasq --interface lo --router 127.0.0.9
said err "a range is missing"
run 1 rubus dnsmasq --interface lo --range 127.0.0.5,127.0.0.9 --router 10.9.9.9
said err "the router 10.9.9.9"
run 1 rubus client add --all-pending --prefix pi- --image deb
said err "no Pi is pending"
run 2 rubus client add --image deb
said err "NAME is missing"

# What a mount leaves in the trace.
run 1 rubus boot nobody
said err "there is no client nobody"
run 0 rubus boot pi-1
said out "No boot of pi-1 was seen"
run 1 nfs "$port" /none cat /etc/motd
run 0 nfs "$port" /pi-1 cat /etc/motd
run 0 rubus --json boot pi-1
json 'map(select(.failed))' '[]'
run 0 rubus --json boot '?127.0.0.1'
json 'map([.stage, .failed])[0]' '["mount",true]'
said out "there is no such client"
run 0 rubus status
stop_rubusd
[ "$got" = 0 ] || fail "rubusd: exit status $got"
