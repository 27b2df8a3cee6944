# Peers that speak plain S0 (s0.py): what such clients get from serve, and
# what call gets from such servers.

setup_file() {
	export BATS_TEST_TIMEOUT=60
}

setup() {
	load helper
	begin
	S0=$BATS_TEST_DIRNAME/s0.py
	export PYTHONDONTWRITEBYTECODE=1
}

teardown() {
	finish
}

# A server of s0.py; PORT is its port, `peer` what it sees.
peer() {
	spawn peer python3 "$S0" serve "$@"
	await test -s peer
	PORT=$(head -n 1 peer)
}

s0() {	# CASE [ARG...]
	python3 "$S0" "$1" "${AT:-unix:up.sock}" "${@:2}"
}

@test "s0.py: its two ends understand each other" {
	peer
	AT=127.0.0.1:$PORT
	run s0 pipelined 1000
	said 0 "in order"
	s0 flags
	s0 ids
	s0 streams
	s0 many_streams
	s0 half
	s0 cut
	await says peer '^cut$'
}

# ---- call, and a server of S0 ----

# Against the server of s0.py.
ask() {	# OPTION... [METHOD]
	run muxctl call -a "tcp:127.0.0.1:$PORT" "$@"
}

# What the server has seen of the last connection, HELLO's length left out.
seen() {	# LINE...
	await says peer '^\(eof\|cut\)$'
	[ "$(sed '1d; s/^8 0 128 .*/hello/' peer)" = \
	    "$(printf '%s\n' "$@")" ] || {
		cat peer
		return 1
	}
}

@test "call: HELLO is a Ping to it, and the same connection goes on" {
	peer
	ask -d hello up
	said 0 hello
	[ "$output" = hello ]
	seen open hello "0 1 0 5" eof
}

@test "call --legacy: plain from the first byte" {
	peer
	ask --legacy -d hello up
	said 0 hello
	seen open "0 1 0 5" eof
}

@test "call: the method is not sent, and -v says so, once" {
	peer
	for legacy in "" --legacy; do
		ask $legacy -v -d hello a.name
		said 0 "a.name: tcp:127.0.0.1:$PORT speaks the plain protocol:\
 the method is not sent"
		[ "$(grep -c "not sent" <<<"$output")" -eq 1 ]
	done
	ask -v --meta k=v a.name
	said 0 "the method and the metadata are not sent"
	not grep -q '^0 [0-9]* 0 [^05]' peer
}

@test "call: what such a server cannot be told is an error" {
	peer
	for legacy in "" --legacy; do
		ask $legacy up an-argument
		said 125 "no arguments"
		ask $legacy --list
		said 126 "no methods"
	done
	ask --require-hello up
	said 255 "HELLO"
	not grep -q '^0 ' peer
}

@test "call: an Error is 1, with code and text" {
	peer
	for legacy in "" --legacy; do
		ask $legacy -d "fail no such row" get
		said 1 "muxctl: call: get: handler failed: no such row"
		ask $legacy -d "code 500 Internal error" get
		said 1 "muxctl: call: get: error 500: Internal error"
		ask $legacy -d "code 2 stream" get
		said 1 "stream"
		ask $legacy -d $'fail \e[31m' get
		said 1 'handler failed: \033[31m'
	done
	ask --json -d "code 77 so" get
	[ "$(grep '^{' <<<"$output" | jq -r '[.kind, .code] | join(" ")')" = \
	    "error 1" ]
}

@test "call: bodies of nothing, and of 16 MiB, both ways" {
	peer
	head -c 16777216 /dev/urandom >big
	for legacy in "" --legacy; do
		ask $legacy up
		said 0 ""
		[ -z "$output" ]
		muxctl call -a "tcp:127.0.0.1:$PORT" $legacy -d @big \
		    -o back up
		cmp big back
	done
	muxctl call -a "tcp:127.0.0.1:$PORT" up - <big | cmp big -
	grep -q '^0 1 0 16777216$' peer
	printf x >>big
	ask -d @big up
	said 126 "too large"
	not grep -q '^0 1 0 16777217$' peer
}

@test "call --batch: many on one connection, answered in any order" {
	peer
	printf '%s\n' last second "fail third" "" >lines
	for legacy in "" --legacy; do
		ask $legacy --batch up <lines
		[ "$status" -eq 123 ]
		[ "$(grep -v muxctl: <<<"$output")" = "\
2	0	exit	second
1	0	exit	last
3	1	error	handler failed: third
4	0	exit	" ]
	done
	[ "$(grep -c '^open$' peer)" -eq 2 ]
	[ "$(grep -c '^0 4 0 0$' peer)" -eq 2 ]
	seq 3000 >lines
	muxctl call -a "tcp:127.0.0.1:$PORT" --batch -P 100 up \
	    <lines >out
	[ "$(cut -f 4 out)" = "$(cat lines)" ]
	muxctl call -a "tcp:127.0.0.1:$PORT" --batch up <lines |
	    awk '$1 != $4 || $2 != 0 { exit 1 }'
}

@test "call: time is up, Cancel is sent, nobody is waited for" {
	peer
	ask -d none -t 50ms up
	said 124 ""
	seen open hello "0 1 0 4" "10 1 0 0" eof
}

@test "call: a server that breaks a rule, or goes" {
	peer
	ask -d junk up
	said 255 "type"
	ask -d bye up
	said 255 "connection lost"
	ask --legacy -d bye up
	said 255 "connection lost"
}

# ---- serve, and clients of S0 ----

echoes() {
	serve --default-method mux.echo "$@"
}

@test "serve: 10000 requests on their way, of 0 to 16 MiB" {
	echoes
	s0 pipelined 10000
}

@test "serve: flags and payloads that nobody looks at, ids of all kinds" {
	echoes
	s0 flags
	s0 ids
	s0 cut
}

@test "serve: streams" {
	echoes
	s0 streams
	s0 many_streams
}

@test "serve: programs answer them, in the order in which they end" {
	mkfifo gate
	serve --default-method up --jobs 4 --queue 100 -m up='tr a-z A-Z'
	s0 batch 50
	end serve.pid
	serve --default-method hold -m hold="read -r w; case \$w in
		slow) read -r _ <'$PWD/gate' ;;
		go) echo >'$PWD/gate' ;;
		esac; echo \$w"
	s0 overtakes
}

@test "serve: a program that fails is Error 1, or 2 on a stream, with a text" {
	serve --default-method no -m no='echo this is why >&2; exit 7'
	run s0 fails 1
	said 0 "7"
	run s0 stream_fails 2
	said 0 "7"
	end serve.pid
	serve -m up=cat
	s0 fails 4
	s0 stream_fails 4
}

@test "serve: Cancel ends what runs, and its answer is Error 3" {
	serve --default-method wait -m wait="echo \$\$ >'$PWD/kid'
		read -r _ <'$PWD/never'"
	s0 cancels
	gone "$(cat kid)"
}

@test "serve: Cancel of a stream, FlowPause and FlowResume" {
	serve --default-method y -m y=yes
	s0 cancels_stream
	s0 pauses
}

@test "serve: a frame that is none ends its connection, and no other" {
	echoes -v
	s0 unknown_type
	await says serve.log 'bad frame.*frame 11'
	s0 too_long
	await says serve.log 'frame too large.*16777217'
	s0 type_first
}

# A server on both kinds of socket; TCP is the address of one.
both() {	# OPTION...
	serve -l tcp:127.0.0.1:0 --print-addr "$@" >addrs
	TCP=$(sed -n 's/^tcp://p' addrs)
}

# A client of that case that has ended its direction.
listens() {	# CASE ADDR
	spawn "$1" python3 "$S0" "$1" "$2"
	await says "$1" '^ended$'
}

@test "serve: who ends its direction and listens has its answer, then the end" {
	mkfifo gate
	both --default-method hold -m up=cat -m hold="read -r _ <'$PWD/gate'
		cat"
	for at in unix:up.sock "$TCP"; do
		listens half "$at"
		# The server has seen that end before this one.
		muxctl call -a unix:up.sock -d x up
		echo >gate
		exits 0 "$PID"
	done
	not says serve.log lost
}

@test "serve -l -: what came before the end of the input is answered" {
	head='\0\0\0\0\0\0\0\0\0'
	printf "\\1\\0\\0\\0\\1${head}x\\1\\0\\0\\0\\2${head}y" >asked
	# One after the other: the second waits while the end is read.
	muxctl serve -l - --default-method up --jobs 1 -m up='tr a-z A-Z' \
	    <asked >answers
	head='\0\0\0\0\0\0\0\1\0'
	printf "\\1\\0\\0\\0\\1${head}X\\1\\0\\0\\0\\2${head}Y" |
	    cmp - answers
}

@test "serve: who only listened and is killed takes its work along" {
	both --default-method wait -m wait="echo \$\$ >'$PWD/kid'
		read -r _ <'$PWD/never'"
	listens half unix:up.sock
	await test -s kid
	kill -KILL "$PID"
	gone "$(cat kid)"
	end serve.pid
	both --default-method y -m y="echo \$\$ >'$PWD/kid'; exec yes"
	for at in unix:up.sock "$TCP"; do
		rm -f kid
		listens half_stream "$at"
		await test -s kid
		kill -KILL "$PID"
		gone "$(cat kid)"
	done
}
