/*
 * mux_dump.h: what is written comes back, in pieces of any size; what others
 * write is read, in both byte orders; what is damaged is said to be, where,
 * and after what was whole.  nomem.h replaces malloc() and its kin.
 */
#include "bytes.h"
#include "mux_dump.h"
#include "nomem.h"
#include "page.h"
#include "tap.h"

/* ---- a file in memory ---- */

static struct {
	uint8_t p[1 << 20];
	size_t n;
	bool big;		/* 16 and 32 bits are written big-endian */
} file;

static void
put(const void *p, size_t n)
{
	assert(n <= sizeof(file.p) - file.n);
	memcpy(file.p + file.n, p, n);
	file.n += n;
}

static void
put16(uint16_t v)
{
	uint8_t p[2] = { (uint8_t)v, (uint8_t)(v >> 8) };

	if (file.big)
		put((uint8_t[]){ p[1], p[0] }, 2);
	else
		put(p, 2);
}

static void
put32(uint32_t v)
{
	put16((uint16_t)(file.big ? v >> 16 : v));
	put16((uint16_t)(file.big ? v : v >> 16));
}

static void
put64(uint64_t v)
{
	put32((uint32_t)(file.big ? v >> 32 : v));
	put32((uint32_t)(file.big ? v : v >> 32));
}

static size_t
block(uint32_t type)
{
	size_t from = file.n;

	put32(type);
	put32(0);
	return from;
}

static void
end_block(size_t from)
{
	size_t end;
	uint32_t len;

	while ((file.n - from) % 4 != 0)
		put("", 1);
	len = (uint32_t)(file.n - from + 4);
	put32(len);
	end = file.n;
	file.n = from + 4;
	put32(len);
	file.n = end;
}

static void
section(bool big)
{
	size_t b;

	file.big = big;
	b = block(0x0a0d0d0a);
	put32(0x1a2b3c4d);
	put16(1);
	put16(0);
	put64(UINT64_MAX);
	end_block(b);
}

static void
option(uint16_t code, const void *value, uint16_t len)
{
	put16(code);
	put16(len);
	put(value, len);
	while (file.n % 4 != 0)
		put("", 1);
}

/* resol and offset 0: they are left out. */
static void
interface(uint16_t link, uint32_t snaplen, uint8_t resol, uint64_t offset)
{
	size_t b = block(1);

	put16(link);
	put16(0);
	put32(snaplen);
	if (resol != 0)
		option(9, &resol, 1);
	if (offset != 0) {
		put16(14);
		put16(8);
		put64(offset);
	}
	if (resol != 0)
		option(0, "", 0);
	end_block(b);
}

static void
enhanced(uint32_t ifc, uint64_t t, const char *data)
{
	size_t b = block(6);

	put32(ifc);
	put32((uint32_t)(t >> 32));
	put32((uint32_t)t);
	put32((uint32_t)strlen(data));
	put32((uint32_t)strlen(data) + 1);
	put(data, strlen(data));
	end_block(b);
}

static void
record(const struct mux_dump_record *r)
{
	uint8_t head[MUX_DUMP_HEAD_MAX], tail[MUX_DUMP_TAIL_MAX];

	put(head, mux_dump_head(head, r));
	put(r->data, r->n);
	put(tail, mux_dump_tail(tail, r));
}

static const uint8_t recording[16] = { 0, 1, 2, 0xfe, 0xff, 5, 6, 7, 8, 9, 10,
	11, 12, 13, 14, 0xaf };

static void
begin(uint32_t part, const char *what)
{
	uint8_t buf[MUX_DUMP_BEGIN_MAX];

	file.n = 0;
	file.big = false;
	put(buf, mux_dump_begin(buf, recording, part, "muxctl 0", what));
}

/* ---- reading it again ---- */

/* What came out, as a line of text for each packet and one for the end. */
static struct {
	char p[1 << 16];
	size_t n;
	struct mux_dump_error err;
	unsigned packets;
} seen;

__attribute__((format(printf, 1, 2))) static void
note(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(seen.p + seen.n, sizeof(seen.p) - seen.n, fmt, ap);
	va_end(ap);
	seen.n += (size_t)n < sizeof(seen.p) - seen.n ? (size_t)n : 0;
}

static void
note_record(const struct mux_packet *pk)
{
	struct mux_dump_record r;
	struct mux_dump_error err;
	int got = mux_dump_decode(pk, &r, &err);

	if (got < 0)
		note("%" PRIu64 ": %s\n", err.at, err.reason);
	else if (got == 0)
		note("not ours\n");
	else
		note("k%u e%u %c%c c%u #%" PRIu64 " m%" PRIu64 " w%" PRIu64
		    " %u+%u/%u of %u %02x\n", r.kind, r.event, r.s2c ? 's' :
		    'c', r.out ? '>' : '<', r.conn, r.number, r.mono, r.wall,
		    r.off, r.n, r.wire, r.total, r.n > 0 ? r.data[r.n - 1] : 0);
}

static void
note_packet(const struct mux_packet *pk)
{
	seen.packets++;
	if (pk->link == MUX_LINK_UPPER_PDU)
		note_record(pk);
	else
		note("%u %" PRIu64 " %u/%u '%.*s'\n", pk->link, pk->wall,
		    pk->n, pk->wire, (int)pk->n, (const char *)pk->data);
}

/* Reads the first n bytes in pieces; false at an error. */
static bool
read_pieces(struct mux_dump_reader *r, size_t n, size_t piece)
{
	struct mux_packet pk;
	size_t at = 0, room, k;
	uint8_t *p;
	int got = 0;

	while (at < n) {
		p = mux_dump_reader_room(r, &room);
		assert(room > 0);
		k = n - at < piece ? n - at : piece;
		k = k < room ? k : room;
		memcpy(p, file.p + at, k);
		mux_dump_reader_fill(r, k);
		at += k;
		while ((got = mux_dump_reader_next(r, &pk, &seen.err)) > 0)
			note_packet(&pk);
		if (got < 0)
			return false;
	}
	return true;
}

static const char *
read_file(size_t n, size_t piece)
{
	struct mux_dump_reader *r;

	seen.n = seen.packets = 0;
	seen.p[0] = '\0';
	seen.err = (struct mux_dump_error){ 0, "" };
	if (mux_dump_reader_new(&r) != 0)
		return "out of memory";
	if (!read_pieces(r, n, piece) || mux_dump_reader_end(r, &seen.err) != 0)
		note("%" PRIu64 ": %s\n", seen.err.at, seen.err.reason);
	mux_dump_reader_free(r);
	return seen.p;
}

/* ---- frames and tags ---- */

static void
test_frames(void)
{
	struct mux_frame f = { .id = UINT64_C(0x0102030405060708),
	    .len = 0xa1b2c3d4, .type = 0xfe, .flags = 0x83 }, g;
	uint8_t p[MUX_FRAME_HEADER];

	mux_frame_put(p, &f);
	ok(memcmp(p, "\xd4\xc3\xb2\xa1\x08\x07\x06\x05\x04\x03\x02\x01"
	    "\xfe\x83", 14) == 0, "a header, byte for byte");
	mux_frame_get(p, &g);
	ok(g.id == f.id && g.len == f.len && g.type == f.type &&
	    g.flags == f.flags, "and back");
}

/* The tags of a block: "20:2 21!:0 end", or "... broken". */
static const char *
walk(const char *block, size_t n)
{
	static char text[200];
	struct mux_tag t;
	size_t at = 0, used = 0;
	int got;

	while ((got = mux_tag_next((const uint8_t *)block, n, &at, &t)) > 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		    "%x%s:%zu ", t.tag, t.critical ? "!" : "", t.len);
	snprintf(text + used, sizeof(text) - used, got == 0 ? "end" :
	    "broken");
	return text;
}

static void
test_tags(void)
{
	is_str(walk("\0\0\0\0", 4), "end", "a block without tags");
	is_str(walk("\x0a\0\0\0\x20\0\2\0ab\x21\x80\0\0rest", 18),
	    "20:2 21!:0 end", "two tags, and something behind them");
	is_str(walk("\x0a\0\0\0\x20\0\2\0ab\x21\x80\0\0", 13), "broken",
	    "a block that is not whole");
	is_str(walk("\x0a\0\0", 3), "broken", "not even its length");
	is_str(walk("\x07\0\0\0\x20\0\2\0ab\x21", 11), "20:2 broken",
	    "a piece of a tag at the end");
	is_str(walk("\x06\0\0\0\x20\0\3\0abc", 11), "broken",
	    "a value that goes beyond the block");
	is_str(walk("\xff\xff\xff\xff\x20\0\2\0ab", 10), "broken",
	    "the longest length there is");
}

static void
test_tag_names(void)
{
	struct page p;
	unsigned n = 0, n_here = 0;

	ok(page_table(&p, "TAG"), "mux(7) has a table of tags");
	while (page_row(&p)) {
		is_str(mux_tag_name((uint16_t)strtoul(p.cell[0], NULL, 0)),
		    p.cell[1], "%s", p.cell[0]);
		n++;
	}
	page_close(&p);
	for (unsigned t = 0; t < 0x8000; t++)
		n_here += mux_tag_name((uint16_t)t) != NULL;
	is_u64(n_here, n, "no tag has a name that is not on the page");
}

/* ---- what we write ---- */

static uint8_t bytes[MUX_DUMP_PIECE];

static void
put_records(void)
{
	struct mux_dump_record r = { .kind = MUX_DUMP_EVENT,
	    .event = MUX_DUMP_OPEN, .conn = 1, .number = 1, .mono = 7,
	    .wall = UINT64_C(1800000000123456789), .total = 5, .wire = 5,
	    .n = 5, .data = (const uint8_t *)"uid 0" };

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	begin(3, "serve unix:x");
	record(&r);
	r = (struct mux_dump_record){ .s2c = true, .out = true, .conn = 2,
	    .number = UINT64_MAX, .mono = UINT64_MAX, .wall = UINT64_MAX,
	    .total = 16 * 1024 * 1024 + 14, .off = MUX_DUMP_PIECE,
	    .wire = MUX_DUMP_PIECE, .n = MUX_DUMP_PIECE, .data = bytes };
	record(&r);
	for (unsigned n = 0; n < 6; n++) {
		r.total = 20;
		r.off = 1;
		r.wire = 7;
		r.n = n;
		record(&r);
	}
	r.kind = MUX_DUMP_EVENT;
	r.event = MUX_DUMP_DROPPED;
	r.number = 12345;
	r.total = r.off = r.wire = r.n = 0;
	record(&r);
}

#define RECORDS								\
	"k2 e1 c< c1 #1 m7 w1800000000123456789 0+5/5 of 5 30\n"	\
	"k0 e0 s> c2 #18446744073709551615 m18446744073709551615 "	\
	"w18446744073709551615 131072+131072/131072 of 16777230 f9\n"

static void
test_round_trip(void)
{
	static const size_t pieces[] = { 1 << 20, 65536, 4096, 7, 1 };
	static char first[4096];

	put_records();
	snprintf(first, sizeof(first), "%s", read_file(file.n, file.n));
	ok(strncmp(first, RECORDS, sizeof(RECORDS) - 1) == 0,
	    "what was written comes back");
	is_u64(seen.packets, 9, "all of it");
	ok(strstr(first, "k2 e5 s> c2 #12345") != NULL, "drops are counted");
	for (size_t i = 0; i < N_ELEM(pieces); i++)
		is_str(read_file(file.n, pieces[i]), first,
		    "in pieces of %zu bytes", pieces[i]);
	ok(sizeof(bytes) + 14 < 262144, "Wireshark takes such records");
}

static bool
part_is(const char *what, uint32_t want)
{
	struct mux_dump_reader *r;
	const uint8_t *id;
	uint32_t part = 77;
	bool good;

	begin(want, what);
	if (mux_dump_reader_new(&r) != 0)
		return false;
	good = mux_dump_reader_recording(r, &part) == NULL && part == 77 &&
	    read_pieces(r, file.n, file.n) &&
	    (id = mux_dump_reader_recording(r, &part)) != NULL &&
	    memcmp(id, recording, 16) == 0 && part == want;
	mux_dump_reader_free(r);
	return good;
}

static void
test_begin(void)
{
	char words[400];

	ok(part_is("serve unix:a.sock", 0), "recording and part 0");
	ok(part_is("", UINT32_MAX), "the last part, and no words");
	ok(part_is("a\nmux recording x part 9\x7f\x1b[31m", 7),
	    "words that look like ours");
	ok(memchr(file.p, 0x1b, file.n) == NULL, "control characters are not "
	    "written");
	memset(words, 'x', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	ok(part_is(words, 1), "long words");
	ok(file.n <= MUX_DUMP_BEGIN_MAX, "are cut");
	for (size_t i = 0; i + 2 < sizeof(words); i += 2)
		memcpy(words + i, "\xc3\xa4", 2);
	words[0] = 'x';
	words[1] = 'y';
	words[2] = 'z';
	memcpy(words + 3, "\xc3\xa4\xc3\xa4", 4);
	for (size_t i = 3; i + 2 < sizeof(words); i += 2)
		memcpy(words + i, "\xc3\xa4", 2);
	words[sizeof(words) - 2] = '\0';
	ok(part_is(words, 1) && memmem(file.p, file.n, "\xc3\xa4\0", 3) !=
	    NULL && memmem(file.p, file.n, "\xc3\0", 2) == NULL,
	    "but not within a character");
}

/* ---- what others write ---- */

static void
put_others(bool big)
{
	size_t b;

	section(big);
	interface(1, 4, 0, 0);
	enhanced(0, 1000001, "us");
	interface(101, 0, 9, 0);
	interface(0, 0, 0x80 | 10, 3600);
	interface(113, 0, 12, 0);
	interface(276, 0, 0x80 | 40, 0);
	b = block(0x0bad);
	put("abc", 3);
	end_block(b);
	enhanced(1, UINT64_C(1800000000123456789), "ns");
	enhanced(2, 1536, "2^-10");
	enhanced(3, UINT64_C(1500000000999), "ps");
	enhanced(4, UINT64_C(3) << 39, "2^-40");
	b = block(3);
	put32(9);
	put("simple", 4);
	end_block(b);
	b = block(2);
	put16(1);
	put16(0);
	put32(0);
	put32(5);
	put32(3);
	put32(3);
	put("old", 3);
	end_block(b);
}

#define OTHERS								\
	"1 1000001000 2/3 'us'\n"					\
	"101 1800000000123456789 2/3 'ns'\n"				\
	"0 3601500000000 5/6 '2^-10'\n"					\
	"113 1500000000 2/3 'ps'\n"					\
	"276 1500000000 5/6 '2^-40'\n"					\
	"1 0 4/9 'simp'\n"						\
	"101 5 3/3 'old'\n"

static void
test_others(void)
{
	file.n = 0;
	put_others(false);
	is_str(read_file(file.n, file.n), OTHERS, "little-endian");
	file.n = 0;
	put_others(true);
	is_str(read_file(file.n, file.n), OTHERS, "big-endian");
	put_others(false);
	put_others(true);
	is_str(read_file(file.n, 3), OTHERS OTHERS OTHERS,
	    "sections of both, one behind the other");
}

/* A packet of link type 252. */
static void
exported(const char *tags, uint32_t n)
{
	size_t b;

	file.n = 0;
	section(false);
	interface(252, 0, 0, 0);
	b = block(6);
	for (unsigned i = 0; i < 3; i++)
		put32(0);
	put32(n);
	put32(n);
	put(tags, n);
	end_block(b);
}

static void
test_exported(void)
{
	exported("\0\x0c\0\4http\0\0\0\0", 12);
	is_str(read_file(file.n, file.n), "not ours\n", "another dissector");
	exported("\0\x0c\0\4mux2\0\0\0\0", 12);
	is_str(read_file(file.n, file.n), "not ours\n", "a similar one");
	exported("\0\x0d\0\3tcp\0\0\0\0\0", 12);
	is_str(read_file(file.n, file.n), "not ours\n", "none");
	exported("\0\x0c\0\3mux\0\0\0\0\0", 12);
	is_str(read_file(file.n, file.n), "48: a record without a header\n",
	    "ours, its name without a NUL");
	exported("\0\x0c\0\4mux", 8);
	is_str(read_file(file.n, file.n),
	    "48: a packet whose tags do not end\n", "tags without an end");
	exported("\0\x0c\xff\xffmux", 8);
	is_str(read_file(file.n, file.n),
	    "48: a packet whose tags do not end\n", "a long tag");
	exported("", 0);
	is_str(read_file(file.n, file.n),
	    "48: a packet whose tags do not end\n", "no tags");
}

static void
put_pcap(uint32_t magic, bool big)
{
	file.n = 0;
	file.big = big;
	put32(magic);
	put16(2);
	put16(4);
	put32(0);
	put32(0);
	put32(65535);
	put32(0x10000000 | 113);
	put32(10);
	put32(20);
	put32(4);
	put32(50);
	put("data", 4);
	put32(UINT32_MAX);
	put32(0);
	put32(0);
	put32(0);
}

static void
test_pcap(void)
{
	static const char us[] = "113 10000020000 4/50 'data'\n"
	    "113 4294967295000000000 0/0 ''\n";
	static const char ns[] = "113 10000000020 4/50 'data'\n"
	    "113 4294967295000000000 0/0 ''\n";

	for (unsigned big = 0; big < 2; big++) {
		put_pcap(0xa1b2c3d4, big);
		is_str(read_file(file.n, file.n), us, "pcap, us, %u", big);
		is_str(read_file(file.n, 1), us, "in single bytes");
		put_pcap(0xa1b23c4d, big);
		is_str(read_file(file.n, file.n), ns, "pcap, ns, %u", big);
	}
}

/* ---- what is damaged ---- */

/* The file as it is, with a 32-bit number changed, up to its n bytes. */
static void
check_broken(size_t at, uint32_t v, const char *want)
{
	uint8_t kept[4];
	const char *got, *last;

	memcpy(kept, file.p + at, 4);
	put_le32(file.p + at, v);
	got = read_file(file.n, 5);
	last = strlen(got) > strlen(want) + 1 ? got + strlen(got) -
	    strlen(want) - 1 : got;
	ok(strncmp(last, want, strlen(want)) == 0, "%s", want);
	if (strncmp(last, want, strlen(want)) != 0)
		printf("# got %s\n", got);
	memcpy(file.p + at, kept, 4);
}

/* Section 28 bytes, interface 32 (its option at 44), packet at 60. */
static void
test_broken(void)
{
	file.n = 0;
	section(false);
	interface(1, 0, 6, 0);
	enhanced(0, 5, "data");
	is_u64(file.n, 60 + 36, "the file is as the numbers below think");
	check_broken(0, 0x474e5089, "0: neither pcapng nor pcap");
	check_broken(4, 11, "4: a block length that cannot be");
	check_broken(4, 30, "4: a block length that cannot be");
	check_broken(4, 1 << 20, "0: the file ends within a block");
	check_broken(4, (1 << 20) + 4, "4: a block of more than 1 MiB");
	check_broken(4, UINT32_MAX - 3, "4: a block of more than 1 MiB");
	check_broken(8, 0, "8: a section without a byte order");
	check_broken(12, 2, "12: a version of pcapng that is not known");
	check_broken(24, 32, "24: a block with two lengths");
	check_broken(44, 0x00100009, "46: an option longer than its block");
	check_broken(48, 20, "28: a resolution of time that is too fine");
	check_broken(48, 0xc0, "28: a resolution of time that is too fine");
	check_broken(68, 1, "68: a packet of an unknown interface");
	check_broken(80, 5, "80: a packet longer than its block");
	check_broken(80, UINT32_MAX, "80: a packet longer than its block");
	check_broken(28, 7, "68: a packet of an unknown interface");
}

static void
test_no_file(void)
{
	file.n = 0;
	is_str(read_file(0, 1), "0: the file is empty\n", "an empty file");
	put("\x0a\x0d", 2);
	is_str(read_file(2, 1), "0: neither pcapng nor pcap\n", "two bytes");
	put_pcap(0xa1b2c3d4, false);
	is_str(read_file(23, 23), "0: neither pcapng nor pcap\n",
	    "a piece of a pcap header");
	is_str(read_file(24, 24), "", "a pcap header alone");
	is_str(read_file(30, 30), "24: the file ends within a block\n",
	    "a piece of a packet");
	put_le32(file.p + 32, 1 << 20);
	is_str(read_file(file.n, 9), "32: a packet of more than 1 MiB\n",
	    "a packet that is too long");
}

static void
too_many(void)
{
	file.n = 0;
	section(false);
	for (unsigned i = 0; i < 257; i++)
		interface(1, 0, 0, 0);
	ok(strstr(read_file(file.n, file.n), ": more than 256 interfaces") !=
	    NULL, "one interface too many");
}

/* Each field of a record that lies. */
static void
test_lies(void)
{
	static const struct lie {
		size_t at;	/* in our header */
		uint32_t v;
		const char *want;
	} lies[] = {
		{ 0, 0x00002802, "a record of an unknown version" },
		{ 0, 0x00002701, "a record without a header" },
		{ 0, 0x0000ff01, "a record without a header" },
		{ 0, 0x00032801, "a record of an unknown kind" },
		{ 0, 0x00022801, "an unknown event" },
		{ 0, 0x07022801, "an unknown event" },
		{ 28, 13, "a frame shorter than its header" },
		{ 28, 16 * 1024 * 1024 + 15, "a frame of more than 16 MiB" },
		{ 28, 19, "a piece that lies outside its frame" },
		{ 32, UINT32_MAX, "a piece that lies outside its frame" },
		{ 36, UINT32_MAX, "a piece that lies outside its frame" },
		{ 36, 3, "a record with more bytes than it says" },
	};
	struct mux_dump_record r = { .conn = 1, .number = 1, .total = 24,
	    .off = 0, .wire = 20, .n = 4, .data = (const uint8_t *)"abcd" };
	char want[100];
	size_t at;

	begin(0, "");
	at = file.n;
	record(&r);
	ok(strstr(read_file(file.n, file.n), "c1 #1") != NULL, "it is well");
	for (size_t i = 0; i < N_ELEM(lies); i++) {
		snprintf(want, sizeof(want), "%zu: %s", at, lies[i].want);
		check_broken(at + 28 + 12 + lies[i].at, lies[i].v, want);
	}
}

/* About 4 KiB with all there is in it. */
static void
put_mixture(void)
{
	struct mux_dump_record r = { .conn = 1, .number = 1, .total = 1014,
	    .wire = 1014, .n = 1014, .data = bytes };

	begin(0, "mixture");
	record(&r);
	r.number = 2;
	record(&r);
	put_others(true);
	put_others(false);
	interface(252, 0, 9, 0);
	file.n = file.n < 4096 ? file.n : 4096;
}

/* The same verdict whether it comes at once or in pieces. */
static bool
same_in_pieces(size_t n)
{
	static char whole[sizeof(seen.p)];

	snprintf(whole, sizeof(whole), "%s", read_file(n, n));
	return strcmp(read_file(n, 97), whole) == 0;
}

static void
test_flips(void)
{
	size_t n_bad = 0, at;

	put_mixture();
	ok(file.n > 3000, "a file of %zu bytes", file.n);
	for (at = 0; at < file.n; at++)
		for (unsigned bits = 0; bits < 3; bits++) {
			uint8_t old = file.p[at];

			file.p[at] ^= (uint8_t[]){ 0xff, 1, 0x80 }[bits];
			n_bad += !same_in_pieces(file.n);
			file.p[at] = old;
		}
	is_u64(n_bad, 0, "every byte changed: the same verdict in pieces");
}

static void
test_truncated(void)
{
	size_t n, n_bad = 0, n_clean = 0;
	unsigned packets = 0;

	put_mixture();
	for (n = 0; n < file.n; n++) {
		n_bad += !same_in_pieces(n);
		n_bad += seen.packets < packets;
		n_clean += seen.err.reason[0] == '\0';
		packets = seen.packets;
	}
	is_u64(n_bad, 0, "cut at every length: what was whole comes first");
	is_u64(packets, 16, "all of it");
	ok(n_clean > 16 && n_clean < 40, "and only between blocks it is well: "
	    "%zu times", n_clean);
}

static void
test_nomem(void)
{
#ifndef SANITIZED
	struct mux_dump_reader *r = NULL;
	long live = n_live;

	n_left = 0;
	ok(mux_dump_reader_new(&r) == MUX_E_NOMEM && r == NULL, "no memory");
	n_left = -1;
	is_u64((uint64_t)n_live, (uint64_t)live, "nothing is lost");
	put_records();
	live = n_live;
	ok(mux_dump_reader_new(&r) == 0, "memory for a reader");
	n_left = 0;
	ok(read_pieces(r, file.n, 4096), "is all it ever needs");
	n_left = -1;
	mux_dump_reader_free(r);
	is_u64((uint64_t)n_live, (uint64_t)live, "and it is given back");
#endif
}

int
main(void)
{
	test_frames();
	test_tags();
	test_tag_names();
	test_round_trip();
	test_begin();
	test_others();
	test_exported();
	test_pcap();
	test_broken();
	test_no_file();
	too_many();
	test_lies();
	test_flips();
	test_truncated();
	test_nomem();
	return tap_done();
}
