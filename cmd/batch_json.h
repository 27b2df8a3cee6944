/*
 * batch_json.h - one line of ndjson, for batch_in.c.
 */
#ifndef BATCH_JSON_H
#define BATCH_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "mux.h"

#define BATCH_ARGS	1024u		/* mux(7) */
#define BATCH_ARG_BYTES	(64u * 1024u)

struct batch_item;
struct batch_json;

/* Of one request, in tsv as well. */
struct batch_args {
	struct mux_bytes v[BATCH_ARGS];
	size_t n, bytes;
};
/* NULL: it was added; else what is wrong with it.  Static. */
const char *batch_args_add(struct batch_args *, const char *p, size_t n);

/* The same for its name. */
const char *batch_method(const struct mux_bytes *name);

int batch_json_new(struct batch_json **out);
void batch_json_free(struct batch_json *);
/*
 * 0, or MUX_E_NOMEM.  What is wrong is item->error, without the number of the
 * line.  *item is good until the next call and as long as the args.
 */
int batch_json_read(struct batch_json *, struct batch_args *,
    const char *line, size_t n, struct batch_item *item);

#endif
