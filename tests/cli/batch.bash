# call --batch and what comes of it; with helper.bash and answerer.py.

# `seen` is what it sees.
answerer() {	# [MAX_CALLS]
	spawn seen python3 "$BATS_TEST_DIRNAME/answerer.py" up.sock "$@"
	await says seen ready
}

# Its input is ours, its output in `got`, standard error in `said`.
batch() {	# STATUS OPTION...
	local want=$1 status=0
	shift
	muxctl call --batch "$@" >got 2>said || status=$?
	[ "$status" -eq "$want" ] || {
		echo "status $status, expected $want: $(cat said)"
		return 1
	}
}

# What came is this, in any order.
got() {	# LINE...
	diff <(printf '%s\n' "$@" | sort) <(sort got)
}

in_order() {	# LINE...
	diff <(printf '%s\n' "$@") got
}

# An expression of jq is true of all objects that came, as an array.
objects() {	# EXPRESSION
	jq -se "$1" got >/dev/null || {
		echo "not so: $1"
		head -c 2000 got
		return 1
	}
}

seen() {	# N PATTERN: so often
	[ "$(grep -c -- "$2" seen)" -eq "$1" ]
}
