#!/bin/sh
# block-size.sh SOURCE [NEWER] - measures stores of 4 to 64 KiB blocks with an image of
# SOURCE (a folder or a tar); NEWER is an upgraded SOURCE, to see what a second image adds.
# Rounds of all sizes in turn; prints the medians. Environment: BLOCK_SIZE (the program),
# ROUNDS (3), SIZES (in KiB), TMPDIR (where the stores go).
set -eu
[ $# -ge 1 ] && [ $# -le 2 ] || {
	sed -n '2,5s/^# //p' "$0" >&2
	exit 2
}
program=${BLOCK_SIZE:-tests/bench/block_size}
sizes=${SIZES:-4 8 16 32 64}
folder=$(mktemp -d "${TMPDIR:-/tmp}/block-size.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

# The sources are in the page cache for all, not for all but the first.
tar -cf - "$@" 2>/dev/null | cat >/dev/null

for round in $(seq "${ROUNDS:-3}"); do
	for size in $sizes; do
		"$program" "$folder/store" $((size * 1024)) "$@" >"$folder/out"
		sed "s/^/$size	/" "$folder/out" >>"$folder/all"
		rm -rf "$folder/store"
		sync
		echo "round $round: $size KiB" >&2
	done
done

awk -F '\t' -v sizes="$sizes" '
	function median(key,  n, v, i, j, x) {
		n = split(values[key], v, " ")
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
				x = v[j]; v[j] = v[j - 1]; v[j - 1] = x
			}
		return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
	}
	function short(x) { return sprintf(x < 100 ? "%.3g" : "%.0f", x) }
	!($2 in unit) { unit[$2] = $3; names[++n] = $2 }
	{ values[$1, $2] = values[$1, $2] " " $4 }
	END {
		columns = split(sizes, size, " ")
		head = "| | unit |"; rule = "|---|---|"
		for (c = 1; c <= columns; c++) {
			head = head " " size[c] " KiB |"; rule = rule "---:|"
		}
		print head; print rule
		for (i = 1; i <= n; i++) {
			row = "| " names[i] " | " unit[names[i]] " |"
			for (c = 1; c <= columns; c++)
				row = row " " short(median(size[c] SUBSEP names[i])) " |"
			print row
		}
	}' "$folder/all"
