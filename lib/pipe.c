/*
 * pipe.c - the pipes of a connection.  It decides nothing: who may splice,
 * and what EAGAIN means, is known by who calls.  Invariant: `held` is what
 * the kernel holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "pipe.h"

void
pipe_init(struct pipe *p)
{
	p->rd = p->wr = -1;
	p->held = 0;
}

int
pipe_make(struct pipe *p)
{
	int fds[2], size;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	/* Refused to users who have many large pipes; then the size stays. */
	fcntl(fds[0], F_SETPIPE_SZ, (int)PIPE_SIZE);
	size = fcntl(fds[0], F_GETPIPE_SZ);
	if (size < (int)PIPE_LEAST) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	p->rd = fds[0];
	p->wr = fds[1];
	p->held = 0;
	return 0;
}

void
pipe_release(struct pipe *p)
{
	if (p->rd >= 0) {
		close(p->rd);
		close(p->wr);
	}
	pipe_init(p);
}

ssize_t
pipe_splice(int from, int to, size_t n)
{
	ssize_t r;

	do {
		r = splice(from, NULL, to, NULL, n,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (r < 0 && errno == EINTR);
	return r;
}

ssize_t
pipe_from(struct pipe *p, int fd, size_t n)
{
	ssize_t r = pipe_splice(fd, p->wr, n);

	if (r > 0)
		p->held += (size_t)r;
	return r;
}

ssize_t
pipe_to(struct pipe *p, int fd, size_t n)
{
	ssize_t r;

	assert(n <= p->held);
	r = pipe_splice(p->rd, fd, n);
	if (r > 0)
		p->held -= (size_t)r;
	return r;
}

bool
pipe_read_fd(int fd, void *buf, size_t n)
{
	char *to = buf;
	ssize_t r;

	while (n > 0) {
		r = read(fd, to, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		to += r;
		n -= (size_t)r;
	}
	return true;
}

bool
pipe_read(struct pipe *p, void *buf, size_t n)
{
	assert(n <= p->held);
	p->held -= n;
	return pipe_read_fd(p->rd, buf, n);
}
