# muxctl tunnel: every option, how connections end, every exit status.

setup_file() {
	export BATS_TEST_TIMEOUT=30
}

setup() {
	load helper
	begin
}

teardown() {
	finish
}

# Server, target t of KIND, and a rule for its port.
up() {	# KIND OPTION...
	target "$1"
	serve -T t=tcp:127.0.0.1:"$PORT" \
	    --allow-target "tcp:127.0.0.1:$PORT" \
	    --allow-target "unix:$PWD/*.sock" "${@:2}"
}

answers() {	# ADDR
	[ "$(printf ping | talk "$1")" = "got 4 bytes" ]
}

# ---- -L ----

@test "-L: LISTEN=TARGET and the four forms of ssh" {
	up reply
	spawn unix.reply python3 "$NET" serve reply "$PWD/target.sock"
	await test -S target.sock
	for spec in 0=t 127.0.0.1:0=t "[::1]:0=t" tcp:127.0.0.1:0=t \
	    "0=127.0.0.1:$PORT" "0=tcp:127.0.0.1:$PORT" \
	    "0=unix:$PWD/target.sock" "0:127.0.0.1:$PORT" \
	    "127.0.0.1:0:127.0.0.1:$PORT" "0:$PWD/target.sock"; do
		tunnel -L "$spec"
		answers "$ADDR"
		end tunnel.pid
	done
	for spec in ./l.sock=t unix:l.sock=t "./l.sock:127.0.0.1:$PORT" \
	    "./l.sock:$PWD/target.sock"; do
		tunnel -L "$spec"
		[ "$(stat -c %a l.sock)" = 600 ]
		answers ./l.sock
		end tunnel.pid
		[ ! -e l.sock ]
	done
}

@test "-L several, of all kinds: --print-addr keeps their order" {
	up reply
	tunnel -L 0=t -L ./l.sock=t -L "[::1]:0=t"
	mapfile -t addr <<<"$ADDR"
	[ "${#addr[@]}" -eq 3 ]
	[[ ${addr[0]} == tcp:127.0.0.1:[1-9]* ]]
	[[ ${addr[1]} == unix:*l.sock ]]
	[[ ${addr[2]} == tcp:\[::1\]:[1-9]* ]]
	answers "${addr[0]}"
	answers ./l.sock
	answers "${addr[2]}"
}

@test "-L: words that are wrong are named" {
	for spec in nonsense 0 =t 0= 99999=t 0=bad:scheme:x \
	    0=unix:relative.sock "0=exec:true" "0:host" 1:2:3:4:5; do
		run muxctl tunnel -a unix:up.sock -L "$spec"
		said 125 "-L"
	done
	run muxctl tunnel -L 5432:db
	said 125 "expected PORT:HOST:PORT, or 5432=db if db is the name of"
	run muxctl tunnel -a unix:up.sock
	said 125 "expected -L SPEC or -W TARGET"
	run muxctl tunnel -L 0=t -W t
	said 125 "-W and -L"
	run muxctl tunnel -L 0=t word
	said 125 "word"
	run muxctl tunnel -L 0=t --wait 5s
	said 125 "'5s' (--wait takes its word behind '=': --wait=5s)"
	run muxctl tunnel --no-such-option
	said 125 "--no-such-option"
	run muxctl tunnel -a bogus:x -L 0=t
	said 125 "bogus:x"
	run muxctl tunnel -a tls:host:1 -L 0=t
	said 125 "tls:host:1"
}

@test "--exit-on-forward-failure: a port that is taken ends it" {
	up reply
	run muxctl tunnel -a unix:up.sock -L "$PORT=t" \
	    --exit-on-forward-failure
	said 1 "127.0.0.1:$PORT"
	run muxctl tunnel -a unix:up.sock -L "0=t" -L "$PORT=t" \
	    --background=tunnel.pid --print-addr=addrs
	said 1 "in use"
	[ ! -e addrs ]
	[ ! -e tunnel.pid ]
}

@test "a large transfer arrives whole, both ways at once" {
	up echo
	tunnel -L 0=t
	head -c 30000000 /dev/urandom >data
	talk "$ADDR" <data | cmp - data
}

# ---- how a connection ends ----

@test "half-close: the client first, the answer late" {
	up reply
	tunnel -L 0=t
	[ "$(head -c 1000000 /dev/zero | talk "$ADDR")" = \
	    "got 1000000 bytes" ]
}

@test "half-close: the target first, the rest still arrives" {
	up first
	tunnel -L 0=t
	[ "$(head -c 1000000 /dev/zero | talk "$ADDR")" = "hello" ]
	await says out.first "took 1000000"
}

@test "a reset by the target is a reset here, and said" {
	up reset
	tunnel -L 0=t
	run bash -c 'echo x | python3 "$0" talk "$1"' "$NET" "$ADDR"
	[ "$status" -eq 7 ]
	await says tunnel.log "reset by the peer (endpoint reset"
	await says serve.log "reset (endpoint reset"
}

@test "a reset by the client is a reset at the target" {
	up source
	tunnel -L 0=t
	spawn client python3 "$NET" talk "$ADDR"
	await test -s client
	kill -KILL "$PID"
	await says out.source stopped
}

@test "a refused target resets the local connection, the log says why" {
	up reply
	tunnel -L 0=tcp:127.0.0.1:1 -L 0=nope -L "0=tcp:127.0.0.1:$PORT"
	mapfile -t addr <<<"$ADDR"
	run talk "${addr[0]}"
	[ "$status" -eq 7 ] && [ "$output" = "" ]
	run talk "${addr[1]}"
	[ "$status" -eq 7 ] && [ "$output" = "" ]
	answers "${addr[2]}"
	await says tunnel.log "-> tcp:127.0.0.1:1: .* refused by the peer (not"
	await says tunnel.log "-> nope: .* refused by the peer (not permitted"
	await says serve.log "tcp:127.0.0.1:1; rule: no rule allows it"
	await says serve.log "no target of this name"
}

@test "a peer is told why a target failed, not where it is" {
	serve -T t=tcp:127.0.0.1:1 -T n=tcp:no-such-host.invalid:1 \
	    -T x=exec:./no-such-program
	run muxctl tunnel -a unix:up.sock -W t </dev/null
	said 1 "connect failed: Connection refused"
	[[ $output != *127.0.0.1* ]]
	run muxctl tunnel -a unix:up.sock -W n </dev/null
	said 1 "connect failed: its address was not found"
	[[ $output != *invalid* ]]
	run muxctl tunnel -a unix:up.sock -W x </dev/null
	said 1 "target x: refused: start failed: No such file or directory"
	[[ $output != *no-such-program* ]]
	await says serve.log "-> x: .*refused (start ./no-such-program: No such"
	await says serve.log "-> t: .*connect tcp:127.0.0.1:1: Connection ref"
	says serve.log "-> n: .*connect tcp:no-such-host.invalid:1"
	says serve.log "-> x: .*no-such-program"
}

@test "--keepalive: a server that is frozen is noticed" {
	serve -T t=exec:cat
	spawn tun muxctl tunnel -a unix:up.sock -L 0=t --keepalive 500ms \
	    --print-addr=addr
	await test -s addr
	kill -STOP "$(cat serve.pid)"
	exits 255 "$PID"
	says tun "keepalive: the peer is silent"
}

@test "a target that nobody listens on: refused, with the errno" {
	up reply
	kill "$PID"
	gone "$PID"
	tunnel -L 0=t
	run talk "$ADDR"
	[ "$status" -eq 7 ]
	await says tunnel.log "refused by the peer (connect failed: .*refused"
}

@test "killed: a client of tunnel and a target of serve see a reset" {
	up steps
	tunnel -L 0=t
	mkfifo in
	spawn client sh -c 'exec python3 "$0" talk "$1" <in' "$NET" "$ADDR"
	exec 8>in
	echo one >&8
	await says client ok
	kill -KILL "$(cat tunnel.pid)"
	exits 7 "$PID"
	await says out.steps "Connection reset"
	exec 8>&-
	target mute "127.0.0.1:0"
	muxctl serve -l unix:two.sock -T t=tcp:127.0.0.1:"$PORT" \
	    --background=two.pid --log two.log
	spawn client muxctl tunnel -a unix:two.sock -W t -v
	await says client "opened"
	await eval 'kill -USR1 "$(cat two.pid)"
	    grep -q "\"accepted\":true" two.log'
	kill -KILL "$(cat two.pid)"
	await says out.mute "Connection reset"
}

@test "the carrier lost: local connections are reset, status 255" {
	up hold
	spawn tun muxctl tunnel -a unix:up.sock -L 0=t --print-addr=addr
	tun=$PID
	await test -s addr
	spawn client python3 "$NET" talk "$(cat addr)"
	await says out.hold accepted
	kill -KILL "$(cat serve.pid)"
	exits 7 "$PID"
	exits 255 "$tun"
	says tun "connection lost: .*up.sock"
	says tun "carrier-lost"
}

@test "the server drains: what runs is finished, then status 255" {
	up steps
	spawn tun muxctl tunnel -a unix:up.sock -L 0=t --print-addr=addr -v
	tun=$PID
	await test -s addr
	mkfifo in
	talk "$(cat addr)" <in >got 3>&- &
	client=$!
	exec 8>in
	echo one >&8
	await says got ok
	kill "$(cat serve.pid)"
	await says tun "takes no new streams"
	echo end >&8
	exec 8>&-
	wait "$client"
	[ "$(grep -c ok got)" -eq 2 ]
	exits 255 "$tun"
	says tun "connection lost: .* ended it" || { cat tun; false; }
}

# ---- -W ----

@test "-W: standard input and output, status 0" {
	up reply
	[ "$(printf ping | muxctl tunnel -a unix:up.sock -W t 2>err)" = \
	    "got 4 bytes" ]
	[ ! -s err ]
	for word in "tcp:127.0.0.1:$PORT" "127.0.0.1:$PORT" \
	    "[127.0.0.1]:$PORT"; do
		run muxctl tunnel -a unix:up.sock -W "$word" </dev/null
		said 0 "got 0 bytes"
	done
	head -c 10000000 /dev/urandom >data
	[ "$(muxctl tunnel -a unix:up.sock -W t <data)" = \
	    "got 10000000 bytes" ]
}

@test "-W [name]:port is a host by name, also with localhost" {
	target reply
	serve --allow-target "tcp:localhost:$PORT"
	run muxctl tunnel -a unix:up.sock -W "[localhost]:$PORT" </dev/null
	said 0 "got 0 bytes"
	run muxctl tunnel -a unix:up.sock -W "[::1]:$PORT" </dev/null
	said 126 "tcp:[::1]:$PORT"
}

@test "-W: 1 for a target that refuses or resets, 126 for one not allowed" {
	up reset
	run muxctl tunnel -a unix:up.sock -W t <<<x
	said 1 "target t: reset"
	run muxctl tunnel -a unix:up.sock -W nope </dev/null
	said 126 "target nope: refused: not permitted"
	kill "$PID"
	gone "$PID"
	run muxctl tunnel -a unix:up.sock -W t </dev/null
	said 1 "connect failed"
}

@test "-W: 255 when the carrier is lost" {
	up hold
	spawn tun muxctl tunnel -a unix:up.sock -W t
	await says out.hold accepted
	kill -KILL "$(cat serve.pid)"
	exits 255 "$PID"
	says tun "connection lost"
}

@test "-W: 141 without a word when nobody reads" {
	up source
	run bash -c '"$0" tunnel -a unix:up.sock -W t 2>err <&8 8<&- |
	    head -c 10 >/dev/null; echo "${PIPESTATUS[0]}"' "$MUXCTL" \
	    8<&"$NEVER"
	[ "$output" = 141 ]
	[ ! -s err ]
	await says out.source stopped
}

@test "-W: regular files, and a target that ends first" {
	up first
	head -c 300000 /dev/zero >in
	muxctl tunnel -a unix:up.sock -W t <in >out
	[ "$(cat out)" = hello ]
	await says out.first "took 300000"
}

@test "-W: not with what closes or uses standard output" {
	run muxctl tunnel -W t --background
	said 125 "--background"
	run muxctl tunnel -W t --print-addr
	said 125 "--print-addr"
	run muxctl tunnel -a unix:up.sock -W ""
	said 125 "-W: expected a target"
	run muxctl tunnel -a unix:up.sock -W unix:relative
	said 125 "-W: unix:relative: a target needs"
}

# ---- the connection ----

@test "no server: 255 with the reason and what to try" {
	run muxctl tunnel -a unix:up.sock -L 0=t
	said 255 "connect unix:up.sock: No such file or directory"
	[[ $output == *"(is the server running? try --wait=5s)"* ]]
	run muxctl tunnel -a tcp:127.0.0.1:1 -L 0=t
	said 255 "connect tcp:127.0.0.1:1: Connection refused (is the"
	run muxctl tunnel -L 0=t
	said 255 "run/muxctl/default.sock"
	[[ $output == *"(is the server running? try --wait=5s, or -a ADDR"* ]]
	echo precious >file
	run muxctl tunnel -a unix:file -L 0=t
	said 255 "connect unix:file: not a socket"
	run muxctl tunnel -a exec:./no-such-program -L 0=t
	said 255 "no-such-program"
}

@test "--wait: until somebody listens there" {
	target reply
	spawn tun muxctl tunnel -a unix:up.sock --wait -L 0=t \
	    --print-addr=addr
	serve -T t=tcp:127.0.0.1:"$PORT"
	await test -s addr
	answers "$(cat addr)"
	run muxctl tunnel -a unix:nobody.sock --wait=50ms -L 0=t
	said 255 "no longer waiting"
	run muxctl tunnel -a unix:nobody.sock --wait=soon -L 0=t
	said 125 "soon"
	run muxctl tunnel -a 'tcp:no-such-host.invalid:1?insecure=1' \
	    --wait=1h -L 0=t
	said 255 "no-such-host.invalid"
}

@test "--connect-timeout: for the connection and for HELLO" {
	target full
	run muxctl tunnel -a tcp:127.0.0.1:"$PORT" -L 0=t \
	    --connect-timeout 100ms
	said 255 "imed out"
	target mute
	run muxctl tunnel -a tcp:127.0.0.1:"$PORT" -L 0=t \
	    --connect-timeout 100ms
	said 255 "no HELLO"
}

@test "a peer with the plain protocol: 255, and says so" {
	target legacy
	run muxctl tunnel -a tcp:127.0.0.1:"$PORT" -L 0=t
	said 255 "plain protocol"
}

@test "a peer that speaks something else: 255, printable" {
	target garbage
	run muxctl tunnel -a tcp:127.0.0.1:"$PORT" -L 0=t
	said 255 "127.0.0.1:$PORT"
	not grep -q '[^ -~]' <<<"$output"
	target greet
	run muxctl tunnel -a tcp:127.0.0.1:"$PORT" -L 0=t
	said 255 "127.0.0.1:$PORT"
}

@test "-a, MUXCTL_ADDR and the configuration file, in this order" {
	up reply
	mkdir -p config/muxctl
	echo "[tunnel]
	addr = unix:from-file.sock" >config/muxctl/config
	chmod 600 config/muxctl/config
	run muxctl tunnel -W t </dev/null
	said 255 "from-file.sock"
	MUXCTL_ADDR=unix:from-env.sock run muxctl tunnel -W t </dev/null
	said 255 "from-env.sock"
	MUXCTL_ADDR=unix:from-env.sock run muxctl tunnel -a unix:up.sock \
	    -W t </dev/null
	said 0 "got 0 bytes"
}

# ---- beginning ----

@test "--ready-fd: not before HELLO; then once" {
	target mute
	exec 7< <(exec "$MUXCTL" tunnel -a tcp:127.0.0.1:"$PORT" -L 0=t \
	    --ready-fd 8 --connect-timeout 100ms 8>&1 >/dev/null 2>&1 3>&-)
	run timeout 10 od -An -c <&7
	[ "$output" = "" ]
	up reply
	exec 7< <(exec "$MUXCTL" tunnel -a unix:up.sock -L ./l.sock=t \
	    --ready-fd 8 8>&1 >/dev/null 2>&1 3>&-)
	PIDS+=($!)
	run timeout 10 od -An -c <&7
	[ "${output//[[:blank:]]/}" = '\n' ]
	answers ./l.sock
}

@test "--background: with the status of a start that failed" {
	run muxctl tunnel -a unix:nobody.sock -L 0=t --background=tunnel.pid
	said 255 "nobody.sock"
	up reply
	tunnel -L 0=t
	kill -0 "$(cat tunnel.pid)"
	answers "$ADDR"
	end tunnel.pid
	[ ! -e tunnel.pid ]
}

@test "--die-with: ends with that process" {
	up reply
	spawn other cat
	tunnel -L 0=t --die-with "$PID"
	pid=$(cat tunnel.pid)
	kill "$PID"
	gone "$pid"
}

@test "descriptors that nobody named are closed" {
	up reply
	tunnel -L 0=t 9>nine
	run ls -l "/proc/$(cat tunnel.pid)/fd"
	[[ $output != *nine* ]]
}

# ---- ending ----

@test "SIGTERM and SIGINT drain: status 0, streams are finished" {
	up steps
	for sig in TERM INT; do
		spawn "tun.$sig" muxctl tunnel -a unix:up.sock -L ./l.sock=t
		tun=$PID
		await test -S l.sock
		mkfifo "in.$sig"
		talk ./l.sock <"in.$sig" >"got.$sig" 3>&- &
		client=$!
		exec 8>"in.$sig"
		echo one >&8
		await says "got.$sig" ok
		kill -"$sig" "$tun"
		await test ! -e l.sock
		echo end >&8
		exec 8>&-
		wait "$client"
		wait "$tun"
		[ "$(grep -c ok "got.$sig")" -eq 2 ]
	done
}

@test "--grace bounds the drain; a second signal aborts: status 1" {
	up hold
	tunnel -L 0=t --grace 100ms
	spawn client python3 "$NET" talk "$ADDR"
	await says out.hold accepted
	end tunnel.pid
	exits 7 "$PID"
	spawn tun muxctl tunnel -a unix:up.sock -L ./l.sock=t --grace 0
	tun=$PID
	await test -S l.sock
	spawn client python3 "$NET" talk ./l.sock
	await eval '[ "$(grep -c accepted out.hold)" -eq 2 ]'
	kill "$tun"
	await test ! -e l.sock
	kill "$tun"
	exits 1 "$tun"
	says tun "aborted: SIGTERM"
}

@test "SIGTERM before it is ready is no success" {
	spawn tun muxctl tunnel -a unix:nobody.sock --wait=1h -L 0=t -v
	await says tun "trying again"
	kill "$PID"
	exits 1 "$PID"
	says tun "before it was ready"
}

@test "-t: the whole takes no longer: 124; 0 is no limit" {
	up hold
	run muxctl tunnel -a unix:up.sock -L 0=t -t 100ms
	said 124 "unix:up.sock: no end within the 0.1 s of -t (-t 0: no limit)"
	target mute
	run muxctl tunnel -a tcp:127.0.0.1:"$PORT" -L 0=t -t 100ms
	said 124 "tcp:127.0.0.1:$PORT: not ready within the 0.1 s"
	MUXCTL_TIMEOUT=100ms run muxctl tunnel -a unix:up.sock -W t <&"$NEVER"
	said 124 "no end within the 0.1 s of MUXCTL_TIMEOUT (-t 0"
	MUXCTL_TIMEOUT=100ms run muxctl tunnel -a unix:up.sock -W nope -t 0 \
	    </dev/null
	said 126 ""
}

@test "--idle-exit: ends when no local connection is left for so long" {
	up echo
	spawn tun muxctl tunnel -a unix:up.sock -L ./l.sock=t --idle-exit 1s
	tun=$PID
	await test -S l.sock
	mkfifo in
	talk ./l.sock <in >got 3>&- &
	client=$!
	exec 8>in
	echo here >&8
	await says got here
	# Another one that begins now and ends by itself measures the time.
	run muxctl tunnel -a unix:up.sock -L 0=t --idle-exit 1s
	said 0 ""
	not ended "$tun"
	exec 8>&-
	exits 0 "$client"
	exits 0 "$tun"
}

# ---- limits ----

@test "--max-streams: the next ones wait, and it is said once" {
	up steps
	tunnel -L 0=t --max-streams 1
	mkfifo in
	talk "$ADDR" <in >first 3>&- &
	client=$!
	exec 8>in
	echo one >&8
	await says first ok
	await says tunnel.log "limit of streams reached (1)"
	echo end | talk "$ADDR" >second 3>&- 8>&- &
	waiting=$!
	echo end >&8
	exec 8>&-
	wait "$client"
	wait "$waiting"
	says second ok
	[ "$(grep -c "limit of streams" tunnel.log)" -eq 1 ]
}

@test "--max-streams and --memory must fit together" {
	run muxctl tunnel -L 0=t --max-streams 100000
	said 125 "--memory"
	run muxctl tunnel -L 0=t --memory 100K
	said 125 "--memory"
	run muxctl tunnel -L 0=t --max-streams many
	said 125 "many"
	up reply
	tunnel -L 0=t --max-streams 10000 --memory 128M
	answers "$ADDR"
}

# ---- what it says ----

@test "the log line of a connection; -q leaves it out, -W is silent" {
	up reply
	tunnel -L 0=t
	answers "$ADDR"
	end tunnel.pid
	says tunnel.log "tcp:127.0.0.1:[0-9]* -> t: 4 bytes there, 12 back"
	says tunnel.log ", fin$"
	rm tunnel.log
	tunnel -L 0=t -q
	answers "$ADDR"
	end tunnel.pid
	[ ! -s tunnel.log ]
}

@test "-v: events; -vv: one harmless line per frame" {
	up echo
	printf 'a\033[31m\\\n' | muxctl tunnel -a unix:up.sock -W t -v \
	    2>err >got
	says err "connected to unix:up.sock"
	says err "HELLO done"
	not says err "> data"
	printf 'a\033[31m\\\n' | muxctl tunnel -a unix:up.sock -W t -vv \
	    2>err >got
	cmp got <(printf 'a\033[31m\\\n')
	not grep -q '[^ -~]' err
	says err '> ping id 0 len [0-9]* ext'
	says err '< pong id 0 len [0-9]* ext'
	says err '> start id 1 '
	says err '< ok id 1 '
	# Where reads are cut short on purpose there are more frames.
	[ -z "${SHORTIO_SEED:-}" ] || return 0
	grep -F '> data id 1 len 8' err | grep -F 'a\033[31m\\\n'
	grep -F '< data id 1 len 8' err | grep -F 'a\033[31m\\\n'
}

@test "--log-format json, --log FILE; SIGHUP opens it anew" {
	up reply
	tunnel -L 0=t --log-format json
	answers "$ADDR"
	await says tunnel.log stream
	jq -e 'select(.event == "stream") | .target == "t" and .there == 4 and
	    .back == 12 and .by == "both" and .how == "fin"' tunnel.log
	mv tunnel.log old.log
	kill -HUP "$(cat tunnel.pid)"
	await test -e tunnel.log
	answers "$ADDR"
}

@test "SIGUSR1: connection and streams as NDJSON on stderr" {
	up hold
	spawn tun muxctl tunnel -a unix:up.sock -L ./l.sock=t
	tun=$PID
	await test -S l.sock
	spawn client python3 "$NET" talk ./l.sock
	await says out.hold accepted
	kill -USR1 "$tun"
	await says tun '"kind":"stream"'
	grep '^{' tun | jq -e -s '
	    (.[0] | .kind == "connection" and .mode == "extended" and
	    .streams == 1 and .from == "unix:up.sock") and
	    (.[1] | .kind == "stream" and .target == "t" and .id == 1 and
	    .accepted and has("blocked") and has("credit_out"))'
}

@test "what a target had written before it reset arrives, to slow readers too" {
	serve -T head='exec:head -c 3000000'
	for i in 1 2 3; do
		head -c 30000000 /dev/zero |
		    "$MUXCTL" tunnel -q -a unix:up.sock -W head 2>err |
		    dd bs=512 2>/dev/null | wc -c >count || :
		[ "$(cat count)" -eq 3000000 ]
	done
}
