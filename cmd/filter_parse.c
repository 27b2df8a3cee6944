/*
 * filter_parse.c - expressions as text into nodes: the grammar of filter.h.
 * Everything that can be wrong with one is found here, with its place, before
 * any frame is looked at.  Invariant: the depth of the recursion is bounded by
 * FILTER_DEPTH, the number of nodes by FILTER_NODES.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter_int.h"
#include "opt.h"

enum token { T_END, T_WORD, T_STRING, T_OPEN, T_CLOSE, T_NOT, T_AND, T_OR,
	T_OP, T_BAD };

struct parser {
	struct filter *f;
	struct filter_error *err;
	enum token token;
	enum filter_op op;	/* of T_OP */
	const char *p, *end;	/* of the token */
	unsigned depth;
};

#define BLANKS	" \t\n\r"
/* What ends a word that is not in quotes. */
#define NOT_WORD	BLANKS "()!&|=<>~\""

__attribute__((format(printf, 3, 4))) static int
fail(struct parser *p, const char *at, const char *fmt, ...)
{
	va_list ap;

	/* The first thing that is wrong is what is said. */
	p->token = T_BAD;
	p->err->at = (size_t)(at - p->f->expr);
	va_start(ap, fmt);
	vsnprintf(p->err->text, sizeof(p->err->text), fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- tokens ---- */

static const struct {
	const char *text;
	enum token token;
	enum filter_op op;
} signs[] = {			/* the longer ones first */
	{ "&&", T_AND, 0 }, { "||", T_OR, 0 }, { "==", T_OP, OP_EQ },
	{ "!=", T_OP, OP_NE }, { "<=", T_OP, OP_LE }, { ">=", T_OP, OP_GE },
	{ "!~", T_OP, OP_UNLIKE }, { "<", T_OP, OP_LT }, { ">", T_OP, OP_GT },
	{ "~", T_OP, OP_LIKE }, { "(", T_OPEN, 0 }, { ")", T_CLOSE, 0 },
	{ "!", T_NOT, 0 }
};

static int
string(struct parser *p)
{
	const char *c = p->p + 1;

	for (; *c != '"'; c++) {
		if (*c == '\\' && c[1] != '\0')
			c++;
		else if (*c == '\0')
			return fail(p, p->p, "a \" is missing");
	}
	p->token = T_STRING;
	p->end = c + 1;
	return 0;
}

static int
next(struct parser *p)
{
	size_t i, n;

	p->p = p->end + strspn(p->end, BLANKS);
	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		n = strlen(signs[i].text);
		if (strncmp(p->p, signs[i].text, n) != 0)
			continue;
		p->token = signs[i].token;
		p->op = signs[i].op;
		p->end = p->p + n;
		return 0;
	}
	if (*p->p == '"')
		return string(p);
	if (*p->p != '\0' && strchr("=&|", *p->p) != NULL)
		return fail(p, p->p, "write %c%c", *p->p, *p->p);
	p->end = p->p + strcspn(p->p, NOT_WORD);
	p->token = p->p == p->end ? T_END : T_WORD;
	return 0;
}

/* ---- nodes ---- */

static int
add(struct parser *p, struct node node, size_t *at)
{
	if (p->f->n == p->f->cap)
		return fail(p, p->p, "too long: more than %u tests",
		    FILTER_NODES / 2);
	p->f->nodes[p->f->n] = node;
	*at = p->f->n++;
	return 0;
}

static const char *
next_field(void *arg)
{
	size_t *i = arg;

	return *i < n_fields ? fields[(*i)++].name : NULL;
}

static int
field(struct parser *p, struct node *node)
{
	size_t n = (size_t)(p->end - p->p), i = 0;
	const char *near;
	char word[40];

	if (field_ref(p->p, n, &node->ref))
		return 0;
	if (node->ref.field != NULL)
		return fail(p, p->p, node->ref.field->named ?
		    "%s. needs a name behind it" : "%s has no parts",
		    node->ref.field->name);
	snprintf(word, sizeof(word), "%.*s", n < 40 ? (int)n : 39, p->p);
	near = opt_nearest(word, next_field, &i);
	return fail(p, p->p, "no such field: %s%s%s%s", word,
	    near != NULL ? " (" : "", near != NULL ? near : "",
	    near != NULL ? "?)" : "");
}

/* A word as it is; a string without its quotes.  The backslashes of a pattern
 * are its own, but for the one before a quote. */
static int
unquote(struct parser *p, struct node *node)
{
	static const char from[] = "\"\\ntr", to[] = "\"\\\n\t\r";
	bool quoted = p->token == T_STRING;
	bool re = node->op == OP_LIKE || node->op == OP_UNLIKE;
	const char *c = p->p + quoted, *end = p->end - quoted, *e;
	unsigned byte;
	char *out;

	node->text = out = malloc((size_t)(end - c) + 1);
	if (out == NULL)
		return fail(p, p->p, "no memory");
	for (; c < end; c++) {
		if (!quoted || *c != '\\' || (re && c[1] != '"'))
			*out++ = *c;
		else if (c[1] == 'x' && sscanf(c + 2, "%2x", &byte) == 1 &&
		    strspn(c + 2, "0123456789abcdefABCDEF") >= 2) {
			*out++ = (char)byte;
			c += 3;
		} else if ((e = strchr(from, c[1])) != NULL) {
			*out++ = to[e - from];
			c++;
		} else
			return fail(p, c, "\\%c means nothing: one of \\\" "
			    "\\\\ \\n \\t \\r \\xHH", c[1]);
	}
	node->n = (size_t)(out - node->text);
	*out = '\0';
	return 0;
}

static int
test(struct parser *p, size_t *at)
{
	struct node node = { .op = OP_HAS };
	const char *spot;
	char op[3] = "";

	if (field(p, &node) != 0)
		return -1;
	spot = p->p;
	if (next(p) != 0)
		return -1;
	if (p->token != T_OP)
		return add(p, node, at);
	node.op = p->op;
	memcpy(op, p->p, (size_t)(p->end - p->p));
	if (p->f->n == p->f->cap)
		return add(p, node, at);
	if (next(p) != 0)
		return -1;
	if (p->token != T_WORD && p->token != T_STRING)
		return fail(p, p->p, "a value is missing behind %s%s", op,
		    p->token == T_END ? "" : " (in quotes?)");
	/* From here on the filter frees what the node holds. */
	(void)add(p, node, at);
	if (unquote(p, &p->f->nodes[*at]) != 0)
		return -1;
	p->err->at = SIZE_MAX;
	if (filter_value(&p->f->nodes[*at], op, p->err) != 0) {
		p->err->at = (size_t)((p->err->at == 0 ? spot : p->p) -
		    p->f->expr);
		return -1;
	}
	return next(p);
}

/* ---- the grammar ---- */

static int expr(struct parser *, size_t *at);

static int
brackets(struct parser *p, size_t *at)
{
	const char *open = p->p;

	if (next(p) != 0 || expr(p, at) != 0)
		return -1;
	if (p->token != T_CLOSE)
		return fail(p, p->token == T_END ? open : p->p,
		    p->token == T_END ? "a ) is missing" :
		    "expected && or || or )");
	return next(p);
}

static int
negated(struct parser *p, size_t *at)
{
	struct node node = { .op = OP_NOT };

	if (p->depth == FILTER_DEPTH)
		return fail(p, p->p, "too deep: more than %u brackets",
		    FILTER_DEPTH);
	p->depth++;
	if (p->token == T_NOT) {
		if (next(p) != 0 || negated(p, &node.left) != 0 ||
		    add(p, node, at) != 0)
			return -1;
	} else if (p->token == T_OPEN) {
		if (brackets(p, at) != 0)
			return -1;
	} else if (p->token == T_WORD) {
		if (test(p, at) != 0)
			return -1;
	} else
		return fail(p, p->p, "expected a field");
	p->depth--;
	return 0;
}

static int
chain(struct parser *p, enum token joint, enum filter_op op,
    int (*part)(struct parser *, size_t *), size_t *at)
{
	struct node node = { .op = op };

	if (part(p, at) != 0)
		return -1;
	while (p->token == joint) {
		node.left = *at;
		if (next(p) != 0 || part(p, &node.right) != 0 ||
		    add(p, node, at) != 0)
			return -1;
	}
	return 0;
}

static int
both(struct parser *p, size_t *at)
{
	return chain(p, T_AND, OP_AND, negated, at);
}

static int
expr(struct parser *p, size_t *at)
{
	return chain(p, T_OR, OP_OR, both, at);
}

int
filter_parse(struct filter *f, struct filter_error *err)
{
	struct parser p = { .f = f, .err = err, .end = f->expr };

	if (next(&p) != 0)
		return -1;
	if (p.token == T_END)
		return fail(&p, p.p, "there is nothing in it");
	if (expr(&p, &f->root) != 0)
		return -1;
	if (p.token != T_END)
		return fail(&p, p.p, p.token == T_CLOSE ?
		    "no ( before this )" : "expected && or ||");
	return 0;
}
