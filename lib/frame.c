/*
 * frame.c - the header codec and the frame table.  It knows what a frame
 * looks like, not what one means: states and actions are the session's.
 * Invariant: a type has a row here, or it has no meaning anywhere.
 */
#include "frame.h"
#include "mux.h"

const struct frame_row frame_rows[FT_TYPES] = {
#define FRAME(n, name, word, ids, flags, min, max, modes, sliced) \
	[n] = { #name, #word, (min), (max), (ids), (flags), (modes), (sliced) },
	FRAME_TABLE(FRAME)
#undef FRAME
};

static_assert(FT_REQUEST == MUX_FRAME_REQUEST, "mux.h says so");

const char *
mux_frame_name(uint8_t type)
{
	const struct frame_row *row = frame_row(type);

	return row != NULL ? row->word : NULL;
}
