/*
 * inlet.c: what can be read reaches the owner when it asks, the end once, an
 * error never as an end, and the descriptors of others stay as they were.
 */
#include <sys/socket.h>

#include <errno.h>
#include <pty.h>
#include <signal.h>

#include "net.h"
#include "nomem.h"
#include "tap.h"

static unsigned n_ready, n_failed;
static int failed_with;
static bool free_in;

static void
on_ready(struct mux_inlet *i, void *arg)
{
	(void)arg;
	n_ready++;
	if (free_in)
		mux_inlet_free(i);
}

static void
on_failed(struct mux_inlet *i, int err, void *arg)
{
	(void)arg;
	n_failed++;
	failed_with = err;
	if (free_in)
		mux_inlet_free(i);
}

static const struct mux_inlet_ops ops = {
	.size = sizeof(ops), .ready = on_ready, .failed = on_failed,
};

static struct mux_inlet *
inlet(int fd, bool inherited)
{
	struct mux_inlet *i;

	n_ready = n_failed = 0;
	free_in = false;
	need(mux_inlet_new(loop, fd, inherited, &ops, NULL, &i) == 0, "inlet");
	return i;
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

static void
from_pipe(void)
{
	struct mux_inlet *i;
	unsigned flags = 0;
	char buf[8];
	int fds[2];

	need(pipe(fds) == 0, "pipe");
	i = inlet(fds[0], false);
	pump(2);
	ok(n_ready == 0, "an empty pipe is not ready");
	is_u64(mux_inlet_fill(i, buf, 8, &flags), 0, "nothing to read");
	ok(flags == 0, "is not the end");
	need(write(fds[1], "0123456789", 10) == 10, "write");
	pump_until(n_ready == 1);
	is_u64(mux_inlet_fill(i, buf, 0, &flags), 0, "no room for any");
	ok(flags == 0, "is not the end");
	is_u64(mux_inlet_fill(i, buf, 8, &flags), 8, "as much as asked for");
	is_u64(mux_inlet_fill(i, buf + 6, 2, &flags), 2, "and the rest");
	ok(memcmp(buf, "01234589", 8) == 0 && flags == 0, "in order");
	is_u64(mux_inlet_fill(i, buf, 8, &flags), 0, "then nothing");
	close(fds[1]);
	pump_until(n_ready == 2);
	is_u64(mux_inlet_fill(i, buf, 8, &flags), 0, "then the end");
	ok(flags == MUX_FILL_END, "which is said");
	flags = 0;
	is_u64(mux_inlet_fill(i, buf, 8, &flags), 0, "and no more");
	ok(flags == 0, "only once");
	is_u64(mux_inlet_bytes(i), 10, "bytes are counted");
	pump(2);
	ok(n_ready == 2 && n_failed == 0, "no other callback");
	mux_inlet_free(i);
	ok(!is_open(fds[0]), "it was closed");
}

/* Without any turn of the loop between: fill() may be asked at any time. */
static void
from_file(void)
{
	FILE *f = tmpfile();
	struct mux_inlet *i;
	unsigned flags = 0;
	char buf[4096];
	size_t n, all = 0;
	int fd;

	need(f != NULL, "file");
	for (n = 0; n < 10000; n++)
		putc('x', f);
	need(fflush(f) == 0 && lseek(fileno(f), 1, SEEK_SET) == 1, "file");
	fd = dup(fileno(f));
	i = inlet(fd, true);
	while (flags == 0 && all < 20000)
		all += mux_inlet_fill(i, buf, sizeof(buf), &flags);
	is_u64(all, 9999, "a file from where it stands");
	mux_inlet_free(i);
	is_u64((uint64_t)lseek(fileno(f), 0, SEEK_CUR), 10000,
	    "others that share it go on where it ended");
	i = inlet(dup(fileno(f)), false);
	pump_until(n_ready == 1);
	flags = 0;
	ok(mux_inlet_fill(i, buf, 1, &flags) == 0 && flags == MUX_FILL_END,
	    "an empty one is ready for its end");
	mux_inlet_free(i);
	fclose(f);
}

static void
from_terminal(void)
{
	struct mux_inlet *i;
	unsigned flags = 0;
	char buf[10];
	int master, tty, fd;

	need(openpty(&master, &tty, NULL, NULL, NULL) == 0, "terminal");
	fd = dup(tty);
	i = inlet(fd, true);
	ok(blocks(tty), "a shared terminal blocks for others");
	need(write(master, "hi\n", 3) == 3, "write");
	pump_until(n_ready == 1);
	is_u64(mux_inlet_fill(i, buf, sizeof(buf), &flags), 3, "one line");
	is_u64(mux_inlet_fill(i, buf, sizeof(buf), &flags), 0,
	    "and nobody waits for the next");
	need(write(master, "\4", 1) == 1, "write");
	pump_until(n_ready == 2);
	is_u64(mux_inlet_fill(i, buf, sizeof(buf), &flags), 0, "control-D");
	ok(flags == MUX_FILL_END, "is the end");
	mux_inlet_free(i);
	ok(blocks(tty), "it still blocks for others");
	close(tty);
	close(master);
}

static void
inherited(void)
{
	struct mux_inlet *i;
	int fds[2], keep;

	need(pipe(fds) == 0, "pipe");
	keep = dup(fds[0]);
	i = inlet(fds[0], true);
	ok(blocks(keep), "a shared pipe blocks for others");
	mux_inlet_free(i);
	ok(blocks(keep) && !is_open(fds[0]), "also when it was closed");
	close(keep);
	close(fds[1]);
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
	i = inlet(fds[0], true);
	ok(blocks(fds[0]), "and so does a shared socket");
	mux_inlet_free(i);
	close(fds[1]);
}

/* A socket that was reset: what read(2) says is told from the loop. */
static void
read_fails(bool in_callback)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	static const struct linger hard = { .l_onoff = 1 };
	uint16_t port = 0;
	int server = tcp_server("127.0.0.1", 1, &port), peer, fd;
	struct mux_inlet *i;
	unsigned flags = 0;
	char c;

	fd = tcp_client("127.0.0.1", port);
	need(fd >= 0, "connect");
	peer = accept(server, (struct sockaddr *)&in, &len);
	i = inlet(fd, false);
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(peer);
	pump_until(n_ready > 0);
	free_in = in_callback;
	is_u64(mux_inlet_fill(i, &c, 1, &flags), 0, "nothing of a reset");
	ok(flags == 0 && n_failed == 0, "which is not the end");
	is_u64(mux_inlet_fill(i, &c, 1, &flags), 0, "also when asked again");
	pump_until(n_failed > 0);
	ok(failed_with == ECONNRESET, "but an error");
	if (!in_callback) {
		pump(2);
		is_u64(n_failed, 1, "told once");
		ok(mux_inlet_fill(i, &c, 1, &flags) == 0 && flags == 0,
		    "and still no end");
		mux_inlet_free(i);
	}
	ok(!is_open(fd), "it was closed");
	close(server);
}

static void
freed_when_ready(void)
{
	struct mux_inlet *i;
	int fds[2];

	need(pipe(fds) == 0, "pipe");
	need(write(fds[1], "x", 1) == 1, "write");
	i = inlet(fds[0], false);
	(void)i;
	free_in = true;
	pump_until(n_ready == 1);
	ok(!is_open(fds[0]), "freed inside ready()");
	close(fds[1]);
}

static void
no_callbacks(void)
{
	static const struct mux_inlet_ops none = { .size = sizeof(none) };
	struct mux_inlet *i;
	unsigned flags = 0;
	char c;
	int fd;

	fd = open("/", O_RDONLY);
	need(mux_inlet_new(loop, fd, false, &none, NULL, &i) == 0, "inlet");
	pump(1);
	ok(mux_inlet_fill(i, &c, 1, &flags) == 0 && flags == 0,
	    "a directory cannot be read");
	pump(2);
	mux_inlet_free(i);
	mux_inlet_free(NULL);
	ok(!is_open(fd), "nobody needs to hear of it");
}

static void
refused(void)
{
	static const struct mux_inlet_ops odd = { .size = 1 };
	struct mux_inlet *i, *other = NULL;
	int fds[2];

	need(pipe(fds) == 0, "pipe");
	i = inlet(fds[0], false);
	ok(mux_inlet_new(loop, fds[0], false, &ops, NULL, &other) ==
	    MUX_E_INVAL, "one that is watched already");
	ok(mux_inlet_new(loop, fds[1], false, &odd, NULL, &other) ==
	    MUX_E_INVAL, "callbacks of another version");
	mux_inlet_free(i);
	ok(mux_inlet_new(loop, fds[0], false, &ops, NULL, &other) ==
	    MUX_E_IO, "no descriptor");
	ok(other == NULL && is_open(fds[1]), "nothing was taken");
	close(fds[1]);
}

/* The number of a standard descriptor must not become that of the next. */
static void
standard(void)
{
	int keep = dup(0), fds[2];
	char c;

	need(pipe(fds) == 0 && dup2(fds[0], 0) == 0, "pipe");
	close(fds[0]);
	mux_inlet_free(inlet(0, true));
	ok(is_open(0) && read(0, &c, 1) == 0, "standard input stays in use");
	ok(write(fds[1], "x", 1) == -1 && errno == EPIPE, "but not the pipe");
	close(fds[1]);
	dup2(keep, 0);
	close(keep);
}

#ifndef SANITIZED
static void
no_memory(void)
{
	struct mux_inlet *i = NULL;
	int err, fds[2];
	long n, before = n_live;

	need(pipe(fds) == 0, "pipe");
	for (n = 0, err = MUX_E_NOMEM; err != 0 && n < 100; n++) {
		n_left = n;
		err = mux_inlet_new(loop, fds[0], false, &ops, NULL, &i);
		n_left = -1;
		if (err != 0 && (err != MUX_E_NOMEM || n_live != before ||
		    i != NULL || !is_open(fds[0])))
			break;
	}
	ok(err == 0 && n > 1, "each allocation may fail");
	mux_inlet_free(i);
	is_u64((uint64_t)n_live, (uint64_t)before, "all memory is back");
	close(fds[1]);
}
#endif

int
main(void)
{
	int before;

	signal(SIGPIPE, SIG_IGN);
	net_begin();
	before = n_fds();
	from_pipe();
	from_file();
	from_terminal();
	inherited();
	read_fails(false);
	read_fails(true);
	freed_when_ready();
	no_callbacks();
	refused();
	standard();
#ifndef SANITIZED
	no_memory();
#endif
	is_u64((uint64_t)n_fds(), (uint64_t)before, "no descriptor is left");
	mux_loop_free(loop);
	return tap_done();
}
