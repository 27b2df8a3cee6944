/*
 * lookup.c - names to addresses by c-ares, whose sockets and timeouts hang on
 * the loop.  A channel lives for one lookup, so that each sees the resolver's
 * configuration of today.  It connects to nothing.
 *
 * Invariant: the owner's callback runs from a task, never from within c-ares,
 * which must not be torn down inside a callback of its own.
 */
#include <sys/time.h>

#include <ares.h>
#include <bsd/sys/queue.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lookup.h"

/* A socket of c-ares. */
struct asked {
	LIST_ENTRY(asked) link;
	struct lookup *lookup;
	struct mux_watch *watch;
	int fd;
	bool rd, wr;		/* what c-ares waits for */
};

struct lookup {
	LIST_HEAD(, asked) asked;
	struct mux_loop *loop;
	struct mux_timer *timer;
	struct mux_task *tell;
	ares_channel channel;
	bool has_channel;
	lookup_cb *cb;
	void *arg;
	struct lookup_list list;
	const char *error;
	uint16_t port;
};

/* ---- lists ---- */

static void
add(struct lookup_list *list, const struct sockaddr *sa, socklen_t len,
    uint16_t port)
{
	struct lookup_addr *a = &list->addr[list->n];

	if (list->n == LOOKUP_MAX || len > sizeof(a->in6))
		return;
	memcpy(&a->sa, sa, len);
	a->len = len;
	if (sa->sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else if (sa->sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		return;
	list->n++;
}

/*
 * Families take turns, the preferred one first: where one of them leads
 * nowhere, only every second attempt is wasted.
 */
static void
interleave(struct lookup_list *list)
{
	struct lookup_list in = *list;
	bool used[LOOKUP_MAX] = { false };
	int last = AF_UNSPEC;
	size_t i, pick;

	for (list->n = 0; list->n < in.n; list->n++) {
		pick = in.n;
		for (i = in.n; i-- > 0;)
			if (!used[i] && (pick == in.n ||
			    in.addr[i].sa.sa_family != last ||
			    in.addr[pick].sa.sa_family == last))
				pick = i;
		used[pick] = true;
		last = in.addr[pick].sa.sa_family;
		list->addr[list->n] = in.addr[pick];
	}
}

bool
lookup_numeric(const char *host, uint16_t port, struct lookup_list *list)
{
	struct addrinfo hints = { 0 }, *ai;

	hints.ai_flags = AI_NUMERICHOST;
	hints.ai_socktype = SOCK_STREAM;
	if (getaddrinfo(host, NULL, &hints, &ai) != 0)
		return false;
	list->n = 0;
	add(list, ai->ai_addr, ai->ai_addrlen, port);
	freeaddrinfo(ai);
	return list->n == 1;
}

/* ---- c-ares on the loop ---- */

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *res)
{
	struct lookup *l = arg;
	struct ares_addrinfo_node *node;

	(void)timeouts;
	if (status == ARES_EDESTRUCTION)
		return;
	l->list.n = 0;
	if (status == ARES_SUCCESS) {
		for (node = res->nodes; node != NULL; node = node->ai_next)
			add(&l->list, node->ai_addr, node->ai_addrlen,
			    l->port);
		ares_freeaddrinfo(res);
		interleave(&l->list);
		if (l->list.n == 0)
			status = ARES_ENODATA;
	}
	l->error = status == ARES_SUCCESS ? NULL : ares_strerror(status);
	if (l->tell != NULL)
		mux_task_run(l->tell);
}

static void
set_timer(struct lookup *l)
{
	struct timeval tv;

	if (ares_timeout(l->channel, NULL, &tv) == NULL) {
		mux_timer_at(l->timer, NEVER);
		return;
	}
	mux_timer_at(l->timer, mux_loop_now(l->loop) +
	    (uint64_t)tv.tv_sec * NS_PER_S + (uint64_t)tv.tv_usec * 1000);
}

static void
on_timer(struct mux_timer *t, void *arg)
{
	struct lookup *l = arg;

	(void)t;
	ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(l);
}

static struct asked *
asked_by_fd(struct lookup *l, int fd)
{
	struct asked *a;

	LIST_FOREACH(a, &l->asked, link)
		if (a->fd == fd)
			return a;
	return NULL;
}

static void
asked_free(struct asked *a)
{
	LIST_REMOVE(a, link);
	mux_watch_free(a->watch);
	free(a);
}

/* c-ares does not say whether it read all there was: ask the kernel. */
static void
refresh(struct asked *a)
{
	struct pollfd pfd = { .fd = a->fd, .events = POLLIN | POLLOUT };

	if (poll(&pfd, 1, 0) < 0)
		return;
	if (!(pfd.revents & (POLLIN | POLLHUP | POLLERR)))
		mux_watch_clear(a->watch, MUX_READABLE);
	else if (a->rd)
		mux_watch_again(a->watch);
	if (!(pfd.revents & (POLLOUT | POLLHUP | POLLERR)))
		mux_watch_clear(a->watch, MUX_WRITABLE);
	else if (a->wr)
		mux_watch_again(a->watch);
}

static void
on_asked(struct mux_watch *w, unsigned ready, void *arg)
{
	struct asked *a = arg;
	struct lookup *l = a->lookup;
	int fd = a->fd;
	ares_socket_t rd, wr;

	(void)w;
	rd = a->rd && ready & MUX_READABLE ? fd : ARES_SOCKET_BAD;
	wr = a->wr && ready & MUX_WRITABLE ? fd : ARES_SOCKET_BAD;
	ares_process_fd(l->channel, rd, wr);
	set_timer(l);
	/* It may have closed the socket, or even opened another one. */
	a = asked_by_fd(l, fd);
	if (a != NULL)
		refresh(a);
}

static void
on_sock_state(void *arg, ares_socket_t fd, int rd, int wr)
{
	struct lookup *l = arg;
	struct asked *a = asked_by_fd(l, fd);

	if (!rd && !wr) {
		if (a != NULL)
			asked_free(a);
		return;
	}
	if (a == NULL) {
		a = calloc(1, sizeof(*a));
		/* Without a watch the query ends by its timeout. */
		if (a == NULL)
			return;
		if (mux_watch_new(l->loop, fd, on_asked, a, &a->watch) != 0) {
			free(a);
			return;
		}
		a->lookup = l;
		a->fd = fd;
		LIST_INSERT_HEAD(&l->asked, a, link);
	}
	a->rd = rd != 0;
	a->wr = wr != 0;
	mux_watch_again(a->watch);
}

static void
ask(struct lookup *l, const char *host)
{
	struct ares_addrinfo_hints hints = { 0 };

	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	ares_getaddrinfo(l->channel, host, NULL, &hints, on_answer, l);
}

static void
on_tell(struct mux_task *t, void *arg)
{
	struct lookup *l = arg;

	(void)t;
	l->cb(&l->list, l->error, l->arg);
}

int
lookup_new(struct mux_loop *loop, const char *host, uint16_t port,
    lookup_cb *cb, void *arg, struct lookup **out)
{
	struct ares_options options = { 0 };
	struct lookup *l;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return MUX_E_NOMEM;
	LIST_INIT(&l->asked);
	l->loop = loop;
	l->port = port;
	l->cb = cb;
	l->arg = arg;
	options.sock_state_cb = on_sock_state;
	options.sock_state_cb_data = l;
	if (mux_timer_new(loop, on_timer, l, &l->timer) != 0 ||
	    mux_task_new(loop, on_tell, l, &l->tell) != 0 ||
	    ares_init_options(&l->channel, &options,
	    ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) {
		lookup_free(l);
		return MUX_E_NOMEM;
	}
	l->has_channel = true;
	ask(l, host);
	set_timer(l);
	*out = l;
	return 0;
}

void
lookup_free(struct lookup *l)
{
	if (l == NULL)
		return;
	if (l->has_channel)
		ares_destroy(l->channel);
	while (!LIST_EMPTY(&l->asked))
		asked_free(LIST_FIRST(&l->asked));
	mux_timer_free(l->timer);
	mux_task_free(l->tell);
	free(l);
}

bool
lookup_files(const char *host, uint16_t port, struct lookup_list *list)
{
	struct ares_options options = { 0 };
	char files[] = "f";
	struct lookup l = { 0 };

	options.lookups = files;
	if (ares_init_options(&l.channel, &options, ARES_OPT_LOOKUPS) !=
	    ARES_SUCCESS)
		return false;
	l.port = port;
	/* With files alone the answer comes before it returns. */
	ask(&l, host);
	ares_destroy(l.channel);
	if (l.list.n == 0)
		return false;
	*list = l.list;
	return true;
}
