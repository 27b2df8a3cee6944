/*
 * bench_out.c - what call --bench found, for people and for programs.  The
 * same figures in both; the picture is for people only.  Nothing here is
 * measured or judged.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"
#include "out.h"

#define WIDTH	80		/* where there is no terminal */
#define LABEL	10		/* of a bar, and of its number */

/* ---- words ---- */

/* Three digits that count: 1.23ms, 12.3ms, 123ms. */
static void
bench_time(uint64_t ns, char word[BENCH_WORD])
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { 1000000000, "s" }, { 1000000, "ms" }, { 1000, "us" } };
	size_t i;
	double v;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].ns)
			continue;
		v = (double)ns / (double)units[i].ns;
		snprintf(word, BENCH_WORD, "%.*f%s",
		    v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[i].name);
		return;
	}
	snprintf(word, BENCH_WORD, "%" PRIu64 "ns", ns);
}

void
bench_word(enum figure f, uint64_t value, char word[BENCH_WORD])
{
	double v = (double)value / (double)FIGURE_ONE;

	if (figure_names[f].kind == FIGURE_TIME)
		bench_time(value, word);
	else
		snprintf(word, BENCH_WORD, "%.*f",
		    figure_names[f].kind == FIGURE_COUNT ? 0 : 1, v);
}

/* ---- bars ---- */

static unsigned
width_of_stdout(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 40)
		return ws.ws_col;
	return WIDTH;
}

/* 1, 2, 5, 10, 20, ... */
static uint64_t
next_bound(uint64_t v)
{
	uint64_t first = v;

	while (first >= 10)
		first /= 10;
	if (v > UINT64_MAX / 4)
		return UINT64_MAX;
	return first == 2 ? v / 2 * 5 : v * 2;
}

static uint64_t
most_in_a_bar(const struct hist *h)
{
	uint64_t n, most = 0, before = 0, bound = 1;

	for (; before < h->count; bound = next_bound(bound)) {
		n = hist_upto(h, bound);
		if (n - before > most)
			most = n - before;
		before = n;
	}
	return most;
}

static void
bar(uint64_t bound, uint64_t n, uint64_t most, unsigned room)
{
	char word[BENCH_WORD];
	unsigned len = (unsigned)((unsigned __int128)n * room / most);

	bench_time(bound, word);
	/* What is there at all is to be seen. */
	if (n > 0 && len == 0)
		len = 1;
	printf("<= %6s |%-*.*s| %" PRIu64 "\n", word, (int)room, (int)len,
	    "################################################################"
	    "################################################################",
	    n);
}

static void
bars(const struct hist *h)
{
	uint64_t bound = 1, n, before = 0, most = most_in_a_bar(h);
	unsigned room = width_of_stdout() - 2 * LABEL - 4;

	if (h->count == 0)
		return;
	putchar('\n');
	if (room > 128)
		room = 128;
	while (next_bound(bound) < h->min)
		bound = next_bound(bound);
	for (; before < h->count; bound = next_bound(bound)) {
		n = hist_upto(h, bound);
		if (before > 0 || n > 0)
			bar(bound, n - before, most, room);
		before = n;
	}
}

/* ---- for people ---- */

static void
print_failures(const struct bench_result *r)
{
	const char *sep = ": ";
	int k;

	printf("failed   %" PRIu64, r->failed);
	for (k = 0; k < BENCH_KINDS; k++) {
		if (r->kinds[k] == 0)
			continue;
		printf("%s%" PRIu64 " %s", sep, r->kinds[k],
		    result_kind_name((enum result_kind)k));
		sep = ", ";
	}
	putchar('\n');
}

static void
print_text(const struct bench_result *r)
{
	char word[BENCH_WORD];
	int f;

	printf("calls    %" PRIu64 ", %" PRIu64 " at once", r->calls,
	    r->parallel);
	if (r->rate != 0)
		printf(", %" PRIu64 " per second asked for", r->rate);
	putchar('\n');
	print_failures(r);
	bench_time(r->elapsed, word);
	printf("time     %s\n", word);
	bench_word(FIGURE_RATE, bench_figure(r, FIGURE_RATE), word);
	printf("rate     %s per second\n", word);
	printf("bodies   %" PRIu64 " bytes out, %" PRIu64 " bytes in\n",
	    r->bytes_out, r->bytes_in);
	if (r->times.count == 0)
		return;
	bench_time(r->times.min, word);
	printf("min      %s\n", word);
	for (f = 0; f < N_FIGURES; f++) {
		if (figure_names[f].kind != FIGURE_TIME)
			continue;
		bench_word((enum figure)f, bench_figure(r, (enum figure)f),
		    word);
		printf("%-8s %s\n", figure_names[f].name, word);
	}
	bars(&r->times);
}

/* ---- for programs ---- */

static void
put_kinds(const struct bench_result *r, struct jout *j)
{
	char key[40];
	int k;

	for (k = 0; k < BENCH_KINDS; k++) {
		if (r->kinds[k] == 0)
			continue;
		snprintf(key, sizeof(key), "failed_%s",
		    result_kind_name((enum result_kind)k));
		jout_u64(j, key, r->kinds[k]);
	}
}

static void
put_times(const struct bench_result *r, struct jout *j)
{
	int f;

	if (r->times.count == 0)
		return;
	jout_u64(j, "min_ns", r->times.min);
	for (f = 0; f < N_FIGURES; f++)
		if (figure_names[f].kind == FIGURE_TIME)
			jout_u64(j, figure_names[f].key,
			    bench_figure(r, (enum figure)f));
}

static void
print_json(const struct bench_result *r, const char *verdict)
{
	char word[BENCH_WORD];
	struct jout j;

	jout_begin(&j, stdout);
	jout_str(&j, "method", r->method);
	jout_u64(&j, "calls", r->calls);
	jout_u64(&j, "failed", r->failed);
	put_kinds(r, &j);
	jout_u64(&j, "parallel", r->parallel);
	if (r->rate != 0)
		jout_u64(&j, "rate_wanted", r->rate);
	jout_u64(&j, "elapsed_ns", r->elapsed);
	bench_word(FIGURE_RATE, bench_figure(r, FIGURE_RATE), word);
	jout_raw(&j, "rate", word);
	jout_u64(&j, "bytes_out", r->bytes_out);
	jout_u64(&j, "bytes_in", r->bytes_in);
	put_times(r, &j);
	if (verdict != NULL)
		jout_str(&j, "fail_if", verdict);
	(void)jout_end(&j);
}

/* Whether it got out is what out_finish() asks. */
void
bench_print(const struct bench_result *r, bool json, const char *verdict)
{
	if (json)
		print_json(r, verdict);
	else
		print_text(r);
}
