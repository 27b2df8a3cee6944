# muxctl call for one call: every option, every row of the table of exit
# statuses, every way to end.  The server is answerer.py, which gives any
# answer; how the two programs get along is in methods.bats.

setup_file() {
	bats_require_minimum_version 1.5.0
	export BATS_TEST_TIMEOUT=60
}

setup() {
	load helper
	begin
	export PYTHONDONTWRITEBYTECODE=1
	export MUXCTL_ADDR=unix:a.sock
	spawn seen python3 "$BATS_TEST_DIRNAME/answerer.py" a.sock
	await says seen ready
}

teardown() {
	finish
}

call() {
	run -"${WANT:-0}" --separate-stderr muxctl call "$@"
}

# The exit status of a call, and the kind and code that --json and
# --status-fd say.
row() {	# STATUS KIND [OPTION]... METHOD [ARG]...
	local want=$1 kind=$2 status=0
	shift 2
	muxctl call "$@" >out 2>err || status=$?
	[ "$status" -eq "$want" ] || {
		echo "status $status, expected $want: $*"
		cat out err
		return 1
	}
	status=0
	muxctl call --json --status-fd 9 "$@" >json 2>err 9>fd || status=$?
	[ "$status" -eq "$want" ] && [ ! -s err ]
	[ "$(jq -r '"\(.v) \(.kind) \(.code)"' json)" = "1 $kind $want" ]
	[ "$(jq -c 'del(.body, .body_b64, .stderr)' json)" = \
	    "$(jq -c . fd)" ]
}

# ---- the table of exit statuses ----

@test "exit status: what the method exits with, 255 too" {
	for n in 0 1 3 123 124 125 126 127 130 141 255; do
		row "$n" exit exit "$n"
		[ "$(cat out)" = out ]
		[ ! -s err ]
	done
	# Not its low byte, which would be a success.
	row 255 exit exit 256
	row 0 exit plain
}

@test "exit status: a method killed by a signal" {
	row 137 signal signal 9
	[ "$(jq .signal json)" = 9 ]
	[ "$(jq -r .error json)" = "killed by signal 9" ]
	row 139 signal signal 11 1
	[ "$(jq -r .error json)" = "killed by signal 11 (core dumped)" ]
	call_said 143 "signal: killed by signal 15 (unix:a.sock)" signal 15
}

call_said() {	# STATUS TEXT WORD...
	local want=$1 text=$2
	shift 2
	run -"$want" --separate-stderr muxctl call "$@"
	[ "$stderr" = "muxctl: call: $text" ] || {
		echo "$stderr"
		return 1
	}
}

@test "exit status: error answers" {
	for n in 1 2 32 500 2147483647; do
		row 1 error error "$n" text
	done
	row 130 cancelled error 3
	row 127 nomethod error 4
	for n in 5 7 10 12 13 15; do
		row 126 refused error "$n"
	done
	row 124 timeout error 6
	for n in 8 11 16 17 18 19 20 2147483649; do
		row 255 transport error "$n"
	done
	row 125 error error 9
	row 255 indeterminate error 14
	row 126 spawn notrun 2
	call_said 126 "notrun: cannot be started: no such program\
 (unix:a.sock)" notrun 2
}

@test "exit status: a lost connection, a deadline: neither is an exit" {
	row 255 transport die
	row 255 transport partdie some
	row 124 timeout -t 0.2 mute
	row 124 timeout -t 0.2 deaf
	row 124 timeout -t 0.2 part some
	row 255 not_sent -a unix:none m
	row 255 not_sent -a exec:true m
}

@test "exit status: wrong usage and local errors are 125" {
	for words in "" "--nope m" "-d" "-d a -d b m" "-d a m -" \
	    "-d a --data-raw b m" "--priority 8 m" "--stderr=x m" \
	    "--stderr=file: m" "--status-fd 99 m" "--meta x m" \
	    "--meta =x m" "--meta-secret k=v m" "--list m" \
	    "--describe a m" "--list --oneway" "--oneway --json m" \
	    "--oneway -o f m" "--legacy --require-hello m" "--retry x m" \
	    "-a bogus:x m" "-a tls:host:1 m" "-d @none m" "-d @. m" \
	    "-o none/f plain" "--stderr=file:none/f plain" \
	    "--meta k=@none m" "-t x m"; do
		run -125 --separate-stderr muxctl call $words
		[ "$output" = "" ]
		[[ $stderr == "muxctl: call: "* ]]
	done
	[ ! -e f ]
	call_said 125 "expected a method, got an empty word (--list: which\
 there are)" ''
	run muxctl call -o /dev/full plain
	said 125 "/dev/full: No space left on device"
	run bash -c '"$0" call plain >/dev/full' "$MUXCTL"
	said 125 "No space left on device"
	run bash -c '"$0" call --json plain >/dev/full' "$MUXCTL"
	said 125 "No space left on device"
}

@test "exit status: --status-fd that cannot be written is 125, or worse" {
	run muxctl call --status-fd 9 plain 9>/dev/full
	said 125 "plain: write to --status-fd: No space left on device"
	run -125 --separate-stderr muxctl call --json --status-fd 9 exit 3 \
	    9>/dev/full
	[ "$(jq -r '"\(.kind) \(.code) \(.error)"' <<<"$output")" = \
	    "error 125 write to --status-fd: No space left on device" ]
	# What the status says is worse than that nobody could be told.
	run -127 muxctl call --status-fd 9 nope 9>/dev/full
	said 127 "write to --status-fd: No space left on device"
	[[ $output == *"unknown method"* ]]
	# Its reader goes away, as one of standard output may.
	mkfifo status
	exec {FD}<>status
	exec 9>status {FD}<&-
	run muxctl call --status-fd 9 plain
	exec 9>&-
	said 141 ""
	[ "$output" = plain ]
}

@test "exit status: what a file system only says at the end is 125 (-o)" {
	command -v strace >/dev/null || skip "strace is not installed"
	run strace -qq -o trace -P "$PWD/file" -e trace=close \
	    -e inject=close:error=EDQUOT:when=1 "$MUXCTL" call -o file plain
	said 125 "plain: write to file: Disk quota exceeded"
	grep -q INJECTED trace
	run strace -qq -o trace -P "$PWD/said" -e trace=close \
	    -e inject=close:error=EIO:when=1 "$MUXCTL" call \
	    --stderr=file:said err oops 0
	said 125 "write to said: Input/output error"
}

@test "a failed call says method, reason and address" {
	call_said 127 "nope: unknown method: nope (unix:a.sock)" nope
	call_said 1 "error: error 500: no such row (unix:a.sock)" \
	    error 500 "no such row"
	call_said 255 "m: connect unix:none: No such file or directory\
 (is the server running? try --wait=5s)" -a unix:none m
	# Whatever it is, it comes out harmless.
	call_said 1 'error: error 500: \^[[31m\n (unix:a.sock)' \
	    error 500 $'\e[31m\n' || call_said 1 \
	    'error: error 500: \033[31m\n (unix:a.sock)' error 500 $'\e[31m\n'
	run -3 --separate-stderr muxctl call exit 3
	[ "$stderr" = "" ]
}

# ---- what is sent ----

shown() {	# JQ-EXPRESSION WANT OPTION...
	local want=$2 expr=$1
	shift 2
	[ "$(muxctl call "$@" | jq -ac "$expr")" = "$want" ]
}

@test "words: the method, and arguments as they stand" {
	shown .args '[]' show
	shown .args '["a b","*","$(id)","-x","--json","-","--"]' \
	    show "a b" "*" '$(id)' -x --json - --
	shown .args '["","--","-d"]' show "" -- -d
	shown .args '["-"]' -- show -
	shown .args '["-x"]' show -- -x
	shown .priority 2 show --priority 2
	shown .priority null show
}

@test "words: -v points out what looks like an option and is none" {
	call -v show x --json=secret -q
	[[ $stderr == *"show: '--json' is an argument of the method: "* ]]
	[[ $stderr != *secret* ]]
	call -v show x -psecret
	[[ $stderr == *"'-p' is an argument"* ]]
	[[ $stderr != *secret* ]]
	for words in "-v show --priority 2 x y" "-v show x -" \
	    "-v -- show -x --json" "show x --json"; do
		call $words </dev/null
		[[ $stderr != *"is an argument"* ]]
	done
}

@test "-d, --data-raw, a last -: the body" {
	printf 'a\0b\n' >file
	shown .body '"text"' show -d text
	shown .body '""' show -d ""
	shown .body '"@file"' show --data-raw @file
	shown .body '"a\u0000b\n"' show -d @file
	shown .body '"a\u0000b\n"' show -d @- <file
	shown .body '"a\u0000b\n"' show - <file
	shown '[.body,.args]' '["a\u0000b\n",["x"]]' show x - <file
	shown .body '"a\u0000b\n"' show -d @<(cat file)
	# Standard input is left alone otherwise.
	[ "$({ muxctl call plain >&2; cat; } <file 2>/dev/null | wc -c)" -eq 4 ]
}

@test "a large body goes and comes whole, under credit" {
	head -c 3000000 /dev/urandom >file
	muxctl call echo -d @file | cmp - file
	muxctl call echo - <file | cmp - file
	cat file | muxctl call echo - | cmp - file
	muxctl call -o copy -d @file echo
	cmp copy file
	[ "$(muxctl call --json -d @file echo | jq -r .body_b64 |
	    base64 -d | md5sum)" = "$(md5sum <file)" ]
}

@test "a method that does not read its input ends the call by its answer" {
	# Nothing comes, and nothing ends.
	[ "$(muxctl call plain - <&"$NEVER")" = plain ]
	run muxctl call exit 7 - < <(cat /dev/zero)
	said 7 out
}

@test "an input that cannot be read is an error, not an end" {
	exec {FD}>write.only
	run bash -c '"$0" call echo - <&"$1"' "$MUXCTL" "$FD"
	said 125 "read the body"
	await says seen 'request echo'
}

@test "--meta, --meta-secret: in order, duplicates kept" {
	echo token >token
	chmod 600 token
	shown .meta '[[0,0,"a","1"],[0,0,"b","x=y"],[0,0,"a","2"]]' \
	    --meta a=1 --meta b=x=y --meta a=2 show
	shown .meta '[[0,1,"t","token"],[0,0,"t","token"]]' \
	    --meta-secret t=@token --meta t=@token show
	printf '\377' >token
	shown .meta '[[1,0,"t","\u00ff"]]' --meta t=@token show
	shown .meta '[[0,1,"t","x"]]' --meta-secret t=@<(echo x) show
	chmod 640 token
	run muxctl call --meta-secret t=@token show
	said 125 "mode 0640: a secret is for its owner only"
	head -c 16385 /dev/zero >large
	run muxctl call --meta t=@large show
	said 125 "more than 16384 bytes"
	# The secret itself, given by mistake, is not repeated.
	run muxctl call --meta-secret t=hunter2 show
	said 125 "expected KEY=@FILE"
	[[ $output != *hunter2* ]]
}

@test "-t travels; what cannot be told is refused here" {
	[ "$(muxctl call -t 1000 show | jq '.deadline > 990000')" = true ]
	[ "$(muxctl call -t 0 show | jq .deadline)" = null ]
	[ "$(MUXCTL_TIMEOUT=1000 muxctl call show |
	    jq '.deadline > 990000')" = true ]
	run muxctl call show $(seq 1025)
	said 126 "too large"
	run muxctl call show "$(head -c 66000 /dev/zero | tr '\0' x)"
	said 126 "too large"
}

# ---- what becomes of the answer ----

@test "-o: as it comes; after a failure what came is kept" {
	muxctl call -o file -d hello echo
	[ "$(cat file)" = hello ]
	run muxctl call -o file partfail some
	said 1 "file: incomplete: 4 bytes came"
	[ "$(cat file)" = some ]
	# Nothing is touched before there is a connection.
	run muxctl call -a unix:none -o file plain
	said 255 "connect"
	[ "$(cat file)" = some ]
	run muxctl call -o out.json --json plain
	[ "$(jq -r .body <<<"$output")" = null ]
	[ "$(cat out.json)" = plain ]
}

@test "--stderr: pass, merge, drop, file" {
	WANT=4 call err oops 4
	[ "$output" = body ] && [ "$stderr" = oops ]
	WANT=4 call --stderr=merge err oops 4
	[ "$output" = oopsbody ] && [ "$stderr" = "" ]
	WANT=4 call --stderr=drop err oops 4
	[ "$output" = body ] && [ "$stderr" = "" ]
	call --stderr=drop errstop oops
	[ "$output" = stopped ] && [ "$stderr" = "" ]
	WANT=4 call --stderr=file:errors err oops 4
	[ "$output" = body ] && [ "$stderr" = "" ]
	[ "$(cat errors)" = oops ]
}

@test "--stderr: what comes behind the answer is awaited" {
	call late oops
	[ "$output" = body ] && [ "$stderr" = oops ]
	[ "$(muxctl call --json late oops | jq -r .stderr)" = oops ]
}

@test "--json: the keys in their order, stderr and usage" {
	[ "$(muxctl call --json usage | jq -c keys_unsorted)" = \
'["v","method","kind","code","body","queued_ns","total_ns","user_ns",'\
'"sys_ns","maxrss"]' ]
	[ "$(muxctl call --json usage | jq -c '[.user_ns,.sys_ns,.maxrss]')" \
	    = '[1,2,3]' ]
	run muxctl call --json err oops 4
	[ "$(jq -c 'keys_unsorted' <<<"$output")" = \
'["v","method","kind","code","body","stderr","queued_ns","total_ns"]' ]
	[ "$(jq -r .stderr <<<"$output")" = oops ]
	[ "$(muxctl call --json --stderr=merge err X 0 | jq -c .body)" = \
	    '"Xbody\n"' ]
	printf '\377' >file
	[ "$(muxctl call --json -d @file echo | jq -r .body_b64)" = /w== ]
}

@test "--list and --describe" {
	call --list
	[ "$output" = $'a\tshell\tthe first\nb\\t\\033\tbuiltin\t' ]
	[ "$(muxctl call --json --list | jq -r .kind | tr '\n' ' ')" = \
	    "shell builtin " ]
	[ "$(muxctl call --json --list | tail -n 1)" = \
	    '{"v":1,"name":"b\t\u001b","kind":"builtin"}' ]
	call --describe a
	[ "$output" = $'name: a\nkind: shell\nabout: the first' ]
	[ "$(muxctl call --json --describe a | jq -r .name)" = a ]
	run -127 muxctl call --describe z
	said 127 "z: unknown method"
	run -127 muxctl call --json --describe z
	said 127 ""
}

# The program that still runs here.
left_behind() {
	local p
	for p in /proc/[0-9]*; do
		[ ! "$p/cwd" -ef . ] ||
		    ! grep -qsx muxctl "$p/comm" || echo "${p#/proc/}"
	done
}

@test "--oneway: returns when it is sent, and the call goes on" {
	run --separate-stderr muxctl call --oneway -d text show
	[ "$status" -eq 0 ] && [ "$output" = "" ]
	await says seen 'request show'
	await says seen gone
	# It holds nothing that others wait for, and its connection stays.
	: >seen
	[ "$(muxctl call --oneway mute 2>&1)" = "" ]
	await says seen 'request mute'
	not says seen cancel
	not says seen gone
	kill -TERM "$(left_behind)"
	await says seen 'cancel 3'
	await says seen gone
	run muxctl call --oneway -a unix:none m
	said 255 "connect"
}

# ---- how ----

@test "--retry: only what was certainly not begun" {
	run muxctl call goodbye 1
	said 255 "not started"
	run muxctl call --retry 3 goodbye 3
	said 0 ok
	[ "$(grep -c 'request goodbye' seen)" -eq 4 ]
	run muxctl call --retry 1 busy 2
	said 255 "unavailable"
	run muxctl call --retry 1 busy 3
	said 0 ok
	run muxctl call --retry 3 die
	said 255 "connection lost"
	[ "$(grep -c 'request die' seen)" -eq 1 ]
	run muxctl call --retry 2 -a unix:none -v m
	said 255 "connect"
	[ "$(grep -c "trying again" <<<"$output")" -eq 2 ]
}

@test "--retry: the body is sent again, but not what was read from stdin" {
	echo text >file
	[ "$(muxctl call --retry 3 -d @file goodbye 1)" = ok ]
	[ "$(muxctl call --retry 3 -d text goodbye 4)" = ok ]
	run muxctl call --retry 3 -d @- goodbye 9 <file
	said 255 ""
	[ "$(grep -c 'request goodbye' seen)" -eq 6 ]
}

@test "--idempotent: a lost connection is tried again, an answer is not" {
	run muxctl call --retry 2 --idempotent die
	said 255 "connection lost"
	[ "$(grep -c 'request die' seen)" -eq 3 ]
	run muxctl call --retry 2 --idempotent partdie some
	[ "$(grep -c 'request partdie' seen)" -eq 1 ]
	run muxctl call --retry 2 --idempotent error 500
	[ "$(grep -c 'request error' seen)" -eq 1 ]
}

@test "--wait: until there is a server" {
	spawn out muxctl call -a unix:b.sock --wait=10s -v plain
	await says out "trying again"
	spawn second python3 "$BATS_TEST_DIRNAME/answerer.py" b.sock
	await says out plain
	run muxctl call -a unix:none --wait=100ms plain
	said 255 "no longer waiting"
}

@test "--connect-timeout: a server that says nothing" {
	spawn silent python3 "$NET" serve hold "$PWD/silent.sock"
	await test -S silent.sock
	run muxctl call -a unix:silent.sock --connect-timeout 100ms m
	said 255 "HELLO"
	run muxctl call -a unix:silent.sock -t 100ms m
	said 124 "no end within the 0.1 s of -t"
}

@test "a server that is started for one call" {
	run muxctl call -a "exec:'$MUXCTL' serve -q -l - -m up='tr a-z A-Z'" \
	    up -d hello
	said 0 HELLO
	run muxctl call -a "exec:'$MUXCTL' serve -q -l - -m no='exit 7'" no
	[ "$status" -eq 7 ] && [ "$output" = "" ]
}

@test "a server that takes no calls" {
	spawn none python3 "$BATS_TEST_DIRNAME/answerer.py" none.sock 0
	await says none ready
	run muxctl call -a unix:none.sock m
	said 126 "takes no calls"
}

# ---- ends ----

@test "SIGINT, SIGTERM, SIGHUP: the work is called off, and we die of it" {
	for sig in INT TERM HUP; do
		: >seen
		spawn out env --default-signal="$sig" "$MUXCTL" call mute
		await says seen 'request mute'
		kill -s "$sig" "$PID"
		exits $((128 + $(kill -l "$sig"))) "$PID"
		says seen 'cancel 3'
		[ ! -s out ]
	done
}

@test "SIGINT: by --json too, and a second one is not waited for" {
	spawn json env --default-signal=INT "$MUXCTL" call --json mute
	await says seen 'request mute'
	kill -s INT "$PID"
	exits 130 "$PID"
	[ "$(jq -r '"\(.kind) \(.code)"' json)" = "cancelled 130" ]
	spawn out env --default-signal=INT "$MUXCTL" call deaf
	await says seen 'request deaf'
	kill -s INT "$PID"
	await says seen 'cancel 3'
	kill -s INT "$PID"
	exits 130 "$PID"
}

@test "SIGINT that is ignored stays so" {
	spawn out env --ignore-signal=INT "$MUXCTL" call mute
	await says seen 'request mute'
	kill -s INT "$PID"
	kill -s TERM "$PID"
	exits 143 "$PID"
}

@test "| head: it ends with 141 and no word, and the method with it" {
	run bash -o pipefail -c '"$0" call big 100000000 | head -c 10' \
	    "$MUXCTL"
	[ "$status" -eq 141 ]
	[ "$(tr '\0' x <<<"$output" 2>/dev/null)" = "" ] ||
	    [ "${#output}" -le 10 ]
	await says seen 'cancel 3'
	# Also one that says nothing more.
	mkfifo pipe
	spawn err bash -c '"$0" call part some >pipe' "$MUXCTL"
	head -c 4 pipe
	exits 141 "$PID"
	[ ! -s err ]
}

@test "a deadline calls the work off" {
	run muxctl call -t 0.2 mute
	said 124 "mute: no end within the 0.2 s of -t (-t 0: no limit)\
 (unix:a.sock)"
	await says seen 'cancel 6'
	run muxctl call --timeout=250ms --json mute
	[ "$(jq -r .error <<<"$output")" = \
	    "no end within the 0.25 s of --timeout (-t 0: no limit)" ]
	MUXCTL_TIMEOUT=100ms run muxctl call mute
	said 124 "mute: no end within the 0.1 s of MUXCTL_TIMEOUT (-t 0:"
	echo timeout 0.3 >conf
	run muxctl call --config conf mute
	said 124 "mute: no end within the 0.3 s of conf:1: timeout (-t 0:"
}

@test "every frame with -vv, and nothing of it on standard output" {
	run --separate-stderr muxctl call -vv plain
	[ "$output" = plain ]
	[[ $stderr == *"> request id 1"* ]]
	[[ $stderr == *"< response id 1"* ]]
}

@test "a server that answers what was not asked, or in nonsense" {
	for frame in '000000000300000000000000 0100' \
	    '000000000100000000000000 0300' '000000000000000000000000 ff00' \
	    '000000000200000000000000 1100' '00000000000000000000000b 0b00'; do
		run muxctl call raw "$frame"
		[ "$status" -eq 255 ] || [[ $frame == *ff00 ]] || {
			echo "$frame: $status $output"
			return 1
		}
	done
}

# ---- half a minute, in less ----

# The clock of the program runs 30 times as fast.
hasty() {
	env CLOCK_SPEED=30 LD_PRELOAD="$(dirname "$MUXCTL")/tests/cli/\
preload_clock.so" "$MUXCTL" "$@"
}

@test "no progress for 30s: given up, and said how to change it" {
	[ -z "$SAN" ] || skip "sanitizers come first"
	run hasty call mute
	said 124 "mute: no byte moved for 30 s, the limit without -t (-t D:\
 one in all, -t 0: none)"
	await says seen 'cancel 6'
	run hasty call part some
	said 124 "no byte moved for 30 s"
	[[ $output == some* ]]
	run hasty call --json mute
	[ "$(jq -r '"\(.kind) \(.code)"' <<<"$output")" = "timeout 124" ]
	jq -r .error <<<"$output" | grep "^no byte moved for 30 s, the limit "
}

@test "no progress: while our own input says nothing, nobody else is slow" {
	[ -z "$SAN" ] || skip "sanitizers come first"
	mkfifo slow file
	# Half a minute of silence, which two others behind it do not survive.
	hasty call echo - <slow >got 3>&- &
	PIDS+=("$!")
	hasty call echo -d @file >got2 3>&- &
	PIDS+=("$!")
	exec {FD}>slow {FD2}>file
	await says seen 'request echo'
	run hasty call mute
	said 124 "no byte moved for 30 s"
	run hasty call mute
	said 124 "no byte moved for 30 s"
	printf some >&"$FD"
	run hasty call mute
	said 124 "no byte moved for 30 s"
	echo " more" | tee "/dev/fd/$FD2" >&"$FD"
	exec {FD}>&- {FD2}>&-
	exits 0 "${PIDS[-2]}"
	exits 0 "${PIDS[-1]}"
	[ "$(cat got)" = "some more" ]
	[ "$(cat got2)" = " more" ]
}

@test "no progress: once its input has ended, the server may be slow" {
	[ -z "$SAN" ] || skip "sanitizers come first"
	mkfifo slow
	hasty call mute - <slow 2>err 3>&- &
	PIDS+=("$!")
	exec {FD}>slow
	run hasty call mute
	said 124 "no byte moved for 30 s"
	[ ! -s err ]
	exec {FD}>&-
	exits 124 "${PIDS[-1]}"
	says err "no byte moved for 30 s"
}

@test "no progress: a reader who takes his time is no reason" {
	[ -z "$SAN" ] || skip "sanitizers come first"
	mkfifo pipe
	# Its output is full; a second one, begun behind it, gives up first.
	hasty call big 3000000 3>&- >pipe &
	PIDS+=("$!")
	exec {FD}<pipe
	run hasty call mute
	said 124 "no byte moved for 30 s"
	run hasty call mute
	said 124 "no byte moved for 30 s"
	[ "$(wc -c <&"$FD")" -eq 3000000 ]
}

@test "SIGUSR1: the connection and the call" {
	spawn out "$MUXCTL" call mute
	await says seen 'request mute'
	kill -s USR1 "$PID"
	await says out '"kind":"call"'
	[ "$(jq -r '"\(.kind) \(.id // "") \(.state // "")"' out)" = \
	    $'connection  \ncall 1 sent' ]
}
