/*
 * duplex.c - reading, writing and ending the descriptors of carriers and
 * relays.  It knows nothing of streams.  Invariant: whatever duplex_take took
 * is closed exactly once, with the flags it came with; of standard descriptors
 * the number stays in use, so that no next one of the process becomes its
 * standard output.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "duplex.h"
#include "ends.h"

#define DISCARD_MAX	(256u * 1024u)

/* What a relay says on the wire when its descriptors fail. */
static const struct {
	int err;
	uint32_t code;
} codes[] = {
	{ ECONNRESET,	MUX_ENDPOINT_RESET },
	{ EPIPE,	MUX_ENDPOINT_RESET },
	{ ENOTCONN,	MUX_ENDPOINT_RESET },
	{ ETIMEDOUT,	MUX_ENDPOINT_TIMEOUT },
};

uint32_t
duplex_code(int err)
{
	size_t i;

	for (i = 0; i < N_ELEM(codes); i++)
		if (codes[i].err == err)
			return codes[i].code;
	return MUX_ENDPOINT_IO;
}

/* TCP tells with an RST that everything is lost, unix sockets and pipes
 * cannot: their EPIPE says no more than that the reader has gone. */
bool
duplex_only_stopped(const struct duplex *d, int err)
{
	return err == EPIPE &&
	    (d->out_kind == FD_UNIX || d->out_kind == FD_PIPE);
}

void
duplex_init(struct duplex *d)
{
	d->in = d->out = -1;
	d->in_kind = d->out_kind = FD_OTHER;
	d->inherited = d->in_splice = d->out_splice = false;
	d->in_blocks = d->out_blocks = false;
	d->armed = false;
}

static enum fd_kind
socket_kind(int fd)
{
	int domain, type;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    type != SOCK_STREAM)
		return FD_SOCKET;
	if (domain == AF_INET || domain == AF_INET6)
		return FD_TCP;
	return domain == AF_UNIX ? FD_UNIX : FD_SOCKET;
}

static int
kind_of(int fd, enum fd_kind *kind, bool *regular)
{
	struct stat sb;

	if (fstat(fd, &sb) != 0)
		return -1;
	*regular = S_ISREG(sb.st_mode);
	if (S_ISSOCK(sb.st_mode))
		*kind = socket_kind(fd);
	else
		*kind = S_ISFIFO(sb.st_mode) ? FD_PIPE : FD_OTHER;
	return 0;
}

static bool
is_socket(uint8_t kind)
{
	return kind == FD_TCP || kind == FD_UNIX || kind == FD_SOCKET;
}

/* The name of a pty's master is that of the thing which makes new ones. */
static bool
opens_another(int fd)
{
	int n;

	return ioctl(fd, TIOCGPTN, &n) == 0;
}

/* A description of our own under the same number. */
static bool
open_anew(int fd, int flags)
{
	char name[40];
	bool done;
	int own;

	if (opens_another(fd))
		return false;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	own = open(name, (flags & (O_ACCMODE | O_APPEND)) | O_NONBLOCK |
	    O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return false;
	done = dup3(own, fd, O_CLOEXEC) == fd;
	close(own);
	return done;
}

/*
 * A pipe or terminal of ours gets O_NONBLOCK.  One that others share is
 * opened anew, so that they keep theirs; where that is not allowed, or would
 * be something else, it is changed, and changed back at the end.
 */
static int
unblock(int fd, bool shared, bool *blocks)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	if (flags & O_NONBLOCK)
		return 0;
	if (!shared)
		return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (open_anew(fd, flags))
		return 0;
	*blocks = true;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void
block_again(int fd, bool *blocks)
{
	int flags = *blocks ? fcntl(fd, F_GETFL) : -1;

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	*blocks = false;
}

static int
take_one(int fd, bool inherited, uint8_t *kind, bool *blocks, bool *splices)
{
	enum fd_kind k;
	bool regular;

	if (kind_of(fd, &k, &regular) != 0)
		return -1;
	*kind = (uint8_t)k;
	if (regular) {
		/* A second description would have an offset of its own. */
		*splices = (fcntl(fd, F_GETFL) & O_APPEND) == 0;
		return 0;
	}
	*splices = k == FD_TCP || k == FD_UNIX || k == FD_PIPE;
	if (!is_socket(*kind))
		return unblock(fd, inherited, blocks);
	if (!inherited)
		return unblock(fd, false, blocks);
	*splices = false;
	return 0;
}

static int
set_linger(const struct duplex *d, bool hard)
{
	struct linger linger = { .l_onoff = hard, .l_linger = 0 };

	return setsockopt(d->in, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger));
}

void
duplex_arm(struct duplex *d)
{
	struct linger own = { .l_onoff = 1 };
	socklen_t len = sizeof(own);

	if (d->in_kind != FD_TCP || d->in != d->out || d->inherited)
		return;
	getsockopt(d->in, SOL_SOCKET, SO_LINGER, &own, &len);
	d->armed = own.l_onoff == 0 && set_linger(d, true) == 0;
}

static void
disarm(struct duplex *d)
{
	if (d->armed)
		set_linger(d, false);
	d->armed = false;
}

void
duplex_give_back(struct duplex *d)
{
	disarm(d);
	block_again(d->in, &d->in_blocks);
	block_again(d->out, &d->out_blocks);
	duplex_init(d);
}

/* As dialling and listening make them: nothing is left to ask or to set. */
static void
take_made(struct duplex *d, const struct mux_ends *ends)
{
	duplex_init(d);
	d->in = d->out = ends->in;
	d->in_kind = d->out_kind =
	    ends->kind == MUX_ENDS_TCP ? FD_TCP : FD_UNIX;
	d->in_splice = d->out_splice = true;
}

int
duplex_take(struct duplex *d, const struct mux_ends *ends)
{
	struct duplex t;
	int err, one = 1;

	if (ends->kind != MUX_ENDS_ANY) {
		take_made(d, ends);
		return 0;
	}
	duplex_init(&t);
	t.inherited = ends->inherited;
	if (take_one(ends->in, t.inherited, &t.in_kind, &t.in_blocks,
	    &t.in_splice) != 0)
		return -1;
	t.in = ends->in;
	t.out_kind = t.in_kind;
	t.out_splice = t.in_splice;
	if (ends->out != ends->in && take_one(ends->out, t.inherited,
	    &t.out_kind, &t.out_blocks, &t.out_splice) != 0) {
		err = errno;
		duplex_give_back(&t);
		errno = err;
		return -1;
	}
	t.out = ends->out;
	/* Bytes were collected before they came here; Nagle only adds to
	 * their delay. */
	if (t.out_kind == FD_TCP && !t.inherited)
		setsockopt(t.out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*d = t;
	return 0;
}

int
duplex_watch(struct duplex *d, struct mux_loop *l, int fd, bool inherited,
    mux_watch_cb *cb, void *arg, struct mux_watch **out)
{
	const struct mux_ends ends = { .in = fd, .out = fd,
		.inherited = inherited };
	int err;

	if (duplex_take(d, &ends) != 0)
		return MUX_E_IO;
	err = mux_watch_new(l, fd, cb, arg, out);
	if (err < 0)
		duplex_give_back(d);
	return err;
}

ssize_t
duplex_read(struct duplex *d, void *buf, size_t n)
{
	ssize_t r;

	do {
		r = is_socket(d->in_kind) ?
		    recv(d->in, buf, n, MSG_DONTWAIT) : read(d->in, buf, n);
	} while (r < 0 && errno == EINTR);
	return r;
}

ssize_t
duplex_discard(struct duplex *d)
{
	char buf[16384];
	ssize_t r;

	if (d->in_kind != FD_TCP)
		return duplex_read(d, buf, sizeof(buf));
	do {
		/* TCP throws bytes away without copying them. */
		r = recv(d->in, NULL, DISCARD_MAX, MSG_DONTWAIT | MSG_TRUNC);
	} while (r < 0 && errno == EINTR);
	return r;
}

ssize_t
duplex_write(struct duplex *d, const struct iovec *iov, int n, bool more)
{
	struct msghdr msg = { 0 };
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	ssize_t r;

	if (more && d->out_kind == FD_TCP && !d->inherited)
		flags |= MSG_MORE;
	msg.msg_iov = (struct iovec *)(uintptr_t)iov;
	msg.msg_iovlen = (size_t)n;
	do {
		r = is_socket(d->out_kind) ? sendmsg(d->out, &msg, flags) :
		    writev(d->out, iov, n);
	} while (r < 0 && errno == EINTR);
	return r;
}

size_t
duplex_unread(const struct duplex *d)
{
	int n;

	if (d->in < 0 || ioctl(d->in, FIONREAD, &n) != 0 || n < 0)
		return 0;
	return (size_t)n;
}

size_t
duplex_unsent(const struct duplex *d)
{
	int n;

	if (d->out < 0 || d->out_kind != FD_TCP ||
	    ioctl(d->out, SIOCOUTQ, &n) != 0 || n < 0)
		return 0;
	return (size_t)n;
}

int
duplex_error(const struct duplex *d)
{
	socklen_t len = sizeof(int);
	int err;

	if (d->out < 0)
		return 0;
	/* The write end of a pipe has an error when its reader has gone. */
	if (!is_socket(d->out_kind))
		return d->out_kind == FD_PIPE ? EPIPE : 0;
	if (getsockopt(d->out, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		return errno;
	return err;
}

/* 0; or -1 and errno: what was written may not be where it belongs. */
static int
close_fd(int *fd, bool *blocks)
{
	int r = 0;

	if (*fd < 0)
		return 0;
	block_again(*fd, blocks);
	if (*fd > STDERR_FILENO || ends_null(*fd) != 0)
		r = close(*fd);
	*fd = -1;
	return r;
}

/* Standard input and output are often one and the same socket or terminal. */
static bool
same_thing(const struct duplex *d)
{
	struct stat a, b;

	return fstat(d->in, &a) == 0 && fstat(d->out, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int
duplex_shut_out(struct duplex *d)
{
	int r = 0;

	if (d->out < 0)
		return 0;
	/* Closing says it where the other descriptor is a different thing;
	 * the description of an inherited socket stays as it is then. */
	if (is_socket(d->out_kind) && (!d->inherited || same_thing(d)))
		r = shutdown(d->out, SHUT_WR);
	if (d->out != d->in)
		close_fd(&d->out, &d->out_blocks);
	return r;
}

bool
duplex_closes_in(const struct duplex *d)
{
	return d->in != d->out && !is_socket(d->in_kind);
}

bool
duplex_shut_in(struct duplex *d)
{
	if (d->in_kind == FD_UNIX)
		shutdown(d->in, SHUT_RD);
	if (!duplex_closes_in(d))
		return false;
	/* Whoever writes there must not be blocked by it. */
	if (d->in_blocks && same_thing(d)) {
		d->in_blocks = false;
		d->out_blocks = true;
	}
	close_fd(&d->in, &d->in_blocks);
	return true;
}

int
duplex_close(struct duplex *d)
{
	bool one = d->in == d->out;
	int r;

	disarm(d);
	if (one)
		d->out = -1;
	r = close_fd(&d->in, &d->in_blocks);
	return one ? r : close_fd(&d->out, &d->out_blocks);
}

void
duplex_reset(struct duplex *d)
{
	static const struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	int fd = d->out >= 0 ? d->out : d->in;
	uint8_t kind = d->out >= 0 ? d->out_kind : d->in_kind;

	if (fd >= 0 && kind == FD_TCP)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	d->armed = false;
	duplex_close(d);
}
