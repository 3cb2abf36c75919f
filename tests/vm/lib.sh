# What the VM tests share: their own network, a Rubus server in it, guests.
# Sourced by bash. The tests run as root: bridges, tap devices, rpcbind and port 2049 need it.

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
builddir=$(cd "${RUBUS_BUILDDIR:-.}" && pwd)
PATH=$builddir:/usr/local/sbin:/usr/sbin:/sbin:$PATH
export PATH
[ -x "$builddir/rubusd" ] || { echo "FAIL: no $builddir/rubusd"; exit 1; }

say() { printf '%s\n' "$*"; }

fail() {
	say "FAIL: $*"
	[ ! -s "${t:-}/rubusd.log" ] || tail -n 30 "$t/rubusd.log"
	exit 1
}

# Skips the test where its means are missing.
require_root() { [ "$(id -u)" = 0 ] || { say "SKIP: needs root"; exit 77; }; }
require() {
	local program
	for program; do
		command -v "$program" >/dev/null || { say "SKIP: no $program"; exit 77; }
	done
}

# Runs the test script again in network, mount and process namespaces of its own: lo, br0 with
# 10.77.0.1, an empty /run. Whatever it leaves running ends with it.
enter_namespace() {
	if [ -z "${VM_INSIDE:-}" ]; then
		unshare --net --mount true 2>/dev/null || { say "SKIP: no namespaces of one's own here"; exit 77; }
		[ -c /dev/net/tun ] || { say "SKIP: no /dev/net/tun"; exit 77; }
		guest=$("$vm/guest") || exit 99
		export guest
		VM_INSIDE=yes exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
	fi
	mount --make-rprivate /
	mount -t tmpfs -o mode=755 tmpfs /run
	ip link set lo up
	ip link add br0 type bridge
	ip addr add 10.77.0.1/24 dev br0
	ip link set br0 up
	t=$(mktemp -d "${TMPDIR:-/tmp}/rubus-vm.XXXXXX")
	trap 'rm -rf "$t"' EXIT
}

# Waits until a command succeeds, at most ten seconds.
wait_for() {
	local tries=0
	until "$@" >/dev/null 2>&1; do
		[ $((tries += 1)) -le 100 ] || fail "waited in vain for: $*"
		sleep 0.1
	done
}

rubus_() { rubus --store "$t/store" "$@" || fail "rubus $*"; }

listens() { ss -Hltn "sport = :$1" | grep -q .; }

# On port 2049 and known to rpcbind, when that runs.
start_rubusd() {
	rubusd --store "$t/store" >>"$t/rubusd.log" 2>&1 &
	rubusd_pid=$!
	wait_for listens 2049
}

stop_rubusd() {
	kill "$rubusd_pid"
	wait "$rubusd_pid" || fail "rubusd ended with $?"
}

kill_rubusd() {
	kill -9 "$rubusd_pid"
	wait "$rubusd_pid" 2>/dev/null
}

start_rpcbind() {
	mkdir -p /run/rpcbind
	rpcbind -w || fail "rpcbind does not start"
	wait_for rpcinfo -p 127.0.0.1
}

# What rubusd has counted so far.
read_stats() { rubus_ stats --json >"$1"; }

# print_stats BEFORE AFTER: the calls in between, by procedure.
print_stats() {
	jq -r -s '
		def table: [.procedures[] | {key: "\(.program) \(.name)", value: .}] | from_entries;
		(.[0] | table) as $was | (.[1] | table) as $is |
		[$is | to_entries[] | .key as $k | {name: $k} +
			(["calls", "bytes_in", "bytes_out"] | map({key: ., value: ($is[$k][.] - ($was[$k][.] // 0))}) |
				from_entries) | select(.calls > 0)] |
		sort_by(-.calls) |
		. + [{name: "all", calls: map(.calls) | add, bytes_in: map(.bytes_in) | add,
			bytes_out: map(.bytes_out) | add}] |
		.[] | [.name, .calls, .bytes_in, .bytes_out] | @tsv' "$1" "$2" |
		awk -F '\t' 'BEGIN { printf "%-24s %8s %12s %12s\n", "procedure", "calls", "bytes in", "bytes out" }
			{ printf "%-24s %8d %12d %12d\n", $1, $2, $3, $4 }'
}

# boot_mount ADDRESS NAME [OPTIONS OF boot] JOB [FILE...]: a busybox guest that mounts what its job wants.
boot_mount() {
	local address=$1 name=$2
	shift 2
	"$vm/boot" -k "$guest/vmlinuz" -i "$guest/mount.initrd" -a "$address" -n "$name" "$@"
}

# boot_diskless ADDRESS NAME [OPTIONS OF boot] JOB [FILE...]: Debian with its root on the server's "/".
boot_diskless() {
	local address=$1 name=$2
	shift 2
	"$vm/boot" -k "$guest/vmlinuz" -i "$guest/initrd" -a "$address" -n "$name" \
		-c "root=/dev/nfs boot=nfs rw nfsroot=10.77.0.1:/,vers=3,tcp,nolock,hard" "$@"
}
