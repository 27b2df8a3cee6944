/*
 * seen_of.c - what frames are about: follows HELLO, the calls and the streams
 * of a connection.  It believes what it sees and judges nothing: check.c does
 * that.  Invariant: a thing is in its connection's table, or has frames that
 * are going on, or is gone; and there are never more than seen.h says.
 */
#include <stdlib.h>
#include <string.h>

#include "seen_int.h"

#define ABOUT_CALL	1u
#define ABOUT_STREAM	2u
#define ABOUT_BOTH	(ABOUT_CALL | ABOUT_STREAM)
#define OPENS		4u
#define PAID		8u	/* from the credit of the sender */
#define ANSWERS		16u

static const uint8_t types[] = {
	[F_REQUEST] = ABOUT_CALL | OPENS | PAID,
	[F_RESPONSE] = ABOUT_CALL | PAID | ANSWERS,
	[F_START] = ABOUT_STREAM | OPENS,
	[F_DATA] = ABOUT_STREAM | PAID | ANSWERS,
	[F_END] = ABOUT_STREAM | ANSWERS,
	[F_ERROR] = ABOUT_BOTH | ANSWERS,
	[F_PAUSE] = ABOUT_BOTH,
	[F_RESUME] = ABOUT_BOTH,
	[F_CANCEL] = ABOUT_BOTH,
	[F_CREDIT] = ABOUT_BOTH,
	[F_RESET] = ABOUT_STREAM | ANSWERS,
	[F_STOP] = ABOUT_STREAM | ANSWERS,
	[F_OK] = ABOUT_STREAM | ANSWERS,
	[F_PRIORITY] = ABOUT_BOTH,
	[F_JOIN] = ABOUT_STREAM | OPENS,
	[F_LEAVE] = ABOUT_STREAM,
	[F_READY] = ABOUT_STREAM,
	[F_MSG] = ABOUT_STREAM | PAID | ANSWERS
};

static unsigned
about(uint8_t type)
{
	return type < sizeof(types) ? types[type] : 0;
}

static int
thing_order(const struct thing *a, const struct thing *b)
{
	return a->pub.id < b->pub.id ? -1 : a->pub.id > b->pub.id;
}

RB_GENERATE(seen_things, thing, by_id, thing_order)

void
seen_hole(struct conn *c)
{
	c->pub.holes++;
	c->first[0] = c->first[1] = UINT64_MAX;
}

/* ---- things ---- */

static struct thing *
find(struct conn *c, uint64_t id)
{
	struct thing key = { .pub.id = id };

	return RB_FIND(seen_things, &c->things, &key);
}

static void
unref(struct seen_all *a, struct thing *t)
{
	if (--t->refs > 0)
		return;
	if (a->ops->gone != NULL)
		a->ops->gone(&t->conn->pub, &t->pub, a->arg);
	a->n_things--;
	a->names -= t->names;
	free((void *)(uintptr_t)t->pub.method);
	free((void *)(uintptr_t)t->pub.target);
	free(t);
}

void
seen_forget(struct seen_all *a, struct thing *t)
{
	struct conn *c = t->conn;

	if (!t->listed)
		return;
	t->listed = false;
	t->pub.exact = t->pub.exact && t->holes == c->pub.holes;
	RB_REMOVE(seen_things, &c->things, t);
	TAILQ_REMOVE(&a->age, t, age);
	if (t->ended) {
		TAILQ_REMOVE(&c->late, t, late);
		c->n_late--;
	}
	unref(a, t);
}

static struct thing *
thing_new(struct seen_all *a, struct conn *c, const struct mux_frame *f,
    const struct mux_dump_record *r)
{
	bool opens = about(f->type) & OPENS;
	struct thing *t;

	while (a->n_things >= SEEN_MAX && !TAILQ_EMPTY(&a->age))
		seen_forget(a, TAILQ_FIRST(&a->age));
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return NULL;
	t->conn = c;
	t->refs = 1;
	t->listed = true;
	t->holes = c->pub.holes;
	t->pub.id = f->id;
	t->pub.kind = about(f->type) & ABOUT_CALL ? SEEN_CALL : SEEN_STREAM;
	t->pub.by_s2c = opens || c->mode == MODE_LEGACY ? r->s2c :
	    (f->id & 1) == 0;
	t->pub.begun = r->mono;
	t->pub.exit_kind = -1;
	t->pub.exact = opens;
	if (opens)
		t->pub.ordinal = t->pub.kind == SEEN_CALL ? ++c->pub.calls :
		    ++c->pub.streams;
	RB_INSERT(seen_things, &c->things, t);
	TAILQ_INSERT_TAIL(&a->age, t, age);
	a->n_things++;
	return t;
}

/* A copy with a NUL behind.  -1: no memory. */
static int
name(struct seen_all *a, struct thing *t, const struct mux_tag *tag,
    const char **to, size_t *len)
{
	size_t n = tag->len < SEEN_NAME ? tag->len : SEEN_NAME;
	struct thing *old;
	char *p;

	if (*to != NULL)
		return 0;
	while (a->names + n + 1 > SEEN_NAMES &&
	    (old = TAILQ_FIRST(&a->age)) != NULL && old != t)
		seen_forget(a, old);
	if ((p = malloc(n + 1)) == NULL)
		return -1;
	if (n > 0)
		memcpy(p, tag->value, n);
	p[n] = '\0';
	*to = p;
	*len = n;
	t->names += n + 1;
	a->names += n + 1;
	return 0;
}

/* Its names live as long as it does, so the child has a copy. */
static int
parent(struct seen_all *a, struct thing *t, uint64_t id)
{
	struct thing *of = find(t->conn, id);
	struct mux_tag tag = { 0 };
	int r;

	t->pub.parent = id;
	if (of == NULL || of->pub.method == NULL || t->pub.target != NULL)
		return 0;
	tag.value = (const uint8_t *)of->pub.method;
	tag.len = of->pub.method_len;
	of->refs++;
	r = name(a, t, &tag, &t->pub.method, &t->pub.method_len);
	unref(a, of);
	return r;
}

static void
exit_tag(struct seen_thing *t, const struct mux_tag *tag)
{
	if (tag->len != 8)
		return;
	t->exit_kind = tag->value[0];
	t->exit_value = seen_u32(tag->value + 4);
}

static int
take_tag(struct seen_all *a, struct thing *t, const struct mux_frame *f,
    const struct mux_tag *tag)
{
	struct seen_thing *p = &t->pub;
	bool open = about(f->type) & OPENS;

	if (open && tag->tag == TAG_METHOD)
		return name(a, t, tag, &p->method, &p->method_len);
	if (open && tag->tag == TAG_TARGET)
		return name(a, t, tag, &p->target, &p->target_len);
	if (open && tag->tag == TAG_PARENT && tag->len == 8)
		return parent(a, t, seen_u64(tag->value));
	if (open && tag->tag == TAG_MODE && tag->len == 1)
		p->one_way = tag->value[0] & MODE_ONE_WAY;
	else if (open && tag->tag == TAG_WINDOW && tag->len == 4)
		p->granted[!p->by_s2c] += seen_u32(tag->value);
	else if (!open && tag->tag == TAG_EXIT)
		exit_tag(p, tag);
	return 0;
}

static int
take_tags(struct seen_all *a, struct thing *t, const struct seen *s)
{
	struct mux_tag tag;
	size_t at = 0;

	while (s->ext != NULL && mux_tag_next(s->ext, s->n_ext, &at, &tag) == 1)
		if (take_tag(a, t, s->frame, &tag) != 0)
			return -1;
	return 0;
}

/* ---- modes ---- */

static void
hello(struct conn *c, const struct seen *s, bool s2c)
{
	struct mux_tag tag;
	size_t at = 0;

	c->pub.said[s2c] = true;
	/* The receiver says what it takes: the other direction's credit. */
	c->pub.window[!s2c] = 65536;
	while (mux_tag_next(s->head, s->n_head, &at, &tag) == 1)
		if (tag.tag == TAG_WINDOW0 && tag.len == 4)
			c->pub.window[!s2c] = seen_u32(tag.value);
	if (s->cut)
		c->pub.said[s2c] = false;
}

static bool
is_hello(const struct mux_frame *f, uint8_t type)
{
	return f->type == type && f->id == 0 && (f->flags & FLAG_EXT) != 0;
}

/* What plain S0 does not know. */
static bool
is_new(const struct mux_frame *f)
{
	return f->type > F_CANCEL || (f->flags & FLAG_EXT) != 0;
}

static void
mode(struct conn *c, const struct seen *s, bool s2c)
{
	const struct mux_frame *f = s->frame;
	bool first = c->mode == MODE_UNKNOWN && c->pub.holes == 0 && !s2c;

	if (!s2c && is_hello(f, F_PING) && c->mode != MODE_EXTENDED) {
		c->mode = MODE_HELLO;
		hello(c, s, s2c);
	} else if (s2c && is_hello(f, F_PONG)) {
		c->mode = MODE_EXTENDED;
		hello(c, s, s2c);
	} else if (s2c && c->mode == MODE_HELLO && f->type == F_PONG &&
	    f->id == 0) {
		c->mode = MODE_LEGACY;
	} else if (first && !is_new(f)) {
		c->mode = MODE_LEGACY;
	} else if (is_new(f) && c->mode != MODE_HELLO) {
		c->mode = MODE_EXTENDED;
	}
	c->pub.legacy = c->mode == MODE_LEGACY;
}

/* ---- what a frame changes ---- */

/* Where the EXT block ends and the body begins. */
static void
split(struct seen *s)
{
	uint32_t n;

	s->body = s->head;
	s->n_body = s->n_head;
	if ((s->frame->flags & FLAG_EXT) == 0 || s->conn->legacy)
		return;
	s->body = NULL;
	s->n_body = 0;
	if (s->n_head < 4)
		return;
	n = seen_u32(s->head);
	if (n > s->n_head - 4)
		return;
	s->ext = s->head;
	s->n_ext = 4 + n;
	s->body = s->head + s->n_ext;
	s->n_body = s->n_head - s->n_ext;
}

static void
outcome(struct seen_thing *t, uint32_t code, uint64_t mono)
{
	t->over[0] = t->over[1] = true;
	t->done = true;
	t->code = code;
	t->ended = mono;
}

/* The number that the body begins with; 0 if it is not here. */
static uint32_t
number(const struct seen *s)
{
	return s->n_body >= 4 ? seen_u32(s->body) : 0;
}

/* What of the payload is paid for. */
static void
pay(struct thing *t, const struct seen *s, bool s2c)
{
	uint32_t n = s->frame->len, ext;

	if ((s->frame->flags & FLAG_EXT) != 0 && !t->conn->pub.legacy) {
		ext = s->n_head >= 4 ? seen_u32(s->head) : 0;
		t->pub.exact &= s->n_head >= 4;
		n = ext <= n && n - ext >= 4 ? n - ext - 4 : 0;
	}
	t->pub.bytes[s2c] += n;
}

static void
ends(struct thing *t, const struct seen *s, bool s2c)
{
	const struct mux_frame *f = s->frame;
	struct seen_thing *p = &t->pub;
	bool fin = f->type == F_END || ((f->flags & FLAG_FIN) != 0 &&
	    (f->type == F_DATA || f->type == F_START));

	if (p->done)
		return;
	if (f->type == F_RESPONSE && (f->flags & FLAG_MORE) == 0) {
		outcome(p, 0, s->rec->mono);
	} else if (f->type == F_ERROR || f->type == F_RESET) {
		outcome(p, number(s), s->rec->mono);
	} else if (f->type == F_REQUEST && (f->flags & FLAG_MORE) == 0) {
		p->over[p->by_s2c] = true;
	} else if (fin) {
		p->over[s2c] = true;
		if (p->over[!s2c])
			outcome(p, 0, s->rec->mono);
	}
}

static void
credit(struct thing *t, const struct seen *s, bool s2c)
{
	bool by_opener = s2c == t->pub.by_s2c;

	if (s->frame->type != F_CREDIT && (s->frame->type != F_OK || by_opener))
		return;
	t->pub.exact &= s->n_body >= 4;
	t->pub.granted[!s2c] += number(s);
}

static int
change(struct seen_all *a, struct thing *t, const struct seen *s, bool s2c)
{
	unsigned what = about(s->frame->type);
	struct seen_thing *p = &t->pub;

	p->exact = p->exact && t->holes == t->conn->pub.holes;
	p->frames[s2c]++;
	if (take_tags(a, t, s) != 0)
		return -1;
	if ((what & OPENS) != 0 && p->kind == SEEN_STREAM)
		p->over[!p->by_s2c] |= p->one_way;
	/* Streams of plain S0 run from the server to the client. */
	if (s->frame->type == F_START && t->conn->pub.legacy)
		p->over[0] = true;
	if ((what & PAID) != 0)
		pay(t, s, s2c);
	if ((what & ANSWERS) != 0 && s2c != p->by_s2c && p->answered == 0)
		p->answered = s->rec->mono;
	credit(t, s, s2c);
	ends(t, s, s2c);
	return 0;
}

/* ---- which it is ---- */

/* May this be an id whose first frame is missing? */
static bool
may_be_older(const struct conn *c, const struct mux_frame *f)
{
	unsigned kinds = about(f->type) & ABOUT_BOTH;

	if (c->pub.holes == 0 || kinds == 0 || kinds == ABOUT_BOTH)
		return false;
	return c->mode == MODE_LEGACY || f->id < c->first[(f->id & 1) == 0];
}

static bool
opens_new(struct conn *c, const struct mux_frame *f)
{
	int side = (f->id & 1) == 0;

	if ((about(f->type) & OPENS) == 0)
		return false;
	if (c->mode == MODE_LEGACY)
		return true;
	if (f->id <= c->mark[side])
		return false;
	c->mark[side] = f->id;
	if (c->first[side] == UINT64_MAX)
		c->first[side] = f->id;
	return true;
}

static struct thing *
which(struct seen_all *a, struct conn *c, struct way *w, int *err)
{
	const struct mux_frame *f = &w->frame;
	struct thing *t = find(c, f->id);

	*err = 0;
	if (about(f->type) == 0 || (c->mode != MODE_LEGACY &&
	    (f->id & 0xffffffffffff) == 0))
		return NULL;
	if (c->mode == MODE_LEGACY && t != NULL && t->pub.done &&
	    (about(f->type) & OPENS) != 0) {
		seen_forget(a, t);
		t = NULL;
	}
	if (t == NULL && (opens_new(c, f) || may_be_older(c, f))) {
		t = thing_new(a, c, f, &w->rec);
		*err = t == NULL ? -1 : 0;
	}
	return t;
}

int
seen_follow(struct seen_all *a, struct conn *c, struct way *w)
{
	struct seen *s = &w->seen;
	struct thing *t;
	int err;

	/* Again, after there was no memory: it is told without its names. */
	if (s->of != NULL)
		return 0;
	mode(c, s, w->rec.s2c);
	split(s);
	if ((t = which(a, c, w, &err)) == NULL)
		return err;
	t->refs++;
	s->of = &t->pub;
	return change(a, t, s, w->rec.s2c);
}

void
seen_leave(struct seen_all *a, struct conn *c, struct way *w)
{
	struct thing *t = (struct thing *)w->seen.of;

	if (t == NULL)
		return;
	w->seen.of = NULL;
	if (t->listed && t->pub.done && !t->ended) {
		t->ended = true;
		TAILQ_INSERT_TAIL(&c->late, t, late);
		if (++c->n_late > SEEN_LATE)
			seen_forget(a, TAILQ_FIRST(&c->late));
	}
	unref(a, t);
}

bool
seen_left(const struct seen *s, uint64_t *left)
{
	const struct seen_thing *t = s->of;
	bool gives, way;
	uint64_t all;

	if (s->frame == NULL || t == NULL || !t->exact || s->conn->legacy)
		return false;
	gives = s->frame->type == F_CREDIT || s->frame->type == F_OK;
	if (!gives && (about(s->frame->type) & PAID) == 0)
		return false;
	way = s->rec->s2c != gives;
	if (!s->conn->said[!way])
		return false;
	all = s->conn->window[way] + t->granted[way];
	*left = all > t->bytes[way] ? all - t->bytes[way] : 0;
	return true;
}
