#!/bin/sh
# The measurable part of the house style.  What it cannot see (names, whether
# a comment says why) is for readers.
set -u

n=0
bad=0
sources=$(find lib cmd tests -name '*.[ch]' | sort)
code=$(find lib cmd tests -name '*.c' | sort)
scripts=$(find tests completions lib .ci -type f \( -name '*.sh' -o \
    -name '*.bats' -o -name '*.bash' -o -path .ci/run \) | sort)
# Waiting for time to pass is how a test becomes flaky.
awake=$(find tests/cli tests/unit tests/sim -type f | sort)

verdict()	# WHAT OFFENDERS
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		bad=1
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
	fi
}

each()		# AWK-PROGRAM FILE...: the program prints offenders
{
	program=$1
	shift
	[ $# -eq 0 ] || LC_ALL=C awk "$program" "$@"
}

verdict "there is something to look at" \
    "$([ -n "$code" ] && [ -n "$scripts" ] || echo "no sources")"

# A body is what stands between a brace in the first column and the next one.
verdict "functions of at most 60 lines" "$(each '
/^\{$/ { start = FNR }
/^\}$/ && start {
	if (FNR - start - 1 > 60)
		print FILENAME ":" start ": " FNR - start - 1 " lines"
	start = 0
}' $sources)"

# A body starts one tab in; a statement three levels down stands at four.
verdict "nesting of at most 3" "$(each '
/^\{$/ { inside = 1 }
/^\}$/ { inside = 0 }
inside && /^\t\t\t\t\t+[a-z{}]/ { print FILENAME ":" FNR ": " $0 }
' $sources)"

verdict "files of at most 800 lines" "$(each '
FNR == 801 { print FILENAME }' $sources $scripts)"

verdict "80 columns" "$(each '
{
	line = ""
	rest = $0
	while ((i = index(rest, "\t")) > 0) {
		line = line substr(rest, 1, i - 1)
		line = line substr("        ", length(line) % 8 + 1)
		rest = substr(rest, i + 1)
	}
	if (length(line rest) > 80)
		print FILENAME ":" FNR ": " length(line rest)
}' $sources $scripts)"

verdict "no blanks at the end of a line, none before a tab" "$(each '
/[ \t]$/ || / \t/ { print FILENAME ":" FNR }' $sources $scripts Makefile)"

verdict "every source opens with a comment" "$(each '
FNR == 1 && !/^\/\*/ { print FILENAME }' $sources)"

verdict "every .c says in it what it is, in two lines or more" "$(each '
FNR == 2 && !/^ \* [^ ]/ { print FILENAME }' $code)"

verdict "return types on lines of their own" "$(each '
/^[a-z].*[ *][a-z_0-9]+\(.*\)$/ { type = FNR " " $0; next }
/^\{$/ && type { print FILENAME ":" type }
{ type = "" }' $code)"

verdict "no sleeping in tests" "$(each '
/^[ \t]*(#|\*|\/\*)/ { next }
FILENAME ~ /\.[ch]$/ ? /sleep *\(/ : /(^|[^-a-z_.])sleep($|[^-a-z_.])/ {
	print FILENAME ":" FNR ": " $0
}' $awake)"

echo "1..$n"
exit $bad
