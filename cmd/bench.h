/*
 * bench.h - the rooms of call --bench: what is measured (bench.c), how it is
 * shown (bench_out.c), what --fail-if asks of it (fail_if.c).
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hist.h"
#include "result.h"

struct mux_why;

#define BENCH_KINDS	(RESULT_NOT_SENT + 1)

/* What was seen.  Times are ns. */
struct bench_result {
	const char *method;
	uint64_t calls;			/* that were made */
	uint64_t wanted;		/* that should have been */
	uint64_t failed;		/* of those that were made */
	uint64_t kinds[BENCH_KINDS];	/* of the failures */
	uint64_t parallel, rate;	/* as asked for; rate 0 = as it goes */
	uint64_t elapsed;		/* first call to last answer */
	uint64_t bytes_out, bytes_in;	/* of bodies */
	struct hist times;		/* of those with an answer or late */
};

/* The figures with names. */
enum figure {
	FIGURE_P50, FIGURE_P90, FIGURE_P99, FIGURE_P999, FIGURE_MAX,
	FIGURE_MEAN, FIGURE_RATE, FIGURE_ERRORS, N_FIGURES
};
enum figure_kind { FIGURE_TIME, FIGURE_PER_SECOND, FIGURE_COUNT };

struct figure_name {
	const char *name;		/* in --fail-if and for people */
	const char *key;		/* in JSON */
	enum figure_kind kind;
	uint32_t share;			/* for hist_share(); 0 = none */
};
extern const struct figure_name figure_names[N_FIGURES];

/* Of all kinds in thousand-millionths: ns, and so on. */
#define FIGURE_ONE	UINT64_C(1000000000)
uint64_t bench_figure(const struct bench_result *, enum figure);

/* ---- bench_out.c ---- */

#define BENCH_WORD	32		/* room for any figure as text */
void bench_word(enum figure, uint64_t value, char word[BENCH_WORD]);
/* The result on stdout. */
void bench_print(const struct bench_result *, bool json, const char *verdict);

/* ---- fail_if.c ---- */

#define FAIL_IF_MAX	16

struct fail_if {
	size_t n;
	struct condition {
		enum figure figure;
		bool less, equal;	/* < <= > >= */
		uint64_t value;		/* in thousand-millionths */
		char text[64];		/* as it was written */
	} c[FAIL_IF_MAX];
};

/* METRIC OP VALUE, several of them joined by commas.  0, or MUX_E_INVAL and
 * what was expected where. */
int fail_if_parse(const char *word, struct fail_if *, struct mux_why *why);
/* The first condition that is true, or NULL. */
const struct condition *fail_if_true(const struct fail_if *,
    const struct bench_result *);
bool fail_if_asks(const struct fail_if *, enum figure);

#endif
