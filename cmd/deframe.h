/*
 * deframe.h - one direction of a connection as bytes, cut into records of
 * frames.  Whether it is frames at all is decided from the first 14 bytes (of
 * either direction: deframe_pair): a type that exists or may be skipped, known
 * flags, a length within 16 MiB.  If not, or when it stops to be so later, the
 * bytes are chunks.  Used for captures of TCP, files of frames and by the tap.
 */
#ifndef DEFRAME_H
#define DEFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mux_dump_record;

struct deframe {		/* a connection; values, nothing to free */
	uint32_t conn;
	uint64_t frames, chunks;	/* numbers given so far */
	struct deframe_way {
		uint8_t header[14];
		uint32_t n_header;
		uint32_t total, off;	/* of the frame it is in */
		uint64_t number;
		bool raw;		/* not frames: chunks for ever */
	} way[2];			/* c2s, s2c */
};

void deframe_init(struct deframe *, uint32_t conn);
/* Calls record() for each piece: bytes that came at these times. */
void deframe_push(struct deframe *, bool s2c, const uint8_t *p, size_t n,
    uint64_t mono, uint64_t wall,
    void (*record)(const struct mux_dump_record *, void *arg), void *arg);

#endif
