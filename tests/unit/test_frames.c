/*
 * What frames say: for each type something a person can read, whatever its
 * payload holds; secrets are left out, and nothing leaves printable ASCII.
 */
#include <stdlib.h>

#include "../../cmd/frames.h"
#include "mux_dump.h"
#include "tap.h"

static uint8_t payload[4096];
static size_t n_payload;

static void
put(const void *p, size_t n)
{
	memcpy(payload + n_payload, p, n);
	n_payload += n;
}

static void
tag(unsigned number, const void *p, size_t n)
{
	uint8_t head[4] = { (uint8_t)number, (uint8_t)(number >> 8),
	    (uint8_t)n, (uint8_t)(n >> 8) };

	if (n_payload == 0)
		n_payload = 4;
	put(head, 4);
	put(p, n);
	payload[0] = (uint8_t)(n_payload - 4);
	payload[1] = (uint8_t)((n_payload - 4) >> 8);
}

static void
says(uint8_t type, uint8_t flags, const char *want)
{
	struct mux_frame f = { .id = 1, .len = (uint32_t)n_payload,
	    .type = type, .flags = flags };
	char buf[FRAMES_SAYS], word[FRAMES_WORD];

	frames_says(&f, payload, n_payload, buf);
	frames_type(type, word);
	is_str(buf, want, "%s: %s", word, want);
	memset(payload, 0, sizeof(payload));
	n_payload = 0;
}

static void
bodies(void)
{
	says(3, 0, "");
	put("a\0\033[31m\"\\\n", 10);
	says(3, 0, "\"a\\0\\033[31m\\\"\\\\\\n\"");
	memset(payload, 'x', 60);
	n_payload = 60;
	says(3, 0, "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"...");
}

static void
tags(void)
{
	static const uint8_t secret[] = "\0\1\3\0keyvalue";
	static const uint8_t open[] = "\0\0\3\0key a";
	static const uint8_t num[] = "\2\0\1\0n\5\0\0\0\0\0\0\0";
	static const uint8_t ended[8] = { 0, 0, 0, 0, 3 };
	static const uint8_t killed[8] = { 1, 0, 0, 0, 9 };
	static const uint8_t ms[4] = { 0x10, 0x27 };

	tag(0x20, "up", 2);
	tag(0x802d, "a b", 3);
	tag(0x23, ms, 4);
	put("body", 4);
	says(0, MUX_FRAME_EXT, "up a\\sb deadline_ms=10000 \"body\"");
	tag(0x21, secret, 12);
	tag(0x21, open, 9);
	tag(0x21, num, 13);
	says(0, MUX_FRAME_EXT, "meta=key=(secret) meta=key=\\sa meta=n=5");
	tag(0x2b, ended, 8);
	says(1, MUX_FRAME_EXT, "exit=3");
	tag(0x2b, killed, 8);
	put("\1\0\0\0", 4);
	says(5, MUX_FRAME_EXT, "exit=signal-9 1 (handler failed)");
	tag(0x29, "web\n", 4);
	says(2, MUX_FRAME_EXT, "target=web\\n");
	tag(0x1234, "abc", 3);
	says(2, MUX_FRAME_EXT, "tag-0x1234=616263");
	tag(0x01, "MUX1\1\0\2\0", 8);
	says(8, MUX_FRAME_EXT, "magic=MUX1,1-2");
	tag(0x20, "up", 2);
	payload[0] = 0xff;
	says(0, MUX_FRAME_EXT, "\"\\377\\0\\0\\0 \\0\\002\\0up\"");
}

static void
numbers(void)
{
	put("\4\0\0\0no\tway", 10);
	says(5, 0, "4 (unknown method): no\\tway");
	put("\1\0\0\x80", 4);
	says(17, 0, "0x80000001 (protocol)");
	put("\0\0\1\0", 4);
	says(16, 0, "+65536");
	put("\7", 1);
	says(20, 0, "7");
	put("\0\0\0\0\7\0\0\0\0\0\0\0bye", 15);
	says(24, 0, "0 (ok) last=7: bye");
	put("ab", 2);
	says(5, 0, "\"ab\"");
	says(10, 0, "");
}

/* Whatever it holds. */
static void
anything(void)
{
	char buf[FRAMES_SAYS], word[FRAMES_WORD];
	bool good = true;
	struct mux_frame f;
	uint8_t *p;
	size_t n, i;
	int run;

	for (run = 0; run < 100000 && good; run++) {
		n = tap_rnd(tap_rnd(4) == 0 ? 2000 : 40);
		/* Its own memory, so that a byte too far is noticed. */
		p = malloc(n + 1);
		for (i = 0; i < n; i++)
			p[i] = (uint8_t)tap_rnd(tap_rnd(2) ? 256 : 8);
		if (n > 4 && tap_rnd(2)) {
			p[0] = (uint8_t)(n - 4);
			p[1] = (uint8_t)((n - 4) >> 8);
			p[2] = p[3] = 0;
		}
		f.len = (uint32_t)n + tap_rnd(2);
		f.type = (uint8_t)tap_rnd(40);
		f.flags = (uint8_t)(tap_rnd(2) ? MUX_FRAME_EXT : tap_rnd(256));
		good = frames_says(&f, p, n, buf) == strlen(buf) &&
		    strlen(buf) < FRAMES_SAYS &&
		    frames_flags(f.flags, word) == strlen(word);
		for (i = 0; buf[i] != '\0'; i++)
			good &= buf[i] >= 0x20 && buf[i] <= 0x7e;
		free(p);
	}
	ok(good, "nonsense: printable, and short enough");
}

int
main(void)
{
	char word[FRAMES_WORD];

	bodies();
	tags();
	numbers();
	anything();
	frames_flags(0, word);
	is_str(word, "-", "no flags");
	frames_flags(0x87, word);
	is_str(word, "fin,more,ext,0x04", "flags");
	frames_type(77, word);
	is_str(word, "type-77", "a type that has no name");
	return tap_done();
}
