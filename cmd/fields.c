/*
 * fields.c - the table of fields and their getters.  What they say of a call
 * or stream is what was known when the frame passed.  Invariant: a getter
 * reads what is in memory of the frame and nothing beyond; where that is not
 * all of it (a frame of which only the head was recorded) there is no value
 * rather than half a value, but for `data` and `text`.
 */
#define LIBBSD_OPENBSD_VIS
#include <bsd/vis.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "mux.h"
#include "result.h"
#include "seen_int.h"

/* ---- values ---- */

static bool
number(struct value *v, uint64_t num)
{
	*v = (struct value){ .kind = FIELD_NUMBER, .num = num };
	return true;
}

static bool
duration(struct value *v, uint64_t ns)
{
	*v = (struct value){ .kind = FIELD_TIME, .num = ns };
	return true;
}

static bool
flag(struct value *v, bool on)
{
	*v = (struct value){ .kind = FIELD_FLAG, .num = on };
	return on;
}

static bool
word(struct value *v, const char *text)
{
	if (text == NULL)
		return false;
	*v = (struct value){ .kind = FIELD_WORD, .p = text,
	    .n = strlen(text) };
	return true;
}

static bool
bytes(struct value *v, const void *p, size_t n)
{
	*v = (struct value){ .kind = FIELD_BYTES, .p = p != NULL ? p : "",
	    .n = n };
	return true;
}

/* ---- of the record ---- */

static bool
get_index(const struct seen *s, struct value *v)
{
	return number(v, s->index);
}

static bool
get_conn(const struct seen *s, struct value *v)
{
	return number(v, s->conn->number);
}

static bool
get_frame(const struct seen *s, struct value *v)
{
	return s->frame != NULL && number(v, s->rec->number);
}

static bool
get_time(const struct seen *s, struct value *v)
{
	return duration(v, s->rec->wall);
}

static bool
get_t(const struct seen *s, struct value *v)
{
	return duration(v, s->t);
}

static bool
get_gap(const struct seen *s, struct value *v)
{
	return duration(v, s->gap);
}

static const char *const dirs[] = { "c2s", "s2c", NULL };

static bool
get_dir(const struct seen *s, struct value *v)
{
	if (s->rec->kind == MUX_DUMP_EVENT &&
	    s->rec->event != MUX_DUMP_EOF && s->rec->event != MUX_DUMP_BROKEN)
		return false;
	return word(v, dirs[s->rec->s2c]);
}

static bool
get_out(const struct seen *s, struct value *v)
{
	return flag(v, s->rec->out);
}

static bool
get_cut(const struct seen *s, struct value *v)
{
	return flag(v, s->cut);
}

static const char *const events[] = { "open", "close", "eof", "broken",
	"dropped", "fault", NULL };

static bool
get_event(const struct seen *s, struct value *v)
{
	unsigned e = s->rec->event;

	return s->rec->kind == MUX_DUMP_EVENT && e >= 1 && e <= 6 &&
	    word(v, events[e - 1]);
}

static bool
get_legacy(const struct seen *s, struct value *v)
{
	return flag(v, s->conn->legacy);
}

/* ---- of the header ---- */

static const char *const type_words[] = { "request", "response", "start",
	"data", "end", "error", "pause", "resume", "ping", "pong", "cancel",
	"credit", "reset", "stop", "ok", "priority", "connect", "accept",
	"reject", "goodbye", "datagram", "join", "leave", "ready", "msg",
	"unknown", "chunk", "event", NULL };

static bool
get_type(const struct seen *s, struct value *v)
{
	const char *name;

	if (s->frame == NULL)
		return word(v, s->rec->kind == MUX_DUMP_EVENT ? "event" :
		    "chunk");
	name = mux_frame_name(s->frame->type);
	return word(v, name != NULL ? name : "unknown");
}

static bool
get_type_no(const struct seen *s, struct value *v)
{
	return s->frame != NULL && number(v, s->frame->type);
}

static bool
get_id(const struct seen *s, struct value *v)
{
	return s->frame != NULL && number(v, s->frame->id);
}

static bool
get_flags(const struct seen *s, struct value *v)
{
	return s->frame != NULL && number(v, s->frame->flags);
}

static bool
get_len(const struct seen *s, struct value *v)
{
	if (s->frame != NULL)
		return number(v, s->frame->len);
	return s->rec->kind == MUX_DUMP_CHUNK && number(v, s->rec->total);
}

static bool
has_flag(const struct seen *s, unsigned bit, struct value *v)
{
	return flag(v, s->frame != NULL && (s->frame->flags & bit) != 0);
}

static bool
get_fin(const struct seen *s, struct value *v)
{
	return has_flag(s, FLAG_FIN, v);
}

static bool
get_more(const struct seen *s, struct value *v)
{
	return has_flag(s, FLAG_MORE, v);
}

static bool
get_ext(const struct seen *s, struct value *v)
{
	return has_flag(s, FLAG_EXT, v);
}

/* ---- of the payload ---- */

static bool
is_type(const struct seen *s, unsigned type)
{
	return s->frame != NULL && s->frame->type == type;
}

static bool
ends_with_code(const struct seen *s)
{
	return is_type(s, F_ERROR) || is_type(s, F_RESET) ||
	    is_type(s, F_REJECT) || is_type(s, F_GOODBYE);
}

static bool
get_code(const struct seen *s, struct value *v)
{
	if (!ends_with_code(s) && !is_type(s, F_STOP) && !is_type(s, F_CANCEL))
		return false;
	return s->n_body >= 4 && number(v, seen_u32(s->body));
}

static bool
get_code_name(const struct seen *s, struct value *v)
{
	return get_code(s, v) && word(v, mux_code_name((uint32_t)v->num));
}

static bool
get_text(const struct seen *s, struct value *v)
{
	size_t at = is_type(s, F_GOODBYE) ? 12 : 4;

	if (s->rec->kind == MUX_DUMP_EVENT)
		return s->n_body > 0 && bytes(v, s->body, s->n_body);
	return ends_with_code(s) && s->n_body > at &&
	    bytes(v, s->body + at, s->n_body - at);
}

static bool
get_last(const struct seen *s, struct value *v)
{
	return is_type(s, F_GOODBYE) && s->n_body >= 12 &&
	    number(v, seen_u64(s->body + 4));
}

static bool
get_credit(const struct seen *s, struct value *v)
{
	return (is_type(s, F_CREDIT) || is_type(s, F_OK)) && s->n_body >= 4 &&
	    number(v, seen_u32(s->body));
}

static bool
get_left(const struct seen *s, struct value *v)
{
	uint64_t left;

	return seen_left(s, &left) && number(v, left);
}

static bool
get_data(const struct seen *s, struct value *v)
{
	static const uint32_t with = 1u << F_REQUEST | 1u << F_RESPONSE |
	    1u << F_START | 1u << F_DATA | 1u << F_DATAGRAM | 1u << F_MSG;

	if (s->frame != NULL ? s->frame->type > F_MSG ||
	    (with & 1u << s->frame->type) == 0 :
	    s->rec->kind != MUX_DUMP_CHUNK)
		return false;
	return s->n_body > 0 && bytes(v, s->body, s->n_body);
}

/* ---- of the EXT block ---- */

/* The i-th tag of this number that `wanted` agrees with. */
static bool
find_tag(const struct seen *s, uint16_t tag, size_t i, struct mux_tag *t)
{
	size_t at = 0;

	if (s->ext == NULL)
		return false;
	while (mux_tag_next(s->ext, s->n_ext, &at, t) == 1)
		if (t->tag == tag && i-- == 0)
			return true;
	return false;
}

static bool
nth_arg(const struct seen *s, const char *sub, size_t n, size_t i,
    struct value *v)
{
	struct mux_tag t;

	(void)sub;
	(void)n;
	return find_tag(s, TAG_ARG, i, &t) && bytes(v, t.value, t.len);
}

static bool
get_arg(const struct seen *s, struct value *v)
{
	return nth_arg(s, NULL, 0, 0, v);
}

#define META_HEAD	4u	/* kind, flags, length of the key */
#define META_U64	2u
#define META_SENSITIVE	0x01u

static bool
meta_value(const struct mux_tag *t, size_t n_key, struct value *v)
{
	const uint8_t *p = t->value + META_HEAD + n_key;
	size_t n = t->len - META_HEAD - n_key;

	if ((t->value[1] & META_SENSITIVE) != 0)
		return bytes(v, "***", 3);
	if (t->value[0] == META_U64 && n == 8)
		return number(v, seen_u64(p));
	return bytes(v, p, n);
}

/* Without a name the keys, with one the values of that key. */
static bool
nth_meta(const struct seen *s, const char *sub, size_t n, size_t i,
    struct value *v)
{
	struct mux_tag t;
	size_t k, n_key;

	for (k = 0; find_tag(s, TAG_META, k, &t); k++) {
		n_key = t.len < META_HEAD ? SIZE_MAX : t.value[2] |
		    (size_t)t.value[3] << 8;
		if (n_key > t.len - META_HEAD)
			continue;
		if (sub != NULL && (n_key != n ||
		    memcmp(t.value + META_HEAD, sub, n) != 0))
			continue;
		if (i-- > 0)
			continue;
		return sub != NULL ? meta_value(&t, n_key, v) :
		    bytes(v, t.value + META_HEAD, n_key);
	}
	return false;
}

static bool
get_meta(const struct seen *s, struct value *v)
{
	return nth_meta(s, NULL, 0, 0, v);
}

static bool
get_deadline(const struct seen *s, struct value *v)
{
	struct mux_tag t;

	return find_tag(s, TAG_DEADLINE_MS, 0, &t) && t.len == 4 &&
	    duration(v, seen_u32(t.value) * UINT64_C(1000000));
}

static bool
get_stderr(const struct seen *s, struct value *v)
{
	struct mux_tag t;

	return find_tag(s, TAG_STDERR, 0, &t) && t.len == 8 &&
	    number(v, seen_u64(t.value));
}

/* ---- of the call or stream ---- */

static const char *const kinds[] = { "call", "stream", NULL };

static bool
get_kind(const struct seen *s, struct value *v)
{
	return s->of != NULL && word(v, kinds[s->of->kind]);
}

static bool
get_n(const struct seen *s, struct value *v)
{
	return s->of != NULL && s->of->ordinal != 0 &&
	    number(v, s->of->ordinal);
}

/* Frames that are about one kind only need not be known otherwise. */
static bool
is_about(const struct seen *s, enum seen_kind kind)
{
	unsigned type;

	if (s->frame == NULL)
		return false;
	if (s->of != NULL)
		return s->of->kind == kind;
	type = s->frame->type;
	if (kind == SEEN_CALL)
		return type == F_REQUEST || type == F_RESPONSE;
	return type == F_START || type == F_DATA || type == F_END ||
	    (type >= F_RESET && type <= F_OK);
}

static bool
get_call(const struct seen *s, struct value *v)
{
	return is_about(s, SEEN_CALL) && number(v, s->frame->id);
}

static bool
get_stream(const struct seen *s, struct value *v)
{
	return is_about(s, SEEN_STREAM) && number(v, s->frame->id);
}

static bool
get_method(const struct seen *s, struct value *v)
{
	return s->of != NULL && s->of->method != NULL &&
	    bytes(v, s->of->method, s->of->method_len);
}

static bool
get_target(const struct seen *s, struct value *v)
{
	return s->of != NULL && s->of->target != NULL &&
	    bytes(v, s->of->target, s->of->target_len);
}

static bool
get_parent(const struct seen *s, struct value *v)
{
	return s->of != NULL && s->of->parent != 0 &&
	    number(v, s->of->parent);
}

static bool
get_exit(const struct seen *s, struct value *v)
{
	return s->of != NULL && s->of->exit_kind == MUX_EXIT_EXITED &&
	    number(v, s->of->exit_value);
}

static bool
get_signal(const struct seen *s, struct value *v)
{
	return s->of != NULL && s->of->exit_kind == MUX_EXIT_SIGNAL &&
	    number(v, s->of->exit_value);
}

static bool
get_done(const struct seen *s, struct value *v)
{
	return flag(v, s->of != NULL && s->of->done);
}

static bool
get_status(const struct seen *s, struct value *v)
{
	const struct seen_thing *t = s->of;
	struct mux_answer a = { .size = sizeof(a), .by_peer = true };
	struct result r;

	if (t == NULL || !t->done || t->kind != SEEN_CALL)
		return false;
	a.code = t->code;
	a.have_exit = t->exit_kind >= 0;
	a.exit_kind = a.have_exit ? (uint8_t)t->exit_kind : 0;
	a.exit_value = t->exit_value;
	result_from(&r, &a);
	number(v, (uint64_t)r.code);
	result_release(&r);
	return true;
}

static bool
get_dur(const struct seen *s, struct value *v)
{
	return s->of != NULL && s->rec->mono >= s->of->begun &&
	    duration(v, s->rec->mono - s->of->begun);
}

static bool
get_wait(const struct seen *s, struct value *v)
{
	return s->of != NULL && s->of->answered >= s->of->begun &&
	    s->of->answered != 0 &&
	    duration(v, s->of->answered - s->of->begun);
}

static bool
get_bytes(const struct seen *s, struct value *v)
{
	return s->of != NULL && number(v, s->of->bytes[0] + s->of->bytes[1]);
}

/* ---- the table ---- */

#define ROW(n, k, g, text)	.name = (n), .kind = FIELD_##k, .get = (g), \
	.help = (text), .wireshark = "mux." n
/* Wireshark has these of its own. */
#define OWN(n, k, g, text)	.name = (n), .kind = FIELD_##k, .get = (g), \
	.help = (text)

const struct field fields[] = {
	{ OWN("index", NUMBER, get_index, "which it is of all, from 1") },
	{ ROW("conn", NUMBER, get_conn, "connection, from 1") },
	{ ROW("frame", NUMBER, get_frame,
	    "frame of its connection, from 1") },
	{ OWN("time", TIME, get_time, "since 1970") },
	{ OWN("t", TIME, get_t, "since the first record") },
	{ OWN("gap", TIME, get_gap,
	    "since the last record of its connection") },
	{ ROW("dir", WORD, get_dir, "who sent it: c2s is the side that "
	    "dialled"), .words = dirs },
	{ ROW("out", FLAG, get_out, "sent by the side that recorded it") },
	{ ROW("type", WORD, get_type, "type of frame, or chunk or event"),
	    .words = type_words },
	{ ROW("type_no", NUMBER, get_type_no, "type of frame, as a number") },
	{ ROW("id", NUMBER, get_id, "id on the wire") },
	{ ROW("flags", NUMBER, get_flags, "all flags") },
	{ ROW("fin", FLAG, get_fin, "its direction ends behind it") },
	{ ROW("more", FLAG, get_more, "the message goes on") },
	{ ROW("ext", FLAG, get_ext, "it begins with an EXT block") },
	{ ROW("len", NUMBER, get_len, "bytes of the payload") },
	{ ROW("kind", WORD, get_kind, "what it belongs to"),
	    .words = kinds },
	{ ROW("n", NUMBER, get_n, "which call (or stream) of its connection "
	    "that is, from 1") },
	{ ROW("call", NUMBER, get_call, "id, if it is of a call") },
	{ ROW("stream", NUMBER, get_stream, "id, if it is of a stream") },
	{ ROW("method", BYTES, get_method, "method of its call or stream") },
	{ ROW("target", BYTES, get_target, "target of its stream") },
	{ ROW("parent", NUMBER, get_parent, "call that its stream is part "
	    "of") },
	{ ROW("arg", BYTES, get_arg, "arguments in it"), .nth = nth_arg },
	{ ROW("meta", BYTES, get_meta, "keys of metadata in it; meta.KEY: "
	    "the value of that key"), .nth = nth_meta, .named = true },
	{ ROW("deadline", TIME, get_deadline, "DEADLINE_MS in it") },
	{ ROW("stderr", NUMBER, get_stderr, "stream that STDERR in it "
	    "names") },
	{ ROW("code", NUMBER, get_code, "code of an error, reset, stop, "
	    "cancel, reject or goodbye") },
	{ ROW("code_name", WORD, get_code_name, "its name") },
	{ ROW("text", BYTES, get_text, "its sentence; of an event: what "
	    "happened") },
	{ ROW("last", NUMBER, get_last, "last id in a goodbye") },
	{ ROW("credit", NUMBER, get_credit, "bytes that a credit or ok "
	    "gives") },
	{ ROW("left", NUMBER, get_left, "credit left behind it to the "
	    "direction that it is about") },
	{ ROW("event", WORD, get_event, "what an event is"),
	    .words = events },
	{ ROW("exit", NUMBER, get_exit, "exit status of the program") },
	{ ROW("signal", NUMBER, get_signal, "signal that killed the "
	    "program") },
	{ ROW("status", NUMBER, get_status, "exit status of muxctl call for "
	    "this call, once it is answered") },
	{ ROW("done", FLAG, get_done, "its call or stream has ended") },
	{ ROW("dur", TIME, get_dur, "since its call or stream began") },
	{ ROW("wait", TIME, get_wait, "from there to the first answer") },
	{ ROW("bytes", NUMBER, get_bytes, "bodies and data of its call or "
	    "stream until now, both directions") },
	{ ROW("legacy", FLAG, get_legacy, "the connection is plain S0") },
	{ ROW("cut", FLAG, get_cut, "not all of it was recorded") },
	{ OWN("data", BYTES, get_data, "the payload behind the EXT block, or "
	    "how it begins") },
};

const size_t n_fields = sizeof(fields) / sizeof(fields[0]);

const struct field *
field_find(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < n_fields; i++)
		if (strlen(fields[i].name) == n &&
		    memcmp(fields[i].name, name, n) == 0)
			return &fields[i];
	return NULL;
}

bool
field_ref(const char *text, size_t n, struct field_ref *ref)
{
	const char *dot = memchr(text, '.', n);
	size_t n_name = dot != NULL ? (size_t)(dot - text) : n;

	*ref = (struct field_ref){ .field = field_find(text, n_name) };
	if (ref->field == NULL || dot == NULL)
		return ref->field != NULL;
	ref->sub = dot + 1;
	ref->n_sub = n - n_name - 1;
	return ref->field->named && ref->n_sub > 0;
}

bool
field_get(const struct field_ref *ref, const struct seen *s, size_t i,
    struct value *v)
{
	if (ref->field->nth != NULL)
		return ref->field->nth(s, ref->sub, ref->n_sub, i, v);
	return i == 0 && ref->field->get(s, v);
}

static void
print_bytes(const char *p, size_t n, FILE *f)
{
	char buf[4 * 256 + 1];
	size_t k;

	for (; n > 0; p += k, n -= k) {
		k = n < 256 ? n : 256;
		/* Encoded alone, a NUL and a digit behind it would be one. */
		if (k < n && p[k - 1] == '\0' && p[k] >= '0' && p[k] <= '7')
			k--;
		strnvisx(buf, sizeof(buf), p, k, VIS_CSTYLE | VIS_OCTAL |
		    VIS_NL | VIS_TAB | VIS_NOLOCALE);
		fputs(buf, f);
	}
}

void
field_print(const struct value *v, void *file)
{
	FILE *f = file;

	switch (v->kind) {
	case FIELD_TIME:
		fprintf(f, "%" PRIu64 ".%09" PRIu64, v->num / 1000000000,
		    v->num % 1000000000);
		break;
	case FIELD_WORD:
		fwrite(v->p, 1, v->n, f);
		break;
	case FIELD_BYTES:
		print_bytes(v->p, v->n, f);
		break;
	default:
		fprintf(f, "%" PRIu64, v->num);
	}
}
