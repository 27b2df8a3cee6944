# Who gets in: sockets that others can reach, sockets that were there already,
# listeners that give one connection, and how many there may be.

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

# Python itself may be out of the reach of others.
talk_as_nobody() {	# ADDR
	python3 -c '
import os, pwd, socket, struct, sys, threading
net = compile(open(sys.argv[1]).read(), "net", "exec")
uid = pwd.getpwnam("nobody").pw_uid
os.setgroups([])
os.setresuid(uid, uid, uid)
sys.argv[1:2] = ["talk"]
exec(net)' "$NET" "$1" </dev/null
}

# ---- tunnel: listeners that others can reach ----

@test "tunnel -L: what others can open is said once, at the start" {
	serve -T t=exec:cat
	tunnel -L '*:0=t' -L './l.sock?mode=0666=t' -L "unix:@$$.l=t" -L 0=t \
	    -L ./m.sock=t
	says tunnel.log 'tcp:\*:[0-9]*: everybody who reaches this machine'
	says tunnel.log 'l.sock?mode=0666: other users may open it'
	says tunnel.log "unix:@$$.l: an abstract name has no permissions"
	[ "$(wc -l <tunnel.log)" -eq 3 ]
	end tunnel.pid
	rm tunnel.log
	tunnel -L './l.sock?mode=0666=t' -L "unix:@$$.l=t" --allow-uid root
	[ ! -s tunnel.log ]
}

@test "tunnel -L: unix sockets are for the own user and root" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	dir=$(mktemp -d)
	chmod 755 "$dir"
	serve -T greet='exec:echo hello'
	set -- "$dir/l.sock" "@$$.l"
	for word; do
		tunnel -L "unix:$word?mode=0666=greet"
		run talk_as_nobody "$word"
		[[ $output != *hello* ]]
		says tunnel.log "refused a connection of uid $(id -u nobody)"
		[ "$(talk "$word" </dev/null)" = hello ]
		end tunnel.pid
		tunnel -L "unix:$word?mode=0666=greet" --allow-uid nobody
		run talk_as_nobody "$word"
		said 0 hello
		end tunnel.pid
	done
	rm -r "$dir"
	run muxctl tunnel -L 0=t --allow-uid no-such-user
	said 125 "no-such-user"
}

# ---- one connection and no other ----

@test "tunnel -L exec:, fd: connected: once, with the status of the stream" {
	serve -T t=exec:cat -T no=tcp:127.0.0.1:1
	run muxctl tunnel -q -a unix:up.sock \
	    -L "exec:sh -c 'echo hello; read -r x; echo \$x >got'=t"
	said 0 ""
	[ "$(cat got)" = hello ]
	run muxctl tunnel -q -a unix:up.sock -L "exec:true=no"
	said 1 ""
	run muxctl tunnel -q -a unix:up.sock -L "exec:true=nope"
	said 126 ""
	python3 - "$MUXCTL" <<-'EOF'
		import socket, subprocess, sys
		ours, theirs = socket.socketpair()
		tunnel = subprocess.Popen((sys.argv[1], "tunnel", "-q", "-a",
		    "unix:up.sock", "-L", f"fd:{theirs.fileno()}=t"),
		    pass_fds=[theirs.fileno()])
		theirs.close()
		ours.sendall(b"ping")
		ours.shutdown(socket.SHUT_WR)
		assert ours.makefile("rb").read() == b"ping"
		assert tunnel.wait(10) == 0
	EOF
	run muxctl tunnel -a unix:up.sock -L -=t
	said 125 "carried with -W"
}

@test "-l - beside another listener is one connection of many" {
	mkfifo in
	spawn server sh -c 'exec "$0" "$@" <in >out' "$MUXCTL" serve -l - \
	    -l ./up.sock -T t=exec:cat -v
	exec 8>in
	await test -S up.sock
	exec 8>&-
	await says server "no HELLO"
	[ "$(echo hello | muxctl tunnel -a ./up.sock -W t)" = hello ]
	kill "$PID"
	exits 0 "$PID"
}

# ---- sockets that were there already ----

@test "-l systemd: of several sockets: --print-addr tells all" {
	spawn fds python3 "$NET" listen-fds 3 "$MUXCTL" serve -l systemd: \
	    -l unix:up.sock -T t=exec:cat --print-addr=addrs
	await test -s addrs
	mapfile -t port < <(head -n 3 fds)
	[ "$(head -n 3 addrs)" = "$(printf 'tcp:127.0.0.1:%s\n' \
	    "${port[@]}")" ]
	[[ $(tail -n 1 addrs) == unix:*up.sock ]]
	[ "$(wc -l <addrs)" -eq 4 ]
}

@test "systemd: and fd: beyond loopback need insecure=1, as tcp: does" {
	for word in systemd: fd:3; do
		spawn fds python3 "$NET" listen-fds 1@0.0.0.0 \
		    "$MUXCTL" serve \
		    -l "$word" -T t=exec:cat
		exits 125 "$PID"
		says fds "$word: listens beyond loopback"
		spawn fds python3 "$NET" listen-fds 1@0.0.0.0 \
		    "$MUXCTL" serve \
		    -l "$word?insecure=1" --print-addr=addr
		await test -s addr
		kill "$PID"
		exits 0 "$PID"
		rm addr
	done
}

@test "systemd: with Accept=yes: says which address it is" {
	python3 - "$MUXCTL" >out 2>&1 <<-'EOF' || status=$?
		import os, socket, sys
		ours, theirs = socket.socketpair()
		os.dup2(theirs.fileno(), 3)
		os.environ["LISTEN_FDS"] = "1"
		os.environ["LISTEN_PID"] = str(os.getpid())
		os.execv(sys.argv[1], (sys.argv[1], "serve", "-l", "systemd:"))
	EOF
	[ "$status" -eq 125 ]
	says out "descriptor 3 is a connection .*fd:3"
}
