# What a review found: ends that lied, programs that outlived their streams,
# descriptors that were not what they were taken for.

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

# N processes are children of PID.
kids() {	# PID N
	[ "$(pgrep -c -P "$1")" -eq "$2" ]
}

# ---- programs of exec: ----

@test "exec: a target that was cut off is told to end, one that ended is not" {
	serve -T cut="exec:sh -c 'echo up; read -r _ <never'" \
	    -T stays="exec:sh -c 'exec >&- <&-; read -r _ <never'"
	server=$(cat serve.pid)
	spawn client muxctl tunnel -a unix:up.sock -W cut
	await says client up
	kids "$server" 1
	kill -KILL "$PID"
	await kids "$server" 0
	run muxctl tunnel -a unix:up.sock -W stays </dev/null
	said 0 ""
	PIDS+=("$(pgrep -P "$server")")
	kids "$server" 1
	end serve.pid
	not ended "${PIDS[-1]}"
}

@test "exec: the end of serve ends what it had cut off" {
	spawn server muxctl serve -l unix:up.sock --grace 50ms \
	    -T cut="exec:sh -c 'echo up; read -r _ <never'"
	server=$PID
	spawn client muxctl tunnel --wait -a unix:up.sock -W cut
	await says client up
	kid=$(pgrep -P "$server")
	kill "$server"
	exits 0 "$server"
	gone "$kid"
}

@test "exec: a server that says nothing does not outlive tunnel" {
	spawn client muxctl tunnel -W t --connect-timeout 1s \
	    -a "exec:sh -c 'echo \$\$ >kid; read -r _ <never'"
	await test -s kid
	exits 255 "$PID"
	gone "$(cat kid)"
}

@test "exec: that cannot be started is no server that is not there yet" {
	run muxctl tunnel --wait=1000s -W t -a exec:./no-such-program
	said 255 "no-such-program"
	[[ $output != *"is the server running"* ]]
}

@test "-l exec: leaves no zombie" {
	spawn server muxctl serve -l exec:true -l unix:up.sock
	await says server "no HELLO"
	await kids "$PID" 0
}

# ---- what one connection is, and who may have it ----

@test "-l fd: of a connected socket ends with it, as -l - does" {
	target reply
	python3 - "$MUXCTL" "$PORT" <<-'EOF'
		import socket, subprocess, sys
		def muxctl(sock, *words):
		    return subprocess.Popen(
		        (sys.argv[1], *words, f"fd:{sock.fileno()}"),
		        pass_fds=[sock.fileno()], stdin=subprocess.DEVNULL)
		ours, theirs = socket.socketpair()
		serve = muxctl(theirs, "serve", "-T",
		    "t=tcp:127.0.0.1:" + sys.argv[2], "-l")
		theirs.close()
		tunnel = muxctl(ours, "tunnel", "-W", "t", "-a")
		ours.close()
		assert tunnel.wait(10) == 0
		assert serve.wait(10) == 0
	EOF
}

@test "--idle-exit: does not close the door on one who is about to say HELLO" {
	target reply
	python3 - "$MUXCTL" "$PORT" <<-'EOF'
		import os, socket, subprocess, sys
		def muxctl(sock, *words, also=()):
		    return subprocess.Popen(
		        (sys.argv[1], *words, f"fd:{sock.fileno()}"),
		        pass_fds=[sock.fileno(), *also],
		        stdin=subprocess.DEVNULL)
		door, ours = (socket.socket(socket.AF_UNIX) for _ in "12")
		door.bind("door.sock")
		door.listen()
		ours.connect("door.sock")
		ready, tell = os.pipe()
		serve = muxctl(door, "serve", "--idle-exit", "1ms",
		    "--ready-fd", str(tell), "-T",
		    "t=tcp:127.0.0.1:" + sys.argv[2], "-l", also=[tell])
		os.read(ready, 1)
		# Starting it takes longer than 1 ms.
		tunnel = muxctl(ours, "tunnel", "-W", "t", "-a")
		ours.close()
		assert tunnel.wait(10) == 0
		assert serve.wait(10) == 0
	EOF
}

@test "a TCP port that systemd passed warns as others do" {
	spawn fds python3 "$NET" listen-fds 1 "$MUXCTL" serve -l systemd: \
	    -T t=exec:cat
	await says fds "every user who can connect there"
}

# ---- the command ----

@test "-- CMD: its address can be connected to, wherever serve listens" {
	for listen in '*:0' 0.0.0.0:0 '[::]:0'; do
		run muxctl serve -q -l "$listen?insecure=1" -T t=exec:cat -- \
		    sh -c 'echo hello | "$0" tunnel -W t' "$MUXCTL"
		said 0 hello
	done
}

@test "-- CMD: its status stands, also if the drain after it is aborted" {
	target hold
	mkfifo go
	spawn server muxctl serve -v -l unix:up.sock --grace 0 \
	    -T t=tcp:127.0.0.1:"$PORT" -- sh -c 'read -r _ <go; exit 3'
	server=$PID
	spawn client muxctl tunnel --wait -a unix:up.sock -W t
	await says out.hold accepted
	echo >go
	await says server "the command has ended"
	# Draining already: the first signal changes nothing.
	kill "$server"
	await eval 'kill "$server"; says server aborted'
	exits 3 "$server"
}

# ---- descriptors ----

@test "the log does not pass for a descriptor that an option names" {
	for option in "--ready-fd 3" --print-addr=fd:3 "-l fd:3"; do
		run bash -c 'exec "$@" 3>&-' x "$MUXCTL" serve --log log \
		    --idle-exit 1ms $option
		said 125 ""
		[ "$(grep -c "Bad file descriptor" log)" -eq 1 ]
		[ "$(wc -l <log)" -eq 1 ]
		rm log
	done
}

@test "--log: a pipe that nobody reads holds nothing up" {
	target reply
	mkfifo pipe
	run muxctl serve -l unix:up.sock --log pipe
	said 125 "--log pipe"
	exec 8<>pipe
	muxctl serve -l unix:up.sock --background=serve.pid --log pipe \
	    -T t=tcp:127.0.0.1:"$PORT"
	# More than fits into it.
	dd if=/dev/zero of=pipe bs=4096 oflag=nonblock 2>/dev/null || :
	[ "$(printf ping | muxctl tunnel -a unix:up.sock -W t)" = \
	    "got 4 bytes" ]
	end serve.pid
}

@test "standard error: a pipe that nobody reads holds nothing up" {
	target reply
	mkfifo pipe
	exec 8<>pipe
	"$MUXCTL" serve -l unix:up.sock -T t=tcp:127.0.0.1:"$PORT" -v \
	    2>pipe 3>&- 8>&- &
	PIDS+=("$!")
	await test -S up.sock
	# More than fits into it.
	dd if=/dev/zero of=pipe bs=4096 oflag=nonblock 2>/dev/null || :
	[ "$(printf ping | muxctl tunnel -a unix:up.sock -W t)" = \
	    "got 4 bytes" ]
	kill -USR1 "${PIDS[-1]}"
	[ "$(printf ping | muxctl tunnel -a unix:up.sock -W t)" = \
	    "got 4 bytes" ]
	spawn lines cat pipe
	heard() {
		printf ping | muxctl tunnel -a unix:up.sock -W t >/dev/null
		grep -aq "lines were lost here" lines
	}
	await heard
}

@test "standard error: a terminal that stands still holds nothing up" {
	serve -T z='exec:head -c 30000000 /dev/zero'
	python3 - "$MUXCTL" <<-'EOF'
		import os, pty, subprocess, sys
		master, slave = pty.openpty()
		# As a user does it with ^S, and as a window that hangs.
		for keys in b"\x13", b"":
		    tunnel = subprocess.Popen((sys.argv[1], "tunnel", "-a",
		        "unix:up.sock", "-W", "z", "-vv"), stderr=slave,
		        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
		    said = b""
		    while b"start id 1" not in said:
		        said += os.read(master, 4096)
		    os.write(master, keys)
		    n = 0
		    while data := os.read(tunnel.stdout.fileno(), 1 << 20):
		        n += len(data)
		    assert n == 30000000, n
		    os.write(master, b"\x11")
		    tunnel.kill()
		    tunnel.wait()
	EOF
}

@test "standard error: the master of a terminal is itself, not another one" {
	serve -T t=exec:cat
	python3 - "$MUXCTL" <<-'EOF'
		import os, pty, subprocess, sys
		master, slave = pty.openpty()
		subprocess.run((sys.argv[1], "tunnel", "-a", "unix:up.sock",
		    "-W", "t", "-v"), stderr=master, stdin=subprocess.DEVNULL)
		said = b""
		while b"-> t: opened" not in said:
		    said += os.read(slave, 4096)
	EOF
}

@test "--log: what keeps it from starting is on standard error, too" {
	run muxctl serve --log log -l unix:no/such/place
	said 125 "no/such/place"
	says log "no/such/place"
	run muxctl tunnel --log log --background -a unix:no.sock -L 0=t
	said 255 "no.sock"
	run muxctl serve --log log -T nonsense
	said 125 "nonsense"
	target reply
	serve -T t=tcp:127.0.0.1:"$PORT"
	spawn tun muxctl tunnel --log log2 -a unix:up.sock -L 0=t --ready-fd 9 \
	    9>ready
	await test -s ready
	kill -KILL "$(cat serve.pid)"
	exits 255 "$PID"
	[ ! -s tun ]
	says log2 "connection lost"
}

@test "SIGUSR1: in the background to the log, also after it was rotated" {
	target hold
	serve -T t=tcp:127.0.0.1:"$PORT"
	spawn client muxctl tunnel -a unix:up.sock -W t
	await says out.hold accepted
	mv serve.log old.log
	kill -HUP "$(cat serve.pid)"
	await test -e serve.log
	kill -USR1 "$(cat serve.pid)"
	await says serve.log '"kind":"stream"'
}

@test "-W: a disk that is full is our failure, not the target's" {
	target greet
	serve -T t=tcp:127.0.0.1:"$PORT"
	status=0
	muxctl tunnel -a unix:up.sock -W t </dev/null 2>err >/dev/full ||
	    status=$?
	[ "$status" -eq 125 ]
	says err "standard input or output: No space left"
}

# ---- words ----

@test "durations that no clock could reach are refused" {
	run muxctl serve --idle-exit 18446744073
	said 125 "a duration"
}

@test "exit-on-forward-failure: what cannot be turned off does not say it is" {
	printf '[tunnel]\nexit-on-forward-failure = no\n' >conf
	run muxctl tunnel --config conf -L 0=t
	said 125 "cannot be turned off"
}
