/*
 * sock.c - the parts of dialling and listening that are about a socket and
 * not about time.  It neither connects nor listens.  Invariant: nothing here
 * depends on the length of a path, and nothing changes the directory.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "chars.h"
#include "host.h"
#include "sock.h"
#include "why.h"

uint32_t
sock_code(int err)
{
	switch (err) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EAGAIN:		/* of fork and the like: too many of them */
		return MUX_REFUSED;
	default:
		return MUX_CONNECT_FAILED;
	}
}

const char *
sock_strerror(int err)
{
	const char *text = strerrordesc_np(err);

	if (err == ENOTSOCK)
		return "not a socket";
	return text != NULL ? text : "unknown error";
}

void
sock_why(struct mux_why *why, int err, const char *what, const char *word)
{
	why_set(why, err, sock_code(err), "%s %.300s: %s", what, word,
	    sock_strerror(err));
}

/* ---- names of unix sockets ---- */

bool
sock_unix_at(struct sockaddr_un *sun, socklen_t *len, int fd,
    const char *tail)
{
	int n;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path),
	    "/proc/self/fd/%d%s", fd, tail);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path))
		return false;
	*len = sizeof(*sun);
	return true;
}

static char *
real_name(int fd)
{
	char link[32], *name;
	ssize_t n;

	name = malloc(PATH_MAX);
	if (name == NULL)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, PATH_MAX - 1);
	if (n < 0) {
		free(name);
		return NULL;
	}
	name[n] = '\0';
	return name;
}

static int
abstract(struct sock_unix *u, const char *path, bool real)
{
	size_t n = strlen(path);

	if (n > sizeof(u->sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(u->sun.sun_path + 1, path + 1, n - 1);
	u->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (real && (u->real = strdup(path)) == NULL)
		return -1;
	return 0;
}

int
sock_unix_init(struct sock_unix *u, const char *path, bool real)
{
	int err;

	memset(u, 0, sizeof(*u));
	u->sun.sun_family = AF_UNIX;
	u->len = sizeof(u->sun);
	u->hold = -1;
	if (path[0] == '@')
		return abstract(u, path, real);
	if (!real && strlcpy(u->sun.sun_path, path,
	    sizeof(u->sun.sun_path)) < sizeof(u->sun.sun_path))
		return 0;
	u->hold = open(path, O_PATH | O_CLOEXEC);
	if (u->hold < 0)
		return -1;
	if (real && (u->real = real_name(u->hold)) == NULL) {
		err = errno;
		sock_unix_release(u);
		errno = err;
		return -1;
	}
	sock_unix_at(&u->sun, &u->len, u->hold, "");
	return 0;
}

void
sock_unix_release(struct sock_unix *u)
{
	if (u->hold >= 0)
		close(u->hold);
	free(u->real);
	u->hold = -1;
	u->real = NULL;
}

/* ---- words ---- */

static void
word_unix(const struct sockaddr *sa, size_t len, char *out)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = len > head ? len - head : 0;
	char path[sizeof(struct sockaddr_un) + 1];

	memcpy(path, (const char *)sa + head, n);
	path[n] = '\0';
	if (n > 0 && path[0] == '\0')
		path[0] = '@';
	chars_encode(chars_put(out, "unix:"), path, "?&=");
}

void
sock_word(const struct sockaddr *sa, socklen_t len, char out[SOCK_WORD])
{
	char host[HOST_SIZE];
	struct host_ip ip;
	uint16_t port;

	if (sa->sa_family == AF_UNIX) {
		word_unix(sa, min_size(len, sizeof(struct sockaddr_un)), out);
		return;
	}
	if (!host_ip_of(sa, &ip, &port)) {
		strlcpy(out, "socket", SOCK_WORD);
		return;
	}
	host_ip_str(&ip, host);
	snprintf(out, SOCK_WORD, ip.v6 ? "tcp:[%s]:%u" : "tcp:%s:%u", host,
	    port);
}

/* ---- options ---- */

static int
set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int
seconds(const char *value)
{
	uint64_t ns = 0;

	/* The grammar has checked it; a part of a second is one. */
	addr_duration(value, &ns);
	return (int)min_u64((ns + NS_PER_S - 1) / NS_PER_S, 32767);
}

static int
set_nodelay(int fd, const char *value)
{
	return set_int(fd, IPPROTO_TCP, TCP_NODELAY,
	    value == NULL || strcmp(value, "1") == 0);
}

static int
set_keepalive(int fd, const char *value)
{
	int idle = value != NULL ? seconds(value) : 0;

	if (value == NULL)
		return 0;
	if (idle == 0)
		return set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
	/* Three probes within as long again. */
	if (set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle) != 0 ||
	    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, idle / 3 + 1) != 0 ||
	    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 3) != 0)
		return -1;
	return set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static int
set_linger(int fd, const char *value)
{
	struct linger linger;

	if (value == NULL)
		return 0;
	linger.l_onoff = 1;
	linger.l_linger = seconds(value);
	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static int
set_cc(int fd, const char *value)
{
	if (value == NULL)
		return 0;
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, value,
	    (socklen_t)strlen(value));
}

int
sock_options(int fd, const struct mux_addr *a, const char **key)
{
	static const struct {
		const char *key;
		int (*set)(int fd, const char *value);
	} options[] = {
		{ "nodelay", set_nodelay },
		{ "keepalive", set_keepalive },
		{ "linger", set_linger },
		{ "cc", set_cc },
	};
	size_t i;

	for (i = 0; i < N_ELEM(options); i++) {
		*key = options[i].key;
		if (options[i].set(fd, mux_addr_option(a, *key)) != 0)
			return -1;
	}
	return 0;
}
