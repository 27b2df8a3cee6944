/*
 * ext.h - the EXT block that may begin a payload: u32 length, then tags of
 * u16 tag, u16 length, value.  And HELLO, which is such a block.
 */
#ifndef MUX_EXT_H
#define MUX_EXT_H

#include "bytes.h"

#define EXT_CRITICAL	0x8000u
#define META_ENTRIES	128u
#define META_KEY	256u
#define META_VALUE	(16u * 1024u)
#define META_TOTAL	(64u * 1024u)	/* keys and values */

enum ext_tag {
	TAG_MAGIC = 0x01,
	TAG_MAX_FRAME = 0x10,
	TAG_MAX_MESSAGE = 0x11,
	TAG_WINDOW0 = 0x12,	/* the initial window of every id */
	TAG_MAX_CALLS = 0x14,
	TAG_MAX_STREAMS = 0x15,
	TAG_MAX_VCONNS = 0x16,
	TAG_MAX_META = 0x17,
	TAG_KEEPALIVE = 0x18,
	TAG_FEATURES = 0x19,
	TAG_AGENT = 0x1a,
	TAG_METHOD = 0x20,
	TAG_META = 0x21,
	TAG_STREAMS = 0x22,
	TAG_DEADLINE_MS = 0x23,
	TAG_NONCE = 0x24,
	TAG_PRIORITY = 0x25,
	TAG_WINDOW = 0x26,
	TAG_PARENT = 0x27,
	TAG_MODE = 0x28,
	TAG_TARGET = 0x29,
	TAG_EXIT = 0x2b,
	TAG_RULE = 0x2c,
	TAG_ARG = 0x2d,
	TAG_STDERR = 0x2e,
	TAG_USAGE = 0x2f
};

#define MODE_ONE_WAY	2u	/* bits of MODE */

struct ext_item {
	uint16_t tag;		/* without the critical bit */
	bool critical;
	const uint8_t *value;
	size_t len;
};

/*
 * Splits a payload that begins with an EXT block: *ext walks its tags, *rest
 * is what follows.  False if the lengths do not fit.
 */
bool ext_split(const uint8_t *p, size_t n, struct rd *ext, struct rd *rest);
/* Is the block whole, and its metadata within the limits of mux(7)?  0, or
 * the fatal code. */
uint32_t ext_check(struct rd ext);
/* The next tag; false at the end, or with ext->bad when it is broken. */
static inline bool
ext_next(struct rd *ext, struct ext_item *item)
{
	uint16_t tag, len;
	const uint8_t *value;

	if (ext->bad || ext->n == 0)
		return false;
	tag = rd_u16(ext);
	len = rd_u16(ext);
	value = rd_bytes(ext, len);
	if (ext->bad)
		return false;
	item->tag = (uint16_t)(tag & ~EXT_CRITICAL);
	item->critical = (tag & EXT_CRITICAL) != 0;
	item->value = value;
	item->len = len;
	return true;
}

/* A writing cursor over room that the caller has measured. */
struct wr {
	uint8_t *p;
	size_t n, cap;
};

#define EXT_ROOM(value_len)	(4 + (value_len))	/* of one tag */

static inline void
wr_init(struct wr *w, uint8_t *p, size_t cap)
{
	w->p = p;
	w->n = 0;
	w->cap = cap;
}

static inline void
wr_bytes(struct wr *w, const void *p, size_t n)
{
	assert(w->cap - w->n >= n);
	if (n > 0)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

/* Begins the block; ext_end() patches its length. */
static inline void
ext_begin(struct wr *w)
{
	assert(w->n == 0 && w->cap >= 4);
	w->n = 4;
}

/* The head of a tag; its value follows, in pieces perhaps. */
static inline void
ext_open(struct wr *w, uint16_t tag, size_t len)
{
	assert(len <= UINT16_MAX && w->cap - w->n >= EXT_ROOM(len));
	put_le16(w->p + w->n, tag);
	put_le16(w->p + w->n + 2, (uint16_t)len);
	w->n += 4;
}

static inline void
ext_put(struct wr *w, uint16_t tag, const void *value, size_t len)
{
	ext_open(w, tag, len);
	wr_bytes(w, value, len);
}

static inline void
ext_end(struct wr *w)
{
	put_le32(w->p, (uint32_t)(w->n - 4));
}

#define HELLO_VERSION	1u
#define HELLO_AGENT	64u

struct hello {
	uint16_t version_min, version_max;
	uint32_t max_frame, window, max_calls, max_streams, max_meta;
	uint32_t keepalive_ms;
	uint64_t max_message, features;
	uint16_t max_vconns;
	char agent[HELLO_AGENT + 1];
};

/* The defaults of absent tags: mux(7), Limits. */
void hello_init(struct hello *h);
size_t hello_write(const struct hello *h, uint8_t *p, size_t cap);
/* 0, or the fatal code of mux(7) that says what is wrong with it. */
uint32_t hello_read(const uint8_t *p, size_t n, struct hello *h);

#endif
