/*
 * dump_write.c - the beginning of a recording, and what stands before and
 * behind the bytes of a record.  It writes to the caller's memory, never the
 * bytes themselves.  Invariant: what it says of lengths is true of what the
 * caller will write, so a file that ends behind a tail is whole.
 */
#include "dump.h"

struct put {
	uint8_t *p;
	size_t n;
};

static void
put_u16(struct put *w, uint16_t v)
{
	put_le16(w->p + w->n, v);
	w->n += 2;
}

static void
put_u32(struct put *w, uint32_t v)
{
	put_le32(w->p + w->n, v);
	w->n += 4;
}

static void
put_u64(struct put *w, uint64_t v)
{
	put_le64(w->p + w->n, v);
	w->n += 8;
}

static void
put_mem(struct put *w, const void *p, size_t n)
{
	memcpy(w->p + w->n, p, n);
	w->n += n;
}

static void
put_zeros(struct put *w, size_t n)
{
	memset(w->p + w->n, 0, n);
	w->n += n;
}

static void
put_option(struct put *w, uint16_t code, const void *value, size_t len)
{
	put_u16(w, code);
	put_u16(w, (uint16_t)len);
	put_mem(w, value, len);
	put_zeros(w, PAD4(len) - len);
}

/* ---- the beginning of a file ---- */

/* Words for people, in one line, not cut within a character of UTF-8. */
static size_t
put_words(uint8_t *out, const char *words)
{
	size_t n = strlen(words);

	if (n > DUMP_WORDS)
		for (n = DUMP_WORDS; n > 0 && (words[n] & 0xc0) == 0x80; n--)
			;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)words[i];

		out[i] = c < 0x20 || c == 0x7f ? '?' : c;
	}
	return n;
}

static size_t
put_decimal(uint8_t *out, uint32_t v)
{
	uint8_t digits[10];
	size_t n = 0;

	do
		digits[n++] = (uint8_t)('0' + v % 10);
	while ((v /= 10) > 0);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

/* Two lines: what readers of ours look for, and `what`. */
static void
put_comment(struct put *w, const uint8_t recording[16], uint32_t part,
    const char *what)
{
	uint8_t text[sizeof(DUMP_COMMENT DUMP_PART) + 32 + 10 + 1 + DUMP_WORDS];
	struct put t = { .p = text };

	put_mem(&t, DUMP_COMMENT, sizeof(DUMP_COMMENT) - 1);
	for (size_t i = 0; i < 16; i++) {
		text[t.n++] = (uint8_t)"0123456789abcdef"[recording[i] >> 4];
		text[t.n++] = (uint8_t)"0123456789abcdef"[recording[i] & 15];
	}
	put_mem(&t, DUMP_PART, sizeof(DUMP_PART) - 1);
	t.n += put_decimal(text + t.n, part);
	if (*what != '\0') {
		text[t.n++] = '\n';
		t.n += put_words(text + t.n, what);
	}
	put_option(w, NG_OPT_COMMENT, text, t.n);
}

/* Patches the length of the block that began at `from`. */
static void
end_block(struct put *w, size_t from)
{
	uint32_t len;

	put_u32(w, NG_OPT_END);
	len = (uint32_t)(w->n + 4 - from);
	put_u32(w, len);
	put_le32(w->p + from + 4, len);
}

static void
put_interface(struct put *w)
{
	static const uint8_t ns = 9;
	size_t from = w->n;

	put_u32(w, NG_INTERFACE);
	put_u32(w, 0);
	put_u16(w, MUX_LINK_UPPER_PDU);
	put_u16(w, 0);
	put_u32(w, NG_SNAPLEN);
	put_option(w, NG_IF_NAME, "mux", 3);
	put_option(w, NG_IF_TSRESOL, &ns, 1);
	end_block(w, from);
}

size_t
mux_dump_begin(uint8_t buf[MUX_DUMP_BEGIN_MAX], const uint8_t recording[16],
    uint32_t part, const char *agent, const char *what)
{
	struct put w = { .p = buf };
	uint8_t name[DUMP_WORDS];

	put_u32(&w, NG_SECTION);
	put_u32(&w, 0);
	put_u32(&w, NG_ORDER);
	put_u16(&w, 1);
	put_u16(&w, 0);
	put_u64(&w, UINT64_MAX);
	put_comment(&w, recording, part, what);
	put_option(&w, NG_SHB_USERAPPL, name, put_words(name, agent));
	end_block(&w, 0);
	put_interface(&w);
	assert(w.n <= MUX_DUMP_BEGIN_MAX);
	return w.n;
}

/* ---- a record ---- */

#define PDU_SIZE	12u	/* of the tags before our header */
#define FLAGS_SIZE	8u	/* of options, with their heads */
#define DROPS_SIZE	12u

static bool
tells_drops(const struct mux_dump_record *r)
{
	return r->kind == MUX_DUMP_EVENT && r->event == MUX_DUMP_DROPPED;
}

static uint32_t
tail_size(const struct mux_dump_record *r)
{
	return PAD4(r->n) - r->n + FLAGS_SIZE +
	    (tells_drops(r) ? DROPS_SIZE : 0) + 4 + 4;
}

static uint32_t
block_size(const struct mux_dump_record *r)
{
	return 8 + NG_EPB_FIXED + PDU_SIZE + REC_SIZE + r->n + tail_size(r);
}

/* Tags are big-endian, whatever the file is. */
static void
put_pdu(struct put *w)
{
	static const uint8_t tags[PDU_SIZE] = { 0, PDU_DISSECTOR, 0, 4,
		'm', 'u', 'x', 0, 0, PDU_END, 0, 0 };

	put_mem(w, tags, sizeof(tags));
}

static void
put_record(struct put *w, const struct mux_dump_record *r)
{
	uint8_t *p = w->p + w->n;

	p[0] = REC_VERSION;
	p[1] = REC_SIZE;
	p[2] = r->kind;
	p[3] = r->event;
	p[4] = (uint8_t)((r->s2c ? REC_S2C : 0) | (r->out ? REC_OUT : 0));
	p[5] = p[6] = p[7] = 0;
	put_le64(p + 8, r->number);
	put_le64(p + 16, r->mono);
	put_le32(p + 24, r->conn);
	put_le32(p + 28, r->total);
	put_le32(p + 32, r->off);
	put_le32(p + 36, r->wire);
	w->n += REC_SIZE;
}

size_t
mux_dump_head(uint8_t buf[MUX_DUMP_HEAD_MAX], const struct mux_dump_record *r)
{
	struct put w = { .p = buf };

	assert(r->n <= r->wire && r->n <= MUX_DUMP_PIECE);
	put_u32(&w, NG_PACKET);
	put_u32(&w, block_size(r));
	put_u32(&w, 0);
	put_u32(&w, (uint32_t)(r->wall >> 32));
	put_u32(&w, (uint32_t)r->wall);
	put_u32(&w, PDU_SIZE + REC_SIZE + r->n);
	put_u32(&w, PDU_SIZE + REC_SIZE + r->wire);
	put_pdu(&w);
	put_record(&w, r);
	assert(w.n <= MUX_DUMP_HEAD_MAX);
	return w.n;
}

size_t
mux_dump_tail(uint8_t buf[MUX_DUMP_TAIL_MAX], const struct mux_dump_record *r)
{
	struct put w = { .p = buf };

	put_zeros(&w, PAD4(r->n) - r->n);
	put_u16(&w, NG_EPB_FLAGS);
	put_u16(&w, 4);
	put_u32(&w, r->out ? NG_OUT : NG_IN);
	if (tells_drops(r)) {
		put_u16(&w, NG_EPB_DROPCOUNT);
		put_u16(&w, 8);
		put_u64(&w, r->number);
	}
	put_u32(&w, NG_OPT_END);
	put_u32(&w, block_size(r));
	assert(w.n == tail_size(r) && w.n <= MUX_DUMP_TAIL_MAX);
	return w.n;
}
