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
