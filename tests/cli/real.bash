# What the tests against real sockets and real services have in common,
# besides helper.bash.

# The object that makes the kernel stingy, or pipes small, for muxctl.
shim() {
	export MUXCTL PYTHONDONTWRITEBYTECODE=1
	export PRELOAD=${B:-${MUXCTL%/*}}/tests/cli/preload_shortio.so
	[ -f "$PRELOAD" ] || {
		echo "no $PRELOAD (make tests)"
		return 1
	}
}

# Cases of halfclose.py; what muxctl said last is shown when one fails.
halfclose() {	# CASE... [CARRIER...]
	shim
	python3 "$BATS_TEST_DIRNAME/halfclose.py" "$@" && return
	tail -n 5 ./*.log ./*.err
	return 1
}

# Skips the test where one of the programs is not installed.
needs() {	# PROGRAM...
	local program
	PATH=$PATH:/usr/sbin:/sbin
	for program; do
		command -v "$program" >/dev/null ||
		    skip "$program is not installed"
	done
}

# Runs TRY with PORT set to ports that were free a moment ago, below those
# that the kernel gives to clients, until it succeeds.
on_free_port() {	# TRY
	local try
	for try in {1..20}; do
		PORT=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		(: <"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && continue
		! "$1" || return 0
	done
	echo "$1: no port in $try attempts"
	return 1
}

# The service that was spawned last listens, or has given up.
answers_at() {	# PORT
	await listens_or_gone "$1"
	kill -0 "$PID" 2>/dev/null
}

listens_or_gone() {
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null || ! kill -0 "$PID" 2>/dev/null
}

says_or_gone() {	# FILE PATTERN
	says "$@" || ! kill -0 "$PID" 2>/dev/null
}
