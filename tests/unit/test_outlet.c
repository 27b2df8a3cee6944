/*
 * outlet.c: what is written leaves in order, at once or when there is room;
 * every byte counts as having left exactly once; the end comes behind the
 * last of them, or a failure does.
 */
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <termios.h>

#include "net.h"
#include "nomem.h"
#include "tap.h"

#define MUCH	300000u

enum where { NOWHERE, IN_LEFT, IN_ENDED, IN_FAILED };

static struct {
	struct mux_outlet *o;
	size_t gone;		/* bytes that left, however told */
	unsigned n_left, n_ended, n_failed;
	int err;
	enum where free_in;
} me;

static char much[MUCH];

static void
called(enum where where)
{
	if (me.free_in == where) {
		mux_outlet_free(me.o);
		me.o = NULL;
	}
}

static void
on_left(struct mux_outlet *o, size_t n, void *arg)
{
	(void)arg;
	me.gone += n;
	me.n_left++;
	if (n == 0 || o != me.o || me.n_ended + me.n_failed > 0)
		me.err = -1;
	called(IN_LEFT);
}

static void
on_ended(struct mux_outlet *o, void *arg)
{
	(void)o;
	(void)arg;
	me.n_ended++;
	called(IN_ENDED);
}

static void
on_failed(struct mux_outlet *o, int err, void *arg)
{
	(void)o;
	(void)arg;
	me.n_failed++;
	me.err = err;
	called(IN_FAILED);
}

static const struct mux_outlet_ops ops = {
	.size = sizeof(ops), .left = on_left, .ended = on_ended,
	.failed = on_failed,
};

static void
outlet(int fd, bool inherited)
{
	memset(&me, 0, sizeof(me));
	need(mux_outlet_new(loop, fd, inherited, &ops, NULL, &me.o) == 0,
	    "outlet");
}

static void
put(const void *p, size_t n)
{
	ssize_t w = mux_outlet_write(me.o, p, n);

	need(w >= 0 && (size_t)w <= n, "write");
	me.gone += (size_t)w;
}

/* Over a network or with a quota, close(2) may be the first to know.  Of libc
 * only what is called by others is replaced, so that is enough. */
static int close_fails_of = -1, close_err;

int
close(int fd)
{
	long r = syscall(SYS_close, fd);

	if (fd != close_fails_of)
		return (int)r;
	close_fails_of = -1;
	errno = close_err;
	return -1;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static bool
blocks(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* A pipe, and what it holds. */
static void
pipe_of(int fds[2])
{
	need(pipe(fds) == 0, "pipe");
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

/* Reads all that can be had: is it what follows at `from`? */
static bool
reads(int fd, size_t *from)
{
	static char buf[MUCH];
	bool good = true;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		good = good && *from + (size_t)n <= MUCH &&
		    memcmp(buf, much + *from, (size_t)n) == 0;
		*from += (size_t)n;
	}
	return good;
}

static void
into_pipe(void)
{
	size_t n = 0;
	int fds[2];

	pipe_of(fds);
	outlet(fds[1], false);
	put(much, 10);
	is_u64(me.gone, 10, "what there is room for leaves at once");
	put("", 0);
	ok(reads(fds[0], &n) && n == 10, "nothing is nothing");
	put(much + 10, MUCH - 100);
	ok(me.gone > 10 && me.gone < MUCH - 100, "a pipe has its limits");
	is_u64(mux_outlet_waiting(me.o), MUCH - 90 - me.gone, "the rest waits");
	put(much + MUCH - 90, 90);
	is_u64(mux_outlet_waiting(me.o), MUCH - me.gone, "and so do others");
	pump(3);
	ok(me.n_left == 0, "as long as nobody reads");
	mux_outlet_end(me.o);
	mux_outlet_end(me.o);
	pump(3);
	ok(me.n_ended == 0, "the end waits, too");
	while (n < MUCH) {
		need(reads(fds[0], &n), "bytes in order");
		need(mux_loop_turn(loop, 0) == 0, "turn");
	}
	pump_until(me.n_ended > 0);
	is_u64(me.gone, MUCH, "each byte has left once");
	is_u64(mux_outlet_bytes(me.o), MUCH, "and was written");
	ok(!is_open(fds[1]), "closed behind the last of them");
	pump(3);
	ok(me.n_ended == 1 && me.n_failed == 0 && me.err == 0,
	    "and only one end is told");
	mux_outlet_free(me.o);
	mux_outlet_free(NULL);
	close(fds[0]);
}

static void
close_fails(int err, bool is_failure)
{
	int fds[2];
	char buf[4];

	pipe_of(fds);
	outlet(fds[1], false);
	put("text", 4);
	close_fails_of = fds[1];
	close_err = err;
	mux_outlet_end(me.o);
	pump_until(me.n_failed + me.n_ended > 0);
	is_u64(me.n_failed, is_failure, "failed() for %s", strerror(err));
	is_u64(me.n_ended, !is_failure, "ended()");
	ok(me.err == (is_failure ? err : 0), "and why");
	ok(!is_open(fds[1]), "it is closed all the same");
	ok(read(fds[0], buf, 4) == 4 && read(fds[0], buf, 4) == 0, "once");
	mux_outlet_free(me.o);
	close(fds[0]);
}

static void
only_the_end(void)
{
	int fds[2];
	char c;

	pipe_of(fds);
	outlet(fds[1], false);
	mux_outlet_end(me.o);
	ok(me.n_ended == 0, "not from within a function of the outlet");
	pump_until(me.n_ended > 0);
	ok(read(fds[0], &c, 1) == 0, "the end of nothing");
	mux_outlet_free(me.o);
	close(fds[0]);
}

/* The reader goes: before a write, in the middle, while nothing happens. */
static void
reader_goes(size_t before, size_t behind, enum where free_in)
{
	int fds[2];

	pipe_of(fds);
	outlet(fds[1], false);
	me.free_in = free_in;
	put(much, before);
	close(fds[0]);
	put(much, behind);
	ok(me.n_failed == 0, "not from within a function of the outlet");
	pump_until(me.n_failed > 0 || me.o == NULL);
	is_u64(me.gone, before + behind, "all bytes count as having left");
	if (free_in == NOWHERE) {
		put(much, 10);
		is_u64(me.gone, before + behind + 10, "and so do all to come");
		mux_outlet_end(me.o);
		pump(3);
		ok(me.n_failed == 1 && me.n_ended == 0, "told once, no end");
	}
	if (free_in != IN_LEFT)
		is_u64((uint64_t)me.err, EPIPE, "because nobody reads");
	ok(me.o == NULL || mux_outlet_waiting(me.o) == 0, "nothing waits");
	mux_outlet_free(me.o);
	ok(!is_open(fds[1]), "closed");
}

static void
socket_goes(bool shared)
{
	int fds[2];

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
	outlet(fds[1], shared);
	ok(blocks(fds[1]) == shared, "the flags of a socket");
	pump(2);
	ok(me.n_failed == 0, "somebody is there");
	close(fds[0]);
	pump_until(me.n_failed > 0);
	is_u64((uint64_t)me.err, EPIPE, "a socket that was closed there");
	mux_outlet_free(me.o);
}

/* The end of a socket that is ours reaches its reader whatever else is open;
 * that of one that others share is theirs. */
static void
socket_ends(bool shared)
{
	int fds[2], keep;
	char c;

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
	keep = dup(fds[1]);
	outlet(fds[1], shared);
	put("x", 1);
	mux_outlet_end(me.o);
	pump_until(me.n_ended > 0);
	ok(read(fds[0], &c, 1) == 1, "what was written");
	ok(recv(fds[0], &c, 1, MSG_DONTWAIT) == (shared ? -1 : 0),
	    "%s socket", shared ? "no end of a shared" : "the end of our");
	mux_outlet_free(me.o);
	close(keep);
	close(fds[0]);
}

static void
into_file(void)
{
	FILE *f = tmpfile();
	size_t n = 0;

	need(f != NULL, "file");
	outlet(dup(fileno(f)), true);
	put(much, MUCH);
	is_u64(me.gone, MUCH, "a file takes all at once");
	mux_outlet_end(me.o);
	pump_until(me.n_ended > 0);
	mux_outlet_free(me.o);
	rewind(f);
	ok(reads(fileno(f), &n) && n == MUCH, "and has it");
	fclose(f);
}

static void
into_full(void)
{
	outlet(open("/dev/full", O_WRONLY | O_CLOEXEC), true);
	put(much, 100);
	mux_outlet_end(me.o);
	pump_until(me.n_failed > 0);
	ok(me.err == ENOSPC && me.n_ended == 0, "no space: not the end");
	is_u64(mux_outlet_bytes(me.o), 0, "nothing was written");
	mux_outlet_free(me.o);
}

static void
into_terminal(void)
{
	int master, tty, fd;
	struct termios t;
	char buf[8];

	need(openpty(&master, &tty, NULL, NULL, NULL) == 0, "terminal");
	tcgetattr(tty, &t);
	cfmakeraw(&t);
	tcsetattr(tty, TCSANOW, &t);
	fd = dup(tty);
	outlet(fd, true);
	ok(blocks(tty), "a shared terminal blocks for others");
	put("hi\n", 3);
	ok(read(master, buf, sizeof(buf)) == 3, "it shows what is written");
	mux_outlet_end(me.o);
	pump_until(me.n_ended > 0);
	ok(blocks(tty) && !is_open(fd), "and is left as it was");
	mux_outlet_free(me.o);
	close(tty);
	close(master);
}

static void
shared_pipe(void)
{
	int fds[2], keep;

	pipe_of(fds);
	keep = dup(fds[1]);
	outlet(fds[1], true);
	ok(blocks(keep), "a shared pipe blocks for others");
	put(much, MUCH);
	ok(mux_outlet_waiting(me.o) > 0, "but nobody waits for it here");
	mux_outlet_free(me.o);
	ok(blocks(keep) && !is_open(fds[1]), "also when it was closed");
	close(keep);
	close(fds[0]);
}

/* Freed in the middle of all, nothing is touched any more. */
static void
freed_inside(enum where where)
{
	size_t n = 0;
	int fds[2];

	pipe_of(fds);
	outlet(fds[1], false);
	me.free_in = where;
	put(much, MUCH);
	mux_outlet_end(me.o);
	while (me.o != NULL) {
		need(reads(fds[0], &n), "bytes in order");
		need(mux_loop_turn(loop, 0) == 0, "turn");
	}
	pump(2);
	ok(!is_open(fds[1]), "freed inside %s()",
	    where == IN_LEFT ? "left" : "ended");
	close(fds[0]);
}

static void
no_callbacks(void)
{
	static const struct mux_outlet_ops none = { .size = sizeof(none) };
	int fds[2];

	pipe_of(fds);
	need(mux_outlet_new(loop, fds[1], false, &none, NULL, &me.o) == 0,
	    "outlet");
	need(mux_outlet_write(me.o, much, MUCH) > 0, "write");
	close(fds[0]);
	pump(3);
	is_u64(mux_outlet_waiting(me.o), 0, "nobody needs to hear of it");
	mux_outlet_free(me.o);
}

static void
refused(void)
{
	static const struct mux_outlet_ops odd = { .size = 1 };
	struct mux_outlet *other = NULL;
	int fds[2];

	pipe_of(fds);
	outlet(fds[1], false);
	ok(mux_outlet_new(loop, fds[1], false, &ops, NULL, &other) ==
	    MUX_E_INVAL, "one that is watched already");
	ok(mux_outlet_new(loop, fds[0], false, &odd, NULL, &other) ==
	    MUX_E_INVAL, "callbacks of another version");
	mux_outlet_free(me.o);
	ok(mux_outlet_new(loop, fds[1], false, &ops, NULL, &other) ==
	    MUX_E_IO, "no descriptor");
	ok(other == NULL && is_open(fds[0]), "nothing was taken");
	close(fds[0]);
}

#ifndef SANITIZED
static void
no_memory(void)
{
	struct mux_outlet *o = NULL;
	int err, fds[2];
	long n, before = n_live;

	pipe_of(fds);
	for (n = 0, err = MUX_E_NOMEM; err != 0 && n < 100; n++) {
		n_left = n;
		err = mux_outlet_new(loop, fds[1], false, &ops, NULL, &o);
		n_left = -1;
		if (err != 0 && (err != MUX_E_NOMEM || n_live != before ||
		    o != NULL || !is_open(fds[1])))
			break;
	}
	ok(err == 0 && n > 1, "each allocation may fail");
	mux_outlet_free(o);
	is_u64((uint64_t)n_live, (uint64_t)before, "all memory is back");
	close(fds[0]);
}

/* What cannot be kept is a hole: nothing may be written behind it. */
static void
no_room(void)
{
	size_t had, n = 0;
	int fds[2];

	pipe_of(fds);
	outlet(fds[1], false);
	put(much, MUCH / 2);
	had = mux_outlet_waiting(me.o);
	n_left = 0;
	ok(mux_outlet_write(me.o, much + MUCH / 2, MUCH / 2) == MUX_E_NOMEM,
	    "no memory for what waits");
	n_left = -1;
	is_u64(mux_outlet_waiting(me.o), had, "none of it is kept");
	put(much, 10);
	is_u64(mux_outlet_waiting(me.o), had, "and nothing behind it");
	ok(reads(fds[0], &n), "bytes in order");
	pump_until(me.n_failed > 0);
	ok(me.err == ENOMEM, "it is told");
	is_u64(me.gone, MUCH / 2 + 10, "what waited counts as having left");
	ok(reads(fds[0], &n), "nothing else was written");
	mux_outlet_free(me.o);
	close(fds[0]);
}
#endif

int
main(void)
{
	int before;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < MUCH; i++)
		much[i] = (char)tap_rnd(256);
	net_begin();
	before = n_fds();
	into_pipe();
	only_the_end();
	close_fails(EDQUOT, true);
	close_fails(EIO, true);
	close_fails(EINTR, false);
	reader_goes(0, 0, NOWHERE);
	reader_goes(10, 10, NOWHERE);
	reader_goes(MUCH, 0, NOWHERE);
	reader_goes(MUCH, 10, NOWHERE);
	reader_goes(MUCH, 10, IN_LEFT);
	reader_goes(0, 10, IN_FAILED);
	socket_goes(false);
	socket_goes(true);
	socket_ends(false);
	socket_ends(true);
	into_file();
	into_full();
	into_terminal();
	shared_pipe();
	freed_inside(IN_LEFT);
	freed_inside(IN_ENDED);
	no_callbacks();
	refused();
#ifndef SANITIZED
	no_memory();
	no_room();
#endif
	is_u64((uint64_t)n_fds(), (uint64_t)before, "no descriptor is left");
	mux_loop_free(loop);
	return tap_done();
}
