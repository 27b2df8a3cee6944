/*
 * batch_job.c - one line of a batch: its request, what comes of it, and its
 * result.  When it may be sent and when it may be written is batch.c's to
 * say.  Invariant: a job is done once, whatever becomes of its call, and
 * credit that is held back is given when the bytes have left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
#include "batch_file.h"
#include "call.h"
#include "cmd.h"
#include "invoke.h"

/* What is put into events at once. */
#define PIECE	((size_t)64 * 1024)

/* Everything that a request points to but the metadata, in one piece. */
struct job_request {
	struct mux_request q;
	struct mux_bytes args[];
};

/* ---- lifetime ---- */

static char *
copy_name(const struct mux_bytes *name)
{
	char *p = malloc(name->len + 1);

	if (p == NULL)
		return NULL;
	memcpy(p, name->p, name->len);
	p[name->len] = '\0';
	return p;
}

struct job *
job_new(struct batch *b, const struct batch_item *item)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->b = b;
	j->fd = -1;
	j->since = mux_loop_now(b->c->loop);
	if (batch_id_init(&j->id, item) != 0 || (item->method.p != NULL &&
	    (j->method = copy_name(&item->method)) == NULL)) {
		batch_id_release(&j->id);
		free(j);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&b->all, j, next);
	b->n_jobs++;
	return j;
}

void
job_free(struct job *j)
{
	struct batch *b = j->b;

	if (j->state == JOB_DONE)
		b->kept -= j->body.len;
	TAILQ_REMOVE(&b->all, j, next);
	b->n_jobs--;
	b->n_long -= j->is_long;
	invoke_free(j->inv);
	free(j->request);
	batch_id_release(&j->id);
	free(j->method);
	buf_release(&j->body);
	buf_release(&j->err);
	free(j->file_why);
	result_release(&j->r);
	if (j->fd >= 0)
		close(j->fd);
	free(j);
}

/* ---- the end ---- */

static void
job_done(struct job *j)
{
	struct batch *b = j->b;

	j->state = JOB_DONE;
	free(j->request);
	j->request = NULL;
	b->kept += j->body.len;
	b->n_calls++;
	if (j->r.code != 0)
		b->n_failed++;
	if (j->r.code != 0 && b->c->opts.fail_fast)
		b->stop = true;
	TAILQ_INSERT_TAIL(&b->done, j, turn);
	batch_wake(b);
}

void
job_fail(struct job *j, enum result_kind kind, uint32_t err,
    const char *text)
{
	result_make(&j->r, kind, err, text);
	job_done(j);
}

static void
no_memory(struct batch *b)
{
	if (b->broken == 0)
		batch_break(b, say_exit(CMD_USAGE, "out of memory"));
}

/* ---- what comes back ---- */

static void
file_failed(struct job *j, const char *why)
{
	j->file_why = strdup(why);
	if (j->file_why == NULL)
		no_memory(j->b);
	if (j->inv != NULL)
		invoke_cancel(j->inv, MUX_INTERNAL, why);
}

static void
into_file(struct job *j, const void *p, size_t n)
{
	char why[600];
	int err;

	if (j->file_why != NULL)
		return;
	if (j->fd < 0) {
		j->fd = batch_file_open(j->b->c->opts.output, &j->id, why,
		    sizeof(why));
		if (j->fd < 0) {
			file_failed(j, why);
			return;
		}
	}
	if ((err = batch_file_write(j->fd, p, n)) == 0)
		return;
	snprintf(why, sizeof(why), "-o: %s", strerror(err));
	file_failed(j, why);
}

/* *held: of the one of the two that they came with. */
static size_t
into_body(struct job *j, const void *p, size_t n, size_t *held)
{
	struct batch *b = j->b;

	j->began = true;
	b->active = mux_loop_now(b->c->loop);
	if (b->c->opts.output != NULL) {
		into_file(j, p, n);
		return n;
	}
	if (!buf_put(&j->body, p, n)) {
		no_memory(b);
		return n;
	}
	if (j->body.len <= (j->is_long ? PIECE : BATCH_LONG))
		return n;
	b->n_long += !j->is_long;
	j->is_long = true;
	*held += n;
	batch_wake(b);
	return 0;
}

static size_t
on_body(struct invoke *inv, const void *p, size_t n, void *arg)
{
	struct job *j = arg;

	(void)inv;
	return into_body(j, p, n, &j->body_held);
}

/* Whole lines go on, with the id in front of them. */
static void
put_err(struct job *j, bool last)
{
	struct batch *b = j->b;
	size_t taken;

	if (!batch_out_err(&b->err, &j->id, j->err.p, j->err.len, last,
	    &taken)) {
		no_memory(b);
		return;
	}
	buf_drop(&j->err, taken);
	batch_wake(b);
}

static size_t
keep_err(struct job *j, const void *p, size_t n)
{
	size_t room = BATCH_ERR_MAX - j->err.len, k = n < room ? n : room;

	j->err_lost += n - k;
	if (!buf_put(&j->err, p, k))
		no_memory(j->b);
	return n;
}

static size_t
on_err(struct invoke *inv, const void *p, size_t n, void *arg)
{
	struct job *j = arg;
	struct batch *b = j->b;

	(void)inv;
	if (b->c->opts.stderr_to == CALL_STDERR_MERGE)
		return into_body(j, p, n, &j->merged_held);
	j->began = true;
	b->active = mux_loop_now(b->c->loop);
	if (!b->err_lines)
		return keep_err(j, p, n);
	if (!buf_put(&j->err, p, n)) {
		no_memory(b);
		return n;
	}
	put_err(j, false);
	if (b->err.len + batch_sink_waiting(&b->to_err) <= BATCH_BACKLOG)
		return n;
	j->err_held += n;
	return 0;
}

void
job_err_left(struct job *j)
{
	if (j->err_held > 0 && j->inv != NULL)
		invoke_consume(j->inv, 0, j->err_held);
	j->err_held = 0;
}

/* ---- the answer ---- */

static bool
may_repeat(const struct job *j, const struct result *r)
{
	const struct call_opts *o = &j->b->c->opts;

	return j->tries < o->retry && !j->b->stop && !j->began &&
	    j->request != NULL && result_may_repeat(r, o->idempotent);
}

static void
job_wait(struct job *j)
{
	j->state = JOB_WAITS;
	TAILQ_INSERT_TAIL(&j->b->waiting, j, turn);
	batch_wake(j->b);
}

/* What could not be written is what has become of it. */
static void
end_file(struct job *j)
{
	int fd = j->fd;

	if (j->r.kind == RESULT_EXIT && fd < 0)
		into_file(j, NULL, 0);
	fd = j->fd;
	j->fd = -1;
	if (fd >= 0 && close(fd) != 0 && j->file_why == NULL)
		file_failed(j, "-o: close failed");
	if (j->file_why == NULL)
		return;
	result_release(&j->r);
	result_make(&j->r, RESULT_ERROR, MUX_INTERNAL, j->file_why);
}

static const char *
method_of(const struct job *j)
{
	return j->method != NULL ? j->method : j->b->c->opts.method;
}

/* What the server says of it need not say which; each line may be another. */
static char *
no_method(const struct job *j)
{
	char *text;

	return asprintf(&text, "no such method: %s", method_of(j)) < 0 ?
	    NULL : text;
}

static void
keep_result(struct job *j, const struct result *r)
{
	const struct batch *b = j->b;
	const char *error = r->error;
	char late[CALL_LATE];

	/* Whoever looked at the clock first, it is our limit. */
	if (r->kind == RESULT_TIMEOUT && b->c->com.timeout != OPT_UNSET &&
	    mux_loop_now(b->c->loop) - j->sent >= b->c->com.timeout) {
		call_late(b->c, late);
		error = late;
	}
	j->r = *r;
	if (r->kind == RESULT_NOMETHOD && method_of(j) != NULL)
		j->r.error = no_method(j);
	else
		j->r.error = error != NULL ? strdup(error) : NULL;
}

/* Is the connection to blame, or what is behind the server?  One that ends
 * says 14 of what had begun, and 8 of what had not; so may one that is busy. */
static void
note_loss(struct batch *b, const struct result *r)
{
	bool open = r->kind == RESULT_TRANSPORT ||
	    r->kind == RESULT_NOT_SENT || r->kind == RESULT_INDETERMINATE;

	if (open && (!r->by_peer || r->err == MUX_INDETERMINATE))
		b->unanswered = b->cut = true;
	else if (open && r->err == MUX_UNAVAILABLE)
		b->cut = true;
	else
		b->losses = 0;
}

static void
on_done(struct invoke *inv, const struct result *r, void *arg)
{
	struct job *j = arg;
	struct batch *b = j->b;

	(void)inv;
	j->inv = NULL;
	b->n_runs--;
	b->charge -= j->charge;
	b->limited = false;
	b->active = mux_loop_now(b->c->loop);
	if (may_repeat(j, r)) {
		batch_later(b, ++j->tries);
		job_wait(j);
		return;
	}
	note_loss(b, r);
	keep_result(j, r);
	if (b->err_lines)
		put_err(j, true);
	if (b->c->opts.output != NULL)
		end_file(j);
	job_done(j);
}

static const struct invoke_ops invoke_ops = {
	.body = on_body,
	.err = on_err,
	.done = on_done
};

/* ---- the request ---- */

/* NULL, or what is wrong. */
static const char *
make_request(struct batch *b, const struct batch_item *item,
    struct mux_request *q)
{
	bool legacy = call_is_legacy(b->c);
	size_t i;

	call_request(b->c, q);
	if (item->method.p != NULL) {
		q->method = item->method;
		q->args = item->args;
		q->n_args = item->n_args;
	} else if (item->n_args > 0) {
		/* Behind those of the command line. */
		for (i = 0; i < item->n_args; i++)
			b->args[q->n_args + i] = item->args[i];
		for (i = 0; i < q->n_args; i++)
			b->args[i] = q->args[i];
		q->args = b->args;
		q->n_args += item->n_args;
	}
	q->body = item->body.p != NULL ? item->body.p : "";
	q->body_len = item->body.len;
	if (b->c->com.timeout != OPT_UNSET)
		q->deadline = b->c->com.timeout;
	if (legacy && q->n_args > 0)
		return "the plain protocol has no arguments";
	return q->method.len > 0 || legacy ? NULL : "no method";
}

static const void *
copy_to(char **to, const void *p, size_t n)
{
	char *start = *to;

	if (n > 0)
		memcpy(start, p, n);
	*to += n;
	return start;
}

static bool
keep_request(struct job *j, const struct mux_request *q)
{
	size_t n = q->method.len + q->body_len, i;
	struct job_request *k;
	char *to;

	for (i = 0; i < q->n_args; i++)
		n += sizeof(k->args[0]) + q->args[i].len;
	/* A body of nothing is a pointer to something. */
	if ((k = malloc(sizeof(*k) + n + 1)) == NULL)
		return false;
	k->q = *q;
	to = (char *)(k->args + q->n_args);
	for (i = 0; i < q->n_args; i++)
		k->args[i] = (struct mux_bytes){ copy_to(&to, q->args[i].p,
		    q->args[i].len), q->args[i].len };
	k->q.args = k->args;
	k->q.method.p = copy_to(&to, q->method.p, q->method.len);
	k->q.body = copy_to(&to, q->body, q->body_len);
	j->request = k;
	return true;
}

static void
not_started(struct job *j, int err)
{
	job_fail(j, err == MUX_E_INVAL ? RESULT_REFUSED : err == MUX_E_NOMEM ?
	    RESULT_ERROR : RESULT_NOT_SENT, MUX_INTERNAL, mux_strerror(err));
}

static void
job_send(struct job *j, const struct mux_request *q)
{
	struct batch *b = j->b;
	struct invoke_spec spec = {
		.q = *q,
		.body_fd = -1,
		.want_err = b->c->opts.stderr_to != CALL_STDERR_DROP,
		.since = j->since
	};
	int err = invoke_start(call_conn(b->c), &spec, &invoke_ops, j,
	    &j->inv);

	if (err == 0) {
		j->state = JOB_RUNS;
		b->n_runs++;
		b->charge += j->charge;
		b->active = j->sent = mux_loop_now(b->c->loop);
		return;
	}
	if (err != MUX_E_LIMIT && err != MUX_E_CLOSED) {
		not_started(j, err);
		return;
	}
	b->limited = true;
	if (j->request != NULL || keep_request(j, q))
		job_wait(j);
	else
		not_started(j, MUX_E_NOMEM);
}

/* No call is made whose answer could not be put anywhere. */
static int
claim_file(struct job *j, const char **why)
{
	struct batch *b = j->b;

	if (b->c->opts.output == NULL)
		return 0;
	return batch_file_claim(batch_in_gives_ids(b->in) ? &b->taken : NULL,
	    b->c->opts.output, &j->id, why);
}

void
job_take(struct job *j, const struct batch_item *item)
{
	struct mux_request q;
	const char *why = make_request(j->b, item, &q);
	char text[120];

	if (why == NULL && claim_file(j, &why) != 0) {
		not_started(j, MUX_E_NOMEM);
		return;
	}
	if (why != NULL) {
		snprintf(text, sizeof(text), "line %ju: %s",
		    (uintmax_t)item->line, why);
		job_fail(j, RESULT_ERROR, MUX_INTERNAL, text);
		return;
	}
	j->charge = q.body_len;
	if (j->b->c->opts.retry > 0 && !keep_request(j, &q))
		not_started(j, MUX_E_NOMEM);
	else
		job_send(j, &q);
}

void
job_again(struct job *j)
{
	job_send(j, &j->request->q);
}

/* ---- the result ---- */

static size_t
backlog(const struct batch *b)
{
	return b->out.buf.len + batch_sink_waiting(&b->to_out);
}

/* For all that is held but `keep`; whose bytes have left makes no
 * difference to the sum. */
static void
give_credit(struct job *j, size_t keep)
{
	size_t held = j->body_held + j->merged_held, n, body;

	if (j->inv == NULL || held <= keep)
		return;
	n = held - keep;
	body = n < j->body_held ? n : j->body_held;
	j->body_held -= body;
	j->merged_held -= n - body;
	invoke_consume(j->inv, body, n - body);
}

/* True: all of it is out. */
static bool
put_body(struct job *j, bool last)
{
	struct batch *b = j->b;
	size_t n, taken = 1, keep;

	while (j->body.len > 0 && taken > 0 && backlog(b) < BATCH_BACKLOG) {
		n = j->body.len < PIECE ? j->body.len : PIECE;
		if (!batch_out_data(&b->out, &j->id, j->body.p, n,
		    last && n == j->body.len, &taken)) {
			no_memory(b);
			return false;
		}
		buf_drop(&j->body, taken);
		b->kept -= last ? taken : 0;
	}
	/* Less than an event may be all that the window allows. */
	keep = j->body.len <= PIECE ? 0 : j->body.len;
	give_credit(j, keep);
	return j->body.len == 0;
}

static bool
put_result(struct job *j)
{
	struct batch *b = j->b;
	struct result_json more = { .method = method_of(j) };
	char note[64];

	if (j->err_lost > 0) {
		snprintf(note, sizeof(note), "\n(%zu more bytes)\n",
		    j->err_lost);
		if (!buf_str(&j->err, note))
			return false;
	}
	if (b->c->opts.status_fd >= 0 &&
	    !batch_out_result(&b->status, &j->id, &j->r, &more))
		return false;
	if (!j->is_long && b->c->opts.output == NULL && (j->body.len > 0 ||
	    j->r.kind == RESULT_EXIT || j->r.kind == RESULT_SIGNAL)) {
		more.body = j->body.p != NULL ? j->body.p : "";
		more.body_len = j->body.len;
	}
	if (j->err.len > 0) {
		more.err_text = j->err.p;
		more.err_len = j->err.len;
	}
	return batch_out_result(&b->out, &j->id, &j->r, &more);
}

bool
job_write(struct job *j)
{
	bool last = j->state == JOB_DONE;

	if (backlog(j->b) >= BATCH_BACKLOG ||
	    (j->is_long && !put_body(j, last)) || !last)
		return false;
	if (put_result(j))
		return true;
	no_memory(j->b);
	return false;
}
