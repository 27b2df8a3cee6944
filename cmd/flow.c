/*
 * flow.c - words for one relayed stream: the line at its end and the object
 * of its live state.  It moves no bytes and decides nothing.  Invariant:
 * texts that a peer had a hand in go only through say_event() and jout, which
 * make them harmless.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "mux_io.h"

#define N_ELEM(a)	(sizeof(a) / sizeof((a)[0]))

/* A peer decides how many streams end; the log should survive that. */
static struct say_gate gate = SAY_GATE(200, 10);

void
flow_release(struct flow *f)
{
	if (f->own_who)
		free((void *)(uintptr_t)f->who);
	free(f->dialled);
	free(f->rule);
	free(f->detail);
}

void
flow_who(const struct mux_ends *ends, char buf[FLOW_WHO])
{
	if (ends->have_cred)
		snprintf(buf, FLOW_WHO, "uid %lu", (unsigned long)ends->uid);
	else
		snprintf(buf, FLOW_WHO, "%s",
		    ends->peer[0] != '\0' ? ends->peer : "-");
}

void
flows_orphan(struct flows *flows, uint64_t conn)
{
	struct flow *f;
	char *copy;

	TAILQ_FOREACH(f, flows, next) {
		if (f->conn != conn || f->orphan)
			continue;
		copy = strdup(f->who);
		f->who = copy != NULL ? copy : "-";
		f->own_who = copy != NULL;
		f->orphan = true;
	}
}

/* Of a refusal of ours we know more than the peer was told. */
static const char *
flow_text(const struct flow *f, const struct mux_relay_end *end)
{
	return f->detail != NULL ? f->detail : end->text;
}

/* Does the text say by itself what the name of the code would? */
static bool
is_enough(uint32_t code, const char *text)
{
	/* How it ended has said so; and a program is not connected to. */
	return (code == MUX_CARRIER_LOST && text[0] != '\0') ||
	    (code == MUX_CONNECT_FAILED && strncmp(text, "start ", 6) == 0);
}

void
flow_words(uint32_t code, const char *text, char buf[FLOW_WORDS])
{
	const char *name = mux_code_name(code);
	char number[16];

	if (name == NULL) {
		snprintf(number, sizeof(number), "code %" PRIu32, code);
		name = number;
	}
	if (strcmp(text, name) == 0)
		text = "";
	else if (is_enough(code, text))
		name = "";
	snprintf(buf, FLOW_WORDS, "%s%s%.400s", name,
	    name[0] != '\0' && text[0] != '\0' ? ": " : "", text);
}

/* " (connect failed: Connection refused)", or nothing. */
static void
reason(const struct flow *f, const struct mux_relay_end *end, char *buf,
    size_t size)
{
	char words[FLOW_WORDS];

	if (end->code == MUX_OK) {
		buf[0] = '\0';
		return;
	}
	flow_words(end->code, flow_text(f, end), words);
	snprintf(buf, size, " (%s%s%s%s%s)", words,
	    f->dialled != NULL && f->rule != NULL ? "; dialled " : "",
	    f->dialled != NULL && f->rule != NULL ? f->dialled : "",
	    f->rule != NULL ? "; rule: " : "",
	    f->rule != NULL ? f->rule : "");
}

void
flow_say_end(const struct flow *f, enum say_level level,
    const struct mux_relay_end *end)
{
	uint64_t there = f->to_target ? end->bytes_out : end->bytes_in;
	uint64_t back = f->to_target ? end->bytes_in : end->bytes_out;
	const char *by = end->code == MUX_OK ? "both" :
	    end->by_peer ? "peer" : "us";
	const struct say_field fields[] = {
		{ "conn", NULL, f->conn }, { "from", f->who, 0 },
		{ "target", f->target, 0 },
		{ "dialled", f->dialled != NULL ? f->dialled : "", 0 },
		{ "rule", f->rule != NULL ? f->rule : "", 0 },
		{ "there", NULL, there }, { "back", NULL, back },
		{ "duration_ns", NULL, end->duration },
		{ "how", end->how, 0 }, { "by", by, 0 },
		{ "code", NULL, end->code }, { "reason", flow_text(f, end), 0 }
	};
	char why[512];

	reason(f, end, why, sizeof(why));
	say_event(&gate, level, "stream", fields, N_ELEM(fields),
	    "%s -> %s: %" PRIu64 " bytes there, %" PRIu64 " back, "
	    "%" PRIu64 ".%03" PRIu64 " s, %s%s%s", f->who, f->target,
	    there, back, end->duration / 1000000000,
	    end->duration / 1000000 % 1000, end->how,
	    end->code != MUX_OK && end->by_peer ? " by the peer" : "", why);
}

void
flow_credit(const struct mux_stream_stats *st, struct jout *j)
{
	jout_u64(j, "credit_out", st->credit_out);
	jout_u64(j, "credit_in", st->credit_in);
	jout_u64(j, "window", st->window);
	jout_u64(j, "queued", st->buffered);
	jout_u64(j, "sent", st->sent);
	jout_u64(j, "received", st->received);
}

static void
put_stream(struct jout *j, const struct mux_stream_stats *st)
{
	jout_str(j, "send", st->send_state);
	jout_str(j, "recv", st->recv_state);
	flow_credit(st, j);
	jout_u64(j, "priority", st->priority);
	jout_bool(j, "accepted", st->accepted);
	jout_bool(j, "paused_by_peer", st->paused_by_peer);
	jout_bool(j, "paused_by_us", st->paused_by_us);
}

void
flow_state(const struct flow *f, uint64_t now, FILE *out)
{
	struct mux_stream_stats st = { 0 };
	struct jout j;

	/* Without a session there is nothing to ask about. */
	if (!f->orphan)
		mux_stream_stats(mux_relay_stream(f->relay), &st);
	jout_begin(&j, out);
	jout_str(&j, "event", "state");
	jout_str(&j, "kind", "stream");
	jout_u64(&j, "conn", f->conn);
	jout_u64(&j, "id", st.id);
	jout_str(&j, "from", f->who);
	jout_str(&j, "target", f->target);
	jout_u64(&j, "age_ns", now - f->since);
	if (f->orphan) {
		jout_str(&j, "blocked", "the connection is gone; "
		    "the last bytes wait for their reader");
		jout_end(&j);
		return;
	}
	put_stream(&j, &st);
	jout_str(&j, "blocked", f->phase != NULL ? f->phase :
	    st.blocked != NULL ? st.blocked : "");
	jout_end(&j);
}

static const char *
mode_name(enum mux_mode mode)
{
	switch (mode) {
	case MUX_MODE_EXTENDED:
		return "extended";
	case MUX_MODE_LEGACY:
		return "legacy";
	default:
		return "hello";
	}
}

void
flow_conn_state(const struct mux_conn *c, uint64_t conn, const char *who,
    uint64_t age, FILE *out)
{
	const struct mux_session *s = mux_conn_session(c);
	struct mux_session_stats st = { 0 };
	struct jout j;

	mux_session_stats(s, &st);
	jout_begin(&j, out);
	jout_str(&j, "event", "state");
	jout_str(&j, "kind", "connection");
	jout_u64(&j, "conn", conn);
	jout_str(&j, "from", who);
	jout_u64(&j, "age_ns", age);
	jout_str(&j, "mode", mode_name(mux_session_mode(s)));
	jout_bool(&j, "draining", st.draining);
	jout_u64(&j, "streams", st.streams);
	jout_u64(&j, "credit", st.charge);
	jout_u64(&j, "budget", st.budget);
	jout_u64(&j, "window", st.window);
	jout_u64(&j, "peer_window", st.peer_window);
	jout_u64(&j, "frame_size", st.frame_size);
	jout_u64(&j, "srtt_ns", st.srtt);
	jout_u64(&j, "frames_in", st.frames_in);
	jout_u64(&j, "frames_out", st.frames_out);
	jout_u64(&j, "bytes_in", st.bytes_in);
	jout_u64(&j, "bytes_out", st.bytes_out);
	jout_u64(&j, "opened", st.opened);
	jout_u64(&j, "accepted", st.accepted);
	jout_u64(&j, "refused", st.refused);
	jout_u64(&j, "resets_in", st.resets_in);
	jout_u64(&j, "resets_out", st.resets_out);
	jout_u64(&j, "ignored", st.ignored);
	jout_end(&j);
}
