/*
 * frames.c - what a frame says, in a few words.  It judges nothing: what is
 * not as mux(7) has it is shown as bytes.  Types and tags go by their names,
 * which the library knows.  Invariant: whatever a frame holds, the text is
 * printable ASCII and fits; a value that is marked as secret is not in it.
 */
#define LIBBSD_OPENBSD_VIS
#include <bsd/string.h>
#include <bsd/vis.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "frames.h"
#include "mux_dump.h"

#define N_BODY		48u	/* bytes that are shown of a body */
#define N_VALUE		64u	/* ... of a method, an argument, a text */
#define N_HEX		16u
#define CODE_BYTES	4u

struct text {
	char *p;
	size_t n, size;		/* n < size */
};

static void __attribute__((format(printf, 2, 3)))
put(struct text *t, const char *fmt, ...)
{
	size_t room = t->size - t->n;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->n, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->n += (size_t)n < room ? (size_t)n : room - 1;
}

static bool
plain(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] < 0x20 || p[i] > 0x7e || p[i] == '\\' ||
		    p[i] == '"' || p[i] == ' ')
			return false;
	return true;
}

/* Bytes of a stranger: at most max of them. */
static void
put_vis(struct text *t, const void *p, size_t n, size_t max, int flags)
{
	size_t room = t->size - t->n, k = n < max ? n : max;
	int used;

	if (plain(p, k)) {
		put(t, "%.*s", (int)k, (const char *)p);
	} else if (room > k * 4) {
		used = strnvisx(t->p + t->n, room, p, k, VIS_CSTYLE |
		    VIS_OCTAL | VIS_NL | VIS_TAB | VIS_NOLOCALE | flags);
		t->n += used > 0 ? (size_t)used : 0;
	} else
		n = k + 1;
	if (k < n)
		put(t, "...");
}

/* A word of its own. */
static void
put_word(struct text *t, const void *p, size_t n)
{
	put_vis(t, p, n, N_VALUE, VIS_SP);
}

static void
put_hex(struct text *t, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < N_HEX; i++)
		put(t, "%02x", p[i]);
	if (i < n)
		put(t, "...");
}

/* n <= 8 bytes, the lowest first. */
static uint64_t
number(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static void
put_body(struct text *t, const uint8_t *p, size_t n, size_t all)
{
	put(t, "%s\"", t->n > 0 ? " " : "");
	put_vis(t, p, n < N_BODY ? n : N_BODY, N_BODY, VIS_DQ);
	put(t, "\"%s", n < all || n > N_BODY ? "..." : "");
}

/* ---- tags ---- */

static void
tag_word(struct text *t, const struct mux_tag *tag)
{
	put_word(t, tag->value, tag->len);
}

static void
tag_numbers(struct text *t, const struct mux_tag *tag)
{
	size_t i;

	for (i = 0; i < tag->len && i < 8 * 8; i += 8)
		put(t, "%s%" PRIu64, i > 0 ? "," : "",
		    number(tag->value + i, 8));
}

static void
tag_other(struct text *t, const struct mux_tag *tag)
{
	if (tag->len == 1 || tag->len == 2 || tag->len == 4)
		put(t, "%" PRIu64, number(tag->value, tag->len));
	else if (tag->len > 0 && tag->len % 8 == 0)
		tag_numbers(t, tag);
	else
		put_hex(t, tag->value, tag->len);
}

static void
tag_hex(struct text *t, const struct mux_tag *tag)
{
	put_hex(t, tag->value, tag->len);
}

static void
tag_meta(struct text *t, const struct mux_tag *tag)
{
	const uint8_t *p = tag->value;
	size_t n = tag->len, key = n >= 4 ? number(p + 2, 2) : 0;

	if (n < 4 || key > n - 4) {
		put(t, "(broken)");
		return;
	}
	put_word(t, p + 4, key);
	put(t, "=");
	if (p[1] & MUX_META_SENSITIVE)
		put(t, "(secret)");
	else if (p[0] == MUX_META_U64 && n - 4 - key == 8)
		put(t, "%" PRIu64, number(p + 4 + key, 8));
	else
		put_word(t, p + 4 + key, n - 4 - key);
}

static void
tag_exit(struct text *t, const struct mux_tag *tag)
{
	static const char *const kinds[] = { "", "signal-", "errno-" };

	if (tag->len == 8 && tag->value[0] < 3)
		put(t, "%s%" PRIu64, kinds[tag->value[0]],
		    number(tag->value + 4, 4));
	else
		put_hex(t, tag->value, tag->len);
}

static void
tag_magic(struct text *t, const struct mux_tag *tag)
{
	if (tag->len != 8) {
		put_hex(t, tag->value, tag->len);
		return;
	}
	put_word(t, tag->value, 4);
	put(t, ",%u-%u", (unsigned)number(tag->value + 4, 2),
	    (unsigned)number(tag->value + 6, 2));
}

/* Others are numbers, or else bytes. */
static const struct tag_kind {
	const char *name;
	bool bare;		/* without its name */
	void (*put)(struct text *, const struct mux_tag *);
} tag_kinds[] = {
	{ "METHOD", true, tag_word },
	{ "ARG", true, tag_word },
	{ "TARGET", false, tag_word },
	{ "BUS", false, tag_word },
	{ "RULE", false, tag_word },
	{ "META", false, tag_meta },
	{ "EXIT", false, tag_exit },
	{ "NONCE", false, tag_hex },
	{ "magic", false, tag_magic },
	{ "agent", false, tag_word }
};

static void
put_tag(struct text *t, const struct mux_tag *tag)
{
	static const struct tag_kind other = { NULL, false, tag_other };
	const char *name = mux_tag_name(tag->tag);
	const struct tag_kind *k = &other;
	size_t i;

	for (i = 0; name != NULL && i < sizeof(tag_kinds) /
	    sizeof(tag_kinds[0]); i++)
		if (strcmp(tag_kinds[i].name, name) == 0)
			k = &tag_kinds[i];
	if (t->n > 0)
		put(t, " ");
	if (name == NULL)
		put(t, "tag-0x%02x=", tag->tag);
	else if (!k->bare)
		for (put(t, "%c", *name | 0x20); *++name != '\0';)
			put(t, "%c", *name == '_' ? '_' : *name | 0x20);
	if (name != NULL && !k->bare)
		put(t, "=");
	k->put(t, tag);
}

/* How much of the payload the EXT block takes; 0 if it is not here whole. */
static size_t
put_ext(struct text *t, const uint8_t *p, size_t n)
{
	size_t at = 0, before = t->n;
	struct mux_tag tag;
	int r;

	while ((r = mux_tag_next(p, n, &at, &tag)) == 1)
		put_tag(t, &tag);
	if (r == 0)
		return at;
	t->n = before;
	t->p[before] = '\0';
	return 0;
}

/* ---- what follows them ---- */

static void
put_code(struct text *t, const uint8_t *p, size_t n)
{
	uint32_t code;
	const char *name;

	if (n < CODE_BYTES) {
		if (n > 0)
			put_body(t, p, n, n);
		return;
	}
	code = (uint32_t)number(p, CODE_BYTES);
	name = mux_code_name(code);
	put(t, "%s", t->n > 0 ? " " : "");
	if (code >= MUX_F_PROTOCOL)
		put(t, "0x%" PRIx32, code);
	else
		put(t, "%" PRIu32, code);
	if (name != NULL)
		put(t, " (%s)", name);
}

/* "4 (unknown method): up" */
static void
says_code(struct text *t, const uint8_t *p, size_t n, size_t all)
{
	(void)all;
	put_code(t, p, n);
	if (n <= CODE_BYTES)
		return;
	put(t, ": ");
	put_vis(t, p + CODE_BYTES, n - CODE_BYTES, N_VALUE, 0);
}

static void
says_goodbye(struct text *t, const uint8_t *p, size_t n, size_t all)
{
	if (n < CODE_BYTES + 8) {
		says_code(t, p, n, all);
		return;
	}
	put_code(t, p, CODE_BYTES);
	put(t, " last=%" PRIu64, number(p + CODE_BYTES, 8));
	n -= CODE_BYTES + 8;
	if (n == 0)
		return;
	put(t, ": ");
	put_vis(t, p + CODE_BYTES + 8, n, N_VALUE, 0);
}

static void
says_body(struct text *t, const uint8_t *p, size_t n, size_t all)
{
	if (all > 0)
		put_body(t, p, n, all);
}

static void
says_credit(struct text *t, const uint8_t *p, size_t n, size_t all)
{
	if (n != CODE_BYTES)
		says_body(t, p, n, all);
	else
		put(t, "%s+%" PRIu64, t->n > 0 ? " " : "", number(p, n));
}

static void
says_number(struct text *t, const uint8_t *p, size_t n, size_t all)
{
	if (n != 1 && n != 4)
		says_body(t, p, n, all);
	else
		put(t, "%" PRIu64, number(p, n));
}

/* The others have bodies. */
static const struct says {
	const char *type;
	void (*put)(struct text *, const uint8_t *, size_t n, size_t all);
} says[] = {
	{ "error", says_code }, { "reset", says_code },
	{ "stop", says_code }, { "cancel", says_code },
	{ "reject", says_code }, { "goodbye", says_goodbye },
	{ "credit", says_credit }, { "ok", says_credit },
	{ "priority", says_number }, { "ready", says_number }
};

size_t
frames_says(const struct mux_frame *f, const uint8_t *p, size_t n,
    char buf[FRAMES_SAYS])
{
	struct text t = { buf, 0, FRAMES_SAYS };
	const char *name = mux_frame_name(f->type);
	size_t all = f->len, ext = 0, i;

	buf[0] = '\0';
	if (f->flags & MUX_FRAME_EXT)
		ext = put_ext(&t, p, n);
	for (i = 0; name != NULL && i < sizeof(says) / sizeof(says[0]); i++)
		if (strcmp(says[i].type, name) == 0) {
			says[i].put(&t, p + ext, n - ext, all - ext);
			return t.n;
		}
	says_body(&t, p + ext, n - ext, all - ext);
	return t.n;
}

size_t
frames_bytes(const void *p, size_t n, size_t all, char *buf, size_t size)
{
	struct text t = { buf, 0, size };

	buf[0] = '\0';
	put_body(&t, p, n, all);
	return t.n;
}

/* ---- the rest of a line ---- */

size_t
frames_type(uint8_t type, char buf[FRAMES_WORD])
{
	const char *name = mux_frame_name(type);
	struct text t = { buf, 0, FRAMES_WORD };

	if (name != NULL)
		put(&t, "%s", name);
	else
		put(&t, "type-%u", type);
	return t.n;
}

size_t
frames_flags(uint8_t flags, char buf[FRAMES_WORD])
{
	static const struct {
		uint8_t bit;
		const char *name;
	} known[] = {
		{ MUX_FRAME_FIN, "fin" }, { MUX_FRAME_MORE, "more" },
		{ MUX_FRAME_EXT, "ext" }
	};
	struct text t = { buf, 0, FRAMES_WORD };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (flags & known[i].bit)
			put(&t, "%s%s", t.n > 0 ? "," : "", known[i].name);
		flags &= (uint8_t)~known[i].bit;
	}
	if (flags != 0)
		put(&t, "%s0x%02x", t.n > 0 ? "," : "", flags);
	if (t.n == 0)
		put(&t, "-");
	return t.n;
}

size_t
frames_line(const struct mux_tap *tap, char buf[FRAMES_LINE])
{
	const struct mux_frame f = { .id = tap->id, .len = tap->len,
	    .type = tap->type, .flags = tap->flags };
	struct text t = { buf, 0, FRAMES_LINE };
	char word[FRAMES_WORD], text[FRAMES_SAYS];

	frames_type(f.type, word);
	put(&t, "%c %s id %" PRIu64 " len %" PRIu32, tap->out ? '>' : '<',
	    word, f.id, f.len);
	frames_flags(f.flags, word);
	if (f.flags != 0)
		put(&t, " %s", word);
	if (tap->data == NULL && f.len > 0)
		put(&t, " (spliced)");
	else if (frames_says(&f, tap->data, tap->n, text) > 0)
		put(&t, " %s", text);
	return t.n;
}
