#!/usr/bin/env bats
# Completion: what the program lists, and what the scripts make of it.

setup() {
	bats_require_minimum_version 1.5.0
	MUXCTL=${MUXCTL:-$PWD/build/muxctl}
	scripts=$BATS_TEST_DIRNAME/../../completions
	cd "$BATS_TEST_TMPDIR"
	export MUXCTL_CONFIG=none
}

# Words of a command line, the last of which is being completed: what bash
# would offer, one per line.
offered() {
	# shellcheck disable=SC1091
	source "$scripts/muxctl.bash"
	COMP_WORDS=("$MUXCTL" "$@")
	COMP_CWORD=$#
	_muxctl "$MUXCTL" "${COMP_WORDS[COMP_CWORD]}" \
	    "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}" | sort
}

verbs() {
	"$MUXCTL" --complete | grep -v '^-' | cut -f 1
}

code_of() {
	grep -v '^[[:space:]]*#' "$1"
}

@test "every line has four fields, every option of -h is there" {
	for verb in '' $(verbs); do
		"$MUXCTL" $verb --complete > list
		run -0 awk -F '\t' 'NF != 4 || $4 == ""' list
		[ -z "$output" ]
		"$MUXCTL" $verb -h | grep -oE '^ +(-., )?--[a-z0-9-]+' |
		    grep -oE -- '--.*' | sort > help
		grep '^-' list | cut -f 1 | sort > listed
		diff help listed
	done
}

@test "verbs are listed where they may stand, and nowhere else" {
	verbs > all
	grep -qx serve all
	"$MUXCTL" help --complete | grep -v '^-' | cut -f 1 | diff all -
	run -1 grep -v '^-' <("$MUXCTL" serve --complete)
}

@test "the scripts know no verb and no option by name" {
	for script in muxctl.bash _muxctl muxctl.fish; do
		code_of "$scripts/$script" > code
		for verb in $(verbs); do
			run -1 grep -w -e "$verb" code
			"$MUXCTL" "$verb" --complete | cut -f 1 |
			    grep -e ^- | grep -vx -e --complete > options
			run -1 grep -F -w -f options code
		done
	done
}

@test "the scripts parse" {
	bash -n "$scripts/muxctl.bash"
	if type zsh > zsh.path 2>&1; then zsh -n "$scripts/_muxctl"; fi
	if type fish > fish.path 2>&1; then fish -n "$scripts/muxctl.fish"; fi
}

@test "bash: verbs" {
	run -0 offered ''
	[ "$output" = "$(verbs | sort)" ]
	run -0 offered tun
	[ "$output" = tunnel ]
	run -0 offered help ser
	[ "$output" = serve ]
	run -0 offered -
	[ "$output" = "$("$MUXCTL" --complete | grep '^-' | cut -f 1,2 |
	    tr '\t' '\n' | grep . | sort)" ]
}

@test "bash: options of the verb" {
	run -0 offered serve --log
	[ "$output" = $'--log\n--log-format' ]
	run -0 offered serve --nonsense
	[ -z "$output" ]
	run -0 offered serve -q --versio
	[ "$output" = --version ]
	run -0 offered serve -- --ver
	[ -z "$output" ]
}

@test "bash: values" {
	run -0 offered serve --log-format ''
	[ "$output" = $'json\ntext' ]
	run -0 offered serve --log-format = j
	[ "$output" = json ]
	run -0 offered serve --log-format =
	[ "$output" = $'json\ntext' ]
	run -0 offered serve --log-format=t
	[ "$output" = --log-format=text ]
	run -0 offered serve --config n
	[ "$output" = none ]
}

@test "bash: files, where the word names one" {
	touch one.log 'two words.log'
	run -0 offered serve --log ''
	[ "${lines[0]}" = journal ]
	[ "${lines[1]}" = one.log ]
	[ "${lines[2]}" = syslog ]
	[ "${lines[3]}" = 'two words.log' ]
	run -0 offered serve --print-addr = o
	[ "$output" = one.log ]
	run -0 offered serve --die-with ''
	[ -z "$output" ]
}

@test "bash: a word that may be left out is not waited for" {
	touch one.log
	run -0 offered serve --print-addr --versi
	[ "$output" = --version ]
	run -0 offered serve --print-addr ''
	[ -z "$output" ]
}

@test "bash: a program that does not run offers nothing" {
	MUXCTL=/nonexistent/muxctl
	run -0 offered serve --
	[ -z "$output" ]
}

@test "fish: verbs, options and values" {
	type fish > fish.path 2>&1 || skip "no fish here"
	complete() {
		PATH=${MUXCTL%/*}:$PATH HOME=$PWD fish --no-config -c \
		    'source $argv[1]; complete -C $argv[2]' \
		    "$scripts/muxctl.fish" "$1" | cut -f 1
	}
	[ "$(complete 'muxctl tun')" = tunnel ]
	[ "$(complete 'muxctl serve --log-f')" = --log-format ]
	[ "$(complete 'muxctl serve --log-format j')" = json ]
	[ "$(complete 'muxctl serve --log-format=j')" = --log-format=json ]
}
