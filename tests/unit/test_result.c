/*
 * test_result.c - every answer there can be, with its kind and exit status,
 * and the JSON of results, byte by byte.
 */
#include <stdlib.h>

#include "../../cmd/cmd.h"
#include "../../cmd/result.h"
#include "mux.h"
#include "tap.h"

const struct verb *const cmd_verbs[] = { NULL };

/* Of error answers: muxctl(1), EXIT STATUS. */
static const struct {
	uint32_t err;
	const char *kind;
	int code;
} errors[] = {
	{ 1, "error", 1 },
	{ 2, "error", 1 },
	{ 3, "cancelled", 130 },
	{ 4, "nomethod", 127 },
	{ 5, "refused", 126 },
	{ 6, "timeout", 124 },
	{ 7, "refused", 126 },
	{ 8, "transport", 255 },
	{ 9, "error", 125 },
	{ 10, "refused", 126 },
	{ 11, "transport", 255 },
	{ 12, "refused", 126 },
	{ 13, "refused", 126 },
	{ 14, "indeterminate", 255 },
	{ 15, "refused", 126 },
	{ 16, "transport", 255 },
	{ 17, "transport", 255 },
	{ 18, "transport", 255 },
	{ 19, "transport", 255 },
	{ 20, "transport", 255 },
	{ 31, "transport", 255 },
	{ 32, "error", 1 },
	{ 500, "error", 1 },
	{ 0x7fffffff, "error", 1 },
	{ 0x80000001, "transport", 255 },
	{ 0x80000014, "transport", 255 },
	{ 0xffffffff, "transport", 255 }
};

static void
check(const struct mux_answer *a, const char *kind, int code,
    const char *error, const char *what)
{
	struct result r;

	result_from(&r, a);
	is_str(result_kind_name(r.kind), kind, "%s: kind", what);
	is_u64((uint64_t)r.code, (uint64_t)code, "%s: status", what);
	if (error != NULL)
		is_str(r.error, error, "%s: sentence", what);
	ok(a->code == MUX_OK || r.err == a->code, "%s: keeps it", what);
	result_release(&r);
}

static void
test_errors(void)
{
	struct mux_answer a = { .size = sizeof(a) };
	char what[40];
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		a.code = errors[i].err;
		snprintf(what, sizeof(what), "error %" PRIu32, a.code);
		check(&a, errors[i].kind, errors[i].code, NULL, what);
	}
}

static void
test_sentences(void)
{
	struct mux_answer a = { .size = sizeof(a), .code = 4,
	    .text = "nope" };

	check(&a, "nomethod", 127, "unknown method: nope", "a text");
	a.text = "unknown method";
	check(&a, "nomethod", 127, "unknown method", "the same again");
	a.text = NULL;
	check(&a, "nomethod", 127, "unknown method", "no text");
	a.code = 500;
	a.text = "Internal error";
	check(&a, "error", 1, "error 500: Internal error", "a code of others");
	a.text = "";
	check(&a, "error", 1, "error 500", "an empty text");
}

static void
test_exits(void)
{
	static const struct {
		uint32_t value;
		int code;
	} exits[] = { { 0, 0 }, { 1, 1 }, { 123, 123 }, { 124, 124 },
	    { 255, 255 }, { 256, 255 }, { 0xffffff00, 255 } };
	struct mux_answer a = { .size = sizeof(a), .have_exit = true };
	size_t i;

	for (i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		a.exit_value = exits[i].value;
		check(&a, "exit", exits[i].code, NULL, "an exit");
	}
	a.have_exit = false;
	check(&a, "exit", 0, NULL, "an answer that says nothing");
	a.have_exit = true;
	a.exit_kind = 7;
	check(&a, "error", 125, NULL, "an end of no known kind");
}

static void
test_signals(void)
{
	struct mux_answer a = { .size = sizeof(a), .have_exit = true,
	    .exit_kind = 1, .exit_value = 9 };
	struct result r;

	check(&a, "signal", 137, "killed by signal 9", "SIGKILL");
	a.exit_value = 11;
	a.exit_core = true;
	check(&a, "signal", 139, "killed by signal 11 (core dumped)",
	    "SIGSEGV");
	a.exit_value = 0x10000;
	check(&a, "signal", 255, NULL, "no signal at all");
	a.exit_value = 15;
	result_from(&r, &a);
	is_u64((uint64_t)r.signal, 15, "the number is there");
	result_release(&r);
}

static void
test_spawn(void)
{
	struct mux_answer a = { .size = sizeof(a), .code = MUX_INTERNAL,
	    .text = "no such file", .have_exit = true, .exit_kind = 2,
	    .exit_value = 2 };

	check(&a, "spawn", 126, "cannot be started: no such file",
	    "not started");
	a.exit_kind = 0;
	check(&a, "error", 125, NULL, "9 with an exit");
}

static void
test_not_started(void)
{
	struct mux_answer a = { .size = sizeof(a), .code = MUX_CARRIER_LOST };
	struct result r;

	result_from(&r, &a);
	ok(!r.not_started, "lost: nobody knows whether it was done");
	result_release(&r);
	a.not_started = true;
	check(&a, "not_sent", 255, NULL, "lost before it was sent");
	result_from(&r, &a);
	ok(r.not_started, "which may be tried again");
	result_release(&r);
	a.code = MUX_DEADLINE;
	check(&a, "timeout", 124, NULL, "a deadline before it was sent");
	a.code = MUX_UNAVAILABLE;
	a.not_started = false;
	a.by_peer = true;
	result_from(&r, &a);
	ok(r.not_started, "8 says that nothing was begun");
	result_release(&r);
	a.by_peer = false;
	result_from(&r, &a);
	ok(!r.not_started, "but only if the server says it");
	result_release(&r);
}

static void
test_make(void)
{
	struct result r;

	result_make(&r, RESULT_TIMEOUT, MUX_DEADLINE, "too late");
	is_u64((uint64_t)r.code, CMD_TIMEOUT, "made: timeout");
	is_str(r.error, "too late", "with its sentence");
	result_release(&r);
	result_make(&r, RESULT_NOT_SENT, MUX_CARRIER_LOST, NULL);
	ok(r.code == CMD_LOST && r.not_started && r.error == NULL,
	    "made: not sent");
	result_make(&r, RESULT_ERROR, MUX_INTERNAL, NULL);
	is_u64((uint64_t)r.code, CMD_USAGE, "made: a fault of ours");
}

/* ---- JSON ---- */

static void
check_json(const struct result *r, const struct result_json *more,
    const char *want, const char *what)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct jout j;

	if (f == NULL)
		return;
	jout_begin(&j, f);
	result_json(r, more, &j);
	jout_end(&j);
	fclose(f);
	is_str(text, want, "%s", what);
	free(text);
}

static void
test_json(void)
{
	char killed[] = "killed by signal 9";
	struct result r = { .kind = RESULT_SIGNAL, .code = 137, .signal = 9,
	    .error = killed, .queued = 1, .total = 2, .have_usage = true,
	    .utime = 3, .stime = 4, .maxrss = 5 };
	struct result_json more = { .id = "\"a\"", .method = "up",
	    .body = "x\n", .body_len = 2, .err_text = "e", .err_len = 1 };

	check_json(&r, &more, "{\"v\":1,\"id\":\"a\",\"method\":\"up\","
	    "\"kind\":\"signal\",\"code\":137,\"signal\":9,"
	    "\"error\":\"killed by signal 9\",\"body\":\"x\\n\","
	    "\"stderr\":\"e\",\"queued_ns\":1,\"total_ns\":2,"
	    "\"user_ns\":3,\"sys_ns\":4,\"maxrss\":5}\n",
	    "every key, in order");
	more.body = "\377";
	more.body_len = 1;
	r = (struct result){ .kind = RESULT_EXIT, .total = 2 };
	more.err_text = NULL;
	check_json(&r, &more, "{\"v\":1,\"id\":\"a\",\"method\":\"up\","
	    "\"kind\":\"exit\",\"code\":0,\"body_b64\":\"/w==\","
	    "\"queued_ns\":0,\"total_ns\":2}\n", "bytes that are no text");
	more = (struct result_json){ .body = "" };
	r.total = 0;
	check_json(&r, &more, "{\"v\":1,\"kind\":\"exit\",\"code\":0,"
	    "\"body\":\"\"}\n", "as little as there is");
}

static void
test_repeat(void)
{
	static const struct {
		enum result_kind kind;
		bool not_started, safe, idempotent;
	} rows[] = {
		{ RESULT_EXIT, false, false, false },
		{ RESULT_ERROR, false, false, false },
		{ RESULT_REFUSED, true, true, true },
		{ RESULT_NOT_SENT, true, true, true },
		{ RESULT_TRANSPORT, false, false, true },
		{ RESULT_INDETERMINATE, false, false, true },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result r = { .kind = rows[i].kind,
		    .not_started = rows[i].not_started };

		ok(result_may_repeat(&r, false) == rows[i].safe &&
		    result_may_repeat(&r, true) == rows[i].idempotent,
		    "once more after %s", result_kind_name(r.kind));
		r.err = MUX_DEADLINE;
		ok(!result_may_repeat(&r, true), "but not after the deadline");
	}
}

int
main(void)
{
	test_errors();
	test_sentences();
	test_exits();
	test_signals();
	test_spawn();
	test_not_started();
	test_make();
	test_json();
	test_repeat();
	return tap_done();
}
