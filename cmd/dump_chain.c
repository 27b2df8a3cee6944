/*
 * dump_chain.c - from records to sinks: puts frames together, asks the
 * filters, counts, and hides what is to be hidden.  Invariant: what follows of
 * a frame goes where its beginning went; when enough has come, the last frame
 * still comes whole.
 */
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "dump.h"
#include "filter.h"
#include "out.h"

struct outlet_sink {
	const struct sink *ops;
	void *arg;
	FILE *f;
};

struct chain {
	struct seen_all *seen;
	struct outlet_sink out[2];	/* printed, written */
	unsigned n_out;
	struct filter *filter, *until, *redact;
	bool follows;
	uint32_t conn;		/* of what is followed; 0: not known yet */
	uint64_t id;
	uint64_t count, want;	/* frames that passed; 0: no limit */
	bool last_open;		/* the last frame is not over */
	bool enough, failed;
};

/* ---- which frames ---- */

/* Ids of these are numbers of their own. */
static bool
is_free(const struct mux_frame *f)
{
	const char *name = mux_frame_name(f->type);

	return name != NULL && (strcmp(name, "ping") == 0 ||
	    strcmp(name, "pong") == 0 || strcmp(name, "datagram") == 0);
}

/* A stream or call, and the streams that belong to it; of the first
 * connection that has it. */
static bool
followed(struct chain *c, const struct seen *s)
{
	if (!c->follows)
		return true;
	if (s->frame == NULL || is_free(s->frame) ||
	    (c->conn != 0 && c->conn != s->conn->number))
		return false;
	if (s->frame->id != c->id &&
	    (s->of == NULL || s->of->parent != c->id || c->id == 0))
		return false;
	c->conn = s->conn->number;
	return true;
}

/* The same frame without what it carries. */
static void
strip(struct seen *s)
{
	s->n_head = s->n_ext = s->n_body = 0;
	s->head = s->ext = s->body = NULL;
	s->whole = false;
	s->cut = true;
}

static void
hand_on(struct chain *c, const struct seen *s)
{
	struct seen bare = *s;
	unsigned i;

	s->note->flags |= DUMP_WANTED;
	if (c->redact != NULL && filter_test(c->redact, s)) {
		s->note->flags |= DUMP_REDACTED;
		strip(&bare);
	}
	s->note->off = bare.n_head;
	for (i = 0; i < c->n_out; i++)
		c->out[i].ops->frame(&bare, c->out[i].arg);
}

static bool
on_frame(const struct seen *s, void *arg)
{
	struct chain *c = arg;
	bool last = false;

	if (c->last_open)
		return true;
	if (followed(c, s) &&
	    (c->filter == NULL || filter_test(c->filter, s))) {
		hand_on(c, s);
		last = ++c->count == c->want;
	}
	if (c->until != NULL && filter_test(c->until, s))
		last = true;
	if (!last)
		return true;
	c->enough = true;
	/* More of it comes: wait for its end. */
	c->last_open = !s->whole && (s->note->flags & DUMP_WANTED);
	if (c->last_open)
		s->note->flags |= DUMP_LAST;
	return c->last_open;
}

static void
on_more(const struct seen *s, const uint8_t *p, size_t n, void *arg)
{
	struct chain *c = arg;
	unsigned i;

	if (!(s->note->flags & DUMP_WANTED) ||
	    (p != NULL && (s->note->flags & DUMP_REDACTED)))
		return;
	for (i = 0; i < c->n_out; i++)
		if (c->out[i].ops->more != NULL)
			c->out[i].ops->more(s, p, n, c->out[i].arg);
	if (p != NULL)
		s->note->off += n;
	else if (s->note->flags & DUMP_LAST)
		c->last_open = false;
}

static void
on_gone(const struct seen_conn *conn, struct seen_thing *thing, void *arg)
{
	struct chain *c = arg;
	unsigned i;

	for (i = 0; i < c->n_out; i++)
		if (c->out[i].ops->gone != NULL)
			c->out[i].ops->gone(conn, thing, c->out[i].arg);
}

static void
on_conn_gone(const struct seen_conn *conn, void *arg)
{
	struct chain *c = arg;
	unsigned i;

	for (i = 0; i < c->n_out; i++)
		if (c->out[i].ops->conn_gone != NULL)
			c->out[i].ops->conn_gone(conn, c->out[i].arg);
}

static const struct seen_ops seen_ops = {
	.frame = on_frame,
	.more = on_more,
	.gone = on_gone,
	.conn_gone = on_conn_gone
};

bool
chain_record(struct chain *c, const struct mux_dump_record *r)
{
	unsigned i;
	int got = seen_record(c->seen, r);

	if (got < 0) {
		say(SAY_ERROR, "out of memory");
		c->failed = true;
		return false;
	}
	for (i = 0; i < c->n_out; i++)
		if (ferror(c->out[i].f))
			return false;
	return got == 0 && !(c->enough && !c->last_open);
}

/* ---- life ---- */

static bool
make_filter(const char *option, const char *expr, struct filter **out)
{
	struct filter_error err;

	if (expr == NULL)
		return true;
	*out = filter_new(expr, &err);
	if (*out == NULL)
		filter_say(option, expr, &err);
	return *out != NULL;
}

/* "[CONN:]ID" */
static bool
make_follow(struct chain *c, const char *word)
{
	const char *id = strchr(word, ':'), *bad = NULL;
	char conn[16] = "0";

	id = id != NULL ? id + 1 : word;
	if (id != word && (size_t)(id - word) <= sizeof(conn))
		strlcpy(conn, word, (size_t)(id - word));
	c->follows = true;
	c->id = (uint64_t)strtonum(id, 0, INT64_MAX, &bad);
	if (bad == NULL)
		c->conn = (uint32_t)strtonum(conn, id != word, UINT32_MAX,
		    &bad);
	if (bad != NULL)
		say(SAY_ERROR, "--follow '%s': expected the id of a stream or "
		    "call, or CONNECTION:ID", word);
	return bad == NULL;
}

static bool
add_sink(struct chain *c, const struct sink *ops, const struct dump_opts *o,
    FILE *f)
{
	struct outlet_sink *s = &c->out[c->n_out];

	*s = (struct outlet_sink){ ops, ops->begin(o, f), f };
	c->n_out += s->arg != NULL;
	return s->arg != NULL;
}

struct chain *
chain_new(const struct dump_opts *o, const struct sink *print, FILE *out,
    FILE *write)
{
	struct chain *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->seen = seen_new(&seen_ops, c)) == NULL) {
		say(SAY_ERROR, "out of memory");
		goto fail;
	}
	c->want = (uint64_t)o->count;
	if (!make_filter("-f", o->filter, &c->filter) ||
	    !make_filter("--until", o->until, &c->until) ||
	    !make_filter("--redact", o->redact, &c->redact) ||
	    (o->follow != NULL && !make_follow(c, o->follow)))
		goto fail;
	if ((print != NULL && !add_sink(c, print, o, out)) ||
	    (write != NULL && !add_sink(c, &sink_pcapng, o, write)))
		goto fail;
	return c;
fail:
	chain_free(c);
	return NULL;
}

bool
chain_enough(const struct chain *c)
{
	return c->enough;
}

int
chain_end(struct chain *c)
{
	int status = c->failed ? CMD_USAGE : CMD_OK, r;

	if (!c->failed)
		seen_end(c->seen);
	while (c->n_out > 0) {
		c->n_out--;
		r = c->out[c->n_out].ops->end(c->out[c->n_out].arg);
		if (status == CMD_OK)
			status = r;
	}
	if (status == CMD_OK && c->filter != NULL && c->count == 0)
		status = CMD_FAIL;
	return status;
}

void
chain_free(struct chain *c)
{
	if (c == NULL)
		return;
	while (c->n_out > 0) {
		c->n_out--;
		(void)c->out[c->n_out].ops->end(c->out[c->n_out].arg);
	}
	seen_free(c->seen);
	filter_free(c->filter);
	filter_free(c->until);
	filter_free(c->redact);
	free(c);
}
