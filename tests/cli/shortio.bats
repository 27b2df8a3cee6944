# The same endings while the kernel moves a few bytes at a time for muxctl and
# interrupts its calls: preload_shortio.c, with several seeds.  What arrives
# may not depend on it, and nothing may hang.

setup_file() {
	export BATS_TEST_TIMEOUT=120
}

setup() {
	load helper
	load real
	begin
}

teardown() {
	finish
}

seeds() {	# N CASE...
	local seed n=$1
	shift
	for ((seed = 1; seed <= n; seed++)); do
		echo "# seed $seed"
		SHORTIO_SEED=$seed halfclose "$@"
	done
}

@test "every call that moves bytes is cut short and interrupted" {
	export SHORTIO_STATS=$PWD/stats
	seeds 1 few_amounts stdio
	for call in read write writev recv sendmsg splice epoll; do
		awk -v call="$call" '$1 == call { cut += $3; eintr += $4 }
		    END { exit !(cut > 10 && eintr > 10) }' stats
	done
	awk '$1 == "accept4" { eintr += $4 } END { exit !(eintr > 10) }' stats
}

@test "either side first" {
	seeds 6 few_amounts early_answer
	seeds 1 client_first server_first
}

@test "standard input and output" {
	seeds 3 stdio
}

@test "full queues" {
	seeds 2 tiny_buffers stalled_consumer
	seeds 1 both_full traffic_on_one_half
}

@test "resets" {
	seeds 3 reset_when_idle reset_against_data reset_after_own_end \
	    reset_after_the_others_end unread_bytes_of_unix \
	    gone_without_unread
	seeds 2 reset_behind_data reset_at_once
}

@test "no target, no carrier" {
	seeds 3 refused_by_the_target not_listed server_is_killed \
	    tunnel_is_killed
	seeds 1 cut_anywhere tcp
}

@test "a transfer by the command line, both ways" {
	shim
	head -c 5000000 /dev/urandom >data
	target reply
	for seed in 1 2 3; do
		export LD_PRELOAD=$PRELOAD SHORTIO_SEED=$seed
		serve -T t=tcp:127.0.0.1:"$PORT" -T s=exec:'cat data'
		[ "$(muxctl tunnel -a unix:up.sock -W t <data)" = \
		    "got 5000000 bytes" ]
		muxctl tunnel -a unix:up.sock -W s </dev/null | cmp - data
		unset LD_PRELOAD
		end serve.pid
	done
}
