/*
 * result.c - answers and failures of calls as kind, exit status, sentence and
 * JSON.  It prints nothing itself and asks nobody.  Invariant: the exit status
 * follows from the kind, but for an exit and a signal, which bring their own,
 * and for errors that are the fault of this machine or that one (125).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "mux.h"
#include "result.h"

#define EXIT_MAX	255

static const struct {
	const char *name;
	int code;
} kinds[] = {
	[RESULT_EXIT] = { "exit", CMD_OK },
	[RESULT_SIGNAL] = { "signal", CMD_SIGNAL },
	[RESULT_ERROR] = { "error", CMD_FAIL },
	[RESULT_TIMEOUT] = { "timeout", CMD_TIMEOUT },
	[RESULT_CANCELLED] = { "cancelled", CMD_SIGNAL + SIGINT },
	[RESULT_REFUSED] = { "refused", CMD_REFUSED },
	[RESULT_NOMETHOD] = { "nomethod", CMD_NO_METHOD },
	[RESULT_SPAWN] = { "spawn", CMD_REFUSED },
	[RESULT_TRANSPORT] = { "transport", CMD_LOST },
	[RESULT_INDETERMINATE] = { "indeterminate", CMD_LOST },
	[RESULT_NOT_SENT] = { "not_sent", CMD_LOST }
};

/* What a code below MUX_APPLICATION says about a call; the rest is
 * RESULT_TRANSPORT: a fault of the link, or of what is behind it. */
static const struct {
	uint32_t err;
	enum result_kind kind;
} rows[] = {
	{ MUX_HANDLER_FAILED, RESULT_ERROR },
	{ MUX_STREAM_FAILED, RESULT_ERROR },
	{ MUX_CANCELLED, RESULT_CANCELLED },
	{ MUX_UNKNOWN_METHOD, RESULT_NOMETHOD },
	{ MUX_INVALID_PAYLOAD, RESULT_REFUSED },
	{ MUX_DEADLINE, RESULT_TIMEOUT },
	{ MUX_REFUSED, RESULT_REFUSED },
	{ MUX_INTERNAL, RESULT_ERROR },
	{ MUX_TOO_LARGE, RESULT_REFUSED },
	{ MUX_BUSY, RESULT_REFUSED },
	{ MUX_NOT_PERMITTED, RESULT_REFUSED },
	{ MUX_INDETERMINATE, RESULT_INDETERMINATE },
	{ MUX_UNSUPPORTED, RESULT_REFUSED }
};

static enum result_kind
kind_of(uint32_t err)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			return rows[i].kind;
	return err >= MUX_APPLICATION && err < MUX_F_PROTOCOL ?
	    RESULT_ERROR : RESULT_TRANSPORT;
}

/* "unknown method: nope", "error 500: Internal error".  NULL: no memory. */
static char *
sentence(uint32_t err, const char *text)
{
	const char *name = mux_code_name(err);
	char number[24], *out;

	/* What it was carried by is no word for who makes a call. */
	if (err == MUX_CARRIER_LOST)
		name = "connection lost";
	else if (name == NULL) {
		snprintf(number, sizeof(number), "error %u", err);
		name = number;
	}
	if (text == NULL || strcmp(text, name) == 0)
		text = "";
	return asprintf(&out, "%s%s%s", name, text[0] != '\0' ? ": " : "",
	    text) < 0 ? NULL : out;
}

/* ---- making ---- */

void
result_make(struct result *r, enum result_kind kind, uint32_t err,
    const char *error)
{
	*r = (struct result){ .kind = kind, .code = kinds[kind].code,
	    .err = err, .not_started = kind == RESULT_NOT_SENT };
	/* The deeds of this machine: 9 has no better kind. */
	if (kind == RESULT_ERROR && err == MUX_INTERNAL)
		r->code = CMD_USAGE;
	if (error != NULL)
		r->error = strdup(error);
}

static void
from_exit(struct result *r, const struct mux_answer *a)
{
	uint32_t v = a->exit_value;
	char text[64];

	if (a->exit_kind == MUX_EXIT_EXITED) {
		result_make(r, RESULT_EXIT, MUX_OK, NULL);
		/* No low byte of a larger number turns into a success. */
		r->code = v < EXIT_MAX ? (int)v : EXIT_MAX;
	} else if (a->exit_kind == MUX_EXIT_SIGNAL) {
		snprintf(text, sizeof(text), "killed by signal %u%s", v,
		    a->exit_core ? " (core dumped)" : "");
		result_make(r, RESULT_SIGNAL, MUX_OK, text);
		r->signal = v < EXIT_MAX - CMD_SIGNAL ? (int)v :
		    EXIT_MAX - CMD_SIGNAL;
		r->code = CMD_SIGNAL + r->signal;
	} else {
		snprintf(text, sizeof(text), "it ended in an unknown way "
		    "(%u, %u)", a->exit_kind, v);
		result_make(r, RESULT_ERROR, MUX_INTERNAL, text);
	}
}

static void
from_error(struct result *r, const struct mux_answer *a)
{
	enum result_kind kind = kind_of(a->code);
	char *text;

	if (a->code == MUX_INTERNAL && a->have_exit &&
	    a->exit_kind == MUX_EXIT_NOT_STARTED)
		kind = RESULT_SPAWN;
	/* A lost connection is not what kept it from being done. */
	if (kind == RESULT_TRANSPORT && a->not_started)
		kind = RESULT_NOT_SENT;
	result_make(r, kind, a->code, NULL);
	/* Of a program that is not there "internal" says nothing. */
	r->error = kind != RESULT_SPAWN ? sentence(a->code, a->text) :
	    asprintf(&text, "cannot be started: %s", a->text != NULL ?
	    a->text : "") < 0 ? NULL : text;
	/* An ERROR 8 says so; a carrier that went away with 8 does not. */
	r->not_started = a->not_started ||
	    (a->code == MUX_UNAVAILABLE && a->by_peer);
}

void
result_from(struct result *r, const struct mux_answer *a)
{
	if (a->code != MUX_OK)
		from_error(r, a);
	else if (a->have_exit)
		from_exit(r, a);
	else
		result_make(r, RESULT_EXIT, MUX_OK, NULL);
	r->by_peer = a->by_peer;
	if (!a->have_usage)
		return;
	r->have_usage = true;
	r->utime = a->utime;
	r->stime = a->stime;
	r->maxrss = a->maxrss;
}

void
result_release(struct result *r)
{
	free(r->error);
	r->error = NULL;
}

/* Where the time is over there is none for another attempt. */
bool
result_may_repeat(const struct result *r, bool idempotent)
{
	if (r->err == MUX_DEADLINE)
		return false;
	return r->not_started || (idempotent &&
	    (r->kind == RESULT_TRANSPORT || r->kind == RESULT_INDETERMINATE));
}

const char *
result_kind_name(enum result_kind kind)
{
	return kinds[kind].name;
}

/* ---- JSON ---- */

void
result_json(const struct result *r, const struct result_json *more,
    struct jout *j)
{
	if (more->id != NULL)
		jout_raw(j, "id", more->id);
	if (more->method != NULL)
		jout_str(j, "method", more->method);
	jout_str(j, "kind", result_kind_name(r->kind));
	jout_u64(j, "code", (uint64_t)r->code);
	if (r->signal != 0)
		jout_u64(j, "signal", (uint64_t)r->signal);
	if (r->error != NULL)
		jout_str(j, "error", r->error);
	if (more->body != NULL)
		jout_bytes(j, "body", more->body, more->body_len);
	if (more->err_text != NULL)
		jout_mem(j, "stderr", more->err_text, more->err_len);
	if (r->total != 0) {
		jout_u64(j, "queued_ns", r->queued);
		jout_u64(j, "total_ns", r->total);
	}
	if (!r->have_usage)
		return;
	jout_u64(j, "user_ns", r->utime);
	jout_u64(j, "sys_ns", r->stime);
	jout_u64(j, "maxrss", r->maxrss);
}
