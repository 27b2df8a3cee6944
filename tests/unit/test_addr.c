/*
 * mux_addr_*: what each word means and how it is printed, what is refused and
 * whether the message names it, and what may stand where.
 */
#include <stdlib.h>

#include "addr.h"
#include "tap.h"

/* A word and its canonical form, which must parse back to itself. */
static const struct good {
	const char *word, *canonical;
} good[] = {
	{ "unix:/run/a.sock", "unix:/run/a.sock" },
	{ "UNIX:/run/a.sock", "unix:/run/a.sock" },
	{ "/run/a.sock", "unix:/run/a.sock" },
	{ "./a.sock", "unix:./a.sock" },
	{ "unix:a.sock", "unix:a.sock" },
	{ "unix:a.sock?mode=660", "unix:a.sock?mode=0660" },
	{ "unix:@name", "unix:@name" },
	{ "unix:./@name", "unix:./@name" },
	{ "unix:/a b", "unix:/a%20b" },
	{ "unix:/a\nb\x7f", "unix:/a%0Ab%7F" },
	{ "unix:/a%3fb%3Dc%26d%25e", "unix:/a%3Fb%3Dc%26d%25e" },
	{ "unix:/a=b&c", "unix:/a%3Db%26c" },
	{ "unix:/a:b", "unix:/a:b" },
	{ "/a:b", "unix:/a:b" },
	{ "./a:b", "unix:./a:b" },
	{ "unix:/\xc3\xa4", "unix:/\xc3\xa4" },
	{ "unix:/%75nix", "unix:/unix" },
	{ "unix:/x?backlog=5&mode=0600", "unix:/x?backlog=5&mode=0600" },
	{ "unix:/x?mode=0600&backlog=007", "unix:/x?backlog=7&mode=0600" },
	{ "unix:/x?idle=300", "unix:/x?idle=5m" },
	{ "unix:/x?idle=0", "unix:/x?idle=0" },
	{ "unix:/x?idle=0s", "unix:/x?idle=0" },
	{ "unix:/x?idle=1500ms", "unix:/x?idle=1500ms" },
	{ "unix:/x?idle=60000ms", "unix:/x?idle=1m" },
	{ "unix:/x?idle=61s", "unix:/x?idle=61s" },
	{ "unix:/x?idle=120m", "unix:/x?idle=2h" },
	{ "unix:/x?idle=2562047h", "unix:/x?idle=2562047h" },
	{ "seqpacket:/run/p", "seqpacket:/run/p" },
	{ "seqpacket:@p", "seqpacket:@p" },
	{ "tcp:127.0.0.1:80", "tcp:127.0.0.1:80" },
	{ "tcp:Example.COM:80", "tcp:example.com:80" },
	{ "example.com:80", "tcp:example.com:80" },
	{ "localhost:0", "tcp:localhost:0" },
	{ "localhost.:80", "tcp:localhost.:80" },
	{ "a.b.:80", "tcp:a.b.:80" },
	{ "5432", "tcp:127.0.0.1:5432" },
	{ "0", "tcp:127.0.0.1:0" },
	{ ":5432", "tcp:127.0.0.1:5432" },
	{ "tcp:5432", "tcp:127.0.0.1:5432" },
	{ "tcp::5432", "tcp:127.0.0.1:5432" },
	{ "00080", "tcp:127.0.0.1:80" },
	{ "*:80", "tcp:*:80" },
	{ "tcp:*:80?insecure=yes", "tcp:*:80?insecure=1" },
	{ "0.0.0.0:80", "tcp:0.0.0.0:80" },
	{ "[::]:80", "tcp:[::]:80" },
	{ "[::1]:80", "tcp:[::1]:80" },
	{ "[0:0:0:0:0:0:0:1]:80", "tcp:[::1]:80" },
	{ "tcp:[2001:DB8::A]:80", "tcp:[2001:db8::a]:80" },
	{ "[::ffff:127.0.0.1]:80", "tcp:[::ffff:127.0.0.1]:80" },
	{ "[fe80::1%25eth0]:80", "tcp:[fe80::1%25eth0]:80" },
	{ "[localhost]:80", "tcp:localhost:80" },
	{ "[127.0.0.1]:80", "tcp:127.0.0.1:80" },
	{ "host_1:65535", "tcp:host_1:65535" },
	{ "0xg:1", "tcp:0xg:1" },
	{ "1e100.net:80", "tcp:1e100.net:80" },
	{ "1.2.3.4.example:80", "tcp:1.2.3.4.example:80" },
	{ "8080?nodelay=on&cc=bbr", "tcp:127.0.0.1:8080?cc=bbr&nodelay=1" },
	{ "h:1?linger=0&keepalive=15s", "tcp:h:1?keepalive=15s&linger=0" },
	{ "h:1?fault=drop:data:3;delay:50ms",
	    "tcp:h:1?fault=drop:data:3;delay:50ms" },
	{ "h:1?fault=stream%3D5", "tcp:h:1?fault=stream%3D5" },
	{ "tls:h:443", "tls:h:443" },
	{ "tls:h:443?cert=/c&key=fd:03&ca=/a",
	    "tls:h:443?ca=/a&cert=/c&key=fd:3" },
	{ "dtls:h:443?psk=/p%3Fq", "dtls:h:443?psk=/p%3Fq" },
	{ "udp:127.0.0.1:53", "udp:127.0.0.1:53" },
	{ "ws://h:80/p/q", "ws://h:80/p/q" },
	{ "WS://H/", "ws://h:80/" },
	{ "wss://h", "wss://h:443/" },
	{ "wss://[::1]:1/x%3Fy?idle=1", "wss://[::1]:1/x%3Fy?idle=1s" },
	{ "exec:cat", "exec:cat" },
	{ "EXEC:sh -c 'a?b&c=%41'", "exec:sh -c 'a?b&c=%41'" },
	{ "exec?idle=5m:cat -u:", "exec?idle=5m:cat -u:" },
	{ "exec?fault=a%3Ab:cat", "exec?fault=a%3Ab:cat" },
	{ "exec: cat ", "exec: cat " },
	{ "ssh:web1", "ssh:web1" },
	{ "ssh:Web1", "ssh:Web1" },
	{ "ssh:me@web1", "ssh:me@web1" },
	{ "ssh:me@corp@web1", "ssh:me@corp@web1" },
	{ "ssh:me@web1:/run/a b", "ssh:me@web1:/run/a%20b" },
	{ "ssh:web1:@name", "ssh:web1:@name" },
	{ "ssh:web1:/a:/b", "ssh:web1:/a:/b" },
	{ "ssh:me@[::1]:/s", "ssh:me@[::1]:/s" },
	{ "ssh:[web1]", "ssh:web1" },
	{ "ssh:[fe80::1%25eth0]", "ssh:[fe80::1%25eth0]" },
	{ "fd:3", "fd:3" },
	{ "FD:03?idle=1s", "fd:3?idle=1s" },
	{ "systemd:", "systemd:" },
	{ "systemd:web", "systemd:web" },
	{ "systemd:a=b", "systemd:a%3Db" },
	{ "-", "-" },
	{ "-?idle=5s", "-?idle=5s" },
};

static void
test_good(void)
{
	struct mux_addr *a, *b, *c;
	struct mux_why why;

	for (size_t i = 0; i < N_ELEM(good); i++) {
		a = b = NULL;
		memset(&why, 0, sizeof(why));
		if (!ok(mux_addr_parse(good[i].word, &a, &why) == 0,
		    "\"%s\" parses", good[i].word)) {
			printf("# %s\n", why.text);
			continue;
		}
		is_str(mux_addr_str(a), good[i].canonical, "canonical");
		ok(mux_addr_parse(mux_addr_str(a), &b, &why) == 0 &&
		    strcmp(mux_addr_str(b), mux_addr_str(a)) == 0,
		    "and that parses to itself");
		c = mux_addr_dup(a);
		ok(c != NULL && c->scheme == a->scheme && c->port == a->port &&
		    c->fd == a->fd, "a copy is equal");
		mux_addr_free(a);
		mux_addr_free(b);
		mux_addr_free(c);
	}
}

/* A bad word and what the message must say beside the word itself. */
static const struct bad {
	const char *word, *says;
} bad[] = {
	{ "", "expected HOST:PORT" },
	{ "foo", "expected HOST:PORT" },
	{ "foo.sock", "expected HOST:PORT" },
	{ "*", "expected HOST:PORT" },
	{ "--", "expected HOST:PORT" },
	{ "?mode=0600", "expected HOST:PORT" },
	{ "@name", "unix:@NAME" },
	{ "http://h/", "unknown scheme \"http\"" },
	{ "tcpp:h:80", "unknown scheme \"tcpp\"" },
	{ "quic:h:80", "unknown scheme \"quic\"" },
	{ "udp4:/x", "unknown scheme \"udp4\"" },
	{ "host:http", "unknown scheme \"host\": expected HOST:PORT" },
	{ "h.example:http", "\"http\" is no port" },
	{ "tcp", "expected HOST:PORT" },
	{ "tcp?nodelay=1:h:80", "expected HOST:PORT" },
	{ "tcp:", "expected a port" },
	{ "tcp:h", "expected a port" },
	{ "tcp:h:", "\"\" is no port" },
	{ "tcp:h:65536", "65536" },
	{ "tcp:h:99999999999999999999", "is no port" },
	{ "tcp:h:-1", "is no port" },
	{ "tcp:h:+1", "is no port" },
	{ "tcp:h: 1", "is no port" },
	{ "tcp:h:0x50", "is no port" },
	{ "tcp:h:80:90", "too many colons" },
	{ "tcp:::1:80", "in brackets" },
	{ "::1:80", "in brackets" },
	{ "fe80::1", "in brackets" },
	{ "dead:beef::1", "in brackets" },
	{ "[::1]", "expected a port" },
	{ "[::1", "expected [HOST]:PORT" },
	{ "[::1]80", "expected [HOST]:PORT" },
	{ "[]:80", "is no host" },
	{ "[::g]:80", "is not an IPv6 address" },
	{ "[::1%25]:80", "name of an interface" },
	{ "[fe80::1%eth0]:80", "is no escape" },
	{ "[fe80::1%25a/b]:80", "name of an interface" },
	{ "tcp://h:80", "without //" },
	{ "tcp:-h:80", "begins with -" },
	{ "tcp:.h:80", "begins with a dot" },
	{ "tcp:a..b:80", "two dots in a row" },
	{ "tcp:a b:80", "is no host" },
	{ "tcp:a@b:80", "is no host" },
	{ "tcp:h/x:80", "is no host" },
	{ "tcp:\xc3\xa4:80", "is no host" },
	/* Whatever else a resolver takes for an address. */
	{ "127.1:80", "write 127.0.0.1" },
	{ "tcp:127.0.1:80", "write 127.0.0.1" },
	{ "tcp:0:80", "write 0.0.0.0" },
	{ "tcp:1:80", "write 0.0.0.1" },
	{ "tcp:2130706433:80", "write 127.0.0.1" },
	{ "tcp:0x7f000001:80", "write 127.0.0.1" },
	{ "tcp:0X7F.1:80", "write 127.0.0.1" },
	{ "tcp:017700000001:80", "write 127.0.0.1" },
	{ "tcp:0177.0.0.1:80", "write 127.0.0.1" },
	{ "tcp:127.0.0.01:80", "write 127.0.0.1" },
	{ "tcp:127.0.0.256:80", "0 to 255" },
	{ "tcp:1.2.3.4.5:80", "0 to 255" },
	{ "tcp:127.0.0.1.:80", "0 to 255" },
	{ "tcp:127.1.:80", "0 to 255" },
	{ "tcp:h.0x:80", "0 to 255" },
	{ "tcp:h.7:80", "0 to 255" },
	{ "[127.1]:80", "write 127.0.0.1" },
	{ "udp:127.1:80", "write 127.0.0.1" },
	{ "ssh:127.1", "write 127.0.0.1" },
	{ "ws://127.1/", "write 127.0.0.1" },
	{ "unix:", " expected a path" },
	{ "unix:@", "expected a name" },
	{ "unix:/a%", "is no escape" },
	{ "unix:/a%4", "is no escape" },
	{ "unix:/a%g0", "is no escape" },
	{ "unix:/a%00b", "is no escape" },
	{ "unix:/a?", "expected key=value" },
	{ "unix:/a?mode", "expected key=value" },
	{ "unix:/a?=1", "expected key=value" },
	{ "unix:/a?mode=0600&", "expected key=value" },
	{ "unix:/a?color=red", "unknown option \"color\": expected one of "
	    "backlog fault idle mode" },
	{ "unix:/a?nodelay=1", "unknown option \"nodelay\"" },
	{ "unix:/a?MODE=0600", "unknown option \"MODE\"" },
	{ "tcp:h:1?mode=0600", "expected one of backlog cc fault idle "
	    "insecure keepalive linger nodelay" },
	{ "unix:/a?mode=0600&mode=0600", "mode= is there twice" },
	{ "unix:/a?mode=0800", "octal" },
	{ "unix:/a?mode=rw", "octal" },
	{ "unix:/a?mode=", "octal" },
	{ "unix:/a?mode=01000", "octal" },
	{ "unix:/a?mode=4755", "octal" },
	{ "unix:/a?backlog=0", "1 to 65535" },
	{ "unix:/a?backlog=-1", "1 to 65535" },
	{ "unix:/a?idle=", "a duration" },
	{ "unix:/a?idle=5x", "a duration" },
	{ "unix:/a?idle=-5s", "a duration" },
	{ "unix:/a?idle=s", "a duration" },
	{ "unix:/a?idle=5 s", "a duration" },
	{ "unix:/a?idle=2562048h", "a duration" },
	{ "unix:/a?idle=99999999999999999999999999s", "a duration" },
	{ "unix:/a?fault=", "a list of faults" },
	{ "unix:/a?fault=a=b", "%3D" },
	{ "unix:/a?fault=a?b", "%3F" },
	{ "unix:/a?fault=%zz", "is no escape" },
	{ "tcp:h:1?nodelay=maybe", "0 or 1" },
	{ "tcp:h:1?cc=a/b", "congestion control" },
	{ "tls:h:1?psk=", "a path or fd:N" },
	{ "tls:h:1?psk=fd:x", "a path or fd:N" },
	{ "ws:h:80", "ws://HOST:PORT/PATH" },
	{ "ws:///x", "expected a host" },
	{ "wss://h:x/", "\"x\" is no port" },
	{ "exec:", "expected a command" },
	{ "exec:  \t", "expected a command" },
	{ "exec:'a", "expected a closing '" },
	{ "exec:a \"b", "expected a closing \"" },
	{ "exec:a\\", "after the last \\" },
	{ "exec?idle=5m", "expected a colon" },
	{ "exec?:cat", "expected key=value" },
	{ "exec?mode=0600:cat", "unknown option \"mode\"" },
	{ "ssh:", "expected ssh:" },
	{ "ssh:-oProxyCommand=x", "is no host" },
	{ "ssh:-web", "begins with -" },
	{ "ssh:me@-web", "begins with -" },
	{ "ssh:-l@web", "is no user name" },
	{ "ssh:@web", "is no user name" },
	{ "ssh:a;b@web", "is no user name" },
	{ "ssh:a b@web", "is no user name" },
	{ "ssh:web:22", "is no socket" },
	{ "ssh:web:@", "expected a name" },
	{ "ssh:*", "expected a host" },
	{ "fd:", "number of a descriptor" },
	{ "fd:x", "number of a descriptor" },
	{ "fd:-1", "number of a descriptor" },
	{ "fd:2147483648", "number of a descriptor" },
	{ "systemd:a:b", "name of a passed socket" },
	{ "systemd:\xc3\xa4", "name of a passed socket" },
};

static void
test_bad(void)
{
	struct mux_addr *const untouched = (struct mux_addr *)(void *)&bad;
	struct mux_addr *a;
	struct mux_why why;

	for (size_t i = 0; i < N_ELEM(bad); i++) {
		a = untouched;
		memset(&why, 0, sizeof(why));
		ok(mux_addr_parse(bad[i].word, &a, &why) == MUX_E_INVAL &&
		    a == untouched, "\"%s\" is refused", bad[i].word);
		if (!ok(strncmp(why.text, bad[i].word,
		    strlen(bad[i].word)) == 0 &&
		    strstr(why.text + strlen(bad[i].word),
		    bad[i].says) != NULL, "and says \"%s\"", bad[i].says))
			printf("# it says \"%s\"\n", why.text);
	}
	ok(mux_addr_parse("nonsense", &a, NULL) == MUX_E_INVAL,
	    "why may be NULL");
	mux_addr_free(NULL);
	ok(true, "so may the address be");
}

static void
test_lengths(void)
{
	struct mux_addr *a = NULL;
	struct mux_why why;
	char word[8192];
	int n;

	n = snprintf(word, sizeof(word), "unix:/%04094d", 0);
	ok(mux_addr_parse(word, &a, &why) == 0, "a path of 4095 bytes");
	mux_addr_free(a);
	word[n] = 'x';
	word[n + 1] = '\0';
	ok(mux_addr_parse(word, &a, &why) == MUX_E_INVAL,
	    "a path of 4096 bytes");
	ok(strstr(why.text, "longer than 4095") != NULL &&
	    strstr(why.text, "...: ") != NULL,
	    "the reason fits although the word does not");
	snprintf(word, sizeof(word), "unix:@%0107d", 0);
	ok(mux_addr_parse(word, &a, &why) == 0, "an abstract name of 107");
	mux_addr_free(a);
	snprintf(word, sizeof(word), "unix:@%0108d", 0);
	ok(mux_addr_parse(word, &a, &why) == MUX_E_INVAL, "and of 108");
	snprintf(word, sizeof(word), "a%062d.%063d.%063d.b%060d:1", 0, 0, 0, 0);
	ok(mux_addr_parse(word, &a, &why) == 0, "a name of 253 bytes");
	mux_addr_free(a);
	snprintf(word, sizeof(word), "a%062d.%063d.%063d.b%061d:1", 0, 0, 0, 0);
	ok(mux_addr_parse(word, &a, &why) == MUX_E_INVAL, "and of 254");
	snprintf(word, sizeof(word), "a%063d:1", 0);
	ok(mux_addr_parse(word, &a, &why) == MUX_E_INVAL, "a label of 64");
	memset(word, '\n', sizeof(word));
	memcpy(word, "unix:", 5);
	word[4000] = '\0';
	ok(mux_addr_parse(word, &a, &why) == 0 &&
	    strlen(mux_addr_str(a)) == 5 + 3 * 3995, "escapes all over");
	mux_addr_free(a);
}

static struct mux_addr *
parse(const char *word)
{
	struct mux_addr *a = NULL;
	struct mux_why why = { .text = "" };

	if (mux_addr_parse(word, &a, &why) != 0) {
		printf("Bail out! %s\n", why.text);
		exit(1);
	}
	return a;
}

static void
test_parts(void)
{
	struct mux_addr *a;
	uint64_t ns = 0;

	a = parse("tcp:[::1]:443?keepalive=15s");
	ok(mux_addr_scheme(a) == MUX_TCP, "scheme");
	is_str(mux_addr_host(a), "::1", "a host without brackets");
	is_u64(mux_addr_port(a), 443, "a port");
	ok(mux_addr_path(a) == NULL && mux_addr_command(a) == NULL,
	    "and nothing else");
	is_str(mux_addr_option(a, "keepalive"), "15s", "an option");
	ok(addr_duration(mux_addr_option(a, "keepalive"), &ns), "its value");
	is_u64(ns, 15 * NS_PER_S, "in nanoseconds");
	ok(mux_addr_option(a, "linger") == NULL, "one that was not given");
	ok(mux_addr_option(a, "what") == NULL, "one that does not exist");
	mux_addr_free(a);

	a = parse("unix:/a%20b%3F");
	is_str(mux_addr_path(a), "/a b?", "a decoded path");
	ok(mux_addr_host(a) == NULL, "no host");
	is_u64(mux_addr_port(a), 0, "no port");
	mux_addr_free(a);

	a = parse("exec?idle=5m:a 'b:c' %41");
	is_str(mux_addr_command(a), "a 'b:c' %41", "a verbatim command");
	is_str(mux_addr_option(a, "idle"), "5m", "an option before it");
	mux_addr_free(a);

	a = parse("ssh:me@[::1]:@s");
	is_str(mux_addr_host(a), "me@::1", "a destination for ssh");
	is_str(mux_addr_path(a), "@s", "and a socket there");
	mux_addr_free(a);

	a = parse("fd:7");
	is_u64((uint64_t)a->fd, 7, "a descriptor");
	mux_addr_free(a);
	a = parse("systemd:web");
	is_str(mux_addr_path(a), "web", "a name for systemd");
	mux_addr_free(a);
	a = parse("systemd:");
	ok(mux_addr_path(a) == NULL && a->fd == -1, "or none");
	mux_addr_free(a);
	a = parse("-");
	ok(mux_addr_scheme(a) == MUX_STDIO, "stdio");
	mux_addr_free(a);
}

#define C	"c"	/* fine as a carrier, ... */
#define L	"l"	/* as a listener, */
#define O	"o"	/* as the local side of a tunnel, */
#define T	"t"	/* as a target */

/* Where a word may stand, and what the first refusal says. */
static const struct place {
	const char *word, *may, *says;
} places[] = {
	{ "unix:/a", C L O T, NULL },
	{ "unix:a", C L O, "absolute path" },
	{ "unix:../a", C L O, "absolute path" },
	{ "unix:@a", C L O T, NULL },
	{ "unix:/a?mode=0600", L O, "mode=" },
	{ "unix:/a?backlog=9", L O, "backlog=" },
	{ "tcp:127.0.0.1:80", C L O T, NULL },
	{ "tcp:127.99.0.1:80", C L O T, NULL },
	{ "tcp:[::1]:80", C L O T, NULL },
	{ "tcp:[::ffff:127.0.0.1]:80", C L O T, NULL },
	{ "tcp:localhost:80", C L O T, NULL },
	{ "tcp:LocalHost:80", C L O T, NULL },
	{ "tcp:localhost.:80", O T, "insecure=1" },
	{ "tcp:a.localhost:80", O T, "insecure=1" },
	{ "tcp:example.com:80", O T, "insecure=1" },
	{ "tcp:10.0.0.1:80", O T, "insecure=1" },
	{ "tcp:128.0.0.1:80", O T, "insecure=1" },
	{ "tcp:[::2]:80", O T, "insecure=1" },
	{ "tcp:[::ffff:10.0.0.1]:80", O T, "insecure=1" },
	{ "tcp:10.0.0.1:80?insecure=1", C L, "insecure=" },
	{ "tcp:10.0.0.1:80?insecure=0", "", "insecure=1" },
	{ "fd:3?insecure=1", C L, NULL },
	{ "systemd:?insecure=1", L, "nothing to connect to" },
	{ "-?insecure=1", C L, NULL },
	{ "tcp:127.0.0.1:80?insecure=1", C L, "insecure=" },
	{ "tcp:127.0.0.1:0", L O, "port 0" },
	{ "tcp:*:80", O, "for listening" },
	{ "tcp:*:80?insecure=1", L, "for listening" },
	{ "tcp:0.0.0.0:80", O, "for listening" },
	{ "tcp:[::]:80", O, "for listening" },
	{ "tcp:[::ffff:0.0.0.0]:80", O, "for listening" },
	{ "tcp:h:80?fault=x", "", "fault= is not supported" },
	{ "tcp:h:80?nodelay=1&linger=5s", O T, "insecure=1" },
	{ "unix:/a?idle=5s", "", "idle= is not supported" },
	{ "exec?idle=5s:cat", "", "idle= is not supported" },
	{ "exec:cat", C L O T, NULL },
	{ "fd:3", C L O, "nothing for a target" },
	{ "-", C L O, "nothing for a target" },
	{ "systemd:", L O, "nothing to connect to" },
	{ "tls:h:80", "", "tls: is not supported by this version" },
	{ "ws://h", "", "ws: is not supported by this version" },
	{ "wss://h", "", "wss: is not supported by this version" },
	{ "seqpacket:/a", "", "seqpacket: is not supported by this version" },
	{ "udp:127.0.0.1:1", "", "udp: is not supported by this version" },
	{ "dtls:h:1", "", "dtls: is not supported by this version" },
	{ "ssh:h", "", "ssh: is not supported by this version" },
};

static void
test_places(void)
{
	static const struct { enum mux_role role; char sign; } roles[] = {
		{ MUX_AS_CARRIER, 'c' }, { MUX_AS_LISTENER, 'l' },
		{ MUX_AS_LOCAL, 'o' }, { MUX_AS_TARGET, 't' },
	};
	const struct place *p;
	struct mux_addr *a;
	struct mux_why first, why;
	bool may, did;

	for (size_t i = 0; i < N_ELEM(places); i++) {
		p = &places[i];
		a = parse(p->word);
		first.text[0] = '\0';
		for (size_t j = 0; j < N_ELEM(roles); j++) {
			may = strchr(p->may, roles[j].sign) != NULL;
			did = mux_addr_check(a, roles[j].role, &why) == 0;
			ok(did == may, "%s as %c: %s", p->word, roles[j].sign,
			    may ? "yes" : "no");
			if (!did && first.text[0] == '\0')
				first = why;
		}
		if (p->says != NULL &&
		    !ok(strncmp(first.text, mux_addr_str(a),
		    strlen(mux_addr_str(a))) == 0 &&
		    strstr(first.text, p->says) != NULL, "and says why"))
			printf("# \"%s\" lacks \"%s\"\n", first.text, p->says);
		mux_addr_free(a);
	}
}

int
main(void)
{
	test_good();
	test_bad();
	test_lengths();
	test_parts();
	test_places();
	return tap_done();
}
