/*
 * bytes.h - little-endian integers in byte buffers, and struct rd, a reading
 * cursor that latches its first error: a parser reads all its fields and asks
 * once, at the end, whether all of them were there.
 */
#ifndef MUX_BYTES_H
#define MUX_BYTES_H

#include <string.h>

#include "int.h"

static inline void
put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void
put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void
put_le64(uint8_t *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t
get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
get_le32(const uint8_t *p)
{
	return get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t
get_le64(const uint8_t *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

struct rd {
	const uint8_t *p;
	size_t n;		/* bytes left */
	bool bad;		/* a read went past the end; all later fail */
};

static inline void
rd_init(struct rd *r, const void *p, size_t n)
{
	r->p = p;
	r->n = n;
	r->bad = false;
}

/* The next n bytes, or NULL (and the cursor is bad from then on). */
static inline const uint8_t *
rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > r->n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

static inline uint8_t
rd_u8(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 1);

	return p != NULL ? *p : 0;
}

static inline uint16_t
rd_u16(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 2);

	return p != NULL ? get_le16(p) : 0;
}

static inline uint32_t
rd_u32(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 4);

	return p != NULL ? get_le32(p) : 0;
}

static inline uint64_t
rd_u64(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 8);

	return p != NULL ? get_le64(p) : 0;
}

#endif
