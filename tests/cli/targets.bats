# What peers of serve may reach: names, rules, and every way around them.

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

ask() {	# WORD
	run muxctl tunnel -a unix:up.sock -W "$1" </dev/null
}

allowed() {	# WORD
	ask "$1"
	[ "$status" -eq 0 ] || {
		echo "$1 was not allowed: $output"
		return 1
	}
}

# Asked on the wire exactly so, past the checks of our own tunnel; \0 is a
# NUL.  One line each: what the server answered.
raw() {	# WORD...
	python3 - "$@" <<'PY'
import socket
import struct
import sys


def frame(kind, ident, payload=b"", flags=0):
    return struct.pack("<IQBB", len(payload), ident, kind, flags) + payload


def tag(number, value):
    return struct.pack("<HH", number, len(value)) + value


def block(tags):
    return struct.pack("<I", len(tags)) + tags


def take(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            sys.exit("the server ended the connection")
        data += more
    return data


def answer(sock, wanted):
    while True:
        size, ident, kind, _ = struct.unpack("<IQBB", take(sock, 14))
        payload = take(sock, size)
        if kind == 24:
            sys.exit("goodbye %r" % payload)
        if ident == wanted and kind == 5:
            code = struct.unpack("<I", payload[:4])[0]
            return "%d %s" % (code, payload[4:].decode())
        if ident == wanted and kind == 19:
            return "ok"


sock = socket.socket(socket.AF_UNIX)
sock.connect("up.sock")
sock.sendall(frame(8, 0, block(tag(0x8001, b"MUX1\1\0\1\0") +
                               tag(0x12, struct.pack("<I", 65536))), 0x80))
for i, word in enumerate(sys.argv[1:]):
    ident = 2 * i + 1
    word = word.encode().replace(b"\\0", b"\0")
    sock.sendall(frame(2, ident, block(tag(0x29, word)), 0x80))
    print("%r: %a" % (word, answer(sock, ident)))
PY
}

# Each of them is refused: 13, 11 for what was looked up and not found, 5 for
# what cannot be a target at all.
refused() {	# WORD...
	run raw "$@"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq $# ]
	for line in "${lines[@]}"; do
		[[ $line =~ ": '"(13|11|5)" " ]] || {
			echo "$line"
			return 1
		}
	done
}

@test "nothing is allowed but -T" {
	target reply
	serve -T t=tcp:127.0.0.1:"$PORT"
	allowed t
	for word in "tcp:127.0.0.1:$PORT" "127.0.0.1:$PORT" other T tt \
	    "unix:$PWD/up.sock"; do
		ask "$word"
		said 126 "not permitted"
	done
}

@test "-T: tcp, unix, abstract and exec; bad words" {
	target reply
	tcp=$PORT
	spawn b python3 "$NET" serve reply "$PWD/t.sock"
	spawn c python3 "$NET" serve reply "@muxctl-test-$$"
	await test -S t.sock
	await test -s c
	serve -T a=tcp:127.0.0.1:"$tcp" -T b=unix:"$PWD/t.sock" \
	    -T c=unix:@muxctl-test-$$ -T d='exec:sh -c "wc -c"' \
	    -T "e.f_g-h=$tcp"
	for name in a b c e.f_g-h; do
		allowed "$name"
		[ "$output" = "got 0 bytes" ]
	done
	[ "$(printf ping | muxctl tunnel -a unix:up.sock -W d)" -eq 4 ]
	for word in nothing =x "a b=tcp:1" a= a=bogus:x "a=tls:h:1" ö=1; do
		run muxctl serve -T "$word"
		said 125 "-T"
	done
	run muxctl serve -T a=1 -T a=2
	said 125 "taken"
}

@test "exec: targets leave no zombie and get no descriptors" {
	serve -T x='exec:sh -c "echo /proc/self/fd/*"'
	run muxctl tunnel -a unix:up.sock -W x </dev/null
	said 0 "/proc/self/fd/2"
	[[ $output != *"fd/4"* ]]
	await eval '! grep -qs "State:.Z" $(sed "s,.*,/proc/&/status," \
	    "/proc/$(cat serve.pid)/task/$(cat serve.pid)/children" |
	    tr " " "\n")'
}

@test "--allow-target: addresses, CIDR, ranges, stars" {
	target reply
	low=$((PORT - 1))
	for rule in "tcp:127.0.0.1:$PORT" "tcp:127.0.0.0/8:$PORT" \
	    "tcp:127.0.0.1:*" "tcp:*:$low-$PORT" "tcp:*:*" \
	    "tcp:[::ffff:127.0.0.1]:$PORT"; do
		serve --allow-target "$rule"
		allowed "tcp:127.0.0.1:$PORT"
		end serve.pid
	done
	for rule in "tcp:127.0.0.2:$PORT" "tcp:10.0.0.0/8:*" \
	    "tcp:127.0.0.1:$low" "tcp:[::1]:*" "tcp:localhost:*" \
	    "unix:/*"; do
		serve --allow-target "$rule"
		ask "tcp:127.0.0.1:$PORT"
		said 126 "not permitted"
		end serve.pid
	done
}

@test "--allow-target with a name: only if asked by that name" {
	target reply
	serve --allow-target "tcp:localhost:$PORT"
	allowed "tcp:localhost:$PORT"
	allowed "tcp:LOCALHOST:$PORT"
	ask "tcp:127.0.0.1:$PORT"
	said 126 ""
	ask "tcp:localhost.localdomain:$PORT"
	[ "$status" -ne 0 ]
}

@test "--deny-target wins, over rules, names and order" {
	target reply
	# Where localhost is ::1 as well, that has to be denied, too.
	for order in "--deny-target tcp:127.0.0.0/8:* --allow-target tcp:*:*" \
	    "--allow-target tcp:*:* --deny-target tcp:127.0.0.0/8:*"; do
		serve $order --deny-target "tcp:[::1]:*" \
		    -T t=tcp:127.0.0.1:"$PORT" -T h=tcp:localhost:"$PORT"
		for word in "tcp:127.0.0.1:$PORT" "tcp:localhost:$PORT" t h; do
			ask "$word"
			said 126 "not permitted"
		done
		end serve.pid
		says serve.log "rule: deny tcp:127.0.0.0/8:\*"
	done
}

@test "unix rules: after realpath, a star does not cross a slash" {
	mkdir -p in/deep out
	for path in in/a.sock in/deep/b.sock out/c.sock; do
		spawn log python3 "$NET" serve reply "$PWD/$path"
		await test -S "$path"
	done
	ln -s ../out/c.sock in/link.sock
	ln -s in also
	here=$(realpath .)
	serve --allow-target "unix:$here/in/*"
	allowed "unix:$here/in/a.sock"
	allowed "unix:$here/also/a.sock"
	allowed "unix:$here/out/../in/a.sock"
	for word in "unix:$here/in/deep/b.sock" "unix:$here/out/c.sock" \
	    "unix:$here/in/link.sock" "unix:$here/in/../out/c.sock" \
	    "unix:@$here/in/a.sock"; do
		ask "$word"
		said 126 "not permitted"
	done
	ask "unix:$here/in/missing.sock"
	[ "$status" -ne 0 ]
}

@test "spellings of an address that is denied or not listed" {
	target reply
	serve --allow-target "tcp:127.0.0.9:$PORT"
	run raw "tcp:127.0.0.9:$PORT"
	[[ $output == *": '11 "* ]]
	words=()
	for host in 127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.1 \
	    0177.0.0.1 017700000001 127.0.0.01 0 0.0.0.0 00.0.0.0 0x0 \
	    "[::]" "[::1]" "[::ffff:127.0.0.1]" "[::ffff:7f00:1]" \
	    "[0:0:0:0:0:ffff:127.0.0.1]" "[::127.0.0.1]" "[0::1]" \
	    "[64:ff9b::7f00:1]" "[::1%lo]" localhost LocalHost localhost. \
	    ip6-localhost "" "*" "127.0.0.9%00" "127.0.0.9@127.0.0.1"; do
		words+=("tcp:$host:$PORT")
	done
	refused "${words[@]}"
	refused "$PORT" ":$PORT" "127.0.0.1:$PORT" "unix:up.sock" \
	    "unix:../up.sock" "unix:./up.sock" "up.sock" ./up.sock \
	    "unix:@x" "@x" "unix:$PWD/up.sock" "exec:id" "exec:touch owned" \
	    - fd:0 fd:3 systemd: ssh:localhost "TCP:127.0.0.1:$PORT" \
	    "tls:127.0.0.1:$PORT" "ws://127.0.0.1:$PORT/" \
	    "udp:127.0.0.1:$PORT" "seqpacket:/x" "tcp:127.0.0.9:$PORT\\0" \
	    "tcp:127.0.0.9:$PORT?insecure=1&x=y" "tcp:127.0.0.9:0$PORT" \
	    "tcp:127.0.0.9:$PORT:1" "tcp:127.0.0.9:65537" "%" " " \
	    "tcp:127.0.0.9:$((PORT + 65536))" $'x\ny'
	[ ! -e owned ]
	not grep -q '[^ -~]' serve.log
}

@test "a refusal is logged: asked, dialled, rule" {
	target reply
	serve --allow-target 'tcp:10.0.0.0/8:*' --log-format json
	ask "tcp:localhost:$PORT"
	said 126 ""
	end serve.pid
	jq -e -s 'map(select(.event == "stream")) | .[0] |
	    .target == "tcp:localhost:'"$PORT"'" and .code == 13 and
	    (.dialled | test("^tcp:(127.0.0.1|\\[::1\\]):'"$PORT"'$")) and
	    .rule == "no rule allows it" and .how == "refused"' serve.log
}

@test "rules that are none" {
	for rule in nonsense tcp:host tcp::1 tcp:1.2.3.4/33:1 tcp:1.2.3.4:x \
	    tcp:1.2.3.4:9-1 udp:1.2.3.4:1 unix: unix:relative/x \
	    tcp:1.2.3.4/8:1; do
		run muxctl serve --allow-target "$rule"
		said 125 "--allow-target"
		run muxctl serve --deny-target "$rule"
		said 125 "--deny-target"
	done
}
