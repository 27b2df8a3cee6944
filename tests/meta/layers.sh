#!/bin/sh
# Who may include whom, and that the lower floors call nothing but memory and
# string functions: "no I/O, no clock" is a fact here, not a habit.
#
# A file of lib/ that is not named below is on floor 2.  It cannot hide there:
# floor 2 may not include the inner headers of floor 1, and what calls nothing
# but memory and string functions has to be named.
set -u

# Floor 0: values.  Each knows int.h, bytes.h and its own header.
floor0="ring credit table timers rtt text pace rest chars"
# Floor 1: the protocol.  Each may include the headers to its left.
floor1="code frame ext stream call session session_in session_out admit \
handlers legacy streams call_ext call_in call_out calls dump_frame dump \
dump_write dump_read dump_decode"

public="mux.h mux_io.h mux_dump.h"
memory='^(malloc|calloc|realloc|reallocarray|aligned_alloc|free)$|^mem[a-z]*$'
strings='^str(n?len|r?chr|n?cmp|n?cpy|str|p?brk|c?spn|n?dup)$'
compiler='^(__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)$'
checked='^__(mem|str)[a-z]*_chk$|^__(asan|ubsan|sanitizer)_'

n=0
bad=0

verdict()	# NAME WHAT-IS-WRONG
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		bad=1
		echo "not ok $n - $1"
		echo "#$2"
	fi
}

has()		# LIST WORD
{
	case " $1 " in *" $2 "*) return 0 ;; esac
	return 1
}

as_headers()	# WORD... -> WORD.h...
{
	for w; do printf '%s.h ' "$w"; done
}

# All headers of ours that FILE sees, however deep.
sees()
{
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Ilib -Itests/unit -MM "$1" |
	    tr -s ' \\' '\n\n' | grep '\.h$' || [ $? -eq 1 ]
}

# The part of floor 1 that WORD may include.
upto()
{
	for w in $floor1; do
		printf '%s.h ' "$w"
		[ "$w" = "$1" ] && break
	done
}

# Headers of lib/ that a module may see.
allowed()
{
	if has "$floor0" "$1"; then
		echo "int.h bytes.h $1.h"
	elif has "$floor1" "$1"; then
		case $1 in dump*) printf 'mux_dump.h ' ;; esac
		echo "int.h bytes.h mux.h $(as_headers $floor0) $(upto "$1")"
	else
		inner=" $(as_headers $floor1)"
		for h in lib/*.h; do
			has "$inner" "${h##*/}" || printf '%s ' "${h##*/}"
		done
	fi
}

# FILE, which headers of lib/ it may see, which other folders.
check_includes()
{
	wrong=
	if ! seen=$(sees "$1"); then
		verdict "includes of $1" " it does not preprocess"
		return
	fi
	for h in $seen; do
		case $h in
		lib/*)	has "$2" "${h##*/}" || wrong="$wrong $h" ;;
		*)	has "$3" "${h%/*}" || wrong="$wrong $h" ;;
		esac
	done
	verdict "includes of $1" "${wrong:+ not allowed:$wrong}"
}

gone=
for w in $floor0 $floor1; do
	[ -e "lib/$w.c" ] || [ -e "lib/$w.h" ] || gone="$gone $w"
done
verdict "what is named here is there" "$gone"

for f in lib/*.c; do
	name=${f##*/}
	check_includes "$f" "$(allowed "${name%.c}")" ""
done
for f in cmd/*.c; do
	check_includes "$f" "$public" "cmd"
done
for f in tests/sim/*.c tests/fuzz/*.c; do
	[ -e "$f" ] || continue
	of=${f##*/fuzz_}
	of=${of%.c}
	[ ! -e "cmd/$of.c" ] || of=tests/fuzz/../../cmd
	check_includes "$f" "$public" "tests/sim tests/fuzz tests/unit $of"
done
# What measures is not built from what is measured, but for the library itself.
for f in tests/bench/*.c; do
	[ -e "$f" ] || continue
	of=
	[ "${f##*/}" != calls_core.c ] || of=mux.h
	check_includes "$f" "$of" "tests/bench"
done

objects()	# WORD... -> the object files there are
{
	for w; do
		[ ! -e "${B:-build}/static/$w.o" ] ||
		    printf '%s ' "${B:-build}/static/$w.o"
	done
}

defined()	# FILE... -> a pattern of the symbols they define
{
	nm --defined-only -g "$@" | awk 'NF == 3 { print "^" $3 "$" }'
}

# What FILE calls beyond memory and strings, but for what PATTERN-FILE has.
calls()		# OBJECT PATTERN-FILE
{
	nm -u "$1" | awk '{ print $2 }' |
	    grep -Ev "$memory|$strings|$compiler|$checked" |
	    grep -v -f "$2" | tr '\n' ' '
}

check_calls()	# FLOOR PATTERN-FILE OBJECT...
{
	floor=$1 known=$2
	shift 2
	for o; do
		wrong=$(calls "$o" "$known")
		verdict "calls of floor $floor, ${o##*/}" \
		    "${wrong:+ not allowed: $wrong}"
	done
}

known=$(mktemp) || exit 1
trap 'rm -f "$known"' EXIT
zero=$(objects $floor0)
defined $zero > "$known"
[ -s "$known" ] || verdict "there are objects to look at" " none in ${B:-build}"
check_calls 0 "$known" $zero
values=
for o in "${B:-build}"/static/*.o; do
	name=${o##*/}
	has "$floor0 $floor1" "${name%.o}" || [ -n "$(calls "$o" "$known")" ] ||
	    values="$values $name"
done
verdict "what is a value is named on floor 0" "$values"
defined $zero $(objects $floor1) > "$known"
check_calls 1 "$known" $(objects $floor1)

echo "1..$n"
exit $bad
