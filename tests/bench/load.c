/*
 * load.c - the load generator's main: picks the mode; and the modes that are
 * mere helpers of the script: a free port, a listener handed to a program, the
 * cost of a process.
 *
 * It is not a test: it prints numbers and never judges them.  It fails (exit
 * 1) only when what it measures lost bytes or the connection.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

extern char **environ;

static const struct mode {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} modes[] = {
	{ "sink", load_sink, "  (prints DATAPORT CONTROLPORT)" },
	{ "source", load_source,
	  "-c CONTROL [-n STREAMS] [-s SECONDS | -b BYTES] ADDR\n"
	  "\t\t(prints `running`, then GB/s BYTES SECONDS)" },
	{ "echo", load_echo, "  (prints PORT)" },
	{ "ping", load_ping, "[-s SECONDS] ADDR  (prints us: P50 P99 MAX N)" },
	{ "openclose", load_openclose, "[-s SECONDS] ADDR  (prints N/s)" },
	{ "idle", load_idle, "N ADDR  (prints `holding N`, then waits)" },
	{ "relay", load_relay,
	  "[-c] LISTEN=DIAL...  (prints the ports; -c copies)" },
	{ "listen", load_listen,
	  "N COMMAND...  (prints N ports; sockets are 3, 4, ...)" },
	{ "calls_core", load_calls_core,
	  "N DEPTH  (prints calls/s: memory, socketpair, and "
	  "frames without a library)" },
	{ "mirror", load_mirror, "ADDR  (prints PORT)" },
	{ "pipeline", load_pipeline,
	  "N DEPTH ADDR  (prints frames/s of an unseen echo)" },
	{ "freeport", load_freeport, "  (prints PORT)" },
	{ "spawn", load_spawn, "N COMMAND...  (prints us: P50 P99 MAX N)" },
};

static int
usage(void)
{
	size_t i;

	fprintf(stderr, "usage: load MODE ...\n");
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		fprintf(stderr, "\t%s %s\n", modes[i].name, modes[i].usage);
	return 125;
}

static void
raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		err(1, "getrlimit");
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		err(1, "setrlimit");
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		/* The helpers hand their limits to others: leave them. */
		if (modes[i].run != load_listen && modes[i].run != load_spawn)
			raise_nofile();
		return modes[i].run(argc - 1, argv + 1);
	}
	return usage();
}

int
load_freeport(int argc, char **argv)
{
	(void)argc, (void)argv;
	printf("%u\n", net_port(net_listen("0")));
	return 0;
}

/*
 * For programs that take a listening socket but cannot tell the port that
 * they were given: they inherit one that already listens.
 */
int
load_listen(int argc, char **argv)
{
	uint64_t i, n;
	int fd;

	if (argc < 3)
		return usage();
	n = parse_number("number of listeners", argv[1], 16);
	if (close_range(3, ~0U, 0) == -1)
		err(1, "close_range");
	for (i = 0; i < n; i++) {
		fd = net_listen("0");
		if (fcntl(fd, F_SETFD, 0) == -1 || fcntl(fd, F_SETFL, 0) == -1)
			err(1, "fcntl");
		printf("%u%c", net_port(fd), i + 1 < n ? ' ' : '\n');
	}
	fflush(stdout);
	if (dup2(STDERR_FILENO, STDOUT_FILENO) == -1)
		err(1, "dup2");
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}

static uint64_t
spawn_once(char **argv, const posix_spawn_file_actions_t *fa)
{
	uint64_t began = now_ns();
	int status;
	pid_t pid;

	errno = posix_spawnp(&pid, argv[0], fa, NULL, argv, environ);
	if (errno != 0)
		err(1, "%s", argv[0]);
	if (waitpid(pid, &status, 0) == -1)
		err(1, "waitpid");
	if (status != 0)
		errx(1, "%s failed (status %#x)", argv[0], (unsigned)status);
	return now_ns() - began;
}

int
load_spawn(int argc, char **argv)
{
	static struct hist h;
	posix_spawn_file_actions_t fa;
	uint64_t i, n;

	if (argc < 3)
		return usage();
	n = parse_number("number of runs", argv[1], 1000000);
	if (posix_spawn_file_actions_init(&fa) != 0 ||
	    posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null",
	    O_WRONLY, 0) != 0)
		errx(1, "no memory");
	for (i = 0; i < n; i++)
		hist_add(&h, spawn_once(argv + 2, &fa));
	posix_spawn_file_actions_destroy(&fa);
	printf("%.1f %.1f %.1f %llu\n", (double)hist_quantile(&h, 0.5) / 1e3,
	    (double)hist_quantile(&h, 0.99) / 1e3, (double)h.max / 1e3,
	    (unsigned long long)h.count);
	return 0;
}
