/*
 * methods.c - the list of what serve answers to.  It runs nothing and knows
 * nothing of calls.  Invariants: names are unique and sorted; what begins
 * with "mux." is built in; a method that can be found can be run, as far as
 * its words are concerned.
 */
#include <bsd/string.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin.h"
#include "dispatch.h"
#include "methods.h"
#include "mux_io.h"
#include "opt.h"

#define RESERVED	"mux."

struct methods {
	struct method **list;	/* sorted by name */
	size_t n, cap;
	size_t n_refs;
	struct method *unnamed;	/* what no name means, or NULL */
	struct method *last;	/* that was found, or NULL */
	size_t last_len;	/* of its name */
};

/* ---- the list ---- */

struct methods *
methods_new(void)
{
	struct methods *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->n_refs = 1;
	if (builtin_add(m) == 0)
		return m;
	methods_unref(m);
	return NULL;
}

struct methods *
methods_ref(struct methods *m)
{
	m->n_refs++;
	return m;
}

static void
method_free(struct method *me)
{
	if (me->ops != NULL && me->ops->forget != NULL)
		me->ops->forget(me);
	/* of a program the words are one block, of a shell they are ours */
	if (me->kind != METHOD_BUILTIN)
		free(me->about);
	free(me->argv);
	free(me->line);
	free(me->name);
	free(me);
}

void
methods_unref(struct methods *m)
{
	if (m == NULL || --m->n_refs > 0)
		return;
	for (size_t i = 0; i < m->n; i++)
		method_free(m->list[i]);
	free(m->list);
	free(m);
}

static int
compare(const char *name, size_t len, const struct method *me)
{
	size_t other = strlen(me->name);
	int d = memcmp(name, me->name, len < other ? len : other);

	return d != 0 ? d : len < other ? -1 : len > other;
}

/* Where it is, or would be. */
static size_t
position(const struct methods *m, const char *name, size_t len, bool *there)
{
	size_t low = 0, high = m->n, mid;
	int d;

	*there = false;
	while (low < high) {
		mid = low + (high - low) / 2;
		d = compare(name, len, m->list[mid]);
		if (d == 0) {
			*there = true;
			return mid;
		}
		if (d < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

struct method *
methods_find(struct methods *m, const char *name, size_t len)
{
	bool there;
	size_t at;

	if (len == 0)
		return m->unnamed;
	/* who calls many times calls the same */
	if (m->last != NULL && m->last_len == len &&
	    memcmp(m->last->name, name, len) == 0)
		return m->last;
	at = position(m, name, len, &there);
	if (!there)
		return NULL;
	m->last = m->list[at];
	m->last_len = len;
	return m->last;
}

struct method *
methods_next(struct methods *m, struct method *prev)
{
	bool there;
	size_t at = 0;

	if (prev != NULL)
		at = position(m, prev->name, strlen(prev->name), &there) + 1;
	return at < m->n ? m->list[at] : NULL;
}

bool
methods_any(const struct methods *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i]->kind != METHOD_BUILTIN)
			return true;
	return false;
}

/* ---- adding ---- */

static int
no_memory(struct mux_why *why)
{
	*why = (struct mux_why){ .text = "out of memory" };
	return MUX_E_NOMEM;
}

static int
wrong(struct mux_why *why, const char *word, const char *what)
{
	*why = (struct mux_why){ 0 };
	snprintf(why->text, sizeof(why->text), "%.200s: %s", word, what);
	return MUX_E_INVAL;
}

/* Room for one more, and at its place. */
static int
insert(struct methods *m, struct method *me)
{
	size_t cap = m->cap == 0 ? 16 : 2 * m->cap, at;
	struct method **list = m->list;
	bool there;

	if (m->n == m->cap) {
		list = reallocarray(list, cap, sizeof(struct method *));
		if (list == NULL)
			return MUX_E_NOMEM;
		m->list = list;
		m->cap = cap;
	}
	at = position(m, me->name, strlen(me->name), &there);
	memmove(list + at + 1, list + at, (m->n - at) * sizeof(list[0]));
	list[at] = me;
	m->n++;
	return 0;
}

static struct method *
method_new(const char *name, size_t len, enum method_kind kind)
{
	struct method *me = calloc(1, sizeof(*me));

	if (me == NULL || (me->name = strndup(name, len)) == NULL) {
		free(me);
		return NULL;
	}
	me->kind = kind;
	me->timeout = UINT64_MAX;
	return me;
}

/* sh -c TEXT NAME: what the caller gives comes behind, as $1 and on. */
static int
shell_words(struct method *me, const char *text)
{
	size_t name = strlen(me->name) + 1, len = strlen(text) + 1;
	char **argv = malloc(5 * sizeof(*argv) + 11 + name + len);
	char *p = (char *)(argv + 5);

	if (argv == NULL)
		return MUX_E_NOMEM;
	memcpy(p, "/bin/sh\0-c", 11);
	argv[0] = p;
	argv[1] = p + 8;
	argv[2] = memcpy(p + 11, text, len);
	argv[3] = memcpy(p + 11 + len, me->name, name);
	argv[4] = NULL;
	me->argv = argv;
	return 0;
}

static int
method_words(struct method *me, const char *word, const char *text,
    struct mux_why *why)
{
	int err;

	if ((me->line = strdup(text)) == NULL)
		return no_memory(why);
	if (me->kind == METHOD_SHELL)
		return shell_words(me, text) == 0 ? 0 : no_memory(why);
	if ((err = mux_split_words(text, &me->argv, why)) != 0)
		return err;
	if (me->argv[0] == NULL || me->argv[0][0] == '\0')
		return wrong(why, word, "expected a program behind the '='");
	return 0;
}

static const struct work_ops *
ops_of(enum method_kind kind)
{
	switch (kind) {
	case METHOD_SHELL:
	case METHOD_PROGRAM:
		return &handler_ops;
	case METHOD_WORKER:
		return &worker_ops;
	default:
		return NULL;
	}
}

static int
check_name(struct methods *m, const char *word, size_t len,
    struct mux_why *why)
{
	if (len >= strlen(RESERVED) &&
	    memcmp(word, RESERVED, strlen(RESERVED)) == 0)
		return wrong(why, word, "names that begin with mux. are "
		    "built in");
	if (methods_find(m, word, len) != NULL)
		return wrong(why, word, "there is a method of this name "
		    "already");
	return 0;
}

int
methods_add(struct methods *m, enum method_kind kind, const char *word,
    struct mux_why *why)
{
	const char *eq = strchr(word, '=');
	size_t len = eq == NULL ? 0 : (size_t)(eq - word);
	struct method *me;
	int err;

	if (len == 0)
		return wrong(why, word, "expected NAME=COMMAND");
	if ((err = check_name(m, word, len, why)) != 0)
		return err;
	if ((me = method_new(word, len, kind)) == NULL)
		return no_memory(why);
	me->ops = ops_of(kind);
	err = method_words(me, word, eq + 1, why);
	if (err == 0 && (err = insert(m, me)) != 0)
		no_memory(why);
	if (err != 0)
		method_free(me);
	return err;
}

int
methods_add_program(struct methods *m, const char *name, const char *path,
    char *about, struct mux_why *why)
{
	size_t len = strlen(path) + 1;
	struct method *me;
	int err = check_name(m, name, strlen(name), why);

	if (err != 0)
		return err;
	me = method_new(name, strlen(name), METHOD_PROGRAM);
	if (me == NULL)
		return no_memory(why);
	me->ops = ops_of(METHOD_PROGRAM);
	me->line = strdup(path);
	me->argv = malloc(2 * sizeof(*me->argv) + len);
	if (me->line == NULL || me->argv == NULL || insert(m, me) != 0) {
		method_free(me);
		return no_memory(why);
	}
	me->argv[0] = memcpy(me->argv + 2, path, len);
	me->argv[1] = NULL;
	me->about = about;
	return 0;
}

int
methods_add_builtin(struct methods *m, const char *name,
    const struct work_ops *ops, bool own_uid, const char *about)
{
	struct method *me = method_new(name, strlen(name), METHOD_BUILTIN);

	if (me == NULL)
		return MUX_E_NOMEM;
	me->ops = ops;
	me->own_uid = own_uid;
	me->about = (char *)(uintptr_t)about;
	if (insert(m, me) == 0)
		return 0;
	method_free(me);
	return MUX_E_NOMEM;
}

int
methods_unnamed(struct methods *m, const char *name)
{
	m->unnamed = methods_find(m, name, strlen(name));
	return m->unnamed != NULL ? 0 : -1;
}

/* ---- limits ---- */

static int
set_limit(struct method *me, const char *key, const char *val)
{
	if (strcmp(key, "jobs") == 0)
		return opt_number(val, 0, INT32_MAX, &me->jobs);
	if (strcmp(key, "queue") == 0)
		return opt_number(val, 0, INT32_MAX, &me->queue);
	if (strcmp(key, "timeout") == 0)
		return opt_duration(val, &me->timeout);
	return -1;
}

static int
set_limits(struct method *me, char *list)
{
	char *part, *colon;

	while ((part = strsep(&list, ",")) != NULL) {
		if ((colon = strchr(part, ':')) == NULL)
			return -1;
		*colon = '\0';
		if (set_limit(me, part, colon + 1) != 0)
			return -1;
	}
	return 0;
}

int
methods_limit(struct methods *m, const char *word, struct mux_why *why)
{
	const char *eq = strchr(word, '=');
	struct method *me;
	char *list;
	int err;

	if (eq == NULL)
		return wrong(why, word, "expected NAME=LIMITS");
	me = methods_find(m, word, (size_t)(eq - word));
	if (me == NULL)
		return wrong(why, word, "there is no method of this name");
	if ((list = strdup(eq + 1)) == NULL)
		return no_memory(why);
	err = set_limits(me, list);
	free(list);
	return err == 0 ? 0 : wrong(why, word,
	    "expected jobs:N, queue:N or timeout:D, joined by ','");
}
