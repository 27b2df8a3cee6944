/*
 * dump_bytes.c - frames as bytes: what was carried and nothing else, or
 * records in a file like the one they came from.  Frames of different
 * connections and directions may lie between the pieces of one.  Invariant:
 * the payload that was captured comes out byte for byte, however long.
 */
#include <bsd/stdlib.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "out.h"

/* ---- raw ---- */

/* Types that carry bytes of their users; of the others nothing is raw. */
static bool
carries(const struct mux_frame *f)
{
	static const char *const words[] = {
		"request", "response", "start", "data", "datagram", "msg"
	};
	const char *name = mux_frame_name(f->type);
	size_t i;

	for (i = 0; name != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return false;
}

static void *
raw_begin(const struct dump_opts *o, FILE *f)
{
	(void)o;
	return f;
}

static void
raw_frame(const struct seen *s, void *sink)
{
	if (s->rec->kind == MUX_DUMP_EVENT || (s->frame != NULL &&
	    !carries(s->frame)))
		return;
	if (s->n_body > 0)
		fwrite(s->body, 1, s->n_body, sink);
}

static void
raw_more(const struct seen *s, const uint8_t *p, size_t n, void *sink)
{
	if (p != NULL && (s->frame == NULL || carries(s->frame)))
		fwrite(p, 1, n, sink);
}

static int
raw_end(void *sink)
{
	(void)sink;
	return 0;
}

const struct sink sink_raw = {
	.begin = raw_begin,
	.frame = raw_frame,
	.more = raw_more,
	.end = raw_end
};

/* ---- pcapng ---- */

struct pcapng {
	FILE *f;
	bool no_time;
};

/* `more` are the bytes behind r->n; r->n counts both. */
static void
put_record(struct pcapng *w, struct mux_dump_record *r, const uint8_t *more)
{
	uint8_t head[MUX_DUMP_HEAD_MAX], tail[MUX_DUMP_TAIL_MAX];
	size_t n_head, n_tail, n_first = r->data != NULL ? r->n : 0;

	if (more != NULL)
		n_first = MUX_FRAME_HEADER;
	if (w->no_time)
		r->mono = r->wall = 0;
	n_head = mux_dump_head(head, r);
	n_tail = mux_dump_tail(tail, r);
	fwrite(head, 1, n_head, w->f);
	if (n_first > 0)
		fwrite(r->data, 1, n_first, w->f);
	if (r->n > n_first)
		fwrite(more, 1, r->n - n_first, w->f);
	fwrite(tail, 1, n_tail, w->f);
}

static void *
pcapng_begin(const struct dump_opts *o, FILE *f)
{
	uint8_t buf[MUX_DUMP_BEGIN_MAX], id[16] = { 0 };
	struct pcapng *w = malloc(sizeof(*w));

	if (w == NULL) {
		say(SAY_ERROR, "out of memory");
		return NULL;
	}
	w->f = f;
	w->no_time = o->no_time;
	if (!o->no_time)
		arc4random_buf(id, sizeof(id));
	fwrite(buf, 1, mux_dump_begin(buf, id, 0, "muxctl/" MUX_VERSION,
	    "muxctl dump"), f);
	return w;
}

static void
pcapng_frame(const struct seen *s, void *sink)
{
	struct mux_dump_record r = *s->rec;
	uint8_t header[MUX_FRAME_HEADER];

	if (s->frame != NULL) {
		mux_frame_put(header, s->frame);
		r.off = 0;
		r.data = header;
		r.wire = r.n = MUX_FRAME_HEADER + (uint32_t)s->n_head;
		put_record(sink, &r, s->n_head > 0 ? s->head : NULL);
		return;
	}
	if (s->note->flags & DUMP_REDACTED)
		r.n = 0;
	put_record(sink, &r, NULL);
}

/* What is missing at the end is a record without bytes. */
static void
pcapng_more(const struct seen *s, const uint8_t *p, size_t n, void *sink)
{
	struct mux_dump_record r = *s->rec;

	if (s->frame == NULL)
		return;
	r.off = MUX_FRAME_HEADER + (uint32_t)s->note->off;
	r.data = p;
	r.n = (uint32_t)n;
	r.wire = p != NULL ? r.n : r.total - r.off;
	if (r.wire > 0)
		put_record(sink, &r, NULL);
}

static int
pcapng_end(void *sink)
{
	free(sink);
	return 0;
}

const struct sink sink_pcapng = {
	.begin = pcapng_begin,
	.frame = pcapng_frame,
	.more = pcapng_more,
	.end = pcapng_end
};
