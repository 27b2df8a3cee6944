/*
 * calls_core.c - echo calls from library to library, in one process: over
 * memory, and over a socketpair; and the same bytes echoed without a library,
 * as frames that nobody looks at, which is the limit.
 *
 * As for all of load, it prints numbers and judges none.
 */
#include <sys/socket.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "mux.h"

#define BODY	64u
#define HEAD	14u
#define CHUNK	(64u * 1024u)

struct caller {
	struct mux_session *s;
	uint64_t made, answered, total;
	unsigned depth;
	const char *body;
};

/* ---- the callee: what came goes back ---- */

struct echo {
	char body[BODY];
	size_t len;
};

static void
echo_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	struct echo *e = arg;

	if (n > sizeof(e->body) - e->len)
		errx(1, "too much to echo");
	memcpy(e->body + e->len, p, n);
	e->len += n;
	mux_call_consume(c, n);
}

static void
echo_eof(struct mux_call *c, void *arg)
{
	struct echo *e = arg;

	if (mux_call_answer(c, NULL, e->body, e->len) != 0)
		errx(1, "no answer");
	e->len = 0;
	mux_call_release(c);
}

static const struct mux_call_ops echo_ops = {
	.size = sizeof(echo_ops), .data = echo_data, .eof = echo_eof,
};

static void
on_call(struct mux_session *s, struct mux_call *c,
    const struct mux_request *q, void *arg)
{
	(void)s, (void)q;
	/* requests of one frame come one after the other */
	mux_call_attach(c, &echo_ops, arg);
}

static const struct mux_session_ops callee_ops = {
	.size = sizeof(callee_ops), .call = on_call,
};

/* ---- the caller: always `depth` of them on their way ---- */

static void call_more(struct caller *me);

static void
answer_done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	struct caller *me = arg;

	if (a->code != MUX_OK)
		errx(1, "call %llu: code %u",
		    (unsigned long long)mux_call_id(c), a->code);
	mux_call_release(c);
	me->answered++;
	call_more(me);
}

static const struct mux_call_ops caller_call_ops = {
	.size = sizeof(caller_call_ops), .done = answer_done,
};

static void
call_more(struct caller *me)
{
	const struct mux_request q = { .size = sizeof(q),
	    .method = { "mux.echo", 8 }, .body = me->body,
	    .body_len = BODY };
	struct mux_call *c;

	while (me->made < me->total && me->made - me->answered < me->depth) {
		if (mux_call_open(me->s, &q, &caller_call_ops, me, &c) != 0)
			errx(1, "no call");
		me->made++;
	}
}

static void
on_ready(struct mux_session *s, void *arg)
{
	struct caller *me = arg;

	me->s = s;
	call_more(me);
}

static const struct mux_session_ops caller_ops = {
	.size = sizeof(caller_ops), .ready = on_ready,
};

/* ---- between them ---- */

static void
check(int r, const struct mux_session *s)
{
	if (mux_is_fatal(r))
		errx(1, "%s: %s", mux_strerror(r), mux_session_error(s));
}

/* All that `from` has to say; false: nothing. */
static bool
move(struct mux_session *from, struct mux_session *to, const int *fd,
    uint64_t now)
{
	static char buf[2 * CHUNK];
	struct mux_out o;
	const void *p;
	ssize_t n;

	check(mux_session_pull(from, now), from);
	mux_session_peek(from, &o);
	if (o.len == 0)
		return false;
	p = o.data;
	n = (ssize_t)o.len;
	if (fd != NULL) {
		if (send(fd[0], o.data, o.len, 0) != n ||
		    recv(fd[1], buf, o.len, MSG_WAITALL) != n)
			err(1, "socketpair");
		p = buf;
	}
	check(mux_session_feed(to, p, (size_t)n, now), to);
	mux_session_sent(from, (size_t)n, now);
	return true;
}

static double
calls(unsigned depth, uint64_t total, const int *fd)
{
	static char body[BODY];
	struct mux_config cfg = { .size = sizeof(cfg), .max_calls = 2048,
	    .max_open = 2048, .memory = 256u << 20 };
	struct caller me = { .depth = depth, .total = total, .body = body };
	int back[2] = { fd != NULL ? fd[1] : -1, fd != NULL ? fd[0] : -1 };
	struct mux_session *a, *b;
	struct echo echo = { .len = 0 };
	uint64_t began, now = now_ns();
	bool moved = true;

	if (mux_session_new(&cfg, &callee_ops, &echo, now, &b) != 0)
		errx(1, "no session");
	cfg.initiator = true;
	if (mux_session_new(&cfg, &caller_ops, &me, now, &a) != 0)
		errx(1, "no session");
	for (began = now; moved; now = now_ns()) {
		moved = move(a, b, fd, now);
		moved |= move(b, a, fd != NULL ? back : NULL, now);
	}
	if (me.answered != total)
		errx(1, "%llu of %llu calls answered",
		    (unsigned long long)me.answered,
		    (unsigned long long)total);
	mux_session_free(a);
	mux_session_free(b);
	return (double)total * 1e9 / (double)(now - began);
}

/* The limit: as many bytes there and back, header by header. */
static double
frames(unsigned depth, uint64_t total, const int *fd)
{
	static char out[CHUNK], in[CHUNK];
	size_t each = HEAD + BODY, n;
	uint64_t began = now_ns(), done = 0;

	while (done < total) {
		n = 0;
		for (unsigned i = 0; i < depth && n + each <= CHUNK; i++) {
			memset(out + n, 0, HEAD);
			memset(out + n + HEAD, 'b', BODY);
			n += each;
		}
		for (int way = 0; fd != NULL && way < 2; way++)
			if (send(fd[way], out, n, 0) != (ssize_t)n ||
			    recv(fd[1 - way], in, n, MSG_WAITALL) !=
			    (ssize_t)n)
				err(1, "socketpair");
		if (fd == NULL) {
			memcpy(in, out, n);
			memcpy(out, in, n);
		}
		done += n / each;
	}
	return (double)done * 1e9 / (double)(now_ns() - began);
}

int
load_calls_core(int argc, char **argv)
{
	uint64_t depth, total;
	int fd[2];

	if (argc != 3)
		errx(125, "usage: load calls_core N DEPTH");
	total = parse_number("calls", argv[1], UINT32_MAX);
	depth = parse_number("depth", argv[2], 512);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1)
		err(1, "socketpair");
	printf("memory %.0f socketpair %.0f frames %.0f\n",
	    calls((unsigned)depth, total, NULL),
	    calls((unsigned)depth, total, fd),
	    frames((unsigned)depth, total, fd));
	return 0;
}
