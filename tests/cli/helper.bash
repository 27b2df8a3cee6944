# What the tests of the command line have in common: a directory of their
# own, servers and clients that end with the test, and waiting that is bounded
# and never by the clock.
#
# A test file has functions only:
#	setup_file() { export BATS_TEST_TIMEOUT=30; }
#	setup() { load helper; begin; }
#	teardown() { finish; }

begin() {
	NET=$BATS_TEST_DIRNAME/net.py
	: "${MUXCTL:=$BATS_TEST_DIRNAME/../../build/muxctl}"
	MUXCTL=$(realpath "$MUXCTL")
	unset "${!MUXCTL_@}" NOTIFY_SOCKET LISTEN_FDS LISTEN_PID NO_COLOR
	export XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	export LC_ALL=C
	mkdir "$XDG_RUNTIME_DIR"
	# Short, so that paths of sockets stay readable in messages.
	cd "$BATS_TEST_TMPDIR" || return
	PIDS=()
	# Something to read from that neither says anything nor ends.
	mkfifo never
	exec {NEVER}<>never
	# Short, so that paths of sockets stay readable in messages.
}

finish() {
	local pid file
	for file in ./*.pid; do
		[ ! -s "$file" ] || PIDS+=("$(cat "$file")")
	done
	for pid in "${PIDS[@]}"; do
		kill -KILL "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
}

# A zombie has ended; when its new parent looks is not our concern.
ended() {	# PID
	! grep -qs '^State:[[:blank:]]*[A-WY]' "/proc/$1/status"
}

gone() {	# PID
	await ended "$1"
}

# Ends a process started with --background=FILE.
end() {
	local pid
	pid=$(cat "$1")
	kill -TERM "$pid"
	gone "$pid"
}

# COMMAND comes true, within ten seconds.
await() {
	local stop=$((SECONDS + 10))
	until "$@"; do
		[ "$SECONDS" -lt "$stop" ] || {
			echo "never came true: $*"
			return 1
		}
		read -r -t 0.02 -u "$NEVER" || :
	done
}

says() {	# FILE PATTERN
	grep -q -- "$2" "$1" 2>/dev/null
}

muxctl() {
	"$MUXCTL" "$@"
}

# Runs it in the background of the test with an input that does not end; its
# output goes to FILE, PID is its own.
spawn() {	# FILE COMMAND...
	local file=$1
	shift
	# A function would be a shell between us and the process.
	[ "$1" != muxctl ] || set -- "$MUXCTL" "${@:2}"
	"$@" <&"$NEVER" >"$file" 2>&1 3>&- &
	PID=$!
	PIDS+=("$PID")
}

# A server of net.py; PORT is its port or path, `out.KIND` what it prints.
target() {	# KIND [ADDR]
	spawn "out.$1" python3 "$NET" serve "$@"
	await test -s "out.$1"
	PORT=$(head -n 1 "out.$1")
}

talk() {
	python3 "$NET" talk "$1"
}

serve() {	# OPTION...
	muxctl serve -l unix:up.sock --background=serve.pid --log serve.log \
	    "$@"
}

# ADDR is the address of the only listener.
tunnel() {	# OPTION...
	ADDR=$(muxctl tunnel -a unix:up.sock --print-addr \
	    --background=tunnel.pid --log tunnel.log "$@")
}

# A "!" in front of a command hides its status from bats.
not() {
	! "$@"
}

exits() {	# STATUS PID
	local status=0
	wait "$2" || status=$?
	[ "$status" -eq "$1" ] || {
		echo "status $status, expected $1"
		return 1
	}
}

# The last command ended with STATUS and said it on stderr or stdout.
said() {	# STATUS TEXT
	[ "$status" -eq "$1" ] || {
		echo "status $status, expected $1: $output"
		return 1
	}
	[[ $output == *"$2"* ]] || {
		echo "expected '$2' in: $output"
		return 1
	}
}
