/*
 * call_ext.c - what a request and an answer say in their EXT blocks, to and
 * from the structs of mux.h.  It knows tags and their limits, not calls.
 * Invariant: what is read points into the block, what is written was measured
 * by the *_room() function of the same rows.
 */
#include <stdlib.h>

#include "call.h"
#include "ext.h"
#include "frame.h"
#include "mux.h"

#define NONCE_LEN	16u
#define META_HEAD	4u

/* ---- reading ---- */

static bool
more_of(void *array, size_t *cap, size_t need, size_t each)
{
	void **p = array, *bigger;

	if (need <= *cap)
		return true;
	if ((bigger = realloc(*p, need * each)) == NULL)
		return false;
	*p = bigger;
	*cap = need;
	return true;
}

/* The arrays are as long as the block asks for, before they are filled. */
static uint32_t
items_reserve(struct items *items, struct rd ext)
{
	size_t n_args = 0, n_meta = 0, n_streams = 0, arg_bytes = 0;
	struct ext_item it;

	while (ext_next(&ext, &it)) {
		if (it.tag == TAG_ARG) {
			n_args++;
			arg_bytes += it.len;
		} else if (it.tag == TAG_META) {
			n_meta++;
		} else if (it.tag == TAG_STREAMS) {
			n_streams = max_size(n_streams, it.len / 8);
		}
	}
	if (n_args > ARG_COUNT || arg_bytes > ARG_BYTES)
		return MUX_TOO_LARGE;
	if (!more_of(&items->args, &items->args_cap, n_args,
	    sizeof(*items->args)) ||
	    !more_of(&items->meta, &items->meta_cap, n_meta,
	    sizeof(*items->meta)) ||
	    !more_of(&items->streams, &items->streams_cap, n_streams,
	    sizeof(*items->streams)))
		return MUX_REFUSED;
	return 0;
}

/* ext_check() has seen that it is whole. */
static void
read_meta(struct mux_meta *m, const struct ext_item *it)
{
	size_t key = get_le16(it->value + 2);

	m->kind = it->value[0];
	m->flags = it->value[1];
	m->key = (struct mux_bytes){ it->value + META_HEAD, key };
	m->value = (struct mux_bytes){ it->value + META_HEAD + key,
	    it->len - META_HEAD - key };
}

static size_t
read_ids(uint64_t *ids, const struct ext_item *it)
{
	for (size_t i = 0; i < it->len / 8; i++)
		ids[i] = get_le64(it->value + 8 * i);
	return it->len / 8;
}

/* True if the tag is one of a request and as long as it must be. */
static bool
request_item(struct items *items, struct mux_request *q,
    const struct ext_item *it)
{
	switch (it->tag) {
	case TAG_METHOD:
		q->method = (struct mux_bytes){ it->value, it->len };
		return true;
	case TAG_ARG:
		items->args[q->n_args++] =
		    (struct mux_bytes){ it->value, it->len };
		return true;
	case TAG_META:
		read_meta(&items->meta[q->n_meta++], it);
		return true;
	case TAG_STREAMS:
		if (it->len % 8 == 0)
			q->n_streams = read_ids(items->streams, it);
		return it->len % 8 == 0;
	case TAG_DEADLINE_MS:
		if (it->len == 4)
			q->deadline = max_u64(1,
			    get_le32(it->value) * NS_PER_MS);
		return it->len == 4;
	case TAG_NONCE:
		if (it->len == NONCE_LEN)
			q->nonce = it->value;
		return it->len == NONCE_LEN;
	case TAG_PRIORITY:
		if (it->len != 1 || it->value[0] > 7)
			return false;
		q->have_priority = true;
		q->priority = it->value[0];
		return true;
	default:
		return false;
	}
}

bool
request_read_method(struct rd ext, struct mux_request *q)
{
	if (ext.n < 4 || get_le16(ext.p) != TAG_METHOD ||
	    get_le16(ext.p + 2) != ext.n - 4)
		return false;
	q->method = (struct mux_bytes){ ext.p + 4, ext.n - 4 };
	return true;
}

uint32_t
request_read(struct items *items, struct rd ext, struct mux_request *q,
    bool (*own)(void *arg, const struct ext_item *), void *arg)
{
	uint32_t code = items_reserve(items, ext);
	struct ext_item it;
	bool known;

	if (code == 0) {
		q->args = items->args;
		q->meta = items->meta;
		q->streams = items->streams;
	}
	while (ext_next(&ext, &it)) {
		known = own != NULL && own(arg, &it);
		if (code != 0)
			continue;
		if (!known && !request_item(items, q, &it) && it.critical)
			code = MUX_UNSUPPORTED;
		else if (it.tag == TAG_ARG && it.len > 0 &&
		    memchr(it.value, 0, it.len) != NULL)
			code = MUX_INVALID_PAYLOAD;
	}
	return code;
}

static bool
answer_item(struct items *items, struct mux_answer *a,
    const struct ext_item *it)
{
	const uint8_t *v = it->value;

	switch (it->tag) {
	case TAG_META:
		read_meta(&items->meta[a->n_meta++], it);
		return true;
	case TAG_STREAMS:
		if (it->len % 8 == 0)
			a->n_streams = read_ids(items->streams, it);
		return it->len % 8 == 0;
	case TAG_EXIT:
		if (it->len != 8)
			return false;
		a->have_exit = true;
		a->exit_kind = v[0];
		a->exit_core = v[1] != 0;
		a->exit_value = get_le32(v + 4);
		return true;
	case TAG_USAGE:
		if (it->len != 24)
			return false;
		a->have_usage = true;
		a->utime = get_le64(v);
		a->stime = get_le64(v + 8);
		a->maxrss = get_le64(v + 16);
		return true;
	case TAG_STDERR:
		if (it->len == 8)
			a->stderr_id = get_le64(v);
		return it->len == 8;
	case TAG_RULE:
		return true;
	default:
		return false;
	}
}

uint32_t
answer_read(struct items *items, struct rd ext, struct mux_answer *a)
{
	uint32_t code = items_reserve(items, ext);
	struct ext_item it;

	if (code != 0)
		return code;
	a->meta = items->meta;
	a->streams = items->streams;
	while (ext_next(&ext, &it))
		if (!answer_item(items, a, &it) && it.critical)
			code = MUX_UNSUPPORTED;
	return code;
}

/* ---- measuring ---- */

static size_t
meta_room(const struct mux_meta *m)
{
	return EXT_ROOM(META_HEAD + m->key.len + m->value.len);
}

static bool
meta_ok(const struct mux_meta *m, size_t n, size_t max)
{
	size_t total = 0;

	if (n > META_ENTRIES)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (m[i].key.len > META_KEY || m[i].value.len > META_VALUE)
			return false;
		total += m[i].key.len + m[i].value.len;
	}
	return total <= min_size(max, META_TOTAL);
}

bool
request_ok(const struct mux_request *q, size_t max_meta, size_t *room)
{
	size_t total = 0;

	if (q->n_args > ARG_COUNT || q->n_streams > UINT16_MAX / 8 ||
	    q->method.len > UINT16_MAX || (q->have_priority &&
	    q->priority > 7) || !meta_ok(q->meta, q->n_meta, max_meta))
		return false;
	for (size_t i = 0; i < q->n_args; i++) {
		const struct mux_bytes *a = &q->args[i];

		if (a->len > UINT16_MAX || (a->len > 0 &&
		    memchr(a->p, 0, a->len) != NULL))
			return false;
		total += a->len;
	}
	*room = request_room(q);
	return total <= ARG_BYTES &&
	    *room <= min_size(max_meta + FRAME_EXT_MORE, EXT_ROOM_MAX);
}

bool
answer_ok(const struct mux_answer *a, size_t max_meta)
{
	return a->n_streams <= UINT16_MAX / 8 &&
	    meta_ok(a->meta, a->n_meta, max_meta) &&
	    answer_room(a) <= min_size(max_meta + FRAME_EXT_MORE, EXT_ROOM_MAX);
}

size_t
request_room(const struct mux_request *q)
{
	size_t n = EXT_ROOM(q->method.len) + EXT_ROOM(4) +
	    EXT_ROOM(NONCE_LEN) + EXT_ROOM(1) + EXT_ROOM(8 * q->n_streams);

	for (size_t i = 0; i < q->n_args; i++)
		n += EXT_ROOM(q->args[i].len);
	for (size_t i = 0; i < q->n_meta; i++)
		n += meta_room(&q->meta[i]);
	return n;
}

size_t
answer_room(const struct mux_answer *a)
{
	size_t n = EXT_ROOM(8) + EXT_ROOM(24) + EXT_ROOM(8) +
	    EXT_ROOM(8 * a->n_streams);

	for (size_t i = 0; i < a->n_meta; i++)
		n += meta_room(&a->meta[i]);
	return n;
}

/* ---- writing ---- */

static void
put_meta(struct wr *w, const struct mux_meta *m)
{
	uint8_t head[META_HEAD] = { m->kind, m->flags };

	put_le16(head + 2, (uint16_t)m->key.len);
	ext_open(w, TAG_META, META_HEAD + m->key.len + m->value.len);
	wr_bytes(w, head, META_HEAD);
	wr_bytes(w, m->key.p, m->key.len);
	wr_bytes(w, m->value.p, m->value.len);
}

static void
put_ids(struct wr *w, const uint64_t *ids, size_t n)
{
	uint8_t v[8];

	if (n == 0)
		return;
	ext_open(w, TAG_STREAMS, 8 * n);
	for (size_t i = 0; i < n; i++) {
		put_le64(v, ids[i]);
		wr_bytes(w, v, 8);
	}
}

void
request_write(struct wr *w, const struct mux_request *q)
{
	uint64_t ms = (q->deadline + NS_PER_MS - 1) / NS_PER_MS;
	uint8_t v[4];

	ext_put(w, TAG_METHOD, q->method.p, q->method.len);
	for (size_t i = 0; i < q->n_args; i++)
		ext_put(w, TAG_ARG | EXT_CRITICAL, q->args[i].p,
		    q->args[i].len);
	for (size_t i = 0; i < q->n_meta; i++)
		put_meta(w, &q->meta[i]);
	put_ids(w, q->streams, q->n_streams);
	/* more than 49 days are no deadline */
	if (ms != 0 && ms <= UINT32_MAX) {
		put_le32(v, (uint32_t)ms);
		ext_put(w, TAG_DEADLINE_MS, v, 4);
	}
	if (q->nonce != NULL)
		ext_put(w, TAG_NONCE, q->nonce, NONCE_LEN);
	if (q->have_priority)
		ext_put(w, TAG_PRIORITY, &q->priority, 1);
}

void
answer_write(struct wr *w, const struct mux_answer *a)
{
	uint8_t v[24] = { a->exit_kind, a->exit_core };

	for (size_t i = 0; i < a->n_meta; i++)
		put_meta(w, &a->meta[i]);
	put_ids(w, a->streams, a->n_streams);
	if (a->have_exit) {
		put_le32(v + 4, a->exit_value);
		ext_put(w, TAG_EXIT, v, 8);
	}
	if (a->stderr_id != 0) {
		put_le64(v, a->stderr_id);
		ext_put(w, TAG_STDERR, v, 8);
	}
	if (a->have_usage) {
		put_le64(v, a->utime);
		put_le64(v + 8, a->stime);
		put_le64(v + 16, a->maxrss);
		ext_put(w, TAG_USAGE, v, 24);
	}
}
