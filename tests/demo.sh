#!/bin/bash
# demo.sh - the main job, shown: a real nginx is reached by curl through
# muxctl tunnel, one unix socket and muxctl serve, and what arrives is
# compared with what nginx has; then commands are called there.
#
#   MUXCTL=build/muxctl tests/demo.sh
#
# Everything lives in a temporary folder and ends with the script.  Exit 0
# only if the bytes are the same.
set -u

PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
: "${MUXCTL:=build/muxctl}" "${DEMO_MIB:=128}"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/mux-demo.XXXXXX") || exit 1
pids=()

die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

cleanup() {
	trap - EXIT
	# nginx made itself a daemon and left its pid in a file.
	[[ -s $tmp/nginx.pid ]] && kill "$(<"$tmp/nginx.pid")"
	if ((${#pids[@]})); then
		kill "${pids[@]}" 2>/dev/null
		wait "${pids[@]}" 2>/dev/null
	fi
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for tool in nginx curl sha256sum; do
	command -v "$tool" >/dev/null ||
	    die "$tool is not installed (make deps)"
done
[[ -x $MUXCTL ]] || die "$MUXCTL is not built (make)"

taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# nginx cannot take any port and say which.  Its start returns once it
# listens, or fails if somebody was faster: then try another.
start_nginx() {
	local try user=
	# The folder is readable for nobody else.
	[[ $(id -u) -eq 0 ]] && user="user root;"
	for try in {1..20}; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		taken "$port" && continue
		cat >"$tmp/nginx.conf" <<-END
		$user
		worker_processes 1;
		pid $tmp/nginx.pid;
		error_log $tmp/error.log;
		events { worker_connections 64; }
		http {
			access_log off;
			sendfile on;
			client_body_temp_path $tmp/t1;
			proxy_temp_path $tmp/t2;
			fastcgi_temp_path $tmp/t3;
			uwsgi_temp_path $tmp/t4;
			scgi_temp_path $tmp/t5;
			server { listen 127.0.0.1:$port; root $tmp/www; }
		}
		END
		nginx -p "$tmp" -e "$tmp/error.log" -c "$tmp/nginx.conf" \
		    2>/dev/null && return 0
	done
	cat "$tmp/error.log" >&2
	die "nginx did not start after $try attempts"
}

# The command says on descriptor 3 that it is ready; no need to wait and see.
start() {
	printf '  $ muxctl %s &\n' "${*//$tmp/.}"
	rm -f "$tmp/ready"
	mkfifo "$tmp/ready"
	"$MUXCTL" "$@" --ready-fd 3 3>"$tmp/ready" 2>"$tmp/$1.log" &
	pids+=("$!")
	read -r -t 20 <"$tmp/ready" ||
	    die "muxctl $1 did not become ready: $(tail -n 1 "$tmp/$1.log")"
}

# hash_of ADDRESS; speed_of ADDRESS: MB/s, the best of three.
hash_of() { curl -sS --max-time 120 "http://$1/data" | sha256sum | cut -c-64; }

speed_of() {
	for _ in 1 2 3; do
		curl -sS --max-time 120 -o /dev/null -w '%{speed_download}\n' \
		    "http://$1/data"
	done | sort -n | awk 'END { printf "%.0f", $1 / 1e6 }'
}

mkdir "$tmp/www"
head -c "$((DEMO_MIB << 20))" /dev/urandom >"$tmp/www/data"
start_nginx
printf 'nginx serves %s MiB of random bytes on 127.0.0.1:%s.\n' \
    "$DEMO_MIB" "$port"

echo 'One end gives the name "web" to it and listens on a unix socket only:'
start serve -l "unix:$tmp/mux.sock" -T "web=tcp:127.0.0.1:$port" \
    -m 'up=tr a-z A-Z'
echo 'The other end opens a port that leads there, over one connection:'
start tunnel -a "unix:$tmp/mux.sock" -L 0=web --print-addr="$tmp/addr"
through=$(<"$tmp/addr")
through=${through#tcp:}
printf 'curl fetches http://%s/data:\n' "$through"

want=$(hash_of "127.0.0.1:$port")
got=$(hash_of "$through")
direct=$(speed_of "127.0.0.1:$port")
tunnelled=$(speed_of "$through")
printf '  %-16s %6s MB/s   sha256 %.16s...\n' \
    direct "$direct" "$want" 'through muxctl' "$tunnelled" "$got"

[[ $got == "$want" && $want == "$(sha256sum <"$tmp/www/data" | cut -c-64)" ]] ||
    die "the bytes differ"
echo 'The same bytes arrived.'

echo 'Commands can be called there, too (-m), one or many:'
printf '  $ muxctl call -a unix:./mux.sock up -d hello\n'
said=$("$MUXCTL" call -a "unix:$tmp/mux.sock" up -d hello) ||
    die "the call failed with status $?"
printf '  %s\n' "$said"
[[ $said == HELLO ]] || die "expected HELLO"
printf '  $ seq 500 | muxctl call -a unix:./mux.sock --batch -P 16 up | ...\n'
n=$(seq 500 | "$MUXCTL" call -a "unix:$tmp/mux.sock" --batch -P 16 up |
    awk -F '\t' '$2 == 0 && $1 == $4' | wc -l)
printf '  %s of 500 answers are right\n' "$n"
[[ $n -eq 500 ]] || die "expected 500"
