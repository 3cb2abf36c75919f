# One part of the report, its columns by tabs: the machine, the medians of all runs, or each target and
# whether it is reached.

def median: sort | if length == 0 then null elif length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;
# What an operation is of which the CPU is told.
def unit: if .name == "readdirplus" then "name"
	elif .name | test("1m$") then "MiB"
	elif .name | test("^(first4k|rewrite4k)") then "write+commit"
	elif .name | test("^create") then "file"
	elif .name | test("^replace") then "file"
	else "call" end;
def units: {name: .ops, MiB: (.bytes / 1048576), call: .calls}[unit] // .ops;
def figures: . as $r | {
	seconds,
	calls_s: (if .calls then .calls / .seconds else null end),
	mb_s: (if (.bytes // 0) > 0 then .bytes / 1e6 / .seconds else .stream_mb_s end),
	cpu: (if (.server_cpu // 0) > 0 and .calls then .server_cpu * 1e6 / units else null end),
	client: (if .client_cpu and .calls then .client_cpu * 1e6 / .calls else null end),
	p50_us, p99_us,
	durable_us: (if (.durable_p50_us // 0) > 0 then .durable_p50_us else .append_us end),
	peak_mib: (if (.peak_kib // 0) > 0 then .peak_kib / 1024 else null end),
	grown_mib: (if .grown then .grown / 1048576 else null end),
	bytes_mib: (if .bytes and .clients then .bytes / .clients / 1048576 else null end),
	ms: (.seconds // 0 | . * 1000)
};
def number: if . == null then "-" elif . >= 100 then round | tostring
	elif . >= 10 then . * 10 | round / 10 | tostring else . * 100 | round / 100 | tostring end;

.runs as $runs |
($runs | group_by([.name, .server]) | map({
	name: .[0].name, server: .[0].server, unit: (.[0] | unit), clients: .[0].clients, depth: .[0].depth,
	f: (map(figures) | . as $all | (.[0] | keys) | map(. as $k | {key: $k, value: ($all | map(.[$k] | select(. != null)) | median)}) |
		from_entries)})) as $medians |
($runs | map(.name) | reduce .[] as $n ([]; if index($n) then . else . + [$n] end)) as $names |
def of($name; $server): ($medians | map(select(.name == $name and .server == $server)) | first | .f) // {};
def against($t): {
	peer: of($t.name; "ganesha")[$t.of], cp: of("import"; "cp")[$t.of], echo: of("echo"; "machine")[$t.of],
	stream: of("stream"; "machine")[$t.of], sync: of("sync"; "machine").durable_us,
	"boot-1": of("boot-1"; "rubusd")[$t.of], bytes: of($t.name; "rubusd").bytes_mib, one: 1}[$t.to];

if $part == "machine" then
	"\(.version) on \(.machine.cores) cores of \(.machine.cpu), Linux \(.machine.kernel), \($runs | map(.round) | max) rounds"
elif $part == "figures" then
	(["work", "clients", "server", "seconds", "calls/s", "MB/s", "CPU us", "a", "p50 us", "p99 us", "durable us",
		"peak MiB", "grown MiB", "client's us"] | join("\t")),
	($names[] as $n | $medians[] | select(.name == $n) |
		[.name, (if .depth then "\(.clients) x \(.depth)" else "-" end), .server] +
		(.f | [.seconds, .calls_s, .mb_s, .cpu] | map(number)) + [if .f.cpu then .unit else "-" end] +
		(.f | [.p50_us, .p99_us, .durable_us, .peak_mib, .grown_mib, .client] | map(number)) | join("\t"))
else
	(["target", "figure", "wanted", "got", ""] | join("\t")),
	($targets[0][] | . as $t | of($t.name; "rubusd")[$t.of] as $is | against($t) as $base |
		select($is != null and $base != null and $base > 0) | ($is / $base) as $ratio |
		[.name, .what, (if .most then "at most \(.most | number)" else "at least \(.least | number)" end), ($ratio | number),
			(if (.most and $ratio <= .most) or (.least and $ratio >= .least) then "reached" else "NOT REACHED" end)] | join("\t"))
end
