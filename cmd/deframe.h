/*
 * deframe.h - one direction of a connection as bytes, cut into records of
 * frames.  Whether it is frames at all is decided from the first 14 bytes (of
 * either direction): a type that exists or may be skipped, known flags, a
 * length within 16 MiB.  If not, or when it stops to be so later, the bytes
 * are chunks.  Used for captures of TCP, files of frames and by the tap.
 */
#ifndef DEFRAME_H
#define DEFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mux_dump.h"

struct deframe {		/* a connection; values, nothing to free */
	uint32_t conn;
	uint64_t frames, chunks;	/* numbers given so far */
	struct deframe_way {
		uint8_t header[MUX_FRAME_HEADER];
		uint32_t n_header;
		uint32_t total, off;	/* of the frame it is in */
		uint64_t number;
		bool begun;		/* there was a frame */
		bool raw;		/* not frames: chunks for ever */
	} way[2];			/* c2s, s2c */
};

typedef void deframe_cb(const struct mux_dump_record *, void *arg);

struct deframe_at {		/* when bytes came, and who wants them */
	uint64_t mono, wall;
	deframe_cb *record;
	void *arg;
};

/* Can these n bytes, perhaps less than a header, begin a connection? */
bool deframe_looks(const uint8_t *p, size_t n);

void deframe_init(struct deframe *, uint32_t conn);
/* Calls record() for each piece: of at most MUX_DUMP_PIECE bytes. */
void deframe_push(struct deframe *, bool s2c, const uint8_t *p, size_t n,
    const struct deframe_at *);
/* n bytes are missing here.  Inside one frame that is a piece without its
 * bytes; else there are no frames to be found any more. */
void deframe_skip(struct deframe *, bool s2c, uint64_t n,
    const struct deframe_at *);
/* The direction is over: what is left of a header comes as a chunk. */
void deframe_end(struct deframe *, bool s2c, const struct deframe_at *);

#endif
