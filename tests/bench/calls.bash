# calls.bash - calls, for run.sh: small ones pipelined over one connection,
# each server driven by its own client; one call as a process; handlers that
# stay against handlers that are started.
#
# A server is calls_NAME_start, which sets what it needs in $tmp, and
# calls_NAME DEPTH N, which prints calls per second.

body=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx	# 64
h2_at=
called=()	# servers that run

# Enough for half a second or so.
declare -A calls_n=([1]=20000 [16]=200000 [256]=1000000)

# ---- the limit: an echo of as many bytes ----

calls_raw_start() {
	start '^0$' "$LOAD" mirror "unix:$tmp/calls-raw"
}

calls_raw() {
	"$LOAD" pipeline "$2" "$1" "unix:$tmp/calls-raw"
}

# ---- muxctl ----

calls_mux_start() {
	local -a worker=()
	local answer='answer() { MUX_REPLY=$MUX_TEXT; }'
	"$MUXCTL" call -h 2>/dev/null | grep -q -e '--bench' ||
	    { why="muxctl has no call --bench"; return 1; }
	cat >"$tmp/worker" <<-END
		source '$here/../../lib/worker/worker.bash'
		$answer
		mux_worker -r answer
	END
	# The same function as a program: one process per call.
	cat >"$tmp/once" <<-END
		$answer
		IFS= read -r -d '' MUX_TEXT
		answer
		printf %s "\$MUX_REPLY"
	END
	if "$MUXCTL" serve -h | grep -q -e --worker; then
		worker=(--worker work="bash '$tmp/worker'")
	fi
	start '^$' with_ready "$MUXCTL" serve -q -l "unix:$tmp/calls-mux" \
	    -x proc=cat -x once="bash '$tmp/once'" \
	    -m shell="bash '$tmp/once'" \
	    "${worker[@]}" ||
	    { why="serve: $(last)"; return 1; }
}

# mux_rate METHOD DEPTH N
mux_rate() {
	"$MUXCTL" call -a "unix:$tmp/calls-mux" --bench "$3" -P "$2" --json \
	    -d "$body" "$1" |
	    sed -n 's/.*"failed":0,.*"rate":\([0-9.]*\).*/\1/p'
}

calls_mux() { mux_rate mux.echo "$@"; }

# ---- redis ----

calls_redis_start() {
	has redis-server && has redis-benchmark ||
	    { why="not installed"; return 1; }
	start 'ready to accept|now ready' redis-server --port 0 --save '' \
	    --unixsocket "$tmp/calls-redis" --dir "$tmp"
}

redis_rate() {
	local depth=$1 n=$2
	shift 2
	redis-benchmark -s "$tmp/calls-redis" -c 1 -P "$depth" -n "$n" --csv \
	    "$@" | tail -n 1 | cut -d '"' -f 4
}

calls_redis() { redis_rate "$@" ECHO "$body"; }
calls_redis_ping() { redis_rate "$@" PING; }

calls_redis_ping_start() {
	[[ -S $tmp/calls-redis ]] || { why="no redis"; return 1; }
}

# ---- HTTP/2 ----

calls_h2_start() {
	has nghttpd && has h2load || { why="not installed"; return 1; }
	mkdir -p "$tmp/h2" && printf %s "$body" >"$tmp/h2/body"
	h2_at=$("$LOAD" freeport)
	nghttpd --no-tls -n 1 -a 127.0.0.1 -d "$tmp/h2" "$h2_at" \
	    >>"$tmp/log" 2>&1 </dev/null &
	all_pids+=("$!")
	pids+=("$!")
	# It says nothing when it is ready, unless it logs each request.
	until (: <"/dev/tcp/127.0.0.1/$h2_at") 2>/dev/null; do
		kill -0 "${pids[-1]}" 2>/dev/null ||
		    { why="no port"; return 1; }
	done
}

# 100 is what it takes at once.
calls_h2() {
	local depth=$1 n=$2
	h2load -c 1 -t 1 -m "$((depth < 100 ? depth : 100))" \
	    -n "$((n < 200000 ? n : 200000))" \
	    "http://127.0.0.1:$h2_at/body" |
	    sed -n 's/^finished in [^,]*, \([0-9.]*\) req.*/\1/p'
}

# ---- the rounds ----

call_server() {	# NAME WORDS
	[[ $1 =~ $BENCH_PATHS ]] || return 0
	pids=() why=
	result path 0 "$1" 0 "$2"
	if "calls_$1_start"; then
		called+=("$1")
	else
		result skip 0 "$1" 0 "${why:-did not start: $(last)}"
		stop "${pids[@]}"
	fi
}

calls_start() {
	call_server raw "echo of as many bytes: the limit"
	call_server mux "muxctl call --bench, mux.echo"
	call_server redis "redis-benchmark -P, ECHO"
	call_server redis_ping "redis-benchmark -P, PING"
	call_server h2 "h2load, nghttpd (100 at most)"
}

calls() {
	local round=$1 name depth rate
	for depth in 1 16 256; do
		for name in "${called[@]}"; do
			rate=$("calls_$name" "$depth" "${calls_n[$depth]}" \
			    2>"$tmp/err")
			[[ $rate ]] || { failed "$name" calls; continue; }
			result calls "$round" "$name" "$depth" "$rate"
		done
		rate=$("$LOAD" calls_core "$((calls_n[$depth] / 2))" "$depth" |
		    awk '{ print $4 "\t" $6 "\t" $2 }')
		result core "$round" mux "$depth" "$rate"
	done
	[[ " ${called[*]} " == *" mux "* ]] || return 0
	# by a worker; by a bash per call; by sh and a bash; cat
	rate=$(mux_rate work 4 20000) && [[ $rate ]] &&
	    result handler "$round" mux 1 "$rate" \
	    "$(mux_rate once 4 1000)" "$(mux_rate shell 4 1000)" \
	    "$(mux_rate proc 4 1000)"
}

# One call as a process.
call_process() {
	local round=$1 name rest p50
	local -A what=(
		[mux]="$MUXCTL call -a unix:$tmp/calls-mux mux.echo"
		[redis_ping]="redis-cli -s $tmp/calls-redis PING"
	)
	for name in mux redis_ping; do
		[[ " ${called[*]} " == *" $name "* ]] || continue
		# shellcheck disable=SC2086
		rest=$("$LOAD" spawn 200 ${what[$name]} 2>"$tmp/err") ||
		    { failed "$name" "a call as a process"; continue; }
		read -r p50 rest <<<"$rest"
		result process "$round" "call_$name" 1 "$p50"
	done
}
