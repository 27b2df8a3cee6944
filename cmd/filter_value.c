/*
 * filter_value.c - what a field is compared with: does the word fit the field
 * and the operator, and what is it then.  Invariant: afterwards a node has a
 * pattern, a text or a number, never two of them; and no pattern makes
 * regcomp(3) use more than a moderate amount of memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "filter_int.h"
#include "opt.h"
#include "seen.h"

#define SECOND	UINT64_C(1000000000)

/* ---- numbers ---- */

static int
to_number(const char *word, uint64_t *num)
{
	char *end;

	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
		if (strlen(word) < 3 || strlen(word) > 18 || strspn(word + 2,
		    "0123456789abcdefABCDEF") != strlen(word + 2))
			return -1;
		*num = strtoull(word, &end, 16);
		return 0;
	}
	return opt_size(word, num);
}

/* 2026-11-21T12:00:00.5, UTC. */
static int
to_date(const char *word, uint64_t *ns)
{
	struct tm tm = { 0 };
	const char *p = strptime(word, "%Y-%m-%dT%H:%M:%S", &tm);
	uint64_t frac = 0, unit = SECOND;
	time_t t;

	if (p == NULL || (t = timegm(&tm)) < 0 ||
	    (uint64_t)t > UINT64_MAX / SECOND - 1)
		return -1;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9' && unit > 1; p++)
			frac += (uint64_t)(*p - '0') * (unit /= 10);
	if (*p == 'Z')
		p++;
	*ns = (uint64_t)t * SECOND + frac;
	return *p == '\0' ? 0 : -1;
}

static int
to_flag(const char *word, uint64_t *num)
{
	bool on;

	if (strcmp(word, "0") == 0 || strcmp(word, "1") == 0)
		on = word[0] == '1';
	else if (opt_switch(word, &on) != 0)
		return -1;
	*num = on;
	return 0;
}

static int
numeric(struct node *node, struct filter_error *err)
{
	enum field_kind kind = node->ref.field->kind;
	const char *want = "a number: 1000, 64K, 0x1f";
	int r;

	if (kind == FIELD_TIME) {
		want = "a time: 2.5s, 10ms, 2m";
		r = opt_duration(node->text, &node->num);
		if (r != 0 && strcmp(node->ref.field->name, "time") == 0) {
			want = "a date: 2026-11-21T12:00:00";
			r = to_date(node->text, &node->num);
		}
	} else if (kind == FIELD_FLAG) {
		want = "0 or 1";
		r = to_flag(node->text, &node->num);
	} else
		r = to_number(node->text, &node->num);
	if (r != 0) {
		snprintf(err->text, sizeof(err->text), "%s is %s, not %.60s",
		    node->ref.field->name, want, node->text);
		return -1;
	}
	free(node->text);
	node->text = NULL;
	return 0;
}

/* ---- words ---- */

static const char *
next_word(void *arg)
{
	const char *const **words = arg;

	return **words != NULL ? *(*words)++ : NULL;
}

static int
known_word(const struct node *node, struct filter_error *err)
{
	const char *const *words = node->ref.field->words, *near;

	for (; *words != NULL; words++)
		if (strcmp(*words, node->text) == 0)
			return 0;
	words = node->ref.field->words;
	near = opt_nearest(node->text, next_word, &words);
	snprintf(err->text, sizeof(err->text), "no such %s: %.60s%s%s%s",
	    node->ref.field->name, node->text, near != NULL ? " (" : "",
	    near != NULL ? near : "", near != NULL ? "?)" : "");
	return -1;
}

/* ---- patterns ---- */

/* glibc copies what is repeated with + or {}, once for each time. */
static const char *
repeats(const char *p, uint64_t *cost)
{
	unsigned long from, to;
	char *end;

	for (;; p++) {
		if (*p == '+')
			*cost *= 2;
		else if (*p == '{' && p[1] >= '0' && p[1] <= '9') {
			from = to = strtoul(p + 1, &end, 10);
			if (*end == ',')
				to = strtoul(end + 1, &end, 10);
			to = to < from + 1 ? from + 1 : to;
			*cost = to > FILTER_RE_COST ? FILTER_RE_COST + 1 :
			    *cost * to;
			p = *end == '}' ? end : p;
		} else if (*p != '*' && *p != '?')
			return p;
		if (*cost > FILTER_RE_COST)
			*cost = FILTER_RE_COST + 1;
	}
}

static const char *
set(const char *p)
{
	p += *p == '^';
	p += *p == ']';
	while (*p != '\0' && *p != ']')
		p++;
	return *p == ']' ? p + 1 : p;
}

static uint64_t
cost_of(const char **at, unsigned depth)
{
	uint64_t sum = 1, one;
	const char *p = *at;

	while (*p != '\0' && (*p != ')' || depth == 0) &&
	    sum <= FILTER_RE_COST) {
		one = 1;
		if (*p == '(' && depth == FILTER_DEPTH)
			return FILTER_RE_COST + 1;
		if (*p == '(') {
			p++;
			one = cost_of(&p, depth + 1);
			p += *p == ')';
		} else if (*p == '[')
			p = set(p + 1);
		else
			p += *p == '\\' && p[1] != '\0' ? 2 : 1;
		p = repeats(p, &one);
		sum += one;
	}
	*at = p;
	return sum;
}

static int
pattern(struct node *node, struct filter_error *err)
{
	const char *p = node->text;
	size_t used;
	int r;

	if (node->n > FILTER_RE_MAX || cost_of(&p, 0) > FILTER_RE_COST) {
		snprintf(err->text, sizeof(err->text),
		    "this pattern is too large, or repeats too much");
		return -1;
	}
	r = regcomp(&node->re, node->text, REG_EXTENDED);
	if (r != 0) {
		used = (size_t)snprintf(err->text, sizeof(err->text),
		    "bad pattern: ");
		regerror(r, &node->re, err->text + used,
		    sizeof(err->text) - used);
		return -1;
	}
	node->have_re = true;
	node->room = malloc(SEEN_HEAD + 1);
	if (node->room != NULL)
		return 0;
	snprintf(err->text, sizeof(err->text), "out of memory");
	return -1;
}

int
filter_value(struct node *node, const char *op, struct filter_error *err)
{
	enum field_kind kind = node->ref.field->kind;
	bool text = kind == FIELD_WORD || kind == FIELD_BYTES;
	bool like = node->op == OP_LIKE || node->op == OP_UNLIKE;
	bool order = node->op >= OP_LT && node->op <= OP_GE;

	if (like != text && like) {
		err->at = 0;
		snprintf(err->text, sizeof(err->text), "%s is for text, and "
		    "%s is none: one of == != < <= > >=", op,
		    node->ref.field->name);
		return -1;
	}
	if (order && (text || kind == FIELD_FLAG)) {
		err->at = 0;
		snprintf(err->text, sizeof(err->text), "%s is for numbers and "
		    "times, and %s is neither: one of == !=%s", op,
		    node->ref.field->name, text ? " ~ !~" : "");
		return -1;
	}
	if (!text)
		return numeric(node, err);
	if (like)
		return pattern(node, err);
	return node->ref.field->words != NULL ? known_word(node, err) : 0;
}
