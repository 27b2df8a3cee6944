/*
 * What owners may do when they are called: everything but to turn or free
 * the session.  Every act in every callback, so that a sanitizer sees what
 * is touched too late; and that nobody is called after he was told the end.
 */
#include "raw.h"

enum act {
	NOTHING, RESET_SELF, RELEASE_SELF, RELEASE_ALL, RESET_ALL, STOP_SELF,
	PAUSE_SELF, RANK_SELF, READY_ALL, OPEN_MORE, PING_PEER, DRAIN, ABORT,
	REFUSE_SELF, ACCEPT_SELF, N_ACTS
};

static const char *const act_names[N_ACTS] = {
	"nothing", "reset", "release", "release all", "reset all", "stop",
	"pause", "priority", "ready", "open", "ping", "drain", "abort",
	"refuse", "accept"
};

static const char *const event_names[] = {
	"none", "open", "accepted", "fill", "data", "eof", "stopped", "reset"
};

static struct plan {
	enum event when;
	enum act what;
	unsigned times;		/* so often at most */
	unsigned done;
} plan;

static void
open_more(struct raw *r, uint64_t size)
{
	struct mux_open open = { .size = sizeof(open), .target = "more",
	    .target_len = 4 };
	struct own *o = own_new(r);

	o->to_send = size;
	o->end = true;
	if (mux_stream_open(r->s, &open, &own_ops, o, &o->st) == 0) {
		mux_stream_ready(o->st);
		return;
	}
	r->owns = o->next;
	free(o);
}

static void
on_all(struct raw *r, void (*act)(struct own *))
{
	for (struct own *o = r->owns; o != NULL; o = o->next)
		if (o->st != NULL)
			act(o);
}

static void
reset(struct own *o)
{
	mux_stream_reset(o->st, 7, "in a callback");
}

static void
ready(struct own *o)
{
	mux_stream_ready(o->st);
}

static void
act_on_stream(struct own *o, enum act what)
{
	switch ((int)what) {
	case RESET_SELF:
		reset(o);
		break;
	case RELEASE_SELF:
		own_release(o);
		break;
	case STOP_SELF:
		mux_stream_stop(o->st, 5);
		break;
	case PAUSE_SELF:
		mux_stream_pause(o->st, true);
		break;
	case RANK_SELF:
		mux_stream_priority(o->st, 7);
		break;
	case REFUSE_SELF:
		mux_stream_refuse(o->st, 13, "late");
		break;
	case ACCEPT_SELF:
		mux_stream_accept(o->st);
		break;
	}
}

static void
act(struct own *o, enum event ev)
{
	struct raw *r = o->r;

	if (ev != plan.when || plan.done == plan.times)
		return;
	plan.done++;
	if (plan.what == RELEASE_ALL)
		on_all(r, own_release);
	else if (plan.what == RESET_ALL)
		on_all(r, reset);
	else if (plan.what == READY_ALL)
		on_all(r, ready);
	else if (plan.what == OPEN_MORE)
		open_more(r, 1000);
	else if (plan.what == PING_PEER)
		mux_session_ping(r->s, r->now);
	else if (plan.what == DRAIN)
		mux_session_drain(r->s, SEC, r->now);
	else if (plan.what == ABORT)
		mux_session_abort(r->s, 9, "in a callback");
	else if (o->st != NULL)
		act_on_stream(o, plan.what);
}

/* Streams of both sides meet with everything that can happen to them. */
static void
scene(struct raw *r)
{
	raw_begin(r, false);
	r->hook = act;
	for (uint64_t id = 1; id < 12; id += 2) {
		raw_start(r, id == 11 ? FIN : 0, id);
		if (r->owns != NULL && r->owns->st != NULL) {
			r->owns->to_send = 100000;
			r->owns->end = true;
			mux_stream_ready(r->owns->st);
		}
	}
	for (int i = 0; i < 3; i++)
		open_more(r, 200 * KIB);
	raw_pull(r, 100000);
	if (r->err != 0)
		return;
	raw_u32(r, OK, 2, 1000);
	raw_u32(r, ERROR, 4, 11);
	raw_data(r, 2, FIN, 5000);
	raw_data(r, 1, 0, 5000);
	raw_data(r, 3, FIN, 5000);
	raw_u32(r, STOP, 1, 3);
	raw_u32(r, RESET, 5, 3);
	raw_empty(r, CANCEL, 0, 7);
	raw_u32(r, CREDIT, 2, MIB);
	raw_pull(r, SIZE_MAX);
	raw_empty(r, END, 0, 1);
	raw_u32(r, CREDIT, 9, 0);
	raw_data(r, 11, 0, 1);
	raw_data(r, 1, 0, 1);
	raw_pull(r, SIZE_MAX);
}

static unsigned
late(const struct raw *r)
{
	unsigned n = 0;

	for (const struct own *o = r->owns; o != NULL; o = o->next)
		n += o->n_late + (o->n_reset > 1) + (o->n_eof > 1) +
		    (o->n_accepted > 1) + (o->n_stopped > 1);
	return n;
}

static void
one_scene(enum event ev, enum act what, unsigned times)
{
	struct mux_session_stats st;
	struct raw r;

	plan = (struct plan){ ev, what, times, 0 };
	scene(&r);
	if (r.err == 0 && times > 1)
		raw_tick(&r, 20 * SEC);
	st = raw_stats(&r);
	ok(late(&r) == 0 && st.peer_slots <= st.streams &&
	    (ev == ON_NONE || ev == ON_ACCEPTED || plan.done > 0),
	    "%s in %s, up to %u times", act_names[what], event_names[ev],
	    times);
	raw_free(&r);
}

static void
scenes(void)
{
	for (int ev = ON_NONE; ev <= ON_RESET; ev++)
		for (int what = NOTHING; what < N_ACTS; what++) {
			one_scene((enum event)ev, (enum act)what, 1);
			one_scene((enum event)ev, (enum act)what, 99);
		}
}

/* ---- who is told when the session goes ---- */

static void
freed(bool fatal)
{
	struct own *a, *b, *c;
	struct raw r;

	plan = (struct plan){ 0 };
	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	a = r.owns;
	raw_start(&r, 0, 3);
	b = r.owns;
	mux_stream_reset(b->st, 3, NULL);
	c = raw_open(&r);
	if (fatal)
		raw_empty(&r, 12, 0, 0);
	is_u64(a->n_reset, fatal, "an error is told at once");
	mux_session_free(r.s);
	r.s = NULL;
	ok(a->n_reset == 1 && a->code == 18 && c->n_reset == 1 &&
	    c->code == 18, "each living stream is told once");
	is_u64(b->n_reset, 0, "who reset it himself is not");
	ok(mux_stream_session(a->st) == NULL &&
	    mux_stream_arg(a->st) == a && mux_stream_ops(a->st) == &own_ops,
	    "what is left are shells");
	mux_stream_ready(a->st);
	mux_stream_consume(a->st, 0);
	mux_stream_stop(a->st, 1);
	mux_stream_pause(a->st, true);
	mux_stream_reset(a->st, 1, NULL);
	mux_stream_refuse(a->st, 1, NULL);
	ok(mux_stream_accept(a->st) == MUX_E_STATE &&
	    mux_stream_priority(a->st, 1) == MUX_E_STATE,
	    "that do nothing any more");
	raw_free(&r);
}

/* A session that is freed in the middle of a frame, with a full output. */
static void
freed_in_the_middle(void)
{
	uint8_t head[HEAD];
	struct raw r;

	raw_begin(&r, false);
	raw_start(&r, 0, 1);
	r.owns->to_send = MIB;
	mux_stream_ready(r.owns->st);
	put_head(head, START, EXT, 3, 100);
	raw_bytes(&r, head, HEAD);
	raw_bytes(&r, "\1\2\3", 3);
	mux_session_pull(r.s, r.now);
	raw_free(&r);
	raw_new(&r, NULL, true);
	raw_free(&r);
	mux_session_free(NULL);
	mux_stream_release(NULL);
	ok(true, "nothing is left behind");
}

/* ---- what can be asked ---- */

static void
figures(void)
{
	struct mux_stream_stats st;
	struct mux_stream *p;
	struct raw r;
	struct own *o;
	unsigned n = 0;

	plan = (struct plan){ 0 };
	raw_begin(&r, false);
	r.policy = WAIT;
	raw_start(&r, 0, 1);
	o = r.owns;
	o->to_send = 100000;
	mux_stream_stats(o->st, &st);
	is_str(st.blocked, "not accepted yet", "why nothing is sent");
	is_str(st.send_state, "held", "held");
	mux_stream_accept(o->st);
	mux_stream_stats(o->st, &st);
	is_str(st.blocked, "nothing to send", "accepted");
	mux_stream_ready(o->st);
	raw_empty(&r, PAUSE, 0, 1);
	mux_stream_stats(o->st, &st);
	is_str(st.blocked, "paused by the peer", "paused");
	raw_empty(&r, RESUME, 0, 1);
	raw_empty(&r, PAUSE, 0, 0);
	mux_stream_stats(o->st, &st);
	is_str(st.blocked, "connection paused by the peer", "all paused");
	raw_empty(&r, RESUME, 0, 0);
	mux_stream_stats(o->st, &st);
	is_str(st.blocked, "", "nothing is in its way");
	o->piece = 50000;
	mux_session_pull(r.s, r.now);
	mux_stream_stats(o->st, &st);
	is_str(st.blocked, "carrier is full", "written, not sent");
	raw_skip(&r);
	mux_stream_stats(o->st, &st);
	is_str(st.blocked, "no credit", "sent");
	is_u64(st.sent, 64 * KIB, "as much as the window");
	ok(st.by_peer && st.accepted && st.id == 1 && st.priority == 3,
	    "the rest is as it should be");
	raw_open(&r);
	for (p = mux_session_next(r.s, NULL); p != NULL;
	    p = mux_session_next(r.s, p))
		n++;
	is_u64(n, 2, "all streams can be walked");
	raw_free(&r);
}

int
main(void)
{
	scenes();
	freed(false);
	freed(true);
	freed_in_the_middle();
	figures();
	return tap_done();
}
