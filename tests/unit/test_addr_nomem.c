/*
 * Memory that runs out in the middle of a word: every allocation of every
 * parser fails once, and then nothing was touched and nothing is lost.
 *
 * nomem.h replaces malloc() and its kin.
 */
#include "int.h"
#include "mux_io.h"
#include "nomem.h"
#include "tap.h"

#ifdef SANITIZED

int
main(void)
{
	printf("1..0 # SKIP the sanitizer owns malloc\n");
	return 0;
}

#else

/* What any of the parsers may hand out. */
struct got {
	struct mux_addr *addr, *dup;
	struct mux_rule *rule;
	char *target, **argv;
};

static int
run_addr(const char *word, struct got *g, struct mux_why *why)
{
	return mux_addr_parse(word, &g->addr, why);
}

static int
run_dup(const char *word, struct got *g, struct mux_why *why)
{
	int err = mux_addr_parse(word, &g->addr, why);

	if (err != 0)
		return err;
	g->dup = mux_addr_dup(g->addr);
	if (g->dup != NULL)
		return 0;
	mux_addr_free(g->addr);
	g->addr = NULL;
	snprintf(why->text, sizeof(why->text), "out of memory");
	return MUX_E_NOMEM;
}

static int
run_rule(const char *word, struct got *g, struct mux_why *why)
{
	return mux_rule_parse(word, &g->rule, why);
}

static int
run_spec(const char *word, struct got *g, struct mux_why *why)
{
	return mux_spec_parse(word, &g->addr, &g->target, why);
}

static int
run_words(const char *word, struct got *g, struct mux_why *why)
{
	return mux_split_words(word, &g->argv, why);
}

static const struct scene {
	const char *word;
	int (*run)(const char *, struct got *, struct mux_why *);
} scenes[] = {
	{ "unix:/a?mode=600&idle=5s", run_addr },
	{ "tcp:db:1?cc=bbr&fault=x", run_addr },
	{ "ws://h/p", run_addr },
	{ "exec?idle=5m:a 'b c'", run_addr },
	{ "ssh:me@h:/s", run_addr },
	{ "systemd:x", run_addr },
	{ "fd:3", run_addr },
	{ "-", run_addr },
	{ "unix:/a?mode=600&idle=5s", run_dup },
	{ "tcp:10.0.0.0/8:1-2", run_rule },
	{ "tcp:db:*", run_rule },
	{ "unix:/a/*", run_rule },
	{ "8080:db:80", run_spec },
	{ "/l?mode=0660=db", run_spec },
	{ "/l:/k", run_spec },
	{ "a 'b c' d", run_words },
};

static void
drop(struct got *g)
{
	mux_addr_free(g->addr);
	mux_addr_free(g->dup);
	mux_rule_free(g->rule);
	free(g->target);
	free(g->argv);
}

/* The n'th allocation fails; false once there are not that many. */
static bool
fail_nth(const struct scene *s, long n, bool *fine)
{
	static const struct got none;
	struct got g = none;
	struct mux_why why = { .text = "" };
	long before = n_live;
	bool hit;
	int err;

	n_left = n;
	err = s->run(s->word, &g, &why);
	hit = n_left < 0;
	n_left = -1;
	*fine = hit ? err == MUX_E_NOMEM && n_live == before &&
	    memcmp(&g, &none, sizeof(g)) == 0 &&
	    strcmp(why.text, "out of memory") == 0 : err == 0;
	drop(&g);
	*fine = *fine && n_live == before;
	return hit;
}

int
main(void)
{
	bool fine, hit;
	long n;

	/* So that stdio's own buffer is not among what is counted. */
	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; i < N_ELEM(scenes); i++) {
		for (n = 0, hit = true; hit; n++) {
			hit = fail_nth(&scenes[i], n, &fine);
			ok(fine, "%s: %s %ld", scenes[i].word, hit ?
			    "without allocation" : "with all", n);
		}
		ok(n > 1, "%s: it does allocate", scenes[i].word);
	}
	return tap_done();
}

#endif
