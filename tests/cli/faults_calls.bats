# When the machine fails in the middle of a call: the right answer or an honest
# status, once, and neither a process nor a descriptor is left.

setup_file() {
	export BATS_TEST_TIMEOUT=180
}

setup() {
	load helper
	load real
	load faults
	begin
	cat >worker.py <<-END
	import sys
	get, put = sys.stdin.buffer, sys.stdout.buffer
	while line := get.readline():
	    id, args, name, body, ms = line.split()
	    get.read(int(name))
	    body = get.read(int(body))
	    put.write(b"%d 0 %d\n" % (int(id), len(body)) + body)
	    put.flush()
	END
	WORKER="python3 -SE $PWD/worker.py"
}

teardown() {
	finish
}

# ---- the server ----

# For as long as its command calls.  One call may fail, and then no more is
# open than before; or else the server has said why it ended.
victim_serve() {	# NAME
	local r=0
	TAG=fault.$1 "${TRACED[@]}" "$MUXCTL" serve "${METHOD[@]}" --log log \
	    --kill-after 1s -- bash -c "$(declare -f calls call_once honest \
	    n_fds watched await); calls \"\$@\"" calls "$MUXCTL" "$1" \
	    2>err || r=$?
	if [ "$r" -ne 0 ]; then
		cat err log >both
		honest "$r" both || return 1
	fi
	! grep -lsz "^TAG=fault.$1\$" /proc/[0-9]*/environ || {
		echo "a process is left"
		return 1
	}
}

calls() {	# MUXCTL NAME
	local n FAILED=0
	exec {NEVER}<>never
	await watched || exit 99
	n=$(n_fds)
	call_once "$@" && call_once "$@" && call_once "$@" || exit 98
	[ "$FAILED" -le 1 ] || exit 97
	await n_fds "$n" || exit 96
}

# We are the command of the server.
watched() {
	grep -qs "^Pid:.$$\$" "/proc/$PPID/fdinfo/"*
}

# Or: is it N?
n_fds() {	# [N]
	local all=("/proc/$PPID/fd/"*)
	[ "${#all[@]}" -eq "${1-0}" ] || echo "${#all[@]}"
	[ "${#all[@]}" -eq "${1-${#all[@]}}" ]
}

call_once() {	# MUXCTL NAME
	local r=0
	timeout 10 "$1" call m -d @data >"got.$2" 2>"why.$2" || r=$?
	if [ "$r" -eq 0 ]; then
		cmp data "got.$2"
	else
		((++FAILED))
		honest "$r" "why.$2"
	fi
}

@test "a handler: any call that prepares it or moves its bytes fails" {
	METHOD=(-x m=cat)
	each victim_serve pipe2:EMFILE clone3:EAGAIN pidfd_open:EMFILE \
	    epoll_ctl:ENOMEM fcntl:EINVAL read:EIO writev:EIO newfstatat:EIO
}

@test "a handler that writes to standard error: any call fails" {
	METHOD=(-m "m=cat; echo that is all >&2")
	each victim_serve read:EIO epoll_ctl:ENOMEM fcntl:EINVAL ioctl:EIO
}

@test "a worker: any call that prepares it or moves its bytes fails" {
	METHOD=(--worker "m=$WORKER")
	each victim_serve pipe2:EMFILE clone3:EAGAIN pidfd_open:EMFILE \
	    epoll_ctl:ENOMEM fcntl:EINVAL read:EIO writev:EIO
}

# ---- the caller ----

# 0 only with the whole answer.
victim_caller() {	# NAME
	local r=0
	"${TRACED[@]}" "$MUXCTL" call -a unix:up.sock m "${BODY[@]}" \
	    <data >got 2>err || r=$?
	if [ "$r" -eq 0 ]; then
		cmp data got
	else
		honest "$r" err
	fi
}

# Through pipes: what of it was not taken is nobody's.
victim_pipes() {	# NAME
	local r=0
	# shellcheck disable=SC2002
	{
		cat data | "${TRACED[@]}" "$MUXCTL" call -a unix:up.sock m \
		    "${BODY[@]}" 2>err || echo $? >status
	} | cat >got
	[ ! -s status ] || r=$(cat status)
	rm -f status
	if [ "$r" -eq 0 ]; then
		cmp data got
	else
		honest "$r" err
	fi
}

works_still() {
	muxctl call -a unix:up.sock m - <data | cmp - data
}

@test "call: any call that prepares it or moves bytes fails" {
	serve -x m=cat
	BODY=(-)
	each victim_caller socket:EMFILE connect:ECONNREFUSED connect:EACCES \
	    epoll_create1:EMFILE epoll_ctl:ENOMEM epoll_pwait2:EINVAL \
	    signalfd4:EMFILE fcntl:EINVAL newfstatat:EIO sendmsg:ECONNRESET \
	    sendmsg:EPIPE recvfrom:ECONNRESET recvfrom:ENOMEM read:EIO \
	    writev:EIO writev:ENOSPC
	each victim_pipes read:EIO writev:EIO writev:ENOSPC fcntl:EINVAL \
	    newfstatat:EIO epoll_ctl:ENOMEM openat:EMFILE dup3:EBUSY
	works_still
}

@test "call with a file for a body: any call fails" {
	serve -x m=cat
	BODY=(-d @data)
	each victim_caller read:EIO openat:EMFILE newfstatat:EIO mmap:ENOMEM
	works_still
}

# ---- a batch ----

# 0 only with all the results.
victim_batch() {	# NAME
	local r=0
	"${TRACED[@]}" "$MUXCTL" call -a unix:up.sock --batch m \
	    <lines >got 2>err || r=$?
	if [ "$r" -eq 0 ]; then
		sort -n got | cmp - want
	elif [ "$r" -eq 123 ]; then
		[ "$(wc -l <got)" -eq 20 ] && not cmp -s <(sort -n got) want
	else
		honest "$r" err
	fi
}

@test "call --batch: any call that prepares it or moves bytes fails" {
	serve -x m=cat
	seq 20 >lines
	awk '{ printf "%d\t0\texit\t%d\n", $1, $1 }' lines >want
	each victim_batch socket:EMFILE connect:ECONNREFUSED \
	    epoll_create1:EMFILE epoll_ctl:ENOMEM epoll_pwait2:EINVAL \
	    signalfd4:EMFILE fcntl:EINVAL newfstatat:EIO sendmsg:ECONNRESET \
	    sendmsg:EPIPE recvfrom:ECONNRESET recvfrom:ENOMEM read:EIO \
	    writev:EIO writev:ENOSPC
	works_still
}

@test "kill -9 of the server: a handler finds the end of its pipes" {
	# shellcheck disable=SC2016
	serve -m reads='echo $$ >reads.pid; cat >/dev/null; echo $? >end' \
	    -m writes='echo $$ >writes.pid; exec yes'
	spawn r muxctl call -a unix:up.sock reads -
	spawn w muxctl call -a unix:up.sock writes -o /dev/null
	await test -s reads.pid
	await test -s writes.pid
	kill -KILL "$(cat serve.pid)"
	gone "$(cat reads.pid)"
	gone "$(cat writes.pid)"
	[ "$(cat end)" = 0 ]
}
