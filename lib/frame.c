/*
 * frame.c - the header codec and the frame table.  It knows what a frame
 * looks like, not what one means: states and actions are the session's.
 * Invariant: a type has a row here, or it has no meaning anywhere.
 */
#include "bytes.h"
#include "frame.h"
#include "mux.h"

static const struct frame_row rows[FT_TYPES] = {
#define FRAME(n, name, word, ids, flags, min, max, modes, sliced) \
	[n] = { #name, #word, (min), (max), (ids), (flags), (modes), (sliced) },
	FRAME_TABLE(FRAME)
#undef FRAME
};

void
frame_put(uint8_t out[FRAME_HEADER], const struct frame *f)
{
	put_le32(out, f->len);
	put_le64(out + 4, f->id);
	out[12] = f->type;
	out[13] = f->flags;
}

void
frame_get(const uint8_t in[FRAME_HEADER], struct frame *f)
{
	f->len = get_le32(in);
	f->id = get_le64(in + 4);
	f->type = in[12];
	f->flags = in[13];
}

const struct frame_row *
frame_row(uint8_t type)
{
	if (type >= FT_TYPES || rows[type].name == NULL)
		return NULL;
	return &rows[type];
}

const char *
mux_frame_name(uint8_t type)
{
	const struct frame_row *row = frame_row(type);

	return row != NULL ? row->word : NULL;
}
