/*
 * test_b64.c - base64: the vectors of RFC 4648, every length there and back,
 * and what is none.
 */
#include "../../cmd/b64.h"
#include "tap.h"

static void
test_vectors(void)
{
	static const char *const want[] = { "", "Zg==", "Zm8=", "Zm9v",
		"Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
	char text[16];

	for (size_t n = 0; n <= 6; n++) {
		b64_encode(text, "foobar", n);
		text[B64_LEN(n)] = '\0';
		is_str(text, want[n], "%zu bytes of foobar", n);
	}
}

static void
test_there_and_back(void)
{
	unsigned char in[256], out[B64_ROOM(B64_LEN(256))];
	char text[B64_LEN(256)];
	bool good = true;
	size_t i, len = 0;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)(i * 37 + (i >> 3));
	for (i = 0; i <= sizeof(in); i++) {
		b64_encode(text, in, i);
		good = good && b64_decode(out, &len, text, B64_LEN(i)) &&
		    len == i && memcmp(in, out, i) == 0;
	}
	ok(good, "every length comes back");
	ok(b64_decode(text, &len, text, sizeof(text)) && len == 256 &&
	    memcmp(text, in, 256) == 0, "in its own place");
}

static void
test_none(void)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zh==", "Zm9=",
		"=", "====", "Z===", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm9-",
		"Zm9_", "Zg=a", "Zm\xffz", "Zm9vZg" };
	unsigned char out[16];
	size_t len = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!b64_decode(out, &len, bad[i], strlen(bad[i])),
		    "none, number %zu", i);
	ok(!b64_decode(out, &len, "Zm\0v", 4), "no NUL");
	is_u64(len, 77, "the length is untouched");
}

int
main(void)
{
	test_vectors();
	test_there_and_back();
	test_none();
	return tap_done();
}
