/*
 * sinks.c - where the two outputs of a handler go.  What comes of a failure
 * is its owner's business.  Invariant: a byte counts as dealt with when it is
 * written, kept, or when nobody can have it any more, and once only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "cmd.h"
#include "out.h"
#include "sinks.h"

#define KEEP_MAX	(UINT64_C(256) << 20)	/* of one answer */

/* ---- descriptors ---- */

static void
check_ended(struct sinks *s)
{
	if (!s->ending || s->out.outlet != NULL || s->err.outlet != NULL)
		return;
	s->ending = false;
	s->ops->ended(s->arg);
}

static void
on_left(struct mux_outlet *o, size_t n, void *arg)
{
	struct sink *k = arg;
	size_t body = n < k->body ? n : k->body;

	(void)o;
	/* Which of them left makes no difference to the sum. */
	k->body -= body;
	k->err -= n - body;
	k->all->ops->left(body, n - body, k->all->arg);
}

static void
on_ended(struct mux_outlet *o, void *arg)
{
	struct sink *k = arg;

	mux_outlet_free(o);
	k->outlet = NULL;
	check_ended(k->all);
}

static void
on_failed(struct mux_outlet *o, int err, void *arg)
{
	struct sink *k = arg;
	struct sinks *s = k->all;

	mux_outlet_free(o);
	k->outlet = NULL;
	k->failed = true;
	s->ops->failed(k->name, err, s->arg);
	check_ended(s);
}

static const struct mux_outlet_ops outlet_ops = {
	.size = sizeof(outlet_ops),
	.left = on_left,
	.ended = on_ended,
	.failed = on_failed
};

/* A descriptor that nothing is written to is left as it is. */
static int
open_outlet(struct sink *k)
{
	int fd = k->fd, err;

	if (k->inherited)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return errno;
	err = mux_outlet_new(k->all->loop, fd, k->inherited, &outlet_ops, k,
	    &k->outlet);
	if (err == 0) {
		k->fd = -1;
		return 0;
	}
	err = err == MUX_E_NOMEM ? ENOMEM : errno;
	if (k->inherited)
		close(fd);
	return err;
}

/* What waits is added to *count. */
static size_t
put(struct sink *k, const void *p, size_t n, size_t *count)
{
	struct sinks *s = k->all;
	ssize_t w;
	int err;

	if (k->failed)
		return n;
	if (k->outlet == NULL && (err = open_outlet(k)) != 0) {
		k->failed = true;
		s->ops->failed(k->name, err, s->arg);
		return n;
	}
	w = mux_outlet_write(k->outlet, p, n);
	if (w < 0)
		return n;
	*count += n - (size_t)w;
	return (size_t)w;
}

/* ---- memory ---- */

static size_t
keep(struct sinks *s, struct buf *b, const void *p, size_t n)
{
	if (b->len + n <= KEEP_MAX && buf_put(b, p, n))
		return n;
	if (!s->out.failed)
		s->ops->failed("one object (use -o FILE)", EMSGSIZE, s->arg);
	s->out.failed = true;
	return n;
}

/* ---- public ---- */

static int
open_file(const char *path, const char *option, int *fd)
{
	/* A pipe whose reader is not there must not hold us up. */
	*fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK, 0666);
	return *fd >= 0 ? 0 : say_exit(CMD_USAGE, "%s %s: %s", option, path,
	    strerror(errno));
}

int
sinks_open(struct sinks *s, struct mux_loop *loop, const struct call_opts *o,
    const struct sinks_ops *ops, void *arg)
{
	int r = 0;

	*s = (struct sinks){ .loop = loop, .ops = ops, .arg = arg };
	s->out = (struct sink){ .all = s, .name = "standard output",
	    .fd = STDOUT_FILENO, .inherited = true };
	s->err = (struct sink){ .all = s, .name = "standard error",
	    .fd = STDERR_FILENO, .inherited = true };
	if (o->output != NULL) {
		s->out.name = o->output;
		s->out.inherited = false;
		r = open_file(o->output, "-o", &s->out.fd);
	} else
		s->keep = o->json || o->list || o->describe != NULL;
	if (r == 0 && o->stderr_to == CALL_STDERR_FILE) {
		s->err.name = o->stderr_file;
		s->err.inherited = false;
		r = open_file(o->stderr_file, "--stderr", &s->err.fd);
	}
	s->drop_err = o->stderr_to == CALL_STDERR_DROP;
	if (o->stderr_to == CALL_STDERR_MERGE)
		s->err_to = &s->out;
	else if (o->stderr_to == CALL_STDERR_FILE || !o->json)
		s->err_to = &s->err;
	return r;
}

size_t
sinks_body(struct sinks *s, const void *p, size_t n)
{
	s->bytes += n;
	return s->keep ? keep(s, &s->body_text, p, n) :
	    put(&s->out, p, n, &s->out.body);
}

size_t
sinks_err(struct sinks *s, const void *p, size_t n)
{
	if (s->drop_err)
		return n;
	if (s->err_to == NULL)
		return keep(s, &s->err_text, p, n);
	if (s->err_to == &s->out && s->keep)
		return keep(s, &s->body_text, p, n);
	return put(s->err_to, p, n, &s->err_to->err);
}

bool
sinks_wait(const struct sinks *s)
{
	return s->out.body + s->out.err + s->err.err > 0;
}

void
sinks_end(struct sinks *s)
{
	s->ending = true;
	/* Also where nothing waits: a failure may not have been told yet. */
	if (s->out.outlet != NULL)
		mux_outlet_end(s->out.outlet);
	if (s->err.outlet != NULL)
		mux_outlet_end(s->err.outlet);
	check_ended(s);
}

static void
release_one(struct sink *k)
{
	mux_outlet_free(k->outlet);
	if (!k->inherited && k->fd >= 0 && k->all != NULL)
		close(k->fd);
	*k = (struct sink){ .fd = -1 };
}

void
sinks_release(struct sinks *s)
{
	release_one(&s->out);
	release_one(&s->err);
	buf_release(&s->body_text);
	buf_release(&s->err_text);
}
