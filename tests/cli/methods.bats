# serve -m, -x and -M: calls become processes, and exact answers.

setup_file() {
	export BATS_TEST_TIMEOUT=60
}

setup() {
	bats_require_minimum_version 1.5.0
	load helper
	begin
	CALLER=$BATS_TEST_DIRNAME/caller.py
}

teardown() {
	finish
}

call() {
	muxctl call -a unix:up.sock "$@"
}

caller() {
	python3 "$CALLER" "$1" unix:up.sock "${@:2}"
}

# As JSON, without the times.
json() {
	call --json "$@" | jq -c 'del(.queued_ns, .total_ns, .user_ns, .sys_ns,
	    .maxrss)'
}

@test "a call runs a command, and answers what it wrote and how it exited" {
	serve -m up='tr a-z A-Z' -m three='echo out; echo err >&2; exit 3' \
	    -x words='printf <%s> "a b"'
	[ "$(call up -d hello)" = HELLO ]
	run -3 --separate-stderr call three
	[ "$output" = out ]
	[ "$stderr" = err ]
	# shellcheck disable=SC2016
	[ "$(call words '$(id)' '' "it's")" = "<a b><\$(id)><><it's>" ]
	json three | grep -Fx '{"v":1,"method":"three","kind":"exit","code":3,'\
'"body":"out\n","stderr":"err\n"}'
	call --json up -d x | jq -e '.user_ns + .sys_ns > 0 and .maxrss > 65536'
}

@test "a shell command sees arguments as its own and its name as \$0" {
	# shellcheck disable=SC2016
	serve -m args='echo "$0"; for a; do echo "[$a]"; done'
	run call args 'a b' '' '*' '; exit 9'
	[ "$output" = "args
[a b]
[]
[*]
[; exit 9]" ]
}

@test "255, a signal, what cannot start and what is not there are told apart" {
	serve -m all='exit 255' -x killed="sh -c 'kill -9 \$\$'" \
	    -x none=/nonexistent/program -x dir=/
	run -255 call all
	json all | grep -F '"kind":"exit","code":255'
	run -137 call killed
	run caller frames killed
	[[ $output == *"1: response signal=9"* ]]
	run call none
	said 126 "No such file or directory"
	run caller frames none
	said 0 "1: error spawn=2 9 "
	run call dir
	said 126 "Permission denied"
	run -127 call nosuch
	said 127 "no such method"
	# nothing is left of those that failed
	[ "$(call --json all | jq .code)" = 255 ]
}

@test "bodies of any size pass both ways, under credit" {
	serve -x cat=cat -x count='wc -c' -m zeros='head -c 30000000 /dev/zero'
	head -c 30000000 /dev/urandom >in
	call -d @in cat >out
	cmp in out
	[ "$(call -d @in count)" = 30000000 ]
	[ "$(call zeros | wc -c)" = 30000000 ]
}

@test "a method that reads nothing does not hold up its caller (E7)" {
	serve -x true=true -m closes='exec <&-; echo done'
	[ "$(caller feed true 100000000)" = "some exit=0" ]
	head -c 100000000 /dev/zero | call -d @- true
	[ "$(head -c 10000000 /dev/zero | call -d @- closes)" = done ]
}

@test "a caller that does not read holds up only its own method" {
	serve -x yes=yes -x true=true
	spawn out.starve python3 "$CALLER" starve unix:up.sock yes
	await says out.starve 4096
	call true
	kill -USR1 "$(cat serve.pid)"
	await says serve.log '"method":"yes".*"blocked":"no credit"'
	[ "$(tail -n 1 out.starve)" = 4096 ]
}

@test "standard error is a stream of the call, and comes before its end" {
	serve -m both='echo out; echo err >&2; exit 3' -x quiet=true \
	    -m lots='head -c 300000 /dev/zero | tr "\0" x >&2; echo ok'
	caller frames both >got
	grep -x '2: start of the call one-way' got
	grep -x "2: data b'err\\\\n'" got
	grep -x '1: response exit=3 stderr=2' got
	grep -x "1: response b'out\\\\n' more" got
	[ "$(caller frames quiet)" = "1: response exit=0" ]
	[ "$(call lots 2>err)" = ok ]
	[ "$(wc -c <err)" = 300000 ]
}

@test "what the caller does not take of standard error is logged" {
	serve -m talk='echo "first" >&2; read -r x; printf "two\033[1m\n" >&2;
	    head -c 100000 /dev/zero | tr "\0" x >&2; echo "end" >&2'
	run caller refuse talk
	said 0 "exit=0"
	await says serve.log "talk: what else it says is left out"
	says serve.log 'talk: two\\033\[1m'
	[ "$(grep -c 'talk: end' serve.log)" = 0 ]
	[ "$(sed 's/muxctl//' serve.log | tr -cd x | wc -c)" -le 65536 ]
}

@test "nothing that a caller sends is interpreted (E1)" {
	local p=() i s
	# shellcheck disable=SC2016
	for s in ';' '&' '|' '||' '&&' '`' '$(' '$((' '>' '<' '{' '(' "'" '"' \
	    '\' $'\n' $'\t' '*' '?' '~' '#' '!' '-' '--' '%s' '%n' '\x41' \
	    '() { :;};' '${IFS}' $'\e]52;' $'\r' '<(' '>(' '@' '$@' '[' '=' \
	    ',' ':' '/' '..' ' '; do
		p+=("$s touch canary")
	done
	# shellcheck disable=SC2016
	p+=('$(touch canary)' '`touch canary`' '; touch canary #' \
	    "'; touch canary; '" '"; touch canary; "' '| touch canary' \
	    '&& touch canary' $'\ntouch canary\n:' '-c touch canary' \
	    '--eval=touch canary' '() { :;}; touch canary' '>canary' \
	    '${x:=$(touch canary)}' '$((x=`touch canary`))' '-e touch canary' \
	    'a[$(touch canary)]' "\$'touch canary'" '%p touch canary' \
	    '!touch canary' '\;touch canary')
	[ "${#p[@]}" -ge 60 ]
	# shellcheck disable=SC2016
	serve -m shell='printf "<%s>" "$@"; cat; env >/dev/null' \
	    -x program='printf <%s>' --cwd "$PWD"
	for i in "${p[@]}"; do
		[ "$(call --meta "k=x$i" --data-raw "$i" -- \
		    shell "$i")" = "<$i>$i" ]
		[ "$(call --data-raw "$i" -- program "$i")" = "<$i>" ]
		run -127 call -- "$i"
	done
	[ ! -e canary ]
	[ "$(grep -c 'touch canary' serve.log)" = 0 ] ||
		not grep -q $'\e' serve.log
}

@test "the environment is made from nothing (E2)" {
	export SECRET=leak LD_PRELOAD= BASH_ENV=./canary HOME=/home/x LANG=C
	PASSED=on serve -x env='env -0' --env A=1 --env A=2 --env PASSED \
	    --env ABSENT
	{
		echo '(b"LD_PRELOAD", b"./evil.so")'
		echo '(b"path", b"first")'
		echo '(b"PATH", b"second")'
		echo '(b"x-y", b"no")'
		echo '(b"", b"no")'
		echo '(b"IFS=x", b"no")'
		echo '(b"f", b"() { :;}; touch canary")'
		echo '(b"nul", b"a\0b")'
	} >meta
	caller meta env <meta | tr '\0' '\n' |
	    sed 's/^MUX_TREE=..*/MUX_TREE=x/' | LC_ALL=C sort >got
	cat >want <<-EOF
	A=2
	HOME=/home/x
	LANG=C
	MUX_ID=1
	MUX_METHOD=env
	MUX_META_F=() { :;}; touch canary
	MUX_META_LD_PRELOAD=./evil.so
	MUX_META_PATH=first
	MUX_PEER_ADDR=unix:
	MUX_PEER_UID=$(id -u)
	MUX_TREE=x
	PASSED=on
	PATH=$PATH
	EOF
	LC_ALL=C sort -o want want
	diff want got
	[ "$(call -t 60 env | tr '\0' '\n' | sed -n 's/^MUX_DEADLINE_MS=//p')" \
	    -gt 50000 ]
}

@test "metadata in the environment has an end" {
	serve -x env='env -0'
	for i in {1..100}; do
		echo "(b'k$i', b'v')"
	done | caller meta env | tr '\0' '\n' | grep -c ^MUX_META_ |
	    grep -x 64
	for i in {1..20}; do
		printf "(b'k%d', b'%01000d')\n" "$i" 0
	done | caller meta env | tr '\0' '\n' | grep -c ^MUX_META_ | grep -x 8
}

@test "a method has the descriptors 0 to 2 and default signals (E3, E4)" {
	trap '' PIPE HUP USR1
	serve -x fds='ls /proc/self/fd' -x status='cat /proc/self/status' \
	    -m pipe='yes | head -n 1' -m term='kill -TERM $$' \
	    -m sid='set -- $(cat /proc/$$/stat); [ "$6" = $$ ]' \
	    -m limits='ulimit -c; ulimit -n' 5</dev/null
	[ "$(call fds | tr '\n' ' ')" = "0 1 2 3 " ]	# 3 is ls's own
	call status | grep -E '^Sig(Blk|Ign|Cgt):' | not grep '[1-9a-f]$'
	[ "$(call pipe)" = y ]
	run -143 call term
	call sid
	[ "$(call limits)" = "0
$(ulimit -n)" ]
}

@test "who gives up ends the work, to the last process of it (E5)" {
	cat >fork.py <<-'EOF'
	import os, signal, sys, time
	signal.signal(signal.SIGTERM, signal.SIG_IGN)
	for name in "one", "two":
	    if os.fork() == 0:
	        os.setsid()
	        if os.fork() == 0:
	            open(name + ".pid", "w").write(str(os.getpid()))
	            signal.pause()
	        os._exit(0)
	open("self.pid", "w").write(str(os.getpid()))
	print("up", flush=True)
	signal.pause()
	EOF
	serve -x fork="python3 fork.py" --kill-after 100ms
	spawn out.call muxctl call -a unix:up.sock fork
	await test -s one.pid
	await test -s two.pid
	await says out.call up
	kill -TERM "$PID"
	gone "$(cat self.pid)"
	gone "$(cat one.pid)"
	gone "$(cat two.pid)"
	rm ./one.pid ./two.pid ./self.pid
	# a connection that is lost
	mkfifo hold
	python3 "$CALLER" leave unix:up.sock fork <hold >out.leave 3>&- &
	PIDS+=("$!")
	exec {HOLD}>hold
	await says out.leave called
	await test -s two.pid
	await test -s one.pid
	await test -s self.pid
	exec {HOLD}>&-
	gone "$(cat self.pid)"
	gone "$(cat one.pid)"
	gone "$(cat two.pid)"
	rm ./one.pid ./two.pid ./self.pid
}

@test "a child in the background does not hold up the answer (D10)" {
	serve -m bg='tail -f /dev/null & echo $! >bg.pid; echo hi; exit 4' \
	    -m quiet='tail -f /dev/null >/dev/null 2>&1 &
	    echo $! >bg.pid; echo hi'
	run -4 call bg
	[ "$output" = hi ]
	gone "$(cat bg.pid)"
	[ "$(call quiet)" = hi ]
	gone "$(cat bg.pid)"
	rm bg.pid
}

@test "what was written before the end comes, however slow its reader is" {
	# more than a second's worth of credit, and the program has exited
	serve -m much='head -c 60000 /dev/zero; exit 5'
	spawn out.starve python3 "$CALLER" starve unix:up.sock much
	await says out.starve 4096
	[ "$(call much | wc -c)" = 60000 ]
}

@test "--jobs, --queue: so many run, so many wait, the others are told" {
	mkfifo go
	serve --jobs 1 --queue 1 -m wait='echo up; read -r x <go; echo $x'
	spawn out.one muxctl call -a unix:up.sock wait
	await says out.one up
	spawn out.two muxctl call -a unix:up.sock wait
	kill -USR1 "$(cat serve.pid)"
	await eval 'kill -USR1 $(cat serve.pid);
	    grep "waits for a slot" serve.log | grep "\"state\":\"queued\""'
	run call wait
	said 126 "busy"
	echo a >go
	await says out.one a
	await says out.two up
	echo b >go
	await says out.two b
}

@test "--limit: of one method, beside the general ones" {
	mkfifo go
	serve -m one='echo up; read -r x <go; echo $x' -x two=true \
	    -m three='tail -f /dev/null' --limit one=jobs:1,queue:1 \
	    --limit three=timeout:100ms
	spawn out.one muxctl call -a unix:up.sock one
	await says out.one up
	spawn out.two muxctl call -a unix:up.sock one
	await eval 'kill -USR1 $(cat serve.pid);
	    says serve.log "\"state\":\"queued\""'
	run call one
	said 126 "busy"
	call two
	run -124 call three
	echo a >go
	await says out.two up
	echo b >go
	await says out.two b
}

@test "--call-timeout, and the shorter of two deadlines" {
	serve -m hang='echo $$ >hang.pid; exec tail -f /dev/null' \
	    --call-timeout 200ms
	run -124 call hang
	[[ $output == *"hang: deadline: no end within the 0.2 s of the server's\
 --call-timeout (unix:"* ]]
	[ ! -s hang.pid ] || gone "$(cat hang.pid)"
	rm -f hang.pid
	json hang | grep '"kind":"timeout","code":124'
	run caller frames hang
	said 0 "1: error 6 "
	rm -f hang.pid
}

@test "124 says whose limit it was: --limit's, the caller's, in the queue" {
	serve -m hang='echo up; exec tail -f /dev/null' --jobs 1 --queue 5 \
	    -m limited='exec tail -f /dev/null' --call-timeout 50m \
	    --limit limited=timeout:150ms
	run caller hurry hang 100
	said 0 "1: error 6 no end within the 0.1 s that the caller gave"
	run -124 call limited
	[[ $output == *"no end within the 0.15 s of the server's --limit"* ]]
	run -124 call -t 0.1 hang
	[[ $output == *"hang: no end within the 0.1 s of -t "* ]]
	# Its own is the shorter one.
	run -124 call -t 10 limited
	[[ $output == *"no end within the 0.15 s of the server's --limit"* ]]
	spawn first muxctl call -a unix:up.sock hang
	await says first up
	run caller hurry hang 100
	said 0 "1: error 6 not started within the 0.1 s that the caller gave"
	run -124 call limited
	[[ $output == *"not started within the 0.15 s of the server's --li"* ]]
}

@test "ten thousand calls at once are never more than --jobs (C11)" {
	mkdir running
	serve --jobs 3 --queue 5 -m n='mkdir running/$$ || exit 9
	    set -- running/*; [ $# -le 3 ] || exit 8
	    rmdir running/$$'
	caller flood n 10000 >got
	cat got
	not grep -E 'exit=[89]' got
	grep -E '^exit=0 [0-9]+$' got
	grep -E '^error 12 [0-9]+$' got
	[ "$(awk '{ n += $NF } END { print n }' got)" = 10000 ]
	call n
}

@test "whoever has read enough ends the method" {
	serve -m yes='echo $$ >yes.pid; exec yes'
	run bash -c "$MUXCTL call -a unix:up.sock yes | head -n 1"
	[ "$output" = y ]
	gone "$(cat yes.pid)"
	rm yes.pid
}

@test "a cancel and an answer may cross: each call has one (D9)" {
	serve -m ok='echo out; echo err >&2' -x true=true --kill-after 100ms
	caller cancel ok 500
	caller cancel true 500
	[ "$(call ok 2>/dev/null)" = out ]
	[ "$(caller flood true 100)" = "exit=0 100" ]
}

open_fds() {
	# shellcheck disable=SC2012
	ls "/proc/$(cat serve.pid)/fd" | wc -l
}

children() {
	cat /proc/"$(cat serve.pid)"/task/*/children
}

@test "calls leave no descriptor and no zombie behind (E6, C2)" {
	serve -m ok='echo out; echo err >&2' -x none=/nonexistent/program \
	    -x cat=cat
	caller flood ok 1
	before=$(open_fds)
	caller flood ok 300
	caller flood none 300
	caller flood nosuch 300
	for _ in 1 2 3; do
		call cat -d x
		run caller refuse ok
	done
	await eval '[ "$(open_fds)" -le "$before" ]'
	[ -z "$(children)" ]
}

@test "without descriptors a call is refused, and the next one is not (C2)" {
	serve -m hang='echo up; exec tail -f /dev/null' -x true=true
	call true
	prlimit --pid "$(cat serve.pid)" --nofile="$(($(open_fds) + 8))"
	spawn out.one muxctl call -a unix:up.sock hang
	await says out.one up
	run call true
	said 126 "cannot be started"
	kill -KILL "$PID"
	await eval 'call true'
}

@test "a directory of methods, read again at SIGHUP" {
	mkdir m
	printf '#!/bin/sh\n# muxctl: says a\necho a\n' >m/a
	printf '#!/bin/sh\necho b\n' >m/b.sh
	printf '#!/bin/sh\necho no\n' >m/.hidden
	cp m/a 'm/not a name'
	cp m/a m/plain
	cp m/a m/open
	chmod 755 m/* m/.hidden
	chmod 644 m/plain
	chmod 777 m/open
	serve -M m -x c='echo c' --cwd /
	[ "$(call a)$(call b.sh)$(call c)" = abc ]
	for i in .hidden 'not a name' plain open; do
		run -127 call -- "$i"
	done
	says serve.log "m/open: not a method: others may write to it"
	printf '#!/bin/sh\necho d\n' >m/d
	chmod 755 m/d
	rm m/a
	kill -HUP "$(cat serve.pid)"
	await call d
	run -127 call a
	# a mistake changes nothing
	cp m/d m/c
	kill -HUP "$(cat serve.pid)"
	await says serve.log "there is a method of this name already"
	[ "$(call c)$(call d)" = cd ]
}

@test "methods in the configuration file, read again at SIGHUP" {
	mkdir -p config/muxctl
	printf '%s\n' '[serve]' 'method = a=echo 1' 'default-method = a' \
	    >config/muxctl/config
	serve -v
	[ "$(call a)" = 1 ]
	printf '%s\n' '[serve]' 'method = a=echo 2' 'method = b=echo 3' \
	    'default-method = b' >config/muxctl/config
	kill -HUP "$(cat serve.pid)"
	await eval '[ "$(call a)" = 2 ]'
	[ "$(call --legacy a)" = 3 ]
	# The old one stays with the old ones.
	printf '%s\n' '[serve]' 'method = c=echo 4' 'default-method = d' \
	    >config/muxctl/config
	kill -HUP "$(cat serve.pid)"
	await says serve.log "no method 'd'"
	[ "$(call --legacy a)" = 3 ]
}

@test "--profile ssh: the user's own directory, if there is one" {
	serve --profile ssh -x a='echo a'
	[ "$(call a)" = a ]
	end serve.pid
	mkdir -p config/muxctl/methods
	printf '#!/bin/sh\necho own\n' >config/muxctl/methods/own
	chmod 755 config/muxctl/methods/own
	serve --profile ssh
	[ "$(call own)" = own ]
}

@test "SIGTERM lets calls finish, and takes no more" {
	mkfifo go
	serve -m wait='echo up; read -r x <go; echo $x; echo bye >&2; exit 3'
	spawn out.one muxctl call -a unix:up.sock --json wait
	one=$PID
	await eval 'kill -USR1 $(cat serve.pid); says serve.log answering'
	kill -TERM "$(cat serve.pid)"
	await not test -S up.sock
	run -255 call wait
	echo done >go
	exits 3 "$one"
	grep -F '"body":"up\ndone\n","stderr":"bye\n"' out.one
	not says serve.log bye
	gone "$(cat serve.pid)"
}

@test "what is left after --grace is ended, and told so" {
	serve -m wait='echo $$ >wait.pid; trap "" TERM; tail -f /dev/null' \
	    --grace 200ms --kill-after 200ms
	spawn out.one muxctl call -a unix:up.sock --json wait
	one=$PID
	await test -s wait.pid
	kill -TERM "$(cat serve.pid)"
	exits 255 "$one"
	gone "$(cat serve.pid)"
	gone "$(cat wait.pid)"
	rm wait.pid
	run jq -r '.code' out.one
	[ "$output" = 255 ]
}

@test "a second SIGTERM does not wait" {
	serve -m wait='echo $$ >wait.pid; trap "" TERM; tail -f /dev/null' \
	    --grace 0 --kill-after 0
	spawn out.one muxctl call -a unix:up.sock wait
	await test -s wait.pid
	kill -TERM "$(cat serve.pid)"
	await not test -S up.sock
	kill -TERM "$(cat serve.pid)"
	gone "$(cat serve.pid)"
	gone "$(cat wait.pid)"
	rm wait.pid
}

@test "--max-calls: the end after so many" {
	serve -x a='echo a' --max-calls 2
	[ "$(call a)" = a ]
	[ "$(call a)" = a ]
	gone "$(cat serve.pid)"
}

@test "a call of what is not there leaves a line in the log, also --oneway" {
	serve -m up=cat --log serve.log
	run -127 call $'no\e[1m'
	await says serve.log "refused a call of 'no\\\\033\[1m' from uid [0-9]"
	says serve.log "uid [0-9]*: unknown method"
	# A refusal may come before it has left.
	call --oneway gone || [ "$?" -eq 127 ]
	await says serve.log "refused a call of 'gone' from uid [0-9]*: unknown"
	# Whoever goes on like that does not fill the disk.
	seq 1000 | run -123 muxctl call -a unix:up.sock --batch never
	[ "$(grep -c "call of 'never'" serve.log)" -lt 100 ]
}

@test "SIGUSR1 shows each call" {
	serve -m wait='echo up; tail -f /dev/null'
	spawn out.one muxctl call -a unix:up.sock wait
	await says out.one up
	kill -USR1 "$(cat serve.pid)"
	await says serve.log '"kind":"call"'
	grep '"kind":"call"' serve.log | tail -n 1 | jq -e '
	    .conn == 1 and .id == 1 and .method == "wait" and .pid > 1 and
	    .state == "answering" and .age_ns > 0 and .sent == 3'
}

@test "plain S0: the default method, and its log" {
	serve -m up='tr a-z A-Z; echo noise >&2' --default-method up \
	    -m bad='echo no >&2; exit 3'
	[ "$(call --legacy up -d hello)" = HELLO ]
	await says serve.log "up: noise"
	end serve.pid
	serve -m bad='echo no >&2; exit 3' --default-method bad
	run call --legacy bad
	said 1 "exited with 3"
	end serve.pid
	serve -x a=cat
	run -127 call --legacy a -d x
	said 127 "no such method"
}

s0() {	# COMMAND CASE...
	local one
	serve -m default="$1" --default-method default --kill-after 100ms
	for one in "${@:2}"; do
		# shellcheck disable=SC2086
		set -- $one
		python3 "$BATS_TEST_DIRNAME/s0.py" "$1" unix:up.sock "${@:2}"
	done
	end serve.pid
	rm -f serve.pid
}

@test "plain S0: calls and streams of a program that knows nothing else" {
	s0 cat flags ids streams many_streams 'pipelined 300'
	s0 'tr a-z A-Z' batch
	# shellcheck disable=SC2016
	s0 'if [ "$(cat)" = x ]; then exit 3; fi' \
	    'fails 1 exited' 'stream_fails 2 exited'
	# shellcheck disable=SC2016
	s0 'if [ "$(cat)" = x ]; then tail -f /dev/null; fi' cancels
	# shellcheck disable=SC2016
	s0 'if [ "$(cat)" = x ]; then yes; else echo; fi' cancels_stream \
	    pauses
}

@test "a stream that names a method is its answer" {
	serve -x cat=cat -m fail='cat; exit 4' -x none=/nonexistent/program \
	    -m args='echo "$@"' -x true=true -m killed='kill -9 $$'
	[ "$(caller stream cat hello)" = "ok
b'hello, and more'
end" ]
	[ "$(caller stream fail hello)" = "ok
b'hello, and more'
reset 2 exited with 4" ]
	[ "$(caller stream true x)" = "ok
end" ]
	[ "$(caller stream killed x)" = "ok
reset 2 killed by signal 9" ]
	[[ $(caller stream none x) == "error 9 "*"No such file"* ]]
	[ "$(caller stream nosuch x)" = "error 4 no such method" ]
	[ "$(caller stream args x a 'b c')" = "ok
b'a b c\n'
end" ]
}

@test "short reads and writes change nothing (C4)" {
	local so=${B:-${MUXCTL%/*}}/tests/cli/preload_shortio.so seed
	[ -z "${SAN-}" ] || skip "a sanitizer wants to be loaded first"
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$so" "$MUXCTL" >short
	chmod 755 short
	MUXCTL=$PWD/short
	head -c 300000 /dev/urandom >in
	for seed in 1 2 3; do
		export SHORTIO_SEED=$seed
		serve -x cat=cat -m both='cat >&2; echo out; exit 3'
		call -d @in cat | cmp - in
		run -3 call --stderr file:err.$seed -d @in both
		[ "$output" = out ]
		cmp err.$seed in
		end serve.pid
		rm -f serve.pid
	done
}

@test "--cwd is where methods run" {
	mkdir there
	serve -x pwd=pwd --cwd there
	[ "$(call pwd)" = "$PWD/there" ]
}

@test "words of methods that are wrong are found at the start" {
	for word in x =x mux.x=true; do
		run muxctl serve -m "$word" -- true
		said 125 "-m: "
	done
	run muxctl serve -x a="b 'c" -- true
	said 125 "-x: "
	for word in a= 'a=  ' 'a=""'; do
		run muxctl serve -x "$word" -- true
		said 125 "expected a "
	done
	run muxctl serve -m a=true -x a=true -- true
	said 125 "there is a method of this name already"
	run muxctl serve -M nowhere -- true
	said 125 "nowhere: No such file or directory"
	run muxctl serve -m a=true --limit b=jobs:1 -- true
	said 125 "there is no method of this name"
	for word in a a= a=jobs a=jobs:x a=jobs:-1 a=what:1 a=timeout:x; do
		run muxctl serve -m a=true --limit "$word" -- true
		said 125 "--limit: "
	done
	for word in '' =x MUX_A=1; do
		run muxctl serve -m a=true --env "$word" -- true
		said 125 "--env: "
	done
	run muxctl serve -m a=true --default-method b -- true
	said 125 "there is no method 'b'"
	run muxctl serve --profile x -- true
	said 125 "expected ssh"
}
