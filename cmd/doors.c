/*
 * doors.c - the listeners of serve.  What becomes of those who come in is not
 * its business.  Invariant: addresses are told only when all listeners
 * listen, and in the order of the options.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "doors.h"
#include "home.h"
#include "life.h"
#include "listen.h"
#include "mux_io.h"
#include "out.h"
#include "serve.h"

struct door {
	struct doors *all;
	struct mux_addr *addr;
	struct mux_listener *listener;	/* NULL: closed */
	bool single;		/* one connection and no other */
};

/* ---- words ---- */

static int
add(struct doors *all, const char *word, const char *where)
{
	struct door *door = &all->list[all->n];
	int r;

	if ((r = serve_opts_addr(word, where, &door->addr)) != 0)
		return r;
	all->n++;
	life_keep_addr(door->addr);
	door->all = all;
	door->single = listen_single(door->addr);
	if (door->single)
		all->n_single++;
	return 0;
}

int
doors_read(struct doors *all, const struct opt_list *words)
{
	const struct opt_item *i;
	int r;

	all->list = calloc(words->n + 1, sizeof(*all->list));
	if (all->list == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	STAILQ_FOREACH(i, &words->head, next)
		if ((r = add(all, i->word, i->where)) != 0)
			return r;
	return 0;
}

static int
add_unnamed(struct doors *all, bool private_socket)
{
	struct mux_why why;
	char *word;
	int r;

	r = private_socket ? home_private(&all->private_dir, &word, &why) :
	    home_default(true, &word, &why);
	if (r == -1)
		return say_exit(CMD_USAGE, "no -l: %s", why.text);
	r = add(all, word, "default socket");
	free(word);
	return r;
}

/* ---- listening ---- */

static void
on_accept(struct mux_listener *l, const struct mux_ends *ends, void *arg)
{
	struct door *door = arg;
	struct doors *all = door->all;

	(void)l;
	if (door->single)
		all->n_came++;
	all->accept(ends, !door->single, all->arg);
}

static int
open_one(struct doors *all, struct door *door)
{
	int r;

	if ((r = listen_open(all->loop, door->addr, MUX_AS_LISTENER, on_accept,
	    door, &door->listener)) != 0)
		return r;
	/* Anyone with an account here reaches a port of loopback too.  What
	 * systemd: and fd: stand for is known only now. */
	if (all->warn && listen_is_tcp(door->listener))
		say(SAY_WARN, "%s: every user who can connect there reaches "
		    "methods and targets (unix: sockets check who it is)",
		    mux_listener_str(door->listener));
	listen_warn_unix(door->addr, all->uids);
	return 0;
}

int
doors_open(struct doors *all, bool private_socket)
{
	int r;

	if (all->n == 0 && (r = add_unnamed(all, private_socket)) != 0)
		return r;
	for (size_t i = 0; i < all->n; i++)
		if ((r = open_one(all, &all->list[i])) != 0)
			return r;
	for (size_t i = 0; i < all->n; i++)
		listen_tell(all->list[i].listener);
	return 0;
}

bool
doors_single(const struct doors *all)
{
	return all->n_single == all->n;
}

bool
doors_all_came(const struct doors *all)
{
	return all->n_came == all->n;
}

/* What listens everywhere is reached by loopback; what was said to be insecure
 * has to be said again. */
static char *
tcp_address(const struct door *door)
{
	const char *word = mux_listener_str(door->listener);
	const char *host = mux_addr_host(door->addr), *near = NULL;
	const char *insecure = mux_addr_option(door->addr, "insecure");
	char *out;
	int n;

	if (strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0)
		near = "tcp:127.0.0.1";
	else if (strcmp(host, "::") == 0)
		near = "tcp:[::1]";
	if (near != NULL)
		n = asprintf(&out, "%s%s", near, strrchr(word, ':'));
	else
		n = asprintf(&out, "%s%s%s", word,
		    insecure != NULL ? "?insecure=" : "",
		    insecure != NULL ? insecure : "");
	return n < 0 ? NULL : out;
}

char *
doors_address(const struct doors *all)
{
	const struct door *door = &all->list[0];
	char *full = NULL;

	if (mux_addr_scheme(door->addr) == MUX_TCP)
		return tcp_address(door);
	if (mux_addr_scheme(door->addr) == MUX_UNIX)
		full = home_absolute(mux_addr_path(door->addr));
	return full != NULL ? full : strdup(mux_listener_str(door->listener));
}

/* ---- the end ---- */

void
doors_close(struct doors *all)
{
	for (size_t i = 0; i < all->n; i++) {
		mux_listener_free(all->list[i].listener);
		all->list[i].listener = NULL;
	}
}

void
doors_release(struct doors *all)
{
	doors_close(all);
	for (size_t i = 0; i < all->n; i++)
		mux_addr_free(all->list[i].addr);
	free(all->list);
	home_private_free(all->private_dir);
}
