#!/usr/bin/env bats
# serve --worker, with the helpers in bash and Python and with programs that
# do wrong; the built-in methods.

setup_file() { export BATS_TEST_TIMEOUT=60; }
setup() {
	load helper
	begin
	# As if it were installed below this folder.
	mkdir bin lib
	ln -s "$MUXCTL" bin/muxctl
	ln -s "$(realpath "$BATS_TEST_DIRNAME/../../lib/worker")" lib/muxctl
	export PATH=$PWD/bin:$PATH PYTHONDONTWRITEBYTECODE=1
	export MUXCTL_ADDR=unix:w.sock MUXCTL_CONFIG=none
}
teardown() { finish; }

server() {
	muxctl serve -l unix:w.sock --background=serve.pid --log log "$@"
}

# A worker in bash, in the file w.
bash_worker() {	# FUNCTION-BODY [OPTION]
	cat >w <<-END
	#!/bin/bash
	source "\$(dirname "\$(command -v muxctl)")/../lib/muxctl/worker.bash"
	run() {
	$1
	}
	mux_worker ${2-} run
	END
	chmod +x w
}

# A worker that speaks for itself: prints its lines and ends.
rude() {	# WORD...
	{
		echo '#!/bin/bash'
		echo "$*"
	} >w
	chmod +x w
}

@test "the example of muxctl-serve(1)" {
	mandoc -Tascii "$BATS_TEST_DIRNAME/../../man/muxctl-serve.1" |
	    col -bx | sed -n '/^WORKERS/,/^BUILT-IN/s/^           //p' >page
	sed -n '/^#!/,/^mux_worker/p' page >count
	sed -n '/^\$ muxctl serve/,$p' page >shown
	chmod +x count
	[ "$(wc -l <count)" -eq 5 ]
	[ "$(wc -l <shown)" -eq 5 ]
	unset MUXCTL_ADDR
	mv pid pid.pid 2>/dev/null || :
	sed -n 's/^\$ //p' shown | while read -r line; do
		echo "\$ $line"
		eval "$line"
	done >got
	mv pid serve.pid
	diff shown got
}

@test "bytes of all kinds go through both helpers" {
	bash_worker cat
	printf '%s\n' '#!/usr/bin/env python3' 'import sys' \
	    "sys.path.insert(0, '$PWD/lib/muxctl')" \
	    'from muxctl_worker import serve' \
	    'serve(lambda call: (len(call.args), call.body))' >p
	chmod +x p
	server --worker b=./w --worker p=./p
	head -c 100000 /dev/urandom >random
	printf 'a\0\n\0' >nuls
	: >empty
	for f in random nuls empty; do
		muxctl call b -d @$f >got
		cmp $f got
		run muxctl call p -o got -d @$f 1 2 3
		said 3 ""
		cmp $f got
	done
}

@test "a thousand calls in a batch" {
	bash_worker 'printf "<%s>" "$MUX_TEXT"' -t
	server --worker w=./w
	seq 1000 | muxctl call --batch -P 200 --ordered w | cut -f 4 >got
	seq -f '<%g>' 1000 | diff - got
}

@test "status, arguments and standard error" {
	bash_worker 'printf "%s: \033[1m\n" "$*" >&2; return $#'
	server --worker 'name with blanks=./w'
	run muxctl call 'name with blanks' 'one two' three ''
	said 3 ""
	[ -z "$output" ]
	await says log 'worker name with blanks: one two three : \\033\[1m$'
}

@test "a worker that ends: indeterminate, and the next one answers" {
	bash_worker '[ "$MUX_TEXT" != die ] || exit 9
	    printf %s "$BASHPID"' -t
	server --worker w=./w
	first=$(muxctl call w)
	run muxctl call --json w -d die
	said 255 ""
	[ "$(jq -r .kind <<<"$output")" = indeterminate ]
	says log 'worker w: it has ended with status 9; calls in its hands: 1'
	second=$(muxctl call w)
	[ "$first" -ne "$second" ]
	ended "$first"
}

@test "what is no answer ends the worker, and is logged" {
	rude 'read -r _; printf "\e[2JHello\n"; read -r _'
	server --worker w=./w
	run muxctl call w
	said 255 ""
	says log "worker w: expected 'ID STATUS BODYLEN' on its standard"
	says log "not '.033\[2JHello'"
}

@test "it prints before it is asked" {
	rude 'echo "ready!"; exec cat >/dev/null'
	server --worker w=./w
	await says log "not 'ready!'"
}

@test "no such program: serve does not start" {
	run muxctl serve -l unix:w.sock --worker w=./nonesuch
	said 126 "muxctl: serve: --worker: start ./nonesuch: No such file"
	[ ! -e w.sock ]
}

@test "words of --worker that are none" {
	for word in w =./w w= "w='x" mux.w=./w; do
		run muxctl serve -l unix:w.sock --worker "$word"
		said 125 ""
	done
	run muxctl serve -l unix:w.sock --worker w=cat -m w=cat
	said 125 ""
}

@test "the time is up: 124 at once, and the late answer is nobody's" {
	mkfifo gate
	bash_worker 'case $MUX_TEXT in
	    wait) read -r _ <gate; echo late ;;
	    *) echo "in time" ;;
	    esac' -t
	server --worker w=./w
	run muxctl call -t 0.2 w -d wait
	said 124 ""
	muxctl call w -d x >got &
	echo open >gate
	wait $!
	[ "$(cat got)" = "in time" ]
}

@test "it does not come back from what was cancelled: another one does" {
	mkfifo gate
	bash_worker '[ "$MUX_TEXT" != wait ] || read -r _ <gate; echo ok' -t
	server --worker w=./w --kill-after 0.2
	run muxctl call -t 0.2 w -d wait
	said 124 ""
	await says log 'it does not end what was cancelled'
	[ "$(muxctl call w)" = ok ]
}

@test "--limit bounds what it has at once; --jobs does not" {
	mkfifo gate1 gate2 gate3
	printf '%s\n' '#!/usr/bin/env python3' 'import sys' \
	    "sys.path.insert(0, '$PWD/lib/muxctl')" \
	    'from muxctl_worker import serve' \
	    'serve(lambda call: open(call.args[0]).read() and "", threads=9)' >p
	chmod +x p
	server --jobs 1 --worker w=./p --limit w=jobs:2,queue:1
	for i in 1 2 3; do
		muxctl call w gate$i &
		PIDS+=($!)
		calls+=($!)
	done
	running() {
		[ "$(muxctl call mux.stats | jq -c '[.running, .queued]')" = \
		    '[3,1]' ]
	}
	await running
	run muxctl call w gate4
	said 126 busy
	for i in 1 2 3; do
		echo x >gate$i
	done
	wait "${calls[@]}"
}

@test "its end is that of serve, with all that it started" {
	bash_worker 'cat <never & echo "$BASHPID $!"'
	server --worker w=./w
	read -r worker child < <(muxctl call w)
	end serve.pid
	gone "$worker"
	gone "$child"
}

@test "TERM is not heard: KILL, after --kill-after" {
	bash_worker 'trap "" TERM; cat <never & echo "$BASHPID $!" >pids; wait'
	server --worker w=./w --kill-after 0.2 --grace 0.2
	muxctl call w >out 2>&1 &
	PIDS+=($!)
	await test -s pids
	read -r worker child <pids
	end serve.pid
	gone "$worker"
	gone "$child"
}

@test "SIGHUP starts it anew, and calls go on" {
	bash_worker 'echo "$BASHPID"'
	server --worker w=./w
	first=$(muxctl call w)
	kill -HUP "$(cat serve.pid)"
	gone "$first"
	[ "$(muxctl call w)" != "$first" ]
}

@test "it has the environment of methods and nothing else" {
	bash_worker 'tr "\0" "\n" </proc/$$/environ | cut -d = -f 1
	    for fd in /proc/$$/fd/[012]; do readlink "$fd"; done >&2'
	SECRET=1 server --worker w=./w --env COLOR=red
	muxctl call w | sort | tr '\n' ' ' >got
	grep -q '^COLOR HOME' got
	! grep -q SECRET got
}

@test "mux.echo, mux.ping" {
	server
	head -c 300000 /dev/urandom >random
	muxctl call mux.echo -d @random | cmp - random
	[ -z "$(muxctl call mux.ping -d hello)" ]
	seq 100 | muxctl call --batch mux.echo | cut -f 4 | sort -n |
	    diff <(seq 100) -
}

@test "mux.methods: the command line is for the own user" {
	bash_worker 'cat'
	muxctl serve -l unix:w.sock -l tcp:127.0.0.1:0 --print-addr=addrs \
	    --background=serve.pid --log log --worker w="./w secret" \
	    --limit w=timeout:2s
	muxctl call mux.methods | jq -c 'select(.name == "w")' >got
	[ "$(cat got)" = '{"v":1,"name":"w","kind":"worker","timeout_ns":'\
'2000000000,"command":"./w secret"}' ]
	muxctl call -a "$(tail -n 1 addrs)" mux.methods >got
	says got '"name":"w"'
	! says got secret
}

@test "what is the server's own is for its user" {
	muxctl serve -l unix:w.sock -l tcp:127.0.0.1:0 --print-addr=addrs \
	    --background=serve.pid --log log -m true=true
	tcp=$(tail -n 1 addrs)
	for m in stats streams drain; do
		run muxctl call -a "$tcp" mux.$m
		said 126 "only for the user that runs the server"
	done
	muxctl call true
	muxctl call mux.stats | jq -e '.calls > 1 and .running == 1'
	muxctl call mux.streams | jq -se 'any(.method == "mux.streams")'
	muxctl call mux.drain
	gone "$(cat serve.pid)"
}

@test "mux.drain lets calls end" {
	mkfifo gate
	server -m wait='read -r x <gate; echo "$x"'
	muxctl call wait >got &
	called=$!
	running() {
		[ "$(muxctl call mux.stats | jq .running)" = 2 ]
	}
	await running
	muxctl call mux.drain
	echo through >gate
	wait "$called"
	[ "$(cat got)" = through ]
	gone "$(cat serve.pid)"
}

@test "--allow-admin: another user may, too" {
	[ "$(id -u)" -eq 0 ] || skip "needs two users"
	chmod 755 . ..
	muxctl serve -l "unix:w.sock?mode=0666" --background=serve.pid \
	    --log log --allow-uid root,nobody
	other=(setpriv --reuid nobody --clear-groups "$PWD/bin/muxctl" call)
	"${other[@]}" mux.ping
	run "${other[@]}" mux.stats
	said 126 ""
	end serve.pid
	muxctl serve -l "unix:w.sock?mode=0666" --background=serve.pid \
	    --log log --allow-uid root,nobody --allow-admin
	"${other[@]}" mux.stats
}
