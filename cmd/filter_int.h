/*
 * filter_int.h - an expression as filter_parse.c makes it and filter.c asks
 * it.
 */
#ifndef FILTER_INT_H
#define FILTER_INT_H

#include <regex.h>

#include "fields.h"
#include "filter.h"

#define FILTER_NODES	1000u	/* more is no filter that somebody wrote */
#define FILTER_DEPTH	100u	/* of brackets and negations */
#define FILTER_RE_MAX	1000u	/* bytes of a pattern */
#define FILTER_RE_COST	10000u	/* what it comes to with its repetitions */

enum filter_op {
	OP_OR, OP_AND, OP_NOT,	/* of nodes */
	OP_HAS,			/* of a field; from here: and a value */
	OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_LIKE, OP_UNLIKE
};

struct node {
	enum filter_op op;
	size_t left, right;
	struct field_ref ref;
	uint64_t num;
	char *text;		/* of a word or string, with a NUL behind */
	size_t n;
	regex_t re;
	char *room;		/* with it: SEEN_HEAD bytes and a NUL */
	bool have_re;
};

struct filter {
	char *expr;		/* a copy, into which refs point */
	struct node *nodes;
	size_t n, cap, root;
};

/* 0, or -1 and *err. */
int filter_parse(struct filter *, struct filter_error *err);
/* A value as the field wants it; 0, or -1 and err->text. */
int filter_value(struct node *, const char *op, struct filter_error *err);

#endif
