# Programs as targets: how they end is how their streams end, and nothing that
# they started outlives a stream that was cut off.

setup_file() {
	export BATS_TEST_TIMEOUT=60
}

setup() {
	load helper
	begin
}

teardown() {
	finish
}

reach() {	# NAME
	run muxctl tunnel -a unix:up.sock -W "$1" </dev/null
}

# Programs of the server that run or wait to be reaped.
none_left() {
	[ -z "$(cat "/proc/$(cat serve.pid)/task/$(cat serve.pid)/children")" ]
}

@test "the end of its output is an end, whatever was not read of its input" {
	serve -T x='exec:sh -c "head -c 300000 /dev/zero"'
	head -c 20000000 /dev/zero |
	    muxctl tunnel -a unix:up.sock -W x > out 2> err
	[ "$(wc -c < out)" -eq 300000 ]
	[ ! -s err ]
	await says serve.log "300000 back, .* fin"
}

@test "its exit status: 0 is an end, anything else is not" {
	serve -T ok='exec:sh -c "cat; echo done"' \
	    -T three='exec:sh -c "head -c 200000 /dev/zero; exit 3"' \
	    -T nine='exec:sh -c "echo x; kill -9 \$\$"' -T no=exec:nonesuch
	reach ok
	said 0 done
	muxctl tunnel -a unix:up.sock -W three </dev/null >out 2>err || r=$?
	[ "$r" -eq 1 ]
	[ "$(wc -c < out)" -eq 200000 ]
	says err "exited with status 3"
	await says serve.log "three: .*200000 back, .*exited with status 3"
	reach nine
	said 1 "killed by signal 9"
	await says serve.log "nine: .*killed by signal 9"
	reach no
	said 1 "No such file or directory"
	await none_left
}

@test "a local port: a program that failed is a reset, not an end" {
	serve -T three='exec:sh -c "echo some; exit 3"'
	tunnel --print-addr -L unix:t.sock=three
	run python3 - <<'PY'
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("t.sock")
print(s.recv(5, socket.MSG_WAITALL))
PY
	said 0 "some"
	await says tunnel.log "reset by the peer .*exited with status 3"
}

@test "one that closes its output and lives on gets its end" {
	serve -T x='exec:sh -c "echo hi; exec >&-; read x; echo >got"'
	reach x
	said 0 hi
	await test -e got
}

@test "one that ends while its child has its output" {
	serve -T x='exec:sh -c "tail -f /dev/null & echo hi"' \
	    -T y='exec:sh -c "tail -f /dev/null & echo hi; exit 4"'
	reach x
	said 0 hi
	reach y
	said 1 "exited with status 4"
	await none_left
}

# Each holds the fifo open; it has an end when nobody is left.
@test "nothing outlives a stream that was cut off" {
	mkfifo alive
	cat > stay <<'SH'
trap '' TERM
exec 5>alive
tail -f /dev/null &
setsid sh -c 'tail -f /dev/null & tail -f /dev/null &'
echo ready
cat
tail -f /dev/null
SH
	serve -T x='exec:sh stay'
	spawn out muxctl tunnel -a unix:up.sock -W x
	exec 6<alive
	await test -s out
	kill -KILL "$PID"
	cat <&6 > left
	await none_left
	says serve.log "x: .*carrier-lost"
}

@test "the server goes: so do the programs and what they started" {
	mkfifo alive
	serve -T x='exec:sh -c "setsid sh -c \"tail -f /dev/null &\" 5>alive;
	    echo ready; tail -f /dev/null"' --grace 100ms
	spawn out muxctl tunnel -a unix:up.sock -W x
	exec 6<alive
	await test -s out
	end serve.pid
	cat <&6 > left
}

@test "one that daemonizes and succeeds is left to itself" {
	serve -T x='exec:sh -c "setsid sh -c \"read x <hold; echo >got\" \
	    >/dev/null & echo hi"'
	mkfifo hold
	reach x
	said 0 hi
	echo > hold
	await test -e got
	await none_left
}

@test "carriers: the status of a program that failed is said" {
	run muxctl tunnel -a 'exec:sh -c "exit 3"' -W x </dev/null
	said 255 "the program exited with status 3"
	run muxctl call -a 'exec:sh -c "exit 3"' m </dev/null
	said 255 "the program exited with status 3"
	run muxctl serve -l 'exec:sh -c "kill -9 \$\$"' -T a=exec:cat
	said 255 "the program was killed by signal 9"
	run muxctl tunnel -a 'exec:sh -c "exit 0"' -W x </dev/null
	[ "$status" -eq 255 ]
	[[ $output != *program* ]]
	# Behind HELLO, in the middle of a stream.
	echo 'kill -9 $PPID' > killer
	cat > carrier <<SH
'$MUXCTL' serve -q -l - -T kill='exec:sh killer'
exit 5
SH
	run muxctl tunnel -a 'exec:sh carrier' -W kill </dev/null
	said 255 "the program exited with status 5"
}
