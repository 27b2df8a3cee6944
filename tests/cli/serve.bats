# muxctl serve: every option, every way to begin and to end.

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

# One round through a tunnel of its own: is the server there and working?
works() {	# ADDR TARGET
	[ "$(printf ping | muxctl tunnel -a "$1" -W "$2")" = "got 4 bytes" ]
}

as_nobody() {	# VERB OPTION...
	cp "$MUXCTL" "$open/muxctl"
	setpriv --reuid nobody --clear-groups "$open/muxctl" "$@" \
	    --config none </dev/null
	local r=$?
	rm "$open/muxctl"
	return "$r"
}

# ---- where ----

@test "-l: a unix socket is 0600 from birth and goes away at the end" {
	target reply
	serve -T t=tcp:127.0.0.1:"$PORT"
	[ "$(stat -c %a up.sock)" = 600 ]
	works unix:up.sock t
	end serve.pid
	[ ! -e up.sock ]
}

@test "-l several: --print-addr says each in order, with real ports" {
	target reply
	muxctl serve -l tcp:127.0.0.1:0 -l unix:b.sock -l 0 \
	    -T t=tcp:127.0.0.1:"$PORT" --background=serve.pid --print-addr \
	    --log serve.log >addrs
	mapfile -t addr <addrs
	[ "${#addr[@]}" -eq 3 ]
	[[ ${addr[0]} =~ ^tcp:127\.0\.0\.1:[1-9][0-9]*$ ]]
	[[ ${addr[1]} == unix:*b.sock ]]
	[[ ${addr[2]} =~ ^tcp:127\.0\.0\.1:[1-9][0-9]*$ ]]
	works "${addr[0]}" t
	works "${addr[1]}" t
	works "${addr[2]}" t
}

@test "--print-addr=FILE is written whole, --print-addr=fd:N too" {
	serve --print-addr=addrs
	[ "$(cat addrs)" = "$(muxctl addr unix:up.sock)" ] ||
	    [[ $(cat addrs) == unix:*up.sock ]]
	end serve.pid
	serve --print-addr=fd:7 7>addrs7
	[[ $(cat addrs7) == unix:*up.sock ]]
	run ls
	[[ $output != *tmp* ]]
	end serve.pid
	# What is no file stays what it is, /dev/null above all.
	mkfifo addrs8
	exec 8<>addrs8
	serve --print-addr=addrs8
	read -r -t 10 reply <&8
	[[ $reply == unix:*up.sock ]]
	[ -p addrs8 ]
	exec 8<&-
	end serve.pid
	# What is wrong is said, whoever was the first to notice.
	run bash -c '"$0" serve -l unix:up.sock -m a=cat --print-addr \
	    >/dev/full' "$MUXCTL"
	[ "$status" -eq 125 ]
	[ "$output" = "muxctl: serve: write to stdout: No space left on\
 device" ]
	run muxctl serve -l unix:up.sock -m a=cat --print-addr=fd:7 7>/dev/full
	said 125 "No space left on device"
}

@test "without -l: the default socket below XDG_RUNTIME_DIR" {
	target reply
	muxctl serve -T t=tcp:127.0.0.1:"$PORT" --background=serve.pid \
	    --log serve.log
	[ -S run/muxctl/default.sock ]
	[ "$(stat -c %a run/muxctl)" = 700 ]
	[ "$(printf ping | muxctl tunnel -W t)" = "got 4 bytes" ]
}

@test "without -l and XDG_RUNTIME_DIR: a closed directory of the user's" {
	unset XDG_RUNTIME_DIR
	export TMPDIR=$BATS_TEST_TMPDIR
	muxctl serve --background=serve.pid --log serve.log
	[ -S "muxctl-$(id -u)/default.sock" ]
	end serve.pid
	chmod 755 "muxctl-$(id -u)"
	run muxctl serve
	said 125 "mode 0700"
	run muxctl tunnel -W x
	said 125 "mode 0700"
}

@test "-l -: standard input and output, ends with them" {
	target reply
	[ "$(printf ping | muxctl tunnel -W t -a \
	    "exec:$MUXCTL serve -l - -T t=tcp:127.0.0.1:$PORT" 2>err)" = \
	    "got 4 bytes" ]
	run muxctl serve -l - </dev/null
	said 255 "no HELLO"
}

@test "-l -: what is no HELLO is status 255" {
	run bash -c 'printf "GET / HTTP/1.0\r\n\r\n" | "$0" serve -l -' \
	    "$MUXCTL"
	said 255 ""
	[ "${output//[^a-zA-Z]/}" != "" ]
}

@test "-l -: not with what needs standard output" {
	run muxctl serve -l - --background
	said 125 "--background"
	run muxctl serve -l - --print-addr
	said 125 "--print-addr"
	run muxctl serve -l - -- true
	said 125 "command"
}

@test "-l systemd: takes the sockets it was given" {
	target reply
	spawn fds python3 "$NET" listen-fds 2 "$MUXCTL" serve -l systemd: \
	    -T t=tcp:127.0.0.1:"$PORT" --ready-fd 9 9>ready
	await test -s ready
	mapfile -t port <fds
	works tcp:127.0.0.1:"${port[0]}" t
	works tcp:127.0.0.1:"${port[1]}" t
}

@test "-l fd:N: a listening socket that was inherited" {
	target reply
	spawn fds python3 "$NET" listen-fds 1 "$MUXCTL" serve -l fd:3 \
	    -T t=tcp:127.0.0.1:"$PORT" --ready-fd 9 9>ready
	await test -s ready
	works tcp:127.0.0.1:"$(head -n 1 fds)" t
	run muxctl serve -l fd:77
	said 125 "fd:77"
}

@test "-l: a second server on a live socket fails, a stale one is replaced" {
	serve
	run muxctl serve -l unix:up.sock
	said 1 "up.sock"
	kill -KILL "$(cat serve.pid)"
	gone "$(cat serve.pid)"
	[ -S up.sock ]
	target reply
	muxctl serve -l unix:up.sock --background=second.pid \
	    --log second.log -T t=tcp:127.0.0.1:"$PORT"
	works unix:up.sock t
	end second.pid
}

@test "-l: a file in the way is left alone" {
	echo precious >up.sock
	run muxctl serve -l unix:up.sock
	said 125 "up.sock"
	[ "$(cat up.sock)" = precious ]
}

@test "-l: addresses that are none" {
	run muxctl serve -l nonsense:x
	said 125 "nonsense:x"
	run muxctl serve -l tcp:127.0.0.1:99999
	said 125 "99999"
	run muxctl serve -l ssh:host
	said 125 "ssh:host"
	run muxctl serve -l unix:a.sock?colour=red
	said 125 "colour"
	run muxctl serve -l tcp:192.0.2.1:4000
	said 125 "insecure"
	run muxctl serve -l unix:no/such/place/sock
	said 125 "no/such/place"
}

@test "a TCP listener with targets warns, a unix one does not" {
	serve -T t=tcp:127.0.0.1:9
	[ ! -s serve.log ]
	muxctl serve -l 0 -T t=tcp:127.0.0.1:9 --background=two.pid \
	    --log two.log
	says two.log "every user who can connect"
}

# ---- who ----

@test "--allow-uid: own uid and root, or who is listed" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	target reply
	open=$(mktemp -d)
	chmod 755 "$open"
	muxctl serve -l "unix:$open/sock?mode=0666" --background=serve.pid \
	    --log serve.log -T t=tcp:127.0.0.1:"$PORT"
	works "unix:$open/sock" t
	run as_nobody tunnel -a "unix:$open/sock" -W t
	said 255 ""
	says serve.log "refused a connection of uid $(id -u nobody)"
	end serve.pid
	muxctl serve -l "unix:$open/sock?mode=0666" --background=serve.pid \
	    --log serve.log -T t=tcp:127.0.0.1:"$PORT" --allow-uid nobody,0
	run as_nobody tunnel -a "unix:$open/sock" -W t
	said 0 "got 0 bytes"
	end serve.pid
	rmdir "$open"
}

@test "--allow-uid: root may be left out" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	serve --allow-uid nobody
	run muxctl tunnel -a unix:up.sock -W t
	said 255 ""
	says serve.log "refused a connection of uid 0"
}

@test "--allow-uid: names and numbers only" {
	run muxctl serve --allow-uid root,no-such-user
	said 125 "no-such-user"
	run muxctl serve --allow-uid ""
	said 125 "--allow-uid"
}

@test "a flood of silent connections keeps nobody out" {
	target reply
	serve -T t=tcp:127.0.0.1:"$PORT"
	spawn flood python3 "$NET" silent unix:up.sock 300
	await says flood open
	works unix:up.sock t
	says serve.log "dropped the oldest"
	[ "$(grep -c "dropped the oldest" serve.log)" -eq 1 ]
}

@test "HTTP, garbage and nothing are refused; the server lives on" {
	target reply
	muxctl serve -l 0 -T t=tcp:127.0.0.1:"$PORT" --background=serve.pid \
	    --log serve.log --print-addr >addr
	read -r addr <addr
	run curl -s -m 10 "http://${addr#tcp:}/"
	[ "$status" -ne 0 ]
	head -c 5000 /dev/urandom | talk "$addr" || :
	talk "$addr" </dev/null
	works "$addr" t
	says serve.log "no HELLO"
	not grep -q '[^ -~]' serve.log
}

# ---- beginning ----

@test "--ready-fd: the reader sees a newline and the end" {
	exec 7< <(exec "$MUXCTL" serve -l unix:up.sock --ready-fd 8 \
	    8>&1 >/dev/null 2>&1 3>&-)
	PIDS+=($!)
	run timeout 10 cat <&7
	[ "$status" -eq 0 ]
	[ -S up.sock ]
	run muxctl serve --ready-fd 200
	said 125 "--ready-fd"
}

@test "sd_notify: READY=1 when ready, STOPPING=1 when it drains" {
	spawn note python3 "$NET" notify "$PWD/note.sock" "$MUXCTL" serve \
	    -q -l unix:up.sock --die-with $$
	await says note READY=1
	[ -S up.sock ]
	kill "$(head -n 1 note)"
	await says note STOPPING=1
	wait "$PID"
}

@test "--background: returns when ready, with the pid in the file" {
	serve
	[ -S up.sock ]
	kill -0 "$(cat serve.pid)"
	end serve.pid
	[ ! -e serve.pid ]
}

@test "--background: a failed start is told by the status" {
	serve
	run muxctl serve -l unix:up.sock --background=second.pid
	said 1 "up.sock"
	run muxctl serve -l unix:other.sock --background=serve.pid
	said 125 "serve.pid"
}

@test "--background leaves no descriptor behind" {
	out=$(muxctl serve -q -l unix:up.sock --background=serve.pid \
	    2>&1 9>nine)
	[ "$out" = "" ]
	run ls -l "/proc/$(cat serve.pid)/fd"
	[[ $output != *nine* ]]
	for fd in 0 1 2; do
		[ "$(readlink "/proc/$(cat serve.pid)/fd/$fd")" = /dev/null ]
	done
}

@test "inherited descriptors that nobody named are closed" {
	spawn log muxctl serve -l unix:up.sock 9>nine
	await test -S up.sock
	run ls -l "/proc/$PID/fd"
	[[ $output != *nine* ]]
}

@test "the limit of descriptors is raised for serve, not for the command" {
	(ulimit -S -n 100 && serve)
	[ "$(awk '/open files/ { print $4 }' \
	    "/proc/$(cat serve.pid)/limits")" -gt 100 ]
	run bash -c 'ulimit -S -n 100; "$0" serve -- sh -c "ulimit -n"' \
	    "$MUXCTL"
	said 0 100
}

@test "configuration file: targets, sections, mistakes with their line" {
	target reply
	mkdir -p config/muxctl
	printf '[serve]\ntarget t=tcp:127.0.0.1:%s\n' "$PORT" \
	    >config/muxctl/config
	chmod 600 config/muxctl/config
	serve
	works unix:up.sock t
	end serve.pid
	serve --config none
	run muxctl tunnel -a unix:up.sock -W t </dev/null
	said 126 "not permitted"
	printf '[serve]\ntarget oops\n' >bad
	run muxctl serve --config bad
	said 125 "bad:2"
	run muxctl serve --config missing
	said 125 "missing"
}

# ---- ending ----

@test "SIGTERM and SIGINT drain: status 0, a stream in flight is finished" {
	target steps
	for sig in TERM INT; do
		spawn server muxctl serve -l unix:up.sock \
		    -T t=tcp:127.0.0.1:"$PORT"
		server=$PID
		mkfifo "in.$sig"
		muxctl tunnel --wait -a unix:up.sock -W t \
		    <"in.$sig" >"got.$sig" 3>&- &
		client=$!
		exec 8>"in.$sig"
		echo one >&8
		await says "got.$sig" ok
		kill -"$sig" "$server"
		await test ! -e up.sock
		echo end >&8
		exec 8>&-
		wait "$client"
		[ "$(grep -c ok "got.$sig")" -eq 2 ]
		wait "$server"
	done
}

@test "--grace bounds the drain; what is left is reset" {
	target hold
	serve -T t=tcp:127.0.0.1:"$PORT" --grace 100ms
	spawn client muxctl tunnel -a unix:up.sock -W t
	await says out.hold accepted
	end serve.pid
	exits 1 "$PID"
	says client "unavailable"
}

@test "a second signal aborts: status 1" {
	target hold
	spawn server muxctl serve -l unix:up.sock -T t=tcp:127.0.0.1:"$PORT" \
	    --grace 0
	server=$PID
	await test -S up.sock
	spawn client muxctl tunnel -a unix:up.sock -W t
	await says out.hold accepted
	kill "$server"
	await test ! -e up.sock
	kill "$server"
	exits 1 "$server"
	says server "aborted"
}

@test "--die-with: ends with that process" {
	spawn other cat
	other=$PID
	serve --die-with "$other"
	pid=$(cat serve.pid)
	kill "$other"
	gone "$pid"
	[ ! -e up.sock ]
	run muxctl serve --die-with 99999999
	said 125 "--die-with"
}

@test "--die-with-parent: ends with the parent; not with --background" {
	spawn parent bash -c '"$0" serve -l unix:up.sock --die-with-parent &
	    echo $! >child; read -r _' "$MUXCTL"
	parent=$PID
	await test -S up.sock
	kill -KILL "$parent"
	gone "$(cat child)"
	run muxctl serve --die-with-parent --background
	said 125 "--die-with"
}

@test "--once: ends after one connection; a poller does not count" {
	target reply
	spawn server muxctl serve -l unix:up.sock --once \
	    -T t=tcp:127.0.0.1:"$PORT"
	server=$PID
	await test -S up.sock
	talk ./up.sock </dev/null
	talk ./up.sock </dev/null
	works unix:up.sock t
	wait "$server"
	[ ! -e up.sock ]
}

@test "--max-conns N: ends after N" {
	target reply
	spawn server muxctl serve -l unix:up.sock --max-conns 2 \
	    -T t=tcp:127.0.0.1:"$PORT"
	server=$PID
	await test -S up.sock
	works unix:up.sock t
	works unix:up.sock t
	wait "$server"
	run muxctl serve --once --max-conns 2
	said 125 "--max-conns"
}

@test "--idle-exit: ends when nobody is there for so long" {
	target hold
	# It waits for the server, who would not wait long for it.
	spawn client muxctl tunnel --wait -a unix:up.sock -W t
	serve --idle-exit 1s -T t=tcp:127.0.0.1:"$PORT"
	await says out.hold accepted
	pid=$(cat serve.pid)
	# Another one that begins now and ends by itself measures the time.
	run muxctl serve -l unix:other.sock --idle-exit 1s
	said 0 ""
	not ended "$pid"
	kill -KILL "$PID"
	gone "$pid"
}

# ---- the command ----

@test "-- CMD: runs with MUXCTL_ADDR, ends with its status" {
	target reply
	run muxctl serve -q -T t=tcp:127.0.0.1:"$PORT" -- \
	    sh -c 'echo "$MUXCTL_ADDR"; printf ping | "$0" tunnel -W t
	    exit 7' "$MUXCTL"
	said 7 "got 4 bytes"
	[[ ${lines[0]} == unix:/* ]]
	dir=${lines[0]#unix:}
	[ ! -e "${dir%/*}" ]
}

@test "-- CMD: with -l that is the address; a signal is 128 + n" {
	run muxctl serve -l unix:up.sock -- \
	    sh -c 'test -S up.sock && kill -9 $$'
	[ "$status" -eq 137 ]
	[ ! -e up.sock ]
	mkdir 'a=b'
	target reply
	for listen in 'unix:a%3Db/up.sock' "tcp:127.0.0.1:0"; do
		run muxctl serve -q -l "$listen" -T t=tcp:127.0.0.1:"$PORT" -- \
		    sh -c 'cd / && printf ping | "$0" tunnel -W t' "$MUXCTL"
		said 0 "got 4 bytes"
	done
}

@test "-- CMD: that cannot be run is 126; none at all is 125" {
	run muxctl serve -- ./no-such-command
	said 126 "no-such-command"
	run muxctl serve --
	said 125 "command"
	run muxctl serve word
	said 125 "'word' (a command to run stands behind --)"
	run muxctl serve --background -- true
	said 125 "--background"
}

@test "-- CMD: SIGTERM reaches it, and its status is ours" {
	spawn server muxctl serve -l unix:up.sock -- sh -c \
	    'trap "echo asked; exit 3" TERM; echo up; read -r _'
	await says server up
	kill "$PID"
	exits 3 "$PID"
	says server asked
}

@test "-- CMD: gets descriptors 0 to 2 and default signals" {
	run bash -c 'trap "" INT HUP; exec "$@"' x "$MUXCTL" serve -q -- \
	    sh -c 'echo /proc/self/fd/*; grep SigIgn: /proc/self/status' 9>nine
	[ "$status" -eq 0 ]
	# 3 is what the shell reads the directory through.
	[[ ${lines[0]} == "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2"* ]]
	[[ ${lines[0]} != *"fd/4"* ]]
	# Signals 32 and 33 belong to the C library.
	[ $((16#${lines[1]##*[[:blank:]]} & 0x7fffffff)) -eq 0 ]
}

# ---- signals while it runs ----

@test "SIGHUP: rules and targets anew, a mistake keeps the old ones" {
	target reply
	mkdir -p config/muxctl
	conf=config/muxctl/config
	printf '[serve]\ntarget old=tcp:127.0.0.1:%s\n' "$PORT" >"$conf"
	chmod 600 "$conf"
	serve -v
	works unix:up.sock old
	printf '[serve]\ntarget new=tcp:127.0.0.1:%s\n' "$PORT" >"$conf"
	kill -HUP "$(cat serve.pid)"
	await says serve.log reloaded
	works unix:up.sock new
	run muxctl tunnel -a unix:up.sock -W old </dev/null
	said 126 "old"
	printf '[serve]\ntarget broken\n' >"$conf"
	kill -HUP "$(cat serve.pid)"
	await says serve.log broken
	works unix:up.sock new
}

@test "SIGHUP: a configuration file that has gone keeps the old rules" {
	target reply
	mkdir -p config/muxctl
	conf=config/muxctl/config
	serve -T t=tcp:127.0.0.1:"$PORT" --allow-target "tcp:*:*" -v
	# There was none, so that there is none is no news.
	kill -HUP "$(cat serve.pid)"
	await says serve.log reloaded
	printf '[serve]\ndeny-target tcp:*:%s\n' "$PORT" >"$conf"
	chmod 600 "$conf"
	kill -HUP "$(cat serve.pid)"
	await eval '[ "$(grep -c reloaded serve.log)" -eq 2 ]'
	rm "$conf"
	kill -HUP "$(cat serve.pid)"
	await says serve.log "has gone: targets and rules stay"
	run muxctl tunnel -a unix:up.sock -W t </dev/null
	said 126 "not permitted"
}

@test "configuration file: yes and no where a word may be left out" {
	printf 'background = no\nprint-addr no\n[serve]\n' >conf
	run muxctl serve --config conf -- sh -c 'ls; test ! -e no'
	[ "$status" -eq 0 ]
	printf 'listen unix:up.sock\n' >conf
	run muxctl serve --config conf
	said 125 "conf:1: unknown option 'listen' (it belongs below [serve])"
}

@test "SIGHUP: the log file is opened anew" {
	serve
	mv serve.log old.log
	kill -HUP "$(cat serve.pid)"
	await test -e serve.log
}

@test "SIGUSR1: the live state as NDJSON on stderr" {
	target hold
	spawn server muxctl serve -l unix:up.sock -T t=tcp:127.0.0.1:"$PORT"
	server=$PID
	await test -S up.sock
	spawn client muxctl tunnel -a unix:up.sock -L 0=t --print-addr
	await test -s client
	spawn flood python3 "$NET" silent "$(cat client)" 2
	await says flood open
	await eval '[ "$(grep -c accepted out.hold)" -eq 2 ]'
	kill -USR1 "$server"
	await eval '[ "$(grep -c "\"kind\":\"stream\"" server)" -eq 2 ]'
	grep '^{' server | jq -e -s '
	    (map(select(.kind == "connection")) | length == 1) and
	    all(.[]; .v == 1 and .event == "state" and (.age_ns | type) ==
	    "number") and (map(select(.kind == "stream")) |
	    all(.[]; .target == "t" and .id % 2 == 1 and .accepted and
	    (.blocked | type) == "string" and .credit_in > 0))'
}

# ---- what it says ----

@test "--log: a line for each stream, with bytes and the end" {
	target reply
	serve -T t=tcp:127.0.0.1:"$PORT"
	works unix:up.sock t
	end serve.pid
	says serve.log "uid $(id -u) -> t: 4 bytes there, 12 back, .* s, fin"
	[ "$(stat -c %a serve.log)" = 600 ]
	run muxctl serve --log no/such/dir/log
	said 125 "no/such/dir/log"
}

@test "--log-format json: the same as objects" {
	target reply
	serve -T t=tcp:127.0.0.1:"$PORT" --log-format json
	works unix:up.sock t
	run muxctl tunnel -a unix:up.sock -W nope </dev/null
	end serve.pid
	jq -e -s 'map(select(.event == "stream")) | length == 2 and
	    (.[0] | .target == "t" and .there == 4 and .back == 12 and
	    .how == "fin" and .code == 0) and
	    (.[1] | .target == "nope" and .how == "refused" and .code == 13)' \
	    serve.log
}

@test "-q: errors only; -v: connections too" {
	serve -q
	run muxctl tunnel -a unix:up.sock -W nope </dev/null
	end serve.pid
	[ ! -s serve.log ]
	serve -v
	run muxctl tunnel -a unix:up.sock -W nope </dev/null
	end serve.pid
	says serve.log "HELLO done"
	says serve.log "draining: SIGTERM"
}

# ---- limits ----

@test "--max-streams and --memory must fit together" {
	run muxctl serve --max-streams 100000
	said 125 "--memory"
	run muxctl serve --max-streams 100000 --memory 1G -- true
	[ "$status" -eq 0 ]
	run muxctl serve --memory 100K
	said 125 "--memory"
	run muxctl serve --max-streams 0
	said 125 "--max-streams"
	run muxctl serve --memory lots
	said 125 "lots"
}

@test "--memory: what is said to be enough is, and no less is" {
	for n in 1 10 100 5000; do
		run muxctl serve --max-streams "$n" --memory 8192 -- true
		said 125 "too small for --max-streams $n: expected "
		[[ $output =~ expected\ ([0-9]+)K\ or ]]
		enough=${BASH_REMATCH[1]}
		run muxctl serve --max-streams "$n" --memory "${enough}K" \
		    -- true
		[ "$status" -eq 0 ]
		run muxctl serve --max-streams "$n" --memory $((enough - 1))K \
		    -- true
		[ "$status" -eq 125 ]
	done
}

@test "--max-clients: the next one is refused, told why, and logged once" {
	serve -T t=exec:cat --max-clients 2
	for i in 1 2; do
		spawn "client.$i" muxctl tunnel -a unix:up.sock -L 0=t \
		    --print-addr
		await test -s "client.$i"
	done
	for _ in 3 4; do
		run muxctl tunnel -a unix:up.sock -L 0=t
		said 255 "too many connections (--max-clients)"
	done
	[ "$(grep -c "2 connections are there" serve.log)" -eq 1 ]
	kill "$PID"
	exits 0 "$PID"
	await eval '[ "$(echo hello | "$MUXCTL" tunnel -a unix:up.sock \
	    -W t)" = hello ]'
	run muxctl serve --max-clients 0
	said 125 "--max-clients"
}

@test "without targets nothing can be reached, and it says so" {
	run muxctl serve -- true
	said 0 "no methods and no targets: nothing to do (see -m, -T)"
	run muxctl serve --allow-target 'tcp:127.0.0.1:*' -- true
	said 0 ""
	[ "$output" = "" ]
	run muxctl serve --default-method mux.echo -- true
	said 0 ""
	[ "$output" = "" ]
}

@test "--keepalive: a peer that is frozen is noticed" {
	serve -T t=exec:cat --keepalive 500ms
	spawn tun muxctl tunnel -a unix:up.sock -L 0=t --print-addr=addr
	await test -s addr
	kill -STOP "$PID"
	await says serve.log "keepalive: the peer is silent"
	kill -CONT "$PID"
	exits 255 "$PID"
}

@test "--max-streams is what the peer is told" {
	target hold
	serve -T t=tcp:127.0.0.1:"$PORT" --max-streams 2
	tunnel -L 0=t
	spawn flood python3 "$NET" silent "$ADDR" 4
	await says tunnel.log "limit of streams"
	[ "$(grep -c accepted out.hold)" -le 2 ]
}

@test "--max-frame: within its bounds, and heeded by the peer" {
	run muxctl serve --max-frame 100
	said 125 "--max-frame"
	run muxctl serve --max-frame 17M
	said 125 "--max-frame"
	target reply
	serve -T t=tcp:127.0.0.1:"$PORT" --max-frame 4096
	head -c 100000 /dev/zero | muxctl tunnel -a unix:up.sock -W t -vv \
	    >got 2>frames
	[ "$(cat got)" = "got 100000 bytes" ]
	says frames '> data id 1 len [0-9]'
	awk '/ > data / && $8 > 4096 { print; bad = 1 }
	    END { exit bad }' frames
}

@test "--connect-timeout: a target that does not answer is refused" {
	target full
	serve -T t=tcp:127.0.0.1:"$PORT" --connect-timeout 100ms
	run muxctl tunnel -a unix:up.sock -W t </dev/null
	said 1 "connect failed"
	[[ $output == *"imed out"* ]]
}

@test "no descriptors left: refused with a reason, and it recovers" {
	target reply
	(ulimit -n 24 && serve -T t=tcp:127.0.0.1:"$PORT")
	spawn flood python3 "$NET" silent unix:up.sock 40
	await says flood open
	await says serve.log "accept on"
	kill "$PID"
	await works unix:up.sock t
	[ "$(grep -c "accept on" serve.log)" -eq 1 ]
}

@test "no descriptors left for targets: refused by limit, and it recovers" {
	target hold
	(ulimit -n 24 && serve -T t=tcp:127.0.0.1:"$PORT")
	tunnel -L 0=t
	spawn flood python3 "$NET" silent "$ADDR" 30
	await says flood open
	await says tunnel.log "by the peer (refused by limit: .*Too many"
	kill "$PID"
	gone "$PID"
	kill "${PIDS[0]}"
	target reply "127.0.0.1:$PORT"
	await works unix:up.sock t
}

@test "signals in a storm change nothing" {
	target reply
	serve -T t=tcp:127.0.0.1:"$PORT"
	pid=$(cat serve.pid)
	head -c 20000000 /dev/zero >data
	muxctl tunnel -a unix:up.sock -W t <data >got 3>&- &
	client=$!
	for _ in {1..300}; do
		kill -HUP "$pid"
		kill -USR1 "$pid"
		kill -CHLD "$pid"
		kill -PIPE "$pid"
		kill -WINCH "$pid"
	done
	exits 0 "$client"
	[ "$(cat got)" = "got 20000000 bytes" ]
	works unix:up.sock t
}
