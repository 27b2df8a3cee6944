/*
 * one_tell.c - the result of one call in all the forms in which it is told.
 * Invariant: they agree, because they are made of one struct result.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "cmd.h"
#include "one.h"
#include "out.h"
#include "sinks.h"

static void
put_object(const struct call *c, const struct result *r,
    const struct sinks *s, FILE *f)
{
	struct result_json more = { .method = c->opts.method };
	struct jout j;

	if (s != NULL && s->keep) {
		more.body = s->body_text.p != NULL ? s->body_text.p : "";
		more.body_len = s->body_text.len;
	}
	if (s != NULL && s->err_text.p != NULL) {
		more.err_text = s->err_text.p;
		more.err_len = s->err_text.len;
	}
	jout_begin(&j, f);
	result_json(r, &more, &j);
	jout_end(&j);
}

static int
write_all(int fd, const char *p, size_t len)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		n = write(fd, p, len);
		if (n >= 0)
			continue;
		n = 0;
		if (errno == EAGAIN)
			poll(&room, 1, -1);
		else if (errno != EINTR)
			return errno;
	}
	return 0;
}

/* In one write, so that readers see a line or nothing. */
int
one_tell_fd(const struct call *c, const struct result *r)
{
	char *text = NULL;
	size_t len = 0;
	int err = ENOMEM;
	FILE *f;

	if (c->opts.status_fd < 0)
		return 0;
	if ((f = open_memstream(&text, &len)) == NULL)
		return err;
	put_object(c, r, NULL, f);
	if (fclose(f) == 0)
		err = write_all((int)c->opts.status_fd, text, len);
	free(text);
	return err;
}

/* A handler that failed by itself has said so itself. */
static void
tell_people(const struct call *c, const struct result *r,
    const struct sinks *s)
{
	if (c->signo != 0 || r->code == CMD_PIPE)
		return;
	if (r->kind == RESULT_EXIT)
		return;
	call_say(c, NULL, r);
	if (c->opts.output != NULL && s->bytes > 0)
		say(SAY_NOTE, "%s: incomplete: %ju bytes came",
		    c->opts.output, (uintmax_t)s->bytes);
}

int
one_tell(const struct call *c, const struct result *r, const struct sinks *s)
{
	const struct buf *t = &s->body_text;

	if (c->opts.oneway) {
		if (r->kind != RESULT_EXIT)
			call_say(c, NULL, r);
		return r->code;
	}
	if (r->code == CMD_OK && c->opts.list && s->keep)
		return methods_list(t->p, t->len, c->opts.json);
	if (r->code == CMD_OK && c->opts.describe != NULL && s->keep)
		return methods_describe(c->opts.describe, t->p, t->len,
		    c->opts.json);
	if (c->opts.json)
		put_object(c, r, s, stdout);
	else
		tell_people(c, r, s);
	return r->code;
}
