/*
 * dump.h - what the parts of the verb dump share: its options, and the sinks
 * that frames end in.  dump.c reads its options, builds the chain
 *
 *	capture -> seen -> filter (-f, -n, --until) -> sink
 *
 * and turns the outcome into an exit status.
 */
#ifndef DUMP_H
#define DUMP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "opt.h"
#include "seen.h"

struct field;

enum dump_format { DUMP_TEXT, DUMP_NDJSON, DUMP_FIELDS, DUMP_HEX, DUMP_RAW,
	DUMP_PCAPNG, DUMP_SVG };

struct dump_opts {
	struct opt_common com;
	struct opt_list files;	/* of -r */
	int format;		/* enum dump_format; -1: not given */
	const char *filter, *until, *fields, *follow, *write, *redact;
	int64_t count;
	bool no_time, force;
	/* the owners of tap, stats, check, replay, diff add theirs */
};

/* Where frames end: a printer, the statistics, the checker.  Any may be
 * NULL, except frame. */
struct sink {
	/* NULL, and it has been said. */
	void *(*begin)(const struct dump_opts *, FILE *out);
	void (*frame)(const struct seen *, void *sink);
	void (*more)(const struct seen *, const uint8_t *data, size_t n,
	    void *sink);
	void (*gone)(const struct seen_conn *, struct seen_thing *,
	    void *sink);
	void (*conn_gone)(const struct seen_conn *, void *sink);
	int (*end)(void *sink);		/* the exit status; frees it */
};

extern const struct sink sink_text, sink_ndjson, sink_fields, sink_hex,
    sink_raw, sink_pcapng;

/* What the chain notes of a frame (seen_note.flags). */
#define DUMP_WANTED	1u	/* it goes to the sinks */
#define DUMP_REDACTED	2u	/* without its payload */
#define DUMP_LAST	4u	/* nothing is read behind it */

/* What lies between the records and the sinks: dump_chain.c. */
struct chain;

/* NULL, and it has been said; a filter may be wrong.  `print` and `write` may
 * be NULL. */
struct chain *chain_new(const struct dump_opts *, const struct sink *print,
    FILE *out, FILE *write);
/* False: enough. */
bool chain_record(struct chain *, const struct mux_dump_record *);
/* Nothing more comes.  The exit status of the sinks; or CMD_FAIL, if there
 * was a filter and nothing passed it. */
int chain_end(struct chain *);
void chain_free(struct chain *);
/* The condition of -n or --until came true. */
bool chain_enough(const struct chain *);

/* A line of text without its end, as -T text and -T hex have it. */
void dump_line(const struct seen *, bool no_time, FILE *);

#endif
