/*
 * test_fail_if.c - the conditions of --fail-if: what is one, where a mistake
 * is, and when they are true.
 */
#include "../../cmd/bench.h"
#include "mux_io.h"
#include "tap.h"

static struct fail_if f;
static struct bench_result r;

static void
good(void)
{
	struct mux_why why;

	ok(fail_if_parse("p99>5ms", &f, &why) == 0 && f.n == 1 &&
	    f.c[0].figure == FIGURE_P99 && !f.c[0].less && !f.c[0].equal &&
	    f.c[0].value == 5000000, "p99>5ms");
	is_str(f.c[0].text, "p99>5ms", "is kept as it was written");
	ok(fail_if_parse(" p99.9 <= 1.5us , rate<1000.5,errors>=3", &f,
	    &why) == 0 && f.n == 3, "three, with blanks");
	ok(f.c[0].figure == FIGURE_P999 && f.c[0].less && f.c[0].equal &&
	    f.c[0].value == 1500, "p99.9 is not p99");
	is_str(f.c[0].text, "p99.9 <= 1.5us", "without what is around it");
	ok(f.c[1].figure == FIGURE_RATE && f.c[1].less && !f.c[1].equal &&
	    f.c[1].value == UINT64_C(1000500000000), "a rate");
	ok(f.c[2].figure == FIGURE_ERRORS && !f.c[2].less && f.c[2].equal &&
	    f.c[2].value == 3 * FIGURE_ONE, "a count");
	ok(fail_if_parse("max<7ns,mean>2,p50>1h,p90>0", &f, &why) == 0 &&
	    f.c[0].value == 7 && f.c[1].value == 2 * FIGURE_ONE &&
	    f.c[2].value == 3600 * FIGURE_ONE && f.c[3].value == 0,
	    "the other units; without one it is seconds");
	ok(fail_if_asks(&f, FIGURE_MEAN) && !fail_if_asks(&f, FIGURE_ERRORS),
	    "what they ask about");
}

static void
bad(void)
{
#define METRIC	"expected p50, p90, p99, p99.9, max, mean, rate or errors "
#define OP	"expected <, >, <= or >= "
#define TIME	"expected a time (500us, 5ms, 1.5s) "
	static const struct {
		const char *word, *why;
	} t[] = {
		{ "", METRIC "at the end: ''" },
		{ "p98>5ms", METRIC "at 'p98>5ms'" },
		{ "p9>5ms", METRIC "at 'p9>5ms'" },
		{ "p999>5ms", METRIC "at 'p999>5ms'" },
		{ "p99>5ms,", METRIC "at the end: ''" },
		{ "p99>5ms,,max>1s", METRIC "at ',max>1s'" },
		{ "p99", OP "at the end: ''" },
		{ "p99=5ms", OP "at '=5ms'" },
		{ "p99 !> 5ms", OP "at '!> 5ms'" },
		{ "p99>", TIME "at the end: ''" },
		{ "p99>>5ms", TIME "at '>5ms'" },
		{ "p99>5parsecs", TIME "at '5parsecs'" },
		{ "p99>-5ms", TIME "at '-5ms'" },
		{ "p99>5 ms", "expected a comma at 'ms'" },
		{ "max>99999999999h", TIME "at '99999999999h'" },
		{ "rate<5ms", "expected a number at '5ms'" },
		{ "errors>1.2.3", "expected a number at '1.2.3'" },
		{ "errors>1e3", "expected a number at '1e3'" },
		{ "errors>0 rate<1", "expected a comma at 'rate<1'" }
	};
	char many[400] = "";
	struct mux_why why;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ok(fail_if_parse(t[i].word, &f, &why) == MUX_E_INVAL,
		    "'%s'", t[i].word);
		is_str(why.text, t[i].why, "and where it is wrong");
	}
	for (i = 0; i < FAIL_IF_MAX + 1; i++)
		strcat(many, i == 0 ? "max>1s" : ",max>1s");
	ok(fail_if_parse(many, &f, &why) == MUX_E_INVAL, "too many");
	is_str(why.text, "expected no more conditions at 'max>1s'", "and why");
}

static bool
holds(const char *word)
{
	struct mux_why why;

	return fail_if_parse(word, &f, &why) == 0 &&
	    fail_if_true(&f, &r) != NULL;
}

static void
truth(void)
{
	struct mux_why why;
	uint64_t i;

	for (i = 1; i <= 1000; i++)
		hist_add(&r.times, i);
	r.calls = 1000;
	r.failed = 2;
	r.elapsed = 2 * FIGURE_ONE;
	ok(holds("p50>499ns") && !holds("p50>500ns") && holds("p50>=500ns"),
	    "p50");
	ok(holds("p50<=500ns") && !holds("p50<500ns"), "and the other way");
	ok(!holds("p90>900ns") && !holds("p90<900ns"), "p90 is exact here");
	ok(!holds("p99>990ns") && !holds("p99<990ns"), "p99");
	ok(!holds("p99.9>999ns") && !holds("p99.9<999ns"), "p99.9");
	ok(!holds("max>1us") && !holds("max<1us"), "the most");
	ok(!holds("mean>500ns") && !holds("mean<500ns"), "the mean");
	ok(!holds("rate>500") && !holds("rate<500") && holds("rate<500.001"),
	    "the rate");
	ok(holds("errors>1") && !holds("errors>2") && holds("errors>=2"),
	    "errors");
	fail_if_parse("p50>1h,errors>0,max>1ns", &f, &why);
	is_str(fail_if_true(&f, &r)->text, "errors>0",
	    "the first that is true");
	r.elapsed = 0;
	ok(holds("rate<1"), "no time, no rate");
	r.calls = UINT64_MAX;
	r.elapsed = 1;
	ok(holds("rate>9000000000"), "what is too much is much");
}

int
main(void)
{
	good();
	bad();
	truth();
	return tap_done();
}
