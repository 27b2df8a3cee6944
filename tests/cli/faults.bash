# Each system call of a program in its turn fails; with helper.bash and
# real.bash.

# strace fails the Nth CALL with ERROR, for N = 1, 2, ... behind those of
# every start, until there is none such any more; RUN uses TRACED.
nth() {	# CALL ERROR RUN
	local first n
	needs strace
	strace -qq -o trace -e trace="$1" "$MUXCTL" --version >/dev/null
	first=$(grep -c "^$1(" trace) || :
	((++first))
	for ((n = first; n < first + 12; n++)); do
		TRACED=(timeout -k 5 20 strace -qq -o trace -e trace="$1"
		    -e inject="$1:error=$2:when=$n")
		"$3" "$1.$2.$n" || {
			echo "$1 number $n fails with $2"
			return 1
		}
		grep -q INJECTED trace || break
	done
	[ "$n" -gt "$first" ] || {
		echo "no $1 failed: it is not called at all"
		return 1
	}
}

# A status of ours that says that something failed, and a line that says what.
honest() {	# STATUS STDERR
	[[ $1 == 1 || $1 == 125 || $1 == 126 || $1 == 255 ]] || {
		echo "status $1"
		cat "$2"
		return 1
	}
	grep -q "muxctl: [a-z]*: " "$2" || {
		echo "status $1 without a word"
		return 1
	}
}

each() {	# RUN CALL:ERROR...
	local pair run=$1
	head -c 300000 /dev/urandom >data
	shift
	for pair; do
		nth "${pair%:*}" "${pair#*:}" "$run"
		rm -f answered.* got.* why.*
	done
}
