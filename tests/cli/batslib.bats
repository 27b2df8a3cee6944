# The library for other people's bats tests: a file of theirs, run by a bats
# of its own, does and says what lib/bats/load.bash promises.

setup_file() {
	export BATS_TEST_TIMEOUT=60
}

setup() {
	load helper
	begin
	export MUXCTL
	mkdir lib
	ln -s "$BATS_TEST_DIRNAME/../../lib/bats" lib/muxctl
	export BATS_LIB_PATH=$PWD/lib
}

teardown() {
	finish
}

# A test file from standard input, and what bats says of it.  The outer bats
# would take lines with @test for its own: they begin with TEST.
theirs() {	# [BATS-OPTION]...
	{
		echo 'bats_load_library muxctl'
		sed 's/^TEST/@test/'
	} >theirs.bats
	# What is ours is no business of the inner one.
	run env -u BATS_TEST_TIMEOUT -u BATS_TMPDIR -u BATS_RUN_TMPDIR \
	    bats "$@" theirs.bats
	echo "$output"
}

@test "mux_serve, assert_call, mux_call, mux_stop; with set -eu" {
	theirs <<-'E'
	setup() {
		set -eu
		mux_serve -m up='tr a-z A-Z' -m no='cat; echo why >&2; exit 3'
	}
	teardown() { mux_stop; }
	TEST "one" {
		assert_call -o HELLO -- up -d hello
		assert_call -s 3 -o text -- no -d text
		assert_call -s 127 -- nothing
		mux_call no -d in
		[ "$status" -eq 3 ]
		[ "$output" = in ]
		[ "$stderr" = why ]
		mux_call up - <<<"from here"
		[ "$output" = "FROM HERE" ]
	}
	TEST "two: a server of its own" {
		[ -d "/proc/$MUX_PID" ]
		[[ $MUXCTL_ADDR == unix:* ]]
		assert_call -o X -- up -d x
	}
	E
	[ "$status" -eq 0 ]
	[[ $output == *"ok 2 two"* ]]
}

@test "in setup_file: one server for all, and nothing is left" {
	export OUT=$PWD/pid
	theirs <<-'E'
	setup_file() { mux_serve -m pid='echo $PPID'; echo "$MUX_PID" >"$OUT"; }
	teardown_file() { mux_stop; }
	TEST "one" { assert_call -o "$(cat "$OUT")" -- pid; }
	TEST "two" { assert_call -o "$(cat "$OUT")" -- pid; }
	E
	[ "$status" -eq 0 ]
	gone "$(cat pid)"
}

@test "assert_call fails when it should, and shows both" {
	theirs <<-'E'
	setup() { mux_serve -m up='tr a-z A-Z'; }
	teardown() { mux_stop; }
	TEST "status" { assert_call -s 1 -- up -d x; }
	TEST "output" { assert_call -o y -- up -d x; }
	E
	[ "$status" -eq 1 ]
	[[ $output == *"not ok 1 status"* && $output == *"not ok 2 output"* ]]
	[[ $output == *"status 0, expected 1"* ]]
	[[ $output == *"expected output: y"* && $output == *"output: X"* ]]
}

@test "the log is shown when the test failed, and else not" {
	theirs <<-'E'
	setup() { mux_serve -v -m up='tr a-z A-Z'; }
	teardown() { mux_stop; }
	TEST "good" { assert_call -o X -- up -d x; }
	E
	[ "$status" -eq 0 ]
	[[ $output != *"serve:"* ]]
	theirs <<-'E'
	setup() { mux_serve -v -m up='tr a-z A-Z'; }
	teardown() { mux_stop; }
	TEST "bad" { assert_call -o Y -- up -d x; }
	E
	[ "$status" -eq 1 ]
	[[ $output == *"# "*"serve:"* ]]
}

@test "a server that cannot start fails the test and says why" {
	theirs <<-'E'
	TEST "bad" { mux_serve --no-such-option; }
	E
	[ "$status" -eq 1 ]
	[[ $output == *"no-such-option"* ]]
}

@test "mux_stop fails if something was left behind, and ends it" {
	theirs <<-'E'
	TEST "left" {
		mux_serve -x wait='tail -f /dev/null'
		"$MUXCTL" call -q wait 3>&- &
		until [ -n "$(_mux_below "$MUX_PID")" ]; do :; done
		kid=$(_mux_below "$MUX_PID")
		# A server that dies without ending what it started.
		kill() {
			[ "$1" != -TERM ] || set -- -KILL "$2"
			builtin kill "$@"
		}
		! mux_stop >said
		grep -q "left behind: tail -f" said
		_mux_await_end "$kid"
	}
	E
	[ "$status" -eq 0 ]
}

@test "bats -j: tests do not see each other" {
	command -v parallel >/dev/null || skip "no parallel(1)"
	theirs -j 4 <<-'E'
	setup() { mux_serve -m n='echo '"$BATS_TEST_NUMBER"; }
	teardown() { mux_stop; }
	TEST "1" { assert_call -o 1 -- n; }
	TEST "2" { assert_call -o 2 -- n; }
	TEST "3" { assert_call -o 3 -- n; }
	TEST "4" { assert_call -o 4 -- n; }
	E
	[ "$status" -eq 0 ]
}

@test "installed where pkg-config says, a library by its name" {
	make -s -C "$BATS_TEST_DIRNAME/../.." -n install PREFIX=/opt/x |
	    grep -q 'lib/bats/load.bash:/opt/x/lib/bats/muxctl/load.bash'
	[ "$(sed -n 's/^batslibdir=//p' \
	    "$BATS_TEST_DIRNAME/../../lib/mux.pc.in")" = '${prefix}/lib/bats' ]
}

@test "assert_frames: how many frames of a capture there are" {
	printf '\5\0\0\0\1\0\0\0\0\0\0\0\0\0hello' >a
	printf '\5\0\0\0\1\0\0\0\0\0\0\0\1\0HELLO' >>a
	theirs <<-E
	setup() { set -eu; cd "$PWD"; }
	TEST "good" {
		assert_frames a 'type==request'
		assert_frames a 'len==5' -n 2
		assert_frames a 'type==data' -n 0
	}
	TEST "bad: none" { assert_frames a 'type==data'; }
	TEST "bad: too many" { assert_frames a 'len==5' -n 1; }
	TEST "bad: too few" { assert_frames a 'len==5' -n 3; }
	TEST "bad: a filter" { assert_frames a 'typ==5' -n 0; }
	TEST "bad: a file" { assert_frames none 'len' -n 0; }
	E
	[ "$status" -eq 1 ]
	[[ $output == *"ok 1 good"* ]]
	[ "$(grep -c '^not ok . bad' <<<"$output")" -eq 5 ]
	[[ $output == *"0, expected at least 1"* ]]
	[[ $output == *"2, expected 1"* ]]
	[[ $output == *'> request '*'"hello"'* ]]
	[[ $output == *"no such field: typ"* ]]
}
