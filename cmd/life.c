/*
 * life.c - the outer life of a long-running verb; the order of the calls is
 * in life.h.  Not its work and not when it stops.  Whoever waits for us (a
 * parent with --background, a pipe, systemd, a reader of the address file)
 * learns that we are ready once and never too early, and learns of a failure
 * by our exit status.
 */
#include <bsd/libutil.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "life.h"
#include "mux_io.h"
#include "opt.h"
#include "out.h"

#define MAX_KEPT	1024
#define MAX_PASSED	512
#define FIRST_FD	3

static struct {
	int kept[MAX_KEPT];
	int n_kept;
	const struct opt_common *com;
	int parent_fd;		/* pipe to the waiting parent */
	int death_fd;
	FILE *addrs;		/* where --print-addr goes, or NULL */
	char *addrs_tmp;	/* name until it is renamed, or NULL */
	char *notify;		/* $NOTIFY_SOCKET */
	struct pidfh *pidfile;
} life = { .parent_fd = -1, .death_fd = -1 };

/* ---- inherited descriptors ---- */

void
life_keep(int fd)
{
	if (fd >= FIRST_FD && life.n_kept < MAX_KEPT)
		life.kept[life.n_kept++] = fd;
}

/* The number in "fd:N", or -1. */
static int
fd_word(const char *word)
{
	int64_t n;

	if (word == NULL || strncmp(word, "fd:", 3) != 0 ||
	    opt_number(word + 3, 0, INT_MAX, &n) != 0)
		return -1;
	return (int)n;
}

/* How many descriptors systemd passed to this very process. */
static int
n_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int64_t n;

	if (pid == NULL || fds == NULL ||
	    opt_number(pid, 1, INT_MAX, &n) != 0 || n != getpid() ||
	    opt_number(fds, 0, MAX_PASSED, &n) != 0)
		return 0;
	return (int)n;
}

int
life_addr_fd(const struct mux_addr *addr)
{
	/* Options may follow the number. */
	return mux_addr_scheme(addr) == MUX_FD ?
	    atoi(mux_addr_str(addr) + strlen("fd:")) : -1;
}

void
life_keep_addr(const struct mux_addr *addr)
{
	static const char *const files[] = { "cert", "key", "ca", "psk" };
	int i, n;

	for (i = 0; i < 4; i++)
		life_keep(fd_word(mux_addr_option(addr, files[i])));
	life_keep(life_addr_fd(addr));
	if (mux_addr_scheme(addr) == MUX_SYSTEMD)
		for (i = 0, n = n_passed(); i < n; i++)
			life_keep(FIRST_FD + i);
}

static int
by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void
close_others(void)
{
	unsigned from = FIRST_FD;
	int i, fd;

	qsort(life.kept, (size_t)life.n_kept, sizeof(life.kept[0]),
	    by_number);
	for (i = 0; i < life.n_kept; i++) {
		fd = life.kept[i];
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		if ((unsigned)fd > from)
			close_range(from, (unsigned)fd - 1, 0);
		from = (unsigned)fd + 1;
	}
	close_range(from, UINT_MAX, 0);
}

/* The log was opened before anybody looked at these names: it can have got the
 * number of one that was not there. */
static int
check_log(void)
{
	int i;

	for (i = 0; i < life.n_kept; i++)
		if (life.kept[i] == out_log_fd())
			return say_exit(CMD_USAGE, "descriptor %d: %s",
			    life.kept[i], strerror(EBADF));
	return -1;
}

/* A descriptor named by an option must be there before it is needed. */
static int
name_fd(const char *option, int64_t fd)
{
	if (fd >= 0 && fcntl((int)fd, F_GETFD) < 0)
		return say_exit(CMD_USAGE, "%s %jd: %s", option, (intmax_t)fd,
		    strerror(errno));
	life_keep((int)fd);
	return -1;
}

/* ---- whose death is ours ---- */

static int
watch_parent(void)
{
	pid_t parent = getppid();

	if (parent == 0)
		return say_exit(CMD_USAGE, "--die-with-parent: the parent is "
		    "in another pid namespace");
	life.death_fd = pidfd_open(parent, 0);
	/* It may have ended meanwhile, and its number be somebody else's. */
	if (life.death_fd < 0 || getppid() != parent)
		return say_exit(CMD_FAIL, "the parent has already ended");
	return -1;
}

static int
watch_death(const struct opt_common *com)
{
	if (com->die_with_parent)
		return watch_parent();
	if (com->die_with == 0)
		return -1;
	life.death_fd = pidfd_open((pid_t)com->die_with, 0);
	if (life.death_fd < 0)
		return say_exit(CMD_USAGE, "--die-with %jd: %s",
		    (intmax_t)com->die_with, strerror(errno));
	return -1;
}

int
life_death_fd(void)
{
	return life.death_fd;
}

/* ---- background ---- */

/* In the parent: ready, or what the child came to. */
static int
await_child(int fd, pid_t pid)
{
	ssize_t n;
	char c;
	int status;

	do {
		n = read(fd, &c, 1);
	} while (n < 0 && errno == EINTR);
	close(fd);
	if (n == 1)
		return CMD_OK;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return say_exit(CMD_USAGE, "waitpid: %s",
			    strerror(errno));
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return say_exit(CMD_SIGNAL + WTERMSIG(status),
	    "the background process was killed by signal %d",
	    WTERMSIG(status));
}

/* -1 in the child; in the parent what to exit with. */
static int
split(void)
{
	bool passed = n_passed() > 0;
	char number[16];
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return say_exit(CMD_USAGE, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return say_exit(CMD_USAGE, "fork: %s", strerror(errno));
	if (pid > 0) {
		close(fds[1]);
		return await_child(fds[0], pid);
	}
	close(fds[0]);
	life.parent_fd = fds[1];
	setsid();
	if (passed) {
		snprintf(number, sizeof(number), "%d", (int)getpid());
		setenv("LISTEN_PID", number, 1);
	}
	return -1;
}

/* As a line: without its end `read` of the shell fails.  libbsd neither
 * writes one nor reads it. */
static int
write_pid(struct pidfh *file)
{
	char line[16];
	int n = snprintf(line, sizeof(line), "%d\n", (int)getpid());

	return ftruncate(pidfile_fileno(file), 0) == 0 &&
	    pwrite(pidfile_fileno(file), line, (size_t)n, 0) == n ? 0 : -1;
}

/* Somebody has it; who that is may not be written yet. */
static int
say_taken(const char *path)
{
	FILE *f = fopen(path, "re");
	int pid;

	if (f == NULL || fscanf(f, "%d", &pid) != 1)
		say(SAY_ERROR, "pidfile '%s': another process has it", path);
	else
		say(SAY_ERROR, "pidfile '%s': process %d has it", path, pid);
	if (f != NULL)
		fclose(f);
	return CMD_USAGE;
}

static int
write_pidfile(const char *path)
{
	/* With a place for the number, what it cannot read is the error. */
	life.pidfile = pidfile_open(path, 0644, NULL);
	if (life.pidfile == NULL && errno == EEXIST)
		return say_taken(path);
	if (life.pidfile == NULL || write_pid(life.pidfile) != 0)
		return say_exit(CMD_USAGE, "pidfile '%s': %s", path,
		    strerror(errno));
	return -1;
}

/* ---- addresses ---- */

/* What is no file, a FIFO or /dev/null say, is written to as it is: a file in
 * its place would be the end of it. */
static bool
is_no_file(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && !S_ISREG(sb.st_mode);
}

static int
open_addr_device(const char *path)
{
	life.addrs = fopen(path, "we");
	return life.addrs != NULL ? -1 : say_exit(CMD_USAGE,
	    "--print-addr %s: %s", path, strerror(errno));
}

/* A name beside the final one, so that rename() is atomic. */
static int
open_addr_file(const char *path)
{
	int fd;

	if (is_no_file(path))
		return open_addr_device(path);
	if (asprintf(&life.addrs_tmp, "%s.%d.tmp", path, (int)getpid()) < 0) {
		life.addrs_tmp = NULL;
		return say_exit(CMD_USAGE, "out of memory");
	}
	unlink(life.addrs_tmp);
	fd = open(life.addrs_tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0666);
	if (fd < 0) {
		int err = errno;

		free(life.addrs_tmp);
		life.addrs_tmp = NULL;
		return say_exit(CMD_USAGE, "--print-addr %s: %s", path,
		    strerror(err));
	}
	life.addrs = fdopen(fd, "w");
	return life.addrs != NULL ? -1 : say_exit(CMD_USAGE, "out of memory");
}

static int
open_addrs(const char *where)
{
	int fd;

	if (where == NULL)
		return -1;
	fd = fd_word(where);
	if (where[0] != '\0' && fd < 0)
		return open_addr_file(where);
	if (fd < 0 || fd == STDOUT_FILENO)
		life.addrs = stdout;
	else if (fd == STDERR_FILENO)
		life.addrs = stderr;
	else
		life.addrs = fdopen(fd, "w");
	if (life.addrs == NULL)
		return say_exit(CMD_USAGE, "--print-addr=%s: %s", where,
		    strerror(errno));
	return -1;
}

void
life_addr(const char *canonical)
{
	if (life.addrs != NULL)
		fprintf(life.addrs, "%s\n", canonical);
}

static int
close_addrs(void)
{
	FILE *f = life.addrs;
	bool bad;

	if (f == NULL)
		return -1;
	life.addrs = NULL;
	bad = f == stdout ? out_flush() != 0 : fflush(f) != 0 || ferror(f);
	if (f != stdout && f != stderr && fclose(f) != 0)
		bad = true;
	if (!bad && life.addrs_tmp != NULL)
		bad = rename(life.addrs_tmp, life.com->print_addr) != 0;
	/* What is wrong with stdout is said by out_finish(). */
	if (bad && f == stdout)
		return CMD_OK;
	if (bad)
		return say_exit(CMD_USAGE, "--print-addr %s: %s",
		    life.com->print_addr, strerror(errno));
	free(life.addrs_tmp);
	life.addrs_tmp = NULL;
	return -1;
}

/* ---- notices ---- */

/* Variables that are meant for us and not for what we start. */
static int
take_notify(void)
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (name == NULL || name[0] == '\0')
		return -1;
	life.notify = strdup(name);
	if (life.notify == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	unsetenv("NOTIFY_SOCKET");
	return -1;
}

/* sd_notify(3); nobody waits in vain if it fails, systemd has a timeout. */
static void
notify(const char *text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = life.notify != NULL ? strlen(life.notify) : 0;
	int fd;

	if (len == 0 || len >= sizeof(to.sun_path) ||
	    strchr("/@", life.notify[0]) == NULL)
		return;
	memcpy(to.sun_path, life.notify, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un,
	    sun_path) + len)) < 0)
		say(SAY_WARN, "notify %s: %s", life.notify, strerror(errno));
	close(fd);
}

static void
notify_ready(void)
{
	char text[64];

	if (life.com->background != NULL)
		snprintf(text, sizeof(text), "READY=1\nMAINPID=%d",
		    (int)getpid());
	else
		snprintf(text, sizeof(text), "READY=1");
	notify(text);
}

/* ---- begin, ready, end ---- */

int
life_begin(const struct opt_common *com)
{
	int r;

	life.com = com;
	if (com->die_with_parent && com->background != NULL)
		return say_exit(CMD_USAGE, "--die-with-parent does not go "
		    "with --background, whose parent ends at once: use "
		    "--die-with=PID");
	if ((r = name_fd("--ready-fd", com->ready_fd)) >= 0 ||
	    (r = name_fd("--print-addr fd",
	    fd_word(com->print_addr))) >= 0 ||
	    (r = check_log()) >= 0)
		return r;
	life_keep(out_log_fd());
	close_others();
	if ((r = take_notify()) >= 0 ||
	    (com->background != NULL && (r = split()) >= 0) ||
	    (r = watch_death(com)) >= 0)
		return r;
	if (com->background != NULL && com->background[0] != '\0')
		r = write_pidfile(com->background);
	if (r < 0)
		r = open_addrs(com->print_addr);
	if (r >= 0)
		life_end();
	return r;
}

/* One byte to somebody who waits for it; false: nobody does. */
static bool
tell(int fd, const char *byte)
{
	ssize_t n;

	do {
		n = write(fd, byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

int
life_ready(void)
{
	const struct opt_common *com = life.com;
	int r = close_addrs();
	bool told;

	if (r >= 0)
		return r;
	out_started();
	if (com->background != NULL)
		out_detach();
	notify_ready();
	/* Whoever does not read any more does not wait either. */
	if (com->ready_fd >= 0) {
		if (!tell((int)com->ready_fd, "\n"))
			say(SAY_INFO, "--ready-fd %jd: nobody reads it",
			    (intmax_t)com->ready_fd);
		close((int)com->ready_fd);
	}
	if (life.parent_fd < 0)
		return -1;
	told = tell(life.parent_fd, "");
	close(life.parent_fd);
	life.parent_fd = -1;
	if (!told)
		return say_exit(CMD_FAIL, "the process that started this one "
		    "has ended");
	return -1;
}

void
life_stopping(void)
{
	notify("STOPPING=1");
}

void
life_end(void)
{
	out_ended();
	if (life.addrs_tmp != NULL)
		unlink(life.addrs_tmp);
	free(life.addrs_tmp);
	life.addrs_tmp = NULL;
	pidfile_remove(life.pidfile);
	life.pidfile = NULL;
	free(life.notify);
	life.notify = NULL;
	if (life.death_fd >= 0)
		close(life.death_fd);
	life.death_fd = -1;
}
