/*
 * The traces of mux(7), played by two sessions: what each side sends is
 * compared byte for byte with the page, and is what the other side gets.
 * No encoder stands between: the page is the witness.
 */
#include "mux.h"
#include "page.h"
#include "tap.h"

#define MOST	(256u * 1024u)

/* One side; its newest stream is the one that is spoken of. */
struct side {
	const char *name;
	struct mux_session *s;
	struct mux_stream *st;
	uint8_t *queue;			/* to be sent */
	size_t n, off;
	bool end;
};

struct play {
	struct side c, s;
	struct side *says;		/* whose bytes are collected */
	uint8_t want[MOST];
	size_t n_want;
	bool good;
	char title[64];
};

/* ---- the users of both ends ---- */

static size_t
on_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct side *x = arg;
	size_t n = x->n - x->off;

	(void)st;
	(void)limit;
	if (n > max)
		n = max;
	memcpy(buf, x->queue + x->off, n);
	x->off += n;
	if (x->end && x->off == x->n)
		*flags = MUX_FILL_END;
	return n;
}

/* Bytes wait for the action that consumes them. */
static void
on_data(struct mux_stream *st, const void *p, size_t n, void *arg)
{
	(void)st;
	(void)p;
	(void)n;
	(void)arg;
}

static const struct mux_stream_ops ops = {
	.size = sizeof(ops), .fill = on_fill, .data = on_data,
};

static void
on_open(struct mux_session *s, struct mux_stream *st,
    const struct mux_open *o, void *arg)
{
	struct side *x = arg;

	(void)s;
	(void)o;
	mux_stream_release(x->st);	/* the one before has ended */
	x->st = st;
	mux_stream_attach(st, &ops, x);
}

static const struct mux_session_ops session_ops = {
	.size = sizeof(session_ops), .open = on_open,
};

static void
side_init(struct side *x, const char *name, bool initiator)
{
	struct mux_config cfg = { .size = sizeof(cfg),
	    .initiator = initiator, .agent = "muxctl/" MUX_VERSION };

	if (initiator)
		cfg.max_calls = MUX_NONE;
	else
		cfg.max_open = MUX_NONE;
	memset(x, 0, sizeof(*x));
	x->name = name;
	if (mux_session_new(&cfg, &session_ops, x, 1, &x->s) < 0)
		abort();
}

static struct side *
other(struct play *p, const struct side *x)
{
	return x == &p->c ? &p->s : &p->c;
}

/* ---- bytes ---- */

/* "61*16384 6f6e65" behind p[*n]; false if it is no hexadecimal. */
static bool
hex(const char *s, uint8_t *p, size_t *n)
{
	unsigned v;
	int used;
	long times;

	while (*s != '\0') {
		if (*s == ' ') {
			s++;
			continue;
		}
		if (sscanf(s, "%2x%n", &v, &used) != 1 || used != 2)
			return false;
		s += 2;
		times = *s == '*' ? strtol(s + 1, (char **)&s, 10) : 1;
		if (times < 1 || (size_t)times > MOST - *n)
			return false;
		memset(p + *n, (int)v, (size_t)times);
		*n += (size_t)times;
	}
	return true;
}

static void
differ(struct play *p, const uint8_t *got, size_t n)
{
	size_t i = 0;

	while (i < n && i < p->n_want && got[i] == p->want[i])
		i++;
	printf("# %s, %s: %zu bytes, the page has %zu; byte %zu is %02x\n",
	    p->title, p->says->name, n, p->n_want, i, i < n ? got[i] : 0);
	p->good = false;
}

/* The lines of one side are complete: so it must send, so the other gets. */
static void
exchange(struct play *p)
{
	static uint8_t got[MOST];
	struct mux_out out;
	size_t n = 0;

	if (p->says == NULL)
		return;
	for (;;) {
		mux_session_pull(p->says->s, 1);
		mux_session_peek(p->says->s, &out);
		if (out.len == 0 || out.len > sizeof(got) - n)
			break;
		memcpy(got + n, out.data, out.len);
		n += out.len;
		mux_session_sent(p->says->s, out.len, 1);
	}
	if (n != p->n_want || memcmp(got, p->want, n) != 0)
		differ(p, got, n);
	if (mux_session_feed(other(p, p->says)->s, got, n, 1) < 0) {
		printf("# %s: not understood: %s\n", p->title,
		    mux_session_error(other(p, p->says)->s));
		p->good = false;
	}
	p->says = NULL;
	p->n_want = 0;
}

/* ---- actions ---- */

static bool
act_open(struct side *x, const char *target)
{
	struct mux_open o = { .size = sizeof(o), .target = target,
	    .target_len = strlen(target) };

	mux_stream_release(x->st);
	x->n = x->off = 0;
	x->end = false;
	return mux_stream_open(x->s, &o, &ops, x, &x->st) == 0;
}

/* "text", or bytes as in the traces; then perhaps the word end. */
static bool
act_write(struct side *x, char *what)
{
	char *quote = strrchr(what, '"');
	char *end = strstr(quote != NULL ? quote : what, " end");

	if (end != NULL)
		*end = '\0';
	x->end = end != NULL;
	x->n = x->off = 0;
	if (x->queue == NULL && (x->queue = malloc(MOST)) == NULL)
		return false;
	if (what[0] == '"') {
		x->n = (size_t)(quote - what) - 1;
		memcpy(x->queue, what + 1, x->n);
	} else if (!hex(what, x->queue, &x->n)) {
		return false;
	}
	mux_stream_ready(x->st);
	return true;
}

static bool
act_refuse(struct side *x, char *what)
{
	char *text, *quote = strrchr(what, '"');
	uint32_t code = (uint32_t)strtoul(what, &text, 10);

	if (quote == NULL || strncmp(text, " \"", 2) != 0)
		return false;
	*quote = '\0';
	mux_stream_refuse(x->st, code, text + 2);
	return true;
}

static bool
act(struct side *x, char *line)
{
	char word[16] = "";
	int n = 0;

	sscanf(line, "%15s %n", word, &n);
	line += n;
	if (strcmp(word, "open") == 0)
		return act_open(x, line);
	if (strcmp(word, "write") == 0)
		return act_write(x, line);
	if (strcmp(word, "refuse") == 0)
		return act_refuse(x, line);
	if (strcmp(word, "accept") == 0)
		return mux_stream_accept(x->st) == 0;
	if (strcmp(word, "consume") == 0)
		mux_stream_consume(x->st, strtoul(line, NULL, 10));
	else if (strcmp(word, "stop") == 0)
		mux_stream_stop(x->st, (uint32_t)strtoul(line, NULL, 10));
	else if (strcmp(word, "drain") == 0)
		mux_session_drain(x->s, 5000000000, 1);
	else if (strcmp(word, "end") == 0)
		return act_write(x, strcpy(line, "\"\" end"));
	else
		return false;
	return true;
}

/* ---- the play ---- */

static void
line(struct play *p, char *s)
{
	struct side *x = s[0] == 'S' || (s[0] == '#' && s[1] == 'S') ?
	    &p->s : &p->c;
	bool good = true;

	if (strncmp(s, "# ", 2) == 0 || s[0] == '.')
		return;
	if (s[0] == '#') {
		exchange(p);
		good = act(x, s + 3);
	} else if (s[1] == '>') {
		if (p->says != NULL && p->says != x)
			exchange(p);
		p->says = x;
		good = hex(s + 2, p->want, &p->n_want);
	} else {
		good = false;
	}
	if (!good)
		printf("# %s: \"%s\"\n", p->title, s);
	p->good &= good;
}

/* Moves bytes until both are silent. */
static void
settle(struct play *p)
{
	struct side *x = &p->c;
	struct mux_out out;
	int quiet = 0;

	while (quiet < 2) {
		mux_session_pull(x->s, 1);
		mux_session_peek(x->s, &out);
		quiet = out.len == 0 ? quiet + 1 : 0;
		mux_session_feed(other(p, x)->s, out.data, out.len, 1);
		mux_session_sent(x->s, out.len, 1);
		x = other(p, x);
	}
}

static bool
silent(struct side *x)
{
	struct mux_out out;

	mux_session_pull(x->s, 1);
	mux_session_peek(x->s, &out);
	return out.len == 0;
}

static void
side_release(struct side *x)
{
	mux_session_free(x->s);
	mux_stream_release(x->st);
	free(x->queue);
}

static bool
play(const char *name)
{
	static struct play p;
	struct page page;
	char begin[80];
	unsigned n = 0;

	memset(&p, 0, sizeof(p));
	p.good = true;
	snprintf(p.title, sizeof(p.title), "%s", name);
	side_init(&p.c, "C", true);
	side_init(&p.s, "S", false);
	if (strcmp(name, "hello") != 0)
		settle(&p);
	snprintf(begin, sizeof(begin), "TRACE-BEGIN %s", name);
	if (!page_open(&page, PAGE, begin, "TRACE-END"))
		p.good = false;
	for (; page_next(&page); n++)
		line(&p, page.line);
	page_close(&page);
	exchange(&p);
	ok(p.good && n > 3, "trace %s: %u lines", name, n);
	ok(silent(&p.c) && silent(&p.s), "nothing else is said");
	side_release(&p.c);
	side_release(&p.s);
	return p.good;
}

/* All that the page has, found by their comments. */
int
main(void)
{
	FILE *f = fopen(PAGE, "r");
	char buf[1024], name[64];
	unsigned n = 0;

	while (f != NULL && fgets(buf, sizeof(buf), f) != NULL)
		if (sscanf(buf, ".\\\" TRACE-BEGIN %63s", name) == 1) {
			play(name);
			n++;
		}
	if (f != NULL)
		fclose(f);
	ok(n >= 4, "%u traces", n);
	return tap_done();
}
