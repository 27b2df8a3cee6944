# What the README shows is run as it is shown.

setup_file() {
	export BATS_TEST_TIMEOUT=60
}

setup() {
	load helper
	begin
	README=$BATS_TEST_DIRNAME/../../README.md
	export PATH=${MUXCTL%/*}:$PATH
	unset MUXCTL
}

teardown() {
	MUXCTL=$(command -v muxctl)
	finish
}

# The N-th example below a heading, with our worker.bash for the installed.
example() {	# HEADING N
	awk -v h="## $1" -v n="$2" '
		/^## / { on = $0 == h }
		!on { next }
		/^    / { if (!inside) k++; inside = 1 }
		/^[^ ]/ { inside = 0 }
		inside && k == n && NF { sub(/^    /, ""); print }' "$README" |
	    sed "s|/usr/local/lib/muxctl|$BATS_TEST_DIRNAME/../../lib/worker|"
}

@test "a method is called" {
	example Calls 1 >it
	[ "$(bash ./it)" = HELLO ]
}

@test "a batch, and what failed by jq" {
	example Calls 1 >it
	bash ./it
	example Calls 2 >it
	[ -z "$(bash ./it)" ]
	sed 's/!= 0/== 0/' it >good
	[ "$(bash ./good | sort -n | tail -n 1)" = 1000 ]
	[ "$(bash ./good | wc -l)" -eq 1000 ]
}

@test "a worker in bash" {
	example Calls 3 >it
	[ "$(bash ./it)" = "9 bytes, call 1" ]
	[ "$(command muxctl call -a unix:n.sock n -d ab)" = "2 bytes, call 2" ]
}

@test "a test of a service in five lines" {
	example Calls 4 >it.bats
	[ "$(wc -l <it.bats)" -eq 5 ]
	mkdir lib
	ln -s "$BATS_TEST_DIRNAME/../../lib/bats" lib/muxctl
	run env -u BATS_TEST_TIMEOUT BATS_LIB_PATH="$PWD/lib" bats it.bats
	[ "$status" -eq 0 ]
	[[ $output == *"ok 2 it fails as it should"* ]]
}
