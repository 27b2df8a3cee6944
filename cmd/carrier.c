/*
 * carrier.c - from the word of -a to connected descriptors.  It knows nothing
 * of sessions.  Only what a server that is still starting would cause is
 * tried again: no such file, connection refused.  Invariant: cb() runs once,
 * never from within carrier_dial(), and not after carrier_free().
 */
#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "carrier.h"
#include "cmd.h"
#include "mux_io.h"
#include "opt.h"
#include "out.h"
#include "home.h"

#define RETRY_NS	UINT64_C(50000000)

struct carrier {
	struct mux_loop *loop;
	struct carrier_opts opts;
	carrier_cb *cb;
	void *arg;
	struct mux_dial *dial;
	struct mux_timer *again;
	uint64_t until;		/* no attempt begins after it */
	bool said;		/* that there will be more than one */
};

int
carrier_addr(const struct opt_common *com, struct mux_addr **out)
{
	struct mux_addr *addr = NULL;
	struct mux_why why;
	char *word = NULL;
	int err;

	if (com->addr == NULL && home_default(false, &word, &why) == -1)
		return say_exit(CMD_USAGE, "default socket: %s", why.text);
	err = mux_addr_parse(com->addr != NULL ? com->addr : word, &addr, &why);
	free(word);
	if (err == 0)
		err = mux_addr_check(addr, MUX_AS_CARRIER, &why);
	if (err != 0) {
		mux_addr_free(addr);
		return say_exit(CMD_USAGE, "-a: %s", why.text);
	}
	*out = addr;
	return 0;
}

static bool
may_pass(const struct carrier *c, const struct mux_why *why)
{
	/* A program that is not there has nothing to do with a server. */
	return mux_addr_scheme(c->opts.addr) != MUX_EXEC &&
	    (why->err == ENOENT || why->err == ECONNREFUSED);
}

/* Nobody may have said which server it is. */
static bool
is_default(const struct mux_addr *addr)
{
	struct mux_why why;
	char *word;
	bool same;

	if (home_default(false, &word, &why) != 0)
		return false;
	same = strcmp(word, mux_addr_str(addr)) == 0;
	free(word);
	return same;
}

static void
add_hint(const struct carrier *c, struct mux_why *why)
{
	if (!may_pass(c, why))
		return;
	strlcat(why->text, " (is the server running? ", sizeof(why->text));
	strlcat(why->text, c->opts.wait == OPT_UNSET ? "try --wait=5s" :
	    "no longer waiting", sizeof(why->text));
	strlcat(why->text, is_default(c->opts.addr) ?
	    ", or -a ADDR for another)" : ")", sizeof(why->text));
}

static void
on_dialled(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	struct carrier *c = arg;
	struct mux_why copy;

	c->dial = NULL;
	if (ends != NULL) {
		c->cb(ends, NULL, c->arg);
		return;
	}
	copy = *why;
	if (c->opts.wait != OPT_UNSET && may_pass(c, why) &&
	    mux_loop_now(c->loop) < c->until) {
		if (!c->said)
			say(SAY_INFO, "%s (trying again)", why->text);
		c->said = true;
		mux_timer_at(c->again, mux_loop_now(c->loop) + RETRY_NS);
		return;
	}
	add_hint(c, &copy);
	c->cb(NULL, &copy, c->arg);
}

static int
attempt(struct carrier *c)
{
	return mux_dial(c->loop, c->opts.addr, c->opts.connect_timeout != 0 ?
	    c->opts.connect_timeout : UINT64_MAX, NULL, on_dialled, c,
	    &c->dial);
}

static void
on_again(struct mux_timer *t, void *arg)
{
	struct carrier *c = arg;
	struct mux_why why = { .err = ENOMEM };
	int err;

	(void)t;
	if ((err = attempt(c)) == 0)
		return;
	snprintf(why.text, sizeof(why.text), "connect %.300s: %s",
	    mux_addr_str(c->opts.addr), mux_strerror(err));
	c->cb(NULL, &why, c->arg);
}

int
carrier_dial(struct mux_loop *loop, const struct carrier_opts *opts,
    carrier_cb *cb, void *arg, struct carrier **out)
{
	struct carrier *c = calloc(1, sizeof(*c));
	uint64_t now = mux_loop_now(loop);
	int err = MUX_E_NOMEM;

	if (c == NULL)
		return err;
	c->loop = loop;
	c->opts = *opts;
	c->cb = cb;
	c->arg = arg;
	/* OPT_UNSET and 0 both come out as "for ever"; the former is asked
	 * for first. */
	c->until = opts->wait == 0 || opts->wait > UINT64_MAX - now ?
	    UINT64_MAX : now + opts->wait;
	if ((err = mux_timer_new(loop, on_again, c, &c->again)) != 0 ||
	    (err = attempt(c)) != 0) {
		carrier_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void
carrier_free(struct carrier *c)
{
	if (c == NULL)
		return;
	if (c->dial != NULL)
		mux_dial_cancel(c->dial);
	mux_timer_free(c->again);
	free(c);
}
