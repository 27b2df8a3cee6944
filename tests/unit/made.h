/*
 * made.h - frames made by hand, as records, for tests of what looks at
 * captures.  Each comes 1 ms after the one before.
 */
#ifndef MADE_H
#define MADE_H

#include <stdlib.h>
#include <string.h>

#include "../../cmd/seen.h"

#define MADE_MAX	(1u << 21)

enum { REQUEST, RESPONSE, START, DATA, END, ERROR, PAUSE, RESUME, PING, PONG,
	CANCEL, CREDIT = 16, RESET, STOP, OK, PRIORITY, CONNECT, ACCEPT,
	REJECT, GOODBYE, DATAGRAM, JOIN, LEAVE, READY, MSG };
#define FIN	1u
#define MORE	2u
#define EXT	0x80u

static struct made {
	struct seen_all *to;
	uint32_t conn;
	uint64_t now;		/* ms */
	uint64_t number[8];	/* of connections */
	uint8_t p[MADE_MAX];	/* the next payload */
	size_t n, block;	/* its bytes; where the EXT block begins + 1 */
	size_t snap;		/* of a frame; 0: all */
	size_t piece;		/* of records; 0: one */
	int last;		/* what seen_record() gave */
} made = { .conn = 1 };

static inline void
put_bytes(const void *p, size_t n)
{
	memcpy(made.p + made.n, p, n);
	made.n += n;
}

static inline void
put_int(uint64_t v, size_t n)
{
	for (; n > 0; n--, v >>= 8)
		made.p[made.n++] = (uint8_t)v;
}

static inline void
put_u32(uint32_t v)
{
	put_int(v, 4);
}

static inline void
put_text(const char *text)
{
	put_bytes(text, strlen(text));
}

static inline void
put_fill(size_t n)
{
	memset(made.p + made.n, 'x', n);
	made.n += n;
}

/* Tags come first; the block ends by itself. */
static inline void
put_tag(unsigned tag, const void *value, size_t n)
{
	uint32_t len;

	if (made.n == 0)
		put_u32(0);
	put_int(tag, 2);
	put_int(n, 2);
	put_bytes(value, n);
	len = (uint32_t)made.n - 4;
	memcpy(made.p, &len, 4);
}

static inline void
put_tag_text(unsigned tag, const char *text)
{
	put_tag(tag, text, strlen(text));
}

static inline void
put_tag_int(unsigned tag, uint64_t v, size_t n)
{
	put_tag(tag, &v, n);
}

static inline void
record(struct mux_dump_record *r)
{
	r->conn = made.conn;
	r->mono = made.now * 1000000;
	r->wall = (1000000000 + made.now) * 1000000;
	made.last = seen_record(made.to, r);
}

static inline uint8_t *
must_malloc(size_t n)
{
	uint8_t *p;

	/* In tests of what happens without memory the next one succeeds. */
	while ((p = malloc(n)) == NULL)
		continue;
	return p;
}

/* The frame with the payload that was put. */
static inline void
send_frame(bool s2c, unsigned type, unsigned flags, uint64_t id)
{
	struct mux_frame f = { .id = id, .len = (uint32_t)made.n,
	    .type = (uint8_t)type, .flags = (uint8_t)flags };
	struct mux_dump_record r = { .kind = MUX_DUMP_FRAME, .s2c = s2c };
	uint8_t *all = must_malloc(MUX_FRAME_HEADER + made.n), *copy;
	size_t piece;

	made.now++;
	mux_frame_put(all, &f);
	if (made.n > 0)
		memcpy(all + MUX_FRAME_HEADER, made.p, made.n);
	r.number = ++made.number[made.conn];
	r.total = (uint32_t)made.n + MUX_FRAME_HEADER;
	piece = made.piece != 0 ? made.piece : r.total;
	for (; r.off < r.total; r.off += r.wire) {
		r.wire = r.total - r.off;
		if (r.wire > piece)
			r.wire = (uint32_t)piece;
		r.n = r.wire;
		if (made.snap != 0 && r.n > made.snap)
			r.n = (uint32_t)made.snap;
		/* A sanitizer sees who reads beyond it. */
		copy = must_malloc(r.n);
		memcpy(copy, all + r.off, r.n);
		r.data = copy;
		record(&r);
		free(copy);
		if (r.off == 0)
			piece = made.piece != 0 ? made.piece : r.total;
	}
	free(all);
	made.n = 0;
}

static inline void
c2s(unsigned type, unsigned flags, uint64_t id)
{
	send_frame(false, type, flags, id);
}

static inline void
s2c(unsigned type, unsigned flags, uint64_t id)
{
	send_frame(true, type, flags, id);
}

static inline void
event(unsigned what, const char *text)
{
	struct mux_dump_record r = { .kind = MUX_DUMP_EVENT,
	    .event = (uint8_t)what, .number = 1, .data =
	    (const uint8_t *)text, .n = (uint32_t)strlen(text) };

	made.now++;
	r.total = r.wire = r.n;
	record(&r);
}

static inline void
hello(bool of_s2c, uint32_t window)
{
	put_tag(0x8001, "MUX1\1\0\1\0", 8);
	put_tag_int(0x12, window, 4);
	send_frame(of_s2c, of_s2c ? PONG : PING, EXT, 0);
}

static inline void
hellos(void)
{
	hello(false, 65536);
	hello(true, 65536);
}

static inline void
request(uint64_t id, const char *method, const char *body, unsigned flags)
{
	put_tag_text(0x20, method);
	put_text(body);
	c2s(REQUEST, EXT | flags, id);
}

static inline void
respond(uint64_t id, uint32_t kind, uint32_t value, const char *body)
{
	uint64_t how = kind | (uint64_t)value << 32;

	put_tag(0x2b, &how, 8);
	put_text(body);
	s2c(RESPONSE, EXT, id);
}

static inline void
start(uint64_t id, const char *target)
{
	put_tag_text(0x29, target);
	c2s(START, EXT, id);
}

#endif
