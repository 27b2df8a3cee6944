/*
 * seen.c - puts frames together from records, each direction of a connection
 * by itself.  It does not know what frames mean: seen_of.c does.  Invariant:
 * a frame is told once, in the order in which frames begin in their direction,
 * and its end once behind it, whatever the records say; what waits for the
 * rest of a frame is at most SEEN_HEAD of it.
 */
#include <stdlib.h>
#include <string.h>

#include "seen_int.h"

static int
conn_order(const struct conn *a, const struct conn *b)
{
	return a->pub.number < b->pub.number ? -1 :
	    a->pub.number > b->pub.number;
}

RB_GENERATE(seen_conns, conn, by_number, conn_order)

static void
buf_release(struct seen_all *a, struct way *w)
{
	a->waiting -= w->cap;
	free(w->buf);
	w->buf = NULL;
	w->n_buf = w->cap = 0;
}

/* ---- telling ---- */

static uint64_t
since_first(struct seen_all *a, struct conn *c, uint64_t mono)
{
	mono += c->ahead;
	return mono > a->mono ? mono - a->mono : 0;
}

static void
tell(struct seen_all *a, struct conn *c, struct seen *s)
{
	s->conn = &c->pub;
	s->index = ++a->index;
	s->t = since_first(a, c, s->rec->mono);
	s->gap = s->rec->mono > c->mono ? s->rec->mono - c->mono : 0;
	c->mono = s->rec->mono;
	if (!a->enough && !a->ops->frame(s, a->arg))
		a->enough = true;
}

static void
tell_more(struct seen_all *a, const struct seen *s, const uint8_t *p, size_t n)
{
	if (!a->enough && a->ops->more != NULL && (p == NULL || n > 0))
		a->ops->more(s, p, n, a->arg);
}

/* The first n bytes of the payload are here, and no more of them together. */
static int
tell_frame(struct seen_all *a, struct conn *c, struct way *w,
    const uint8_t *head, size_t n)
{
	struct seen *s = &w->seen;

	s->rec = &w->rec;
	s->frame = &w->frame;
	s->note = &w->note;
	s->conn = &c->pub;
	s->head = head;
	s->n_head = n;
	s->whole = n == w->frame.len && w->next == w->rec.total;
	if (seen_follow(a, c, w) != 0)
		return -1;
	w->told = true;
	tell(a, c, s);
	return 0;
}

static int
finish(struct seen_all *a, struct conn *c, struct way *w)
{
	struct seen *s = &w->seen;

	if (!w->busy)
		return 0;
	if (w->next != w->rec.total)
		s->cut = true;
	if (!w->told && tell_frame(a, c, w, w->buf, w->n_buf) != 0)
		return -1;
	tell_more(a, s, NULL, 0);
	seen_leave(a, c, w);
	buf_release(a, w);
	*s = (struct seen){ 0 };
	w->busy = false;
	return 0;
}

/* ---- pieces ---- */

static bool
grow(struct seen_all *a, struct way *w, size_t n)
{
	size_t cap = w->cap == 0 ? 512 : w->cap;
	uint8_t *p;

	while (cap < w->n_buf + n)
		cap *= 2;
	if (cap == w->cap)
		return true;
	if ((p = realloc(w->buf, cap)) == NULL)
		return false;
	a->waiting += cap - w->cap;
	w->buf = p;
	w->cap = cap;
	return true;
}

/* What was told is not kept. */
static void
let_go(struct seen_all *a, struct way *w)
{
	struct seen *s = &w->seen;

	w->rec.data = s->head = s->ext = s->body = NULL;
	s->n_head = s->n_ext = s->n_body = 0;
	buf_release(a, w);
}

/*
 * More of the payload that waits: kept until SEEN_HEAD, or the end, or where
 * something was left out; what is behind that is handed on as it is.
 */
static int
gather(struct seen_all *a, struct conn *c, struct way *w, const uint8_t *p,
    size_t n)
{
	size_t room = SEEN_HEAD - w->n_buf, k = n < room ? n : room;
	bool ready = k == room || w->seen.cut || w->next == w->rec.total;

	if (ready && w->n_buf == 0) {
		if (tell_frame(a, c, w, p, k) != 0)
			return -1;
	} else {
		if (!grow(a, w, k))
			return -1;
		if (k > 0)
			memcpy(w->buf + w->n_buf, p, k);
		w->n_buf += k;
		if (ready && tell_frame(a, c, w, w->buf, w->n_buf) != 0)
			return -1;
	}
	if (!w->told)
		return 0;
	let_go(a, w);
	tell_more(a, &w->seen, p + k, n - k);
	return 0;
}

static void
missing(struct conn *c)
{
	c->pub.middle |= !c->any;
	seen_hole(c);
}

static int
begin_frame(struct seen_all *a, struct conn *c, struct way *w,
    const struct mux_dump_record *r)
{
	if (finish(a, c, w) != 0)
		return -1;
	if (c->next != 0 && r->number != c->next)
		missing(c);
	c->next = r->number + 1;
	if (r->n < MUX_FRAME_HEADER || r->wire > r->total) {
		seen_hole(c);
		return 0;
	}
	c->any = true;
	mux_frame_get(r->data, &w->frame);
	w->rec = *r;
	w->next = r->wire;
	w->seen = (struct seen){ .cut = r->n < r->wire };
	w->note = (struct seen_note){ 0 };
	w->busy = true;
	w->told = false;
	if (gather(a, c, w, r->data + MUX_FRAME_HEADER,
	    r->n - MUX_FRAME_HEADER) != 0)
		return -1;
	return w->next == r->total ? finish(a, c, w) : 0;
}

static int
go_on(struct seen_all *a, struct conn *c, struct way *w,
    const struct mux_dump_record *r)
{
	bool cut = w->seen.cut;

	if (!w->busy || r->number != w->rec.number || r->off != w->next ||
	    r->wire > w->rec.total - w->next) {
		seen_hole(c);
		return finish(a, c, w);
	}
	w->next += r->wire;
	w->seen.cut = cut || r->n < r->wire;
	w->rec.data = NULL;
	if (w->told && !cut)
		tell_more(a, &w->seen, r->data, r->n);
	else if (!w->told && gather(a, c, w, r->data, r->n) != 0)
		return -1;
	return w->next == w->rec.total ? finish(a, c, w) : 0;
}

/* A chunk or an event is whole as it is. */
static void
tell_plain(struct seen_all *a, struct conn *c,
    const struct mux_dump_record *r)
{
	size_t n = r->n < SEEN_HEAD ? r->n : SEEN_HEAD;
	struct seen_note note = { 0 };
	struct seen s = { .note = &note, .rec = r, .head = r->data, .n_head = n,
	    .whole = n == r->n && r->n == r->wire, .cut = r->n < r->wire,
	    .body = r->data, .n_body = n };

	if (r->kind == MUX_DUMP_CHUNK)
		c->pub.raw = true;
	tell(a, c, &s);
	if (n < r->n)
		tell_more(a, &s, r->data + n, r->n - n);
	tell_more(a, &s, NULL, 0);
}

/* ---- connections ---- */

/* Gives -1 if what waited could not be told for want of memory. */
static int
conn_end(struct seen_all *a, struct conn *c)
{
	int r = finish(a, c, &c->way[0]);
	struct thing *t;

	r |= finish(a, c, &c->way[1]);
	if (r != 0)
		return -1;
	c->pub.ended = c->mono;
	while ((t = RB_MIN(seen_things, &c->things)) != NULL)
		seen_forget(a, t);
	if (a->ops->conn_gone != NULL)
		a->ops->conn_gone(&c->pub, a->arg);
	RB_REMOVE(seen_conns, &a->conns, c);
	TAILQ_REMOVE(&a->used, c, used);
	a->n_conns--;
	if (a->last == c)
		a->last = NULL;
	free(c);
	return 0;
}

/* Hostile or endless captures: those that were silent for longest go. */
static int
make_room(struct seen_all *a)
{
	while (a->n_conns >= SEEN_CONNS || (a->waiting > SEEN_WAITING &&
	    a->n_conns > 1))
		if (conn_end(a, TAILQ_FIRST(&a->used)) != 0)
			return -1;
	return 0;
}

static struct conn *
conn_new(struct seen_all *a, const struct mux_dump_record *r)
{
	struct conn *c;
	uint64_t mono, wall;

	if (make_room(a) != 0 || (c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->pub.number = r->conn;
	c->pub.begun = c->mono = r->mono;
	c->next = 1;
	RB_INIT(&c->things);
	TAILQ_INIT(&c->late);
	RB_INSERT(seen_conns, &a->conns, c);
	TAILQ_INSERT_TAIL(&a->used, c, used);
	a->n_conns++;
	/* Recordings of other machines and days have other clocks. */
	mono = r->mono - a->mono;
	wall = r->wall - a->wall;
	if (mono - wall + 1000000000 > 2000000000)
		c->ahead = wall - mono;
	return c;
}

static struct conn *
conn_of(struct seen_all *a, const struct mux_dump_record *r)
{
	struct conn key = { .pub.number = r->conn }, *c = a->last;

	if (c == NULL || c->pub.number != r->conn)
		c = RB_FIND(seen_conns, &a->conns, &key);
	/* The number again: another connection. */
	if (c != NULL && r->kind == MUX_DUMP_EVENT &&
	    r->event == MUX_DUMP_OPEN) {
		if (conn_end(a, c) != 0)
			return NULL;
		c = NULL;
	}
	if (c == NULL && (c = conn_new(a, r)) == NULL)
		return NULL;
	if (c != a->last) {
		TAILQ_REMOVE(&a->used, c, used);
		TAILQ_INSERT_TAIL(&a->used, c, used);
		a->last = c;
	}
	return c;
}

static int
event(struct seen_all *a, struct conn *of, const struct mux_dump_record *r)
{
	struct conn *c = of;

	if (r->event == MUX_DUMP_CLOSE &&
	    (finish(a, c, &c->way[0]) != 0 || finish(a, c, &c->way[1]) != 0))
		return -1;
	if (r->event == MUX_DUMP_DROPPED) {
		RB_FOREACH(c, seen_conns, &a->conns) {
			missing(c);
			c->next = 0;
		}
		c = of;
	}
	tell_plain(a, c, r);
	return r->event == MUX_DUMP_CLOSE ? conn_end(a, c) : 0;
}

int
seen_record(struct seen_all *a, const struct mux_dump_record *r)
{
	struct way *w;
	struct conn *c;
	int err = 0;

	if (!a->begun) {
		a->begun = true;
		a->mono = r->mono;
		a->wall = r->wall;
	}
	if ((c = conn_of(a, r)) == NULL)
		return -1;
	w = &c->way[r->s2c];
	if (r->kind == MUX_DUMP_EVENT)
		err = event(a, c, r);
	else if (r->kind == MUX_DUMP_CHUNK)
		tell_plain(a, c, r);
	else if (r->off == 0)
		err = begin_frame(a, c, w, r);
	else
		err = go_on(a, c, w, r);
	if (err == 0 && a->waiting > SEEN_WAITING)
		err = make_room(a);
	return err != 0 ? -1 : a->enough;
}

struct seen_all *
seen_new(const struct seen_ops *ops, void *arg)
{
	struct seen_all *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->ops = ops;
	a->arg = arg;
	RB_INIT(&a->conns);
	TAILQ_INIT(&a->used);
	TAILQ_INIT(&a->age);
	return a;
}

void
seen_end(struct seen_all *a)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&a->used); c != NULL; c = next) {
		next = TAILQ_NEXT(c, used);
		(void)conn_end(a, c);
	}
}

void
seen_free(struct seen_all *a)
{
	struct conn *c;
	int i;

	if (a == NULL)
		return;
	a->enough = true;
	while ((c = TAILQ_FIRST(&a->used)) != NULL) {
		/* Nothing is told any more, so nothing needs memory. */
		for (i = 0; i < 2; i++) {
			c->way[i].told = true;
			(void)finish(a, c, &c->way[i]);
		}
		(void)conn_end(a, c);
	}
	free(a);
}
