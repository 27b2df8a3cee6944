/*
 * deframe.c - cuts bytes into records, one direction at a time.  Keeps nothing
 * of them but a header that has not come whole.  Invariant: every byte is in
 * exactly one record, in order, wherever the pieces are cut; a record points
 * into what was pushed, or into that header.
 */
#include <string.h>

#include "deframe.h"

#define HARD_MAX	(16u * 1024u * 1024u)
#define KNOWN		(MUX_FRAME_FIN | MUX_FRAME_MORE | MUX_FRAME_EXT)
#define LENGTH_BYTES	4u
#define FIRST_SKIPPED	64u	/* types from here on may be unknown */

static uint32_t
length_of(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

/* Reserved flags are legal, but nobody begins with them. */
static bool
good_header(const uint8_t *p, size_t n, bool first)
{
	struct mux_frame f;

	if (n >= LENGTH_BYTES && length_of(p) > HARD_MAX)
		return false;
	if (n < MUX_FRAME_HEADER)
		return true;
	mux_frame_get(p, &f);
	if (first && (f.flags & ~KNOWN) != 0)
		return false;
	return f.type >= FIRST_SKIPPED || mux_frame_name(f.type) != NULL;
}

bool
deframe_looks(const uint8_t *p, size_t n)
{
	return good_header(p, n, true);
}

void
deframe_init(struct deframe *d, uint32_t conn)
{
	memset(d, 0, sizeof(*d));
	d->conn = conn;
}

static void
tell(const struct deframe *d, bool s2c, struct mux_dump_record *r,
    const struct deframe_at *at)
{
	r->s2c = s2c;
	r->conn = d->conn;
	r->mono = at->mono;
	r->wall = at->wall;
	at->record(r, at->arg);
}

static void
tell_chunk(struct deframe *d, bool s2c, const uint8_t *p, uint32_t n,
    const struct deframe_at *at)
{
	struct mux_dump_record r = {
		.kind = MUX_DUMP_CHUNK, .number = ++d->chunks,
		.total = n, .wire = n, .n = n, .data = p
	};

	tell(d, s2c, &r, at);
}

/* p NULL: the bytes are missing. */
static void
tell_piece(struct deframe *d, bool s2c, const uint8_t *p, uint32_t n,
    const struct deframe_at *at)
{
	struct deframe_way *w = &d->way[s2c];
	struct mux_dump_record r = {
		.kind = MUX_DUMP_FRAME, .number = w->number,
		.total = w->total, .off = w->off,
		.wire = n, .n = p != NULL ? n : 0, .data = p
	};

	w->off += n;
	tell(d, s2c, &r, at);
}

/* No frames from here on.  If a connection begins so, then both ways. */
static void
give_up(struct deframe *d, bool s2c, const struct deframe_at *at)
{
	struct deframe_way *w = &d->way[s2c], *other = &d->way[!s2c];
	uint32_t n = w->n_header;

	w->raw = true;
	w->n_header = 0;
	if (n > 0)
		tell_chunk(d, s2c, w->header, n, at);
	if (!w->begun && !other->begun && !other->raw)
		give_up(d, !s2c, at);
}

static void
begin(struct deframe *d, struct deframe_way *w, const uint8_t *header)
{
	w->begun = true;
	w->number = ++d->frames;
	w->total = MUX_FRAME_HEADER + length_of(header);
	w->off = 0;
	w->n_header = 0;
}

/* Between two frames; how much was taken. */
static size_t
take_header(struct deframe *d, bool s2c, const uint8_t *p, size_t n,
    const struct deframe_at *at)
{
	struct deframe_way *w = &d->way[s2c];
	size_t k = MUX_FRAME_HEADER - w->n_header;

	if (w->n_header == 0 && n >= MUX_FRAME_HEADER) {
		if (good_header(p, MUX_FRAME_HEADER, !w->begun))
			begin(d, w, p);
		else
			give_up(d, s2c, at);
		return 0;
	}
	if (k > n)
		k = n;
	memcpy(w->header + w->n_header, p, k);
	w->n_header += (uint32_t)k;
	if (!good_header(w->header, w->n_header, !w->begun))
		give_up(d, s2c, at);
	else if (w->n_header == MUX_FRAME_HEADER) {
		begin(d, w, w->header);
		tell_piece(d, s2c, w->header, MUX_FRAME_HEADER, at);
	}
	return k;
}

void
deframe_push(struct deframe *d, bool s2c, const uint8_t *p, size_t n,
    const struct deframe_at *at)
{
	struct deframe_way *w = &d->way[s2c];
	size_t k;

	for (; n > 0; p += k, n -= k) {
		k = n < MUX_DUMP_PIECE ? n : MUX_DUMP_PIECE;
		if (w->raw)
			tell_chunk(d, s2c, p, (uint32_t)k, at);
		else if (w->off == w->total)
			k = take_header(d, s2c, p, n, at);
		else {
			if (k > w->total - w->off)
				k = w->total - w->off;
			tell_piece(d, s2c, p, (uint32_t)k, at);
		}
	}
}

void
deframe_skip(struct deframe *d, bool s2c, uint64_t n,
    const struct deframe_at *at)
{
	struct deframe_way *w = &d->way[s2c];
	uint32_t left = w->total - w->off;

	if (w->raw || n == 0)
		return;
	if (left > 0) {
		if (n < left)
			left = (uint32_t)n;
		tell_piece(d, s2c, NULL, left, at);
		n -= left;
	}
	if (n > 0)
		give_up(d, s2c, at);
}

void
deframe_end(struct deframe *d, bool s2c, const struct deframe_at *at)
{
	struct deframe_way *w = &d->way[s2c];
	uint32_t n = w->n_header;

	w->n_header = 0;
	if (n > 0)
		tell_chunk(d, s2c, w->header, n, at);
}
