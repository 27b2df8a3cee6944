/*
 * test_worker.c - programs of --worker behind a server of methods.  The
 * program is this one: with a word in argv it is a worker of that kind, and
 * reads and writes the protocol by itself.
 */
#include <errno.h>
#include <signal.h>

#include "caller.h"

#include "../../cmd/worker.h"

#define MAX_ASKED	6000

static struct asked ks[MAX_ASKED];
static char self[4096];

/* ---- what the workers do ---- */

struct asking {
	unsigned long long id;
	unsigned long n_args, method_len, len, ms;
	char *body, arg[256];
};

static void
must(bool good)
{
	if (!good)
		_exit(70);
}

/* false: the end.  A cancel has n_args == 999999. */
static bool
next_request(struct asking *a)
{
	char line[128], skip[256];
	unsigned long len;

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	if (strstr(line, " cancel\n") != NULL) {
		a->id = strtoull(line, NULL, 10);
		a->n_args = 999999;
		return true;
	}
	must(sscanf(line, "%llu %lu %lu %lu %lu\n", &a->id, &a->n_args,
	    &a->method_len, &a->len, &a->ms) == 5);
	a->arg[0] = '\0';
	for (unsigned long i = 0; i < a->n_args; i++) {
		must(fgets(line, sizeof(line), stdin) != NULL);
		len = strtoul(line, NULL, 10);
		must(len < sizeof(a->arg) &&
		    fread(a->arg, 1, len, stdin) == len);
		a->arg[len] = '\0';
	}
	must(fread(skip, 1, a->method_len, stdin) == a->method_len);
	must((a->body = malloc(a->len + 1)) != NULL);
	must(fread(a->body, 1, a->len, stdin) == a->len);
	a->body[a->len] = '\0';
	return true;
}

static void
reply(const struct asking *a, int status, const void *p, size_t n)
{
	printf("%llu %d %zu\n", a->id, status, n);
	fwrite(p, 1, n, stdout);
}

/* Answers the body; some bodies are orders. */
static void
obey(struct asking *a)
{
	static const char zeros[1 << 16];
	size_t n;

	if (strcmp(a->body, "die") == 0)
		_exit(3);
	if (strcmp(a->body, "signal") == 0)
		raise(9);
	if (strcmp(a->body, "nonsense") == 0)
		printf("Hello\n");
	else if (strcmp(a->body, "unasked") == 0)
		printf("%llu 0 0\n", a->id + 1000000);
	else if (strcmp(a->body, "close") == 0)
		fclose(stdout);
	else if (strncmp(a->body, "status ", 7) == 0)
		reply(a, atoi(a->body + 7), "", 0);
	else if (strcmp(a->body, "arg") == 0)
		reply(a, (int)a->n_args, a->arg, strlen(a->arg));
	else if (strcmp(a->body, "ms") == 0)
		reply(a, a->ms > 0 && a->ms <= 60000, "", 0);
	else if (strncmp(a->body, "zeros ", 6) == 0) {
		n = strtoul(a->body + 6, NULL, 10);
		printf("%llu 0 %zu\n", a->id, n);
		for (; n > sizeof(zeros); n -= sizeof(zeros))
			fwrite(zeros, 1, sizeof(zeros), stdout);
		fwrite(zeros, 1, n, stdout);
	} else if (strcmp(a->body, "half") == 0) {
		printf("%llu 0 100000\nhalf of it", a->id);
		fflush(stdout);
		_exit(4);
	} else
		reply(a, 0, a->body, a->len);
	fflush(stdout);
}

static unsigned long long hangs[100];
static size_t n_hangs;

static void
unhang(const struct asking *a)
{
	for (size_t i = 0; i < n_hangs; i++)
		if (hangs[i] == a->id)
			reply(a, 9, "late", 4);
	fflush(stdout);
}

/* "hang" is answered when it is cancelled, with status 9. */
static int
be_echo(bool deaf)
{
	struct asking a;

	while (next_request(&a)) {
		if (a.n_args == 999999) {
			if (!deaf)
				unhang(&a);
			continue;
		}
		if (strcmp(a.body, "hang") == 0)
			hangs[n_hangs++] = a.id;
		else
			obey(&a);
		free(a.body);
	}
	return 0;
}

/* Ten at a time, the last one first. */
static int
be_reverse(void)
{
	struct asking a[10];
	int n = 0;

	while (next_request(&a[n])) {
		if (a[n].n_args == 999999 || ++n < 10)
			continue;
		while (n-- > 0) {
			reply(&a[n], 0, a[n].body, a[n].len);
			free(a[n].body);
		}
		n = 0;
		fflush(stdout);
	}
	return 0;
}

/* The first one reads one request and goes; those after it are good. */
static int
be_quitter(const char *mark)
{
	struct asking a;
	int fd = open(mark, O_CREAT | O_EXCL | O_WRONLY, 0600);

	if (fd == -1)
		return be_echo(false);
	setvbuf(stdin, NULL, _IONBF, 0);
	must(next_request(&a));
	_exit(5);
}

static int
be(char **argv)
{
	if (strcmp(argv[1], "echo") == 0)
		return be_echo(false);
	if (strcmp(argv[1], "deaf") == 0)
		return be_echo(true);
	if (strcmp(argv[1], "reverse") == 0)
		return be_reverse();
	return be_quitter(argv[2]);
}

/* ---- the tests ---- */

static void
begin(const char *kind)
{
	struct mux_why why;
	char word[5000];

	world_begin();
	snprintf(word, sizeof(word), "w=%s %s", self, kind);
	ok(methods_add(w.d.methods, METHOD_WORKER, word, &why) == 0 &&
	    workers_start(&w.d, w.d.methods, &why) == 0, "a worker: %s", kind);
}

static void
end(void)
{
	workers_end(w.d.methods);
	until(ptrees_count(w.d.trees) == 0);
	dispatch_stop(&w.d);
	settle();
	is_u64(w.d.n_running + w.d.n_queued, 0, "no call is left");
	world_end();
}

/* As ask(), in silence: for many. */
static struct asked *
quiet(struct asked *k, const void *body, size_t len)
{
	const struct mux_request q = { .size = sizeof(q),
	    .method = { "w", 1 } };

	*k = (struct asked){ .body = body, .body_len = len };
	if (ask_request(k, &q) != 0)
		abort();
	return k;
}

/* Asks, and waits for the answer. */
static struct asked *
said(const char *body)
{
	quiet(&ks[0], body, strlen(body));
	settle();
	return &ks[0];
}

static bool
is_same(const struct asked *k)
{
	return k->over && k->code == MUX_OK && k->n == k->body_len &&
	    (k->n == 0 || memcmp(k->got, k->body, k->n) == 0) &&
	    k->a.have_exit && k->a.exit_kind == 0 && k->a.exit_value == 0;
}

static size_t
count_same(size_t n)
{
	size_t good = 0;

	for (size_t i = 0; i < n; i++)
		good += is_same(&ks[i]);
	return good;
}

static void
many(const char *kind, size_t n, size_t max)
{
	static char bytes[200000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)tap_rnd(256);
	begin(kind);
	for (size_t i = 0; i < n; i++)
		quiet(&ks[i], bytes + tap_rnd(100000),
		    tap_rnd((uint32_t)max));
	settle();
	is_u64(count_same(n), n, "%zu calls of up to %zu bytes", n, max);
	end();
}

static void
orders(void)
{
	struct mux_bytes args[] = { { "a\nb", 3 }, { "", 0 }, { "last", 4 } };
	struct mux_request q = { .size = sizeof(q), .method = { "w", 1 },
	    .args = args, .n_args = 3, .deadline = 60 * SEC };
	struct asked *k;

	begin("echo");
	for (unsigned i = 0; i <= 255; i += 51) {
		char text[20];

		snprintf(text, sizeof(text), "status %u", i);
		k = said(text);
		ok(k->code == MUX_OK && k->a.exit_value == i &&
		    k->a.have_exit && k->n == 0, "%s", text);
	}
	ks[1] = (struct asked){ .body = "arg", .body_len = 3 };
	ask_request(&ks[1], &q);
	ks[2] = (struct asked){ .body = "ms", .body_len = 2 };
	ask_request(&ks[2], &q);
	settle();
	ok(ks[1].a.exit_value == 3 && ks[1].n == 4 &&
	    memcmp(ks[1].got, "last", 4) == 0, "three arguments");
	is_u64(ks[2].a.exit_value, 1, "what is left of the deadline");
	is_u64(said("ms")->a.exit_value, 0, "and none");
	end();
}

/* What ends the worker is known of it; the next one is as good. */
static void
deaths(void)
{
	static const char *const rows[] = { "die", "signal", "nonsense",
	    "unasked", "close", "half" };
	struct asked *k;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin("echo");
		quiet(&ks[1], "hang", 4);
		k = said(rows[i]);
		is_u64(k->code, MUX_INDETERMINATE, "%s", rows[i]);
		is_u64(ks[1].code, MUX_INDETERMINATE, "and what it had");
		k = said("fine");
		ok(is_same(k), "then there is another one");
		end();
	}
}

static void
cancelled(void)
{
	begin("echo");
	quiet(&ks[1], "hang", 4);
	quiet(&ks[2], "fine", 4);
	until(ks[2].over);
	mux_call_cancel(ks[1].call, 0);
	settle();
	is_u64(ks[1].code, MUX_CANCELLED, "cancelled, and told so");
	ok(is_same(said("again")), "its answer is nobody else's");
	until(w.d.n_running == 0);
	end();

	/* it does not hear: serve does not wait for ever */
	begin("deaf");
	w.d.kill_after = 50 * MS;
	quiet(&ks[1], "hang", 4);
	quiet(&ks[2], "fine", 4);
	until(ks[2].over);
	mux_call_cancel(ks[1].call, 0);
	until(ks[1].over);
	is_u64(ks[1].code, MUX_CANCELLED, "at once, whatever the worker does");
	is_u64(w.d.n_running, 1, "which still has it");
	until(w.d.n_running == 0);
	ok(is_same(said("again")), "it was ended, and there is another one");

	/* but not while it is needed */
	quiet(&ks[1], "hang", 4);
	quiet(&ks[2], "hang", 4);
	quiet(&ks[3], "fine", 4);
	until(ks[3].over);
	mux_call_cancel(ks[1].call, 0);
	until(ks[1].over);
	w.late = false;
	mux_timer_at(w.alarm, mux_loop_now(w.loop) + 300 * MS);
	while (!w.late)
		mux_loop_turn(w.loop, UINT64_MAX);
	ok(!ks[2].over && w.d.n_running == 2, "somebody waits: it lives");
	mux_call_cancel(ks[2].call, 0);
	settle();
	until(w.d.n_running == 0);
	end();
}

/* Before the worker has seen anything of it. */
static void
cancelled_early(void)
{
	static char big[1 << 20];
	size_t n = 0;

	begin("reverse");
	for (size_t i = 0; i < 15; i++)
		quiet(&ks[i], big, sizeof(big));
	until(w.n_over == 10);
	for (size_t i = 0; i < 15; i++)
		if (!ks[i].over)
			mux_call_cancel(ks[i].call, 0);
	settle();
	for (size_t i = 0; i < 15; i++)
		n += ks[i].code == MUX_CANCELLED;
	is_u64(n, 5, "cancelled while their bodies are on their way");
	/* the worker may have got any of those, or none */
	for (size_t i = 15; i < 65; i++)
		quiet(&ks[i], "short", 5);
	for (size_t i = 15; i < 65; i += 2)
		if (!ks[i].over)
			mux_call_cancel(ks[i].call, 0);
	until(w.n_over >= w.n_asked - 10 && w.d.n_running <= 10);
	end();
}

static void
large(void)
{
	size_t len = ((size_t)16 << 20) + 1;
	char *body = calloc(1, len);
	struct asked *k;

	if (body == NULL)
		abort();
	memset(body, 'x', len);
	begin("echo");
	quiet(&ks[0], body, len - 1);
	quiet(&ks[1], body, len);
	settle();
	ok(is_same(&ks[0]), "16 MiB there and back");
	is_u64(ks[1].code, MUX_TOO_LARGE, "and no more (%s)", ks[1].text);
	k = said("zeros 16777217");
	is_u64(k->code, MUX_TOO_LARGE, "nor as an answer (%s)", k->text);
	ok(is_same(said("fine")), "which costs nobody else anything");
	for (size_t i = 0; i < 100; i++)
		quiet(&ks[i], body, (1 << 20) + i);
	settle();
	is_u64(count_same(100), 100, "100 MiB at once, more than is held");
	end();
	free(body);
}

/* What it had not got yet waits for the next one, and is done once. */
static void
unwritten(void)
{
	char word[5000], mark[] = "/tmp/test_worker.XXXXXX";
	static char body[10000];
	size_t lost = 0, good;

	close(mkstemp(mark));
	unlink(mark);
	snprintf(word, sizeof(word), "quit %s", mark);
	begin(word);
	for (size_t i = 0; i < 100; i++)
		quiet(&ks[i], body, sizeof(body));
	settle();
	for (size_t i = 0; i < 100; i++)
		lost += ks[i].code == MUX_INDETERMINATE;
	good = count_same(100);
	ok(lost > 0 && lost < 20, "what was in its pipe is lost: %zu", lost);
	is_u64(good, 100 - lost, "the rest is done by the next one");
	end();
	unlink(mark);
}

/* One caller takes nothing: its answer is kept, the others get theirs. */
static void
lazy(void)
{
	size_t n = 0;

	begin("echo");
	quiet(&ks[0], "zeros 10000000", 14)->lazy = true;
	for (size_t i = 1; i < 30; i++)
		quiet(&ks[i], "zeros 1000000", 13);
	until(w.n_over == 29);
	for (size_t i = 1; i < 30; i++)
		n += ks[i].n == 1000000 && ks[i].code == MUX_OK;
	is_u64(n, 29, "the others go on");
	mux_call_consume(ks[0].call, ks[0].n);
	ks[0].lazy = false;
	settle();
	is_u64(ks[0].n, 10000000, "and it gets all, when it takes it");
	end();
}

static void
limited(void)
{
	struct mux_why why;

	begin("echo");
	ok(methods_limit(w.d.methods, "w=jobs:2", &why) == 0, "two at once");
	for (size_t i = 0; i < 3; i++)
		quiet(&ks[i], "hang", 4);
	until(w.d.n_running == 2 && w.d.n_queued == 1);
	mux_call_cancel(ks[0].call, 0);
	until(w.d.n_queued == 0);
	is_u64(w.d.n_running, 2, "the third comes when one has ended");
	mux_call_cancel(ks[1].call, 0);
	mux_call_cancel(ks[2].call, 0);
	settle();
	until(w.d.n_running == 0);
	w.d.jobs = 1;
	quiet(&ks[0], "hang", 4);
	quiet(&ks[1], "fine", 4);
	until(ks[1].over);
	ok(!ks[0].over && is_same(&ks[1]), "--jobs is for processes of calls");
	end();
}

static void
missing(void)
{
	struct mux_why why;
	struct asked *k;

	world_begin();
	ok(methods_add(w.d.methods, METHOD_WORKER, "w=./nonesuch", &why) == 0 &&
	    workers_start(&w.d, w.d.methods, &why) != 0, "no such program: %s",
	    why.text);
	k = said("x");
	ok(k->code == MUX_INTERNAL && k->a.exit_kind == 2 &&
	    k->a.exit_value == ENOENT, "is told to who calls it: %s", k->text);
	end();
}

/* The end of everything, with calls in all states. */
static void
sudden(void)
{
	static char big[1 << 20];

	begin("deaf");
	for (size_t i = 0; i < 20; i++)
		quiet(&ks[i], i % 2 == 0 ? "hang" : big,
		    i % 2 == 0 ? 4 : sizeof(big));
	until(ks[1].over);
	world_end();
	ok(true, "the end comes");
}

int
main(int argc, char **argv)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc > 1)
		return be(argv);
	if (n <= 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);	/* as muxctl does */
	/* what is said about the deaths of workers */
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	many("echo", 5000, 100);
	many("echo", 300, 100000);
	many("reverse", 5000, 300);
	orders();
	deaths();
	cancelled();
	cancelled_early();
	large();
	unwritten();
	lazy();
	limited();
	missing();
	sudden();
	return tap_done();
}
