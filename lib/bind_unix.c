/*
 * bind_unix.c - unix sockets that listen.  A name in a directory outlives its
 * server, so most of this is about what may lie there already.
 *
 * Invariants: a name is replaced only if it is a socket at which nobody
 * answers, and only by whoever holds the lock beside it; the name appears in
 * one step, on a socket that listens already and was closed to others from
 * its birth.  So no connect is ever refused while a server lives.
 */
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"
#include "sock.h"
#include "why.h"

#define LOCK_TRIES	100
#define NAME_TRIES	16
#define NAME_SHOWN	64	/* of a long name, in that of its birth */

/* One attempt to take a name. */
struct taking {
	const struct mux_addr *addr;
	struct mux_why *why;
	struct bound *b;
	char *lock;		/* its name; NULL = not held */
	int lock_fd;
	bool stale;		/* a dead socket lies there */
	char born[NAME_MAX + 1];	/* "" = nothing bound yet */
};

static int
refuse(const struct taking *t, int err, const char *reason)
{
	why_set(t->why, err, 0, "listen %.300s: %s", mux_addr_str(t->addr),
	    reason);
	return MUX_E_IO;
}

static int
failed(const struct taking *t, int err)
{
	return bind_failed(t->addr, err, t->why);
}

/* ---- the lock ---- */

/* 0: it is ours now.  It is removed when done, so the one that was opened may
 * be another than the one that lies there; then EAGAIN. */
static int
lock_once(struct taking *t)
{
	struct stat sb;
	int err = 0, fd;

	fd = openat(t->b->dir, t->lock,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		err = errno == EWOULDBLOCK ? EADDRINUSE : errno;
	else if (fstat(fd, &sb) != 0)
		err = errno;
	else if (sb.st_nlink == 0)
		err = EAGAIN;
	if (err != 0)
		close(fd);
	else
		t->lock_fd = fd;
	return err;
}

static int
lock(struct taking *t)
{
	int err, tries = LOCK_TRIES;

	if (asprintf(&t->lock, "%s.lock", t->b->name) < 0) {
		t->lock = NULL;
		return why_nomem(t->why);
	}
	do {
		err = lock_once(t);
	} while (err == EAGAIN && --tries > 0);
	if (err == 0)
		return 0;
	if (err == EADDRINUSE || err == EAGAIN)
		refuse(t, EADDRINUSE, "already in use (another server is "
		    "starting there)");
	else
		why_set(t->why, err, 0, "listen %.200s: lock %.100s: %s",
		    mux_addr_str(t->addr), t->lock, sock_strerror(err));
	free(t->lock);
	t->lock = NULL;
	return MUX_E_IO;
}

static void
unlock(struct taking *t)
{
	if (t->lock == NULL)
		return;
	/* First the name: it must not be that of a lock others can have. */
	unlinkat(t->b->dir, t->lock, 0);
	close(t->lock_fd);
	free(t->lock);
	t->lock = NULL;
}

/* ---- what lies there ---- */

/* Does anybody answer at the socket that `fd` (O_PATH) stands for?  0: yes;
 * ECONNREFUSED: no; else it cannot be known. */
static int
probe(int fd)
{
	struct sockaddr_un sun;
	socklen_t len;
	int err = 0, s;

	if (!sock_unix_at(&sun, &len, fd, ""))
		return ENAMETOOLONG;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return errno;
	if (connect(s, (struct sockaddr *)&sun, len) != 0)
		err = errno;
	close(s);
	/* Its queue is full, or it is not a socket of streams. */
	return err == EAGAIN || err == EPROTOTYPE ? 0 : err;
}

static int
judge(struct taking *t, int fd)
{
	struct stat sb;
	int err;

	if (fstat(fd, &sb) != 0)
		return failed(t, errno);
	if (S_ISLNK(sb.st_mode))
		return refuse(t, ELOOP, "is a symbolic link");
	if (!S_ISSOCK(sb.st_mode))
		return refuse(t, EEXIST, "exists and is no socket");
	err = probe(fd);
	if (err == 0)
		return refuse(t, EADDRINUSE, "already in use (a server "
		    "answers there)");
	if (err != ECONNREFUSED)
		return failed(t, err);
	t->stale = true;
	return 0;
}

static int
examine(struct taking *t)
{
	int err, fd;

	fd = openat(t->b->dir, t->b->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : failed(t, errno);
	err = judge(t, fd);
	close(fd);
	return err;
}

/* ---- birth ---- */

static mode_t
mode_of(const struct mux_addr *a)
{
	const char *value = mux_addr_option(a, "mode");

	return value != NULL ? (mode_t)strtoul(value, NULL, 8) : 0600;
}

/* A name of its own, which tells in ss(8) what it is going to be. */
static void
invent(struct taking *t)
{
	const char *name = t->b->name;

	snprintf(t->born, sizeof(t->born), "%s.%08x",
	    strlen(name) <= NAME_SHOWN ? name : "mux", arc4random());
}

/* By its path as long as that fits: it is what others get to see. */
static bool
name_born(const struct taking *t, struct sockaddr_un *sun, socklen_t *len)
{
	const char *path = mux_addr_path(t->addr);
	size_t n = strlen(path) - strlen(t->b->name);
	char tail[NAME_MAX + 2];

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	*len = sizeof(*sun);
	if (n + strlen(t->born) < sizeof(sun->sun_path)) {
		memcpy(sun->sun_path, path, n);
		strlcpy(sun->sun_path + n, t->born, sizeof(sun->sun_path) - n);
		return true;
	}
	snprintf(tail, sizeof(tail), "/%s", t->born);
	return sock_unix_at(sun, len, t->b->dir, tail);
}

static int
bind_born(struct taking *t, int fd)
{
	struct sockaddr_un sun;
	int err = ENAMETOOLONG, tries = NAME_TRIES;
	socklen_t len;

	do {
		invent(t);
		if (!name_born(t, &sun, &len))
			break;
		if (bind(fd, (struct sockaddr *)&sun, len) == 0)
			return 0;
		err = errno;
	} while (err == EADDRINUSE && --tries > 0);
	t->born[0] = '\0';
	return err;
}

/* It listens, under a name that nobody knows yet. */
static int
bear(struct taking *t)
{
	struct stat sb;
	int err, fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(t, errno);
	t->b->fds[t->b->n++] = fd;
	/* bind(2) takes the mode from here, less the umask. */
	if (fchmod(fd, 0600 & mode_of(t->addr)) != 0)
		return failed(t, errno);
	err = bind_born(t, fd);
	if (err != 0)
		return failed(t, err);
	if (fchmodat(t->b->dir, t->born, mode_of(t->addr), 0) != 0 ||
	    listen(fd, bind_backlog(t->addr)) != 0 ||
	    fstatat(t->b->dir, t->born, &sb, AT_SYMLINK_NOFOLLOW) != 0)
		return failed(t, errno);
	t->b->dev = sb.st_dev;
	t->b->ino = sb.st_ino;
	return 0;
}

/* Gives it the name, unless something has that by now.  0 or an errno. */
static int
move_in(struct taking *t)
{
	const char *name = t->b->name;
	int dir = t->b->dir;

	if (t->stale)
		return renameat(dir, t->born, dir, name) == 0 ? 0 : errno;
	if (renameat2(dir, t->born, dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	/* A file system without that has links, or neither. */
	if (linkat(dir, t->born, dir, name, 0) != 0)
		return errno;
	unlinkat(dir, t->born, 0);
	return 0;
}

static int
take(struct taking *t)
{
	int err;

	err = lock(t);
	if (err == 0)
		err = examine(t);
	if (err == 0)
		err = bear(t);
	if (err != 0)
		return err;
	err = move_in(t);
	if (err == EEXIST)
		return refuse(t, EADDRINUSE, "already in use (it has just "
		    "appeared)");
	if (err != 0)
		return failed(t, err);
	t->born[0] = '\0';
	return 0;
}

/* ---- both kinds ---- */

/* The directory and the name in it. */
static int
split_path(struct bound *b, const struct mux_addr *a, struct mux_why *why)
{
	const char *path = mux_addr_path(a), *slash = strrchr(path, '/');
	char *dir;

	b->name = strdup(slash != NULL ? slash + 1 : path);
	dir = slash == NULL ? strdup(".") :
	    strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (b->name == NULL || dir == NULL) {
		free(dir);
		return why_nomem(why);
	}
	b->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (b->dir < 0)
		return bind_failed(a, errno, why);
	if (b->name[0] == '\0' || strcmp(b->name, ".") == 0 ||
	    strcmp(b->name, "..") == 0)
		return bind_failed(a, EISDIR, why);
	return 0;
}

static int
bind_abstract(struct bound *b, const struct mux_addr *a, struct mux_why *why)
{
	struct sock_unix u;
	int fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bind_failed(a, errno, why);
	b->fds[b->n++] = fd;
	if (sock_unix_init(&u, mux_addr_path(a), false) != 0 ||
	    bind(fd, (struct sockaddr *)&u.sun, u.len) != 0 ||
	    listen(fd, bind_backlog(a)) != 0)
		return bind_failed(a, errno, why);
	return 0;
}

static int
bind_path(struct bound *b, const struct mux_addr *a, struct mux_why *why)
{
	struct taking t = { .addr = a, .why = why, .b = b, .lock_fd = -1 };
	int err;

	err = split_path(b, a, why);
	if (err == 0)
		err = take(&t);
	if (t.born[0] != '\0')
		unlinkat(b->dir, t.born, 0);
	unlock(&t);
	return err;
}

int
bind_unix(struct bound *b, const struct mux_addr *a, struct mux_why *why)
{
	const char *word = mux_addr_str(a);
	char *bare;
	int err;

	err = mux_addr_path(a)[0] == '@' ? bind_abstract(b, a, why) :
	    bind_path(b, a, why);
	if (err != 0) {
		/* What lies under the name is not ours to remove. */
		free(b->name);
		b->name = NULL;
		bound_release(b);
		return err;
	}
	/* Options are for whoever listens, not for whoever dials. */
	bare = strndup(word, strcspn(word, "?"));
	err = bare != NULL ? bound_word(b, bare, why) : why_nomem(why);
	if (bare == NULL)
		bound_release(b);
	free(bare);
	return err;
}
