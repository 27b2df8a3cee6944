/*
 * fields.h - THE table of what can be said of a frame: names, kinds, getters.
 * Filters, -e, NDJSON, --ignore, the dissector for Wireshark and muxdump(5)
 * all read it (a test compares them).
 */
#ifndef FIELDS_H
#define FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seen;
struct jout;

enum field_kind {
	FIELD_NUMBER,
	FIELD_TIME,		/* ns; shown as seconds with a fraction */
	FIELD_WORD,		/* one of ours: "data", "c2s" */
	FIELD_BYTES,		/* foreign: vis-encoded where shown */
	FIELD_FLAG
};

struct value {			/* points into the frame; not to be freed */
	enum field_kind kind;
	uint64_t num;		/* NUMBER, TIME, FLAG */
	const char *p;		/* WORD, BYTES */
	size_t n;
};

struct field {
	const char *name;	/* "type", "len", "method" ... */
	enum field_kind kind;
	const char *help;	/* for the man page: lower case, no stop */
	const char *const *words;	/* WORD: all there are, NULL at the
					 * end; or NULL if open */
	bool (*get)(const struct seen *, struct value *);	/* false:
					 * the frame has none */
	const char *wireshark;	/* "mux.type"; NULL: its own business */
	/* Of which there may be several: the i-th, or the i-th that has the
	 * name `sub`; get() gives the first.  NULL: there is one at most. */
	bool (*nth)(const struct seen *, const char *sub, size_t n, size_t i,
	    struct value *);
	bool named;		/* NAME.SUB is legal */
};

extern const struct field fields[];
extern const size_t n_fields;

const struct field *field_find(const char *name, size_t n);

/* A field as people write it: "len", "meta.user". */
struct field_ref {
	const struct field *field;
	const char *sub;	/* in the text that it was read from; NULL */
	size_t n_sub;
};
bool field_ref(const char *text, size_t n, struct field_ref *);
/* The i-th, from 0. */
bool field_get(const struct field_ref *, const struct seen *, size_t i,
    struct value *);

/* As text: times "1.234567890", bytes by vis(3).  A stdio stream. */
void field_print(const struct value *, void *file);

#endif
