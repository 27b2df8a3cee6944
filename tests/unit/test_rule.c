/*
 * mux_rule_*: spelling of rules, what each matches, and the ways in which a
 * peer may spell a target that it was not given.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "int.h"
#include "mux_io.h"
#include "tap.h"

static const struct good {
	const char *word, *canonical;
} good[] = {
	{ "tcp:127.0.0.1:80", "tcp:127.0.0.1:80" },
	{ "TCP:DB.Example:80", "tcp:db.example:80" },
	{ "tcp:db.:80", "tcp:db.:80" },
	{ "tcp:*:*", "tcp:*:*" },
	{ "tcp:*:0-65535", "tcp:*:*" },
	{ "tcp:h:1-2", "tcp:h:1-2" },
	{ "tcp:h:080-80", "tcp:h:80" },
	{ "tcp:10.0.0.0/8:*", "tcp:10.0.0.0/8:*" },
	{ "tcp:10.0.0.1/32:1", "tcp:10.0.0.1:1" },
	{ "tcp:0.0.0.0/0:1", "tcp:0.0.0.0/0:1" },
	{ "tcp:[::1]:1", "tcp:[::1]:1" },
	{ "tcp:[2001:DB8::]/32:1", "tcp:[2001:db8::]/32:1" },
	{ "tcp:[2001:db8::/32]:1", "tcp:[2001:db8::]/32:1" },
	{ "tcp:[::]/0:1", "tcp:[::]/0:1" },
	{ "tcp:[::ffff:127.0.0.1]:1", "tcp:127.0.0.1:1" },
	{ "tcp:[::ffff:10.0.0.0]/104:1", "tcp:10.0.0.0/8:1" },
	{ "tcp:[::ffff:0:0/96]:1", "tcp:0.0.0.0/0:1" },
	{ "unix:/run/a.sock", "unix:/run/a.sock" },
	{ "UNIX:/run/*.sock", "unix:/run/*.sock" },
	{ "unix:/run/%2A/a%20b", "unix:/run/%2A/a%20b" },
	{ "unix:/run/a=b c", "unix:/run/a%3Db%20c" },
	{ "unix:/*%2A*", "unix:/*%2A*" },
	{ "unix:@app-*", "unix:@app-*" },
	{ "unix:/...", "unix:/..." },
};

static const struct bad {
	const char *word, *says;
} bad[] = {
	{ "", "expected tcp:HOST:PORTS or unix:PATH" },
	{ "*", "expected tcp:HOST:PORTS or unix:PATH" },
	{ "db", "expected tcp:HOST:PORTS or unix:PATH" },
	{ "127.0.0.1:80", "expected tcp:HOST:PORTS or unix:PATH" },
	{ "/run/a.sock", "expected tcp:HOST:PORTS or unix:PATH" },
	{ "exec:cat", "expected tcp:HOST:PORTS or unix:PATH" },
	{ "udp:h:1", "expected tcp:HOST:PORTS or unix:PATH" },
	{ "tcp", "expected tcp:HOST:PORTS or unix:PATH" },
	{ "tcp:", "expected tcp:HOST:PORTS" },
	{ "tcp:80", "expected tcp:HOST:PORTS" },
	{ "tcp::80", "expected tcp:HOST:PORTS" },
	{ "tcp:h:", "a range A-B" },
	{ "tcp:h:x", "a range A-B" },
	{ "tcp:h:65536", "a range A-B" },
	{ "tcp:h:2-1", "a range A-B" },
	{ "tcp:h:1-", "a range A-B" },
	{ "tcp:h:-1", "a range A-B" },
	{ "tcp:h:1-2-3", "a range A-B" },
	{ "tcp:h:1,2", "a range A-B" },
	{ "tcp:h:**", "a range A-B" },
	{ "tcp:::1:80", "needs brackets" },
	{ "tcp:[::1]", "a range A-B" },
	{ "tcp:[::1:80", "[ADDRESS]:PORTS" },
	{ "tcp:[::1]x:80", "[ADDRESS]:PORTS" },
	{ "tcp:[fe80::1%eth0]:80", "no zone" },
	{ "tcp:127.1:80", "write 127.0.0.1" },
	{ "tcp:0x7f000001:80", "write 127.0.0.1" },
	{ "tcp:127.*:80", "is no host" },
	{ "tcp:*.example.com:80", "is no host" },
	{ "tcp:10.0.0.1/8:80", "write 10.0.0.0/8" },
	{ "tcp:[2001:db8::1]/32:80", "write [2001:db8::]/32" },
	{ "tcp:[::ffff:10.0.0.1]/104:80", "write 10.0.0.0/8" },
	{ "tcp:[::ffff:10.0.0.0]/8:80", "expected 96 to 128" },
	{ "tcp:10.0.0.0/33:80", "expected 0 to 32" },
	{ "tcp:10.0.0.0/:80", "expected 0 to 32" },
	{ "tcp:10.0.0.0/255.0.0.0:80", "expected 0 to 32" },
	{ "tcp:[::]/129:80", "expected 0 to 128" },
	{ "tcp:h/8:80", "an address before /" },
	{ "tcp:*/0:80", "an address before /" },
	{ "tcp:0.0.0.0:80", "no destination" },
	{ "tcp:0.0.0.0/32:80", "no destination" },
	{ "tcp:[::]:80", "no destination" },
	{ "unix:", "an absolute path" },
	{ "unix:a.sock", "an absolute path" },
	{ "unix:*", "an absolute path" },
	{ "unix:../a", "an absolute path" },
	{ "unix:/a/../b", "an absolute path" },
	{ "unix:/a/%2e%2e/b", "an absolute path" },
	{ "unix:/a%2F%2Fb", "an absolute path" },
	{ "unix:/a/./b", "an absolute path" },
	{ "unix:/a//b", "an absolute path" },
	{ "unix:/a/", "an absolute path" },
	{ "unix:/", "an absolute path" },
	{ "unix:@", "an absolute path" },
	{ "unix:/a?", "? has no meaning" },
	{ "unix:/a/**", "never crosses" },
	{ "unix:/a%zz", "is no escape" },
	{ "unix:/*/%00", "is no escape" },
};

static void
test_spelling(void)
{
	struct mux_rule *r, *again;
	struct mux_why why;

	for (size_t i = 0; i < N_ELEM(good); i++) {
		r = again = NULL;
		why.text[0] = '\0';
		if (!ok(mux_rule_parse(good[i].word, &r, &why) == 0,
		    "\"%s\" parses", good[i].word)) {
			printf("# %s\n", why.text);
			continue;
		}
		is_str(mux_rule_str(r), good[i].canonical, "canonical");
		ok(mux_rule_parse(mux_rule_str(r), &again, &why) == 0 &&
		    strcmp(mux_rule_str(again), mux_rule_str(r)) == 0,
		    "and that parses to itself");
		mux_rule_free(r);
		mux_rule_free(again);
	}
	for (size_t i = 0; i < N_ELEM(bad); i++) {
		why.text[0] = '\0';
		ok(mux_rule_parse(bad[i].word, &r, &why) == MUX_E_INVAL,
		    "\"%s\" is refused", bad[i].word);
		if (!ok(strstr(why.text, bad[i].says) != NULL &&
		    strncmp(why.text, bad[i].word, strlen(bad[i].word)) == 0,
		    "and says \"%s\"", bad[i].says))
			printf("# it says \"%s\"\n", why.text);
	}
	mux_rule_free(NULL);
}

/* An address as the resolver or accept would give it; NULL for NULL. */
static const struct sockaddr *
sa_of(const char *ip, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	memset(ss, 0, sizeof(*ss));
	if (ip == NULL)
		return NULL;
	if (inet_pton(AF_INET, ip, &in.sin_addr) == 1) {
		in.sin_port = htons(port);
		memcpy(ss, &in, sizeof(in));
	} else if (inet_pton(AF_INET6, ip, &in6.sin6_addr) == 1) {
		in6.sin6_port = htons(port);
		memcpy(ss, &in6, sizeof(in6));
	} else {
		ss->ss_family = AF_UNIX;
	}
	return (struct sockaddr *)(void *)ss;
}

static bool
match(const char *rule, const char *word, const char *ip, const char *path)
{
	struct sockaddr_storage ss;
	struct mux_rule *r = NULL;
	struct mux_addr *a = NULL;
	struct mux_why why;
	bool yes;

	if (mux_rule_parse(rule, &r, &why) != 0 ||
	    mux_addr_parse(word, &a, &why) != 0) {
		printf("Bail out! %s\n", why.text);
		exit(1);
	}
	yes = mux_rule_match(r, a, sa_of(ip, mux_addr_port(a), &ss), path);
	mux_rule_free(r);
	mux_addr_free(a);
	return yes;
}

/* One rule, what was asked, what is dialled: an address or a path. */
static const struct pair {
	const char *rule, *asked, *dialled;
	bool yes;
} pairs[] = {
	{ "tcp:127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", true },
	{ "tcp:127.0.0.1:80", "127.0.0.1:81", "127.0.0.1", false },
	{ "tcp:127.0.0.1:80", "127.0.0.2:80", "127.0.0.2", false },
	{ "tcp:127.0.0.1:80", "localhost:80", "127.0.0.1", true },
	{ "tcp:127.0.0.1:80", "localhost:80", "::1", false },
	{ "tcp:127.0.0.1:80", "[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1",
	    true },
	{ "tcp:[::ffff:127.0.0.1]:80", "127.0.0.1:80", "127.0.0.1", true },
	{ "tcp:[::1]:80", "[::1]:80", "::1", true },
	{ "tcp:[::1]:80", "127.0.0.1:80", "127.0.0.1", false },
	/* Compatible, not mapped: another address to the kernel. */
	{ "tcp:127.0.0.1:80", "[::127.0.0.1]:80", "::127.0.0.1", false },
	{ "tcp:10.0.0.0/8:*", "10.255.0.1:9", "10.255.0.1", true },
	{ "tcp:10.0.0.0/8:*", "11.0.0.1:9", "11.0.0.1", false },
	{ "tcp:10.0.0.0/9:*", "10.127.0.1:9", "10.127.0.1", true },
	{ "tcp:10.0.0.0/9:*", "10.128.0.1:9", "10.128.0.1", false },
	{ "tcp:10.0.0.0/8:*", "[::ffff:10.1.1.1]:9", "::ffff:10.1.1.1", true },
	{ "tcp:10.0.0.0/31:*", "10.0.0.1:9", "10.0.0.1", true },
	{ "tcp:10.0.0.0/31:*", "10.0.0.2:9", "10.0.0.2", false },
	{ "tcp:0.0.0.0/0:*", "1.2.3.4:9", "1.2.3.4", true },
	{ "tcp:0.0.0.0/0:*", "[::1]:9", "::1", false },
	{ "tcp:[::]/0:*", "[::1]:9", "::1", true },
	{ "tcp:[::]/0:*", "1.2.3.4:9", "1.2.3.4", false },
	{ "tcp:[fe80::]/10:*", "[fe80::1%25eth0]:9", "fe80::1", true },
	{ "tcp:[fe80::]/10:*", "[fec0::1]:9", "fec0::1", false },
	{ "tcp:*:*", "h:1", "1.2.3.4", true },
	{ "tcp:*:*", "h:1", "2001:db8::1", true },
	{ "tcp:*:80-90", "h:79", "1.2.3.4", false },
	{ "tcp:*:80-90", "h:80", "1.2.3.4", true },
	{ "tcp:*:80-90", "h:90", "1.2.3.4", true },
	{ "tcp:*:80-90", "h:91", "1.2.3.4", false },
	{ "tcp:*:*", "h:0", "1.2.3.4", true },
	/* A name: only for who asked just that. */
	{ "tcp:db:80", "db:80", "1.2.3.4", true },
	{ "tcp:db:80", "DB:80", "1.2.3.4", true },
	{ "tcp:db:80", "db:81", "1.2.3.4", false },
	{ "tcp:db:80", "db.:80", "1.2.3.4", false },
	{ "tcp:db.:80", "db:80", "1.2.3.4", false },
	{ "tcp:db:80", "xdb:80", "1.2.3.4", false },
	{ "tcp:db:80", "db.evil.example:80", "1.2.3.4", false },
	{ "tcp:db:80", "1.2.3.4:80", "1.2.3.4", false },
	{ "tcp:localhost:80", "127.0.0.1:80", "127.0.0.1", false },
	/* What the kernel would take for loopback. */
	{ "tcp:*:*", "0.0.0.0:80", "0.0.0.0", false },
	{ "tcp:0.0.0.0/0:*", "h:80", "0.0.0.0", false },
	{ "tcp:h:*", "h:80", "0.0.0.0", false },
	{ "tcp:h:*", "h:80", "::", false },
	{ "tcp:*:*", "h:80", "::ffff:0.0.0.0", false },
	{ "tcp:*:80", "*:80", "0.0.0.0", true },
	{ "tcp:127.0.0.1:80", "*:80", "0.0.0.0", false },
	/* Families that no rule of tcp: speaks of. */
	{ "tcp:*:*", "h:80", "no address", false },
	{ "tcp:*:*", "h:80", NULL, false },
	{ "tcp:*:*", "udp:h:80", "1.2.3.4", false },
	{ "tcp:*:*", "tls:h:80", "1.2.3.4", false },
	/* Paths. */
	{ "unix:/run/a", "/run/a", "/run/a", true },
	{ "unix:/run/a", "/run/a", "/run/ab", false },
	{ "unix:/run/a", "/run/a", "/run/A", false },
	{ "unix:/run/a", "/run/a", "/run", false },
	{ "unix:/run/a", "/elsewhere", "/run/a", true },
	{ "unix:/run/a", "/run/a", "/etc/a", false },
	{ "unix:/run/*", "/x", "/run/a", true },
	{ "unix:/run/*", "/x", "/run/a/b", false },
	{ "unix:/run/*", "/x", "/run", false },
	{ "unix:/run/*.sock", "/x", "/run/a.sock", true },
	{ "unix:/run/*.sock", "/x", "/run/.sock", true },
	{ "unix:/run/*.sock", "/x", "/run/a.sock.d", false },
	{ "unix:/run/*.sock", "/x", "/run/a/b.sock", false },
	{ "unix:/run/*/s", "/x", "/run/a/s", true },
	{ "unix:/run/*/s", "/x", "/run/a/b/s", false },
	{ "unix:/run/*/s", "/x", "/run/s", false },
	{ "unix:/run/*a*b*c", "/x", "/run/xaxbabxc", true },
	{ "unix:/run/*a*b*c", "/x", "/run/xaxbabxcd", false },
	{ "unix:/*x/y", "/x", "/axbx/y", true },
	{ "unix:/*x/y", "/x", "/axbx/z", false },
	{ "unix:/*/x*z", "/x", "/a/xyyz", true },
	{ "unix:/*/x*z", "/x", "/a/b/xyyz", false },
	{ "unix:/%2A", "/x", "/*", true },
	{ "unix:/%2A", "/x", "/a", false },
	{ "unix:/a%20b", "/x", "/a b", true },
	{ "unix:/run/*", "/x", "/run/..", false },
	{ "unix:/run/*/a", "/x", "/run/../a", false },
	{ "unix:/run/*/a", "/x", "/run//a", false },
	{ "unix:/run/*", "/x", "run/a", false },
	{ "unix:@app-*", "unix:@app-1", "@app-1", true },
	{ "unix:@app-*", "unix:@app-1/2", "@app-1/2", false },
	{ "unix:@app", "unix:./@app", "/run/@app", false },
	{ "unix:/*", "unix:@app", "@app", false },
	{ "unix:/run/a", "seqpacket:/run/a", "/run/a", false },
	{ "unix:/run/a", "exec:/run/a", "/run/a", false },
	{ "unix:/run/a", "/run/a", NULL, false },
};

static void
test_match(void)
{
	const struct pair *p;
	struct mux_rule *r = NULL;
	bool tcp;

	for (size_t i = 0; i < N_ELEM(pairs); i++) {
		p = &pairs[i];
		tcp = strncmp(p->rule, "tcp:", 4) == 0;
		ok(match(p->rule, p->asked, tcp ? p->dialled : NULL,
		    tcp ? NULL : p->dialled) == p->yes,
		    "%s: %s at %s: %s", p->rule, p->asked,
		    p->dialled != NULL ? p->dialled : "nothing",
		    p->yes ? "yes" : "no");
	}
	ok(mux_rule_parse("unix:/*", &r, NULL) == 0 &&
	    !mux_rule_match(r, NULL, NULL, "/a"), "nobody asked");
	mux_rule_free(r);
}

/*
 * What serve does with a word from the wire.  The answers: the grammar does
 * not know it ('g'), it is no target ('t'), no rule allows it ('n'), 'y'.
 */
static const char *const allowed[] = {
	"tcp:127.0.0.1:5432", "tcp:10.0.0.0/8:80-90", "tcp:db.example:5432",
	"unix:/run/app/*.sock", "unix:@app-*",
};
static const char *const denied[] = { "tcp:10.6.6.0/24:*" };

static char
verdict(const char *word, const char *dialled)
{
	struct mux_addr *a = NULL;
	const char *ip = NULL, *path = NULL;
	char answer = 'n';
	size_t i;

	if (mux_addr_parse(word, &a, NULL) != 0)
		return 'g';
	if (mux_addr_check(a, MUX_AS_TARGET, NULL) != 0) {
		mux_addr_free(a);
		return 't';
	}
	if (mux_addr_scheme(a) == MUX_UNIX)
		path = dialled;
	else
		ip = dialled;
	mux_addr_free(a);
	for (i = 0; i < N_ELEM(allowed); i++)
		if (match(allowed[i], word, ip, path))
			answer = 'y';
	for (i = 0; i < N_ELEM(denied); i++)
		if (match(denied[i], word, ip, path))
			answer = 'n';
	return answer;
}

static const struct spelling {
	const char *word, *dialled;
	char answer;
} spellings[] = {
	/* What was meant. */
	{ "tcp:127.0.0.1:5432", "127.0.0.1", 'y' },
	{ "tcp:localhost:5432", "127.0.0.1", 'y' },
	{ "tcp:10.1.2.3:80", "10.1.2.3", 'y' },
	{ "tcp:db.example:5432", "192.0.2.7", 'y' },
	{ "unix:/run/app/a.sock", "/run/app/a.sock", 'y' },
	{ "unix:@app-1", "@app-1", 'y' },
	/* The same place, spelled otherwise: the place decides. */
	{ "TCP:127.0.0.1:05432", "127.0.0.1", 'y' },
	{ "127.0.0.1:5432", "127.0.0.1", 'y' },
	{ "5432", "127.0.0.1", 'y' },
	{ ":5432", "127.0.0.1", 'y' },
	{ "[127.0.0.1]:5432", "127.0.0.1", 'y' },
	{ "tcp:[::ffff:127.0.0.1]:5432", "::ffff:127.0.0.1", 'y' },
	{ "tcp:[::FFFF:7F00:1]:5432", "::ffff:127.0.0.1", 'y' },
	{ "tcp:LOCALHOST:5432", "127.0.0.1", 'y' },
	{ "tcp:localhost.:5432", "127.0.0.1", 'y' },
	{ "tcp:any.example:5432", "127.0.0.1", 'y' },
	{ "tcp:DB.EXAMPLE:5432", "192.0.2.7", 'y' },
	{ "unix:/run/link.sock", "/run/app/a.sock", 'y' },
	{ "unix:/run/app/../app/a.sock", "/run/app/a.sock", 'y' },
	{ "unix:%40app-1", "@app-1", 'y' },
	/* What only a resolver takes for an address. */
	{ "tcp:127.1:5432", "127.0.0.1", 'g' },
	{ "tcp:127.0.1:5432", "127.0.0.1", 'g' },
	{ "tcp:0:5432", "0.0.0.0", 'g' },
	{ "tcp:00:5432", "0.0.0.0", 'g' },
	{ "tcp:0x0:5432", "0.0.0.0", 'g' },
	{ "tcp:2130706433:5432", "127.0.0.1", 'g' },
	{ "tcp:0x7f000001:5432", "127.0.0.1", 'g' },
	{ "tcp:0x7f.1:5432", "127.0.0.1", 'g' },
	{ "tcp:017700000001:5432", "127.0.0.1", 'g' },
	{ "tcp:0177.0.0.1:5432", "127.0.0.1", 'g' },
	{ "tcp:127.0.0.01:5432", "127.0.0.1", 'g' },
	{ "tcp:127.0.0.1.:5432", "127.0.0.1", 'g' },
	{ "tcp:10.1:80", "10.0.0.1", 'g' },
	{ "tcp:%31%32%37.1:5432", "127.0.0.1", 'g' },
	{ "tcp:::1:5432", "::1", 'g' },
	{ "tcp:127.0.0.1:5432@evil", "127.0.0.1", 'g' },
	{ "tcp:127.0.0.1%00.evil:5432", "127.0.0.1", 'g' },
	{ "tcp:127.0.0.1 :5432", "127.0.0.1", 'g' },
	/* All interfaces, which the kernel dials as loopback. */
	{ "tcp:0.0.0.0:5432", "0.0.0.0", 't' },
	{ "tcp:[::]:5432", "::", 't' },
	{ "tcp:[::ffff:0.0.0.0]:5432", "::ffff:0.0.0.0", 't' },
	{ "tcp:[0:0::0]:5432", "::", 't' },
	{ "tcp:*:5432", "0.0.0.0", 't' },
	{ "tcp:sink.example:5432", "0.0.0.0", 'n' },
	{ "tcp:sink.example:5432", "::", 'n' },
	/* Next to what is allowed. */
	{ "tcp:127.0.0.1:5433", "127.0.0.1", 'n' },
	{ "tcp:127.0.0.2:5432", "127.0.0.2", 'n' },
	{ "tcp:[::1]:5432", "::1", 'n' },
	{ "tcp:localhost:5432", "::1", 'n' },
	{ "tcp:[::127.0.0.1]:5432", "::127.0.0.1", 'n' },
	{ "tcp:10.1.2.3:22", "10.1.2.3", 'n' },
	{ "tcp:10.6.6.1:80", "10.6.6.1", 'n' },
	{ "tcp:[::ffff:10.6.6.1]:80", "::ffff:10.6.6.1", 'n' },
	{ "tcp:rebind.example:80", "10.6.6.1", 'n' },
	{ "tcp:rebind.example:5432", "169.254.169.254", 'n' },
	{ "tcp:192.0.2.7:5432", "192.0.2.7", 'n' },
	{ "tcp:db.example.:5432", "192.0.2.7", 'n' },
	{ "tcp:db.example.evil.example:5432", "192.0.2.7", 'n' },
	{ "tcp:127.0.0.1:0", "127.0.0.1", 't' },
	/* Paths. */
	{ "unix:../x.sock", "/run/x.sock", 't' },
	{ "unix:app/a.sock", "/run/app/a.sock", 't' },
	{ "unix:./a.sock", "/run/app/a.sock", 't' },
	{ "unix:/run/app/../x.sock", "/run/x.sock", 'n' },
	{ "unix:/run/app/%2e%2e/x.sock", "/run/x.sock", 'n' },
	{ "unix:/run/app/link.sock", "/run/docker.sock", 'n' },
	{ "unix:/run/app/sub/a.sock", "/run/app/sub/a.sock", 'n' },
	{ "unix:/run/app/a.sock%00.png", "/run/app/a.sock", 'g' },
	{ "unix:/proc/self/root/run/docker.sock", "/run/docker.sock", 'n' },
	{ "unix:/RUN/APP/a.sock", "/RUN/APP/a.sock", 'n' },
	{ "unix:@abstract", "@abstract", 'n' },
	{ "unix:@/run/app/a.sock", "@/run/app/a.sock", 'n' },
	{ "unix:@app-/x", "@app-/x", 'n' },
	{ "@app-1", "@app-1", 'g' },
	/* Other ways out of the process. */
	{ "-", "-", 't' },
	{ "fd:0", "fd:0", 't' },
	{ "systemd:", "systemd:", 't' },
	{ "exec:/bin/sh", "exec:/bin/sh", 'n' },
	{ "EXEC:/bin/sh", "exec:/bin/sh", 'n' },
	{ "ssh:host", "192.0.2.7", 't' },
	{ "udp:127.0.0.1:5432", "127.0.0.1", 't' },
	{ "seqpacket:/run/app/a.sock", "/run/app/a.sock", 't' },
	{ "tcp:10.1.2.3:80?insecure=1", "10.1.2.3", 't' },
};

static void
test_spellings(void)
{
	const struct spelling *s;
	char got;

	ok(N_ELEM(spellings) >= 40, "%zu spellings", N_ELEM(spellings));
	for (size_t i = 0; i < N_ELEM(spellings); i++) {
		s = &spellings[i];
		got = verdict(s->word, s->dialled);
		ok(got == s->answer, "%s at %s: %c (is %c)", s->word,
		    s->dialled, s->answer, got);
	}
}

int
main(void)
{
	test_spelling();
	test_match();
	test_spellings();
	return tap_done();
}
