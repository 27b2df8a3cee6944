/*
 * filter.c - asks an expression about frames, and says what is wrong with one.
 * Invariant: asking has no memory and takes none; the depth of its recursion
 * is bounded by FILTER_NODES.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "filter_int.h"
#include "out.h"
#include "seen.h"

#define SHOWN_BEFORE	40u	/* of a long expression, around the spot */
#define SHOWN		70u

struct filter *
filter_new(const char *expr, struct filter_error *err)
{
	struct filter *f = calloc(1, sizeof(*f));
	size_t n = strlen(expr) + 1;

	*err = (struct filter_error){ .text = "no memory" };
	if (f == NULL)
		return NULL;
	f->cap = n < FILTER_NODES ? n : FILTER_NODES;
	f->expr = strdup(expr);
	f->nodes = calloc(f->cap, sizeof(f->nodes[0]));
	if (f->expr == NULL || f->nodes == NULL || filter_parse(f, err) != 0) {
		filter_free(f);
		return NULL;
	}
	return f;
}

void
filter_free(struct filter *f)
{
	size_t i;

	if (f == NULL)
		return;
	for (i = 0; i < f->n; i++) {
		free(f->nodes[i].text);
		free(f->nodes[i].room);
		if (f->nodes[i].have_re)
			regfree(&f->nodes[i].re);
	}
	free(f->nodes);
	free(f->expr);
	free(f);
}

/* ---- asking ---- */

static bool
compare(const struct node *node, uint64_t v)
{
	switch (node->op) {
	case OP_LT:
		return v < node->num;
	case OP_LE:
		return v <= node->num;
	case OP_GT:
		return v > node->num;
	case OP_GE:
		return v >= node->num;
	default:
		return v == node->num;
	}
}

/* Equal, or as the pattern says; for != and !~ as well. */
static bool
same(const struct node *node, const struct value *v)
{
	size_t n = v->n < SEEN_HEAD ? v->n : SEEN_HEAD;
	regmatch_t m = { .rm_eo = (regoff_t)n };

	if (node->have_re) {
		/* REG_STARTEND takes NULs as they are; but a string has one
		 * behind it, and sanitizers look for it. */
		memcpy(node->room, v->p, n);
		node->room[n] = '\0';
		return regexec(&node->re, node->room, 1, &m,
		    REG_STARTEND) == 0;
	}
	return v->n == node->n && memcmp(v->p, node->text, v->n) == 0;
}

static bool
test_value(const struct node *node, struct value *v)
{
	char digits[24];

	if (node->text == NULL)
		return compare(node, v->num);
	/* Metadata may be a number where the field is bytes. */
	if (v->kind == FIELD_NUMBER) {
		v->n = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64,
		    v->num);
		v->p = digits;
	}
	return same(node, v);
}

static bool
test(const struct node *node, const struct seen *s)
{
	bool none = node->op == OP_NE || node->op == OP_UNLIKE;
	struct value v;
	size_t i;

	if (node->op == OP_HAS)
		return field_get(&node->ref, s, 0, &v);
	if (node->ref.field->kind == FIELD_FLAG) {
		v.num = field_get(&node->ref, s, 0, &v);
		return compare(node, v.num) != none;
	}
	for (i = 0; field_get(&node->ref, s, i, &v); i++)
		if (test_value(node, &v))
			return !none;
	return none && i > 0;
}

static bool
ask(const struct filter *f, size_t at, const struct seen *s)
{
	const struct node *node = &f->nodes[at];

	switch (node->op) {
	case OP_OR:
		return ask(f, node->left, s) || ask(f, node->right, s);
	case OP_AND:
		return ask(f, node->left, s) && ask(f, node->right, s);
	case OP_NOT:
		return !ask(f, node->left, s);
	default:
		return test(node, s);
	}
}

bool
filter_test(const struct filter *f, const struct seen *s)
{
	return ask(f, f->root, s);
}

/* ---- saying ---- */

/* How wide the first n bytes are when they are shown. */
static size_t
width(const char *p, size_t n)
{
	char *copy = strndup(p, n), *vis = copy != NULL ? out_vis(copy) : NULL;
	size_t w = vis != NULL ? strlen(vis) : 0;

	free(vis);
	free(copy);
	return w;
}

int
filter_say(const char *what, const char *expr, const struct filter_error *err)
{
	size_t at = err->at, from = at > SHOWN_BEFORE ? at - SHOWN_BEFORE : 0;
	size_t n = strlen(expr) - from;
	const char *before = from > 0 ? "..." : "", *after = "";

	if (n > SHOWN) {
		n = SHOWN;
		after = "...";
	}
	say(SAY_ERROR, "%s: %s", what, err->text);
	say(SAY_ERROR, "  %s%.*s%s", before, (int)n, expr + from, after);
	say(SAY_ERROR, "  %*s^", (int)(strlen(before) + width(expr + from,
	    at - from)), "");
	return CMD_USAGE;
}
