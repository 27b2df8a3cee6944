/*
 * dial.c - from an address to two descriptors that work, in time.  It looks
 * names up, asks whether each address is allowed, and lets several attempts
 * run side by side.  It does not know what the connection is for.
 *
 * Invariants: everything happens in the loop, nothing inside mux_dial(); done
 * runs once, after the dial has been taken apart, so that the callback may do
 * what it likes.  A function that may have finished the dial is the last one
 * its caller calls.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"
#include "host.h"
#include "int.h"
#include "lookup.h"
#include "mux_io.h"
#include "sock.h"
#include "why.h"

/* After so long without an answer the next address is tried as well. */
#define STAGGER		(250 * NS_PER_MS)
/* A unix server whose queue is full says so instead of letting us wait. */
#define FULL_RETRY	(20 * NS_PER_MS)

/* One connect(2) under way. */
struct attempt {
	struct mux_dial *dial;
	struct mux_watch *watch;	/* NULL = free */
	const struct lookup_addr *to;
	int fd;
};

struct mux_dial {
	struct mux_loop *loop;
	struct mux_addr *addr;
	mux_dial_allow_cb *allow;
	mux_dial_cb *done;
	void *arg;
	struct mux_task *start;
	struct mux_timer *deadline;
	struct mux_timer *next_try;
	struct lookup *lookup;
	struct lookup_list list;
	size_t next;		/* in list */
	size_t n_running;
	struct attempt attempts[LOOKUP_MAX];
	struct mux_why why;	/* of the last attempt that failed */
};

/* ---- the end ---- */

static void
attempt_stop(struct attempt *t)
{
	static const struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	/* It may have been accepted over there: that nobody wants it any more
	 * must not look like the end of an empty request. */
	setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	mux_watch_free(t->watch);
	t->watch = NULL;
	close(t->fd);
	t->dial->n_running--;
}

static void
dial_free(struct mux_dial *d)
{
	size_t i;

	for (i = 0; i < N_ELEM(d->attempts); i++)
		if (d->attempts[i].watch != NULL)
			attempt_stop(&d->attempts[i]);
	lookup_free(d->lookup);
	mux_task_free(d->start);
	mux_timer_free(d->deadline);
	mux_timer_free(d->next_try);
	mux_addr_free(d->addr);
	free(d);
}

static void
succeed(struct mux_dial *d, const struct mux_ends *ends)
{
	mux_dial_cb *done = d->done;
	void *arg = d->arg;

	dial_free(d);
	done(ends, NULL, arg);
}

/* With d->why. */
static void
fail(struct mux_dial *d)
{
	mux_dial_cb *done = d->done;
	struct mux_why why = d->why;
	void *arg = d->arg;

	dial_free(d);
	done(NULL, &why, arg);
}

static void
note(struct mux_dial *d, int err)
{
	sock_why(&d->why, err, "connect", mux_addr_str(d->addr));
}

static void
note_denied(struct mux_dial *d)
{
	why_set(&d->why, EPERM, MUX_NOT_PERMITTED, "connect %.300s: "
	    "not permitted", mux_addr_str(d->addr));
}

/* Where a name was asked for, which of its addresses it was. */
static void
note_candidate(struct mux_dial *d, const struct lookup_addr *to, int err)
{
	struct lookup_list same;
	char word[SOCK_WORD];

	if (lookup_numeric(mux_addr_host(d->addr), 0, &same)) {
		note(d, err);
		return;
	}
	sock_word(&to->sa, to->len, word);
	why_set(&d->why, err, sock_code(err), "connect %.200s (%s): %s",
	    mux_addr_str(d->addr), word, sock_strerror(err));
}

/* ---- unix ---- */

/* A socket, or -1 with errno. */
static int
connect_unix(const struct sock_unix *u)
{
	int err, fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&u->sun, u->len) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* The kernel refuses to connect to a file as to a socket without a server. */
static bool
is_no_socket(const struct sock_unix *u)
{
	struct stat sb;

	return u->sun.sun_path[0] != '\0' &&
	    stat(u->sun.sun_path, &sb) == 0 && !S_ISSOCK(sb.st_mode);
}

static void
try_unix(struct mux_dial *d)
{
	struct mux_ends ends;
	struct sock_unix u;
	int err, fd;

	if (sock_unix_init(&u, mux_addr_path(d->addr), d->allow != NULL) != 0) {
		note(d, errno);
		fail(d);
		return;
	}
	if (d->allow != NULL && !d->allow(d->addr, NULL, u.real, d->arg)) {
		sock_unix_release(&u);
		note_denied(d);
		fail(d);
		return;
	}
	fd = connect_unix(&u);
	err = fd < 0 ? errno : 0;
	if (err == ECONNREFUSED && is_no_socket(&u))
		err = ENOTSOCK;
	sock_unix_release(&u);
	if (err == EAGAIN) {
		mux_timer_at(d->next_try, mux_loop_now(d->loop) + FULL_RETRY);
		return;
	}
	if (err != 0) {
		note(d, err);
		fail(d);
		return;
	}
	ends_socket(&ends, fd, (const struct sockaddr *)&u.sun, u.len);
	strlcpy(ends.peer, mux_addr_str(d->addr), sizeof(ends.peer));
	succeed(d, &ends);
}

/* ---- tcp ---- */

static void try_next(struct mux_dial *d);

/* To a free port of our own machine a socket can connect to itself. */
static bool
is_itself(int fd, const struct lookup_addr *to)
{
	struct sockaddr_storage a = { 0 }, b = { 0 };
	socklen_t a_len = sizeof(a), b_len = sizeof(b);
	struct host_ip ip;
	uint16_t from, port;

	/* Nearly always the ports differ, and that is all there is to ask. */
	return getsockname(fd, (struct sockaddr *)&a, &a_len) == 0 &&
	    host_ip_of((struct sockaddr *)&a, &ip, &from) &&
	    host_ip_of(&to->sa, &ip, &port) && from == port &&
	    getpeername(fd, (struct sockaddr *)&b, &b_len) == 0 &&
	    a_len == b_len && memcmp(&a, &b, a_len) == 0;
}

static void
connected(struct attempt *t)
{
	struct mux_dial *d = t->dial;
	struct mux_ends ends;

	ends_socket(&ends, t->fd, &t->to->sa, t->to->len);
	mux_watch_free(t->watch);
	t->watch = NULL;
	succeed(d, &ends);
}

static void
on_attempt(struct mux_watch *w, unsigned ready, void *arg)
{
	struct attempt *t = arg;
	struct mux_dial *d = t->dial;
	socklen_t len = sizeof(int);
	int err = 0;

	(void)w;
	if (!(ready & MUX_WRITABLE))
		return;
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (err == 0 && is_itself(t->fd, t->to))
		err = ECONNREFUSED;
	if (err == 0) {
		connected(t);
		return;
	}
	note_candidate(d, t->to, err);
	attempt_stop(t);
	try_next(d);
}

/* 0: it is under way; else why is set. */
static int
attempt_start(struct attempt *t, const struct lookup_addr *to)
{
	struct mux_dial *d = t->dial;
	const char *key;
	int err;

	t->to = to;
	t->fd = socket(to->sa.sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0) {
		note_candidate(d, to, errno);
		return -1;
	}
	if (sock_options(t->fd, d->addr, &key) != 0) {
		err = errno;
		why_set(&d->why, err, sock_code(err), "connect %.200s: %s=: "
		    "%s", mux_addr_str(d->addr), key, sock_strerror(err));
		goto fail;
	}
	/* Watched from here on: before, epoll would call it hung up. */
	if (connect(t->fd, &to->sa, to->len) != 0 && errno != EINPROGRESS) {
		note_candidate(d, to, errno);
		goto fail;
	}
	err = mux_watch_new(d->loop, t->fd, on_attempt, t, &t->watch);
	if (err != 0) {
		note_candidate(d, to, err == MUX_E_NOMEM ? ENOMEM : errno);
		goto fail;
	}
	d->n_running++;
	return 0;
fail:
	close(t->fd);
	return -1;
}

/* The next address that is allowed; the end if there is nothing to wait for. */
static void
try_next(struct mux_dial *d)
{
	const struct lookup_addr *to;
	struct attempt *t;

	while (d->next < d->list.n) {
		t = &d->attempts[d->next];
		to = &d->list.addr[d->next++];
		if (d->allow != NULL &&
		    !d->allow(d->addr, &to->sa, NULL, d->arg))
			continue;
		t->dial = d;
		if (attempt_start(t, to) != 0)
			continue;
		if (d->next < d->list.n)
			mux_timer_at(d->next_try,
			    mux_loop_now(d->loop) + STAGGER);
		return;
	}
	if (d->n_running > 0)
		return;
	/* Nothing failed, so nothing was tried. */
	if (d->why.code == 0)
		note_denied(d);
	fail(d);
}

static void
on_lookup(const struct lookup_list *list, const char *error, void *arg)
{
	struct mux_dial *d = arg;

	if (error != NULL) {
		why_set(&d->why, 0, MUX_CONNECT_FAILED, "connect %.200s: "
		    "%.60s: %.100s", mux_addr_str(d->addr),
		    mux_addr_host(d->addr), error);
		fail(d);
		return;
	}
	d->list = *list;
	lookup_free(d->lookup);
	d->lookup = NULL;
	try_next(d);
}

static void
start_tcp(struct mux_dial *d)
{
	const char *host = mux_addr_host(d->addr);
	uint16_t port = mux_addr_port(d->addr);

	if (lookup_numeric(host, port, &d->list)) {
		try_next(d);
		return;
	}
	if (lookup_new(d->loop, host, port, on_lookup, d, &d->lookup) != 0) {
		note(d, ENOMEM);
		fail(d);
	}
}

/* ---- what is there already ---- */

static void
start_open(struct mux_dial *d)
{
	struct mux_ends ends;

	if (d->allow != NULL && !d->allow(d->addr, NULL, NULL, d->arg)) {
		note_denied(d);
		fail(d);
		return;
	}
	if (ends_open(&ends, d->addr, &d->why) != 0)
		fail(d);
	else
		succeed(d, &ends);
}

/* ---- the dial ---- */

static void
on_start(struct mux_task *t, void *arg)
{
	struct mux_dial *d = arg;

	(void)t;
	switch (mux_addr_scheme(d->addr)) {
	case MUX_UNIX:
		try_unix(d);
		break;
	case MUX_TCP:
		start_tcp(d);
		break;
	default:
		start_open(d);
	}
}

static void
on_next_try(struct mux_timer *t, void *arg)
{
	struct mux_dial *d = arg;

	(void)t;
	if (mux_addr_scheme(d->addr) == MUX_UNIX)
		try_unix(d);
	else
		try_next(d);
}

static void
on_deadline(struct mux_timer *t, void *arg)
{
	struct mux_dial *d = arg;

	(void)t;
	note(d, ETIMEDOUT);
	fail(d);
}

int
mux_dial(struct mux_loop *l, const struct mux_addr *addr, uint64_t timeout,
    mux_dial_allow_cb *allow, mux_dial_cb *done, void *arg,
    struct mux_dial **out)
{
	uint64_t now = mux_loop_now(l);
	struct mux_dial *d;

	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return MUX_E_NOMEM;
	d->loop = l;
	d->allow = allow;
	d->done = done;
	d->arg = arg;
	d->addr = mux_addr_dup(addr);
	if (d->addr == NULL ||
	    mux_task_new(l, on_start, d, &d->start) != 0 ||
	    mux_timer_new(l, on_deadline, d, &d->deadline) != 0 ||
	    mux_timer_new(l, on_next_try, d, &d->next_try) != 0) {
		dial_free(d);
		return MUX_E_NOMEM;
	}
	if (timeout != 0 && timeout < NEVER - now)
		mux_timer_at(d->deadline, now + timeout);
	mux_task_run(d->start);
	*out = d;
	return 0;
}

void
mux_dial_cancel(struct mux_dial *d)
{
	if (d != NULL)
		dial_free(d);
}
