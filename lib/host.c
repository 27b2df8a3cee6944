/*
 * host.c - spelling of hosts.  It never asks a resolver.  Invariant: a text
 * whose last label is a number is an address in canonical spelling or an
 * error; it is never a name.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "host.h"
#include "chars.h"
#include "why.h"

/* ::ffff:0:0/96, where IPv6 sockets see IPv4. */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* As URLs have it: the last label decides, a trailing dot aside. */
static bool
ends_in_number(const char *s)
{
	size_t i, n = strlen(s);

	if (n > 0 && s[n - 1] == '.')
		n--;
	for (i = n; i > 0 && s[i - 1] != '.'; i--)
		continue;
	n -= i;
	s += i;
	if (n >= 2 && s[0] == '0' && to_lower(s[1]) == 'x')
		return strspn(s + 2, "0123456789abcdefABCDEF") >= n - 2;
	return n > 0 && strspn(s, "0123456789") >= n;
}

/*
 * inet_pton(3) takes four decimal numbers without leading zeros and nothing
 * else; that is just what has one meaning everywhere.
 */
static int
canon_v4(const char *text, char *out, const char *word, struct mux_why *why)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) == 1) {
		inet_ntop(AF_INET, &in, out, HOST_SIZE);
		return 0;
	}
	/* What a resolver would have made of it is the best advice. */
	if (inet_aton(text, &in) == 0)
		return why_word(why, word, "%s is not an address: expected "
		    "four decimal numbers from 0 to 255", text);
	inet_ntop(AF_INET, &in, out, HOST_SIZE);
	return why_word(why, word, "%s is not an address: write %s", text, out);
}

/* A zone is kept as it is: whether the interface exists shows in use. */
static int
canon_v6(const char *text, char *out, const char *word, struct mux_why *why)
{
	char buf[INET6_ADDRSTRLEN];
	struct in6_addr in;
	size_t n = strcspn(text, "%");
	const char *zone = text[n] == '%' ? text + n + 1 : NULL;

	if (zone != NULL && (strlen(zone) > 15 || !chars_plain(zone, "_.-")))
		return why_word(why, word, "%s: expected the name of an "
		    "interface after %%25", text);
	if (n < sizeof(buf)) {
		memcpy(buf, text, n);
		buf[n] = '\0';
	}
	if (n >= sizeof(buf) || inet_pton(AF_INET6, buf, &in) != 1)
		return why_word(why, word, "%.60s is not an IPv6 address",
		    text);
	inet_ntop(AF_INET6, &in, buf, sizeof(buf));
	snprintf(out, HOST_SIZE, "%s%s%s", buf, zone != NULL ? "%" : "",
	    zone != NULL ? zone : "");
	return 0;
}

/* NULL, or what is wrong with a name of letters, digits and so on. */
static const char *
name_fault(const char *s)
{
	size_t n = strlen(s), label = 0;

	if (n > 254 || (n == 254 && s[n - 1] != '.'))
		return "is longer than 253 bytes";
	if (s[0] == '-')
		return "begins with -: expected a host";
	if (s[0] == '.')
		return "begins with a dot: expected a host";
	for (; *s != '\0'; s++) {
		label = *s == '.' ? 0 : label + 1;
		if (label > 63)
			return "has a label of more than 63 bytes";
		if (s[0] == '.' && s[1] == '.')
			return "has two dots in a row: expected a host";
	}
	return NULL;
}

int
host_canon(const char *text, unsigned flags, char *out, const char *word,
    struct mux_why *why)
{
	const char *fault;
	size_t i;

	if (strchr(text, ':') != NULL)
		return canon_v6(text, out, word, why);
	if (strcmp(text, "*") == 0) {
		memcpy(out, "*", 2);
		return 0;
	}
	if (!chars_plain(text, "-_."))
		return why_word(why, word, "\"%.60s\" is no host: expected "
		    "letters, digits, - _ . or an address", text);
	if (ends_in_number(text))
		return canon_v4(text, out, word, why);
	fault = name_fault(text);
	if (fault != NULL)
		return why_word(why, word, "the host %s", fault);
	/* name_fault() has seen to it that it fits. */
	for (i = 0; text[i] != '\0'; i++)
		out[i] = flags & HOST_KEEP_CASE ? text[i] : to_lower(text[i]);
	out[i] = '\0';
	return 0;
}

static void
ip_from_v6(const uint8_t *b, struct host_ip *out)
{
	memset(out, 0, sizeof(*out));
	out->v6 = memcmp(b, mapped, sizeof(mapped)) != 0;
	if (out->v6)
		memcpy(out->b, b, 16);
	else
		memcpy(out->b, b + 12, 4);
}

static void
ip_from_v4(const void *b, struct host_ip *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->b, b, 4);
}

bool
host_ip_parse(const char *text, struct host_ip *out)
{
	uint8_t b[16];

	if (inet_pton(AF_INET, text, b) == 1) {
		ip_from_v4(b, out);
		return true;
	}
	if (inet_pton(AF_INET6, text, b) != 1)
		return false;
	ip_from_v6(b, out);
	return true;
}

bool
host_ip_of(const struct sockaddr *sa, struct host_ip *out, uint16_t *port)
{
	struct sockaddr_in6 in6;	/* copies: sa may be unaligned */
	struct sockaddr_in in;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		ip_from_v4(&in.sin_addr, out);
		*port = ntohs(in.sin_port);
		return true;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&in6, sa, sizeof(in6));
	ip_from_v6(in6.sin6_addr.s6_addr, out);
	*port = ntohs(in6.sin6_port);
	return true;
}

void
host_ip_str(const struct host_ip *ip, char *out)
{
	inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->b, out, HOST_SIZE);
}

bool
host_ip_any(const struct host_ip *ip)
{
	static const uint8_t zero[16];

	return memcmp(ip->b, zero, sizeof(zero)) == 0;
}

bool
host_ip_within(const struct host_ip *ip, const struct host_ip *net,
    unsigned bits)
{
	size_t whole = bits / 8;
	unsigned rest = bits % 8;

	assert(bits <= (net->v6 ? 128u : 32u));
	if (ip->v6 != net->v6 || memcmp(ip->b, net->b, whole) != 0)
		return false;
	return rest == 0 || (ip->b[whole] ^ net->b[whole]) >> (8 - rest) == 0;
}

bool
host_is_any(const char *canonical)
{
	struct host_ip ip;

	if (strcmp(canonical, "*") == 0)
		return true;
	return host_ip_parse(canonical, &ip) && host_ip_any(&ip);
}

bool
host_is_loopback(const char *canonical)
{
	static const struct host_ip v4 = { false, { 127 } };
	static const struct host_ip v6 = { true, { [15] = 1 } };
	struct host_ip ip;

	if (strcmp(canonical, "localhost") == 0)
		return true;
	if (!host_ip_parse(canonical, &ip))
		return false;
	return host_ip_within(&ip, &v4, 8) || host_ip_within(&ip, &v6, 128);
}
