/*
 * dump_text.c - a frame as a line of text for people, and as bytes below such
 * a line.  The columns are time, connection, direction, type, id, length,
 * flags and what it says; each has something in it, so that awk(1) can count
 * them.  Invariant: nothing but printable ASCII, whatever was captured.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "fields.h"
#include "frames.h"
#include "out.h"

#define NS_PER_S	UINT64_C(1000000000)

struct text {
	FILE *f;
	bool no_time;
	uint64_t last;		/* hex: whose bytes came last */
};

/* ---- a line ---- */

static char
arrow(const struct mux_dump_record *r)
{
	if (r->kind == MUX_DUMP_EVENT && (r->event == MUX_DUMP_OPEN ||
	    r->event == MUX_DUMP_CLOSE || r->event == MUX_DUMP_DROPPED))
		return '-';
	return r->s2c ? '<' : '>';
}

static bool
redacted(const struct seen *s)
{
	return (s->note->flags & DUMP_REDACTED) != 0;
}

/* Nothing at all, or something behind a blank. */
static void
put_says(const struct seen *s, FILE *f)
{
	char buf[FRAMES_SAYS];
	size_t n = 0;

	if (redacted(s)) {
		fputs(" (redacted)", f);
		return;
	}
	if (s->frame != NULL)
		n = frames_says(s->frame, s->head, s->n_head, buf);
	else if (s->n_head > 0)
		n = frames_bytes(s->head, s->n_head, s->rec->total, buf,
		    sizeof(buf));
	if (s->rec->kind == MUX_DUMP_EVENT &&
	    s->rec->event == MUX_DUMP_DROPPED)
		fprintf(f, " %" PRIu64 " records", s->rec->number);
	if (n > 0) {
		putc(' ', f);
		fwrite(buf, 1, n, f);
	}
	if (s->cut)
		fprintf(f, " (%zu recorded)", s->n_head);
}

void
dump_line(const struct seen *s, bool no_time, FILE *f)
{
	const struct mux_dump_record *r = s->rec;
	const struct field *event;
	struct value v;
	char type[FRAMES_WORD], flags[FRAMES_WORD];

	if (!no_time)
		fprintf(f, "%4" PRIu64 ".%09" PRIu64 " ", s->t / NS_PER_S,
		    s->t % NS_PER_S);
	if (s->frame != NULL) {
		frames_type(s->frame->type, type);
		frames_flags(s->frame->flags, flags);
		fprintf(f, "%3" PRIu32 " %c %-8s %6" PRIu64 " %7" PRIu32 " %s",
		    r->conn, arrow(r), type, s->frame->id, s->frame->len,
		    flags);
	} else if (r->kind == MUX_DUMP_CHUNK)
		fprintf(f, "%3" PRIu32 " %c %-8s %6s %7" PRIu32 " -",
		    r->conn, arrow(r), "chunk", "-", r->total);
	else {
		event = field_find("event", strlen("event"));
		fprintf(f, "%3" PRIu32 " %c %-8s %6s %7s -", r->conn,
		    arrow(r), event->get(s, &v) ? v.p : "event", "-", "-");
	}
	put_says(s, f);
}

static void *
text_begin(const struct dump_opts *o, FILE *f)
{
	struct text *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		say(SAY_ERROR, "out of memory");
		return NULL;
	}
	t->f = f;
	t->no_time = o->no_time;
	return t;
}

static void
text_frame(const struct seen *s, void *sink)
{
	struct text *t = sink;

	dump_line(s, t->no_time, t->f);
	putc('\n', t->f);
}

static int
text_end(void *sink)
{
	free(sink);
	return 0;
}

const struct sink sink_text = {
	.begin = text_begin,
	.frame = text_frame,
	.end = text_end
};

/* ---- bytes, as xxd(1) shows them ---- */

#define ROW		16u

/* A row, of which n bytes from the one at `skip` on are here. */
static void
put_row(FILE *f, uint64_t at, unsigned skip, const uint8_t *p, unsigned n)
{
	static const char digits[] = "0123456789abcdef";
	char hex[ROW * 2 + ROW / 2 + 1], text[ROW + 1];
	unsigned i, k = 0;

	for (i = 0; i < ROW; i++) {
		bool here = i >= skip && i - skip < n;
		uint8_t c = here ? p[i - skip] : 0;

		if (i % 2 == 0)
			hex[k++] = ' ';
		hex[k++] = here ? digits[c >> 4] : ' ';
		hex[k++] = here ? digits[c & 15] : ' ';
		text[i] = here ? (c >= 0x20 && c <= 0x7e ? (char)c : '.') :
		    ' ';
	}
	hex[k] = '\0';
	text[skip + n] = '\0';
	fprintf(f, "\t%08" PRIx64 ":%s  %s\n", at, hex, text);
}

static void
put_rows(FILE *f, uint64_t at, const uint8_t *p, size_t n)
{
	unsigned skip, k;

	for (; n > 0; p += k, n -= k, at += k) {
		skip = (unsigned)(at % ROW);
		k = n < ROW - skip ? (unsigned)n : ROW - skip;
		put_row(f, at - skip, skip, p, k);
	}
}

/* Offsets are those of the frame with its header. */
static void
hex_frame(const struct seen *s, void *sink)
{
	uint8_t first[MUX_FRAME_HEADER + 2];
	struct text *t = sink;
	size_t n = s->n_head < 2 ? s->n_head : 2;

	text_frame(s, sink);
	t->last = s->index;
	if (s->frame == NULL) {
		put_rows(t->f, 0, s->head, s->n_head);
		return;
	}
	/* The header and the rest of its row. */
	mux_frame_put(first, s->frame);
	if (n > 0)
		memcpy(first + MUX_FRAME_HEADER, s->head, n);
	put_rows(t->f, 0, first, MUX_FRAME_HEADER + n);
	if (s->n_head > n)
		put_rows(t->f, MUX_FRAME_HEADER + n, s->head + n,
		    s->n_head - n);
}

static void
hex_more(const struct seen *s, const uint8_t *p, size_t n, void *sink)
{
	struct text *t = sink;

	if (p == NULL)
		return;
	if (t->last != s->index) {
		dump_line(s, t->no_time, t->f);
		fputs(" (goes on)\n", t->f);
	}
	t->last = s->index;
	put_rows(t->f, s->note->off + (s->frame != NULL ? MUX_FRAME_HEADER :
	    0), p, n);
}

const struct sink sink_hex = {
	.begin = text_begin,
	.frame = hex_frame,
	.more = hex_more,
	.end = text_end
};
