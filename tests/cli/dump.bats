# muxctl dump: every option, every form of a file, what is damaged.  Files of
# frames are made here by hand, recordings by -w, captures of TCP by tcpdump.

setup_file() {
	export BATS_TEST_TIMEOUT=60
}

setup() {
	bats_require_minimum_version 1.5.0
	load helper
	begin
}

teardown() {
	finish
}

# le N BYTES: a number, the lowest byte first.
le() {
	local n=$1 i
	for ((i = 0; i < $2; i++)); do
		printf "\\x$(printf %02x $((n & 255)))"
		n=$((n >> 8))
	done
}

frame() {	# TYPE ID PAYLOAD [FLAGS]; the payload has no NUL
	le "${#3}" 4
	le "$2" 8
	le "$1" 1
	le "${4:-0}" 1
	printf %s "$3"
}

# A conversation of plain S0: two calls, a stream, an error.
conversation() {
	frame 8 7 ''
	frame 9 7 ''
	frame 0 1 'hello'
	frame 0 2 $'\033[31m"x"\t'
	frame 1 1 'HELLO'
	frame 2 3 'count'
	frame 3 3 'one'
	frame 5 2 $'\004\001\001\001no'
	frame 3 3 'two'
	frame 4 3 ''
}

types() {
	muxctl dump -e type "$@" | tr '\n' ' '
}

@test "text: a line per frame, harmless, with columns" {
	conversation >s0
	muxctl dump s0 --no-time >got
	cat >want <<-'E'
	  1 > ping          7       0 -
	  1 < pong          7       0 -
	  1 > request       1       5 - "hello"
	  1 > request       2       9 - "\033[31m\"x\"\t"
	  1 < response      1       5 - "HELLO"
	  1 > start         3       5 - "count"
	  1 < data          3       3 - "one"
	  1 < error         2       6 - 16843012: no
	  1 < data          3       3 - "two"
	  1 < end           3       0 -
	E
	diff want got
	muxctl dump s0 | awk '$1 !~ /^[0-9]+\.[0-9]+$/ || NF < 7 { exit 1 }'
	cmp <(muxctl dump s0) <(muxctl dump - <s0)
	cmp <(muxctl dump s0) <(muxctl dump -r s0)
}

@test "-w: a recording with the same frames; it prints only with -v" {
	conversation >s0
	run -0 muxctl dump s0 -w a.pcapng
	[ -z "$output" ]
	[ "$(stat -c %a a.pcapng)" = 600 ]
	cmp <(muxctl dump s0) <(muxctl dump a.pcapng)
	run muxctl dump s0 -w a.pcapng
	said 125 "open a.pcapng: File exists (--force)"
	muxctl dump s0 -v --force -w a.pcapng -f type==data >got
	[ "$(wc -l <got)" -eq 2 ]
	cmp got <(muxctl dump a.pcapng)
	muxctl dump s0 -w - --no-time >b
	cmp b <(muxctl dump s0 -T pcapng --no-time)
	ln -s nothing link
	run muxctl dump s0 --force -w link
	said 125 "open link"
	run muxctl dump s0 --force
	said 125 "--force goes with -w only"
	run muxctl dump s0 -w - -v
	said 125 "do not go together"
}

@test "-T pcapng: tshark sees the same number of frames" {
	conversation >s0
	type tshark >/dev/null 2>&1 || skip "no tshark here"
	muxctl dump s0 -T pcapng >a.pcapng
	run -0 --separate-stderr tshark -r a.pcapng -T fields \
	    -e frame.number
	[ "${#lines[@]}" -eq 10 ]
}

@test "-T ndjson: fixed keys, those of -e, nothing of --no-time" {
	conversation >s0
	muxctl dump s0 -T ndjson --no-time >got
	[ "$(wc -l <got)" -eq 10 ]
	jq -es 'map(.type) == ["ping", "pong", "request", "request",
	    "response", "start", "data", "error", "data", "end"]' got
	jq -es 'all(has("time") or has("t") or has("dur") | not)' got
	jq -es '.[3].data == "\u001b[31m\"x\"\t"' got
	run -0 muxctl dump s0 -T ndjson -e len,type -n 1
	[ "$output" = '{"v":1,"len":0,"type":"ping"}' ]
	frame 0 1 $'\377' >b
	run -0 muxctl dump b -T ndjson -e data
	[ "$output" = '{"v":1,"data_b64":"/w=="}' ]
}

@test "-e: values between tabs; a wrong name" {
	conversation >s0
	run -0 muxctl dump s0 -e id,type,data -f type==request
	[ "${lines[0]}" = $'1\trequest\thello' ]
	[ "${lines[1]}" = $'2\trequest\t\\033[31m"x"\\t' ]
	run -0 muxctl dump s0 -T fields -e data -f type==end
	[ -z "$output" ]
	run muxctl dump s0 -e id,typ
	said 125 "no such field: 'typ' (did you mean 'type'?)"
	run muxctl dump s0 -e ''
	said 125 "no such field"
	run muxctl dump s0 -e 'meta."'
	said 125 "no such field"
	run muxctl dump s0 -T fields
	said 125 "expected -e"
	run muxctl dump s0 -T hex -e id
	said 125 "-e goes with"
}

@test "-T hex: the bytes that were there" {
	conversation >s0
	frame 3 3 "$(head -c 200000 /dev/zero | tr '\0' z)" >>s0
	muxctl dump s0 -T hex --no-time >got
	[ "$(head -n 2 got)" = "  1 > ping          7       0 -
	00000000: 0000 0000 0700 0000 0000 0000 0800       .............." ]
	grep $'^\t' got | cut -c 12-50 | tr -d ' ' | xxd -r -p |
	    cmp - s0
	muxctl dump s0 -w a.pcapng
	cmp got <(muxctl dump a.pcapng -T hex --no-time)
}

@test "-T raw: what was carried, whole" {
	head -c 300000 /dev/urandom | tr -d '\0' >body
	{
		le "$(wc -c <body)" 4
		printf '\3\0\0\0\0\0\0\0\3\0'
		cat body
		frame 4 3 ''
	} >s0
	muxctl dump s0 -T raw | cmp - body
	muxctl dump s0 -w a.pcapng
	muxctl dump a.pcapng -T raw | cmp - body
	muxctl dump a.pcapng -n 1 -T raw | cmp - body
	muxctl dump a.pcapng --until type==data -T raw | cmp - body
	muxctl dump a.pcapng -T pcapng -n 1 | muxctl dump - -T raw |
	    cmp - body
}

@test "-f: 1 if nothing passes; a mistake is pointed at" {
	conversation >s0
	[ "$(types s0 -f 'dir==s2c && id==3')" = "data data end " ]
	run muxctl dump s0 -f 'type==goodbye'
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	run muxctl dump s0 -f 'len >'
	[ "$status" -eq 125 ]
	[[ $output == *^* ]]
	run muxctl dump s0 --until 'len >'
	[ "$status" -eq 125 ]
	run muxctl dump s0 --redact 'len >'
	[ "$status" -eq 125 ]
}

@test "-n, --until, --follow" {
	conversation >s0
	[ "$(types s0 -n 2)" = "ping pong " ]
	[ "$(types s0 -n 1 -f id==3)" = "start " ]
	[ "$(types s0 --until type==response)" = \
	    "ping pong request request response " ]
	[ "$(types s0 --until type==error -f type==data)" = "data " ]
	[ "$(types s0 --follow 3)" = "start data data end " ]
	[ "$(types s0 s0 --follow 3)" = "start data data end " ]
	[ "$(muxctl dump s0 s0 --follow 2:3 -e conn -n 1)" = 2 ]
	[ "$(types s0 --follow 7)" = "" ]
	for word in x 1:x 0:1 1: :1 -1; do
		run muxctl dump s0 --follow "$word"
		said 125 "--follow '$word': expected"
	done
	run muxctl dump s0 -n 0
	said 125 "-n '0'"
}

@test "--redact: in no format is anything of the payload left" {
	frame 0 1 'secret' >s0
	frame 0 2 'open' >>s0
	frame 3 3 "$(head -c 200000 /dev/zero | tr '\0' s)" >>s0
	muxctl dump s0 --redact 'data~"^s"' -w a.pcapng
	for from in s0 a.pcapng; do
		for t in text ndjson hex raw pcapng; do
			muxctl dump "$from" --redact 'data~"^s"' -T "$t" >got
			not grep -aq 'secret\|sss' got
			[ "$t" = hex ] || grep -aq open got
		done
	done
	not grep -aq 'secret\|sss' a.pcapng
	run -0 muxctl dump s0 --redact len --no-time
	[ "${lines[0]}" = "  1 > request       1       6 - (redacted)" ]
	[ "$(muxctl dump a.pcapng -e len,cut | tr '\n' ' ')" = \
	    $'6\t1 4\t 200000\t1 ' ]
}

@test "several files: connections go on counting, parts of one do not" {
	conversation >s0
	muxctl dump s0 -w a.pcapng
	[ "$(muxctl dump s0 a.pcapng a.pcapng s0 -e conn | uniq |
	    tr '\n' ' ')" = "1 2 3 " ]
	run muxctl dump none s0
	[ "$status" -eq 125 ]
	[[ $output == *"open none: No such file"* ]]
	[[ $output == *HELLO* ]]
	run muxctl dump .
	said 125 "Is a directory"
	run muxctl dump
	said 125 "expected a FILE"
}

@test "live: what came is shown at once; -t" {
	mkfifo in
	"$MUXCTL" dump - <in >got 2>err &
	PID=$!
	PIDS+=("$PID")
	exec {w}>in
	frame 0 1 hello >&"$w"
	await says got hello
	frame 1 1 HELLO >&"$w"
	await says got HELLO
	exec {w}>&-
	exits 0 "$PID"
	run muxctl dump -t 0.1 - <never
	said 124 "timed out"
	conversation >s0
	run muxctl dump -t 60 s0
	[ "$status" -eq 0 ]
}

@test "SIGTERM ends a live reading in good order" {
	conversation >s0
	mkfifo in
	"$MUXCTL" dump - -v -w a.pcapng <in >got &
	PID=$!
	PIDS+=("$PID")
	exec {w}>in
	cat s0 >&"$w"
	await says got end
	kill -TERM "$PID"
	exits 0 "$PID"
	exec {w}>&-
	[ "$(types a.pcapng)" = "$(types s0)" ]
}

@test "a reader that goes away: 141, quietly; a full disk" {
	conversation >s0
	for _ in {1..9}; do
		cat s0 s0 s0 s0 s0 s0 s0 s0 s0 >more
		mv more s0
		[ "$(wc -c <s0)" -lt 1000000 ] || break
	done
	{ muxctl dump s0 2>err || echo $? >status; } | head -n 1 >got
	[ "$(cat status)" = 141 ]
	[ ! -s err ]
	run muxctl dump s0 --force -w /dev/full
	said 125 "write /dev/full: No space left"
	run bash -c '"$1" dump s0 >/dev/full' - "$MUXCTL"
	said 125 "write to stdout: No space left"
}

@test "what is no capture: 65" {
	: >empty
	run muxctl dump empty
	said 65 "empty: offset 0: not a capture: it is empty"
	echo 'GET / HTTP/1.1' >text
	run muxctl dump text
	said 65 "text: offset 0: not a capture: neither"
	printf 'ab' >short
	run muxctl dump short
	said 65 "not a capture"
	run muxctl dump "$MUXCTL"
	said 65 "not a capture"
	conversation >s0
	run muxctl dump text s0
	[ "$status" -eq 65 ]
	[[ $output == *HELLO* ]]
	run muxctl dump none text -f type==goodbye
	[ "$status" -eq 65 ]
}

@test "cut anywhere: what is whole is shown, then one line says where" {
	conversation >s0
	muxctl dump s0 -w a.pcapng
	muxctl dump s0 --no-time >all
	for from in s0 a.pcapng; do
		size=$(wc -c <"$from")
		for ((n = 1; n < size; n += 7)); do
			head -c "$n" "$from" >cut
			status=0
			muxctl dump --no-time cut >got 2>err || status=$?
			[ "$status" -eq 65 ] || [ ! -s err ]
			[ "$(wc -l <err)" -le 1 ]
			[ "$status" -eq 0 ] || says err "cut: offset [0-9]*: "
			grep -v recorded got >whole || :
			cmp <(head -n "$(wc -l <whole)" all) whole
		done
	done
}

@test "what is said of a file comes behind what was in it" {
	conversation >s0
	printf x >>s0
	muxctl dump s0 >got 2>&1 || [ "$?" -eq 65 ]
	tail -n 1 got | grep -q 'offset [0-9]*: the file ends within a frame'
}

@test "every byte flipped: no crash, at most one line, status 0 or 65" {
	conversation >s0
	muxctl dump s0 -w a.pcapng
	[ "$(wc -c <a.pcapng)" -le 4096 ]
	python3 - "$MUXCTL" <<-'E'
	import subprocess, sys
	data = open("a.pcapng", "rb").read()
	for i in range(len(data)):
	    bad = data[:i] + bytes([data[i] ^ 0xff]) + data[i + 1:]
	    p = subprocess.run([sys.argv[1], "dump", "-"], input=bad,
	                       capture_output=True)
	    assert p.returncode in (0, 65), (i, p)
	    assert p.stderr.count(b"\n") <= 1, (i, p)
	    assert p.returncode == 0 or b"offset" in p.stderr, (i, p)
	    assert all(c == 10 or 32 <= c < 127 for c in p.stdout), (i, p)
	E
}

@test "a capture of loopback by tcpdump" {
	type tcpdump >/dev/null 2>&1 || skip "no tcpdump here"
	[ "$(id -u)" -eq 0 ] || skip "only root captures"
	addr=$(muxctl serve -q -l tcp:127.0.0.1:0 -m up='tr a-z A-Z' \
	    --background=serve.pid --print-addr)
	spawn log tcpdump -i lo -U --immediate-mode -w lo.pcap \
	    port "${addr##*:}"
	await says log listening || skip "no capturing here"
	head -c 300000 /dev/zero | tr '\0' x >body
	muxctl call -a "$addr" up -d @body >answer
	# The last one is the server's: it has seen that the client is gone.
	await captured
	kill -INT "$PID"
	exits 0 "$PID"
	muxctl dump lo.pcap -f 'type==response' -T raw | cmp - answer
	muxctl dump lo.pcap -f 'type==request' -T raw | cmp - body
	[ "$(muxctl dump lo.pcap -f 'type==request' -e method -n 1)" = up ]
	[ "$(muxctl dump lo.pcap -f 'event==open' -e conn)" = 1 ]
	muxctl dump lo.pcap -w a.pcapng
	cmp <(muxctl dump lo.pcap) <(muxctl dump a.pcapng)
	head -c 200000 lo.pcap >cut
	run muxctl dump cut
	[ "$status" -eq 65 ]
}

captured() {
	muxctl dump lo.pcap -f 'event==close' >closed 2>&1
}
