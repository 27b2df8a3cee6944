#!/bin/sh
# What is written about the program and the program itself: options, verbs,
# exit codes, examples, pages that are referred to, and the commands and files
# of README.md.
#
# An example that begins with "$ " is run, in the order of the page and in a
# directory of its own, and must end well and print what stands below it, if
# anything does ("..." is any text).  Other prompts ("host$ ") are for readers.
set -u

B=${B:-build}
MUXCTL=${MUXCTL:-$PWD/$B/muxctl}
n=0
bad=0
tmp=$(mktemp -d) || exit 1
verbs=$("$MUXCTL" --complete | sed -n 's/^\([a-z][a-z-]*\)	.*/\1/p')

verdict()	# NAME WHAT-IS-WRONG
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		bad=1
		echo "not ok $n - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}

sorted()
{
	LC_ALL=C sort -u
}

missing()	# FILE FILE: lines of the first that the second has not
{
	LC_ALL=C comm -23 "$1" "$2"
}

page()		# VERB -> the page it is described on
{
	if [ -e "man/muxctl-$1.1" ]; then
		echo "man/muxctl-$1.1"
	else
		echo man/muxctl.1
	fi
}

text()		# PAGE -> as it is read, without bold and underlined
{
	mandoc -Tascii -O width=300 "$1" | col -bx
}

body()		# PAGE -> its text but for the examples
{
	text "$1" | awk '/^[A-Z]/ { on = $0 != "EXAMPLES" } on'
}

section()	# PAGE NAME -> the lines of a section
{
	text "$1" | awk -v want="$2" '/^[A-Z]/ { on = $0 == want; next } on'
}

# ---- pages ----

for p in man/*.[1-8]; do
	verdict "${p##*/}: mandoc has nothing to say" \
	    "$(mandoc -Tlint -W warning "$p" 2>&1)"
done

# Pages of ours that pages refer to.
sed -n 's/.*Xr \(mux[a-z_-]*\) \([0-9]\).*/\1 \2/p' man/*.[1-8] |
    sorted > "$tmp/refs"
for p in man/*.[1-8]; do
	s=${p##*.}
	awk '$1 == ".Sh" { on = $2 == "NAME" } on && $1 == ".Nm" {
		print $2 }' "$p" | sed "s/\$/ $s/"
	p=${p##*/}
	echo "${p%.*} $s"
done | sorted > "$tmp/pages"
verdict "every page that is referred to is there" \
    "$(missing "$tmp/refs" "$tmp/pages")"

# ".Xr mux 7 , IDS": the section is there, too.
sed -n 's/.*Xr \(mux[a-z_-]*\) \([0-9]\) , \([A-Z][A-Z ]*[A-Z]\).*/\1.\2 \3/p' \
    man/*.[1-8] | sorted > "$tmp/refs"
for p in man/*.[1-8]; do
	sed -n 's/^\.Sh //p' "$p" | tr -d '"' | sed "s/^/${p##*/} /"
done | sorted > "$tmp/sections"
verdict "every section that is referred to is there" \
    "$(missing "$tmp/refs" "$tmp/sections")"

# ---- verbs and options ----

for v in $verbs; do
	echo "$v"
done | sorted > "$tmp/verbs"
"$MUXCTL" -h | sed -n '/^verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' |
    sorted > "$tmp/help"
verdict "-h lists the verbs of --complete" \
    "$(missing "$tmp/verbs" "$tmp/help"; missing "$tmp/help" "$tmp/verbs")"
for v in $verbs; do
	verdict "$v: muxctl(1) names it" "$(text man/muxctl.1 |
	    grep -q "muxctl.$v" || echo "no muxctl $v there")"
done

# Each gives lines "--name|-x|WORD", where WORD may be "[=WORD]".
of_complete()	# VERB
{
	"$MUXCTL" "$1" --complete | awk -F '\t' '/^--/ {
		print $1 "|" $2 "|" toupper($3) }' | sorted
}

of_text()	# lines that begin with an option
{
	perl -ne 'next unless /^\ +(?:(-.),\ )?(--[a-z0-9-]+)
	    (\[=[^]]*\]|\ [^ ]+)?(?:\ |$)/x;
	my ($short, $name, $word) = ($1 // "", $2, uc($3 // ""));
	print "$name|$short|", $word =~ s/^ //r, "\n"' | sorted
}

# What all verbs have in common may stand in muxctl(1) only.
body man/muxctl.1 | of_text > "$tmp/common"
for v in $verbs; do
	of_complete "$v" > "$tmp/complete"
	"$MUXCTL" "$v" -h | of_text > "$tmp/help"
	body "$(page "$v")" | of_text > "$tmp/page"
	cat "$tmp/page" "$tmp/common" | sorted > "$tmp/both"
	verdict "$v: -h and --complete have the same options" \
	    "$(missing "$tmp/complete" "$tmp/help"
	    missing "$tmp/help" "$tmp/complete")"
	verdict "$v: each is in the manual" \
	    "$(missing "$tmp/complete" "$tmp/both")"
	"$MUXCTL" "$v" --complete | cut -f 1,2 | tr '\t' '\n' |
	    sorted > "$tmp/known"
	[ "$(page "$v")" = man/muxctl.1 ] && continue
	verdict "$v: and has no others" \
	    "$(missing "$tmp/page" "$tmp/complete")"
	section "$(page "$v")" SYNOPSIS | grep -oE '(^|[[ |])--?[a-zA-Z-]+' |
	    tr -d '[ |' | grep -vx -- -- | sorted > "$tmp/synopsis"
	verdict "$v: its synopsis has options, and known ones" \
	    "$([ -s "$tmp/synopsis" ] || echo none
	    missing "$tmp/synopsis" "$tmp/known")"
	"$MUXCTL" "$v" -h | sed -n '/^usage/,/^$/p' |
	    grep -oE '(^|[[ |])--?[a-zA-Z-]+' | tr -d '[ |' | sorted |
	    grep -vx -- -- > "$tmp/usage"
	verdict "$v: as the first lines of -h" \
	    "$(missing "$tmp/usage" "$tmp/known")"
done

# ---- exit codes, environment ----

section man/muxctl.1 "EXIT STATUS" > "$tmp/status"
for code in $(sed -n '/^enum cmd_exit/,/^}/s/.*= \([0-9]*\).*/\1/p' \
    cmd/cmd.h); do
	verdict "muxctl(1), EXIT STATUS: $code" "$(grep -Eq \
	    "^ +$code([^0-9]|\$)" "$tmp/status" || echo "no row for it")"
done

grep -ohE '"(MUXCTL_[A-Z]+|NO_COLOR|XDG_[A-Z_]+|NOTIFY_SOCKET|LISTEN_[A-Z]+)"' \
    cmd/*.c lib/*.c | tr -d '"' | sorted > "$tmp/env"
for v in $(cat "$tmp/env"); do
	verdict "a page says what $v is for" \
	    "$(grep -q "^\.\(Ev\|It Ev\|Pq Ev\).*$v" man/*.[1-8] || echo no)"
done

# ---- examples ----

# Makes lines "try COMMAND PATTERN" for bash out of a page; "\" at the end of
# a line goes on, and what is shown below a command is what it prints.
cat > "$tmp/examples.pl" <<'END'
my ($on, $command, $shown);
sub quoted { my $s = shift; $s =~ s/'/'\\''/g; "'$s'" }
sub flush {
	return unless defined $command;
	my $pattern = "";
	for (split /(\.\.\.\n?)/, $shown // "") {
		$pattern .= /^\.\.\./ ? "*" : s/([^\w\n])/\\$1/gr;
	}
	chomp $pattern;
	print "try ", quoted($command), " ",
	    defined $shown ? quoted($pattern) : "", "\n";
	($command, $shown) = ();
}
while (<>) {
	$on = 0 if /^\.Sh/;
	$on = 1 if /^\.Sh EXAMPLES/;
	next unless $on;
	s/\\e/\\/g, s/\\&//g, s/\\-/-/g;
	if ($command =~ /\\\n$/) { $command .= $_ }
	elsif (s/^(\.Dl )?\$ //) { flush(); $command = $_; flush() if $1 }
	elsif (/^\.|^\S+\$ |^$/) { flush() }
	elsif (defined $command) { $shown .= $_ }
}
flush();
END

# In one shell, which keeps variables: a line of results for each.
run_examples()	# LIST DIRECTORY RESULTS
{
	mkdir "$2" "$2/run" "$2/config"
	ln -s "$MUXCTL" "$2/muxctl"
	cat > "$2/.script" <<-'END'
	try()
	{
		local said status
		eval "$1" >.said 2>&1
		status=$?
		said=$(< .said)
		[[ $# -lt 2 || $said == $2 ]] || status="$status, but"
		printf '%s\t%s: %s\n' "${1%%$'\n'*}" "$status" \
		    "${said##*$'\n'}" >&7
	}
	. ./.list
	END
	cp "$1" "$2/.list"
	(cd "$2" && PATH="$2:$PATH" HOME="$2" XDG_RUNTIME_DIR="$2/run" \
	    XDG_CONFIG_HOME="$2/config" timeout 120 bash ./.script \
	    7>"$3" >.log 2>&1 </dev/null)
}

finish()
{
	for f in "$tmp"/*/pid "$tmp"/*/*.pid; do
		[ ! -s "$f" ] || kill "$(cat "$f")" 2>/dev/null
	done
	rm -rf "$tmp"
}
trap finish EXIT

for p in man/muxctl*.1; do
	name=${p##*/}
	perl "$tmp/examples.pl" "$p" > "$tmp/list"
	verdict "$name: there are examples to run" \
	    "$([ -s "$tmp/list" ] || echo 'no line begins with "$ "')"
	run_examples "$tmp/list" "$tmp/$name" "$tmp/results"
	verdict "$name: all of them were run" "$(
		want=$(grep -c '^try ' "$tmp/list")
		got=$(wc -l < "$tmp/results")
		[ "$got" -eq "$want" ] || echo "$got of $want")"
	while IFS='	' read -r command result; do
		verdict "$name: $command" \
		    "$([ "${result%%:*}" = 0 ] || echo "status $result")"
	done < "$tmp/results"
done

# ---- muxaddr(7) ----

table()		# NAME -> its rows, columns separated by tabs
{
	sed -n "/^\.\\\\\" $1-TABLE-BEGIN/,/$1-TABLE-END/s/^\.It //p" \
	    man/muxaddr.7 | sed 's/\\&//g; s/\\-/-/g; s/ Ta /	/g'
}

table ADDR > "$tmp/rows"
verdict "muxaddr(7): there is a table of addresses" \
    "$([ -s "$tmp/rows" ] || echo none)"
while IFS='	' read -r word canonical; do
	got=$("$MUXCTL" addr -- "$word" 2>&1)
	verdict "muxaddr(7): $word is $canonical" \
	    "$([ "$got" = "$canonical" ] || echo "$got")"
done < "$tmp/rows"
table NONE > "$tmp/rows"
verdict "muxaddr(7): there is a table of what is none" \
    "$([ -s "$tmp/rows" ] || echo none)"
while IFS='	' read -r word reason; do
	got=$("$MUXCTL" addr -- "$word" 2>&1)
	status=$?
	verdict "muxaddr(7): $word is none ($reason)" \
	    "$([ $status -eq 125 ] || echo "$status: $got")"
done < "$tmp/rows"

# No verb shows what a tunnel spec stands for; the library does.
cat > "$tmp/spec.py" <<'END'
import sys
from ctypes import CDLL, byref, c_char_p, c_void_p, create_string_buffer

mux = CDLL(sys.argv[1])
mux.mux_addr_str.restype = c_char_p
mux.mux_addr_str.argtypes = [c_void_p]
for line in sys.stdin:
    spec = line.rstrip("\n").split("\t")[0]
    listen, target = c_void_p(), c_char_p()
    why = create_string_buffer(1024)
    if mux.mux_spec_parse(spec.encode(), byref(listen), byref(target), why):
        print(spec, why.raw[8:].split(b"\0")[0].decode(), sep="\t")
    else:
        print(spec, mux.mux_addr_str(listen).decode(),
              target.value.decode(), sep="\t")
END
if [ -z "${SAN:-}" ]; then
	table SPEC | sorted > "$tmp/rows"
	python3 "$tmp/spec.py" "$(realpath "$B/libmux.so.0")" \
	    < "$tmp/rows" | sorted > "$tmp/parsed"
	verdict "muxaddr(7): tunnel specs stand for what it says" \
	    "$([ -s "$tmp/rows" ] || echo "no table"
	    missing "$tmp/rows" "$tmp/parsed"
	    missing "$tmp/parsed" "$tmp/rows")"
fi

# ---- README.md ----

sed -n 's/^\([a-z][a-z -]*\):.*/\1/p' Makefile | tr ' ' '\n' |
    sorted > "$tmp/targets"
grep -oE '\bmake( [a-z][a-z-]*)' README.md | cut -d ' ' -f 2 |
    sorted > "$tmp/made"
verdict "README.md: there is something to make" \
    "$([ -s "$tmp/made" ] || echo nothing)"
verdict "README.md: each target is in the Makefile" \
    "$(missing "$tmp/made" "$tmp/targets")"
verdict "README.md: each file is there" "$(
	folders='cmd|lib|man|tests|completions'
	sed 's|/usr/[^ ]*||g' README.md |
	    grep -oE "\\b($folders)/[a-zA-Z0-9_./-]*[a-z0-9]" |
	    grep -v '[A-Z][A-Z]' | while read -r f; do
		[ -e "$f" ] || echo "$f"
	done)"
grep -oE '\bmux[a-z_-]*\([1-8]\)' README.md | tr '()' ' ' |
    sed 's/ $//' | sorted > "$tmp/refs"
verdict "README.md: each page is there" \
    "$(missing "$tmp/refs" "$tmp/pages")"
for v in $verbs; do
	"$MUXCTL" "$v" --complete | cut -f 1,2 | tr '\t' '\n' |
	    sorted > "$tmp/known"
	sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' README.md |
	    grep -oE "^ .*muxctl $v .*" | sed "s/.*muxctl $v //" |
	    grep -oE '(^| )--?[a-zA-Z][a-z-]*' | tr -d ' ' |
	    sorted > "$tmp/used"
	verdict "README.md: options of muxctl $v" \
	    "$(missing "$tmp/used" "$tmp/known")"
done

echo "1..$n"
exit $bad
