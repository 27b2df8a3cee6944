#!/bin/sh
# The library as the linker sees it: what it exports is what its headers
# declare, what lib/mux.map lists and what the manual describes; and it calls
# nothing that would disturb its host.
set -u

B=${B:-build}
so=$B/libmux.so.0
version=$(sed -n 's/^#define MUX_VERSION[^"]*"\(.*\)"/\1/p' lib/mux.h)
n=0
bad=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

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

is()		# NAME GOT WANT
{
	verdict "$1" "$([ "$2" = "$3" ] || echo "got $2, want $3")"
}

sorted()
{
	LC_ALL=C sort -u
}

same()		# NAME FILE FILE: lists; what is in one of them only
{
	verdict "$1" "$(comm -23 "$2" "$3" | sed 's/$/: only in the first/'
	    comm -13 "$2" "$3" | sed 's/$/: only in the second/')"
}

# ---- three lists of one thing ----

# Declarations of our headers, without bodies of structs, one per line.
cat > "$tmp/all.c" <<'END'
#include "mux.h"
#include "mux_io.h"
#include "mux_dump.h"
END
${CC:-cc} -E -D_GNU_SOURCE -Ilib "$tmp/all.c" | awk '
/^#/ { ours = $0 ~ /^# [0-9]+ "lib\/mux[a-z_]*\.h"/ ||
    (/^#pragma/ && ours); next }
ours {
	for (i = 1; i <= length($0); i++) {
		c = substr($0, i, 1)
		if (c == "{")
			depth++
		if (depth == 0 && c == ";")
			printf "\n"
		else if (depth == 0)
			printf "%s", c
		if (c == "}")
			depth--
	}
	printf " "
}' > "$tmp/declarations"
sed -n '/typedef/d; s/^[^(]*\(mux_[a-z0-9_]*\) *(.*/\1/p' \
    "$tmp/declarations" | sorted > "$tmp/declared"
sed -n 's/^ *typedef[^(]*\(mux_[a-z0-9_]*\) *(.*/\1/p' \
    "$tmp/declarations" | sorted > "$tmp/types"
sed -n 's/^[[:space:]]*\(mux_[a-z0-9_]*\);.*/\1/p' lib/mux.map |
    sorted > "$tmp/mapped"
nm -D --defined-only "$so" | awk '$2 != "A" { print $3 }' |
    sed 's/@.*//' | sorted > "$tmp/exported"

verdict "there are prototypes to compare" \
    "$([ "$(wc -l < "$tmp/declared")" -gt 80 ] || cat "$tmp/declarations")"
same "prototypes of the headers, symbols of the library" \
    "$tmp/declared" "$tmp/exported"
same "symbols of the library, lib/mux.map" "$tmp/exported" "$tmp/mapped"
verdict "the archive that is installed shows no other names" \
    "$(nm -g --defined-only "$B/installed/libmux.a" |
    awk '$2 == "T" { print $3 }' | sorted | diff "$tmp/exported" -)"
verdict "they are functions" \
    "$(nm -D --defined-only "$so" | awk '$2 != "A" && $2 != "T"')"
verdict "each has its version" "$(nm -D --defined-only \
    --with-symbol-versions "$so" | awk '$2 != "A"' | grep -v '@@MUX_0\.1$')"

# ---- the file ----

dynamic()	# TAG
{
	readelf -dW "$so" | sed -n "s/.*($1).*\[\(.*\)\].*/\1/p"
}

is "soname" "$(dynamic SONAME)" "libmux.so.${version%%.*}"
is "no search paths" "$(dynamic 'R.*PATH')" ""
is "no text relocations" "$(readelf -dW "$so" | grep TEXTREL)" ""
is "no executable stack" \
    "$(readelf -lW "$so" | awk '/GNU_STACK/ { print $7 }')" "RW"

if [ -z "${SAN:-}" ]; then
	is "it needs these libraries and no others" \
	    "$(dynamic NEEDED | sorted | tr '\n' ' ')" \
	    "libbsd.so.0 libc.so.6 libcares.so.2 "
	# State that all of a process shares has no place in a library.
	verdict "no variables" "$(for o in "$B"/static/*.o; do
		objdump -hw "$o" | awk -v file="${o##*/}" '
		$2 ~ /^\.(data|bss|tdata|tbss)/ && $2 !~ /\.rel\.ro/ &&
		    $3 !~ /^0+$/ { print file ": " $2 " of 0x" $3 }'
		nm "$o" | awk -v file="${o##*/}" \
		    '$2 == "C" { print file ": " $3 }'
	done)"
fi

# ---- what it calls ----

# Ending, printing, signals, children of others, what belongs to all of the
# process, and lookups that wait.
never='^(exit|_exit|_Exit|quick_exit|abort|atexit|on_exit
|std(in|out|err)|v?printf|v?fprintf|puts|fputs|putchar|putc|perror|psignal
|(v?)(err|warn)(c|x)?|error|v?syslog|openlog
|signal|sigprocmask|sigsuspend|alarm|setitimer|raise|kill|killpg
|wait|waitpid|wait3|wait4|fork|vfork|system|popen|daemon
|chdir|fchdir|chroot|umask|setlocale|uselocale|set(res|re|e)?[ug]id
|setenv|putenv|unsetenv|clearenv|setrlimit|prctl|tzset
|pthread_create|thrd_create|sleep|usleep|nanosleep
|gethostby.*|setproctitle.*|strtok|localtime|gmtime|ctime|asctime|rand|srand
)$'
nm -D --undefined-only "$so" | awk '{ print $NF }' | sed 's/@.*//' |
    sorted > "$tmp/calls"
verdict "there are calls to look at" \
    "$(grep -qx epoll_ctl "$tmp/calls" || echo "no epoll_ctl")"
verdict "it calls nothing that would disturb its host" \
    "$(grep -Ex "$(echo "$never" | tr -d '\n')" "$tmp/calls")"

# ---- the manual ----

# Who knows a name finds its page; the page has its prototype.
section()	# PAGE SECTION
{
	awk -v want="$2" '$1 == ".Sh" { on = $2 == want; next } on' "$1"
}

for page in man/*.3; do
	section "$page" NAME | awk '$1 == ".Nm" { print $2 }'
done | sorted > "$tmp/named"
for page in man/*.3; do
	section "$page" SYNOPSIS | awk '$1 == ".Fn" || $1 == ".Fo" {
		print $2 }'
done | sorted > "$tmp/synopsis"
verdict "every prototype is in the NAME of a page" \
    "$(comm -23 "$tmp/declared" "$tmp/named")"
cat "$tmp/types" "$tmp/declared" | sorted > "$tmp/all"
same "functions and types of the headers, of the pages" "$tmp/all" \
    "$tmp/synopsis"

# What pages say is compiled behind the headers: any difference is an error.
for page in man/*.3; do
	{
		printf '#include <%s.h>\n' mux_io mux_dump
		mandoc -Tascii -O width=1000 "$page" | col -bx |
		    awk '/^[A-Z]/ { on = $1 == "SYNOPSIS"; next }
		    on && !/#include|pkg-config/'
	} > "$tmp/page.c"
	wrong=$(${CC:-cc} -std=gnu11 -fsyntax-only -Werror -Ilib \
	    "$tmp/page.c" 2>&1)
	verdict "${page##*/}: its synopsis agrees with the headers" "$wrong"
done

# A field is described on a page that names its struct.
perl -0ne 's/\/\*.*?\*\///sg;
    while (/struct\ (mux_\w+)\ \{(.*?)\n\};/sg) {
	my ($struct, $body) = ($1, $2);
	$body =~ s/\(\*(\w+)\)\([^;]*\)/ $1/sg;
	for (split /;/, $body) {
		print "$struct $1\n" while /(\w+)\s*(?:\[\w*\])?\s*(?:,|$)/g;
	}
    }' lib/mux*.h > "$tmp/fields"
verdict "there are fields to look for" \
    "$([ "$(wc -l < "$tmp/fields")" -gt 100 ] || cat "$tmp/fields")"
verdict "every field of a struct is on a page" "$(
	while read -r struct field; do
		grep -l "struct $struct\$" man/*.3 | xargs -r grep -qE \
		    "^\.(It )?F[ano] .*\b$field\b" ||
		    echo "$struct: $field"
	done < "$tmp/fields")"
verdict "every constant is on a page" "$(
	grep -ohE '\bMUX_[A-Z_]+' lib/mux*.h | sorted |
	    grep -vE '_H$|^MUX_[A-Z]_$' | while read -r name; do
		grep -q "$name" man/*.3 man/mux.7 || echo "$name"
	done)"

echo "1..$n"
exit $bad
