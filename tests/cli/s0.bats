# Peers that speak plain S0 (s0.py): what such clients get from serve, and
# what call gets from such servers.

setup_file() {
	export BATS_TEST_TIMEOUT=60
}

setup() {
	load helper
	begin
	S0=$BATS_TEST_DIRNAME/s0.py
	export PYTHONDONTWRITEBYTECODE=1
}

teardown() {
	finish
}

# A server of s0.py; PORT is its port, `peer` what it sees.
peer() {
	spawn peer python3 "$S0" serve "$@"
	await test -s peer
	PORT=$(head -n 1 peer)
}

s0() {	# CASE [ARG...]
	python3 "$S0" "$1" "${AT:-unix:up.sock}" "${@:2}"
}

@test "s0.py: its two ends understand each other" {
	peer
	AT=127.0.0.1:$PORT
	run s0 pipelined 1000
	said 0 "in order"
	s0 flags
	s0 ids
	s0 streams
	s0 many_streams
	s0 half
	s0 cut
	await says peer '^cut$'
}
