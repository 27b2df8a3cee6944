/*
 * admit.c - what the peer opens: made, or refused.  What it opens it for is
 * the handlers' business.  Invariant: no more is under way than the peer was
 * told of, and refusals that wait for room in the output have a bound as well.
 */
#include <stdlib.h>

#include "session.h"

/* A plain S0 peer was told of no limit, but there is one all the same. */
static size_t
most_refusals(const struct mux_session *s)
{
	if (s->mode == MUX_MODE_LEGACY)
		return LEGACY_CALLS;
	return s->cfg.max_calls > 64 ? s->cfg.max_calls : 64;
}

static bool
refusals_grow(struct refusals *r)
{
	size_t cap = r->cap == 0 ? 64 : 2 * r->cap;
	struct refusal *q = calloc(cap, sizeof(*q));

	if (q == NULL)
		return false;
	for (size_t i = 0; i < r->n; i++)
		q[i] = r->q[(r->head + i) % r->cap];
	free(r->q);
	*r = (struct refusals){ .q = q, .cap = cap, .n = r->n };
	return true;
}

void
session_refuse(struct mux_session *s, uint64_t id, uint32_t code,
    uint8_t type, bool end)
{
	struct refusals *r = &s->refused;

	if (r->n == most_refusals(s)) {
		session_violation(s, MUX_F_CALL_LIMIT,
		    "more calls than were announced wait for an answer");
		return;
	}
	if (r->n == r->cap && !refusals_grow(r)) {
		session_fatal(s, MUX_E_PROTOCOL, MUX_INTERNAL,
		    "internal: no memory for a refusal");
		return;
	}
	r->q[(r->head + r->n++) % r->cap] =
	    (struct refusal){ .id = id, .code = code, .type = type,
	    .end = end };
	s->stats.refused++;
	session_wake(s);
}

/* A plain S0 peer waits for the end of a stream that failed, too. */
static bool
wants_end(const struct mux_session *s, bool call)
{
	return s->mode == MUX_MODE_LEGACY && !call;
}

/* Is one more than it may have under way? */
static bool
over_limit(struct mux_session *s, bool call)
{
	bool legacy = s->mode == MUX_MODE_LEGACY;
	size_t live = call ? s->peer_calls : s->peer_live;

	if (live < (legacy ? LEGACY_CALLS : call ? s->cfg.max_calls :
	    s->cfg.max_streams))
		return false;
	if (legacy)
		session_violation(s, MUX_F_CALL_LIMIT,
		    "too many calls wait for an answer");
	else if (call)
		session_violation(s, MUX_F_CALL_LIMIT,
		    "more calls than were announced");
	else
		session_violation(s, MUX_F_STREAM_LIMIT,
		    "more streams than were announced");
	return true;
}

struct mux_stream *
session_admit(struct mux_session *s, bool call, uint64_t id)
{
	struct mux_call *c = NULL;
	struct mux_stream *st;

	if (over_limit(s, call))
		return NULL;
	if (call)
		c = call_new(s, true);
	st = call ? (c != NULL ? &c->st : NULL) : stream_new(s, true);
	if (st == NULL || !session_name(st, id)) {
		if (st != NULL) {
			stream_kill(st, 0, MUX_INTERNAL, NULL);
			stream_settle(st);
		}
		session_refuse(s, id, MUX_REFUSED, FT_ERROR,
		    wants_end(s, call));
		return NULL;
	}
	stream_enter_wire(st);
	return st;
}
