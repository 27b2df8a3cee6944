# table.awk - the raw figures of run.sh as tables.
#
# Input, tab-separated: KIND ROUND PATH STREAMS FIGURE...
# A number is the median over the rounds; a ratio is taken within each round,
# then the median.  Goals and floors are shown, never judged.
BEGIN { FS = "\t" }

$1 == "path" { name[$3] = $5; order[++n_paths] = $3; next }
$1 == "skip" || $1 == "fail" {
	notes[++n_notes] = ($1 == "skip" ? "skipped: " : "FAILED: ") \
	    ($3 in name ? trim(name[$3]) : $3) ": " $5
	next
}
{
	if ($2 > rounds)
		rounds = $2
	seen[$1] = 1
	for (i = 5; i <= NF; i++)
		fig[$1, $3, $4, i - 4, $2] = $i
}

function trim(s) {
	gsub(/^ +| +$/, "", s)
	return s
}

# The median of v[1..n], which it sorts; "" of none.
function median(v, n,	i, j, x) {
	for (i = 2; i <= n; i++) {
		x = v[i]
		for (j = i - 1; j > 0 && v[j] > x; j--)
			v[j + 1] = v[j]
		v[j + 1] = x
	}
	if (n == 0)
		return ""
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function value(kind, path, streams, col,	r, v, n) {
	n = 0
	for (r = 1; r <= rounds; r++)
		if ((kind, path, streams, col, r) in fig)
			v[++n] = fig[kind, path, streams, col, r] + 0
	return median(v, n)
}

# PATH over BASE, round by round.
function ratio(kind, path, base, streams, col,	r, v, n) {
	n = 0
	for (r = 1; r <= rounds; r++)
		if ((kind, path, streams, col, r) in fig &&
		    fig[kind, base, streams, col, r] + 0 > 0)
			v[++n] = fig[kind, path, streams, col, r] / \
			    fig[kind, base, streams, col, r]
	return median(v, n)
}

function cell(fmt, v) {
	return v == "" ? "-" : sprintf(fmt, v)
}

function cells(fmt, a, b, c) {
	return cell(fmt, a) " / " cell(fmt, b) " / " cell(fmt, c)
}

function bulk(	i, p) {
	print "\nBulk, GB/s at the sink"
	printf "%-36s %8s %6s %6s   %-20s %s\n", "path", "1 stream", "8",
	    "64", "of two relays", "tunnel CPU s/GB"
	for (i = 1; i <= n_paths; i++) {
		p = order[i]
		if (value("bulk", p, 1, 1) == "")
			continue
		printf "%-36s %8s %6s %6s   %-20s %s\n", name[p],
		    cell("%.2f", value("bulk", p, 1, 1)),
		    cell("%.2f", value("bulk", p, 8, 1)),
		    cell("%.2f", value("bulk", p, 64, 1)),
		    cells("%.2f", ratio("bulk", p, "relays", 1, 1),
		    ratio("bulk", p, "relays", 8, 1),
		    ratio("bulk", p, "relays", 64, 1)),
		    cells("%.2f", value("bulk", p, 1, 2),
		    value("bulk", p, 8, 2), value("bulk", p, 64, 2))
	}
}

function small(	i, p) {
	print "\nPing-pong of 64 bytes, us; open + echo + close, one by one"
	printf "%-36s %6s %6s   %17s %10s   %8s\n", "path", "p50", "p99",
	    "beside bulk: p50", "p99 (GB/s)", "opens/s"
	for (i = 1; i <= n_paths; i++) {
		p = order[i]
		if (value("ping", p, 1, 1) value("mixed", p, 1, 1) \
		    value("open", p, 1, 1) == "")
			continue
		printf "%-36s %6s %6s   %17s %10s   %8s\n", name[p],
		    cell("%.0f", value("ping", p, 1, 1)),
		    cell("%.0f", value("ping", p, 1, 2)),
		    cell("%.0f", value("mixed", p, 1, 1)),
		    value("mixed", p, 1, 2) == "" ? "-" : \
		    sprintf("%.0f (%.1f)", value("mixed", p, 1, 2),
		    value("mixed", p, 1, 3)),
		    cell("%.0f", value("open", p, 1, 1))
	}
}

function idle(	i, k, n, p) {
	print "\nIdle stream, user memory of both processes, KiB"
	printf "%-36s %8s %8s %15s\n", "path", "streams", "Pss",
	    "private dirty"
	for (k in fig) {
		split(k, part, SUBSEP)
		if (part[1] == "idle" && part[4] == 1)
			count[part[2]] = part[3]
	}
	for (i = 1; i <= n_paths; i++) {
		p = order[i]
		if (p in count)
			printf "%-36s %8d %8.2f %15.2f\n", name[p], count[p],
			    value("idle", p, count[p], 1),
			    value("idle", p, count[p], 2)
	}
}

function calls(	i, p) {
	print "\nCalls with 64 bytes, per second over one unix socket (HTTP/2: TCP)"
	printf "%-36s %9s %9s %9s   %s\n", "client and server", "depth 1",
	    "16", "256", "of the limit"
	for (i = 1; i <= n_paths; i++) {
		p = order[i]
		if (value("calls", p, 1, 1) == "")
			continue
		printf "%-36s %9s %9s %9s   %s\n", name[p],
		    cell("%d", value("calls", p, 1, 1)),
		    cell("%d", value("calls", p, 16, 1)),
		    cell("%d", value("calls", p, 256, 1)),
		    cells("%.2f", ratio("calls", p, "raw", 1, 1),
		    ratio("calls", p, "raw", 16, 1),
		    ratio("calls", p, "raw", 256, 1))
	}
	core("library to library, a socketpair", 1)
	core("  the same over memory", 3)
	core("  frames unseen, a socketpair", 2)
	handlers()
}

function handlers() {
	if (value("handler", "mux", 1, 1) == "")
		return
	print "\nThe same bash function, calls per second, 4 at once"
	printf "    %-32s %9d\n", "--worker", value("handler", "mux", 1, 1)
	handler("-x NAME='bash FILE' per call", 2)
	handler("-m NAME='bash FILE' per call", 3)
	handler("another program: -x NAME=cat", 4)
}

function handler(what, col) {
	printf "    %-32s %9s   the worker is %s\n", what,
	    cell("%d", value("handler", "mux", 1, col)),
	    cell("%.1fx", within("handler", "mux", 1, 1, col))
}

function core(what, col) {
	printf "%-36s %9s %9s %9s   (one thread)\n", what,
	    cell("%d", value("core", "mux", 1, col)),
	    cell("%d", value("core", "mux", 16, col)),
	    cell("%d", value("core", "mux", 256, col))
}

# Figure A over figure B of the same path, round by round.
function within(kind, path, streams, a, b,	r, v, n) {
	n = 0
	for (r = 1; r <= rounds; r++)
		if (fig[kind, path, streams, b, r] + 0 > 0)
			v[++n] = fig[kind, path, streams, a, r] / \
			    fig[kind, path, streams, b, r]
	return median(v, n)
}

function one_process(what, words,	base, own) {
	base = value("process", "true", 1, 1)
	own = value("process", what, 1, 1)
	if (own != "")
		printf "    %-20s %.2f (%+.2f)\n", words, own / 1000,
		    (own - base) / 1000
}

function process(	base, own) {
	base = value("process", "true", 1, 1)
	own = value("process", "muxctl --version", 1, 1)
	print "\nOne process, ms: /bin/true " cell("%.2f", base / 1000) \
	    ", muxctl --version " (own == "" ? "-" : \
	    sprintf("%.2f (%+.2f)", own / 1000, (own - base) / 1000))
	one_process("call_mux", "muxctl call")
	one_process("call_redis_ping", "redis-cli PING")
}

function goal(what, v, fmt, wish, floor) {
	if (v == "")
		return
	if (!n_goals++)
		print "\nmuxctl (unix carrier) beside its goals; (-): less is better"
	printf "%-58s %9s   goal %-7s floor %s\n", what,
	    sprintf(fmt, v), wish, floor
}

function streams(n) {
	return n (n == 1 ? " stream" : " streams")
}

function bulk_goals(	s) {
	for (s = 1; s <= 64; s *= 8)
		goal("bulk, " streams(s) ", of two splice relays",
		    ratio("bulk", "mux_unix", "relays", s, 1), "%.2f",
		    "0.95", "0.85")
	goal("bulk, 1 stream, of ssh",
	    ratio("bulk", "mux_unix", "ssh", 1, 1), "%.2fx", "3.3x", "2.5x")
	goal("bulk, 64 streams, of ssh",
	    ratio("bulk", "mux_unix", "ssh", 64, 1), "%.2fx", "4.5x", "3.5x")
	goal("bulk, 1 stream, of two socats, 256 KiB",
	    ratio("bulk", "mux_unix", "socat_256k", 1, 1), "%.2fx", "1.15x",
	    "1.0x")
	goal("bulk, 1 stream, of two haproxys",
	    ratio("bulk", "mux_unix", "haproxy", 1, 1), "%.2fx", "1.1x",
	    "1.0x")
	for (s = 1; s <= 64; s *= 8)
		goal("CPU per GB, " streams(s) ", of two splice relays (-)",
		    ratio("bulk", "mux_unix", "relays", s, 2), "%.2fx",
		    "1.15x", "1.4x")
	goal("copy path, 1 stream, of two copy relays",
	    ratio("bulk", "mux_copy", "relays_copy", 1, 1), "%.2f", "1.0",
	    "0.75")
}

function small_goals() {
	goal("idle ping p50, of two socats (-)",
	    ratio("ping", "mux_unix", "socat_256k", 1, 1), "%.2fx", "0.95x",
	    "1.05x")
	goal("ping beside bulk p50, of ssh (-)",
	    ratio("mixed", "mux_unix", "ssh", 1, 1), "%.2fx", "1.0x", "1.5x")
	goal("ping beside bulk p99, of ssh (-)",
	    ratio("mixed", "mux_unix", "ssh", 1, 2), "%.2fx", "1.0x", "1.5x")
	goal("bulk beside that ping, of ssh",
	    ratio("mixed", "mux_unix", "ssh", 1, 3), "%.2fx", "2.5x", "2.5x")
	goal("open + echo + close, of ssh",
	    ratio("open", "mux_unix", "ssh", 1, 1), "%.2fx", "1.6x", "1.3x")
	if ("mux_unix" in count)
		goal("idle stream, both processes (-)",
		    value("idle", "mux_unix", count["mux_unix"], 2),
		    "%.2f KiB", "0.5", "1")
	if (value("process", "muxctl --version", 1, 1) != "")
		goal("process, over /bin/true (-)",
		    (value("process", "muxctl --version", 1, 1) - \
		    value("process", "true", 1, 1)) / 1000, "%+.2f ms",
		    "+0.15", "+0.4")
}

function calls_goals(	d, wish, floor) {
	split("1.1x 1.4x 4x", wish, " ")
	split("1.0x 1.2x 3x", floor, " ")
	for (d = 0; d < 3; d++)
		goal("calls, depth " 16 ^ d ", of redis ECHO",
		    ratio("calls", "mux", "redis", 16 ^ d, 1), "%.2fx",
		    wish[d + 1], floor[d + 1])
	goal("calls, depth 256, of h2load at 100",
	    ratio("calls", "mux", "h2", 256, 1), "%.1fx", "28x", "15x")
	goal("calls, depth 256, of the echo, through serve",
	    ratio("calls", "mux", "raw", 256, 1), "%.2f", "0.75", "0.6")
	goal("calls, depth 256, of frames unseen, library to library",
	    within("core", "mux", 256, 1, 2), "%.2f", "0.95", "0.8")
	goal("calls of a bash worker, of the same by a bash per call",
	    within("handler", "mux", 1, 1, 2), "%.1fx", "20x", "-")
	if (value("process", "call_mux", 1, 1) != "")
		goal("a call as a process, over /bin/true (-)",
		    (value("process", "call_mux", 1, 1) - \
		    value("process", "true", 1, 1)) / 1000, "%+.2f ms",
		    "+0.15", "+0.4")
}

END {
	if ("bulk" in seen)
		bulk()
	if ("ping" in seen || "mixed" in seen || "open" in seen)
		small()
	if ("idle" in seen)
		idle()
	if ("calls" in seen)
		calls()
	if ("process" in seen)
		process()
	bulk_goals()
	small_goals()
	calls_goals()
	for (i = 1; i <= n_notes; i++)
		print (i == 1 ? "\n" : "") notes[i]
}
