# How connections end: the matrix of mux(7) between real sockets, TCP and unix
# at either end, over unix, tcp and exec carriers, spliced and copied.  Each
# test runs all of these combinations; halfclose.py has the cases.

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

# ---- either side first, the answer later ----

@test "the client ends first, the answer comes whole, whatever its size" {
	halfclose client_first
}

@test "two hundred random amounts each way have their hashes" {
	halfclose random_amounts
}

@test "the server ends first and still gets everything" {
	halfclose server_first
}

@test "close() behind unread data loses none of it" {
	halfclose close_behind_data
}

@test "an answer before the request was read arrives, then the reset" {
	halfclose early_answer
}

@test "a half that is closed stays so, whatever the other one carries" {
	halfclose traffic_on_one_half
}

@test "standard input and output: either end first, reset, lost" {
	halfclose stdio
}

# ---- full queues ----

@test "the smallest buffers that sockets can have" {
	halfclose tiny_buffers
}

@test "everybody writes before anybody reads" {
	halfclose both_full
}

@test "a stalled consumer beside 31 that are not" {
	halfclose stalled_consumer
}

# ---- resets are not ends ----

@test "a reset of an idle connection, from either end" {
	halfclose reset_when_idle
}

@test "a reset while the target is still being dialled" {
	halfclose reset_at_once
}

@test "a reset behind data is no clean end" {
	halfclose reset_behind_data
}

@test "a reset reaches who is sending" {
	halfclose reset_against_data
}

@test "a reset behind one's own end" {
	halfclose reset_after_own_end
}

@test "a reset instead of the answer" {
	halfclose reset_after_the_others_end
}

@test "a unix socket closed over unread bytes is a reset" {
	halfclose unread_bytes_of_unix
}

@test "who has closed both ways is no more there to be sent to" {
	halfclose gone_without_unread
}

# ---- no target, no carrier ----

@test "a target that refuses: the local connection is reset at once" {
	halfclose refused_by_the_target
}

@test "a target that nobody knows: reset, too" {
	halfclose no_such_host unix
}

@test "a target that is not listed: reset, too" {
	halfclose not_listed
}

@test "the server is killed at work: resets, and status 255" {
	halfclose server_is_killed
}

@test "the tunnel is killed at work: the targets are reset" {
	halfclose tunnel_is_killed
}

@test "a carrier that ends anywhere makes no clean end of a part" {
	halfclose cut_anywhere tcp
}

@test "all this was with splice(2), and without" {
	halfclose splices_or_not
}
