# call --batch against answerer.py, which answers as it is told.

setup_file() {
	export BATS_TEST_TIMEOUT=60 PYTHONDONTWRITEBYTECODE=1
}

setup() {
	load helper
	load batch
	begin
	export MUXCTL_ADDR=unix:up.sock
}

teardown() {
	finish
}

# ---- input ----

@test "lines are bodies: empty ones, any bytes, the last one without an end" {
	answerer
	printf 'a\n\n b\t\\ \n\377\r' | batch 0 echo
	got $'1\t0\texit\ta' $'2\t0\texit\t' $'3\t0\texit\t b\\t\\\\ ' \
	    $'4\t0\texit\t\\xff\\r'
	printf '{"id":1}\n' | batch 0 echo
	got $'1\t0\texit\t{"id":1}'
	[ ! -s said ]
}

@test "no input: nothing to do, status 0" {
	answerer
	batch 0 echo </dev/null
	batch 0 </dev/null
	printf '\n \n' | batch 0
	[ ! -s got ]
	[ ! -s said ]
}

@test "-0: lines end with NULs" {
	answerer
	printf 'a\nb\0\0c' | batch 0 -0 echo
	got $'1\t0\texit\ta\\nb' $'2\t0\texit\t' $'3\t0\texit\tc'
	printf '{"id":\n"x",\n"method":"echo"}\0' | batch 0 --null
	got $'x\t0\texit\t'
}

@test "every line has the same arguments" {
	answerer
	seq 2 | batch 0 --json --meta k=v show a 'b c'
	objects '[.[].body | fromjson | .args] == [["a","b c"],["a","b c"]]'
	objects '[.[].body | fromjson | .body] | sort == ["1","2"]'
	objects 'all(.[]; .body | fromjson | .meta == [[0,0,"k","v"]])'
}

@test "tsv: method and arguments, escapes, blank lines" {
	answerer
	printf '\n \nshow\ta\\tb\\n\\\\\\x41\t\tc\n\nexit\t3' |
	    batch 123 --json
	objects '.[] | select(.id == 3) | .body | fromjson |
	    .args == ["a\tb\n\\A", "", "c"] and .body == ""'
	objects '.[] | select(.id == 5) | .code == 3 and .method == "exit"'
	says said '1 of 2 calls failed'
	printf 'plain\\q\n\tx\n{}\n' | batch 123 --batch-format=tsv --ordered
	local why='a backslash without t, n, r, \\ or xHH behind it'
	in_order $'1\t125\terror\tline 1: '"$why" \
	    $'2\t125\terror\tline 2: no method' \
	    $'3\t127\tnomethod\tno such method: {}'
}

@test "files of other systems: a byte order mark, carriage returns" {
	answerer
	local bom=$'\xef\xbb\xbf'
	printf "${bom}"'exit\t3\r\nexit\t4\\r\r\n\r\n' | batch 123 --ordered
	[ "$(cut -f 1,2 got)" = $'1\t3\n2\t0' ]
	printf "$bom"'{"method":"echo","body":"a"}\r\n{"method":"echo"}\r\n' |
	    batch 0 --ordered
	in_order $'1\t0\texit\ta' $'2\t0\texit\t'
	printf "$bom"'a\r\n' | batch 0 --json echo
	objects '.[0].body == "\ufeffa\r"'
	# Only in front, and only where lines end with newlines.
	printf "echo\n${bom}echo\n" | batch 123 --ordered
	[ "$(cut -f 2 got)" = $'0\n127' ]
	printf 'show\ta\r\0' | batch 0 --json -0
	objects '.[0].body | fromjson | .args == ["a\r"]'
}

@test "ndjson: ids of any kind come back as they were written" {
	answerer
	cat >in <<-'END'
	{"id":12345678901234567890,"method":"echo"}
	{"id":1.0,"method":"echo"}
	{"id":"a\u0007\"é","method":"echo"}
	{"id":[1, {"x" : null}],"method":"echo"}
	{"id":null,"method":"echo"}
	{"method":"echo"}
	END
	batch 0 --ordered --json <in
	[ "$(sed 's/.*"id":\(.*\),"method".*/\1/' got)" = \
	    '12345678901234567890
1.0
"a\u0007\"\u00e9"
[1,{"x":null}]
null
6' ]
	batch 0 --ordered <in
	[ "$(cut -f 1 got)" = '12345678901234567890
1.0
a\x07"é
[1,{"x":null}]
null
6' ]
}

@test "ndjson: bodies as text and as base64, arguments behind those here" {
	answerer
	printf '%s\n' '{"method":"echo","body":"\u00e9\u0000\n"}' \
	    '{"method":"echo","body_b64":"/wA="}' '{"args":["z"]}' |
	    batch 0 --json --ordered --batch-format=ndjson show a
	objects '.[0].body_b64 == "w6kACg==" and .[1].body_b64 == "/wA="'
	objects '.[2].body | fromjson | .args == ["a","z"]'
}

@test "requests that are taken for bodies are warned of, bodies are not" {
	serve
	local hint='line 1 looks like a request' line
	printf '{"id":1,"body":"x"}\n{"body":"y"}\n' | batch 0 mux.echo
	[ "$(grep -c "$hint.*--batch-format=ndjson" said)" -eq 1 ]
	[ "$(sed -n 2p got | cut -f 4)" = '{"body":"y"}' ]
	printf '{"id":1,"body":"x"}\n' | batch 0 --batch-format=lines mux.echo
	[ ! -s said ]
	printf '{"id":1,"body":"x"}\n' |
	    batch 0 --batch-format=ndjson mux.echo
	got $'1\t0\texit\tx'
	[ ! -s said ]
	for line in '{"id":1}' '{"body":"x","more":1}' '{"body":1}' '"body"' \
	    '{}' '' '[]' '{"body":"x"'; do
		printf '%s\n{"body":"x"}\n' "$line" | batch 0 mux.echo
		[ ! -s said ]
	done
}

@test "ndjson: what is wrong in the middle has its line, the others go on" {
	answerer
	cat >in <<-'END'
	{"method":"echo","body":"first"}
	{"id":7,"method":"echo","bdy":""}
	nope
	{"id":"dup","id":"dup"}
	{"id":8,"body":"","body_b64":""}
	{"id":9,"method":"echo","body_b64":"!"}
	{"id":10}
	END
	printf '{"id":"\377"}\n{"method":"echo","body":"last"}' >>in
	batch 123 --ordered --json <in
	objects 'length == 9'
	objects '[.[].code] == [0,125,125,125,125,125,125,125,0]'
	objects '[.[].id] == [1,7,3,4,8,9,10,8,9]'
	objects 'all(.[1:8][]; .kind == "error")'
	objects '[range(1;8)] == [.[1:8][].error | capture("^line (?<n>\\d)") |
	    .n | tonumber - 1]'
	objects '.[1].error | contains("unknown key")'
	objects '.[8].body == "last"'
	says said '7 of 9 calls failed'
}

@test "a line of more than 16 MiB is an error, the next one is not" {
	answerer
	{ echo a; head -c 16777217 /dev/zero; echo; echo b; } |
	    batch 123 --ordered echo
	in_order $'1\t0\texit\ta' $'2\t125\terror\tline 2: too long' \
	    $'3\t0\texit\tb'
}

@test "input from a file, and from one that is not there" {
	answerer
	seq 3 >in
	run muxctl call --batch=in echo
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 3 ]
	run muxctl call --batch=none echo
	said 125 "--batch none: No such file"
	run muxctl call --batch=. echo
	said 125 "read .: Is a directory"
}

@test "100,000 calls over one connection, each with its own result" {
	serve
	seq 100000 | batch 0 -P 256 mux.echo
	awk -F '\t' '$1 != $4 || $2 != 0 || seen[$1]++ { bad = 1 }
	    END { exit bad || NR != 100000 }' got
	seq 100000 | batch 0 --ordered --json mux.echo
	jq -r .body got | cmp - <(seq 100000)
}

# ---- output ----

@test "codes and kinds, as text and as JSON" {
	answerer
	tr ' ' '\t' >in <<-'END'
	exit 7
	exit 255
	signal 9 1
	nope
	error 500 Int\x1b
	error 7
	notrun 2
	plain
	usage
	END
	batch 123 --ordered <in
	in_order $'1\t7\texit\tout\\n' $'2\t255\texit\tout\\n' \
	    $'3\t137\tsignal\t' $'4\t127\tnomethod\tno such method: nope' \
	    $'5\t1\terror\terror 500: Int\\x1b' \
	    "$(sed -n 6p got)" "$(sed -n 7p got)" \
	    $'8\t0\texit\tplain\\n' $'9\t0\texit\t'
	[[ $(sed -n 6p got) == $'6\t126\trefused\t'* ]]
	[[ $(sed -n 7p got) == $'7\t126\tspawn\t'*'no such program' ]]
	batch 123 --ordered --json <in
	objects '[.[].code] == [7,255,137,127,1,126,126,0,0]'
	objects '.[2].signal == 9 and .[8].maxrss == 3'
	objects 'all(.[]; .v == 1 and .total_ns > 0)'
	# Nothing that a terminal could take for more than text.
	not grep -q "$(printf '[^ -~]')" got
}

@test "--ordered waits for its turn, without it the first one done is first" {
	answerer
	printf 'big\t200000\necho\n' >in
	batch 0 --ordered <in
	[ "$(cut -f 1 got)" = "1
2" ]
	[ "$(head -n 1 got | cut -f 4 | grep -o '\\x00' | wc -l)" -eq 200000 ]
	printf 'big\t5000000\necho\n' | batch 0
	[ "$(sed 's/\t.*//' got | grep -v event)" = "2
1" ]
}

# A server whose method `big` gives so many bytes.
bigs() {
	serve -m 'big=head -c "$1" /dev/zero | tr "\0" x'
}

@test "a long body comes in events, and small results do not wait for it" {
	bigs
	{ printf 'big\t5000000\n'; yes mux.echo | head -n 200; } >in
	batch 0 --json <in
	objects '[.[] | select(.event == "data") | .body | length] |
	    add == 5000000 and max <= 49152'
	objects '[.[] | select(.event == "data") | .id] | unique == [1]'
	objects '[.[] | select(.id == 1 and .event == null)] |
	    length == 1 and (.[0] | has("body") | not) and .[0].code == 0'
	# All of the others were there before it.
	objects '.[-1].id == 1'
	batch 0 --ordered --json <in
	objects '[.[] | select(.event == null) | .id] == [range(1; 202)]'
	objects '[.[] | select(.event == "data") | .body | length] |
	    add == 5000000'
	batch 0 <in
	[ "$(tail -n 1 got)" = $'1\t0\texit\t' ]
	[ "$(grep -c '^{"v":1,"event":"data","id":1,"body":".*"}$' got)" -eq \
	    "$(grep -c event got)" ]
	# One that is just not long.
	printf 'big\t1048576\n' | batch 0 --json
	objects 'length == 1 and (.[0].body | length) == 1048576'
}

@test "two long bodies, in order" {
	bigs
	printf 'big\t3000000\nbig\t2000000\nmux.echo\n' |
	    batch 0 --ordered --json
	objects '[.[].id] | . == sort'
	objects '[.[] | select(.event) | {id, n: (.body | length)}] |
	    group_by(.id) | map([.[].n] | add) == [3000000, 2000000]'
}

@test "standard error merged into long bodies: both windows are given back" {
	serve -m both='xs() { head -c 3000000 /dev/zero | tr "\0" x; }
	    xs >&2; xs'
	printf 'a\nb\n' | batch 0 --json --stderr=merge both
	objects '[.[] | select(.event) | {id, n: (.body | length)}] |
	    group_by(.id) | map([.[].n] | add) == [6000000, 6000000]'
}

@test "standard error: behind its id, in the object, dropped, merged, a file" {
	answerer
	printf '{"id":"a b","method":"err","args":["x\\ny\\u001b","3"]}\n' >in
	batch 123 <in
	got $'a b\t3\texit\tbody\\n'
	[ "$(head -n 2 said)" = 'a b: x
a b: y\x1b' ]
	batch 123 --json <in
	objects '.[0].stderr == "x\ny\u001b" and .[0].body == "body\n"'
	not says said '^a b: '
	batch 123 --stderr=drop --json <in
	objects '.[0] | has("stderr") | not'
	batch 123 --stderr=merge <in
	got $'a b\t3\texit\tx\\ny\\x1bbody\\n'
	batch 123 --json --stderr=file:errors <in
	[ "$(head -n 1 errors)" = "a b: x" ]
	objects '.[0] | has("stderr") | not'
	run muxctl call --batch=in --stderr=file:none/errors
	said 125 "--stderr none/errors: No such file"
	printf 'late\tzz\t0\n' | batch 0
	says said '^1: zz$'
}

@test "-o: a file for each call" {
	answerer
	mkdir out
	printf '%s\n' '{"id":"one","method":"echo","body":"x\n"}' \
	    '{"id":"none","method":"echo"}' '{"id":"a/b","method":"echo"}' \
	    '{"id":"..","method":"echo"}' '{"id":"","method":"echo"}' \
	    '{"id":"n\u0000","method":"echo"}' \
	    '{"id":"big","method":"big","args":["3000000"]}' \
	    '{"id":"lost","method":"nope"}' | batch 123 -o 'out/%%%i' --json
	objects '[.[] | select(.code == 0) | .id] | sort ==
	    ["big","none","one"]'
	objects '[.[] | select(.code == 125 and .kind == "error") | .id] |
	    sort == ["","..","a/b","n\u0000"]'
	objects 'all(.[]; has("body") | not)'
	[ "$(ls out)" = "%big
%none
%one" ]
	[ "$(cat out/%one)" = x ]
	[ "$(wc -c <out/%big)" -eq 3000000 ]
	echo x | batch 123 -o 'none/%i' echo
	got $'1\t125\terror\t-o none/1: No such file or directory'
	# A disk that is full; the call is called off.
	mkdir full
	ln -s /dev/full full/1
	printf 'big\t3000000\n' | batch 123 -o 'full/%i'
	got $'1\t125\terror\t-o: No space left on device'
	await says seen cancel
}

@test "-o: no file is written twice, and no call is made for it" {
	answerer
	echo old old old >d-a
	printf '%s\n' '{"id":"a","method":"echo","body":"first"}' \
	    '{"id":"a","method":"echo","body":"second"}' \
	    '{"id":"nope","method":"nope"}' '{"id":"nope","method":"echo"}' \
	    '{"id":"6","method":"echo","body":"6"}' \
	    '{"method":"echo","body":"and line 6"}' \
	    '{"id":6,"method":"echo","body":"and the number"}' \
	    '{"method":"echo","body":"line 8"}' \
	    '{"id":8,"method":"echo","body":"and the number"}' \
	    '{"id":"/","method":"echo"}' \
	    '{"id":"b","method":"echo","body":"last"}' |
	    batch 123 -o 'd-%i' --json --ordered
	objects '[.[].code] == [0,125,127,125,0,125,125,0,125,125,0]'
	objects '.[1].kind == "error" and .[1].error ==
	    "line 2: -o: the id was there before; its file is made once"'
	says said '7 of 11 calls failed'
	[ "$(cat d-a d-6 d-8 d-b)" = "first6line 8last" ]
	seen 4 '^request echo'
	# The next batch is another one.
	echo '{"id":"a","method":"echo","body":"x"}' | batch 0 -o 'd-%i'
	[ "$(cat d-a)" = x ]
	seq 3 | batch 0 -o 'l-%i' echo
	[ "$(cat l-*)" = 123 ]
}

@test "--status-fd: the objects without bodies" {
	answerer
	printf 'exit\t3\nerr\tx\t0\n' | batch 123 --ordered --status-fd 7 7>st
	in_order $'1\t3\texit\tout\\n' $'2\t0\texit\tbody\\n'
	mv st got
	objects '[.[].code] == [3,0] and [.[].id] == [1,2]'
	objects 'all(.[]; has("body") or has("stderr") | not)'
}

# ---- how many, how long ----

@test "-P: so many are under way; a signal cancels them and is what ends it" {
	answerer
	yes mute | head -n 9 >in
	spawn got muxctl call --batch=in -P 3
	await seen 3 '^request mute'
	kill -TERM "$PID"
	exits 143 "$PID"
	seen 3 '^request mute'
	await seen 3 '^cancel 3'
	[ "$(grep -c $'\t130\tcancelled\t' got)" -eq 3 ]
}

@test "no more than the server takes" {
	answerer 2
	seq 100 | batch 0 -P 64 echo
	[ "$(wc -l <got)" -eq 100 ]
	seen 100 '^request'
	yes mute | head -n 9 >in
	spawn got2 muxctl call --batch=in -P 9
	await seen 2 '^request mute'
	kill -TERM "$PID"
	exits 143 "$PID"
	seen 2 '^request mute'
}

@test "one that takes no calls: every line is told so" {
	answerer 0
	seq 2 | batch 123 echo
	got $'1\t126\trefused\tthe server takes no calls' \
	    $'2\t126\trefused\tthe server takes no calls'
}

@test "--fail-fast: the others are cancelled, the rest is not read" {
	answerer
	printf 'mute\nexit\t3\n' >in
	yes mute | head -n 100000 >>in
	batch 123 --fail-fast -P 2 --batch=in
	got $'1\t130\tcancelled\tcancelled' $'2\t3\texit\tout\\n'
	seen 1 '^request mute'
	printf '{"id":1,"x":1}\n{"id":2,"method":"echo"}\n' |
	    batch 123 --fail-fast -P 1
	[ "$(cut -f 1-3 got)" = $'1\t125\terror' ]
	seen 0 '^request echo'
}

@test "-t: a limit for each call, from its sending" {
	answerer
	printf 'mute\necho\nmute\n' | batch 123 -t 100ms -P 1 --ordered
	in_order \
	    $'1\t124\ttimeout\tno end within the 0.1 s of -t (-t 0: no limit)' \
	    $'2\t0\texit\t' \
	    $'3\t124\ttimeout\tno end within the 0.1 s of -t (-t 0: no limit)'
	printf 'show\n' | batch 0 -t 50s --json
	objects '.[0].body | fromjson | .deadline == 50000'
}

@test "no progress of any call for 30s: given up, the others go on" {
	[ -z "$SAN" ] || skip "sanitizers come first"
	answerer
	local status=0
	printf 'mute\necho\n' >in
	# Its clock runs 30 times as fast.
	env CLOCK_SPEED=30 LD_PRELOAD="$(dirname "$MUXCTL")/tests/cli/\
preload_clock.so" "$MUXCTL" call --batch=in -P 1 >got || status=$?
	[ "$status" -eq 123 ]
	[ "$(cut -f 1-3 got)" = $'1\t124\ttimeout\n2\t0\texit' ]
	says got 'no byte of any call moved for 30 s, the limit without -t'
	await says seen '^cancel 6'
}

# ---- the connection ----

@test "lost: every line still gets its result, status 255" {
	answerer
	printf 'exit\t0\nmute\ndie\n' >in
	seq -f 'echo\t%g' 1000 >>in
	batch 255 -P 3 --json --batch=in
	objects 'length == 1003 and ([.[].id] | unique | length) == 1003'
	objects '[.[] | select(.id == 2 or .id == 3) | .kind] | unique |
	    inside(["transport", "indeterminate"])'
	objects '[.[] | select(.id > 4) | .kind] | unique == ["not_sent"]'
	objects 'all(.[]; .code == 0 or .code == 255)'
	says said 'muxctl: call: connection lost'
}

@test "nobody there: the same, without a word twice" {
	seq 3 | batch 255 echo
	[ "$(cut -f 1-3 got | tr '\t\n' '  ')" = \
	    "1 255 not_sent 2 255 not_sent 3 255 not_sent " ]
	[ "$(grep -c 'No such file' said)" -eq 1 ]
	printf '{"x":1}\n' | batch 255
	[ "$(cut -f 1-3 got)" = $'1\t125\terror' ]
}

@test "--retry: what was not begun, over a new connection" {
	answerer
	printf 'exit\t0\ngoodbye\t2\nexit\t3\nexit\t4\n' |
	    batch 123 -P 2 --retry 5 --ordered
	in_order $'1\t0\texit\tout\\n' $'2\t0\texit\tok\\n' \
	    $'3\t3\texit\tout\\n' $'4\t4\texit\tout\\n'
	printf 'busy\t2\n' | batch 0 --retry 2
	got $'1\t0\texit\tok\\n'
	printf '{"id":"%s","method":"goodbye","args":["9"]}\n' a |
	    batch 255 --retry 1
	[ "$(cut -f 1-3 got)" = $'a\t255\tnot_sent' ]
}

@test "--idempotent: what may have been done, too" {
	answerer
	printf 'die\n' | batch 255 --retry 2
	seen 1 '^request die'
	printf 'die\n' | batch 255 --retry 2 --idempotent
	seen 4 '^request die'
	# Some of the answer has been seen.
	printf 'partdie\tx\n' | batch 255 --retry 2 --idempotent
	seen 1 '^request partdie'
	got $'1\t255\ttransport\tx'
}

# One line has been answered and four calls run when the server is killed, and
# three lines are still to come when there is another one.
killed() {	# STATUS OPTION...
	local want=$1 methods
	shift
	methods=(-m 'fast=echo ok' -m 'slow=echo $$ >>pids
	    [ -e again ] || exec cat never; echo ok')
	printf '%s\n' fast slow slow slow slow fast fast fast >in
	rm -f pids again
	serve "${methods[@]}"
	spawn got muxctl call --batch=in -P 4 --retry 9 --wait=20s "$@"
	await four_run
	kill -KILL "$(cat serve.pid)"
	# Nobody is left to do it.
	kill -KILL $(cat pids)
	touch again
	serve "${methods[@]}"
	exits "$want" "$PID"
	[ "$(grep -c 'unix:up.sock: the connection was lost and made again' \
	    got)" -eq 1 ]
}

four_run() {
	[ -e pids ] && [ "$(wc -l <pids)" -eq 4 ]
}

@test "killed and started again: status 255 only if something has no answer" {
	killed 0 --idempotent
	[ "$(grep -c $'^[1-8]\t0\texit\tok\\\\n$' got)" -eq 8 ]
	end serve.pid
	killed 255
	[ "$(grep -c $'^[2-5]\t255\ttransport\t' got)" -eq 4 ]
	[ "$(grep -c $'^[1678]\t0\texit\tok\\\\n$' got)" -eq 4 ]
}

@test "--retry: one of two calls could not be made again: status 255" {
	answerer
	printf 'part\tx\ngoodbye\t2\nexit\t0\n' |
	    batch 255 -P 2 --retry 5 --ordered
	[ "$(cut -f 1,2,4 got)" = $'1\t255\tx\n2\t0\tok\\n\n3\t0\tout\\n' ]
	[ "$(grep -c 'lost and made again' said)" -eq 1 ]
	printf 'goodbye\t4\n' | batch 0 --retry 5
	[ "$(grep -c 'lost and made again' said)" -eq 1 ]
	# It is busy, not about to end.
	printf 'busy\t9\n' | batch 123
	printf 'error\t11\n' | batch 123
}

@test "S0: lines are bodies, without a method" {
	spawn peer python3 "$BATS_TEST_DIRNAME/s0.py" serve
	await test -s peer
	MUXCTL_ADDR=tcp:127.0.0.1:$(head -n 1 peer)
	seq 500 | batch 0 up
	[ "$(cut -f 4 got | sort -n)" = "$(seq 500)" ]
	printf 'code 500 no\nyes\n' | batch 123 --legacy --ordered
	in_order $'1\t1\terror\terror 500: no' $'2\t0\texit\tyes'
	printf '{"body":"a"}\n{"args":["x"]}\n' |
	    batch 123 --ordered --batch-format=ndjson
	in_order $'1\t0\texit\ta' \
	    $'2\t125\terror\tline 2: the plain protocol has no arguments'
}

# ---- those who read and write ----

@test "the reader goes away: status 141, no word, and the work ends" {
	answerer
	{ printf 'mute\n'; yes echo; } 2>/dev/null | {
		status=0
		muxctl call --batch 2>said || status=$?
		echo "$status" >status
	} | head -n 3 >got
	[ "$(cat status)" -eq 141 ]
	[ ! -s said ]
	[ "$(wc -l <got)" -eq 3 ]
	await says seen '^cancel 3'
}

@test "input without an end takes no more memory than a short one" {
	bigs
	mkfifo out
	yes '{"method":"mux.echo","body":"0123456789"}' 2>/dev/null |
	    "$MUXCTL" call --batch >out 2>/dev/null 3>&- &
	PIDS+=($!)
	exec {OUT}<out
	head -n 30000 <&"$OUT" | tail -n 1 | grep -q $'\t0\texit\t0123456789$'
	kb=$(awk '/VmHWM/ { print $2 }' "/proc/$!/status")
	exec {OUT}<&-
	[ "$kb" -lt 20000 ] || [ -n "${SAN:-}" ]
}

# It has written what a pipe takes, and neither reads nor writes any more.
steady() {	# PID
	local now
	now=$(awk '/^[rw]char/ { n += $2 } END { print n }' "/proc/$1/io")
	[ "$now" -gt 60000 ] && [ "$now" = "${BEFORE:-}" ] && return
	BEFORE=$now
	return 1
}

@test "nobody reads: the input waits, and nothing is lost" {
	bigs
	mkfifo out
	seq -f '%0100.0f' 60000 >in
	"$MUXCTL" call --batch=in mux.echo >out 2>/dev/null 3>&- &
	pid=$!
	PIDS+=($!)
	exec {OUT}<out
	await steady "$pid"
	# 256 KiB of results, a pipe, and what it may have read ahead.
	[ "$(awk '/^rchar/ { print $2 }' "/proc/$pid/io")" -lt 1500000 ]
	[ "$(wc -l <&"$OUT")" -eq 60000 ]
	exec {OUT}<&-
	exits 0 "$pid"
}

@test "a long body that nobody reads is not kept" {
	bigs
	mkfifo out
	printf 'big\t60000000\n' >in
	"$MUXCTL" call --batch=in >out 2>/dev/null 3>&- &
	pid=$!
	PIDS+=($!)
	exec {OUT}<out
	await steady "$pid"
	kb=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
	[ "$kb" -lt 30000 ] || [ -n "${SAN:-}" ]
	[ "$(wc -c <&"$OUT")" -gt 60000000 ]
	exec {OUT}<&-
	exits 0 "$pid"
}

@test "a full disk is an error, not a success" {
	answerer
	run bash -c "seq 3 | '$MUXCTL' call --batch echo >/dev/full"
	said 125 "write to standard output: No space left"
}

# Few results are written all at once, and there is no write behind that.
@test "the last write that fails is an error, too" {
	serve
	local how
	seq 10 >in
	for how in '' --json --ordered; do
		run bash -c "'$MUXCTL' call --batch=in $how mux.echo >/dev/full"
		said 125 "write to standard output: No space left"
	done
	run bash -c "'$MUXCTL' call --batch=in mux.echo >&-"
	said 125 "write to standard output: Bad file descriptor"
	run bash -c "'$MUXCTL' call --batch=in mux.echo 1</dev/null"
	said 125 "write to standard output: Bad file descriptor"
}

# Its disk is full behind the first 1024 bytes, but not before they are there.
@test "so is a later one, when the input ends with it" {
	serve
	mkfifo in
	(
		ulimit -f 1
		trap '' XFSZ
		exec "$MUXCTL" call --batch=in mux.echo >got 2>said
	) 3>&- &
	PIDS+=($!)
	exec {IN}>in
	printf '%01000d\n' 1 >&"$IN"
	await [ -s got ]
	echo second-result-of-20-bytes >&"$IN"
	exec {IN}>&-
	exits 125 "$!"
	says said 'write to standard output: File too large'
}

@test "what else cannot be written: --status-fd, standard error" {
	serve -m 'err=echo x >&2'
	seq 10 >in
	run bash -c "'$MUXCTL' call --batch=in --status-fd 5 mux.echo \
	    5>/dev/full"
	said 125 "write to --status-fd: No space left"
	run muxctl call --batch=in --stderr=file:/dev/full err
	said 125 "write to /dev/full: No space left"
	run bash -c "'$MUXCTL' call --batch=in err 2>/dev/full"
	[ "$status" -eq 125 ]
	# Messages that nobody reads are no reason.
	run bash -c "'$MUXCTL' call --batch=in err 2> >(:)"
	[ "$status" -eq 0 ]
}

# ---- with serve ----

@test "each has its own exit status, standard error and arguments" {
	serve -m 'say=echo "$1" >&2; cat; exit "$1"' -m 'die=kill -9 $$' \
	    -x gone=none/at/all
	for i in 0 1 123 124 125 126 127 255; do
		printf '{"id":%d,"method":"say","args":["%d"],"body":"b"}\n' \
		    "$i" "$i"
	done >in
	batch 123 --json <in
	objects 'length == 8 and all(.[]; .id == .code and .kind == "exit" and
	    .body == "b" and .stderr == "\(.id)\n" and .user_ns + 1 > 0)'
	printf 'die\ngone\n' | batch 123 --ordered
	[ "$(cut -f 1-3 got | tr '\t\n' '  ')" = \
	    "1 137 signal 2 126 spawn " ]
}

@test "what a method said before a signal is shown as before an exit" {
	serve -m 'half=printf "one\ntwo"; kill -TERM $$' -m 'mute=kill -TERM $$'
	printf 'half\nmute\n' | batch 123 --ordered
	in_order $'1\t143\tsignal\tone\\ntwo' $'2\t143\tsignal\t'
	printf 'half\nmute\n' | batch 123 --ordered --json
	objects '[.[].body] == ["one\ntwo", ""]'
	objects 'all(.[]; .error == "killed by signal 15")'
}

@test "a method that is not there is named" {
	serve
	printf 'not.there\n\\x1b\n' | batch 123 --ordered
	in_order $'1\t127\tnomethod\tno such method: not.there' \
	    $'2\t127\tnomethod\tno such method: \\x1b'
	echo x | batch 123 --json nope
	objects '.[0].error == "no such method: nope"'
}

@test "--json: what is no text, or has a NUL in it, is base64" {
	serve
	printf '{"method":"mux.echo","body_b64":"%s"}\n' YQBi Gwp/ /w== '' |
	    batch 0 --json --ordered
	objects '[.[] | .body_b64 // [.body]] ==
	    ["YQBi", ["\u001b\n\u007f"], "/w==", [""]]'
	[ "$("$MUXCTL" call --json mux.echo -d @<(printf 'a\0b') |
	    jq -r .body_b64 | base64 -d | od -An -tx1)" = " 61 00 62" ]
}

@test "100 MB do not hold up small answers" {
	serve -m 'big=head -c 100000000 /dev/zero | tr "\0" x' -m up='cat'
	{ echo big; yes up | head -n 100; } >in
	"$MUXCTL" call --batch=in --json >got 3>&-
	objects '.[-1].id == 1'
	objects '[.[] | select(.event) | .body | length] | add == 100000000'
}

@test "a signal ends the work, too" {
	serve -m 'work=echo $$ >>pids; exec tail -f /dev/null'
	yes work | head -n 4 >in
	spawn got muxctl call --batch=in
	await [ -s pids ]
	three() { [ "$(wc -l <pids)" -eq 4 ]; }
	await three
	kill -TERM "$PID"
	exits 143 "$PID"
	for pid in $(cat pids); do
		gone "$pid"
	done
}

# ---- words ----

@test "what does not go together" {
	run muxctl call --batch -d x up
	said 125 "-d and a last -"
	run muxctl call --batch up -
	said 125 "-d and a last -"
	run muxctl call --batch --oneway up
	said 125 "--oneway"
	run muxctl call --batch --bench 3 up
	said 125 "--bench"
	run muxctl call --batch --list
	said 125 "--list"
	run muxctl call --ordered up
	said 125 "need --batch"
	run muxctl call -0 up
	said 125 "need --batch"
	run muxctl call --batch --batch-format=lines
	said 125 "needs a METHOD"
	run muxctl call --batch --batch-format=tsv up
	said 125 "begin with the method"
	run muxctl call --batch -o out up
	said 125 "expected a %i"
	run muxctl call --batch -o '%d%i' up
	said 125 "expected a %i"
	run muxctl call --batch -P 0 up
	said 125 "-P"
	run muxctl call --batch --batch-format=csv up
	said 125 "auto|lines|tsv|ndjson"
}
