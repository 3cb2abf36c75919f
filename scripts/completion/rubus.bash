# Completion of rubus for bash: the program itself knows what can come next.
_rubus() {
	local IFS=$'\n'
	# Words with an @ in them are one word to rubus.
	local words=() word
	while read -r word; do words+=("$word"); done < <(printf '%s\n' "${COMP_LINE:0:COMP_POINT}" | xargs -n 1 2>/dev/null)
	[[ ${COMP_LINE:COMP_POINT-1:1} != ' ' ]] || words+=('')
	COMPREPLY=($("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null))
	# bash replaces what is after the last @ only.
	local last=${words[${#words[@]} - 1]}
	if [[ $last == *@* && $COMP_WORDBREAKS == *@* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${last%"${last##*@}"}"}")
	fi
}
complete -o default -F _rubus rubus
