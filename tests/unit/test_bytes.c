/*
 * bytes.h: the byte order, and that a cursor once bad stays bad.
 */
#include "bytes.h"
#include "tap.h"

static void
test_order(void)
{
	static const uint8_t want[15] = { 0xaa,
		0x02, 0x01,
		0x06, 0x05, 0x04, 0x83,
		0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0xf0 };
	uint8_t buf[16];

	memset(buf, 0xaa, sizeof(buf));
	put_le16(buf + 1, 0x0102);
	put_le32(buf + 3, 0x83040506);
	put_le64(buf + 7, UINT64_C(0xf032547698badcfe));
	ok(memcmp(buf, want, sizeof(want)) == 0, "least byte first, unaligned");
	ok(buf[15] == 0xaa, "and not a byte more");
	is_u64(get_le16(want + 1), 0x0102, "get 16");
	is_u64(get_le32(want + 3), 0x83040506, "get 32, high bit set");
	is_u64(get_le64(want + 7), UINT64_C(0xf032547698badcfe), "get 64");
}

static void
test_round_trip(void)
{
	static const uint64_t values[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100,
		0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
		0xffffffff, UINT64_C(0x100000000), INT64_MAX, UINT64_MAX };
	uint8_t b[8];
	size_t i;

	for (i = 0; i < N_ELEM(values); i++) {
		uint64_t v = values[i];
		bool good;

		put_le16(b, (uint16_t)v);
		good = get_le16(b) == (uint16_t)v;
		put_le32(b, (uint32_t)v);
		good = good && get_le32(b) == (uint32_t)v;
		put_le64(b, v);
		good = good && get_le64(b) == v;
		ok(good, "there and back: %" PRIx64, v);
	}
}

static void
test_cursor(void)
{
	static const uint8_t buf[17] = { 1, 2, 0, 3, 0, 0, 0,
		4, 0, 0, 0, 0, 0, 0, 0, 'x', 'y' };
	const uint8_t *p;
	struct rd r;

	rd_init(&r, buf, sizeof(buf));
	is_u64(rd_u8(&r), 1, "u8");
	is_u64(rd_u16(&r), 2, "u16");
	is_u64(rd_u32(&r), 3, "u32");
	is_u64(rd_u64(&r), 4, "u64");
	p = rd_bytes(&r, 2);
	ok(p == buf + 15, "bytes are a slice");
	ok(r.n == 0 && !r.bad, "everything read, cursor good");
	ok(rd_bytes(&r, 0) != NULL && !r.bad, "nothing more is still there");
	is_u64(rd_u8(&r), 0, "a byte behind the end is 0");
	ok(r.bad, "and latches");
}

static void
test_latch(void)
{
	static const uint8_t buf[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
	static const size_t width[] = { 1, 2, 4, 8 };
	struct rd r;
	size_t i, n;

	for (i = 0; i < N_ELEM(width); i++)
		for (n = 0; n < width[i]; n++) {
			uint64_t v;

			rd_init(&r, buf, n);
			v = width[i] == 1 ? rd_u8(&r) :
			    width[i] == 2 ? rd_u16(&r) :
			    width[i] == 4 ? rd_u32(&r) : rd_u64(&r);
			ok(v == 0 && r.bad, "%zu bytes of %zu", n, width[i]);
		}
	rd_init(&r, buf, 3);
	rd_u32(&r);
	ok(rd_u8(&r) == 0 && rd_bytes(&r, 0) == NULL,
	    "what would fit is refused after an error");
	rd_init(&r, buf, 8);
	ok(rd_bytes(&r, SIZE_MAX) == NULL && r.bad, "a length of SIZE_MAX");
}

int
main(void)
{
	test_order();
	test_round_trip();
	test_cursor();
	test_latch();
	return tap_done();
}
