/*
 * preload_shortio.c - makes the kernel of one muxctl process stingy: reads,
 * writes and splices of streams really move less than was asked for, and any
 * call may be interrupted first.  Preloaded by tests; other programs that
 * muxctl starts are left alone.  Nothing is faked: what a call says it moved
 * has been moved, so the bytes must still arrive.
 *
 *	SHORTIO_SEED=N	be stingy, by a sequence of its own for each N
 *	SHORTIO_COPY=1	let every pipe look as small as one of a user who has
 *			used up his share of large ones: nothing is spliced
 *	SHORTIO_STATS=F	append to F how often each call was made, cut short
 *			and interrupted
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE	4096
#define N_IOV	64

enum call {
	READ, WRITE, READV, WRITEV, RECV, SEND, RECVMSG, SENDMSG, SPLICE,
	ACCEPT, EPOLL, N_CALLS
};

static const char *const names[N_CALLS] = {
	"read", "write", "readv", "writev", "recv", "send", "recvmsg",
	"sendmsg", "splice", "accept4", "epoll"
};

static struct {
	unsigned long n, n_cut, n_interrupted;
} stats[N_CALLS];

static bool stingy, copies, counts;
static uint64_t state;

/* xorshift64* */
static uint32_t
any(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 32) %
	    below;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *seed = getenv("SHORTIO_SEED");

	if (strcmp(program_invocation_short_name, "muxctl") != 0)
		return;
	copies = getenv("SHORTIO_COPY") != NULL;
	counts = getenv("SHORTIO_STATS") != NULL;
	stingy = seed != NULL;
	if (stingy)
		state = (strtoull(seed, NULL, 10) + 1) *
		    UINT64_C(0x9e3779b97f4a7c15);
}

__attribute__((destructor)) static void
end(void)
{
	FILE *f = counts ? fopen(getenv("SHORTIO_STATS"), "a") : NULL;

	if (f == NULL)
		return;
	for (int i = 0; i < N_CALLS; i++)
		if (stats[i].n > 0)
			fprintf(f, "%s %lu %lu %lu\n", names[i], stats[i].n,
			    stats[i].n_cut, stats[i].n_interrupted);
	fclose(f);
}

/* ---- what may be cut ---- */

/* Datagrams, and records as those of a signalfd, come whole or not at all. */
static bool
is_stream(int fd)
{
	socklen_t len = sizeof(int);
	struct stat sb;
	int type;

	if (fstat(fd, &sb) != 0)
		return false;
	if (S_ISSOCK(sb.st_mode))
		return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    type == SOCK_STREAM;
	return S_ISFIFO(sb.st_mode) || S_ISREG(sb.st_mode);
}

static bool
interrupts(enum call c)
{
	stats[c].n++;
	if (!stingy || any(8) != 0)
		return false;
	stats[c].n_interrupted++;
	errno = EINTR;
	return true;
}

/* Half of the calls may move all, a quarter a few bytes. */
static size_t
cut(enum call c, size_t n)
{
	size_t max = n;

	if (!stingy || n < 2)
		return n;
	switch (any(4)) {
	case 0:
		max = 1 + any(n < 8 ? (uint32_t)n : 8);
		break;
	case 1:
		max = 1 + any(n < UINT32_MAX ? (uint32_t)n : UINT32_MAX);
		break;
	}
	if (max < n)
		stats[c].n_cut++;
	return max;
}

/* The beginning of a vector; `out` has room for N_IOV. */
static int
cut_iov(enum call c, const struct iovec *iov, size_t n, struct iovec *out)
{
	size_t i, left, total = 0;

	if (n > N_IOV)
		n = N_IOV;
	for (i = 0; i < n; i++)
		total += iov[i].iov_len;
	left = cut(c, total);
	for (i = 0; i < n && left > 0; i++) {
		out[i] = iov[i];
		if (out[i].iov_len > left)
			out[i].iov_len = left;
		left -= out[i].iov_len;
	}
	return (int)i;
}

/* ---- the calls: the only things here that others may see ---- */

#pragma GCC visibility push(default)

#define REAL(name) \
	static __typeof__(&name) real; \
	if (real == NULL) \
		*(void **)&real = dlsym(RTLD_NEXT, #name)

ssize_t
read(int fd, void *p, size_t n)
{
	REAL(read);
	if (!is_stream(fd))
		return real(fd, p, n);
	return interrupts(READ) ? -1 : real(fd, p, cut(READ, n));
}

ssize_t
write(int fd, const void *p, size_t n)
{
	REAL(write);
	if (!is_stream(fd))
		return real(fd, p, n);
	return interrupts(WRITE) ? -1 : real(fd, p, cut(WRITE, n));
}

ssize_t
readv(int fd, const struct iovec *iov, int n)
{
	struct iovec less[N_IOV];

	REAL(readv);
	if (!is_stream(fd) || n <= 0)
		return real(fd, iov, n);
	if (interrupts(READV))
		return -1;
	return real(fd, less, cut_iov(READV, iov, (size_t)n, less));
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	struct iovec less[N_IOV];

	REAL(writev);
	if (!is_stream(fd) || n <= 0)
		return real(fd, iov, n);
	if (interrupts(WRITEV))
		return -1;
	return real(fd, less, cut_iov(WRITEV, iov, (size_t)n, less));
}

ssize_t
recv(int fd, void *p, size_t n, int flags)
{
	REAL(recv);
	if (!is_stream(fd))
		return real(fd, p, n, flags);
	return interrupts(RECV) ? -1 : real(fd, p, cut(RECV, n), flags);
}

ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	REAL(send);
	if (!is_stream(fd))
		return real(fd, p, n, flags);
	return interrupts(SEND) ? -1 : real(fd, p, cut(SEND, n), flags);
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct iovec less[N_IOV], *iov = msg->msg_iov;
	size_t n = msg->msg_iovlen;
	ssize_t r;

	REAL(recvmsg);
	if (!is_stream(fd) || n == 0)
		return real(fd, msg, flags);
	if (interrupts(RECVMSG))
		return -1;
	msg->msg_iovlen = (size_t)cut_iov(RECVMSG, iov, n, less);
	msg->msg_iov = less;
	r = real(fd, msg, flags);
	msg->msg_iov = iov;
	msg->msg_iovlen = n;
	return r;
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct iovec less[N_IOV];
	struct msghdr m = *msg;

	REAL(sendmsg);
	if (!is_stream(fd) || m.msg_iovlen == 0)
		return real(fd, msg, flags);
	if (interrupts(SENDMSG))
		return -1;
	m.msg_iovlen = (size_t)cut_iov(SENDMSG, msg->msg_iov, m.msg_iovlen,
	    less);
	m.msg_iov = less;
	return real(fd, &m, flags);
}

ssize_t
splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t n,
    unsigned flags)
{
	REAL(splice);
	if (interrupts(SPLICE))
		return -1;
	return real(in, in_off, out, out_off, cut(SPLICE, n), flags);
}

int
accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	REAL(accept4);
	return interrupts(ACCEPT) ? -1 : real(fd, sa, len, flags);
}

int
epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	REAL(epoll_wait);
	if (interrupts(EPOLL))
		return -1;
	return real(fd, events, (int)cut(EPOLL, (size_t)n), timeout);
}

int
epoll_pwait2(int fd, struct epoll_event *events, int n,
    const struct timespec *timeout, const sigset_t *mask)
{
	REAL(epoll_pwait2);
	if (interrupts(EPOLL))
		return -1;
	return real(fd, events, (int)cut(EPOLL, (size_t)n), timeout, mask);
}

int
fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	REAL(fcntl);
	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (copies && cmd == F_GETPIPE_SZ)
		return PAGE;
	return real(fd, cmd, arg);
}

#pragma GCC visibility pop
