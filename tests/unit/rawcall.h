/*
 * rawcall.h - calls for tests against a peer that is made of bytes: raw.h
 * with an owner for calls.  For the one file that holds main().
 */
#ifndef RAWCALL_H
#define RAWCALL_H

#include <string.h>

#include "mux.h"

static const struct mux_session_ops call_session_ops;
#define RAW_OPS	&call_session_ops

#include "raw.h"

enum tag {
	METHOD = 0x20, META = 0x21, STREAMS = 0x22, DEADLINE = 0x23,
	NONCE = 0x24, RANK = 0x25, PARENT = 0x27, MODE = 0x28, TARGET = 0x29,
	EXIT = 0x2b, ARG = 0x2d | CRITICAL, STDERR = 0x2e, USAGE = 0x2f
};

/* The owner of one call, of either side; notes what it is told. */
struct deal {
	struct mux_call *c;		/* NULL once released */
	struct deal *next;
	char got[4096];			/* the first bytes of the body */
	uint64_t len, held, to_send, sent;
	unsigned n_eof, n_cancel, n_done, n_fill, n_late;
	uint32_t cancel;		/* its code */
	struct mux_answer a;		/* without what it points to */
	char text[80], meta[256];
	bool hold, release_when_done;
	void (*hook)(struct deal *, const char *event);
};

/* What came with the last request; `deals`, newest first. */
static struct calls {
	struct deal *deals;
	unsigned n_calls;
	char method[64], args[256], meta[256];
	size_t method_len, n_args, n_meta, n_streams;
	uint64_t deadline, stream;
	uint8_t nonce[16], priority, meta_flags;
	bool leave;			/* nobody takes it */
	bool plain;			/* its owner has no callbacks */
	void (*hook)(struct deal *, const char *event);
} calls;

static inline void
put_words(char *to, size_t cap, const void *p, size_t n)
{
	size_t at = strlen(to);

	if (at + n + 2 > cap)
		return;
	if (n > 0)
		memcpy(to + at, p, n);
	memcpy(to + at + n, ";", 2);
}

static inline void
put_metas(char *to, size_t cap, const struct mux_meta *m, size_t n)
{
	to[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		put_words(to, cap, m[i].key.p, m[i].key.len);
		put_words(to, cap, m[i].value.p, m[i].value.len);
	}
}

static inline void
deal_event(struct deal *d, const char *event)
{
	if (d->n_done > 0 && strcmp(event, "done") != 0)
		d->n_late++;
	if (d->hook != NULL)
		d->hook(d, event);
}

static inline void
deal_release(struct deal *d)
{
	struct mux_call *c = d->c;

	d->c = NULL;
	mux_call_release(c);
}

static inline size_t
deal_fill(struct mux_call *c, void *buf, size_t max, unsigned *flags,
    void *arg)
{
	struct deal *d = arg;
	uint64_t n = d->to_send - d->sent;

	(void)c;
	d->n_fill++;
	if (n > max)
		n = max;
	memset(buf, 'f', n);
	d->sent += n;
	if (d->sent == d->to_send)
		*flags = MUX_FILL_END;
	deal_event(d, "fill");
	return n;
}

static inline void
deal_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	struct deal *d = arg;
	size_t room = d->len < sizeof(d->got) ? sizeof(d->got) - d->len : 0;

	if (room > 0)
		memcpy(d->got + d->len, p, n < room ? n : room);
	d->len += n;
	d->held += n;
	if (!d->hold) {
		mux_call_consume(c, d->held);
		d->held = 0;
	}
	deal_event(d, "data");
}

static inline void
deal_eof(struct mux_call *c, void *arg)
{
	struct deal *d = arg;

	(void)c;
	d->n_eof++;
	deal_event(d, "eof");
}

static inline void
deal_cancel(struct mux_call *c, uint32_t code, void *arg)
{
	struct deal *d = arg;

	(void)c;
	d->n_cancel++;
	d->cancel = code;
	deal_event(d, "cancel");
}

static inline void
deal_done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	struct deal *d = arg;

	(void)c;
	d->n_done++;
	d->a = *a;
	snprintf(d->text, sizeof(d->text), "%s", a->text ? a->text : "");
	put_metas(d->meta, sizeof(d->meta), a->meta, a->n_meta);
	deal_event(d, "done");
	if (d->release_when_done && d->c != NULL)
		deal_release(d);
}

static const struct mux_call_ops deal_ops = {
	.size = sizeof(deal_ops), .fill = deal_fill, .data = deal_data,
	.eof = deal_eof, .cancel = deal_cancel, .done = deal_done,
};

static const struct mux_call_ops no_ops = { .size = sizeof(no_ops) };

static inline struct deal *
deal_new(void)
{
	struct deal *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->next = calls.deals;
	d->hook = calls.hook;
	calls.deals = d;
	return d;
}

static inline void
on_call(struct mux_session *s, struct mux_call *c,
    const struct mux_request *q, void *arg)
{
	struct deal *d;

	(void)s;
	(void)arg;
	calls.n_calls++;
	calls.method_len = q->method.len;
	memcpy(calls.method, q->method.p ? q->method.p : "",
	    q->method.len < 64 ? q->method.len : 64);
	calls.args[0] = '\0';
	for (size_t i = 0; i < q->n_args; i++)
		put_words(calls.args, sizeof(calls.args), q->args[i].p,
		    q->args[i].len);
	put_metas(calls.meta, sizeof(calls.meta), q->meta, q->n_meta);
	calls.meta_flags = q->n_meta > 0 ? q->meta[0].flags : 0;
	calls.n_args = q->n_args;
	calls.n_meta = q->n_meta;
	calls.n_streams = q->n_streams;
	calls.stream = q->n_streams > 0 ? q->streams[0] : 0;
	calls.deadline = q->deadline;
	calls.priority = q->have_priority ? q->priority : 99;
	memset(calls.nonce, 0, 16);
	if (q->nonce != NULL)
		memcpy(calls.nonce, q->nonce, 16);
	if (calls.leave)
		return;
	d = deal_new();
	d->c = c;
	mux_call_attach(c, calls.plain ? &no_ops : &deal_ops, d);
	deal_event(d, "call");
}

static const struct mux_session_ops call_session_ops = {
	.size = sizeof(call_session_ops), .ready = raw_on_ready,
	.open = raw_on_open, .drain = raw_on_drain, .pong = raw_on_pong,
	.wake = raw_on_wake, .call = on_call,
};

/* raw_free() and what the calls of the test left. */
static inline void
call_free(struct raw *r)
{
	struct deal *d;

	raw_free(r);
	while ((d = calls.deals) != NULL) {
		calls.deals = d->next;
		if (d->c != NULL)
			deal_release(d);
		free(d);
	}
	memset(&calls, 0, sizeof(calls));
}

/* The session calls; the REQUEST is in the output. */
static inline struct deal *
call_make(struct raw *r, const char *method, const void *body, size_t len)
{
	struct mux_request q = { .size = sizeof(q),
	    .method = { method, strlen(method) }, .body = body,
	    .body_len = len };
	struct deal *d = deal_new();
	int e = mux_call_open(r->s, &q, &deal_ops, d, &d->c);

	if (e != 0)
		printf("# mux_call_open: %d\n", e);
	return d;
}

/* The peer calls: a METHOD and a body in one frame. */
static inline void
call_in(struct raw *r, unsigned flags, uint64_t id, const char *method,
    const void *body, size_t len)
{
	static uint8_t p[128 * KIB];
	size_t n = 4;

	n += put_tag(p + n, METHOD, method, strlen(method));
	put_n(p, n - 4, 4);
	memcpy(p + n, body, len);
	raw_frame(r, REQUEST, flags | EXT, id, p, n + len);
}

/* The next frame has this type, flags, id and payload. */
static inline bool
call_says(struct raw *r, unsigned type, unsigned flags, uint64_t id,
    const void *p, size_t n, const char *what)
{
	struct wire w;
	bool good = raw_next(r, &w) && w.type == type && w.flags == flags &&
	    w.id == id && w.len == n && (n == 0 || memcmp(w.p, p, n) == 0);

	if (!good) {
		printf("# type %u flags %#x id %llu length %u answer %d: %s\n#",
		    w.type, w.flags, (unsigned long long)w.id, w.len, r->err,
		    mux_session_error(r->s));
		for (uint32_t i = 0; w.p != NULL && i < w.len && i < 80; i++)
			printf(" %02x", w.p[i]);
		printf("\n");
	}
	return ok(good, "%s", what);
}

#endif
