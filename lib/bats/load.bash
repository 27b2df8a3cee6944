# muxctl for bats: a server that ends with the test, and assertions on calls.
#
#	bats_load_library muxctl
#	setup() { mux_serve -m up='tr a-z A-Z'; }
#	teardown() { mux_stop; }
#	@test "up" { assert_call -o HELLO -- up -d hello; }
#
# Only the public command line is used.  MUXCTL names the program (muxctl),
# MUXCTL_TIMEOUT bounds each call (10 s).  Everything is done in directories
# of the test, so `bats -j` is safe; nothing needs `run` or `set +e`.

# mux_serve [OPTION]... [-- CMD...]
#
# Starts a server and returns when it is ready: on a unix socket of its own
# if there is no -l.  Sets and exports MUXCTL_ADDR (of the first listener),
# MUX_PID and MUX_LOG.  The server ends with the shell that started it, if
# mux_stop does not come before.
mux_serve() {
	local dir word listen=1
	dir=${BATS_TEST_TMPDIR:-${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}}
	dir=$(mktemp -d "$dir/mux.XXXXXX") || return
	for word; do
		case $word in
		--) break ;;
		-l* | --listen | --listen=*) listen= ;;
		esac
	done
	[ -z "$listen" ] || set -- -l "unix:$dir/s" "$@"
	MUX_LOG=$dir/log
	MUXCTL_ADDR=$("${MUXCTL:-muxctl}" serve --print-addr \
	    --background="$dir/pid" --die-with="$$" --log "$MUX_LOG" "$@" \
	    </dev/null) || {
		_mux_show_log
		return 1
	}
	MUXCTL_ADDR=${MUXCTL_ADDR%%$'\n'*}
	MUX_PID=$(<"$dir/pid")
	export MUXCTL_ADDR MUX_PID MUX_LOG
}

# mux_stop
#
# Ends the server in an orderly way and waits until it is gone.  Fails if that
# takes more than 15 s, or if something that it had started is left; that is
# killed.  When it fails, or the test did, the log is shown.
mux_stop() {
	local pid=${MUX_PID:-} left bad=0 kids
	[ -n "$pid" ] || return 0
	unset MUX_PID
	kids=$(_mux_below "$pid")
	kill -TERM "$pid" 2>/dev/null || :
	_mux_await_end "$pid" || {
		echo "# mux_stop: server $pid does not end"
		kill -KILL "$pid" 2>/dev/null || :
		bad=1
	}
	for left in $kids; do
		_mux_ended "$left" && continue
		echo "# mux_stop: left behind: $(_mux_name "$left")"
		kill -KILL "$left" 2>/dev/null || :
		bad=1
	done
	if [ "$bad" -ne 0 ] || [ -z "${BATS_TEST_COMPLETED-1}" ]; then
		_mux_show_log
	fi
	return "$bad"
}

# mux_call [OPTION]... METHOD [ARG]...
#
# Sets status, output and stderr (both without newlines at the end) and
# always succeeds, like bats' run; standard input is the caller's.
mux_call() {
	local file
	file=$(mktemp "${BATS_TEST_TMPDIR:-${TMPDIR:-/tmp}}/err.XXXXXX") ||
	    return
	status=0
	output=$(MUXCTL_TIMEOUT=${MUXCTL_TIMEOUT:-10} \
	    "${MUXCTL:-muxctl}" call "$@" 2>"$file") || status=$?
	stderr=$(<"$file")
	rm -f "$file"
}

# assert_call [-s CODE] [-o TEXT] -- [OPTION]... METHOD [ARG]...
#
# The call ends with CODE (0) and, with -o, its output is TEXT.
assert_call() {
	local want=0 text check=
	while [ $# -gt 0 ]; do
		case $1 in
		-s) want=$2; shift 2 ;;
		-o) text=$2; check=1; shift 2 ;;
		--) shift; break ;;
		*) break ;;
		esac
	done
	mux_call "$@"
	if [ "$status" -ne "$want" ] ||
	    { [ -n "$check" ] && [ "$output" != "$text" ]; }; then
		echo "call $*"
		[ "$status" -eq "$want" ] ||
			echo "  status $status, expected $want"
		[ -z "$check" ] || echo "  expected output: $text"
		echo "  output: $output"
		[ -z "$stderr" ] || echo "  stderr: $stderr"
		return 1
	fi
}

# assert_frames FILE EXPR [-n COUNT]
#
# Frames of the capture FILE for which EXPR is true (muxctl-dump(1), FILTERS)
# are there: COUNT of them, or at least one.
assert_frames() {
	local file=$1 expr=$2 want= got status=0 lines
	shift 2
	if [ "${1:-}" = -n ]; then
		want=$2
	fi
	lines=$("${MUXCTL:-muxctl}" dump -T fields -e index -f "$expr" \
	    "$file") || status=$?
	# 1 is nothing, which may be what is wanted.
	[ "$status" -le 1 ] || {
		echo "frames of $file: status $status"
		return 1
	}
	got=$(printf '%s' "${lines:+$lines$'\n'}" | wc -l)
	if [ "$got" -eq "${want:--1}" ] ||
	    { [ -z "$want" ] && [ "$got" -gt 0 ]; }; then
		return 0
	fi
	echo "frames of $file with $expr"
	echo "  $((got)), expected ${want:-at least 1}"
	echo "  of all:"
	"${MUXCTL:-muxctl}" dump --no-time "$file" 2>&1 | sed 's/^/  /'
	return 1
}

# ---- what is not for tests to call ----

_mux_show_log() {
	[ -s "${MUX_LOG:-}" ] || return 0
	sed 's/^/# /' "$MUX_LOG"
}

# A zombie has ended; when its parent looks is not our concern.
_mux_ended() {
	! grep -qs '^State:[[:blank:]]*[A-WY]' "/proc/$1/status"
}

_mux_name() {
	tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline"
	echo "(pid $1)"
}

_mux_await_end() {
	local stop=$((SECONDS + 15)) never bad=0
	# Opened for both, a pipe neither says anything nor ends.
	exec {never}<> <(:)
	until _mux_ended "$1"; do
		[ "$SECONDS" -lt "$stop" ] || {
			bad=1
			break
		}
		read -r -t 0.02 -u "$never" || :
	done
	exec {never}>&-
	return "$bad"
}

# The processes that it started, and theirs.
_mux_below() {
	local list pid
	read -r list 2>/dev/null <"/proc/$1/task/$1/children" || :
	for pid in ${list:-}; do
		echo "$pid"
		_mux_below "$pid"
	done
}
