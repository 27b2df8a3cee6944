/*
 * duplex.c and pipe.c: what kind a descriptor is and what follows from it,
 * whose flags are whose, and what errors mean on the wire.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "duplex.h"
#include "pipe.h"
#include "tap.h"

static void
must(bool good)
{
	if (!good)
		abort();
}

static bool
blocks(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static bool
open_fd(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
codes(void)
{
	static const struct {
		int err;
		uint32_t code;
	} row[] = {
		{ ECONNRESET,	16 }, { EPIPE,		16 },
		{ ENOTCONN,	16 }, { ETIMEDOUT,	17 },
		{ EIO,		19 }, { ENOSPC,		19 },
		{ EHOSTUNREACH,	19 },
	};
	struct duplex d;
	size_t i;

	for (i = 0; i < N_ELEM(row); i++)
		is_u64(duplex_code(row[i].err), row[i].code, "code of %s",
		    strerror(row[i].err));
	duplex_init(&d);
	d.out_kind = FD_UNIX;
	ok(duplex_only_stopped(&d, EPIPE), "EPIPE on unix only stops");
	ok(!duplex_only_stopped(&d, ECONNRESET), "a reset does not");
	d.out_kind = FD_PIPE;
	ok(duplex_only_stopped(&d, EPIPE), "nor does EPIPE on a pipe");
	d.out_kind = FD_TCP;
	ok(!duplex_only_stopped(&d, EPIPE), "on TCP it is a reset");
}

static void
own_socket(void)
{
	struct mux_ends e = { 0 };
	struct duplex d;
	int fds[2];
	char c;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	e.in = e.out = fds[0];
	is_u64((uint64_t)duplex_take(&d, &e), 0, "a unix socket is taken");
	ok(d.in_kind == FD_UNIX && d.out_kind == FD_UNIX, "as what it is");
	ok(d.in_splice && d.out_splice, "it can be spliced");
	ok(!blocks(fds[0]), "and does not block");
	ok(duplex_read(&d, &c, 1) == -1 && errno == EAGAIN, "when read");
	ok(duplex_shut_out(&d) == 0 && read(fds[1], &c, 1) == 0,
	    "its end is read at the other side");
	ok(write(fds[1], "x", 1) == 1 && duplex_unread(&d) == 1 &&
	    duplex_read(&d, &c, 1) == 1, "and it is still read");
	duplex_close(&d);
	ok(!open_fd(fds[0]), "it was closed");
	close(fds[1]);
}

static void
inherited_socket(void)
{
	struct mux_ends e = { .inherited = true };
	struct duplex d;
	int fds[2];
	char c;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	e.in = e.out = fds[0];
	must(duplex_take(&d, &e) == 0);
	ok(blocks(fds[0]), "an inherited socket keeps its flags");
	ok(duplex_read(&d, &c, 1) == -1 && errno == EAGAIN,
	    "and yet nothing waits");
	ok(!d.in_splice && !d.out_splice, "splice would, so it is not used");
	duplex_close(&d);
	close(fds[1]);
}

/* Both numbers of one socket: only shutdown(2) can tell the end. */
static void
one_socket_twice(void)
{
	struct mux_ends e = { .inherited = true };
	struct duplex d;
	int fds[2];
	char c;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	e.in = fds[0];
	e.out = dup(fds[0]);
	must(duplex_take(&d, &e) == 0);
	must(duplex_shut_out(&d) == 0);
	ok(!open_fd(e.out) && open_fd(e.in), "only the way out is closed");
	ok(read(fds[1], &c, 1) == 0, "and the other side reads the end");
	duplex_close(&d);
	close(fds[1]);
}

static void
shared_pipe(void)
{
	struct mux_ends e = { .inherited = true };
	struct duplex d;
	int in[2], out[2], keep;
	char c;

	must(pipe(in) == 0 && pipe(out) == 0);
	keep = dup(in[0]);
	e.in = in[0];
	e.out = out[1];
	must(duplex_take(&d, &e) == 0);
	ok(d.in_kind == FD_PIPE && d.out_kind == FD_PIPE, "pipes are pipes");
	ok(!blocks(in[0]) && blocks(keep), "ours does not block, theirs does");
	ok(duplex_closes_in(&d) && duplex_shut_in(&d) && !open_fd(in[0]),
	    "to read no more is to close");
	must(duplex_shut_out(&d) == 0);
	ok(!open_fd(out[1]) && read(out[0], &c, 1) == 0,
	    "and so is to write no more");
	duplex_close(&d);
	close(keep);
	close(in[1]);
	close(out[0]);
}

static void
given_back(void)
{
	struct mux_ends e = { 0 };
	struct duplex d;
	int fds[2];

	must(pipe(fds) == 0);
	e.in = fds[0];
	e.out = fds[1];
	must(duplex_take(&d, &e) == 0);
	duplex_give_back(&d);
	ok(open_fd(fds[0]) && open_fd(fds[1]), "given back means not closed");
	e.out = -1;
	ok(duplex_take(&d, &e) == -1 && errno == EBADF && open_fd(fds[0]),
	    "no descriptor: nothing is taken");
	close(fds[0]);
	close(fds[1]);
}

static void
pipes(void)
{
	char buf[100000], back[100000];
	struct pipe p;
	int fds[2];
	size_t i;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = (char)tap_rnd(256);
	pipe_init(&p);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	is_u64((uint64_t)pipe_make(&p), 0, "a large pipe");
	ok(pipe_from(&p, fds[1], 10) == -1 && errno == EAGAIN,
	    "nothing to splice");
	must(write(fds[0], buf, sizeof(buf)) == sizeof(buf));
	while (p.held < sizeof(buf))
		must(pipe_from(&p, fds[1], sizeof(buf)) > 0);
	ok(pipe_read(&p, back, 1000), "read a part of it");
	while (p.held > 0)
		must(pipe_to(&p, fds[1], p.held) > 0);
	must(read(fds[0], back + 1000, sizeof(back) - 1000) ==
	    sizeof(back) - 1000);
	ok(memcmp(buf, back, sizeof(buf)) == 0, "all as it was written");
	close(fds[0]);
	is_u64((uint64_t)pipe_from(&p, fds[1], 10), 0, "the end is 0");
	close(fds[1]);
	pipe_release(&p);
	pipe_release(&p);
	ok(p.rd == -1, "released, twice if need be");
}

/* Opened anew it would be the master of another terminal. */
static void
shared_master(void)
{
	struct mux_ends e = { .inherited = true };
	int master = posix_openpt(O_RDWR | O_NOCTTY), copy, slave;
	struct duplex d;
	char c = 0;

	must(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	copy = dup(master);
	must(slave >= 0 && copy >= 0);
	e.in = e.out = master;
	ok(duplex_take(&d, &e) == 0 && !blocks(master),
	    "the master of a terminal that others share");
	must(write(slave, "x", 1) == 1);
	ok(read(master, &c, 1) == 1 && c == 'x', "is still the same");
	duplex_close(&d);
	ok(blocks(copy), "and blocks again for the others");
	close(copy);
	close(slave);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	codes();
	own_socket();
	inherited_socket();
	one_socket_twice();
	shared_pipe();
	shared_master();
	given_back();
	pipes();
	return tap_done();
}
