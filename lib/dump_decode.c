/*
 * dump_decode.c - the record in a packet of link type 252.  Whether records
 * follow each other as they should is for those who put frames together.
 * Invariant: a record that comes out can be believed in its own arithmetic:
 * n <= wire, off + wire <= total <= 16 MiB and a header.
 */
#include "dump.h"

static const char dissector[] = "mux";

static uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static int
damaged(const struct mux_packet *pk, const char *reason,
    struct mux_dump_error *err)
{
	*err = (struct mux_dump_error){ pk->at, reason };
	return -1;
}

/* Whose packet is it?  *n is what the tags take; false if they do not end. */
static bool
skip_tags(const struct mux_packet *pk, size_t *n, bool *ours)
{
	size_t at = 0, len;
	uint16_t tag;

	for (*ours = false; pk->n - at >= 4; at += 4 + PAD4(len)) {
		tag = get_be16(pk->data + at);
		len = get_be16(pk->data + at + 2);
		if (PAD4(len) > pk->n - at - 4)
			return false;
		if (tag == PDU_END) {
			*n = at + 4 + PAD4(len);
			return true;
		}
		if (tag == PDU_DISSECTOR)
			*ours = len >= sizeof(dissector) - 1 &&
			    strnlen((const char *)pk->data + at + 4, len) ==
			    sizeof(dissector) - 1 && memcmp(pk->data + at + 4,
			    dissector, sizeof(dissector) - 1) == 0;
	}
	return false;
}

static void
read_fields(const uint8_t *p, struct mux_dump_record *r)
{
	r->kind = p[2];
	r->event = p[3];
	r->s2c = (p[4] & REC_S2C) != 0;
	r->out = (p[4] & REC_OUT) != 0;
	r->number = get_le64(p + 8);
	r->mono = get_le64(p + 16);
	r->conn = get_le32(p + 24);
	r->total = get_le32(p + 28);
	r->off = get_le32(p + 32);
	r->wire = get_le32(p + 36);
}

/* NULL, or what cannot be. */
static const char *
check(const struct mux_dump_record *r)
{
	if (r->kind > MUX_DUMP_EVENT)
		return "a record of an unknown kind";
	if (r->kind == MUX_DUMP_EVENT &&
	    (r->event < MUX_DUMP_OPEN || r->event > MUX_DUMP_FAULT))
		return "an unknown event";
	if (r->kind == MUX_DUMP_FRAME && r->total < MUX_FRAME_HEADER)
		return "a frame shorter than its header";
	if (r->total > REC_TOTAL_MAX)
		return "a frame of more than 16 MiB";
	if (r->wire > r->total || r->off > r->total - r->wire)
		return "a piece that lies outside its frame";
	if (r->n > r->wire || r->n > MUX_DUMP_PIECE)
		return "a record with more bytes than it says";
	return NULL;
}

int
mux_dump_decode(const struct mux_packet *pk, struct mux_dump_record *out,
    struct mux_dump_error *err)
{
	struct mux_dump_record r = { 0 };
	const char *wrong;
	const uint8_t *p;
	bool ours;
	size_t n;

	if (!skip_tags(pk, &n, &ours))
		return damaged(pk, "a packet whose tags do not end", err);
	if (!ours)
		return 0;
	p = pk->data + n;
	if (pk->n - n < REC_SIZE || p[1] < REC_SIZE || p[1] > pk->n - n)
		return damaged(pk, "a record without a header", err);
	if (p[0] != REC_VERSION)
		return damaged(pk, "a record of an unknown version", err);
	read_fields(p, &r);
	r.wall = pk->wall;
	r.data = p + p[1];
	r.n = pk->n - (uint32_t)n - p[1];
	if ((wrong = check(&r)) != NULL)
		return damaged(pk, wrong, err);
	*out = r;
	return 1;
}
