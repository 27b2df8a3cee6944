/*
 * progs.c - programs at the end of streams.  It moves no bytes; the processes
 * are ptree.c's.
 *
 * The end of a program's output is held back until its status is known, but
 * not for ever: a program that closes its output and lives on, and one that
 * ends and leaves its output to a child of it, have a second.  Invariant: a
 * relay that was joined is settled, or over.
 */
#include <errno.h>
#include <stdlib.h>

#include "mux_io.h"
#include "proc.h"
#include "progs.h"
#include "ptree.h"

#define NS_PER_S	UINT64_C(1000000000)
#define WAIT_NS		NS_PER_S
/* How long a program may take to end that was told to. */
#define KILL_NS		(5 * NS_PER_S)
/* A stream costs a slot until its program has ended: else who opens and
 * resets could start any number. */
#define MAX_LEFT	1024

struct prog {
	LIST_ENTRY(prog) next;
	struct progs *all;
	struct ptree *tree;		/* NULL: nothing is left of it */
	struct mux_relay *relay;	/* NULL: not joined, or over */
	struct mux_timer *wait;
	int status;
	bool exited, ended, left, cut;
};

static void
prog_free(struct prog *p)
{
	LIST_REMOVE(p, next);
	if (p->left)
		p->all->n_left--;
	mux_timer_free(p->wait);
	free(p);
}

/* Once its status is known. */
static void
settle(struct prog *p)
{
	char text[PROC_STATUS];

	if (p->relay == NULL)
		return;
	proc_status(p->status, text);
	mux_relay_settle(p->relay, p->status == 0 ? 0 : MUX_ENDPOINT_RESET,
	    text);
}

static void
wait_from_now(struct prog *p)
{
	mux_timer_at(p->wait, mux_loop_now(p->all->loop) + WAIT_NS);
}

static void
on_exited(struct ptree *t, int status, const struct mux_usage *usage,
    void *arg)
{
	struct prog *p = arg;

	(void)t;
	(void)usage;
	p->exited = true;
	p->status = status;
	settle(p);
	if (!p->left && !p->ended)
		wait_from_now(p);
}

static void
on_gone(struct ptree *t, void *arg)
{
	struct prog *p = arg;

	(void)t;
	p->tree = NULL;
	if (p->left)
		prog_free(p);
}

static const struct ptree_ops ops = { on_exited, on_gone };

static void
on_wait(struct mux_timer *timer, void *arg)
{
	struct prog *p = arg;

	(void)timer;
	if (!p->exited && p->relay != NULL)
		mux_relay_settle(p->relay, 0, NULL);
	else if (p->tree != NULL)
		ptree_kill(p->tree, KILL_NS);
}

void
progs_init(struct progs *all)
{
	LIST_INIT(&all->all);
	all->n_left = 0;
}

void
progs_release(struct progs *all)
{
	struct prog *p;

	while ((p = LIST_FIRST(&all->all)) != NULL) {
		if (p->tree != NULL)
			ptree_leave(p->tree, p->cut || !p->left ? 0 :
			    UINT64_MAX);
		prog_free(p);
	}
}

static int
start(struct prog *p, const struct mux_addr *addr, struct mux_ends *ends,
    struct mux_why *why)
{
	struct mux_spawn sp = { .size = sizeof(sp), .fds = { -1, -1, -1 } };
	char **argv;
	int err;

	if ((err = mux_split_words(mux_addr_command(addr), &argv, why)) != 0)
		return err;
	sp.argv = argv;
	err = ptree_start(p->all->trees, &sp, ends, NULL, &ops, p, &p->tree,
	    why);
	free(argv);
	return err;
}

int
prog_start(struct progs *all, const struct mux_addr *addr,
    struct mux_ends *ends, struct prog **out, struct mux_why *why)
{
	struct prog *p;
	int err;

	if (all->n_left >= MAX_LEFT) {
		*why = (struct mux_why){ .text = "too many programs of "
		    "streams that have ended still run" };
		return MUX_E_LIMIT;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL || mux_timer_new(all->loop, on_wait, p, &p->wait) != 0) {
		free(p);
		*why = (struct mux_why){ .err = ENOMEM,
		    .text = "out of memory" };
		return MUX_E_NOMEM;
	}
	p->all = all;
	if ((err = start(p, addr, ends, why)) != 0) {
		mux_timer_free(p->wait);
		free(p);
		return err;
	}
	LIST_INSERT_HEAD(&all->all, p, next);
	*out = p;
	return 0;
}

void
prog_join(struct prog *p, struct mux_relay *relay)
{
	p->relay = relay;
}

void
prog_ended(struct prog *p)
{
	p->ended = true;
	if (!p->exited)
		wait_from_now(p);
}

void
prog_leave(struct prog *p, bool cut)
{
	if (p == NULL)
		return;
	p->relay = NULL;
	p->left = true;
	p->cut = cut;
	p->all->n_left++;
	mux_timer_at(p->wait, UINT64_MAX);
	if (p->tree == NULL)
		prog_free(p);
	else if (cut)
		ptree_kill(p->tree, KILL_NS);
}
