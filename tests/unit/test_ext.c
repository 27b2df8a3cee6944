/*
 * ext.h: walking and writing EXT blocks, HELLO as one, and both against the
 * tables of tags and of limits in mux(7).
 */
#include "ext.h"
#include "frame.h"
#include "mux.h"
#include "page.h"
#include "tap.h"

/* ---- blocks ---- */

/* How many tags the block has; -1 if it is broken or ends behind `n`. */
static int
count(const void *p, size_t n)
{
	struct ext_item it;
	struct rd ext, rest;
	int k = 0;

	if (!ext_split(p, n, &ext, &rest))
		return -1;
	while (ext_next(&ext, &it))
		k++;
	return ext.bad ? -1 : k;
}

#define COUNT(bytes)	count(bytes, sizeof(bytes) - 1)

static void
test_walk(void)
{
	struct ext_item it;
	struct rd ext, rest;

	ok(COUNT("\0\0\0\0") == 0, "an empty block");
	ok(COUNT("\4\0\0\0\1\0\0\0") == 1, "a tag without a value");
	ok(COUNT("\x0a\0\0\0\1\0\0\0\2\0\2\0zz") == 2, "two tags");
	ok(COUNT("\0\0\0") == -1, "three bytes are no length");
	ok(COUNT("\5\0\0\0\1\0\0\0") == -1, "longer than what there is");
	ok(COUNT("\xff\xff\xff\xff\1\0\0\0") == -1, "much longer");
	ok(COUNT("\3\0\0\0\1\0\0") == -1, "half a tag");
	ok(COUNT("\5\0\0\0\1\0\2\0z") == -1, "half a value");
	ok(COUNT("\4\0\0\0\1\0\xff\xff") == -1, "a long value of nothing");
	ok(ext_split((const uint8_t *)"\4\0\0\0\x29\x80\0\0body", 12, &ext,
	    &rest) && rest.n == 4 && memcmp(rest.p, "body", 4) == 0,
	    "what follows the block");
	ok(ext_next(&ext, &it) && it.tag == 0x29 && it.critical &&
	    it.len == 0, "the critical bit is no part of the tag");
	ok(!ext_next(&ext, &it) && !ext.bad, "the end is no error");
}

static void
test_write(void)
{
	static const uint8_t want[] = "\x0b\0\0\0\x25\0\1\0\7\x29\x80\2\0db";
	uint8_t p[32];
	struct wr w;

	wr_init(&w, p, sizeof(want) - 1);
	ext_begin(&w);
	ext_put(&w, TAG_PRIORITY, "\7", 1);
	ext_put(&w, TAG_TARGET | EXT_CRITICAL, "db", 2);
	ext_end(&w);
	ok(w.n == 15 && memcmp(p, want, 15) == 0, "two tags, exactly in room");
}

static uint32_t
check(const void *tags, size_t n)
{
	struct rd r;

	rd_init(&r, tags, n);
	return ext_check(r);
}

static void
test_meta(void)
{
	static uint8_t p[META_VALUE + 300];
	static uint8_t many[(META_ENTRIES + 1) * 8];

	ok(check("\x21\0\4\0\0\0\0\0", 8) == 0, "an entry without anything");
	ok(check("\x21\0\3\0\0\0\0", 7) == MUX_F_BAD_FRAME, "half an entry");
	ok(check("\x21\0\5\0\0\0\2\0k", 9) == MUX_F_BAD_FRAME, "half a key");
	ok(check("\x21\0\4\0", 4) == MUX_F_BAD_FRAME, "no entry at all");
	put_le16(p, TAG_META);
	put_le16(p + 2, 4 + META_VALUE);
	ok(check(p, 8 + META_VALUE) == 0, "the longest value");
	put_le16(p + 2, 5 + META_VALUE);
	ok(check(p, 9 + META_VALUE) == MUX_F_METADATA, "a longer one");
	put_le16(p + 6, META_KEY);
	put_le16(p + 2, 4 + META_KEY);
	ok(check(p, 8 + META_KEY) == 0, "the longest key");
	put_le16(p + 6, META_KEY + 1);
	put_le16(p + 2, 5 + META_KEY);
	ok(check(p, 9 + META_KEY) == MUX_F_METADATA, "a longer one");
	for (size_t i = 0; i < sizeof(many); i += 8)
		memcpy(many + i, "\x21\0\4\0\0\0\0\0", 8);
	ok(check(many, sizeof(many) - 8) == 0, "as many as may be");
	ok(check(many, sizeof(many)) == MUX_F_METADATA, "one more");
}

/* ---- HELLO ---- */

static void
test_hello(void)
{
	struct hello a, b;
	uint8_t p[4096];
	size_t n;

	hello_init(&a);
	a.max_frame = 4096;
	a.max_message = UINT64_C(0x1122334455667788);
	a.window = 0x7fffffff;
	a.max_calls = UINT32_MAX;
	a.max_streams = 0;
	a.max_vconns = 0xabcd;
	a.max_meta = 1;
	a.keepalive_ms = 77;
	a.features = UINT64_MAX;
	memcpy(a.agent, "agent", 6);
	n = hello_write(&a, p, sizeof(p));
	ok(hello_read(p, n, &b) == 0 && memcmp(&a, &b, sizeof(a)) == 0,
	    "what is written is read");
	memset(a.agent, 'x', HELLO_AGENT);
	n = hello_write(&a, p, sizeof(p));
	ok(hello_read(p, n, &b) == 0 && strlen(b.agent) == HELLO_AGENT,
	    "an agent of 64 bytes");
	put_le16(p + n - HELLO_AGENT - 2, HELLO_AGENT + 10);
	memset(p + n, 'y', 10);
	put_le32(p, (uint32_t)(n - 4 + 10));
	ok(hello_read(p, n + 10, &b) == 0 && strlen(b.agent) == HELLO_AGENT,
	    "a longer one is cut off");
	memset(&b, 0x55, sizeof(b));
	ok(hello_read(p, n - 1, &b) == MUX_F_BAD_FRAME && b.max_calls ==
	    0x55555555, "nothing is touched on failure");
}

/* ---- against the page ---- */

/* Names there that are other words here. */
static const char *
name_here(const char *page)
{
	static const char *const names[][2] = {
		{ "stream_window", "WINDOW0" }, { "keepalive_ms", "KEEPALIVE" }
	};

	for (size_t i = 0; i < N_ELEM(names); i++)
		if (strcmp(names[i][0], page) == 0)
			return names[i][1];
	return page;
}

/* The enumerators of ext.h, read as text: their number, or 0. */
static unsigned
tag_here(const char *name, unsigned *n_tags)
{
	FILE *f = fopen("lib/ext.h", "r");
	char line[256], word[64];
	unsigned v, found = 0;

	*n_tags = 0;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, " TAG_%63[A-Z_0-9] = %i", word,
		    (int *)&v) != 2)
			continue;
		(*n_tags)++;
		if (strcasecmp(word, name) == 0)
			found = v;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static void
test_tag_table(void)
{
	unsigned n_here, n = 0, v;
	struct page p;

	ok(page_table(&p, "TAG"), "mux(7) has a table of tags");
	while (page_row(&p)) {
		v = tag_here(name_here(p.cell[1]), &n_here);
		if (v == 0)	/* not in use in this version */
			continue;
		n++;
		is_u64(v, strtoul(p.cell[0], NULL, 0), "tag %s", p.cell[1]);
	}
	page_close(&p);
	tag_here("", &n_here);
	is_u64(n, n_here, "every tag of ext.h is on the page");
	ok(n >= 18, "as many as there were");
}

/* "64 KiB", "30 s", "256" */
static uint64_t
quantity(const char *s)
{
	char unit[8] = "";
	unsigned long long v = 0;

	sscanf(s, "%llu %7[A-Za-z]", &v, unit);
	return v * (strcmp(unit, "KiB") == 0 ? 1024u :
	    strcmp(unit, "MiB") == 0 ? 1024u * 1024u :
	    strcmp(unit, "s") == 0 ? 1000u : 1u);
}

static void
test_limit_table(void)
{
	struct hello h;
	unsigned n = 0;
	struct page p;

	hello_init(&h);
	const struct {
		const char *name;
		uint64_t v;
	} here[] = {
		{ "max_frame", h.max_frame },
		{ "max_message of MORE", h.max_message },
		{ "stream_window", h.window }, { "max_calls", h.max_calls },
		{ "max_streams", h.max_streams },
		{ "max_vconns", h.max_vconns }, { "max_meta", h.max_meta },
		{ "keepalive_ms", h.keepalive_ms },
		{ "HELLO", FRAME_HELLO_MAX }, { "agent", HELLO_AGENT },
		{ "META entries", META_ENTRIES }, { "META key", META_KEY },
		{ "META value", META_VALUE }, { "text", FRAME_TEXT_MAX },
		{ "body of START", FRAME_BODY_MAX },
		{ "PING payload", FRAME_PING_MAX },
	};

	ok(page_table(&p, "LIMIT"), "mux(7) has a table of limits");
	while (page_row(&p))
		for (size_t i = 0; i < N_ELEM(here); i++) {
			if (strcmp(here[i].name, p.cell[0]) != 0)
				continue;
			is_u64(here[i].v, quantity(p.cell[1]), "%s",
			    here[i].name);
			n++;
		}
	page_close(&p);
	is_u64(n, N_ELEM(here), "all that are constants here are there");
}

int
main(void)
{
	test_walk();
	test_write();
	test_meta();
	test_hello();
	test_tag_table();
	test_limit_table();
	return tap_done();
}
