/*
 * listen.c - the listeners of serve and tunnel up to the one who comes in.
 * It keeps no list of them, and what they lead to is not its business.
 * Invariant: nobody comes in through a unix socket whose uid the kernel did
 * not tell.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <bsd/stdlib.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "home.h"
#include "life.h"
#include "listen.h"
#include "opt.h"
#include "out.h"

/* Once in ten seconds is enough to be told of a shortage. */
static struct say_gate trouble_gate = SAY_GATE(1, 10000);

/* ---- who ---- */

/* A name, or a number. */
static int
uid_of(const char *word, uid_t *uid)
{
	const struct passwd *pw = getpwnam(word);
	int64_t n;

	if (pw != NULL)
		*uid = pw->pw_uid;
	else if (opt_number(word, 0, UINT32_MAX - 1, &n) == 0)
		*uid = (uid_t)n;
	else
		return -1;
	return 0;
}

static int
split_uids(char *words, struct uids *u)
{
	const char *word;

	while ((word = strsep(&words, ",")) != NULL)
		if (uid_of(word, &u->list[u->n++]) == -1)
			return say_exit(CMD_USAGE, "--allow-uid: '%s': "
			    "expected the name or number of a user", word);
	return 0;
}

int
uids_read(const char *words, struct uids *u)
{
	size_t len = words != NULL ? strlen(words) : 0;
	char *copy = words != NULL ? strdup(words) : NULL;
	int r = 0;

	u->given = words != NULL;
	u->n = 0;
	u->list = reallocarray(NULL, len / 2 + 2, sizeof(*u->list));
	if (u->list == NULL || (copy == NULL && words != NULL))
		r = say_exit(CMD_USAGE, "out of memory");
	else if (copy != NULL)
		r = split_uids(copy, u);
	else {
		u->list[u->n++] = geteuid();
		u->list[u->n++] = 0;
	}
	free(copy);
	return r;
}

void
uids_free(struct uids *u)
{
	free(u->list);
	u->list = NULL;
	u->n = 0;
}

bool
uids_admit(const struct uids *u, const struct mux_ends *ends)
{
	if (ends->kind != MUX_ENDS_UNIX)
		return true;
	for (size_t i = 0; ends->have_cred && i < u->n; i++)
		if (u->list[i] == ends->uid)
			return true;
	return false;
}

/* ---- what is there already ---- */

bool
listen_single(const struct mux_addr *addr)
{
	enum mux_scheme scheme = mux_addr_scheme(addr);
	socklen_t len = sizeof(int);
	int listens = 1;

	if (scheme != MUX_FD)
		return scheme == MUX_STDIO || scheme == MUX_EXEC;
	/* What cannot be asked is a pipe or the like. */
	return getsockopt(life_addr_fd(addr), SOL_SOCKET, SO_ACCEPTCONN,
	    &listens, &len) != 0 || listens == 0;
}

static bool
is_near(const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *four = (const struct sockaddr_in *)ss;

	if (ss->ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (ss->ss_family != AF_INET6)
		return true;
	return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
	    (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) &&
	    six->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
}

/* A connection, which the address stands for, with somebody far away. */
static bool
is_far_peer(const struct mux_addr *addr)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	int fd = mux_addr_scheme(addr) == MUX_STDIO ? STDIN_FILENO :
	    life_addr_fd(addr);

	return fd >= 0 && getpeername(fd, (struct sockaddr *)&ss, &len) == 0 &&
	    !is_near(&ss);
}

bool
listen_is_tcp(const struct mux_listener *l)
{
	const char *word = NULL;

	while ((word = mux_listener_next(l, word)) != NULL)
		if (strncmp(word, "tcp:", 4) == 0)
			return true;
	return false;
}

bool
listen_is_far(const struct mux_listener *l)
{
	const char *word = NULL;
	struct mux_addr *addr;
	struct mux_why why;
	bool far = false;

	while (!far && (word = mux_listener_next(l, word)) != NULL) {
		if (strncmp(word, "tcp:", 4) != 0 ||
		    mux_addr_parse(word, &addr, &why) != 0)
			continue;
		far = mux_addr_check(addr, MUX_AS_LISTENER, &why) != 0;
		mux_addr_free(addr);
	}
	return far;
}

/* ---- opening ---- */

static void
on_trouble(struct mux_listener *l, const struct mux_why *why, void *arg)
{
	(void)arg;
	say_gated(&trouble_gate, SAY_WARN, "accept on %s: %s",
	    mux_listener_str(l), why->text);
}

static bool
is_insecure(const struct mux_addr *addr)
{
	const char *value = mux_addr_option(addr, "insecure");

	return value != NULL && strcmp(value, "1") == 0;
}

static int
say_far(const struct mux_addr *addr, const char *what)
{
	return say_exit(CMD_USAGE, "%s: %s beyond loopback, where everybody "
	    "on the way can read and change it: expected ?insecure=1 to "
	    "allow it", mux_addr_str(addr), what);
}

int
listen_open(struct mux_loop *loop, const struct mux_addr *addr,
    enum mux_role role, mux_accept_cb *cb, void *arg,
    struct mux_listener **out)
{
	bool strict = role == MUX_AS_LISTENER && !is_insecure(addr);
	struct mux_listener *l;
	struct mux_why why;
	int err;

	if (strict && is_far_peer(addr))
		return say_far(addr, "is connected to somebody");
	err = mux_listen(loop, addr, cb, arg, &l, &why);
	if (err != 0)
		return say_exit(home_listen_status(err, &why), "%s", why.text);
	if (strict && listen_is_far(l)) {
		mux_listener_free(l);
		return say_far(addr, "listens");
	}
	mux_listener_on_trouble(l, on_trouble);
	*out = l;
	return 0;
}

void
listen_tell(const struct mux_listener *l)
{
	const char *word = NULL;

	while ((word = mux_listener_next(l, word)) != NULL)
		life_addr(word);
}

/* ---- warning ---- */

void
listen_warn_unix(const struct mux_addr *addr, const struct uids *u)
{
	const char *path = mux_addr_path(addr);
	const char *mode = mux_addr_option(addr, "mode");

	if (u->given || mux_addr_scheme(addr) != MUX_UNIX)
		return;
	if (path[0] == '@')
		say(SAY_WARN, "%s: an abstract name has no permissions: all "
		    "that keeps other users out is --allow-uid, which stands "
		    "for you and root", mux_addr_str(addr));
	else if (mode != NULL && (strtoul(mode, NULL, 8) & 077) != 0)
		say(SAY_WARN, "%s: other users may open it, but only you and "
		    "root are let in (see --allow-uid)", mux_addr_str(addr));
}
