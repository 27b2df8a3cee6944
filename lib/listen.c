/*
 * listen.c - accepting: who comes is handed on at once, a few in each turn.
 * It looks at no byte and keeps no list of what it accepted.  Where the
 * sockets come from is in bind.c.
 *
 * Invariants: the accept callback may free or pause the listener; want of
 * descriptors pauses accepting, it never spins, and it never costs those who
 * are connected already anything.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "bind.h"
#include "ends.h"
#include "mux_io.h"
#include "sock.h"
#include "why.h"

#define PER_TURN	64
#define STARVED_RETRY	(100 * NS_PER_MS)
/* Whoever waited for so many retries is told to go. */
#define STARVED_MAX	10

struct mux_listener {
	struct mux_loop *loop;
	mux_accept_cb *accept;
	void (*trouble)(struct mux_listener *, const struct mux_why *, void *);
	void *arg;
	struct bound bound;
	struct mux_watch *watches[BIND_MAX];
	struct mux_timer *retry;
	unsigned n_starved;	/* retries without success */
	int reserve;		/* given up to get rid of those who wait */
	bool paused, starved;
	bool *gone;		/* told when freed inside accept() */
	/* Connected already: accept() runs once. */
	struct mux_task *once;
	struct mux_ends ends;
};

/* ---- want of descriptors, and whatever else does not pass at once ---- */

/* Closes those who wait, with the one descriptor that is kept for it: better
 * an end that is seen than a silence. */
static void
shed(struct mux_listener *l, int fd)
{
	int i, victim;

	for (i = 0; i < PER_TURN; i++) {
		if (l->reserve >= 0)
			close(l->reserve);
		victim = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (victim >= 0)
			close(victim);
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (victim < 0)
			break;
	}
}

static void
starve(struct mux_listener *l, int fd, int err)
{
	struct mux_why why;

	l->starved = true;
	mux_timer_at(l->retry, mux_loop_now(l->loop) + STARVED_RETRY);
	if (++l->n_starved > STARVED_MAX)
		shed(l, fd);
	if (l->trouble == NULL)
		return;
	sock_why(&why, err, "accept", l->bound.word);
	l->trouble(l, &why, l->arg);
}

static void
accept_all(struct mux_listener *l)
{
	size_t i;

	for (i = 0; i < l->bound.n; i++)
		mux_watch_again(l->watches[i]);
}

static void
on_retry(struct mux_timer *t, void *arg)
{
	struct mux_listener *l = arg;

	(void)t;
	l->starved = false;
	accept_all(l);
}

/* ---- accepting ---- */

/* Hands on one that came.  False: accept no more now. */
static bool
accept_one(struct mux_listener *l, struct mux_watch *w, int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct mux_ends ends;
	int s;

	s = accept4(fd, (struct sockaddr *)&ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s >= 0) {
		l->n_starved = 0;
		ends_socket(&ends, s, (struct sockaddr *)&ss, len);
		l->accept(l, &ends, l->arg);
		return true;
	}
	switch (errno) {
	case EAGAIN:
		mux_watch_clear(w, MUX_READABLE);
		return false;
	case ECONNABORTED:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case EINTR:
	case ENETDOWN:
	case ENETUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EPERM:
	case EPROTO:
		/* About the one who came; the next is none the worse. */
		return true;
	default:
		starve(l, fd, errno);
		return false;
	}
}

static void
on_readable(struct mux_watch *w, unsigned ready, void *arg)
{
	struct mux_listener *l = arg;
	bool gone = false;
	size_t i;
	int n;

	for (i = 0; l->watches[i] != w; i++)
		continue;
	if (!(ready & MUX_READABLE))
		return;
	l->gone = &gone;
	for (n = 0; n < PER_TURN && !l->paused && !l->starved; n++) {
		if (!accept_one(l, w, l->bound.fds[i]) || gone)
			break;
	}
	if (gone)
		return;
	l->gone = NULL;
	if (n == PER_TURN)
		mux_watch_again(w);
}

static void
on_once(struct mux_task *t, void *arg)
{
	struct mux_listener *l = arg;
	struct mux_ends ends = l->ends;

	(void)t;
	ends_init(&l->ends);
	l->accept(l, &ends, l->arg);
}

/* ---- the listener ---- */

/* What is connected already takes the place of the sockets. */
static int
open_once(struct mux_listener *l, const struct mux_addr *a,
    struct mux_why *why)
{
	int err;

	if (mux_task_new(l->loop, on_once, l, &l->once) != 0)
		return why_nomem(why);
	err = bound_word(&l->bound, mux_addr_str(a), why);
	if (err == 0)
		err = ends_open(&l->ends, a, why);
	if (err == 0)
		mux_task_run(l->once);
	return err;
}

static int
bind_any(struct mux_listener *l, const struct mux_addr *a, struct mux_why *why)
{
	switch (mux_addr_scheme(a)) {
	case MUX_UNIX:
		return bind_unix(&l->bound, a, why);
	case MUX_TCP:
		return bind_tcp(&l->bound, a, why);
	case MUX_SYSTEMD:
		return bind_given(&l->bound, a, why);
	case MUX_FD:
		if (ends_fd_listens(a->fd))
			return bind_given(&l->bound, a, why);
		return open_once(l, a, why);
	default:
		return open_once(l, a, why);
	}
}

static int
watch_all(struct mux_listener *l, struct mux_why *why)
{
	size_t i;
	int err;

	for (i = 0; i < l->bound.n; i++) {
		err = mux_watch_new(l->loop, l->bound.fds[i], on_readable, l,
		    &l->watches[i]);
		if (err == 0)
			continue;
		why_set(why, errno, 0, "listen %.300s: %s", l->bound.word,
		    mux_strerror(err));
		return err;
	}
	return 0;
}

int
mux_listen(struct mux_loop *loop, const struct mux_addr *a,
    mux_accept_cb *accept_cb, void *arg, struct mux_listener **out,
    struct mux_why *why)
{
	struct mux_listener *l;
	int err;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return why_nomem(why);
	bound_init(&l->bound);
	ends_init(&l->ends);
	l->loop = loop;
	l->accept = accept_cb;
	l->arg = arg;
	l->reserve = -1;
	err = mux_timer_new(loop, on_retry, l, &l->retry);
	if (err != 0)
		why_nomem(why);
	else
		err = bind_any(l, a, why);
	if (err == 0)
		err = watch_all(l, why);
	if (err != 0) {
		mux_listener_free(l);
		return err;
	}
	/* Not before: it could get the very number that fd: was given. */
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	*out = l;
	return 0;
}

void
mux_listener_free(struct mux_listener *l)
{
	size_t i;

	if (l == NULL)
		return;
	if (l->gone != NULL)
		*l->gone = true;
	for (i = 0; i < l->bound.n; i++)
		mux_watch_free(l->watches[i]);
	bound_release(&l->bound);
	ends_close(&l->ends);
	mux_task_free(l->once);
	mux_timer_free(l->retry);
	if (l->reserve >= 0)
		close(l->reserve);
	free(l);
}

const char *
mux_listener_str(const struct mux_listener *l)
{
	return l->bound.word;
}

const char *
mux_listener_next(const struct mux_listener *l, const char *word)
{
	word = word == NULL ? l->bound.word : word + strlen(word) + 1;
	return *word != '\0' ? word : NULL;
}

void
mux_listener_pause(struct mux_listener *l, bool on)
{
	if (l->paused && !on)
		accept_all(l);
	l->paused = on;
}

void
mux_listener_on_trouble(struct mux_listener *l,
    void (*trouble)(struct mux_listener *, const struct mux_why *, void *arg))
{
	l->trouble = trouble;
}
