#!/bin/sh
# Runs one test the way its name asks for; prove(1) calls this for each.  All
# of them print TAP.
case $1 in
*.bats)
	exec bats --formatter tap "$1" ;;
*.sh)
	exec sh "$1" ;;
*/fuzz_*)
	exec "$1" "tests/data/${1##*/}" ;;
*)
	exec "$1" ;;
esac
