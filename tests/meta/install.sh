#!/bin/sh
# What `make install` puts where, and that it is enough: every example is
# built and run with the installed headers, mux.pc and library only, away from
# the sources.  And that `make uninstall` takes all of it back.
set -u

if [ -n "${SAN:-}" ]; then
	echo "1..0 # SKIP plain programs cannot load a sanitized library"
	exit 0
fi

# As somebody types it, not as part of the make that runs the tests.
unset MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS
unset PREFIX DESTDIR LIBDIR MANDIR PKG_CONFIG_SYSROOT_DIR
version=$(sed -n 's/^#define MUX_VERSION[^"]*"\(.*\)"/\1/p' lib/mux.h)
B=${B:-build}
B=${B#"$PWD"/}
dir=$(mktemp -d) || exit 1
n=0
bad=0
pid=

finish()
{
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	# Its prefix was ours.
	run_make "$B/mux.pc" >/dev/null
	rm -rf "$dir"
}
trap finish EXIT

run_make()
{
	make -s B="$B" ${CC:+CC="$CC"} "$@" </dev/null 2>&1
}

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
	wrong=
	[ "$2" = "$3" ] || wrong=$(printf 'got:\n%s\nwant:\n%s' "$2" "$3")
	verdict "$1" "$wrong"
}

# ---- what is where ----

files()		# DIRECTORY -> mode and path, or link and what it says
{
	find "$1" -type l -printf '%P -> %l\n' \
	    -o ! -type d -printf '%P %m\n' | LC_ALL=C sort
}

# Folders of sources may hold what is not for everybody; these do not.
expected()	# LIBDIR, below usr
{
	cat <<-END
	usr/bin/muxctl 755
	usr/include/mux.h 644
	usr/include/mux_dump.h 644
	usr/include/mux_io.h 644
	usr/$1/libmux.a 644
	usr/$1/libmux.so -> libmux.so.0
	usr/$1/libmux.so.0 -> libmux.so.$version
	usr/$1/libmux.so.$version 755
	usr/$1/pkgconfig/mux.pc 644
	usr/lib/bats/muxctl/load.bash 644
	usr/lib/muxctl/muxctl_worker.py 644
	usr/lib/muxctl/worker.bash 644
	usr/share/bash-completion/completions/muxctl 644
	usr/share/fish/vendor_completions.d/muxctl.fish 644
	usr/share/zsh/vendor-completions/_muxctl 644
	END
	for page in man/*.[1-8]; do
		page=${page##*/}
		echo "usr/share/man/man${page##*.}/$page 644"
	done
}

sorted()
{
	LC_ALL=C sort
}

run_make all >/dev/null
out=$(run_make install DESTDIR="$dir/root" PREFIX=/usr)
is "make install DESTDIR= PREFIX=/usr is silent" "$out" ""
is "it installs these files and no others" "$(files "$dir/root")" \
    "$(expected lib | sorted)"
is "mux.pc knows nothing of DESTDIR" \
    "$(sed -n 's/^prefix=//p' "$dir/root/usr/lib/pkgconfig/mux.pc")" /usr
verdict "nothing installed names the folder it was built in" \
    "$(grep -rlI "$PWD" "$dir/root")"
out=$(run_make uninstall DESTDIR="$dir/root" PREFIX=/usr)
is "make uninstall is silent" "$out" ""
verdict "and leaves nothing" \
    "$(find "$dir/root" ! -type d -o -name '*mux*')"

run_make install DESTDIR="$dir/multi" PREFIX=/usr \
    LIBDIR=/usr/lib/x86 >/dev/null
is "LIBDIR= is for the library and mux.pc" "$(files "$dir/multi")" \
    "$(expected lib/x86 | sorted)"
is "mux.pc says so" \
    "$(sed -n 's/^libdir=//p' "$dir/multi/usr/lib/x86/pkgconfig/mux.pc")" \
    /usr/lib/x86
run_make uninstall DESTDIR="$dir/multi" PREFIX=/usr \
    LIBDIR=/usr/lib/x86 >/dev/null
verdict "uninstall with the same LIBDIR= leaves nothing" \
    "$(find "$dir/multi" ! -type d -o -name '*mux*')"

# ---- the examples ----

p=$dir/prefix
run_make install PREFIX="$p" >/dev/null
cp lib/examples/* "$dir"
cd "$dir" || exit 1
export PKG_CONFIG_PATH="$p/lib/pkgconfig" LD_LIBRARY_PATH="$p/lib"
flags=$(pkg-config --cflags mux)
libs=$(pkg-config --libs mux)
is "pkg-config --modversion" "$(pkg-config --modversion mux)" "$version"
is "its workerdir has the helpers" \
    "$(ls "$(pkg-config --variable=workerdir mux)")" \
    "$(ls "$OLDPWD/lib/worker" | grep '\.')"
is "muxctl --version" "$("$p/bin/muxctl" --version)" "muxctl $version"

# One of each kind for everybody: what is in the folder must be built here.
is "these are the examples" "$(cd "$OLDPWD/lib/examples" && echo *)" \
    "cplusplus.cc memory.c poll_tunnel.c with_ctypes.py"

build()		# COMPILER FLAG... -- RESULT LIBS: with all warnings
{
	wrong=$("$@" -Wall -Wextra -Wpedantic -Werror $flags 2>&1)
	verdict "builds: $*" "$wrong"
}

posix="-std=c11 -D_POSIX_C_SOURCE=200809L"
for h in mux mux_io mux_dump; do
	echo "#include <$h.h>" > alone.c
	cp alone.c alone.cc
	build ${CC:-cc} -std=c11 -fsyntax-only alone.c
	build ${CXX:-c++} -std=c++17 -fsyntax-only alone.cc
	is "<$h.h> is the installed one" "$(${CC:-cc} -M $flags alone.c |
	    tr -s ' \\' '\n\n' | grep "/$h\.h\$")" "$p/include/$h.h"
done
build ${CC:-cc} $posix -o memory memory.c $libs
build ${CC:-cc} $posix -o memory-static memory.c "$p/lib/libmux.a" \
    $(pkg-config --libs libbsd libcares)
build ${CC:-cc} $posix -o poll_tunnel poll_tunnel.c $libs
build ${CXX:-c++} -std=c++17 -o cplusplus cplusplus.cc $libs

is "memory" "$(timeout 30 ./memory 'Hello, stream' 2>&1)" "13 bytes"
is "memory, many frames" "$(timeout 30 ./memory \
    "$(head -c 100000 /dev/zero | tr '\0' x)" 2>&1)" "100000 bytes"
is "memory, with libmux.a" \
    "$(LD_LIBRARY_PATH= timeout 30 ./memory-static abc 2>&1)" "3 bytes"
is "cplusplus" "$(seq 100000 | timeout 60 ./cplusplus 'sort -rn' 2>&1 |
    cksum)" "$(seq 100000 | sort -rn | cksum)"
is "cplusplus, no such program" \
    "$(echo x | timeout 30 ./cplusplus ./nonesuch 2>&1; echo $?)" \
    "$(echo 'cplusplus: refused: start ./nonesuch:' \
    'No such file or directory'; echo 1)"
is "with_ctypes" "$(timeout 30 python3 with_ctypes.py 2>&1)" \
    'tcp:localhost:80
no address: tcp:localhost:http: "http" is no port: expected a number from 0'\
' to 65535
ping ping ping / pong pong pong '

# poll_tunnel says when it is ready, and ends when its input does.
mkfifo in out
is "muxctl serve is there" "$(timeout 30 "$p/bin/muxctl" serve \
    -l "unix:$dir/hub.sock" -T 'up=exec:tr a-z A-Z' \
    --background="$dir/pid" --log "$dir/log" 2>&1; echo $?)" 0
pid=$(cat "$dir/pid" 2>/dev/null)
timeout 60 ./poll_tunnel "unix:$dir/hub.sock" "unix:$dir/door" up \
    <in >out 2>err &
tunnel=$!
exec 8>in 9<out
read -r address <&9
is "poll_tunnel prints where it listens" "$address" "unix:$dir/door"
is "poll_tunnel" "$(echo hello | timeout 30 socat -t 20 - "unix:door")" HELLO
exec 8>&-
wait "$tunnel"
is "poll_tunnel ends well" "$?" 0
is "it saw both ends" "$(cat err)" \
    "poll_tunnel: fin after 6 bytes out, 6 back"
is "poll_tunnel, no server" "$(timeout 30 ./poll_tunnel unix:nobody \
    unix:door2 up 2>&1 </dev/null | sed 's/ (.*//')" \
    "poll_tunnel: connect unix:nobody: No such file or directory"

cd "$OLDPWD" || exit 1
run_make uninstall PREFIX="$p" >/dev/null
verdict "make uninstall leaves nothing of that either" \
    "$(find "$p" ! -type d -o -name '*mux*')"

echo "1..$n"
exit $bad
