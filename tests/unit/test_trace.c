/*
 * The traces of mux(7), played by two sessions: what each side sends is
 * compared byte for byte with the page, and is what the other side gets.
 * No encoder stands between: the page is the witness.
 */
#include "mux.h"
#include "page.h"
#include "tap.h"

#define MOST	(256u * 1024u)

/* One side; its newest stream or call is the one that is spoken of. */
struct side {
	const char *name;
	struct mux_session *s;
	struct mux_stream *st;
	struct mux_call *call;		/* stays when a stream comes */
	bool on_call;			/* it is the newest */
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
take_queued(struct side *x, void *buf, size_t max, unsigned *flags)
{
	size_t n = x->n - x->off;

	if (n > max)
		n = max;
	memcpy(buf, x->queue + x->off, n);
	x->off += n;
	if (x->end && x->off == x->n)
		*flags = MUX_FILL_END;
	return n;
}

static size_t
on_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	(void)st;
	(void)limit;
	return take_queued(arg, buf, max, flags);
}

static size_t
on_call_fill(struct mux_call *c, void *buf, size_t max, unsigned *flags,
    void *arg)
{
	(void)c;
	return take_queued(arg, buf, max, flags);
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

static void
on_call_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	(void)c;
	(void)p;
	(void)n;
	(void)arg;
}

/* Cancelling waits for the action that answers. */
static void
on_cancel(struct mux_call *c, uint32_t code, void *arg)
{
	(void)c;
	(void)code;
	(void)arg;
}

static const struct mux_call_ops call_ops = {
	.size = sizeof(call_ops), .fill = on_call_fill,
	.data = on_call_data, .cancel = on_cancel,
};

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
	x->on_call = false;
	mux_stream_attach(st, &ops, x);
}

static void
on_call(struct mux_session *s, struct mux_call *c,
    const struct mux_request *q, void *arg)
{
	struct side *x = arg;

	(void)s;
	(void)q;
	mux_call_release(x->call);
	x->call = c;
	x->on_call = true;
	mux_call_attach(c, &call_ops, x);
}

static const struct mux_session_ops session_ops = {
	.size = sizeof(session_ops), .open = on_open, .call = on_call,
};

static void
side_init(struct side *x, const char *name, bool initiator)
{
	struct mux_config cfg = { .size = sizeof(cfg),
	    .initiator = initiator, .agent = "muxctl/" MUX_VERSION };

	if (initiator)
		cfg.max_calls = MUX_NONE;
	else
		cfg.max_open = 1;	/* the messages of a call */
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
act_open(struct side *x, char *target)
{
	struct mux_open o = { .size = sizeof(o), .target = target,
	    .target_len = strlen(target) };

	mux_stream_release(x->st);
	x->n = x->off = 0;
	x->end = x->on_call = false;
	return mux_stream_open(x->s, &o, &ops, x, &x->st) == 0;
}

/* The stream for the messages of the call. */
static bool
act_errors(struct side *x)
{
	struct mux_open o = { .size = sizeof(o), .one_way = true,
	    .parent = mux_call_id(x->call) };

	x->on_call = false;
	return mux_stream_open(x->s, &o, &ops, x, &x->st) == 0;
}

/* What stands in quotes behind `word`; NULL if nothing does. */
static char *
quoted(char *line, const char *word)
{
	char *begin = strstr(line, word), *end = strrchr(line, '"');

	if (begin == NULL || end < begin + strlen(word))
		return NULL;
	*end = '\0';
	return begin + strlen(word);
}

/* NAME [arg WORD meta KEY=VALUE deadline MS] [body "TEXT"] */
static bool
act_call(struct side *x, char *line)
{
	char method[32], arg[32], key[32], value[32], *body;
	struct mux_bytes word = { .p = arg };
	struct mux_request q = { .size = sizeof(q), .args = &word };
	struct mux_meta meta = { .key.p = key, .value.p = value };
	unsigned ms = 0;
	int n = sscanf(line, "%31s arg %31s meta %31[^=]=%31s deadline %u",
	    method, arg, key, value, &ms);

	q.method = (struct mux_bytes){ method, n > 0 ? strlen(method) : 0 };
	if (n == 5) {
		word.len = strlen(arg);
		meta.key.len = strlen(key);
		meta.value.len = strlen(value);
		q.meta = &meta;
		q.n_args = q.n_meta = 1;
		q.deadline = ms * UINT64_C(1000000);
	}
	if ((body = quoted(line, "body \"")) != NULL) {
		q.body = body;
		q.body_len = strlen(body);
	}
	mux_call_release(x->call);
	x->n = x->off = 0;
	x->end = false;
	x->on_call = true;
	return mux_call_open(x->s, &q, &call_ops, x, &x->call) == 0;
}

static struct mux_answer
answer_of(const char *line, const struct side *x)
{
	struct mux_answer a = { .size = sizeof(a) };
	const char *exit = strstr(line, "exit ");
	unsigned kind;

	a.have_exit = exit != NULL &&
	    sscanf(exit, "exit %u %u", &kind, &a.exit_value) == 2;
	if (a.have_exit)
		a.exit_kind = (uint8_t)kind;
	if (x->st != NULL)
		a.stderr_id = mux_stream_id(x->st);
	return a;
}

/* [exit KIND VALUE] body "TEXT" */
static bool
act_answer(struct side *x, char *line)
{
	struct mux_answer a = answer_of(line, x);
	const char *body = quoted(line, "body \"");

	return body != NULL && mux_call_answer(x->call, &a, body,
	    strlen(body)) == 0;
}

/* CODE "TEXT" [exit KIND VALUE] */
static bool
act_fail(struct side *x, char *line)
{
	struct mux_answer a = answer_of(line, x);
	const char *text = quoted(line, " \"");

	return text != NULL && mux_call_fail(x->call,
	    (uint32_t)strtoul(line, NULL, 10), text, &a) == 0;
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
	if (x->on_call)
		mux_call_ready(x->call);
	else
		mux_stream_ready(x->st);
	return true;
}

static void
act_consume(struct side *x, size_t n)
{
	if (x->on_call)
		mux_call_consume(x->call, n);
	else
		mux_stream_consume(x->st, n);
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

static const struct {
	const char *word;
	bool (*fn)(struct side *, char *);
} acts[] = {
	{ "open", act_open }, { "call", act_call }, { "write", act_write },
	{ "refuse", act_refuse }, { "answer", act_answer },
	{ "fail", act_fail },
};

static bool
act(struct side *x, char *line)
{
	char word[16] = "";
	size_t i;
	int n = 0;

	sscanf(line, "%15s %n", word, &n);
	line += n;
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(word, acts[i].word) == 0)
			return acts[i].fn(x, line);
	if (strcmp(word, "accept") == 0)
		return mux_stream_accept(x->st) == 0;
	if (strcmp(word, "errors") == 0)
		return act_errors(x);
	if (strcmp(word, "consume") == 0)
		act_consume(x, strtoul(line, NULL, 10));
	else if (strcmp(word, "cancel") == 0)
		mux_call_cancel(x->call, 0);
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
	mux_call_release(x->call);
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
	ok(n >= 7, "%u traces", n);
	return tap_done();
}
