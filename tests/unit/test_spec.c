/*
 * mux_spec_parse(): which two words a spec stands for, and what is none.
 */
#include <stdlib.h>

#include "int.h"
#include "mux_io.h"
#include "tap.h"

static const struct good {
	const char *spec, *listen, *target;
} good[] = {
	/* [BIND:]PORT:HOST:PORT */
	{ "8080:db:5432", "tcp:127.0.0.1:8080", "tcp:db:5432" },
	{ "0:db:5432", "tcp:127.0.0.1:0", "tcp:db:5432" },
	{ "localhost:8080:db:5432", "tcp:localhost:8080", "tcp:db:5432" },
	{ "10.0.0.1:8080:db:5432", "tcp:10.0.0.1:8080", "tcp:db:5432" },
	{ "*:8080:db:5432", "tcp:*:8080", "tcp:db:5432" },
	{ ":8080:db:5432", "tcp:127.0.0.1:8080", "tcp:db:5432" },
	{ "[::1]:8080:[2001:db8::1]:80", "tcp:[::1]:8080",
	    "tcp:[2001:db8::1]:80" },
	{ "8080:[::1]:80", "tcp:127.0.0.1:8080", "tcp:[::1]:80" },
	{ "8080:[db]:80", "tcp:127.0.0.1:8080", "tcp:db:80" },
	{ "8080:tcp:80", "tcp:127.0.0.1:8080", "tcp:tcp:80" },
	{ "8080?backlog=5:db:80", "tcp:127.0.0.1:8080?backlog=5",
	    "tcp:db:80" },
	{ "*:8080?nodelay=1:db:80", "tcp:*:8080?nodelay=1", "tcp:db:80" },
	/* [BIND:]PORT:SOCKET */
	{ "8080:/run/db", "tcp:127.0.0.1:8080", "unix:/run/db" },
	{ "*:8080:/run/db", "tcp:*:8080", "unix:/run/db" },
	{ "[::1]:8080:/run/db", "tcp:[::1]:8080", "unix:/run/db" },
	/* SOCKET:HOST:PORT */
	{ "/run/l:db:5432", "unix:/run/l", "tcp:db:5432" },
	{ "./l:db:5432", "unix:./l", "tcp:db:5432" },
	{ "/run/l:[::1]:5432", "unix:/run/l", "tcp:[::1]:5432" },
	{ "/run/l?mode=0660:db:5432", "unix:/run/l?mode=0660", "tcp:db:5432" },
	/* SOCKET:SOCKET */
	{ "/run/l:/run/db", "unix:/run/l", "unix:/run/db" },
	{ "l/l:/run/db", "unix:l/l", "unix:/run/db" },
	{ "/a%3Ab%3d:/c%3a", "unix:/a:b%3D", "unix:/c:" },
	/* LISTEN=TARGET */
	{ "5432=db", "tcp:127.0.0.1:5432", "db" },
	{ "0=db", "tcp:127.0.0.1:0", "db" },
	{ ":0=A.b_c-9", "tcp:127.0.0.1:0", "A.b_c-9" },
	{ "*:80=web", "tcp:*:80", "web" },
	{ "80=443", "tcp:127.0.0.1:80", "443" },
	{ "80=127.1", "tcp:127.0.0.1:80", "127.1" },
	{ "80=db:5432", "tcp:127.0.0.1:80", "tcp:db:5432" },
	{ "80=[db]:5432", "tcp:127.0.0.1:80", "tcp:db:5432" },
	{ "80=:5432", "tcp:127.0.0.1:80", "tcp:127.0.0.1:5432" },
	{ "80=tcp:DB:5432", "tcp:127.0.0.1:80", "tcp:db:5432" },
	{ "80=/run/db", "tcp:127.0.0.1:80", "unix:/run/db" },
	{ "80=unix:@db", "tcp:127.0.0.1:80", "unix:@db" },
	{ "80=/run/a=b", "tcp:127.0.0.1:80", "unix:/run/a%3Db" },
	{ "80=h:1?nodelay=1", "tcp:127.0.0.1:80", "tcp:h:1?nodelay=1" },
	{ "/run/l=db", "unix:/run/l", "db" },
	{ "unix:l=db", "unix:l", "db" },
	{ "unix:@l=db", "unix:@l", "db" },
	{ "/a%3Db=db", "unix:/a%3Db", "db" },
	{ "/l?mode=0660=db", "unix:/l?mode=0660", "db" },
	{ "/l?mode=0660&backlog=5=db", "unix:/l?backlog=5&mode=0660", "db" },
	{ "/l?mode=0660=h:1?linger=0", "unix:/l?mode=0660",
	    "tcp:h:1?linger=0" },
	{ "fd:3=db", "fd:3", "db" },
	{ "systemd:web=db", "systemd:web", "db" },
	{ "-=db", "-", "db" },
	{ "exec:cat=db", "exec:cat", "db" },
	{ "exec:cat -u=db", "exec:cat -u", "db" },
	{ "exec:a&b=db", "exec:a&b", "db" },
	{ "exec:a ?b=db", "exec:a ?b", "db" },
};

static const struct bad {
	const char *spec, *says;
} bad[] = {
	{ "", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "8080", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "/run/l", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "8080:", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "8080:80", "or 8080=80 if" },
	{ "8080:db", "or 8080=db if" },
	{ "host:8080", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "8080::80", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "x:db:80", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "*:x:db:80", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "/l:x:/run/db", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "/l:80:/run/db", "is no host" },
	{ "x:/run/db", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "8080:@db", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "8080:tcp:db:80", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "unix:/l:db:80", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "a:b:c:d:e", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "::1:8080:db:80", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "8080:db:http", "tcp:db:http: \"http\" is no port" },
	{ "65536:db:80", "\"65536\" is no port" },
	{ "8080:db:65536", "\"65536\" is no port" },
	{ "8080:db:0", "port 0 is for listening" },
	{ "8080:*:80", "* is for listening" },
	{ "8080:127.1:80", "write 127.0.0.1" },
	{ "127.1:8080:db:80", "write 127.0.0.1" },
	{ "8080:./db", "absolute path" },
	{ "/l:run/db", "absolute path" },
	{ "8080?color=red:db:80", "unknown option \"color\"" },
	{ "=db", "LISTEN=TARGET" },
	{ "8080=", "LISTEN=TARGET" },
	{ "=", "LISTEN=TARGET" },
	{ "name=db", "expected HOST:PORT" },
	{ "8080=db/x", "absolute path" },
	{ "8080=./db", "absolute path" },
	{ "8080=unix:db", "absolute path" },
	{ "8080=-", "nothing for a target" },
	{ "8080=fd:3", "nothing for a target" },
	{ "8080=systemd:", "nothing for a target" },
	{ "8080=exec:cat", "serve was given with -T" },
	{ "8080=tls:h:1", "tls: is not supported by this version" },
	{ "tls:h:1=db", "tls: is not supported by this version" },
	{ "8080?insecure=1=db", "insecure=" },
	{ "8080=h:1?insecure=1", "insecure=" },
	{ "8080=h:1?mode=0600", "unknown option \"mode\"" },
	{ "8080=/s?mode=0600", "mode=" },
	{ "8080=d b", "expected HOST:PORT" },
	{ "8080=db=db", "expected HOST:PORT" },
	{ "/l?mode=0600", "SOCKET:SOCKET or LISTEN=TARGET" },
	{ "/l?mode=db=db", "octal" },
	{ "exec?idle=5m:a&b=db", "exec?idle=5m:a&b: the option idle=" },
};

static void
test_good(void)
{
	struct mux_addr *listen, *again;
	struct mux_why why;
	char round[512], *target, *twice;

	for (size_t i = 0; i < N_ELEM(good); i++) {
		why.text[0] = '\0';
		if (!ok(mux_spec_parse(good[i].spec, &listen, &target,
		    &why) == 0, "\"%s\" parses", good[i].spec)) {
			printf("# %s\n", why.text);
			continue;
		}
		is_str(mux_addr_str(listen), good[i].listen, "listen");
		is_str(target, good[i].target, "target");
		snprintf(round, sizeof(round), "%s=%s", mux_addr_str(listen),
		    target);
		if (ok(mux_spec_parse(round, &again, &twice, &why) == 0,
		    "\"%s\" parses too", round)) {
			is_str(mux_addr_str(again), good[i].listen, "listen");
			is_str(twice, good[i].target, "target");
			mux_addr_free(again);
			free(twice);
		}
		mux_addr_free(listen);
		free(target);
	}
}

static void
test_bad(void)
{
	struct mux_addr *const no_addr = (struct mux_addr *)(void *)&bad;
	struct mux_addr *listen;
	char no_target[1], *target;
	struct mux_why why;

	for (size_t i = 0; i < N_ELEM(bad); i++) {
		listen = no_addr;
		target = no_target;
		why.text[0] = '\0';
		ok(mux_spec_parse(bad[i].spec, &listen, &target, &why) ==
		    MUX_E_INVAL && listen == no_addr && target == no_target,
		    "\"%s\" is refused", bad[i].spec);
		if (!ok(strncmp(why.text, bad[i].spec,
		    strlen(bad[i].spec)) == 0 &&
		    strstr(why.text, bad[i].says) != NULL,
		    "and says \"%s\"", bad[i].says))
			printf("# it says \"%s\"\n", why.text);
	}
	ok(mux_spec_parse("x", &listen, &target, NULL) == MUX_E_INVAL,
	    "why may be NULL");
}

int
main(void)
{
	test_good();
	test_bad();
	return tap_done();
}
