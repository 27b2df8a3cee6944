#!/usr/bin/env bats
# The helpers for programs of --worker in bash and Python, by themselves:
# worker.py is the server.  worker.bats has them below a real one.

setup_file() { export BATS_TEST_TIMEOUT=120; }
setup() {
	load helper
	begin
	WORKERS=$(realpath "$BATS_TEST_DIRNAME/../../lib/worker")
	export WORKERS PYTHONPATH=$WORKERS PYTHONDONTWRITEBYTECODE=1
	export TMPDIR=$PWD
}
teardown() { finish; }

# The bodies of functions in bash and Python by one name.
in_bash() {	# FUNCTION-BODY [OPTION]
	cat >worker.sh <<-END
	#!/bin/bash
	set -eu
	source "\$WORKERS/worker.bash"
	run() {
	$1
	}
	mux_worker ${2-} run
	END
	echo "bash worker.sh"
}

in_python() {	# FUNCTION-BODY [ARGUMENT]
	{
		echo "import os, sys, threading, time"
		echo "from muxctl_worker import serve"
		echo "event, n = threading.Event(), 0"
		echo "def run(call):"
		echo "    global n"
		echo "$1" | sed 's/^/    /'
		echo "serve(run${2+, $2})"
	} >worker.py
	echo "python3 worker.py"
}

scenario() {	# NAME PROGRAM
	# shellcheck disable=SC2086
	timeout 100 python3 "$BATS_TEST_DIRNAME/worker.py" "$1" $2
}

@test "bash: bodies of all kinds, by standard input" {
	scenario bodies "$(in_bash 'cat')"
}

@test "bash: bodies of all kinds, by \$MUX_BODY" {
	scenario bodies "$(in_bash 'cat "$MUX_BODY"')"
}

@test "bash: texts, and no others, in \$MUX_TEXT" {
	scenario texts "$(in_bash \
	    '[[ -z $MUX_BODY ]] && printf %s "$MUX_TEXT"' -t)"
}

@test "bash: texts both ways, in \$MUX_TEXT and \$MUX_REPLY" {
	reply='MUX_REPLY=$MUX_TEXT'
	scenario texts "$(in_bash "$reply" -r)"
	scenario texts "$(in_bash "set -C -f; IFS=1; $reply" "-t -r")"
	scenario thousand "$(in_bash "$reply" -r)"
	scenario cancel "$(in_bash "$reply" -r)"
	scenario deadline "$(in_bash 'MUX_REPLY=$MUX_DEADLINE_MS' -r)"
	in_bash 'printf -v MUX_REPLY "%s," "$MUX_METHOD" "$@"' -r >cmd
	printf '7 2 3 1 0\n1\n-4\nx *\nmeth-' | $(cat cmd) >out
	[ "$(cat out)" = $'7 0 11\nmet,-,x *\n,' ]
}

@test "bash: what is printed with -r is no answer, and no reply stays" {
	scenario code "$(in_bash '[[ -z $MUX_REPLY ]] || return 9
	    echo no; MUX_REPLY=; printenv MUX_METHOD; return "$1"' -r)" 2>log
	says log no
	in_bash '((n++)) || MUX_REPLY=kept' -r >cmd
	sed -i '2i n=0' worker.sh
	printf '1 0 0 0 0\n2 0 1 0 0\nm' | $(cat cmd) >out
	[ "$(cat out)" = "1 0 4
kept2 0 0" ]
}

@test "bash: standard input is empty with -t, the file else whole" {
	scenario code "$(in_bash 'read -r line && return 9; return "$1"' -t)"
	scenario thousand "$(in_bash 'read -r _ || :; cat "$MUX_BODY"')"
}

@test "bash: method and arguments, exported" {
	scenario show "$(in_bash 'printenv MUX_METHOD; (($# == 0)) ||
	    printf "%s\n" "$@"')"
}

@test "bash: the status is what is returned, stderr is apart" {
	scenario code "$(in_bash 'echo no >&2; return "$1"')"
}

@test "bash: a command that fails inside does not end it" {
	scenario code "$(in_bash 'false; return "$1"')"
}

@test "bash: a thousand calls at once" {
	scenario thousand "$(in_bash 'printf %s "$MUX_TEXT"' -t)"
}

@test "bash: cancelled calls" {
	scenario cancel "$(in_bash 'printf %s "$MUX_TEXT"' -t)"
}

@test "bash: what was left of the deadline" {
	scenario deadline "$(in_bash 'printf %s "$MUX_DEADLINE_MS"')"
}

@test "bash: exit is the end; half a request is none" {
	scenario crash "$(in_bash '[[ $MUX_TEXT != die ]] || exit 3
	    printf %s "$MUX_TEXT"' -t)"
	scenario cut "$(in_bash 'echo never')"
}

@test "bash: no file is left behind, not even after KILL" {
	in_bash 'kill -KILL "$BASHPID"' >cmd
	ls /dev/shm >before
	run scenario thousand "$(cat cmd)"
	[ "$status" -ne 0 ]
	[ -z "$(ls /dev/shm | comm -13 before - | grep muxctl-worker)" ]
}

@test "bash: the user's own set -C, -f and IFS do not matter" {
	scenario bodies "$(in_bash 'set -C -f; IFS=1; cat')"
}

@test "bash: usage" {
	run bash -c 'source "$WORKERS/worker.bash"; mux_worker nosuch'
	[ "$status" -eq 2 ]
	[ "$output" = "usage: mux_worker [-rt] FUNCTION" ]
	run bash -c 'source "$WORKERS/worker.bash"; mux_worker'
	[ "$status" -eq 2 ]
}

@test "python: bodies of all kinds" {
	scenario bodies "$(in_python 'return 0, call.body')"
	scenario bodies "$(in_python 'return 0, call.body' 4)"
}

@test "python: method and arguments" {
	scenario show "$(in_python \
	    'return "".join(x + "\n" for x in [call.method] + call.args)')"
}

@test "python: status, and an exception is 1" {
	scenario code "$(in_python 'print("log")
return int(call.args[0]), ""')"
	in_python 'raise ValueError("no such thing")' >cmd
	printf '1 0 0 0 0\n2 0 0 0 0\n' >in
	$(cat cmd) <in >out 2>log
	[ "$(cat out)" = $'1 1 0\n2 1 0' ]
	says log "no such thing"
	in_python 'return 256, ""' >cmd
	$(cat cmd) <in >out
	[ "$(cat out)" = $'1 1 0\n2 1 0' ]
}

@test "python: a thousand calls at once" {
	scenario thousand "$(in_python 'return call.body')"
	scenario thousand "$(in_python 'return call.body' 8)"
}

@test "python: cancelled calls" {
	scenario cancel "$(in_python 'return call.body')"
	scenario cancel "$(in_python 'return call.body' 1)"
	wait='if call.body == b"count": return str(n)
open("started", "w").close()
while not call.cancelled(): pass
n += 1'
	scenario notice "$(in_python "$wait")"
	rm started
	scenario notice "$(in_python "$wait" 2)"
}

@test "python: several at once" {
	scenario later "$(in_python 'if call.body == b"go":
    event.set()
    return "gone"
event.wait()
return "waited"' 2)"
}

@test "python: what was left of the deadline" {
	scenario deadline "$(in_python 'if call.deadline is None: return "0"
return str(int(1000 * (call.deadline - time.monotonic())))')"
}

@test "python: a crash is the end; half a request is none" {
	scenario crash "$(in_python 'if call.body == b"die": os._exit(3)
return call.body')"
	scenario cut "$(in_python 'return "never"')"
}
