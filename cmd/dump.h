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

struct filter;

struct dump_opts {
	struct opt_common com;
	int format;		/* enum dump_format */
	const char *filter, *until, *fields, *follow, *write, *redact;
	int64_t count;
	bool no_time;
	/* the owners of tap, stats, check, replay, diff add theirs */
};

enum dump_format { DUMP_TEXT, DUMP_NDJSON, DUMP_FIELDS, DUMP_HEX, DUMP_RAW,
	DUMP_PCAPNG, DUMP_SVG };

/* Where frames end: a printer, the statistics, the checker.  Any may be
 * NULL, except frame. */
struct sink {
	void *(*begin)(const struct dump_opts *, FILE *out);
	bool (*frame)(const struct seen *, void *sink);
	void (*more)(const struct seen *, const uint8_t *data, size_t n,
	    void *sink);
	void (*gone)(const struct seen_conn *, struct seen_thing *,
	    void *sink);
	void (*conn_gone)(const struct seen_conn *, void *sink);
	int (*end)(void *sink);		/* the exit status; frees it */
};

extern const struct sink sink_text, sink_ndjson, sink_fields, sink_hex,
    sink_raw, sink_pcapng;

#endif
