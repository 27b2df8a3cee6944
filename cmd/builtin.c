/*
 * builtin.c - the methods that are part of serve: mux.echo, mux.ping,
 * mux.methods, and for the server's own user mux.stats, mux.streams and
 * mux.drain.  All but mux.echo answer in one piece, when the request is whole.
 *
 * Invariant: none of them waits for anything but its caller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builtin.h"
#include "dispatch.h"
#include "methods.h"
#include "mux_io.h"
#include "out.h"
#include "ptree.h"

/* ---- mux.echo ---- */

/* Up to that the answer is made when the request is whole; beyond, bytes go
 * back as they come.  Smaller than any window. */
#define ECHO_WHOLE	1024u

struct echo {
	char *buf;	/* `in`, as long as that is enough */
	size_t off, len, cap;
	bool streams, whole;
	char in[WORK_ROOM - 48];
};

_Static_assert(sizeof(struct echo) <= WORK_ROOM, "it lies in the work");

static void
echo_free(struct work *w)
{
	struct echo *e = w->run;

	if (e == NULL)
		return;
	if (e->buf != e->in) {
		free(e->buf);
		w->all->held -= e->cap;
	}
	w->run = NULL;
}

static void
echo_over(struct work *w)
{
	echo_free(w);
	work_done(w);
}

static struct echo *
echo_new(struct work *w)
{
	struct echo *e = (struct echo *)(void *)w->room;

	e->buf = e->in;
	e->off = e->len = 0;
	e->cap = sizeof(e->in);
	e->streams = e->whole = false;
	w->run = e;
	return e;
}

static bool
echo_grow(struct work *w, struct echo *e, size_t cap)
{
	char *old = e->buf == e->in ? NULL : e->buf, *bigger;
	size_t more = cap - (old != NULL ? e->cap : 0);

	if (w->all->held + more > HELD_MAX ||
	    (bigger = realloc(old, cap)) == NULL)
		return false;
	w->all->held += more;
	if (old == NULL)
		memcpy(bigger, e->in, e->len);
	e->buf = bigger;
	e->cap = cap;
	return true;
}

static bool
echo_append(struct work *w, struct echo *e, const void *p, size_t n)
{
	size_t have = e->len - e->off, cap = e->cap;

	if (e->off > 0 && e->len + n > cap) {
		memmove(e->buf, e->buf + e->off, have);
		e->off = 0;
		e->len = have;
	}
	if (e->len + n > cap) {
		cap = e->len + n > 2 * cap ? e->len + n : 2 * cap;
		if (!echo_grow(w, e, cap))
			return false;
	}
	memcpy(e->buf + e->len, p, n);
	e->len += n;
	return true;
}

static void
echo_data(struct work *w, const void *p, size_t n)
{
	struct echo *e = w->run;

	if (e == NULL)
		e = echo_new(w);
	if (!echo_append(w, e, p, n)) {
		work_fail(w, MUX_BUSY, "too much waits here", NULL);
		echo_over(w);
	} else if (e->streams) {
		work_ready(w);
	} else if (e->len > ECHO_WHOLE) {
		e->streams = true;
		work_reply(w, NULL);
	}
}

static void
echo_eof(struct work *w)
{
	struct echo *e = w->run;

	if (e != NULL && e->streams) {
		e->whole = true;
		work_ready(w);
		return;
	}
	work_answer(w, NULL, e != NULL ? e->buf : "", e != NULL ? e->len : 0);
	echo_over(w);
}

static size_t
echo_fill(struct work *w, void *buf, size_t max, unsigned *flags)
{
	struct echo *e = w->run;
	size_t n = e->len - e->off;

	n = n < max ? n : max;
	memcpy(buf, e->buf + e->off, n);
	e->off += n;
	if (e->off == e->len) {
		e->off = e->len = 0;
		if (e->whole)
			*flags = MUX_FILL_END;
	}
	work_consume(w, n);
	return n;
}

/* ---- what is answered in one piece ---- */

static const char *const kinds[] = {
	[METHOD_SHELL] = "shell", [METHOD_PROGRAM] = "program",
	[METHOD_WORKER] = "worker", [METHOD_BUILTIN] = "builtin"
};

/* May this caller see and do what is the server's own? */
static bool
is_own(const struct work *w)
{
	return w->peer->have_uid &&
	    (w->peer->uid == geteuid() || w->all->allow_admin);
}

static void
ping(struct work *w, FILE *f)
{
	(void)w;
	(void)f;
}

static void
methods(struct work *w, FILE *f)
{
	struct method *me = NULL;
	struct jout j;

	while ((me = methods_next(w->methods, me)) != NULL) {
		jout_begin(&j, f);
		jout_str(&j, "name", me->name);
		jout_str(&j, "kind", kinds[me->kind]);
		if (me->about != NULL)
			jout_str(&j, "about", me->about);
		if (me->jobs > 0)
			jout_u64(&j, "jobs", (uint64_t)me->jobs);
		if (me->queue > 0)
			jout_u64(&j, "queue", (uint64_t)me->queue);
		if (me->timeout != UINT64_MAX)
			jout_u64(&j, "timeout_ns", me->timeout);
		if (me->line != NULL && is_own(w))
			jout_str(&j, "command", me->line);
		jout_end(&j);
	}
}

static void
stats(struct work *w, FILE *f)
{
	const struct dispatch *d = w->all;
	struct jout j;

	jout_begin(&j, f);
	jout_u64(&j, "pid", (uint64_t)getpid());
	jout_u64(&j, "calls", d->n_calls);
	jout_u64(&j, "failed", d->n_failed);
	jout_u64(&j, "refused", d->n_refused);
	jout_u64(&j, "running", d->n_running);
	jout_u64(&j, "queued", d->n_queued);
	jout_u64(&j, "queued_bytes", d->held);
	jout_u64(&j, "processes", ptrees_count(d->trees));
	jout_end(&j);
}

static void
streams(struct work *w, FILE *f)
{
	w->all->state(f, w->all->arg);
}

/* Its answer is made: the call is one of those that are still answered. */
static void
drain(struct work *w)
{
	w->all->drain(w->all->arg);
}

static const struct builtin {
	const char *name;
	bool own;
	const char *about;
	void (*print)(struct work *, FILE *);	/* NULL: mux.echo */
	void (*after)(struct work *);		/* the answer */
} table[] = {
	{ "mux.drain", true, "end the server when its calls are answered",
	    ping, drain },
	{ "mux.echo", false, "answer the body", NULL, NULL },
	{ "mux.methods", false, "all methods, as NDJSON", methods, NULL },
	{ "mux.ping", false, "an empty answer", ping, NULL },
	{ "mux.stats", true, "counters, as NDJSON", stats, NULL },
	{ "mux.streams", true, "calls and streams as by SIGUSR1, as NDJSON",
	    streams, NULL },
};

#define N_BUILTINS	(sizeof(table) / sizeof(table[0]))

static void
answer(struct work *w, const struct builtin *b)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool good = false;

	if (f != NULL) {
		b->print(w, f);
		good = fclose(f) == 0;
	}
	if (good)
		good = work_answer(w, NULL, text, len) != MUX_E_NOMEM;
	free(text);
	if (!good)
		work_fail(w, MUX_INTERNAL, "out of memory", NULL);
	else if (b->after != NULL)
		b->after(w);
	work_done(w);
}

static const struct builtin *
builtin_of(const struct work *w)
{
	size_t i = 0;

	while (strcmp(table[i].name, w->method->name) != 0)
		i++;
	return &table[i];
}

static void
start(struct work *w)
{
	if (!w->method->own_uid || is_own(w))
		return;
	work_fail(w, MUX_NOT_PERMITTED, "only for the user that runs the "
	    "server", NULL);
	work_done(w);
}

static void
data(struct work *w, const void *p, size_t n)
{
	(void)p;
	work_consume(w, n);
}

static void
eof(struct work *w)
{
	answer(w, builtin_of(w));
}

static void
stop(struct work *w, uint32_t code)
{
	if (code != MUX_OK)
		work_fail(w, code, NULL, NULL);
	echo_over(w);
}

static const struct work_ops echo_ops = {
	.start = start, .data = echo_data, .eof = echo_eof, .fill = echo_fill,
	.stop = stop, .drop = echo_free, .free_of_limits = true
};

const struct work_ops builtin_ops = {
	.start = start, .data = data, .eof = eof, .stop = stop,
	.free_of_limits = true
};

int
builtin_add(struct methods *m)
{
	const struct builtin *b;
	int err = 0;

	for (b = table; b < table + N_BUILTINS && err == 0; b++)
		err = methods_add_builtin(m, b->name, b->print == NULL ?
		    &echo_ops : &builtin_ops, b->own, b->about);
	return err;
}
