# muxctl call --bench: what is counted, what is shown, and what --fail-if makes
# of it.  Nothing here depends on how long anything takes.

setup_file() {
	export BATS_TEST_TIMEOUT=30
}

setup() {
	load helper
	begin
	export PYTHONDONTWRITEBYTECODE=1
}

teardown() {
	finish
}

# A server that gives any answer on demand; `server` is what it sees.
answerer() {	# [MAX_CALLS]
	spawn server python3 "$BATS_TEST_DIRNAME/answerer.py" up.sock "$@"
	await says server ready
}

bench() {	# OPTION... METHOD [ARG...]
	muxctl call -a unix:up.sock --bench "$@"
}

# What FILTER makes of the result of the call is true.
yields() {	# FILTER OPTION...
	local json filter=$1 status=0
	shift
	json=$(muxctl call -a unix:up.sock --json --bench "$@") || status=$?
	jq -e --argjson status "$status" "$filter" <<<"$json" >/dev/null || {
		echo "status $status, not $filter: $json"
		return 1
	}
}

@test "N calls are N calls, P at once" {
	answerer
	yields '.calls == 50 and .failed == 0 and .parallel == 1 and
	    .bytes_out == 250 and .bytes_in == 250 and $status == 0' \
	    50 -d hello echo
	yields '.calls == 1 and .bytes_out == 0' 1 echo
	yields '.calls == 3 and .parallel == 8' 3 -P 8 echo
	yields '.calls == 5000 and .failed == 0 and .bytes_in == 5000 * 5' \
	    5000 -P 64 -d hello echo
	[ "$(grep -c '^request echo$' server)" -eq 5054 ]
}

@test "the keys and their order" {
	answerer
	run bench 3 -P 2 --rate 1000000 --json --fail-if 'errors<9' exit 3
	json=$(grep '^{' <<<"$output")
	[ "$(jq -r 'keys_unsorted | join(" ")' <<<"$json")" = "v method calls\
 failed failed_exit parallel rate_wanted elapsed_ns rate bytes_out bytes_in\
 min_ns p50_ns p90_ns p99_ns p999_ns max_ns mean_ns fail_if" ]
	jq -e '.v == 1 and .method == "exit" and .fail_if == "errors<9" and
	    .rate_wanted == 1000000 and .min_ns <= .p50_ns and
	    .p50_ns <= .p90_ns and .p90_ns <= .p99_ns and
	    .p99_ns <= .p999_ns and .p999_ns <= .max_ns and
	    .min_ns <= .mean_ns and .mean_ns <= .max_ns' <<<"$json"
}

@test "for people: a line for each figure, and bars that add up" {
	answerer
	run bench 200 -P 4 -d hi echo
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "calls    200, 4 at once" ]
	[ "${lines[1]}" = "failed   0" ]
	for figure in time rate bodies min p50 p90 p99 p99.9 max mean; do
		[ "$(grep -c "^$figure  *[0-9]" <<<"$output")" -eq 1 ]
	done
	awk '/^<=/ { n += $NF } END { exit n != 200 }' <<<"$output"
	[ "$(grep '^<=' <<<"$output" | wc -L)" -le 80 ]
	not grep -q $'\e' <<<"$output"
	run bench 2 --rate 1000 echo
	[ "${lines[0]}" = "calls    2, 1 at once, 1000 per second asked for" ]
}

@test "failures are counted by kind; the first one is told" {
	answerer
	yields '.failed == 7 and .failed_exit == 7 and $status == 123' \
	    7 exit 3
	yields '.failed_error == 7 and .failed == 7' 7 error 500 no
	yields '.failed_refused == 7' 7 error 12 no
	yields '.failed_nomethod == 7' 7 error 4 no
	yields '.failed_signal == 7' 7 signal 9 0
	yields '.failed_spawn == 7' 7 notrun 2
	yields '.failed == 2 and .failed_transport == 2 and .calls == 9 and
	    $status == 123' 9 busy 2
	run bench 7 exit 3
	said 123 "muxctl: call: exit: exit status 3 (unix:up.sock)"
	[ "$(grep -c 'muxctl: call:' <<<"$output")" -eq 1 ]
	[[ $output == *"failed   7: 7 exit"* ]]
	run bench 7 error 500 full
	said 123 "error 500: full"
}

@test "standard error of methods is thrown away, whatever there is of it" {
	answerer
	yields '.calls == 2000 and .failed_exit == 2000' 2000 -P 100 err text 3
	# Nobody took what he could not know.
	grep -q '^refused 15$' server
}

@test "against serve" {
	serve -m loud='head -c 1000000 /dev/zero >&2; echo out' \
	    -m no='echo why >&2; exit 3'
	yields '.calls == 20 and .failed == 0 and .bytes_in == 80' \
	    20 -P 4 loud
	yields '.failed_exit == 20 and .bytes_in == 0' 20 -P 5 no
	yields '.failed == 0 and .bytes_in == 6000' 2000 -P 50 -d xyz mux.echo
	yields '.failed_nomethod == 3' 3 nothing
}

@test "-t is a limit of each call" {
	answerer
	yields '.calls == 4 and .failed_timeout == 4 and .min_ns >= 20000000
	    and $status == 123' 4 -P 2 -t 20ms mute
	run bench 2 -t 20ms mute
	said 123 "no answer in the time that -t gives"
	yields '.failed == 0 and $status == 0' 4 -t 0 echo
}

@test "--fail-if: 1 if true; it alone judges errors if it asks about them" {
	answerer
	run bench 5 --fail-if 'p50>1h' echo
	said 0 ""
	run bench 5 --fail-if 'p50>1h, max>=0' echo
	said 1 "muxctl: call: --fail-if 'max>=0': max is "
	run bench 5 --fail-if 'rate>0' echo
	said 1 "--fail-if 'rate>0': rate is "
	run bench 5 --fail-if 'errors>0' echo
	said 0 ""
	run bench 5 --fail-if 'errors>=5' exit 3
	said 1 "--fail-if 'errors>=5': errors is 5"
	run bench 5 --fail-if 'p99>1h,errors>5' exit 3
	said 0 "failed   5: 5 exit"
	run bench 5 --fail-if 'p99>1h' exit 3
	said 123 "failed   5: 5 exit"
}

@test "--fail-if and others: mistakes are 125, with the spot, before anything" {
	answerer
	run bench 5 --fail-if 'p99>5parsecs' echo
	said 125 "--fail-if: expected a time (500us, 5ms, 1.5s) at '5parsecs'"
	run bench 5 --fail-if 'p50>1h,p98<1s' echo
	said 125 "at 'p98<1s'"
	run bench 5 --fail-if '' echo
	said 125 "at the end"
	run bench 5 --fail-if $'p50>\e[31m' echo
	said 125 "at '\\033[31m'"
	run bench 5
	said 125 "expected a METHOD"
	run bench 0 echo
	said 125 "--bench '0'"
	run bench 5 -P 0 echo
	said 125 "-P '0'"
	run bench 5 --rate 0 echo
	said 125 "--rate '0'"
	run bench 5 -o file echo
	said 125 "-o does not go with --bench"
	run bench 5 --oneway echo
	said 125 "--oneway does not go with --bench"
	run muxctl call -a unix:up.sock --rate 5 echo
	said 125 "--rate needs --bench"
	run muxctl call -a unix:up.sock --fail-if 'p50>1h' echo
	said 125 "--fail-if needs --bench"
	[ "$(wc -l <server)" -eq 1 ]
}

@test "a body from a file or standard input is sent with each call" {
	answerer
	head -c 60000 /dev/zero >body
	yields '.bytes_out == 300000 and .bytes_in == 300000' \
	    5 -P 2 -d @body echo
	head -c 100 body >small
	yields '.bytes_out == 300 and .bytes_in == 300' 3 -d @- echo <small
	yields '.bytes_out == 300 and .bytes_in == 300' 3 echo - <small
	run bench 3 -d @none echo
	said 125 "No such file"
}

@test "the server's limit of calls is kept" {
	answerer 3
	yields '.calls == 100 and .failed == 0 and $status == 0' \
	    100 -P 20 -d x echo
}

@test "--rate: a call is late from when it was due" {
	answerer
	# One after the other: no time of one is part of that of another.
	yields '.mean_ns * .calls <= .elapsed_ns' 40 -d x echo
	# All are due at once, so each waits for those before it.
	yields '.mean_ns * .calls > .elapsed_ns and
	    .max_ns > .elapsed_ns * 0.9' 40 --rate 1000000000 -d x echo
}

@test "a server that goes ends it; what there was is shown" {
	answerer
	run bench 5 die
	said 255 "connection lost"
	[[ $output == *"failed   1: 1 transport"* ]]
	not grep -q p50 <<<"$output"
	run bench 5 goodbye 9
	said 255 "not_sent"
	run muxctl call -a unix:none.sock --bench 5 echo
	said 255 "No such file"
	not grep -q calls <<<"$output"
}

@test "a signal ends it in the same way" {
	answerer
	spawn out muxctl call -a unix:up.sock --bench 5 -P 2 mute
	await says server mute
	kill -TERM "$PID"
	exits 143 "$PID"
	says out 'calls    2, 2 at once'
}

@test "a server of plain S0: the method is not sent" {
	spawn peer python3 "$BATS_TEST_DIRNAME/s0.py" serve
	await test -s peer
	at=tcp:127.0.0.1:$(head -n 1 peer)
	run muxctl call -v -a "$at" --bench 20 -P 4 -d 12345 name
	said 0 "the method is not sent"
	[[ $output == *"bodies   100 bytes out, 100 bytes in"* ]]
	[ "$(grep -c '^0 [0-9]* 0 5$' peer)" -eq 20 ]
	run muxctl call -a "$at" --legacy --bench 20 -P 4 -d "fail so" name
	said 123 "handler failed: so"
	run muxctl call -a "$at" --bench 20 name arg
	said 125 "no arguments"
}
