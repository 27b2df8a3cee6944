/*
 * ext.c - the EXT block and HELLO, its largest user.  It knows the layout of
 * tags, not what a session does with them.  Invariant: nothing outside the
 * announced length of a block or tag is ever read.
 */
#include "ext.h"
#include "frame.h"
#include "mux.h"

bool
ext_split(const uint8_t *p, size_t n, struct rd *ext, struct rd *rest)
{
	struct rd r;
	uint32_t len;
	const uint8_t *block;

	rd_init(&r, p, n);
	len = rd_u32(&r);
	block = rd_bytes(&r, len);
	if (r.bad)
		return false;
	rd_init(ext, block, len);
	*rest = r;
	return true;
}

/* u8 kind, u8 flags, u16 key length, key, value. */
static uint32_t
check_meta(const struct ext_item *it, unsigned n)
{
	struct rd r;
	uint16_t key;

	rd_init(&r, it->value, it->len);
	rd_u16(&r);
	key = rd_u16(&r);
	rd_bytes(&r, key);
	if (r.bad)
		return MUX_F_BAD_FRAME;
	return n > META_ENTRIES || key > META_KEY || r.n > META_VALUE ?
	    MUX_F_METADATA : 0;
}

uint32_t
ext_check(struct rd ext)
{
	struct ext_item it;
	uint32_t code;
	unsigned n = 0;

	while (ext_next(&ext, &it))
		if (it.tag == TAG_META && (code = check_meta(&it, ++n)) != 0)
			return code;
	return ext.bad ? MUX_F_BAD_FRAME : 0;
}

void
hello_init(struct hello *h)
{
	memset(h, 0, sizeof(*h));
	h->version_min = h->version_max = HELLO_VERSION;
	h->max_frame = 1024 * 1024;
	h->max_message = 16 * 1024 * 1024;
	h->window = 64 * 1024;
	h->max_calls = 64;
	h->max_streams = 256;
	h->max_vconns = 0;
	h->max_meta = 64 * 1024;
	h->keepalive_ms = 30 * 1000;
}

/* Where each fixed-size tag of HELLO lives.  The magic and the agent, which
 * have a form of their own, stand beside this table. */
static const struct hello_row {
	uint16_t tag;
	uint8_t len;
	size_t off;
} rows[] = {
	{ TAG_MAX_FRAME,	4, offsetof(struct hello, max_frame) },
	{ TAG_MAX_MESSAGE,	8, offsetof(struct hello, max_message) },
	{ TAG_WINDOW0,		4, offsetof(struct hello, window) },
	{ TAG_MAX_CALLS,	4, offsetof(struct hello, max_calls) },
	{ TAG_MAX_STREAMS,	4, offsetof(struct hello, max_streams) },
	{ TAG_MAX_VCONNS,	2, offsetof(struct hello, max_vconns) },
	{ TAG_MAX_META,		4, offsetof(struct hello, max_meta) },
	{ TAG_KEEPALIVE,	4, offsetof(struct hello, keepalive_ms) },
	{ TAG_FEATURES,		8, offsetof(struct hello, features) },
};

/* The field is read and written through its own type: sizes differ. */
static uint64_t
row_get(const struct hello_row *row, const struct hello *h)
{
	const char *p = (const char *)h + row->off;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (row->len) {
	case 2:
		memcpy(&v16, p, sizeof(v16));
		return v16;
	case 4:
		memcpy(&v32, p, sizeof(v32));
		return v32;
	default:
		memcpy(&v64, p, sizeof(v64));
		return v64;
	}
}

static void
row_set(const struct hello_row *row, struct hello *h, const uint8_t *value)
{
	char *p = (char *)h + row->off;
	uint16_t v16 = get_le16(value);
	uint32_t v32;
	uint64_t v64;

	switch (row->len) {
	case 2:
		memcpy(p, &v16, sizeof(v16));
		break;
	case 4:
		v32 = get_le32(value);
		memcpy(p, &v32, sizeof(v32));
		break;
	default:
		v64 = get_le64(value);
		memcpy(p, &v64, sizeof(v64));
		break;
	}
}

size_t
hello_write(const struct hello *h, uint8_t *p, size_t cap)
{
	uint8_t value[8];
	struct wr w;

	wr_init(&w, p, cap);
	ext_begin(&w);
	memcpy(value, "MUX1", 4);
	put_le16(value + 4, h->version_min);
	put_le16(value + 6, h->version_max);
	ext_put(&w, TAG_MAGIC | EXT_CRITICAL, value, 8);
	for (size_t i = 0; i < N_ELEM(rows); i++) {
		put_le64(value, row_get(&rows[i], h));
		ext_put(&w, rows[i].tag, value, rows[i].len);
	}
	ext_put(&w, TAG_AGENT, h->agent, strlen(h->agent));
	ext_end(&w);
	return w.n;
}

static uint32_t
read_magic(const struct ext_item *it, struct hello *h)
{
	if (it->len != 8 || memcmp(it->value, "MUX1", 4) != 0)
		return MUX_F_HELLO_VERSION;
	h->version_min = get_le16(it->value + 4);
	h->version_max = get_le16(it->value + 6);
	if (h->version_min > HELLO_VERSION || h->version_max < HELLO_VERSION)
		return MUX_F_HELLO_VERSION;
	return 0;
}

static uint32_t
read_agent(const struct ext_item *it, struct hello *h)
{
	size_t n = min_size(it->len, HELLO_AGENT);

	memcpy(h->agent, it->value, n);
	h->agent[n] = '\0';
	return 0;
}

/* One tag; *seen has a bit for each known tag that came before. */
static uint32_t
read_item(const struct ext_item *it, struct hello *h, uint64_t *seen)
{
	const struct hello_row *row = NULL;
	uint64_t bit;

	for (size_t i = 0; i < N_ELEM(rows); i++)
		if (rows[i].tag == it->tag)
			row = &rows[i];
	if (row == NULL && it->tag != TAG_MAGIC && it->tag != TAG_AGENT)
		return it->critical ? MUX_F_HELLO_VERSION : 0;
	bit = UINT64_C(1) << it->tag;
	if ((*seen & bit) != 0)
		return MUX_F_HELLO_ORDER;
	*seen |= bit;
	if (it->tag == TAG_MAGIC)
		return read_magic(it, h);
	if (it->tag == TAG_AGENT)
		return read_agent(it, h);
	if (it->len != row->len)
		return MUX_F_BAD_FRAME;
	row_set(row, h, it->value);
	return 0;
}

uint32_t
hello_read(const uint8_t *p, size_t n, struct hello *out)
{
	struct hello h;
	struct ext_item it;
	struct rd ext, rest;
	uint64_t seen = 0;
	uint32_t code;

	if (!ext_split(p, n, &ext, &rest) || rest.n != 0)
		return MUX_F_BAD_FRAME;
	hello_init(&h);
	while (ext_next(&ext, &it))
		if ((code = read_item(&it, &h, &seen)) != 0)
			return code;
	if (ext.bad)
		return MUX_F_BAD_FRAME;
	if ((seen & UINT64_C(1) << TAG_MAGIC) == 0)
		return MUX_F_HELLO_VERSION;
	if (h.max_frame < 4096 || h.max_frame > FRAME_HARD_MAX ||
	    h.window < 4096 || h.window > INT32_MAX)
		return MUX_F_BAD_FRAME;
	*out = h;
	return 0;
}
