/*
 * reach.c - one stream of serve to one target: which address that is, whether
 * it may be dialled, the dial, the relay, the log line.  It keeps no rules
 * (targets.c) and moves no bytes (the relay).  Invariant: a job lives exactly
 * as long as its relay; a dial never outlives its job.
 */
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux_io.h"
#include "reach.h"
#include "targets.h"

struct job {
	struct flow flow;
	struct reach *env;
	struct mux_dial *dial;
	struct mux_addr *addr;
	struct prog *prog;	/* of exec: */
	unsigned n_allowed, n_denied;	/* candidates */
	bool named;
	char target[];
};

void
reach_init(struct reach *env)
{
	TAILQ_INIT(&env->flows);
	progs_init(&env->progs);
	env->n_flows = 0;
}

/* What only a stream that is not yet connected needs. */
static void
drop_dial(struct job *job)
{
	if (job->dial != NULL)
		mux_dial_cancel(job->dial);
	job->dial = NULL;
	mux_addr_free(job->addr);
	job->addr = NULL;
	job->flow.phase = NULL;
}

/* `cut`: the target was not heard to its end. */
static void
job_free(struct job *job, bool cut)
{
	prog_leave(job->prog, cut);
	TAILQ_REMOVE(&job->env->flows, &job->flow, next);
	job->env->n_flows--;
	drop_dial(job);
	flow_release(&job->flow);
	free(job);
}

static void
on_end(struct mux_relay *r, const struct mux_relay_end *end, void *arg)
{
	struct job *job = arg;
	struct reach *env = job->env;

	(void)r;
	flow_say_end(&job->flow, SAY_NOTE, end);
	/* Nobody wanting to hear more (STOP) is a clean end, too. */
	job_free(job, strcmp(end->how, "fin") != 0);
	env->ended(env->arg);
}

/* ---- dialling ---- */

/* Replaces the text; without memory there is none. */
static void
note(char **slot, const char *text)
{
	free(*slot);
	*slot = text != NULL ? strdup(text) : NULL;
}

static void
note_dialled(struct job *job, const struct sockaddr *sa, const char *path)
{
	socklen_t len = sa == NULL ? 0 : sa->sa_family == AF_INET6 ?
	    sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	char text[NI_MAXHOST + NI_MAXSERV + 8];
	bool six = sa != NULL && sa->sa_family == AF_INET6;

	if (sa == NULL) {
		note(&job->flow.dialled, path);
		return;
	}
	if (getnameinfo(sa, len, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	snprintf(text, sizeof(text), "tcp:%s%s%s:%s", six ? "[" : "", host,
	    six ? "]" : "", port);
	note(&job->flow.dialled, text);
}

static bool
may_dial(const struct mux_addr *asked, const struct sockaddr *sa,
    const char *path, void *arg)
{
	struct job *job = arg;
	const char *rule;
	bool ok;

	ok = targets_permit(job->env->targets, asked, job->named, sa, path,
	    &rule);
	note_dialled(job, sa, path);
	/* A later reload may free the rule. */
	note(&job->flow.rule, ok ? NULL : rule);
	if (ok)
		job->n_allowed++;
	else
		job->n_denied++;
	return ok;
}

static bool
is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM ||
	    err == ENOBUFS;
}

/* Addresses behind a name, of ours or of the network's, are told to nobody:
 * they stay in the log. */
static void
refuse_dial(struct job *job, const struct mux_why *why)
{
	bool program = mux_addr_scheme(job->addr) == MUX_EXEC;
	struct mux_relay *relay = job->flow.relay;
	char text[100];

	if (job->n_denied > 0 && job->n_allowed == 0) {
		mux_relay_refuse(relay, MUX_NOT_PERMITTED,
		    "this target is not allowed");
		return;
	}
	note(&job->flow.detail, why->text);
	snprintf(text, sizeof(text), "%s%s", program ? "start failed: " : "",
	    why->err != 0 ? strerror(why->err) : "its address was not found");
	mux_relay_refuse(relay, is_shortage(why->err) ? MUX_REFUSED :
	    MUX_CONNECT_FAILED, text);
}

static bool
job_connect(struct job *job, const struct mux_ends *ends)
{
	struct mux_relay *relay = job->flow.relay;
	int err;

	drop_dial(job);
	if ((err = mux_relay_connect(relay, ends)) == 0)
		return true;
	/* The stream has gone meanwhile: no clean end of an empty request. */
	mux_ends_close(ends, true);
	mux_relay_refuse(relay, MUX_REFUSED, mux_strerror(err));
	return false;
}

static void
on_dialled(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	struct job *job = arg;

	job->dial = NULL;
	if (ends == NULL)
		refuse_dial(job, why);
	else
		job_connect(job, ends);
}

/* ---- programs ---- */

static void
on_held(struct mux_relay *r, void *arg)
{
	const struct job *job = arg;

	(void)r;
	prog_ended(job->prog);
}

/* Pipes and not a socket: the end of its output is an end even if it did not
 * read all of its input. */
static void
start_program(struct job *job)
{
	struct reach *env = job->env;
	struct mux_relay *relay = job->flow.relay;
	struct mux_why why = { .err = EPERM };
	struct mux_ends ends;
	int err = MUX_E_INVAL;

	if (may_dial(job->addr, NULL, NULL, job))
		err = prog_start(&env->progs, job->addr, &ends, &job->prog,
		    &why);
	if (err == MUX_E_LIMIT) {
		mux_relay_refuse(relay, MUX_REFUSED, why.text);
		return;
	}
	if (err != 0) {
		refuse_dial(job, &why);
		return;
	}
	mux_relay_hold(relay, on_held);
	if (job_connect(job, &ends))
		prog_join(job->prog, relay);
}

/* ---- opening ---- */

static void
job_start(struct job *job, const struct mux_open *open)
{
	struct mux_relay *relay = job->flow.relay;
	struct mux_why why;
	uint32_t code;
	int err;

	/* Not flow.target, which ends where a NUL stands. */
	code = targets_find(job->env->targets, open->target, open->target_len,
	    &job->addr, &job->named, &why);
	if (code != MUX_OK) {
		mux_relay_refuse(relay, code, why.text);
		return;
	}
	if (mux_addr_scheme(job->addr) == MUX_EXEC) {
		start_program(job);
		return;
	}
	job->flow.phase = "connecting to the target";
	err = mux_dial(job->env->loop, job->addr, job->env->connect_timeout,
	    may_dial, on_dialled, job, &job->dial);
	if (err != 0)
		mux_relay_refuse(relay, MUX_REFUSED, mux_strerror(err));
}

void
reach_open(struct reach *env, struct mux_conn *conn, uint64_t conn_no,
    const char *who, struct mux_stream *st, const struct mux_open *open)
{
	struct job *job = calloc(1, sizeof(*job) + open->target_len + 1);

	if (job == NULL || mux_relay_attach(conn, st, on_end, job,
	    &job->flow.relay) != 0) {
		free(job);
		mux_stream_refuse(st, MUX_REFUSED, "out of memory");
		return;
	}
	memcpy(job->target, open->target, open->target_len);
	job->env = env;
	job->flow.who = who;
	job->flow.target = job->target;
	job->flow.conn = conn_no;
	job->flow.since = mux_loop_now(env->loop);
	job->flow.to_target = true;
	TAILQ_INSERT_TAIL(&env->flows, &job->flow, next);
	env->n_flows++;
	job_start(job, open);
}

void
reach_release(struct reach *env)
{
	struct flow *f;

	while ((f = TAILQ_FIRST(&env->flows)) != NULL) {
		mux_relay_free(f->relay);
		job_free((struct job *)f, true);
	}
	progs_release(&env->progs);
}
