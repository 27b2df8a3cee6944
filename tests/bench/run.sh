#!/bin/bash
# run.sh - the bench: every path in one run, on loopback, in interleaved
# rounds; prints one table per question, with the goals beside our numbers.
#
#   MUXCTL=build/muxctl tests/bench/run.sh
#
#   BENCH_ROUNDS=3       rounds; each number is the median, each ratio is
#                        taken within a round and then the median
#   BENCH_SECONDS=1.5    length of one bulk measurement ...
#   BENCH_BYTES=         ... or its size in bytes, all streams together
#   BENCH_ONLY=          of: bulk ping mixed open idle process calls
#   BENCH_PATHS=         a regular expression on the paths' short names
#   BENCH_IDLE=10000     idle streams
#   BENCH_RAW=FILE       keep the raw figures (TSV)
#   LOAD=FILE            the load generator; else $B/tests/bench/load as make
#                        built it; else it is built for this run
#
# It never fails because of a number.  What is not installed is skipped by
# name.  It ends what it started, by pid.
set -u

here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
: "${MUXCTL:=build/muxctl}" "${BENCH_ROUNDS:=3}" "${BENCH_SECONDS:=1.5}"
: "${BENCH_BYTES:=}" "${BENCH_ONLY:=bulk ping mixed open idle process calls}"
: "${BENCH_PATHS:=.}" "${BENCH_IDLE:=10000}" "${BENCH_RAW:=}" "${LOAD:=}"
BENCH_ONLY=${BENCH_ONLY//,/ }

say() { printf '%s\n' "$*" >&2; }
die() { say "bench: $*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
wanted() { [[ " $BENCH_ONLY " == *" $1 "* ]]; }

# --- a network of our own ---------------------------------------------------
# The default congestion control of the machine may pace (bbr does, to a third
# on loopback), and somebody else's ports are none of our business.
if [[ -z ${BENCH_INSIDE:-} && $(id -u) -eq 0 ]] && has ip &&
    unshare -n true 2>/dev/null; then
	BENCH_INSIDE=1 exec unshare -n "$0" "$@"
fi
network="the machine's own network"
cc_file=/proc/sys/net/ipv4/tcp_congestion_control
if [[ -n ${BENCH_INSIDE:-} ]]; then
	network="a network namespace of its own"
	ip link set lo up || die "cannot bring loopback up"
	{ echo cubic >$cc_file || echo reno >$cc_file; } 2>/dev/null
	echo "10000 65535" >/proc/sys/net/ipv4/ip_local_port_range
fi
cc=$(<$cc_file)
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

# --- processes --------------------------------------------------------------
tmp=$(mktemp -d "${TMPDIR:-/tmp}/mux-bench.XXXXXX") || exit 1
all_pids=()	# everything started, for the end
pids=()		# started since the path at hand began
line=		# what the last started process said
run_sshd=	# a directory that we had to make for sshd

stop() {
	(($#)) || return 0
	kill "$@" 2>/dev/null
	wait "$@" 2>/dev/null
}

cleanup() {
	trap - EXIT
	stop "${all_pids[@]}"
	[[ -n $run_sshd ]] && rmdir "$run_sshd" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start REGEX COMMAND...: in the background, until a line of its output
# matches; that line is left in `line`.  A cat takes the rest of the output.
start() {
	local regex=$1 in pid
	shift
	rm -f "$tmp/says"
	mkfifo "$tmp/says"
	"$@" >"$tmp/says" 2>&1 </dev/null &
	pid=$!
	all_pids+=("$pid")
	pids+=("$pid")
	exec {in}<"$tmp/says"
	while IFS= read -r -t 20 -u "$in" line; do
		printf '%s\n' "$line" >>"$tmp/log"
		[[ $line =~ $regex ]] || continue
		cat <&"$in" >>"$tmp/log" &
		all_pids+=("$!")
		exec {in}<&-
		return 0
	done
	exec {in}<&-
	return 1
}

# Seconds of CPU of these processes and all below them, the ended included.
cpu_of() {
	cat /proc/[0-9]*/stat 2>/dev/null |
	    awk -v roots="$*" -v hz="$(getconf CLK_TCK)" '
	BEGIN { n = split(roots, r, " "); while (n) root[r[n--]] = 1 }
	{
		pid = $1
		sub(/^.*\) /, "")	# the name may hold anything
		up[pid] = $2
		ticks[pid] = $12 + $13 + $14 + $15
	}
	END {
		for (p in ticks) {
			for (q = p; q > 1 && !(q in root); )
				q = up[q]
			if (q in root)
				sum += ticks[p]
		}
		printf "%.2f\n", sum / hz
	}'
}

# --- paths ------------------------------------------------------------------
# Each path_NAME starts what leads to the sink and to the echo server, sets
# bulk_at and echo_at to where it is entered, or returns 1 with `why`.
sink_at='' control_at='' echod_at=''
bulk_at='' echo_at='' why=''

ends_start() {
	start '^[0-9]+ [0-9]+$' "$LOAD" sink || die "no sink"
	read -r sink_at control_at <<<"$line"
	start '^[0-9]+$' "$LOAD" echo || die "no echo server"
	echod_at=$line
}

# two_relays [OPTION]: the sockets between them are TCP, as all others.
two_relays() {
	local b e
	start '^[0-9]+ ' "$LOAD" relay "$@" 0="$sink_at" 0="$echod_at" ||
	    return 1
	read -r b e <<<"$line"
	start '^[0-9]+ ' "$LOAD" relay "$@" 0="$b" 0="$e" || return 1
	read -r bulk_at echo_at <<<"$line"
}

path_relays() { two_relays; }
path_relays_copy() { two_relays -c; }

path_relays_unix() {
	local b=unix:$tmp/relay-b e=unix:$tmp/relay-e
	start '^0 0$' "$LOAD" relay "$b=$sink_at" "$e=$echod_at" || return 1
	start '^[0-9]+ ' "$LOAD" relay 0="$b" 0="$e" || return 1
	read -r bulk_at echo_at <<<"$line"
}

# socat_to PORT OPTION...: leaves the port that it got in `line`.
socat_to() {
	local to=$1
	shift
	start 'listening on' socat -d -d "$@" \
	    TCP-LISTEN:0,bind=127.0.0.1,fork,backlog=1024,nodelay \
	    "TCP:127.0.0.1:$to,nodelay" || return 1
	line=${line##*:}
}

two_socats() {
	has socat || { why="not installed"; return 1; }
	socat_to "$sink_at" "$@" && socat_to "$line" "$@" || return 1
	bulk_at=$line
	socat_to "$echod_at" "$@" && socat_to "$line" "$@" || return 1
	echo_at=$line
}

path_socat_256k() { two_socats -b 262144; }
path_socat() { two_socats; }

# haproxy_to PORT PORT: takes its listeners from us, so that we know the ports.
haproxy_to() {
	cat >"$tmp/haproxy.$1" <<-END
	global
		nbthread 1
		tune.pipesize 1048576
	defaults
		mode tcp
		option splice-request
		option splice-response
		timeout connect 10s
		timeout client 1h
		timeout server 1h
	listen bulk
		bind fd@3
		server s 127.0.0.1:$1
	listen echo
		bind fd@4
		server s 127.0.0.1:$2
	END
	start '^[0-9]+ [0-9]+$' "$LOAD" listen 2 \
	    haproxy -db -q -f "$tmp/haproxy.$1"
}

path_haproxy() {
	local b e
	has haproxy || { why="not installed"; return 1; }
	haproxy_to "$sink_at" "$echod_at" || return 1
	read -r b e <<<"$line"
	haproxy_to "$b" "$e" || return 1
	read -r bulk_at echo_at <<<"$line"
}

ssh_keys() {
	mkdir -p "$tmp/ssh" && chmod 700 "$tmp/ssh" || return 1
	[[ -e $tmp/ssh/host ]] && return 0
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$tmp/ssh/host" &&
	    ssh-keygen -q -t ed25519 -N '' -C '' -f "$tmp/ssh/user"
}

sshd_start() {
	local port=$1
	cat >"$tmp/ssh/sshd_config" <<-END
	Port $port
	ListenAddress 127.0.0.1
	HostKey $tmp/ssh/host
	AuthorizedKeysFile $tmp/ssh/user.pub
	PidFile none
	UsePAM no
	StrictModes no
	PermitRootLogin prohibit-password
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	AllowTcpForwarding local
	Ciphers aes128-gcm@openssh.com
	END
	if [[ $(id -u) -eq 0 && ! -e /run/sshd ]]; then
		mkdir -m 755 /run/sshd && run_sshd=/run/sshd
	fi
	start 'Server listening' "$(command -v sshd)" -D -e \
	    -f "$tmp/ssh/sshd_config"
}

# LocalCommand runs once the forwards are listening.
ssh_start() {
	local port=$1 bulk=$2 echo=$3
	echo "[127.0.0.1]:$port $(<"$tmp/ssh/host.pub")" >"$tmp/ssh/known"
	start '^forwards are up$' env -u SSH_AUTH_SOCK \
	    ssh -F none -N -p "$port" -i "$tmp/ssh/user" \
	    -c aes128-gcm@openssh.com \
	    -o IdentitiesOnly=yes -o BatchMode=yes -o ControlPath=none \
	    -o UserKnownHostsFile="$tmp/ssh/known" \
	    -o GlobalKnownHostsFile=none -o ExitOnForwardFailure=yes \
	    -o PermitLocalCommand=yes -o LocalCommand='echo forwards are up' \
	    -L "127.0.0.1:$bulk:127.0.0.1:$sink_at" \
	    -L "127.0.0.1:$echo:127.0.0.1:$echod_at" \
	    "$(id -un)@127.0.0.1" || return 1
	bulk_at=$bulk echo_at=$echo
}

path_ssh() {
	local try port
	for try in ssh sshd ssh-keygen; do
		has $try || { why="$try not installed"; return 1; }
	done
	ssh_keys || return 1
	# Neither can be told to take any port and say which: guess, retry.
	for try in 1 2 3; do
		port=$("$LOAD" freeport)
		sshd_start "$port" && ssh_start "$port" \
		    "$("$LOAD" freeport)" "$("$LOAD" freeport)" && return 0
		stop "${pids[@]}"
		pids=()
	done
	why="no connection after $try attempts: $(tail -n 1 "$tmp/log")"
	return 1
}

# Its ready line is an empty one, on a descriptor of its own.
with_ready() { exec "$@" --ready-fd 3 3>&1; }

# muxctl_on CARRIER [OPTION...]: options for both ends.
muxctl_on() {
	local dir carrier=$1
	local -a at
	shift
	[[ -x $MUXCTL ]] || { why="$MUXCTL is not built"; return 1; }
	dir=$(mktemp -d "$tmp/mux.XXXXXX")
	[[ $carrier == unix ]] && carrier=unix:$dir/sock
	start '^$' with_ready "$MUXCTL" serve -q -l "$carrier" "$@" \
	    -T "sink=tcp:127.0.0.1:$sink_at" \
	    -T "echo=tcp:127.0.0.1:$echod_at" \
	    --print-addr="$dir/serve" || { why="serve: $(last)"; return 1; }
	start '^$' with_ready "$MUXCTL" tunnel -q -a "$(<"$dir/serve")" "$@" \
	    -L 127.0.0.1:0=sink -L 127.0.0.1:0=echo \
	    --print-addr="$dir/tunnel" || { why="tunnel: $(last)"; return 1; }
	mapfile -t at <"$dir/tunnel"
	bulk_at=${at[0]} echo_at=${at[1]}
}

last() { tail -n 1 "$tmp/log"; }

path_mux_unix() { muxctl_on unix; }
path_mux_tcp() { muxctl_on tcp:127.0.0.1:0; }

path_mux_copy() {
	local switch
	[[ -x $MUXCTL ]] || { why="$MUXCTL is not built"; return 1; }
	switch=$("$MUXCTL" tunnel -h 2>&1 |
	    grep -oE -m 1 -e '--(copy-only|copy|no-splice)\b')
	[[ -n $switch ]] || { why="muxctl has no switch for it"; return 1; }
	muxctl_on unix "$switch"
}

# --- measurements -----------------------------------------------------------
# One line each: KIND ROUND PATH STREAMS FIGURE...
declare -A bulk_of=() echo_of=() pids_of=() dead=()
paths=()

result() { local IFS=$'\t'; printf '%s\n' "$*" >>"$tmp/raw"; }

# path NAME WORDS...: starts it, or says why it is left out.
path() {
	local name=$1
	shift
	[[ $name =~ $BENCH_PATHS ]] || return 0
	# These need none.
	[[ ! ${BENCH_ONLY// } =~ ^(calls|process)+$ ]] || return 0
	pids=() why=
	result path 0 "$name" 0 "$*"
	if ! "path_$name"; then
		result skip 0 "$name" 0 "${why:-did not start: $(last)}"
		stop "${pids[@]}"
		return 0
	fi
	paths+=("$name")
	bulk_of[$name]=$bulk_at
	echo_of[$name]=$echo_at
	pids_of[$name]=${pids[*]}
}

# A path that failed once is not asked again: each failure may be a stall.
failed() {
	local status=$? reason
	reason=$(tail -n 1 "$tmp/err")
	((status == 128 + 14)) && reason=stalled
	dead[$1]=1
	result fail 0 "$1" 0 "$2: ${reason:-exit $status}"
}

amount=(-s "$BENCH_SECONDS")
[[ -n $BENCH_BYTES ]] && amount=(-b "$BENCH_BYTES")

bulk() {
	local round=$1 name=$2 n=$3 before after rate bytes rest
	# shellcheck disable=SC2086
	before=$(cpu_of ${pids_of[$name]})
	rest=$("$LOAD" source -c "$control_at" -n "$n" "${amount[@]}" \
	    "${bulk_of[$name]}" 2>"$tmp/err") ||
	    { failed "$name" "bulk, $n streams"; return; }
	read -r rate bytes rest <<<"${rest##*$'\n'}"
	# shellcheck disable=SC2086
	after=$(cpu_of ${pids_of[$name]})
	result bulk "$round" "$name" "$n" "$rate" \
	    "$(awk "BEGIN { print ($after - $before) / $bytes * 1e9 }")"
}

ping() {
	local round=$1 name=$2 p50 p99 rest
	rest=$("$LOAD" ping -s 1 "${echo_of[$name]}" 2>"$tmp/err") ||
	    { failed "$name" ping; return; }
	read -r p50 p99 rest <<<"$rest"
	result ping "$round" "$name" 1 "$p50" "$p99"
}

# The ping runs while the bulk stream does: from its first bytes on, and
# shorter.
mixed() {
	local round=$1 name=$2 p50 p99 rest source rate bytes
	rm -f "$tmp/rate"
	mkfifo "$tmp/rate"
	"$LOAD" source -c "$control_at" -s 2 "${bulk_of[$name]}" \
	    >"$tmp/rate" 2>"$tmp/err" &
	source=$!
	exec {in}<"$tmp/rate"
	if read -r -t 15 -u "$in" rest &&
	    rest=$("$LOAD" ping -s 1.5 "${echo_of[$name]}" 2>>"$tmp/err") &&
	    read -r -t 20 -u "$in" rate bytes; then
		read -r p50 p99 rest <<<"$rest"
		result mixed "$round" "$name" 1 "$p50" "$p99" "$rate"
	else
		failed "$name" "ping beside bulk"
		kill "$source" 2>/dev/null
	fi
	exec {in}<&-
	wait "$source"
}

open() {
	local round=$1 name=$2 rate
	rate=$("$LOAD" openclose -s 1 "${echo_of[$name]}" 2>"$tmp/err") ||
	    { failed "$name" openclose; return; }
	result open "$round" "$name" 1 "$rate"
}

each_path() {
	local name what=$1 round=$2
	shift 2
	for name in "${paths[@]}"; do
		[[ " $* " == *" $name "* && -z ${dead[$name]:-} ]] &&
		    "$what" "$round" "$name"
	done
}

rounds() {
	local round name n
	local small="relays socat_256k haproxy ssh mux_unix mux_tcp"
	for ((round = 1; round <= BENCH_ROUNDS; round++)); do
		say "bench: round $round of $BENCH_ROUNDS"
		wanted bulk && for n in 1 8 64; do
			for name in "${paths[@]}"; do
				[[ -n ${dead[$name]:-} ]] ||
				    bulk "$round" "$name" "$n"
			done
		done
		# shellcheck disable=SC2086
		{
			wanted ping && each_path ping "$round" $small
			wanted mixed && each_path mixed "$round" $small
			wanted open && each_path open "$round" $small
		}
		{ wanted process || wanted calls; } && process "$round"
		wanted calls && { calls "$round"; call_process "$round"; }
	done
}

process() {
	local what rest p50
	for what in /bin/true "$MUXCTL --version"; do
		[[ -x ${what%% *} ]] || continue
		# shellcheck disable=SC2086
		rest=$("$LOAD" spawn 200 $what) || continue
		read -r p50 rest <<<"$rest"
		result process "$1" "${what##*/}" 1 "$p50"
	done
}

# Pss and Private_Dirty of processes, in KiB.
memory_of() {
	local pid files=()
	for pid in "$@"; do
		files+=("/proc/$pid/smaps_rollup")
	done
	awk '/^Pss:/ { p += $2 } /^Private_Dirty:/ { d += $2 }
	    END { print p, d }' "${files[@]}"
}

with_children() {
	local pid
	for pid in "$@"; do
		echo "$pid"
		# shellcheck disable=SC2046
		with_children $(cat "/proc/$pid/task/"*/children 2>/dev/null)
	done
}

# idle NAME N START...: a fresh path of its own, so that nothing is warm.
idle() {
	local name=$1 n=$2 before after holder
	local -a who
	shift 2
	[[ $name =~ $BENCH_PATHS ]] || return 0
	pids=() why=
	if ! "$@"; then
		result skip 0 "$name" 0 "idle: ${why:-did not start}"
		stop "${pids[@]}"
		return
	fi
	mapfile -t who < <(with_children "${pids[@]}")
	before=$(memory_of "${who[@]}")
	if start '^holding' "$LOAD" idle "$n" "$echo_at"; then
		holder=${pids[-1]}
		after=$(memory_of "${who[@]}")
		stop "$holder"
		result idle 1 "$name" "$n" "$(awk -v b="$before" -v a="$after" \
		    -v n="$n" 'BEGIN { split(b, x, " "); split(a, y, " ")
		    print (y[1] - x[1]) / n, (y[2] - x[2]) / n }' |
		    tr ' ' '\t')"
	else
		result fail 0 "$name" 0 "idle: $(last)"
	fi
	stop "${pids[@]}"
}

idle_streams() {
	local n=$BENCH_IDLE most
	most=$(($(ulimit -n) - 100))
	((n <= most)) || n=$most
	say "bench: $n idle streams"
	idle mux_unix "$n" muxctl_on unix --max-streams "$n" --memory 128M
	# A tenth is enough for these, and they take long to open.
	idle ssh "$(((n + 9) / 10))" path_ssh
	idle haproxy "$(((n + 9) / 10))" path_haproxy
}

# --- calls ------------------------------------------------------------------
# shellcheck source=tests/bench/calls.bash
. "$here/calls.bash"

# --- the run ----------------------------------------------------------------
[[ -z $LOAD && -n ${B:-} ]] && LOAD=$B/tests/bench/load
if [[ -z $LOAD ]]; then
	LOAD=$tmp/load
	# shellcheck disable=SC2086
	${CC:-cc} -std=gnu11 -O2 -D_GNU_SOURCE -o "$LOAD" "$here"/*.c -lbsd ||
	    die "cannot build the load generator"
fi
[[ $MUXCTL == /* ]] || MUXCTL=$PWD/$MUXCTL

ends_start
path relays "two splice relays: the limit"
path relays_unix "  the same, joined by a unix socket"
path mux_unix "muxctl, unix carrier"
path mux_tcp "muxctl, tcp carrier"
path mux_copy "muxctl, copy path"
path relays_copy "two copy relays"
path haproxy "haproxy twice, splice"
path socat_256k "socat twice, -b 262144"
path socat "socat twice"
path ssh "ssh -L, aes128-gcm"
wanted calls && calls_start
rounds
wanted idle && idle_streams

[[ -n $BENCH_RAW ]] && cp "$tmp/raw" "$BENCH_RAW"
machine=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
printf 'muxctl bench: %s, %s cores, Linux %s\n' "${machine:-$(uname -m)}" \
    "$(nproc)" "$(uname -r)"
printf 'loopback in %s, TCP %s; %s rounds, medians; %s s\n' "$network" "$cc" \
    "$BENCH_ROUNDS" "$SECONDS"
awk -f "$here/table.awk" "$tmp/raw"
