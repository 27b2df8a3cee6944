/*
 * dump_read.c - packets out of the bytes of a capture: pcapng of either byte
 * order with any number of sections, or pcap.  What is in a packet is
 * dump_decode.c's.  Invariant: the buffer was there before the first byte of
 * the file, and no byte of the file makes it larger; an error is for ever.
 */
#include <stdlib.h>

#include "dump.h"

#define BLOCK_MAX	(1024u * 1024u)
#define SLACK		(64u * 1024u)	/* room behind an unfinished block */
#define INTERFACES	256u

#define PCAP_US		0xa1b2c3d4u
#define PCAP_NS		0xa1b23c4du
#define PCAP_HEAD	24u
#define PCAP_RECORD	16u

struct iface {
	uint16_t link;
	uint8_t resol;		/* if_tsresol */
	uint32_t snaplen;	/* 0 = none */
	uint64_t offset;	/* ns, modulo 2^64 */
};

enum form { FORM_UNKNOWN, FORM_NG, FORM_PCAP };

struct mux_dump_reader {
	enum form form;
	bool swap;		/* the section (file) is big-endian */
	bool known;		/* recording and part are */
	bool broken;
	struct mux_dump_error err;
	uint8_t recording[16];
	uint32_t part;
	struct iface ifs[INTERFACES];
	uint32_t n_ifs;
	bool ns;		/* pcap: fractions are nanoseconds */
	uint64_t pos;		/* in the file, of buf[at] */
	size_t at, len;		/* what is not yet read of buf */
	uint8_t buf[BLOCK_MAX + SLACK];
};

/* What a step of the parser comes to. */
enum step { STEP_ERROR = -1, STEP_MORE, STEP_PACKET, STEP_ON };

int
mux_dump_reader_new(struct mux_dump_reader **out)
{
	struct mux_dump_reader *r = malloc(sizeof(*r));

	if (r == NULL)
		return MUX_E_NOMEM;
	/* not the buffer: most of it may never be touched */
	memset(r, 0, offsetof(struct mux_dump_reader, buf));
	*out = r;
	return 0;
}

void
mux_dump_reader_free(struct mux_dump_reader *r)
{
	free(r);
}

uint8_t *
mux_dump_reader_room(struct mux_dump_reader *r, size_t *n)
{
	if (r->broken)
		r->at = r->len = 0;
	if (r->at > 0) {
		memmove(r->buf, r->buf + r->at, r->len - r->at);
		r->len -= r->at;
		r->at = 0;
	}
	assert(r->len < sizeof(r->buf));
	*n = sizeof(r->buf) - r->len;
	return r->buf + r->len;
}

void
mux_dump_reader_fill(struct mux_dump_reader *r, size_t n)
{
	assert(n <= sizeof(r->buf) - r->len);
	r->len += n;
}

const uint8_t *
mux_dump_reader_recording(const struct mux_dump_reader *r, uint32_t *part)
{
	if (!r->known)
		return NULL;
	*part = r->part;
	return r->recording;
}

/* ---- bytes ---- */

static const uint8_t *
here(const struct mux_dump_reader *r)
{
	return r->buf + r->at;
}

static size_t
left(const struct mux_dump_reader *r)
{
	return r->len - r->at;
}

static void
skip(struct mux_dump_reader *r, size_t n)
{
	r->at += n;
	r->pos += n;
}

/* `off` from the beginning of the block at hand. */
static enum step
damaged(struct mux_dump_reader *r, size_t off, const char *reason)
{
	r->broken = true;
	r->err = (struct mux_dump_error){ r->pos + off, reason };
	return STEP_ERROR;
}

static uint16_t
get16(const struct mux_dump_reader *r, const uint8_t *p)
{
	if (r->swap)
		return (uint16_t)(p[0] << 8 | p[1]);
	return get_le16(p);
}

static uint32_t
get32(const struct mux_dump_reader *r, const uint8_t *p)
{
	return r->swap ? (uint32_t)get16(r, p) << 16 | get16(r, p + 2) :
	    get_le32(p);
}

static uint64_t
get64(const struct mux_dump_reader *r, const uint8_t *p)
{
	return r->swap ? (uint64_t)get32(r, p) << 32 | get32(r, p + 4) :
	    get_le64(p);
}

/* ---- options of a block ---- */

struct option {
	uint16_t code, len;
	const uint8_t *value;
};

/* Walks p[*at .. end) of the block at hand: 1 and an option, 0 at the end. */
static int
next_option(struct mux_dump_reader *r, size_t *at, size_t end,
    struct option *o)
{
	const uint8_t *p = here(r) + *at;

	if (end - *at < 4)
		return 0;
	o->code = get16(r, p);
	o->len = get16(r, p + 2);
	o->value = p + 4;
	if (o->code == NG_OPT_END)
		return 0;
	if (PAD4((size_t)o->len) > end - *at - 4)
		return damaged(r, *at + 2, "an option longer than its block");
	*at += 4 + PAD4((size_t)o->len);
	return 1;
}

static int
hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Our comment; any other one tells nothing. */
static void
read_comment(struct mux_dump_reader *r, const uint8_t *p, size_t n)
{
	static const char begin[] = DUMP_COMMENT, middle[] = DUMP_PART;
	size_t b = sizeof(begin) - 1, m = sizeof(middle) - 1, i;
	uint8_t id[16];
	uint64_t part = 0;

	if (n <= b + 32 + m || memcmp(p, begin, b) != 0 ||
	    memcmp(p + b + 32, middle, m) != 0)
		return;
	for (i = 0; i < 16; i++) {
		int hi = hex(p[b + 2 * i]), lo = hex(p[b + 2 * i + 1]);

		if (hi < 0 || lo < 0)
			return;
		id[i] = (uint8_t)(hi << 4 | lo);
	}
	for (i = b + 32 + m; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		if ((part = part * 10 + p[i] - '0') > UINT32_MAX)
			return;
	memcpy(r->recording, id, sizeof(id));
	r->part = (uint32_t)part;
	r->known = true;
}

/* ---- blocks of pcapng ---- */

static enum step
read_section(struct mux_dump_reader *r, size_t end)
{
	size_t at = 8 + NG_SHB_FIXED;
	struct option o;
	int got;

	if (end < at)
		return damaged(r, 4, "a section header that is too short");
	if (get16(r, here(r) + 12) != 1)
		return damaged(r, 12, "a version of pcapng that is not known");
	r->n_ifs = 0;
	r->known = false;
	while ((got = next_option(r, &at, end, &o)) > 0)
		if (o.code == NG_OPT_COMMENT && !r->known)
			read_comment(r, o.value, o.len);
	return got < 0 ? STEP_ERROR : STEP_ON;
}

static bool
fits_resol(uint8_t resol)
{
	return (resol & 0x80) != 0 ? (resol & 0x7f) < 64 : resol < 20;
}

static enum step
read_interface(struct mux_dump_reader *r, size_t end)
{
	struct iface f = { .resol = 6 };
	size_t at = 8 + NG_IDB_FIXED;
	struct option o;
	int got;

	if (end < at)
		return damaged(r, 4, "an interface that is too short");
	if (r->n_ifs == INTERFACES)
		return damaged(r, 0, "more than 256 interfaces");
	f.link = get16(r, here(r) + 8);
	f.snaplen = get32(r, here(r) + 12);
	while ((got = next_option(r, &at, end, &o)) > 0) {
		if (o.code == NG_IF_TSRESOL && o.len == 1)
			f.resol = *o.value;
		else if (o.code == NG_IF_TSOFFSET && o.len == 8)
			f.offset = get64(r, o.value) * NS_PER_S;
	}
	if (got < 0)
		return STEP_ERROR;
	if (!fits_resol(f.resol))
		return damaged(r, 0, "a resolution of time that is too fine");
	r->ifs[r->n_ifs++] = f;
	return STEP_ON;
}

static uint64_t
power10(unsigned n)
{
	uint64_t v = 1;

	while (n-- > 0)
		v *= 10;
	return v;
}

/* Units of an interface as ns since 1970, modulo 2^64. */
static uint64_t
stamp(const struct iface *f, uint64_t t)
{
	unsigned n = f->resol & 0x7f, cut = n > 32 ? n - 32 : 0;
	uint64_t frac;

	if ((f->resol & 0x80) == 0)
		return f->offset + (n <= 9 ? t * power10(9 - n) :
		    t / power10(n - 9));
	frac = t & ((UINT64_C(1) << n) - 1);
	return f->offset + (t >> n) * NS_PER_S +
	    ((frac >> cut) * NS_PER_S >> (n - cut));
}

static enum step
packet(struct mux_dump_reader *r, struct mux_packet *out, size_t off,
    uint32_t n, uint32_t wire)
{
	out->at = r->pos;
	out->n = n;
	out->wire = wire > n ? wire : n;
	out->data = here(r) + off;
	return STEP_PACKET;
}

/* The enhanced packet block and, with narrower fields, the one before it. */
static enum step
read_packet(struct mux_dump_reader *r, size_t end, uint32_t type,
    struct mux_packet *out)
{
	const uint8_t *p = here(r);
	const size_t off = 8 + NG_EPB_FIXED;
	uint32_t i, n;

	if (end < off)
		return damaged(r, 4, "a packet block that is too short");
	i = type == NG_PACKET ? get32(r, p + 8) : get16(r, p + 8);
	if (i >= r->n_ifs)
		return damaged(r, 8, "a packet of an unknown interface");
	n = get32(r, p + 20);
	if (n > end - off)
		return damaged(r, 20, "a packet longer than its block");
	out->link = r->ifs[i].link;
	out->wall = stamp(&r->ifs[i], (uint64_t)get32(r, p + 12) << 32 |
	    get32(r, p + 16));
	return packet(r, out, off, n, get32(r, p + 24));
}

static enum step
read_simple(struct mux_dump_reader *r, size_t end, struct mux_packet *out)
{
	const size_t off = 8 + NG_SPB_FIXED;
	uint32_t n, wire, snaplen;

	if (end < off)
		return damaged(r, 4, "a packet block that is too short");
	if (r->n_ifs == 0)
		return damaged(r, 0, "a packet of an unknown interface");
	n = wire = get32(r, here(r) + 8);
	snaplen = r->ifs[0].snaplen;
	if (snaplen > 0 && n > snaplen)
		n = snaplen;
	if (n > end - off)
		return damaged(r, 8, "a packet longer than its block");
	out->link = r->ifs[0].link;
	out->wall = 0;
	return packet(r, out, off, n, wire);
}

static enum step
read_block(struct mux_dump_reader *r, size_t end, struct mux_packet *out)
{
	uint32_t type = get32(r, here(r));

	switch (type) {
	case NG_SECTION:
		return read_section(r, end);
	case NG_INTERFACE:
		return read_interface(r, end);
	case NG_PACKET:
	case NG_PACKET_OLD:
		return read_packet(r, end, type, out);
	case NG_PACKET_SIMPLE:
		return read_simple(r, end, out);
	}
	return STEP_ON;
}

/* A section may change the byte order, which its length is in already. */
static enum step
read_order(struct mux_dump_reader *r)
{
	uint32_t magic;

	if (get_le32(here(r)) != NG_SECTION)
		return STEP_ON;
	if (left(r) < NG_BLOCK)
		return STEP_MORE;
	magic = get_le32(here(r) + 8);
	if (magic != NG_ORDER && magic != NG_ORDER_SWAP)
		return damaged(r, 8, "a section without a byte order");
	r->swap = magic == NG_ORDER_SWAP;
	return STEP_ON;
}

static enum step
step_ng(struct mux_dump_reader *r, struct mux_packet *out)
{
	enum step s;
	uint32_t len;

	if (left(r) < 8)
		return STEP_MORE;
	if ((s = read_order(r)) != STEP_ON)
		return s;
	len = get32(r, here(r) + 4);
	if (len < NG_BLOCK || len % 4 != 0)
		return damaged(r, 4, "a block length that cannot be");
	if (len > BLOCK_MAX)
		return damaged(r, 4, "a block of more than 1 MiB");
	if (left(r) < len)
		return STEP_MORE;
	if (get32(r, here(r) + len - 4) != len)
		return damaged(r, len - 4, "a block with two lengths");
	if ((s = read_block(r, len - 4, out)) != STEP_ERROR)
		skip(r, len);
	return s;
}

/* ---- pcap ---- */

static enum step
step_pcap(struct mux_dump_reader *r, struct mux_packet *out)
{
	const uint8_t *p = here(r);
	uint32_t n;

	if (left(r) < PCAP_RECORD)
		return STEP_MORE;
	n = get32(r, p + 8);
	if (n > BLOCK_MAX - PCAP_RECORD)
		return damaged(r, 8, "a packet of more than 1 MiB");
	if (left(r) < PCAP_RECORD + n)
		return STEP_MORE;
	out->link = r->ifs[0].link;
	out->wall = get32(r, p) * NS_PER_S +
	    (uint64_t)get32(r, p + 4) * (r->ns ? 1 : 1000);
	packet(r, out, PCAP_RECORD, n, get32(r, p + 12));
	skip(r, PCAP_RECORD + n);
	return STEP_PACKET;
}

static enum step
begin_pcap(struct mux_dump_reader *r)
{
	if (left(r) < PCAP_HEAD)
		return STEP_MORE;
	if (get16(r, here(r) + 4) != 2)
		return damaged(r, 4, "a version of pcap that is not known");
	r->ifs[0].link = (uint16_t)get32(r, here(r) + 20);
	r->form = FORM_PCAP;
	skip(r, PCAP_HEAD);
	return STEP_ON;
}

/* The first four bytes say what the file is. */
static enum step
begin(struct mux_dump_reader *r)
{
	uint32_t le, magic;

	if (left(r) < 4)
		return STEP_MORE;
	le = get_le32(here(r));
	if (le == NG_SECTION) {
		r->form = FORM_NG;
		return STEP_ON;
	}
	r->swap = (le & 0xff) == (PCAP_US >> 24);
	magic = get32(r, here(r));
	if (magic != PCAP_US && magic != PCAP_NS)
		return damaged(r, 0, "neither pcapng nor pcap");
	r->ns = magic == PCAP_NS;
	return begin_pcap(r);
}

int
mux_dump_reader_next(struct mux_dump_reader *r, struct mux_packet *out,
    struct mux_dump_error *err)
{
	struct mux_packet got = { 0 };
	enum step s = r->broken ? STEP_ERROR : STEP_ON;

	while (s == STEP_ON)
		s = r->form == FORM_NG ? step_ng(r, &got) :
		    r->form == FORM_PCAP ? step_pcap(r, &got) : begin(r);
	if (s == STEP_ERROR)
		*err = r->err;
	else if (s == STEP_PACKET)
		*out = got;
	return (int)s;
}

int
mux_dump_reader_end(struct mux_dump_reader *r, struct mux_dump_error *err)
{
	if (!r->broken && r->form == FORM_UNKNOWN)
		damaged(r, 0, r->len == 0 ? "the file is empty" :
		    "neither pcapng nor pcap");
	else if (!r->broken && left(r) > 0)
		damaged(r, 0, "the file ends within a block");
	if (!r->broken)
		return 0;
	*err = r->err;
	return -1;
}
