/*
 * handler_env.c - the environment of handlers, built from nothing.  A caller
 * chooses values and the ends of some names, never a name: metadata comes as
 * MUX_META_ and what is left of its key, if that is made of letters, digits
 * and '_'.
 *
 * Invariant: no variable of ours passes that was not asked for, and none of
 * the caller's outside MUX_META_.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "handler_env.h"
#include "methods.h"
#include "mux_io.h"
#include "opt.h"

#define META_COUNT	64u	/* more are left out */
#define META_BYTES	8192u
#define OWN		"MUX_"

/* Strings, one behind the other, and how many; without memory neither. */
struct env {
	FILE *f;
	char *text;
	size_t len, n;
};

static bool
env_begin(struct env *e)
{
	*e = (struct env){ 0 };
	return (e->f = open_memstream(&e->text, &e->len)) != NULL;
}

/* The vector and its strings, as one block. */
static char **
env_end(struct env *e, char *const *base)
{
	size_t n_base = 0, at = 0, i;
	bool good = ferror(e->f) == 0;
	char **v = NULL, *p;

	good = fclose(e->f) == 0 && good;
	while (base != NULL && base[n_base] != NULL)
		n_base++;
	if (good)
		v = malloc((n_base + e->n + 1) * sizeof(*v) + e->len);
	if (v != NULL) {
		p = (char *)(v + n_base + e->n + 1);
		memcpy(p, e->text, e->len);
		for (i = 0; i < n_base; i++)
			v[i] = base[i];
		for (i = 0; i < e->n; i++) {
			v[n_base + i] = p + at;
			at += strlen(p + at) + 1;
		}
		v[n_base + e->n] = NULL;
	}
	free(e->text);
	return v;
}

static void
put(struct env *e, const char *name, const char *val)
{
	fprintf(e->f, "%s=%s%c", name, val, 0);
	e->n++;
}

static void
put_u64(struct env *e, const char *name, uint64_t val)
{
	fprintf(e->f, "%s=%" PRIu64 "%c", name, val, 0);
	e->n++;
}

/* ---- for all ---- */

static const char *const passed[] = { "PATH", "HOME", "LANG" };

/* Does a word of --env speak of this name? */
static bool
is_given(const struct opt_list *list, const struct opt_item *from,
    const char *name, size_t len)
{
	const struct opt_item *i = from != NULL ?
	    STAILQ_NEXT(from, next) : STAILQ_FIRST(&list->head);

	for (; i != NULL; i = STAILQ_NEXT(i, next))
		if (strncmp(i->word, name, len) == 0 &&
		    (i->word[len] == '=' || i->word[len] == '\0'))
			return true;
	return false;
}

/* The last one of a name counts. */
static int
put_given(struct env *e, const struct opt_list *list,
    const struct opt_item *i, struct mux_why *why)
{
	size_t len = strcspn(i->word, "=");
	const char *val;

	if (len == 0 || strncmp(i->word, OWN, strlen(OWN)) == 0) {
		*why = (struct mux_why){ 0 };
		snprintf(why->text, sizeof(why->text), "%s: %.200s: expected "
		    "NAME or NAME=VALUE, and not MUX_...", i->where, i->word);
		return MUX_E_INVAL;
	}
	if (is_given(list, i, i->word, len))
		return 0;
	if (i->word[len] == '=')
		fprintf(e->f, "%s%c", i->word, 0);
	else if ((val = getenv(i->word)) != NULL)
		fprintf(e->f, "%s=%s%c", i->word, val, 0);
	else
		return 0;
	e->n++;
	return 0;
}

int
handler_env_base(const struct opt_list *list, char ***out,
    struct mux_why *why)
{
	const struct opt_item *i;
	const char *val;
	struct env e;
	char **v;
	int err = 0;

	*why = (struct mux_why){ .text = "out of memory" };
	if (!env_begin(&e))
		return MUX_E_NOMEM;
	for (size_t k = 0; k < sizeof(passed) / sizeof(passed[0]); k++)
		if (!is_given(list, NULL, passed[k], strlen(passed[k])) &&
		    (val = getenv(passed[k])) != NULL)
			put(&e, passed[k], val);
	STAILQ_FOREACH(i, &list->head, next)
		if ((err = put_given(&e, list, i, why)) != 0)
			break;
	v = env_end(&e, NULL);
	if (err == 0 && v == NULL)
		err = MUX_E_NOMEM;
	if (err != 0) {
		free(v);
		return err;
	}
	*out = v;
	return 0;
}

/* ---- for one ---- */

static bool
may_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool
is_key(const struct mux_bytes *key)
{
	const char *p = key->p;

	for (size_t i = 0; i < key->len; i++)
		if (!may_name(p[i]))
			return false;
	return key->len > 0;
}

static bool
same_key(const struct mux_bytes *a, const struct mux_bytes *b)
{
	const char *p = a->p, *q = b->p;

	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (upper(p[i]) != upper(q[i]))
			return false;
	return true;
}

/* Of several that would have one name the first counts: programs differ in
 * which they would take. */
static bool
is_new(const struct mux_meta *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_key(&all[i].key, &all[n].key))
			return false;
	return true;
}

static uint64_t
le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void
put_meta(struct env *e, const struct mux_meta *m)
{
	const char *key = m->key.p;

	fputs("MUX_META_", e->f);
	for (size_t i = 0; i < m->key.len; i++)
		fputc(upper(key[i]), e->f);
	fputc('=', e->f);
	if (m->kind == MUX_META_U64 && m->value.len == 8)
		fprintf(e->f, "%" PRIu64, le64(m->value.p));
	else
		fwrite(m->value.p, 1, m->value.len, e->f);
	fputc('\0', e->f);
	e->n++;
}

static bool
is_text(const struct mux_meta *m)
{
	if (m->kind == MUX_META_U64 && m->value.len == 8)
		return true;
	return m->value.len == 0 ||
	    memchr(m->value.p, 0, m->value.len) == NULL;
}

static void
put_metas(struct env *e, const struct mux_meta *m, size_t n)
{
	size_t count = 0, bytes = 0, len;

	for (size_t i = 0; i < n && count < META_COUNT; i++) {
		len = m[i].key.len + m[i].value.len;
		if (!is_key(&m[i].key) || !is_text(&m[i]) ||
		    !is_new(m, i) || bytes + len > META_BYTES)
			continue;
		put_meta(e, &m[i]);
		bytes += len;
		count++;
	}
}

char **
handler_env(char *const *base, const struct work *w)
{
	uint64_t now = mux_loop_now(w->all->loop);
	struct env e;

	if (!env_begin(&e))
		return NULL;
	put(&e, "MUX_METHOD", w->method->name);
	put_u64(&e, "MUX_ID", w->id);
	if (w->peer->have_uid)
		put_u64(&e, "MUX_PEER_UID", w->peer->uid);
	put(&e, "MUX_PEER_ADDR", w->peer->addr);
	if (w->deadline != UINT64_MAX)
		put_u64(&e, "MUX_DEADLINE_MS", w->deadline > now ?
		    (w->deadline - now) / 1000000 : 0);
	put_metas(&e, w->q.meta, w->q.n_meta);
	return env_end(&e, base);
}
