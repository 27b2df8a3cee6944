/*
 * batch_out.h - the output of call --batch: a line per result.
 *
 *	text	ID<TAB>CODE<TAB>KIND<TAB>BODY, with \t \n \r \\ \xHH; for a
 *		call that failed without a body, what was wrong
 *	json	the object of result.h
 *
 * A long body comes before its result, in lines
 *	{"v":1,"event":"data","id":ID,"body" or "body_b64":"..."}
 */
#ifndef BATCH_OUT_H
#define BATCH_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "mux.h"
#include "result.h"

struct batch_item;

/* Whose result it is. */
struct batch_id {
	char *json;		/* a JSON value */
	struct mux_bytes label;	/* the same for people */
	char num[24];		/* it is the number of the line */
};

/* 0 or MUX_E_NOMEM. */
int batch_id_init(struct batch_id *, const struct batch_item *);
void batch_id_release(struct batch_id *);
/* Good as long as the id. */
struct mux_bytes batch_id_label(const struct batch_id *);

struct batch_out {
	struct buf buf;		/* what is to be written */
	bool json;
	void *f;		/* private: a FILE into it */
};

int batch_out_init(struct batch_out *, bool json);
void batch_out_release(struct batch_out *);

/* Each gives false when there is no memory: what is in the buffer then may end
 * in the middle of a line. */

/* With `more`: method, body and standard error; its id is not looked at. */
bool batch_out_result(struct batch_out *, const struct batch_id *,
    const struct result *, const struct result_json *more);
/* Part of a body: *taken of the n bytes have been dealt with; the rest has to
 * come again with what follows.  `last`: nothing does. */
bool batch_out_data(struct batch_out *, const struct batch_id *,
    const void *p, size_t n, bool last, size_t *taken);
/* The same for standard error in text: whole lines, each behind "ID: ". */
bool batch_out_err(struct buf *to, const struct batch_id *, const void *p,
    size_t n, bool last, size_t *taken);

#endif
