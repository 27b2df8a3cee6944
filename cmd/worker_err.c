/*
 * worker_err.c - what a worker says on standard error goes to our log, line by
 * line, each with its name.  It is not part of any answer: which call a line
 * belongs to nobody knows.  Invariant: the pipe is always read to its end, so
 * a worker never waits for us to log.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dispatch.h"
#include "methods.h"
#include "mux_io.h"
#include "worker_int.h"

static void
say_line(const char *line, void *arg)
{
	struct worker *wk = arg;

	say_gated(&wk->said, SAY_WARN, "worker %s: %s", wk->method->name,
	    line);
}

static void
on_err(struct mux_watch *watch, unsigned ready, void *arg)
{
	struct worker *wk = arg;
	char buf[4096];
	ssize_t n;

	(void)ready;
	n = read(wk->err, buf, sizeof(buf));
	if (n > 0) {
		lines_put(&wk->lines, buf, (size_t)n, say_line, wk);
		mux_watch_again(watch);
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		mux_watch_clear(watch, MUX_READABLE);
	} else {
		worker_err_close(wk);
	}
}

int
worker_err_open(struct worker *wk, int fd)
{
	if (mux_watch_new(wk->all->loop, fd, on_err, wk, &wk->err_watch) != 0)
		return -1;
	wk->err = fd;
	return 0;
}

/* What is there by now is still said. */
void
worker_err_close(struct worker *wk)
{
	char buf[4096];
	ssize_t n;

	if (wk->err == -1)
		return;
	/* the pipe holds that much, whoever else still writes */
	for (int i = 0; i < 16; i++) {
		if ((n = read(wk->err, buf, sizeof(buf))) <= 0)
			break;
		lines_put(&wk->lines, buf, (size_t)n, say_line, wk);
	}
	lines_end(&wk->lines, say_line, wk);
	mux_watch_free(wk->err_watch);
	close(wk->err);
	wk->err = -1;
	wk->err_watch = NULL;
}
