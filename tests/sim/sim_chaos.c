/*
 * sim_chaos.c - many relays on one carrier, and programs at their ends that
 * send, stall, end, close and reset at random.  Two things must always hold:
 * nobody reads an end of file before all that was sent to it, and when the
 * programs have ended nothing is left over.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"
#include "world.h"

#define N_LINKS	16u
#define N_STEPS	400u

struct chaos {
	struct world w;
	struct link l[N_LINKS];
	bool live[N_LINKS];
	enum kind client[N_LINKS], server[N_LINKS];
	unsigned n_opened, n_eof, n_failed, n_wrong;
};

static enum kind
any_kind(void)
{
	return tap_rnd(3) == 0 ? UNIX : TCP;
}

/* From here to there: an end that is seen is one that was made, behind the
 * last byte.  A unix socket cannot tell a reset from it, nor can who has just
 * met the reset in writing. */
static void
judge_way(struct chaos *c, const struct app *from, const struct app *to,
    enum kind kind)
{
	bool good = to->bad == 0 && to->got <= from->sent;

	if (to->eof && kind == TCP && to->write_err == 0)
		good &= to->got == from->sent && (from->shut || from->fd < 0);
	c->n_eof += to->eof;
	c->n_failed += app_failed(to);
	if (good)
		return;
	c->n_wrong++;
	printf("# got %llu of %llu, wrong %llu, eof %d, shut %d, fd %d\n",
	    (unsigned long long)to->got, (unsigned long long)from->sent,
	    (unsigned long long)to->bad, to->eof, from->shut, from->fd);
}

/* What a program does next, if it still is there. */
static void
act(struct app *a)
{
	uint64_t n = tap_rnd(1u << tap_rnd(21));

	if (a->fd < 0)
		return;
	switch (tap_rnd(16)) {
	case 0:
		app_reset(a);
		break;
	case 1:
		app_close(a);
		break;
	case 2:
	case 3:
		if (!a->shut_after)
			app_send(a, 0, true);
		break;
	case 4:
	case 5:
		app_stall(a, true);
		break;
	case 6:
	case 7:
	case 8:
		app_stall(a, false);
		break;
	default:
		if (!a->shut_after)
			app_send(a, n, false);
	}
}

static void
open_one(struct chaos *c, unsigned i)
{
	c->w.target = c->server[i] = any_kind();
	c->client[i] = any_kind();
	c->w.sndbuf = tap_rnd(3) == 0 ? 1 : 0;
	link_new(&c->w, &c->l[i], c->client[i]);
	c->live[i] = true;
	c->n_opened++;
}

static bool
has_heard(const struct app *a)
{
	return a->fd < 0 || a->eof || app_failed(a);
}

/* Everybody reads, and ends or goes; so everything has to come to an end. */
static void
finish_one(struct chaos *c, unsigned i)
{
	struct link *l = &c->l[i];
	struct app *const apps[] = { &l->client, &l->server };

	for (size_t j = 0; j < 2; j++) {
		if (apps[j]->fd < 0)
			continue;
		app_stall(apps[j], false);
		if (!apps[j]->shut_after)
			app_send(apps[j], 0, true);
	}
	alarm(60);
	until(&c->w, l->done_a && l->done_b && has_heard(apps[0]) &&
	    has_heard(apps[1]));
	judge_way(c, &l->client, &l->server, c->server[i]);
	judge_way(c, &l->server, &l->client, c->client[i]);
	link_free(l);
	c->live[i] = false;
}

static void
step(struct chaos *c)
{
	unsigned i = tap_rnd(N_LINKS), turns = tap_rnd(4);

	if (!c->live[i])
		open_one(c, i);
	else if (tap_rnd(40) == 0)
		finish_one(c, i);
	else
		act(tap_rnd(2) == 0 ? &c->l[i].client : &c->l[i].server);
	while (turns-- > 0)
		mux_loop_turn(c->w.loop, 0);
}

static unsigned
n_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	must(d != NULL, "/proc/self/fd");
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Is nothing left of the streams, and has the connection not suffered? */
static bool
is_clean(const struct world *w)
{
	struct mux_session_stats a, b;

	mux_session_stats(mux_conn_session(w->a), &a);
	mux_session_stats(mux_conn_session(w->b), &b);
	return a.streams + b.streams + a.charge + b.charge + a.budget +
	    b.budget == 0 && !w->a_closed && !w->b_closed;
}

/* With `cut`, one of the connections goes in the middle of it all. */
static void
chaos(enum kind carrier, bool copy, bool cut, const char *name,
    unsigned n_seeds)
{
	static struct chaos c;
	unsigned seed, i, left = 0, before = n_descriptors();

	memset(&c, 0, sizeof(c));
	for (seed = 1; seed <= n_seeds; seed++) {
		tap.seed = seed + (copy ? 2000 : carrier == TCP ? 1000 : 0);
		world_new(&c.w, carrier, copy);
		for (i = 0; i < N_STEPS; i++)
			step(&c);
		if (cut) {
			mux_conn_free(seed % 2 == 0 ? c.w.a : c.w.b);
			*(seed % 2 == 0 ? &c.w.a : &c.w.b) = NULL;
		}
		for (i = 0; i < N_LINKS; i++)
			if (c.live[i])
				finish_one(&c, i);
		settle(&c.w);
		if (!cut && !is_clean(&c.w)) {
			printf("# seed %u: %s\n", seed, c.w.a_why.text);
			left++;
		}
		world_free(&c.w);
	}
	is_u64(c.n_wrong, 0, "%s: no false end in %u streams (%u ends, "
	    "%u resets)", name, c.n_opened, c.n_eof, c.n_failed);
	is_u64(left, 0, "%s: nothing is left of any", name);
	is_u64(n_descriptors(), before, "%s: no descriptor either", name);
}

int
main(int argc, char **argv)
{
	/* More of it, when looking for trouble: sim_chaos 1000. */
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 20;

	signal(SIGPIPE, SIG_IGN);
	chaos(UNIX, false, false, "unix carrier", n);
	chaos(TCP, false, false, "tcp carrier", n);
	chaos(UNIX, true, false, "unix carrier, copied", n);
	chaos(UNIX, false, true, "unix carrier that goes", n);
	chaos(TCP, false, true, "tcp carrier that goes", n);
	return tap_done();
}
