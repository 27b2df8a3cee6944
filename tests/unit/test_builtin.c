/*
 * test_builtin.c - the methods mux.* behind a server of methods: what they
 * answer, to whom, and that mux.echo takes no more memory than credit.
 */
#include "caller.h"

static struct asked ks[2000];

static struct asked *
said(const char *method, const void *body, size_t len)
{
	ask(&ks[0], method, body, len);
	until(ks[0].over);
	return &ks[0];
}

/* As text. */
static const char *
text_of(struct asked *k)
{
	asked_room(k, 1);
	k->got[k->n] = '\0';
	return k->got;
}

static void
echo(void)
{
	static const size_t sizes[] = { 0, 1, 64, WORK_ROOM - 48,
	    WORK_ROOM - 47, 1023, 1024, 1025, 4096, 65536, 100001,
	    20000000 };
	static char bytes[20000000];
	struct asked *k;
	size_t good = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	world_begin();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		k = said("mux.echo", bytes, sizes[i]);
		ok(k->code == MUX_OK && k->n == sizes[i] && !k->a.have_exit &&
		    (k->n == 0 || memcmp(k->got, bytes, k->n) == 0),
		    "echo of %zu", sizes[i]);
	}
	for (size_t i = 0; i < 2000; i++) {
		const struct mux_request q = { .size = sizeof(q),
		    .method = { "mux.echo", 8 } };

		ks[i] = (struct asked){ .body = bytes + i,
		    .body_len = i % 100 == 0 ? 300000 : i % 70 };
		ask_request(&ks[i], &q);
	}
	settle();
	for (size_t i = 0; i < 2000; i++) {
		good += ks[i].code == MUX_OK && ks[i].n == ks[i].body_len &&
		    (ks[i].n == 0 ||
		    memcmp(ks[i].got, ks[i].body, ks[i].n) == 0);
	}
	is_u64(good, 2000, "2000 at once");
	ok(w.d.n_spare > 0 && w.d.n_spare < 2000,
	    "memory is kept for the next ones, but not of all");
	is_u64(w.d.held, 0, "nothing is counted as waiting any more");
	world_end();
}

/* What plain S0 clients, who know no credit, may have waiting in all. */
static void
echo_bound(void)
{
	static char bytes[5000];

	world_begin();
	w.d.held = HELD_MAX - 1000;
	is_u64(said("mux.echo", bytes, 100)->code, MUX_OK, "a small one");
	is_u64(said("mux.echo", bytes, sizeof(bytes))->code, MUX_BUSY,
	    "no room for a larger one");
	is_u64(w.d.held, HELD_MAX - 1000, "and it takes none");
	w.d.held = 0;
	is_u64(said("mux.echo", bytes, sizeof(bytes))->code, MUX_OK,
	    "there is room again");
	world_end();
}

/* Who does not read gets no more than credit, and disturbs nobody. */
static void
echo_unread(void)
{
	static char bytes[5000000];
	size_t sent;

	world_begin();
	ask(&ks[1], "mux.echo", bytes, sizeof(bytes))->lazy = true;
	ask(&ks[0], "mux.echo", "x", 1);
	until(ks[0].over);
	for (sent = 1; sent != ks[1].sent; ) {
		sent = ks[1].sent;
		said("mux.ping", "", 0);
	}
	ok(ks[1].sent < 1000000, "of 5 MB %zu are taken", ks[1].sent);
	mux_call_cancel(ks[1].call, 0);
	settle();
	is_u64(ks[1].code, MUX_CANCELLED, "it is cancelled");
	is_u64(w.d.n_running, 0, "nothing is left of it");
	world_end();
}

static void
listed(void)
{
	struct mux_why why;
	const char *text;

	world_begin();
	methods_add(w.d.methods, METHOD_WORKER, "b=sec'ret word'", &why);
	methods_add(w.d.methods, METHOD_WORKER, "a=x", &why);
	methods_limit(w.d.methods, "a=jobs:2,queue:3,timeout:1s", &why);
	text = text_of(said("mux.methods", "", 0));
	ok(strstr(text, "{\"v\":1,\"name\":\"a\",\"kind\":\"worker\","
	    "\"jobs\":2,\"queue\":3,\"timeout_ns\":1000000000,"
	    "\"command\":\"x\"}\n"
	    "{\"v\":1,\"name\":\"b\",\"kind\":\"worker\",\"command\":"
	    "\"sec'ret word'\"}\n"
	    "{\"v\":1,\"name\":\"mux.drain\",\"kind\":\"builtin\","
	    "\"about\":") == text, "mux.methods, sorted");
	w.peer->uid = geteuid() + 1;
	text = text_of(said("mux.methods", "", 0));
	ok(strstr(text, "\"b\"") != NULL && strstr(text, "sec") == NULL,
	    "no command for others");
	world_end();
}

static void
admin(void)
{
	static const char *const rows[] = { "mux.stats", "mux.streams",
	    "mux.drain" };

	world_begin();
	for (size_t i = 0; i < 3; i++) {
		w.d.allow_admin = false;
		w.peer->have_uid = true;
		w.peer->uid = geteuid() + 1;
		is_u64(said(rows[i], "", 0)->code, MUX_NOT_PERMITTED,
		    "%s is not for everybody", rows[i]);
		ok(!w.drained, "and does nothing");
		w.d.allow_admin = true;
		is_u64(said(rows[i], "", 0)->code, MUX_OK,
		    "unless they are allowed to");
		w.peer->have_uid = false;
		w.drained = false;
		is_u64(said(rows[i], "", 0)->code, MUX_NOT_PERMITTED,
		    "but not one whom nobody knows");
		w.d.allow_admin = false;
		w.peer->have_uid = true;
		w.peer->uid = geteuid();
		is_u64(said(rows[i], "ignored", 7)->code, MUX_OK,
		    "the own user is");
	}
	ok(w.drained, "mux.drain drains");
	ok(strncmp(text_of(said("mux.stats", "", 0)), "{\"v\":1,\"pid\":",
	    13) == 0, "mux.stats is JSON");
	ok(strstr(text_of(said("mux.streams", "", 0)),
	    "\"method\":\"mux.streams\"") != NULL, "it sees itself");
	is_u64(said("mux.ping", "x", 1)->n, 0, "mux.ping says nothing");
	is_u64(said("mux.nosuch", "x", 1)->code, MUX_UNKNOWN_METHOD,
	    "there are no others");
	world_end();
}

int
main(void)
{
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	echo();
	echo_bound();
	echo_unread();
	listed();
	admin();
	return tap_done();
}
