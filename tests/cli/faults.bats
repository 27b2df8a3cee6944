# When the machine, the peer or the neighbourhood fails: what is left must be
# the right bytes or an honest status, never a hang, a leak or a lie.

setup_file() {
	export BATS_TEST_TIMEOUT=120
}

setup() {
	load helper
	load real
	load faults
	begin
}

teardown() {
	finish
}

faults() {	# CASE
	shim
	python3 "$BATS_TEST_DIRNAME/faults.py" "$1" >said || {
		cat said
		tail -n 5 ./*.log ./*.err
		return 1
	}
	! grep -q ^skip said || skip "$(sed 's/^skip: //' said)"
	grep ^# said >&3 || :
}

# ---- system calls that fail ----

# The tunnel is the victim: 0 only with every byte there and back.
victim_tunnel() {	# NAME
	local r=0
	"${TRACED[@]}" "$MUXCTL" tunnel -a unix:up.sock -W cat \
	    <data >got 2>err || r=$?
	if [ "$r" -eq 0 ]; then
		cmp data got
	else
		honest "$r" err
	fi
}

# The server is the victim, for as long as its command runs: that asks twice,
# by connections of their own, and one answer must come if it lives on.
victim_serve() {	# NAME
	local r=0
	"${TRACED[@]}" "$MUXCTL" serve -T cat="$ECHO" --log log -- \
	    bash -c "$(declare -f ask honest); ask \"\$@\" && ask \"\$@\"" \
	    ask "$MUXCTL" "$1" 2>err || r=$?
	if [ "$r" -ne 0 ]; then
		cat err log >both
		honest "$r" both
	elif [ ! -e "answered.$1" ]; then
		echo "no answer"
		return 1
	fi
}

ask() {	# MUXCTL NAME
	local r=0
	timeout 10 "$1" tunnel -W cat <data >"got.$2" 2>"why.$2" || r=$?
	if [ "$r" -eq 0 ]; then
		: >"answered.$2"
		cmp data "got.$2" || exit 99
	else
		honest "$r" "why.$2" || exit 99
	fi
}

@test "tunnel: any call that moves bytes fails" {
	serve -T cat=exec:cat
	each victim_tunnel sendmsg:ECONNRESET sendmsg:EPIPE sendmsg:ENOBUFS \
	    recvfrom:ECONNRESET recvfrom:ENOMEM read:EIO writev:EIO \
	    writev:ENOSPC splice:EIO splice:EINVAL splice:EPIPE
	works_still
}

@test "tunnel: any call that prepares fails" {
	serve -T cat=exec:cat
	each victim_tunnel socket:EMFILE connect:ECONNREFUSED connect:EACCES \
	    epoll_create1:EMFILE epoll_ctl:ENOMEM epoll_ctl:ENOSPC \
	    epoll_pwait2:EINVAL signalfd4:EMFILE pipe2:EMFILE fcntl:EINVAL \
	    newfstatat:EIO getsockopt:ENOBUFS shutdown:ENOTCONN
	works_still
}

works_still() {
	muxctl tunnel -a unix:up.sock -W cat <data | cmp - data
}

@test "tunnel: what fails first has its status" {
	serve -T cat=exec:cat
	needs strace
	while read -r call error status text; do
		run strace -qq -o trace -e inject="$call:error=$error:when=1" \
		    "$MUXCTL" tunnel -a unix:up.sock -W cat </dev/null
		said "$status" "$text"
	done <<-END
	socket EMFILE 255 Too many open files
	connect ECONNREFUSED 255 is the server running?
	connect EACCES 255 Permission denied
	sendmsg EPIPE 255 Broken pipe
	sendmsg ECONNRESET 255 Connection reset by peer
	recvfrom ECONNRESET 255 Connection reset by peer
	epoll_create1 EMFILE 125 Too many open files
	signalfd4 EMFILE 125 Too many open files
	END
}

@test "serve: any call that moves bytes fails" {
	target echo
	# Not EPIPE to a program: that says that it wants no more, which is a
	# way to succeed.
	ECHO=exec:cat
	each victim_serve sendmsg:ECONNRESET sendmsg:ENOBUFS \
	    recvfrom:ECONNRESET recvfrom:ENOMEM splice:EIO splice:EINVAL
	ECHO=tcp:127.0.0.1:$PORT
	each victim_serve sendmsg:EPIPE splice:EPIPE
}

@test "serve: any call that prepares fails" {
	ECHO=exec:cat
	each victim_serve accept4:EMFILE accept4:ENOBUFS accept4:ECONNABORTED \
	    accept4:EPERM accept4:EINTR clone3:EAGAIN \
	    pidfd_open:EMFILE epoll_ctl:ENOMEM epoll_pwait2:EINVAL \
	    pipe2:EMFILE fcntl:EINVAL getsockopt:ENOBUFS shutdown:ENOTCONN \
	    socket:EMFILE bind:EACCES listen:EADDRINUSE
}

@test "serve: a log that cannot be written stops nothing" {
	ECHO=exec:cat
	each victim_serve write:ENOSPC write:EIO
	muxctl serve -l unix:up.sock -T cat=exec:cat --background=serve.pid \
	    --log /dev/full
	works_still
	end serve.pid
}

# ---- descriptors ----

@test "no descriptors left: accept is not called in a loop" {
	needs strace
	target reply
	spawn serve.out prlimit --nofile=24:24 \
	    strace -qq -o trace -e trace=accept4 "$MUXCTL" serve \
	    -l unix:up.sock -T t=tcp:127.0.0.1:"$PORT" --log serve.log
	await test -S up.sock
	# Ten of those who wait are told to go: that takes many attempts.
	shim
	python3 "$BATS_TEST_DIRNAME/faults.py" crowd
	await works unix:up.sock t
	[ "$(grep -c "EMFILE" trace)" -ge 5 ]
	[ "$(grep -c accept4 trace)" -lt 300 ]
	[ "$(grep -c "accept on" serve.log)" -eq 1 ]
}

works() {	# ADDR TARGET
	[ "$(printf ping | muxctl tunnel -a "$1" -W "$2")" = "got 4 bytes" ]
}

@test "a thousand targets that cannot be reached leave no descriptor" {
	faults leaks
}

@test "no large pipes left for an ordinary user: the others copy" {
	mkdir -m 777 poor
	cp "$MUXCTL" poor/muxctl
	B=${B:-${MUXCTL%/*}}
	MUXCTL=$PWD/poor/muxctl
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
	cd poor
	faults poor_user
}

# ---- peers ----

@test "attackers: memory stays flat, and the next stranger is served" {
	faults attacks
}

@test "a server that is stopped is noticed by its silence: 255, resets" {
	faults stopped_server
}

@test "a tunnel that is stopped is noticed by its silence: resets" {
	faults stopped_tunnel
}

@test "kill -9 of the server, and its path serves again at once" {
	faults killed_and_restarted
}

@test "ten thousand idle streams on one connection, under 1 KiB each" {
	faults many_streams
}
