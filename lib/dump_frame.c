/*
 * dump_frame.c - frames and EXT blocks for those who look at them from
 * outside: headers, tags one after the other, the names of tags.  It checks
 * no rule of mux(7).  Invariant: nothing beyond the n bytes given is read.
 */
#include "frame.h"
#include "mux_dump.h"

#define TAG_CRITICAL	0x8000u

static_assert(MUX_FRAME_HEADER == FRAME_HEADER, "mux(7) says so");

/* As mux(7) writes them, which a test compares. */
static const struct tag_name {
	uint16_t tag;
	const char *name;
} tag_names[] = {
	{ 0x01, "magic" },
	{ 0x10, "max_frame" },
	{ 0x11, "max_message" },
	{ 0x12, "stream_window" },
	{ 0x14, "max_calls" },
	{ 0x15, "max_streams" },
	{ 0x16, "max_vconns" },
	{ 0x17, "max_meta" },
	{ 0x18, "keepalive_ms" },
	{ 0x19, "features" },
	{ 0x1a, "agent" },
	{ 0x20, "METHOD" },
	{ 0x21, "META" },
	{ 0x22, "STREAMS" },
	{ 0x23, "DEADLINE_MS" },
	{ 0x24, "NONCE" },
	{ 0x25, "PRIORITY" },
	{ 0x26, "WINDOW" },
	{ 0x27, "PARENT" },
	{ 0x28, "MODE" },
	{ 0x29, "TARGET" },
	{ 0x2a, "BUS" },
	{ 0x2b, "EXIT" },
	{ 0x2c, "RULE" },
	{ 0x2d, "ARG" },
	{ 0x2e, "STDERR" },
	{ 0x2f, "USAGE" },
};

void
mux_frame_get(const uint8_t header[MUX_FRAME_HEADER], struct mux_frame *out)
{
	struct frame f;

	frame_get(header, &f);
	*out = (struct mux_frame){ .id = f.id, .len = f.len, .type = f.type,
	    .flags = f.flags };
}

void
mux_frame_put(uint8_t header[MUX_FRAME_HEADER], const struct mux_frame *in)
{
	struct frame f = { .id = in->id, .len = in->len, .type = in->type,
	    .flags = in->flags };

	frame_put(header, &f);
}

int
mux_tag_next(const uint8_t *block, size_t n, size_t *at, struct mux_tag *out)
{
	size_t end, len;
	uint16_t tag;

	if (n < 4 || get_le32(block) > n - 4)
		return -1;
	end = 4 + (size_t)get_le32(block);
	if (*at == 0)
		*at = 4;
	if (*at == end)
		return 0;
	if (*at > end || end - *at < 4)
		return -1;
	tag = get_le16(block + *at);
	len = get_le16(block + *at + 2);
	if (len > end - *at - 4)
		return -1;
	out->tag = (uint16_t)(tag & ~TAG_CRITICAL);
	out->critical = (tag & TAG_CRITICAL) != 0;
	out->value = block + *at + 4;
	out->len = len;
	*at += 4 + len;
	return 1;
}

const char *
mux_tag_name(uint16_t tag)
{
	for (size_t i = 0; i < N_ELEM(tag_names); i++)
		if (tag_names[i].tag == tag)
			return tag_names[i].name;
	return NULL;
}
