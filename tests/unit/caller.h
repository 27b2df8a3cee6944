/*
 * caller.h - a server of methods and a client of it on one loop, for tests of
 * those who run methods: calls are made by ask() and are over after settle().
 */
#ifndef CALLER_H
#define CALLER_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../cmd/dispatch.h"
#include "../../cmd/methods.h"
#include "../../cmd/ptree.h"
#include "mux_io.h"
#include "tap.h"

#define MS	UINT64_C(1000000)
#define SEC	UINT64_C(1000000000)

/* One call, as its caller sees it. */
struct asked {
	struct mux_call *call;
	const void *body;
	size_t body_len, sent;
	bool over, lazy;	/* lazy: takes no more than the first bytes */
	uint32_t code;
	struct mux_answer a;	/* without what it points to */
	char text[200];
	char *got;		/* freed by world_end() */
	size_t n, cap, slot;
};

static struct world {
	struct mux_loop *loop;
	struct mux_conn *client, *server;
	struct work_peer *peer;
	struct dispatch d;
	struct mux_timer *alarm;
	size_t n_over, n_asked;
	char **mem;		/* what was got */
	size_t n_mem;
	bool late, drained;
} w;

static inline void
asked_room(struct asked *k, size_t n)
{
	if (k->n + n <= k->cap)
		return;
	if (k->cap == 0) {
		k->slot = w.n_mem++;
		w.mem = realloc(w.mem, w.n_mem * sizeof(*w.mem));
	}
	k->cap = 2 * (k->n + n);
	if (w.mem == NULL || (k->got = realloc(k->got, k->cap)) == NULL)
		abort();
	w.mem[k->slot] = k->got;
}

static inline size_t
asked_fill(struct mux_call *c, void *buf, size_t max, unsigned *flags,
    void *arg)
{
	struct asked *k = arg;
	size_t n = k->body_len - k->sent;

	(void)c;
	n = n < max ? n : max;
	memcpy(buf, (const char *)k->body + k->sent, n);
	k->sent += n;
	if (k->sent == k->body_len)
		*flags = MUX_FILL_END;
	return n;
}

static inline void
asked_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	struct asked *k = arg;

	asked_room(k, n);
	memcpy(k->got + k->n, p, n);
	k->n += n;
	if (!k->lazy)
		mux_call_consume(c, n);
}

static inline void
asked_done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	struct asked *k = arg;

	k->over = true;
	k->code = a->code;
	k->a = *a;
	if (a->text != NULL)
		snprintf(k->text, sizeof(k->text), "%s", a->text);
	k->call = NULL;
	mux_call_release(c);
	w.n_over++;
}

static const struct mux_call_ops asked_ops = {
	.size = sizeof(asked_ops), .fill = asked_fill, .data = asked_data,
	.done = asked_done
};

/* k->body is set, or there is none. */
static inline int
ask_request(struct asked *k, const struct mux_request *q)
{
	int r = mux_call_open(mux_conn_session(w.client), q, &asked_ops, k,
	    &k->call);

	w.n_asked += r == 0;
	return r;
}

static inline struct asked *
ask(struct asked *k, const char *method, const void *body, size_t len)
{
	const struct mux_request q = { .size = sizeof(q),
	    .method = { method, strlen(method) } };

	*k = (struct asked){ .body = body, .body_len = len };
	ok(ask_request(k, &q) == 0, "%s is called", method);
	return k;
}

static inline void
on_alarm(struct mux_timer *t, void *arg)
{
	(void)t;
	(void)arg;
	w.late = true;
}

/* Turns the loop until it comes true, 20 s at most. */
#define until(cond) do { \
	w.late = false; \
	mux_timer_at(w.alarm, mux_loop_now(w.loop) + 20 * SEC); \
	while (!(cond) && !w.late) \
		mux_loop_turn(w.loop, UINT64_MAX); \
	ok(!w.late, "in time: %s", #cond); \
} while (0)

static inline void
settle(void)
{
	until(w.n_over == w.n_asked);
}

static inline void
world_call(struct mux_conn *conn, struct mux_call *c,
    const struct mux_request *q, void *arg)
{
	(void)arg;
	dispatch_call(&w.d, conn, w.peer, c, q);
}

static inline void
world_ended(void *arg)
{
	(void)arg;
}

static inline void
world_state(FILE *f, void *arg)
{
	(void)arg;
	dispatch_state(&w.d, f);
}

static inline void
world_drain(void *arg)
{
	(void)arg;
	w.drained = true;
}

static const struct mux_conn_ops client_ops = { .size = sizeof(client_ops) };
static const struct mux_conn_ops server_ops = {
	.size = sizeof(server_ops), .call = world_call
};

static inline void
world_connect(void)
{
	struct mux_config cfg = { .size = sizeof(cfg), .max_calls = 20000,
	    .max_open = 20000, .memory = (uint64_t)1 << 30 };
	struct mux_ends a = { 0 }, b = { 0 };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    fds) != 0)
		abort();
	a.in = a.out = fds[0];
	b.in = b.out = fds[1];
	if (mux_conn_new(w.loop, &b, &cfg, &server_ops, NULL, &w.server) != 0)
		abort();
	cfg.initiator = true;
	if (mux_conn_new(w.loop, &a, &cfg, &client_ops, NULL, &w.client) != 0)
		abort();
}

/* The methods are added by the caller, to w.d.methods, before or after. */
static inline void
world_begin(void)
{
	struct mux_why why;

	memset(&w, 0, sizeof(w));
	if (mux_loop_new(&w.loop) != 0 ||
	    mux_timer_new(w.loop, on_alarm, NULL, &w.alarm) != 0)
		abort();
	if (ptrees_new(w.loop, &w.d.trees, &why) != 0) {
		printf("Bail out! %s\n", why.text);
		exit(1);
	}
	w.d.loop = w.loop;
	w.d.methods = methods_new();
	w.d.kill_after = 5 * SEC;
	w.d.ended = world_ended;
	w.d.state = world_state;
	w.d.drain = world_drain;
	w.peer = work_peer_new(1, "test", "unix:");
	if (w.d.methods == NULL || w.peer == NULL || dispatch_init(&w.d) != 0)
		abort();
	w.peer->have_uid = true;
	w.peer->uid = geteuid();
	world_connect();
	until(mux_session_mode(mux_conn_session(w.client)) ==
	    MUX_MODE_EXTENDED);
}

static inline void
world_end(void)
{
	mux_conn_free(w.client);
	mux_conn_free(w.server);
	dispatch_release(&w.d);
	methods_unref(w.d.methods);
	work_peer_unref(w.peer);
	ptrees_free(w.d.trees);
	mux_timer_free(w.alarm);
	mux_loop_free(w.loop);
	while (w.n_mem > 0)
		free(w.mem[--w.n_mem]);
	free(w.mem);
}

#endif
