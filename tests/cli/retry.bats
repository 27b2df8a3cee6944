# call --retry against a server that drains: what had been started is never
# done twice, what had not is done by the next server.

setup_file() {
	export BATS_TEST_TIMEOUT=60
}

setup() {
	load helper
	begin
	export MUXCTL_ADDR=unix:up.sock
}

teardown() {
	finish
}

# Its method tells that it runs, and ends only once there is a file `again`.
server() {	# OPTION...
	serve --grace 100ms -m \
	    q='echo ran >>ran; [ -e again ] || cat never; echo done' "$@"
}

lines() {	# N FILE
	[ -e "$2" ] && [ "$(wc -l <"$2")" -eq "$1" ]
}

@test "a call that was running when the server ended is not made again" {
	server
	spawn client muxctl call --retry 9 q
	client=$PID
	await lines 1 ran
	end serve.pid
	touch again
	server
	exits 255 "$client"
	says client "indeterminate"
	lines 1 ran
}

@test "with --idempotent it is" {
	server
	spawn client muxctl call --retry 9 --idempotent q
	client=$PID
	await lines 1 ran
	end serve.pid
	touch again
	server
	exits 0 "$client"
	says client "done"
	lines 2 ran
}

@test "batch: none of five that were running is made again" {
	seq 5 >in
	server
	spawn got muxctl call --batch=in -P 5 --retry 9 q
	client=$PID
	await lines 5 ran
	end serve.pid
	touch again
	server
	exits 255 "$client"
	lines 5 ran
	[ "$(grep -c $'\t255\tindeterminate' got)" -eq 5 ]
}

@test "batch: those that waited for a slot are done by the next server" {
	seq 5 >in
	server --jobs 1
	spawn got muxctl call --batch=in -P 5 --retry 9 q
	client=$PID
	await lines 1 ran
	end serve.pid
	touch again
	server
	exits 255 "$client"
	lines 5 ran
	[ "$(grep -c $'\t255\tindeterminate' got)" -eq 1 ]
	[ "$(grep -c $'\t0\texit' got)" -eq 4 ]
}
