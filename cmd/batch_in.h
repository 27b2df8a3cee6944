/*
 * batch_in.h - the input of call --batch: bytes in, requests out.
 *
 *	lines	each line is the body of a call
 *	tsv	METHOD<TAB>ARG..., with \t \n \r \\ \xHH; no body
 *	ndjson	{"id":any,"method":"..","args":["..",..],
 *		"body":".."|"body_b64":".."}, all of them optional
 *
 * Lines are counted from 1.  In tsv and ndjson blank ones are skipped.
 */
#ifndef BATCH_IN_H
#define BATCH_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mux.h"

#define BATCH_LINE_MAX	((size_t)16 << 20)
#define BATCH_ID_MAX	((size_t)4096)

enum batch_format {
	BATCH_AUTO,		/* tsv, or ndjson if that begins with { or [ */
	BATCH_LINES,
	BATCH_TSV,
	BATCH_NDJSON
};

struct batch_item {
	uint64_t line;
	const char *error;	/* NULL: a request; else what is wrong with it,
				   vis-unsafe */
	const char *id;		/* a JSON value, ASCII; NULL: none was given */
	struct mux_bytes label;	/* the same for people: strings as they are */
	struct mux_bytes method;	/* p NULL: none was given */
	const struct mux_bytes *args;
	size_t n_args;
	struct mux_bytes body;
};

struct batch_in;

/* Lines end with `sep` and have at most line_max bytes.  0 or MUX_E_NOMEM. */
int batch_in_new(enum batch_format, char sep, size_t line_max,
    struct batch_in **out);
void batch_in_free(struct batch_in *);

/*
 * Takes bytes from *p on, up to the end of the next request: 1, and *item is
 * good until the next call; it may point into the bytes.  0: all n were taken,
 * and more are needed; with `eof`, that was all.  MUX_E_NOMEM: nothing was
 * taken.
 */
int batch_in_next(struct batch_in *, const char **p, size_t *n, bool eof,
    struct batch_item *item);
/* Are there ids other than the numbers of lines? */
bool batch_in_gives_ids(const struct batch_in *);
/* Would it be a request of BATCH_NDJSON that says more than its id? */
bool batch_in_is_request(struct batch_in *, struct mux_bytes line);

#endif
