/*
 * fail_if.c - the conditions of --fail-if and the figures that they are about.
 * A condition is true or not; what follows from it is not decided here.
 * Values of all figures are whole numbers of thousand-millionths, which for
 * times are nanoseconds, so that nothing is rounded on the way.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "mux_io.h"
#include "opt.h"

const struct figure_name figure_names[N_FIGURES] = {
	[FIGURE_P50] = { "p50", "p50_ns", FIGURE_TIME, 50000 },
	[FIGURE_P90] = { "p90", "p90_ns", FIGURE_TIME, 90000 },
	[FIGURE_P99] = { "p99", "p99_ns", FIGURE_TIME, 99000 },
	[FIGURE_P999] = { "p99.9", "p999_ns", FIGURE_TIME, 99900 },
	[FIGURE_MAX] = { "max", "max_ns", FIGURE_TIME, 100000 },
	[FIGURE_MEAN] = { "mean", "mean_ns", FIGURE_TIME, 0 },
	[FIGURE_RATE] = { "rate", "rate", FIGURE_PER_SECOND, 0 },
	[FIGURE_ERRORS] = { "errors", "failed", FIGURE_COUNT, 0 }
};

static uint64_t
scaled(uint64_t n, uint64_t per)
{
	unsigned __int128 v = (unsigned __int128)n * FIGURE_ONE;

	if (per > 1)
		v = v * FIGURE_ONE / per;
	return v < UINT64_MAX ? (uint64_t)v : UINT64_MAX;
}

uint64_t
bench_figure(const struct bench_result *r, enum figure f)
{
	const struct figure_name *name = &figure_names[f];

	if (name->share != 0)
		return hist_share(&r->times, name->share);
	if (f == FIGURE_MEAN)
		return hist_mean(&r->times);
	if (f == FIGURE_RATE)
		return r->elapsed == 0 ? 0 : scaled(r->calls, r->elapsed);
	return scaled(r->failed, 1);
}

/* ---- reading ---- */

struct cursor {
	const char *p;
	struct mux_why *why;
};

static int
expected(const struct cursor *c, const char *what)
{
	snprintf(c->why->text, sizeof(c->why->text), "expected %s %s'%.80s'",
	    what, c->p[0] == '\0' ? "at the end: " : "at ", c->p);
	return MUX_E_INVAL;
}

static void
blanks(struct cursor *c)
{
	c->p += strspn(c->p, " \t");
}

static int
read_figure(struct cursor *c, struct condition *to)
{
	size_t i, n = strcspn(c->p, " \t<>=,");

	for (i = 0; i < N_FIGURES; i++) {
		if (strlen(figure_names[i].name) != n ||
		    strncmp(c->p, figure_names[i].name, n) != 0)
			continue;
		to->figure = (enum figure)i;
		c->p += n;
		return 0;
	}
	return expected(c, "p50, p90, p99, p99.9, max, mean, rate or errors");
}

static int
read_operator(struct cursor *c, struct condition *to)
{
	if (c->p[0] != '<' && c->p[0] != '>')
		return expected(c, "<, >, <= or >=");
	to->less = *c->p++ == '<';
	to->equal = c->p[0] == '=';
	if (to->equal)
		c->p++;
	return 0;
}

static int
read_value(struct cursor *c, struct condition *to)
{
	size_t n = strcspn(c->p, " \t,");
	bool time = figure_names[to->figure].kind == FIGURE_TIME;
	char word[40];

	/* A number without a unit is read as seconds: thousand-millionths. */
	if (n > 0 && n < sizeof(word) &&
	    (time || strspn(c->p, "0123456789.") == n)) {
		memcpy(word, c->p, n);
		word[n] = '\0';
		if (opt_duration(word, &to->value) == 0) {
			c->p += n;
			return 0;
		}
	}
	return expected(c, time ? "a time (500us, 5ms, 1.5s)" : "a number");
}

static int
read_condition(struct cursor *c, struct condition *to)
{
	const char *begin, *end;
	int err;

	blanks(c);
	begin = c->p;
	if ((err = read_figure(c, to)) != 0)
		return err;
	blanks(c);
	if ((err = read_operator(c, to)) != 0)
		return err;
	blanks(c);
	if ((err = read_value(c, to)) != 0)
		return err;
	end = c->p;
	blanks(c);
	if (c->p[0] != ',' && c->p[0] != '\0')
		return expected(c, "a comma");
	snprintf(to->text, sizeof(to->text), "%.*s", (int)(end - begin),
	    begin);
	return 0;
}

int
fail_if_parse(const char *word, struct fail_if *f, struct mux_why *why)
{
	struct cursor c = { word, why };
	int err;

	*why = (struct mux_why){ 0 };
	f->n = 0;
	for (;;) {
		if (f->n == FAIL_IF_MAX)
			return expected(&c, "no more conditions");
		if ((err = read_condition(&c, &f->c[f->n])) != 0)
			return err;
		f->n++;
		if (c.p[0] == '\0')
			return 0;
		c.p++;
	}
}

/* ---- asking ---- */

static bool
is_true(const struct condition *c, uint64_t v)
{
	return (c->equal && v == c->value) ||
	    (c->less ? v < c->value : v > c->value);
}

const struct condition *
fail_if_true(const struct fail_if *f, const struct bench_result *r)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (is_true(&f->c[i], bench_figure(r, f->c[i].figure)))
			return &f->c[i];
	return NULL;
}

bool
fail_if_asks(const struct fail_if *f, enum figure figure)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->c[i].figure == figure)
			return true;
	return false;
}
