/*
 * addr_body.c - what is between the scheme and the options of an address: for
 * each scheme, taking it apart and printing it.  It sees decoded text and
 * knows nothing of options.  Invariant: what a printer writes, its parser
 * reads back into the same parts.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "addr_body.h"
#include "host.h"
#include "chars.h"
#include "why.h"
#include "words.h"

#define PATH_LONGEST	4095	/* PATH_MAX with its NUL */
#define ABSTRACT_LONGEST 107	/* sun_path behind the NUL that leads */

static addr_body_parse parse_path, parse_hostport, parse_url, parse_exec,
    parse_ssh, parse_fd, parse_name, parse_stdio;
static addr_body_print print_path, print_hostport, print_url, print_exec,
    print_ssh, print_fd, print_stdio;

const struct addr_scheme addr_schemes[ADDR_N_SCHEMES] = {
	[MUX_UNIX] =		{ "unix", parse_path, print_path },
	[MUX_TCP] =		{ "tcp", parse_hostport, print_hostport },
	[MUX_TLS] =		{ "tls", parse_hostport, print_hostport },
	[MUX_WS] =		{ "ws", parse_url, print_url },
	[MUX_WSS] =		{ "wss", parse_url, print_url },
	[MUX_SEQPACKET] =	{ "seqpacket", parse_path, print_path },
	[MUX_UDP] =		{ "udp", parse_hostport, print_hostport },
	[MUX_DTLS] =		{ "dtls", parse_hostport, print_hostport },
	[MUX_EXEC] =		{ "exec", parse_exec, print_exec },
	[MUX_SSH] =		{ "ssh", parse_ssh, print_ssh },
	[MUX_FD] =		{ "fd", parse_fd, print_fd },
	[MUX_SYSTEMD] =		{ "systemd", parse_name, print_path },
	[MUX_STDIO] =		{ "-", parse_stdio, print_stdio },
};

static const char *
name_of(const struct mux_addr *a)
{
	return addr_schemes[a->scheme].name;
}

/* A copy in *slot, which was NULL. */
static int
keep(const struct addr_parse *p, char **slot, const char *s)
{
	*slot = strdup(s);
	return *slot != NULL ? 0 : why_nomem(p->why);
}

/* ---- bodies: from words ---- */

/*
 * No length of sun_path here: a longer path can be reached by other ways, an
 * abstract name cannot.  The path need not exist and is not cleaned up.
 */
static int
parse_path(const struct addr_parse *p)
{
	size_t n = strlen(p->body);

	if (n == 0)
		return why_word(p->why, p->word, "expected a path or @NAME "
		    "after the colon");
	if (p->body[0] == '@' && n == 1)
		return why_word(p->why, p->word, "expected a name after @");
	if (p->body[0] == '@' && n - 1 > ABSTRACT_LONGEST)
		return why_word(p->why, p->word, "the abstract name is longer "
		    "than %d bytes", ABSTRACT_LONGEST);
	if (n > PATH_LONGEST)
		return why_word(p->why, p->word, "the path is longer than %d "
		    "bytes", PATH_LONGEST);
	return keep(p, &p->a->path, p->body);
}

/* No names of services: /etc/services differs from machine to machine. */
static int
take_port(const struct addr_parse *p, const char *text)
{
	uint64_t port;

	if (!chars_number(text, 65535, &port))
		return why_word(p->why, p->word, "\"%.40s\" is no port: "
		    "expected a number from 0 to 65535", text);
	p->a->port = (uint16_t)port;
	return 0;
}

/* `text` without brackets. */
static int
take_host(const struct addr_parse *p, const char *text, unsigned flags)
{
	char canon[HOST_SIZE];
	int err = host_canon(text, flags, canon, p->word, p->why);

	return err != 0 ? err : keep(p, &p->a->host, canon);
}

/* Cuts "[HOST]:PORT" or "HOST:PORT" in two; *port NULL where there is none. */
static int
cut_port(const struct addr_parse *p, char *s, char **host, char **port)
{
	char *end;

	*host = s;
	if (*s == '[') {
		end = strchr(++*host, ']');
		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return why_word(p->why, p->word, "expected "
			    "[HOST]:PORT");
		*port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
		return 0;
	}
	end = strchr(s, ':');
	if (end != NULL && strchr(end + 1, ':') != NULL)
		return why_word(p->why, p->word, "too many colons: expected "
		    "HOST:PORT, with an IPv6 address in brackets");
	*port = end != NULL ? end + 1 : NULL;
	if (end != NULL)
		*end = '\0';
	return 0;
}

/* HOST:PORT, and for those who listen PORT or :PORT. */
static int
parse_hostport(const struct addr_parse *p)
{
	const char *name = name_of(p->a);
	char *host, *port;
	int err;

	if (strncmp(p->body, "//", 2) == 0)
		return why_word(p->why, p->word, "expected %s:HOST:PORT, "
		    "without //", name);
	err = cut_port(p, p->body, &host, &port);
	if (err != 0)
		return err;
	if (port == NULL && *p->body != '[' && chars_digits(host)) {
		port = host;
		host = NULL;
	}
	if (port == NULL)
		return why_word(p->why, p->word, "expected a port: "
		    "%s:HOST:PORT", name);
	err = take_port(p, port);
	if (err != 0)
		return err;
	/* What nobody named is loopback, never all interfaces. */
	if (host == NULL || (*host == '\0' && *p->body != '['))
		return take_host(p, "127.0.0.1", 0);
	return take_host(p, host, 0);
}

/* The query of a URL is where our options are, so there is none. */
static int
parse_url(const struct addr_parse *p)
{
	const char *name = name_of(p->a);
	char *host, *port, *path;
	int err;

	if (strncmp(p->body, "//", 2) != 0)
		return why_word(p->why, p->word, "expected "
		    "%s://HOST:PORT/PATH", name);
	path = strchr(p->body + 2, '/');
	err = keep(p, &p->a->path, path != NULL ? path : "/");
	if (err != 0)
		return err;
	if (path != NULL)
		*path = '\0';
	err = cut_port(p, p->body + 2, &host, &port);
	if (err == 0 && *host == '\0')
		err = why_word(p->why, p->word, "expected a host after //");
	if (err == 0)
		err = take_port(p, port != NULL ? port :
		    p->a->scheme == MUX_WSS ? "443" : "80");
	return err != 0 ? err : take_host(p, host, 0);
}

/* Tried now, so that a quote that is not closed is found at start. */
static int
parse_exec(const struct addr_parse *p)
{
	const char *fault;
	char **argv;
	int err;

	err = words_split(p->body, &argv, &fault);
	if (err == MUX_E_NOMEM)
		return why_nomem(p->why);
	if (err != 0)
		return why_word(p->why, p->word, "%s", fault);
	free(argv);
	return keep(p, &p->a->command, p->body);
}

/* A login name, harmless in a command line and without need of escapes. */
static bool
user_fits(const char *user)
{
	if (*user == '\0' || *user == '-')
		return false;
	for (; *user != '\0'; user++)
		if (*user <= ' ' || *user == 0x7f ||
		    strchr("'`\"\\;&<>|(){}[]$:/%?=", *user) != NULL)
			return false;
	return true;
}

/* [USER@]HOST, as the host that ssh(1) is given: no brackets. */
static int
take_destination(const struct addr_parse *p, char *s)
{
	char *at = strrchr(s, '@'), *host, *port, *dest;
	char canon[HOST_SIZE];
	int err;

	err = cut_port(p, at != NULL ? at + 1 : s, &host, &port);
	if (err != 0)
		return err;
	if (port != NULL)
		return why_word(p->why, p->word, "\"%.40s\" is no socket: "
		    "expected / or @ first (a port belongs in ssh_config)",
		    port);
	if (at != NULL)
		*at = '\0';
	if (at != NULL && !user_fits(s))
		return why_word(p->why, p->word, "\"%.40s\" is no user name "
		    "for ssh", s);
	err = host_canon(host, HOST_KEEP_CASE, canon, p->word, p->why);
	if (err == 0 && strcmp(canon, "*") == 0)
		err = why_word(p->why, p->word, "expected a host, not *");
	if (err != 0)
		return err;
	dest = malloc(strlen(s) + strlen(canon) + 2);
	if (dest == NULL)
		return why_nomem(p->why);
	if (at != NULL)
		chars_put(chars_put(chars_put(dest, s), "@"), canon);
	else
		chars_put(dest, canon);
	p->a->host = dest;
	return 0;
}

/*
 * HOST holds no slash and USER neither colon nor slash, so the first ":/" or
 * ":@" begins the socket.
 */
static int
parse_ssh(const struct addr_parse *p)
{
	char *s = p->body;
	int err;

	if (*s == '\0')
		return why_word(p->why, p->word, "expected "
		    "ssh:[USER@]HOST[:SOCKET]");
	for (; *s != '\0'; s++)
		if (s[0] == ':' && (s[1] == '/' || s[1] == '@'))
			break;
	if (*s == ':') {
		*s++ = '\0';
		if (strcmp(s, "@") == 0)
			return why_word(p->why, p->word, "expected a name "
			    "after @");
		err = keep(p, &p->a->path, s);
		if (err != 0)
			return err;
	}
	return take_destination(p, p->body);
}

static int
parse_fd(const struct addr_parse *p)
{
	uint64_t fd;

	if (!chars_number(p->body, INT_MAX, &fd))
		return why_word(p->why, p->word, "expected the number of a "
		    "descriptor: fd:N");
	p->a->fd = (int)fd;
	return 0;
}

/* A name of sd_listen_fds_with_names(3); none means: every descriptor. */
static int
parse_name(const struct addr_parse *p)
{
	const char *s = p->body;

	if (*s == '\0')
		return 0;
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~' || *s == ':')
			break;
	if (*s != '\0' || s - p->body > 255)
		return why_word(p->why, p->word, "expected systemd:NAME, the "
		    "name of a passed socket, at most 255 characters");
	return keep(p, &p->a->path, p->body);
}

static int
parse_stdio(const struct addr_parse *p)
{
	assert(strcmp(p->body, "-") == 0);
	return 0;
}

/* ---- bodies: to words ---- */

/* What means something in a word or a spec beside what is always escaped. */
#define SPECIAL	"?&="

static char *
print_path(char *s, const struct mux_addr *a)
{
	s = chars_put(chars_put(s, name_of(a)), ":");
	return a->path != NULL ? chars_encode(s, a->path, SPECIAL) : s;
}

/* In brackets where it would not end at the colon. */
static char *
print_host(char *s, const char *host)
{
	if (strchr(host, ':') == NULL)
		return chars_encode(s, host, SPECIAL);
	s = chars_encode(chars_put(s, "["), host, SPECIAL);
	return chars_put(s, "]");
}

static char *
print_port(char *s, const struct mux_addr *a)
{
	return s + sprintf(s, ":%u", (unsigned)a->port);
}

static char *
print_hostport(char *s, const struct mux_addr *a)
{
	s = chars_put(chars_put(s, name_of(a)), ":");
	return print_port(print_host(s, a->host), a);
}

static char *
print_url(char *s, const struct mux_addr *a)
{
	s = chars_put(chars_put(s, name_of(a)), "://");
	s = print_port(print_host(s, a->host), a);
	return chars_encode(s, a->path, SPECIAL);
}

static char *
print_exec(char *s, const struct mux_addr *a)
{
	s = chars_put(s, name_of(a));
	s = addr_opts_put(s, &a->opts, a->scheme);
	return chars_put(chars_put(s, ":"), a->command);
}

static char *
print_ssh(char *s, const struct mux_addr *a)
{
	const char *at = strrchr(a->host, '@');
	const char *host = at != NULL ? at + 1 : a->host;

	s += sprintf(s, "%s:%.*s", name_of(a), (int)(host - a->host), a->host);
	s = print_host(s, host);
	if (a->path == NULL)
		return s;
	return chars_encode(chars_put(s, ":"), a->path, SPECIAL);
}

static char *
print_fd(char *s, const struct mux_addr *a)
{
	return s + sprintf(s, "%s:%d", name_of(a), a->fd);
}

static char *
print_stdio(char *s, const struct mux_addr *a)
{
	return chars_put(s, name_of(a));
}
