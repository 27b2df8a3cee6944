/*
 * Calls while memory runs out: each allocation of two sessions that talk
 * fails once.  A call is refused or fails then, or the session ends; but what
 * was opened is told its end once, and nothing is lost.
 */
#include <string.h>

#include "mux.h"
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

static unsigned n_opened, n_done, n_taken, n_told;
static uint64_t sent;

static size_t
fill(struct mux_call *c, void *buf, size_t max, unsigned *flags, void *arg)
{
	(void)c;
	(void)arg;
	memset(buf, 'x', max);
	sent += max;
	if (sent > 70000)
		*flags = MUX_FILL_END;
	return max;
}

static void
done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	unsigned *n = arg;

	(void)a;
	(*n)++;
	mux_call_release(c);
}

static void
eof(struct mux_call *c, void *arg)
{
	static const struct mux_meta meta = { .key = { "key", 3 },
		.value = { "0123456789012345678901234567890123456789012345"
		    "67890123456789012345678901234567890123456789", 90 } };
	static const uint64_t stream = 1;
	const struct mux_answer a = { .size = sizeof(a), .meta = &meta,
		.n_meta = 1, .streams = &stream, .n_streams = 1 };
	static char body[200];

	(void)arg;
	/* nothing was answered if there is no memory for it */
	if (mux_call_answer(c, &a, body, sizeof(body)) == 0)
		return;
	mux_call_fail(c, MUX_REFUSED, "no memory", NULL);
	mux_call_release(c);
}

static const struct mux_call_ops caller_ops = {
	.size = sizeof(caller_ops), .done = done,
};
static const struct mux_call_ops filler_ops = {
	.size = sizeof(filler_ops), .done = done, .fill = fill,
};
static const struct mux_call_ops callee_ops = {
	.size = sizeof(callee_ops), .done = done, .eof = eof,
};

static void
on_call(struct mux_session *s, struct mux_call *c,
    const struct mux_request *q, void *arg)
{
	(void)s;
	(void)q;
	(void)arg;
	n_taken++;
	mux_call_attach(c, &callee_ops, &n_told);
}

static const struct mux_session_ops ops = {
	.size = sizeof(ops), .call = on_call,
};

static void
open_some(struct mux_session *s, bool legacy)
{
	static const uint64_t stream = 1;
	static const struct mux_bytes arg = { "argument", 8 };
	static const struct mux_meta meta = { .key = { "k", 1 },
		.value = { "v", 1 } };
	static char body[500];
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 },
		.meta = &meta, .n_meta = 1, .body = body,
		.body_len = sizeof(body), .deadline = 1000000000 };
	struct mux_call *c;

	if (!legacy) {
		q.args = &arg;
		q.streams = &stream;
		q.n_args = q.n_streams = 1;
	}
	for (int i = 0; i < 20; i++)
		n_opened += mux_call_open(s, &q, &caller_ops, &n_done,
		    &c) == 0;
	q.body = NULL;
	q.body_len = 0;
	sent = 0;
	n_opened += mux_call_open(s, &q, &filler_ops, &n_done, &c) == 0;
}

static bool
carry(struct mux_session *from, struct mux_session *to)
{
	struct mux_out o;

	if (mux_is_fatal(mux_session_pull(from, 1)))
		return false;
	mux_session_peek(from, &o);
	if (o.len == 0)
		return false;
	mux_session_feed(to, o.data, o.len, 1);
	mux_session_sent(from, o.len, 1);
	return true;
}

static void
converse(bool legacy)
{
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct mux_session *a = NULL, *b = NULL;

	if (mux_session_new(&cfg, &ops, NULL, 1, &b) != 0)
		return;
	cfg.initiator = true;
	cfg.legacy = legacy;
	if (mux_session_new(&cfg, &ops, NULL, 1, &a) == 0) {
		while (carry(a, b) || carry(b, a))
			;
		open_some(a, legacy);
		while (carry(a, b) || carry(b, a))
			;
	}
	mux_session_free(a);
	mux_session_free(b);
}

static bool
fail_nth(bool legacy, long n, bool *fine)
{
	long before = n_live;
	bool hit;

	n_opened = n_done = n_taken = n_told = 0;
	n_left = n;
	converse(legacy);
	hit = n_left < 0;
	n_left = -1;
	*fine = n_live == before && n_done == n_opened && n_told <= n_taken;
	if (!*fine)
		printf("# %ld left, %u of %u done\n", n_live - before,
		    n_done, n_opened);
	return hit;
}

int
main(void)
{
	bool fine, hit, all;
	long n;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int legacy = 0; legacy < 2; legacy++) {
		all = true;
		for (n = 0, hit = true; hit; n++) {
			hit = fail_nth(legacy != 0, n, &fine);
			if (!fine)
				printf("# allocation %ld\n", n);
			all &= fine;
		}
		ok(all, "%s: each of %ld allocations fails",
		    legacy ? "S0" : "extended", n - 1);
		ok(n > 20 && n_opened == 21 && n_done == 21 && n_taken == 21 &&
		    n_told == 21, "and with all of them it works");
	}
	return tap_done();
}

#endif
