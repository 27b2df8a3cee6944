# Completion of muxctl for bash.  It knows no verb, option or value by name:
# `muxctl [VERB] --complete` lists them, one per line, as
#	--long<TAB>-s<TAB>ARG<TAB>help
# where ARG is [=ARG] if it may be left out, and a line without -- is a word.

# The fields of option $2 of the lines in $1 go to $arg; fails if there is none.
_muxctl_find()
{
	local long short rest

	while IFS= read -r rest; do
		long=${rest%%$'\t'*} rest=${rest#*$'\t'}
		short=${rest%%$'\t'*} rest=${rest#*$'\t'}
		arg=${rest%%$'\t'*}
		[[ $long == "$2" || $short == "$2" ]] && return 0
	done <<< "$1"
	return 1
}

# What may stand for ARG $1, given that $2 is there: its words in small
# letters; files, if it speaks of something that has a path.
_muxctl_values()
{
	local part words= parts

	IFS='|' read -ra parts <<< "$1"
	for part in "${parts[@]}"; do
		case $part in
		*FILE*|*DIR*|*ADDR*|*SPEC*)
			compopt -o filenames 2> /dev/null
			compgen -f -- "$2" ;;
		*[^a-z0-9-]*) ;;
		*)	words+=" $part" ;;
		esac
	done
	compgen -W "$words" -- "$2"
}

# Words and options of the lines in $1 that begin with $2.
_muxctl_words()
{
	local long short rest

	while IFS= read -r rest; do
		long=${rest%%$'\t'*} rest=${rest#*$'\t'}
		short=${rest%%$'\t'*}
		[[ $long == "$2"* ]] && printf '%s\n' "$long"
		[[ -n $short && $short == "$2"* ]] && printf '%s\n' "$short"
	done <<< "$1"
}

_muxctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} at=$((COMP_CWORD - 1))
	local verb= opt= prefix= arg= i lines

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] && continue
		verb=${COMP_WORDS[i]}
		break
	done
	lines=$("$1" ${verb:+"$verb"} --complete 2> /dev/null) || return 0
	# What follows -- is no option.
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -- ]] && return 0
	done
	# Usually bash takes = for a word of its own.
	if [[ $cur == = ]]; then
		opt=${COMP_WORDS[at]} cur=
	elif ((at > 1)) && [[ ${COMP_WORDS[at]} == = ]]; then
		opt=${COMP_WORDS[at - 1]}
	elif [[ $cur == --*=* ]]; then
		opt=${cur%%=*} prefix=$opt= cur=${cur#*=}
	elif [[ ${COMP_WORDS[at]} == -* ]]; then
		_muxctl_find "$lines" "${COMP_WORDS[at]}" &&
		    [[ -n $arg && $arg != \[* ]] && opt=${COMP_WORDS[at]}
	fi
	if [[ -n $opt ]]; then
		_muxctl_find "$lines" "$opt" || return 0
		arg=${arg#[[]=} arg=${arg%]}
		mapfile -t COMPREPLY < <(_muxctl_values "$arg" "$cur")
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(_muxctl_words "$lines" "$cur")
	else
		mapfile -t COMPREPLY < <(_muxctl_words "$lines" "$cur" |
		    grep -v '^-')
	fi
	COMPREPLY=("${COMPREPLY[@]/#/$prefix}")
}

complete -o bashdefault -o default -F _muxctl muxctl
