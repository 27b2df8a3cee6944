/*
 * opt_value.c - what the words of options mean, and storing that in fields.
 * Knows neither verbs nor where a word came from.  A word is taken whole or
 * not at all: no leading blanks, signs or trailing letters that a C library
 * function would let pass.  What it must remember it keeps until the process
 * ends, because options live as long.
 */
#include <bsd/libutil.h>
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

#include "opt.h"

#define DIGITS		"0123456789"
#define NS		UINT64_C(1000000000)

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "", NS },
	{ "ns", 1 },
	{ "us", NS / 1000000 },
	{ "ms", NS / 1000 },
	{ "s", NS },
	{ "m", 60 * NS },
	{ "h", 3600 * NS }
};

static const struct unit *
find_unit(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* Adds the digits at *p, each worth a tenth of the one before. */
static uint64_t
fraction(const char **p, uint64_t unit)
{
	uint64_t ns = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		unit /= 10;
		ns += unit * (uint64_t)(**p - '0');
	}
	return ns;
}

int
opt_duration(const char *word, uint64_t *ns)
{
	size_t n_int = strspn(word, DIGITS), n_frac = 0;
	const char *p = word + n_int, *frac = NULL;
	const struct unit *unit;
	uint64_t n = 0, v;

	if (*p == '.') {
		frac = p + 1;
		n_frac = strspn(frac, DIGITS);
		p = frac + n_frac;
	}
	unit = find_unit(p);
	if (n_int == 0 || (frac != NULL && n_frac == 0) || unit == NULL)
		return -1;
	for (p = word; p < word + n_int; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return -1;
	if (__builtin_mul_overflow(n, unit->ns, &v))
		return -1;
	if (frac != NULL &&
	    __builtin_add_overflow(v, fraction(&frac, unit->ns), &v))
		return -1;
	/* 292 years: added to any time of day this does not overflow. */
	if (v > INT64_MAX)
		return -1;
	*ns = v;
	return 0;
}

int
opt_size(const char *word, uint64_t *size)
{
	size_t n = strspn(word, DIGITS);
	uint64_t v;

	/* expand_number() takes a leading zero for octal, and does not see
	 * that digits alone are too large. */
	if (n == 0 || n > 19 || (n > 1 && word[0] == '0') ||
	    strlen(word + n) > 1)
		return -1;
	if (word[n] != '\0' && strchr("kKmMgGtT", word[n]) == NULL)
		return -1;
	if (expand_number(word, &v) != 0)
		return -1;
	*size = v;
	return 0;
}

int
opt_number(const char *word, int64_t min, int64_t max, int64_t *out)
{
	const char *err, *digits = word + (word[0] == '-');
	int64_t v;

	if (digits[0] == '\0' || digits[strspn(digits, DIGITS)] != '\0')
		return -1;
	v = strtonum(word, min, max, &err);
	if (err != NULL)
		return -1;
	*out = v;
	return 0;
}

void
opt_within(const struct opt_common *com, char buf[OPT_WITHIN])
{
	snprintf(buf, OPT_WITHIN, "within the %.6g s of %s (-t 0: no limit)",
	    (double)com->timeout / 1e9,
	    com->timeout_from != NULL ? com->timeout_from : "-t");
}

/* ---- fields ---- */

/* The latest first, for opt_forget(). */
struct chunk {
	struct chunk *next;
	union {
		struct opt_item item;
		char text[1];
	} u;
};

static struct chunk *chunks;

static void *
keep(size_t size)
{
	struct chunk *c = calloc(1, sizeof(*c) + size);

	if (c == NULL)
		return NULL;
	c->next = chunks;
	chunks = c;
	return &c->u;
}

void *
opt_mark(void)
{
	return chunks;
}

void
opt_forget(void *mark)
{
	struct chunk *c;

	while ((c = chunks) != mark) {
		chunks = c->next;
		free(c);
	}
}

char *
opt_keep(const char *text)
{
	size_t size = strlen(text) + 1;
	char *p = keep(size);

	if (p != NULL)
		memcpy(p, text, size);
	return p;
}

static struct opt_item *
keep_item(const struct opt *o, const char *word, const char *where)
{
	struct opt_item *item = keep(sizeof(*item));

	if (item == NULL || (item->where = opt_keep(where)) == NULL)
		return NULL;
	item->opt = o;
	item->word = word;
	return item;
}

void
opt_list_drop(struct opt_list *list, const struct opt *o)
{
	struct opt_item *item, *next;

	STAILQ_FOREACH_SAFE(item, &list->head, next, next) {
		if (item->opt != o)
			continue;
		STAILQ_REMOVE(&list->head, item, opt_item, next);
		list->n--;
	}
}

int
opt_switch(const char *word, bool *on)
{
	static const char *const words[] = {
		"no", "yes", "false", "true", "off", "on"
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		*on = i % 2 == 1;
		return 0;
	}
	return -1;
}

static int
set_flag(const char *word, bool *on)
{
	if (word == NULL || strcmp(word, "1") == 0)
		*on = true;
	else if (strcmp(word, "0") == 0)
		*on = false;
	else
		return opt_switch(word, on);
	return 0;
}

static int
set_enum(const char *names, const char *word, int *out)
{
	size_t len, word_len = strlen(word);
	int i = 0;

	for (;; i++) {
		len = strcspn(names, "|");
		if (len == word_len && strncmp(names, word, len) == 0) {
			*out = i;
			return 0;
		}
		if (names[len] == '\0')
			return -1;
		names += len + 1;
	}
}

/* Numbers of all kinds; what was expected goes to `want`. */
static int
set_number(const struct opt *o, const char *word, void *field, char *want,
    size_t size)
{
	int64_t max = o->max != 0 ? o->max : INT64_MAX;
	uint64_t v;

	switch (o->kind) {
	case OPT_DURATION:
		snprintf(want, size, "a duration (250ms, 5s, 2m, 1h, or "
		    "seconds)");
		return opt_duration(word, field);
	case OPT_SIZE:
		if (o->max != 0)
			snprintf(want, size, "a size from %jd to %jd (bytes, "
			    "or 64K, 4M, 1G)", (intmax_t)o->min,
			    (intmax_t)o->max);
		else
			snprintf(want, size, "a size, %jd or more (bytes, or "
			    "64K, 4M, 1G)", (intmax_t)o->min);
		if (opt_size(word, &v) != 0 || v > (uint64_t)max ||
		    v < (uint64_t)o->min)
			return -1;
		*(uint64_t *)field = v;
		return 0;
	default:
		if (o->max != 0)
			snprintf(want, size, "a number from %jd to %jd",
			    (intmax_t)o->min, (intmax_t)o->max);
		else
			snprintf(want, size, "a number, %jd or more",
			    (intmax_t)o->min);
		return opt_number(word, o->min, max, field);
	}
}

static int
set_counter(const char *word, int *count)
{
	int64_t n;

	if (word == NULL) {
		++*count;
		return 0;
	}
	if (opt_number(word, 0, 100, &n) != 0)
		return -1;
	*count = (int)n;
	return 0;
}

static int
set_list(const struct opt *o, const char *word, const char *where,
    struct opt_list *list)
{
	struct opt_item *item = keep_item(o, word, where);

	if (item == NULL)
		return -1;
	STAILQ_INSERT_TAIL(&list->head, item, next);
	list->n++;
	return 0;
}

int
opt_store(const struct opt *o, const char *word, const char *where,
    void *field, char *want, size_t size)
{
	switch (o->kind) {
	case OPT_FLAG:
		strlcpy(want, "yes or no", size);
		return set_flag(word, field);
	case OPT_COUNTER:
		strlcpy(want, "a small number", size);
		return set_counter(word, field);
	case OPT_STRING:
		*(const char **)field = word;
		return 0;
	case OPT_ENUM:
		snprintf(want, size, "one of %s", o->argname);
		return set_enum(o->argname, word, field);
	case OPT_LIST:
		strlcpy(want, "more memory", size);
		return set_list(o, word, where, field);
	default:
		return set_number(o, word, field, want, size);
	}
}

void
opt_unset(const struct opt *o, void *field)
{
	if (o->kind == OPT_STRING)
		*(const char **)field = NULL;
	else
		*(uint64_t *)field = OPT_UNSET;
}
