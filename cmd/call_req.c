/*
 * call_req.c - the request that the options of call describe: its method and
 * arguments, its metadata, its body.  It sends nothing.  Invariant: a secret
 * comes from a file that only its owner can read, never from the words of the
 * command, and is marked so that nobody logs it.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "cmd.h"
#include "out.h"
#include "utf8.h"

#define KEY_MAX		256u
#define VALUE_MAX	16384u	/* mux(7), META */

struct call_meta {
	struct mux_meta *v;
	size_t n;
	struct mux_bytes *args;
};

/* ---- metadata ---- */

void
call_meta_free(struct call_meta *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < m->n; i++)
		free((void *)(uintptr_t)m->v[i].value.p);
	free(m->v);
	free(m->args);
	free(m);
}

/* A pipe is fine: whoever can open it was given it. */
static int
check_mode(int fd, const struct opt_item *i, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return say_exit(CMD_USAGE, "%s: %s: %s", i->where, path,
		    strerror(errno));
	if (S_ISREG(st.st_mode) && ((st.st_mode & 077) != 0 ||
	    (st.st_uid != geteuid() && st.st_uid != 0)))
		return say_exit(CMD_USAGE, "%s: %s: mode %04o: a secret is "
		    "for its owner only (chmod 600)", i->where, path,
		    st.st_mode & 07777);
	return 0;
}

/* One byte more than may be is enough to see that it is too much. */
static int
read_value(int fd, char *buf, size_t *len)
{
	ssize_t n;

	for (*len = 0; *len <= VALUE_MAX; *len += (size_t)n) {
		n = read(fd, buf + *len, VALUE_MAX + 1 - *len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n < 0 ? -1 : 0;
	}
	return 0;
}

static int
value_of_file(const struct opt_item *i, const char *path, bool secret,
    char *buf, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r = 0;

	if (fd < 0)
		return say_exit(CMD_USAGE, "%s: %s: %s", i->where, path,
		    strerror(errno));
	if (secret)
		r = check_mode(fd, i, path);
	if (r == 0 && read_value(fd, buf, len) != 0)
		r = say_exit(CMD_USAGE, "%s: %s: %s", i->where, path,
		    strerror(errno));
	close(fd);
	if (r == 0 && *len > 0 && buf[*len - 1] == '\n')
		--*len;
	return r;
}

static int
add_meta(struct call_meta *m, const struct opt_item *i)
{
	bool secret = strcmp(i->opt->lng, "meta-secret") == 0;
	const char *value = strchr(i->word, '=');
	struct mux_meta *to = &m->v[m->n];
	char *buf;
	size_t key, len;
	int r;

	key = value != NULL ? (size_t)(value++ - i->word) : 0;
	/* What was given by mistake might be the secret itself. */
	if (key == 0 || key > KEY_MAX || (secret && value[0] != '@'))
		return say_exit(CMD_USAGE, "%s: expected %s, KEY of 1 to %u "
		    "bytes", i->where, secret ? "KEY=@FILE" :
		    "KEY=VALUE or KEY=@FILE", KEY_MAX);
	len = value[0] == '@' ? VALUE_MAX : strlen(value);
	if ((buf = malloc(len + 1)) == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	to->value.p = buf;
	m->n++;
	if (value[0] != '@')
		memcpy(buf, value, len);
	else if ((r = value_of_file(i, value + 1, secret, buf, &len)) != 0)
		return r;
	if (len > VALUE_MAX)
		return say_exit(CMD_USAGE, "%s: the value of %.*s has more "
		    "than %u bytes", i->where, (int)key, i->word, VALUE_MAX);
	to->key = (struct mux_bytes){ i->word, key };
	to->value.len = len;
	to->kind = (uint8_t)(utf8_valid(buf, len) ? MUX_META_STRING :
	    MUX_META_BYTES);
	to->flags = (uint8_t)(secret ? MUX_META_SENSITIVE : 0);
	return 0;
}

int
call_meta_read(struct call *c)
{
	const struct call_opts *o = &c->opts;
	const struct opt_item *i;
	struct call_meta *m;
	size_t n;
	int r;

	if ((m = c->meta = calloc(1, sizeof(*m))) == NULL ||
	    (m->v = calloc(o->meta.n + 1, sizeof(*m->v))) == NULL ||
	    (m->args = calloc(o->n_args + 1, sizeof(*m->args))) == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	STAILQ_FOREACH(i, &o->meta.head, next)
		if ((r = add_meta(m, i)) != 0)
			return r;
	for (n = 0; n < o->n_args; n++)
		m->args[n] = (struct mux_bytes){ o->args[n],
		    strlen(o->args[n]) };
	return 0;
}

void
call_request(const struct call *c, struct mux_request *q)
{
	const struct call_opts *o = &c->opts;

	*q = (struct mux_request){
		.size = sizeof(*q),
		.args = c->meta->args,
		.n_args = o->n_args,
		.meta = c->meta->v,
		.n_meta = c->meta->n,
		.have_priority = o->priority >= 0,
		.priority = (uint8_t)(o->priority >= 0 ? o->priority : 0)
	};
	if (o->method != NULL)
		q->method = (struct mux_bytes){ o->method,
		    strlen(o->method) };
}

/* ---- the body ---- */

static int
body_of_stdin(struct call_body *b)
{
	b->inherited = true;
	b->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return b->fd >= 0 ? 0 : say_exit(CMD_USAGE, "standard input: %s",
	    strerror(errno));
}

static int
body_of_file(const struct opt_item *i, const char *path, struct call_body *b)
{
	struct stat st;
	int err = 0;

	b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (b->fd < 0 || fstat(b->fd, &st) != 0)
		err = errno;
	else if (S_ISDIR(st.st_mode))
		err = EISDIR;
	b->again = err == 0 && S_ISREG(st.st_mode);
	if (err == 0)
		return 0;
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	return say_exit(CMD_USAGE, "%s: %s: %s", i->where, path,
	    strerror(err));
}

int
call_body(const struct call *c, struct call_body *b)
{
	const struct opt_item *i = STAILQ_FIRST(&c->opts.data.head);

	*b = (struct call_body){ .fd = -1 };
	if (call_reads_stdin(&c->opts))
		return body_of_stdin(b);
	if (i == NULL)
		return 0;
	if (strcmp(i->opt->lng, "data") == 0 && i->word[0] == '@')
		return body_of_file(i, i->word + 1, b);
	b->p = i->word;
	b->len = strlen(i->word);
	return 0;
}
