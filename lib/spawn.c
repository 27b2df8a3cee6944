/*
 * spawn.c - starts a program, with pipes if that is asked for, and nothing
 * else: no shell, no waiting; those are its callers'.  It leaves the work
 * between fork and exec to posix_spawn(3), which shares our memory until the
 * exec: cheap with much memory, and an error of exec is simply what it
 * returns.
 *
 * Invariants: what starts has default signals, an empty mask and no
 * descriptor but 0, 1 and 2.  No end of a pipe is in both processes, so an
 * end that is closed is seen at the other.
 */
#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"
#include "int.h"
#include "mux_io.h"
#include "sock.h"
#include "why.h"

struct plan {
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int fds[3];		/* out of the way of 0-2; -1 = inherit */
	bool own[3];
};

static int
plan_attr(struct plan *p, const struct mux_spawn *s)
{
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t set;
	int err;

	if (s->setsid)
		flags |= POSIX_SPAWN_SETSID;
	err = posix_spawnattr_setflags(&p->attr, flags);
	sigfillset(&set);
	if (err == 0)
		err = posix_spawnattr_setsigdefault(&p->attr, &set);
	sigemptyset(&set);
	if (err == 0)
		err = posix_spawnattr_setsigmask(&p->attr, &set);
	return err;
}

static int
plan_files(struct plan *p, const struct mux_spawn *s)
{
	int err = 0, i;

	for (i = 0; i < 3 && err == 0; i++) {
		p->fds[i] = s->fds[i];
		/* One dup2 must not close what a later one copies. */
		if (s->fds[i] >= 0 && s->fds[i] < 3 && s->fds[i] != i) {
			p->fds[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, 3);
			if (p->fds[i] < 0)
				return errno;
			p->own[i] = true;
		}
	}
	for (i = 0; i < 3 && err == 0; i++)
		if (p->fds[i] >= 0)
			err = posix_spawn_file_actions_adddup2(&p->files,
			    p->fds[i], i);
	if (err == 0)
		err = posix_spawn_file_actions_addclosefrom_np(&p->files, 3);
	if (err == 0 && s->cwd != NULL)
		err = posix_spawn_file_actions_addchdir_np(&p->files, s->cwd);
	return err;
}

static int
plan_init(struct plan *p)
{
	int err;

	memset(p, 0, sizeof(*p));
	err = posix_spawnattr_init(&p->attr);
	if (err != 0)
		return err;
	err = posix_spawn_file_actions_init(&p->files);
	if (err != 0)
		posix_spawnattr_destroy(&p->attr);
	return err;
}

static void
plan_release(struct plan *p)
{
	int i;

	for (i = 0; i < 3; i++)
		if (p->own[i])
			close(p->fds[i]);
	posix_spawn_file_actions_destroy(&p->files);
	posix_spawnattr_destroy(&p->attr);
}

static int
failed(const struct mux_spawn *s, int err, struct mux_why *why)
{
	uint32_t code = sock_code(err);

	/* One number for all steps: ask which of the two names is wrong. */
	if (s->cwd != NULL &&
	    faccessat(AT_FDCWD, s->cwd, X_OK, AT_EACCESS) != 0)
		why_set(why, errno, code, "start %s in %s: %s", s->argv[0],
		    s->cwd, sock_strerror(errno));
	else
		why_set(why, err, code, "start %s: %s", s->argv[0],
		    sock_strerror(err));
	return MUX_E_IO;
}

int
mux_spawn(const struct mux_spawn *s, pid_t *pid, struct mux_why *why)
{
	char *const *envp = s->envp != NULL ? s->envp : environ;
	struct plan plan;
	pid_t child;
	int err;

	if (s->size < sizeof(*s) || s->argv == NULL || s->argv[0] == NULL) {
		why_set(why, EINVAL, 0, "start: expected a program");
		return MUX_E_INVAL;
	}
	err = plan_init(&plan);
	if (err != 0)
		return failed(s, err, why);
	err = plan_attr(&plan, s);
	if (err == 0)
		err = plan_files(&plan, s);
	if (err == 0)
		err = posix_spawnp(&child, s->argv[0], &plan.files, &plan.attr,
		    s->argv, envp);
	plan_release(&plan);
	if (err != 0)
		return failed(s, err, why);
	*pid = child;
	return 0;
}

/* ---- with pipes ---- */

/* Ours does not block; theirs does, as programs expect. */
static int
make_pipe(int fds[2], int ours)
{
	if (pipe2(fds, O_CLOEXEC) != 0)
		return errno;
	if (fcntl(fds[ours], F_SETFL, O_NONBLOCK) != 0)
		return errno;
	return 0;
}

static void
close_side(int pipes[3][2], const int side[3])
{
	int i;

	for (i = 0; i < 3; i++)
		if (pipes[i][side[i]] >= 0)
			close(pipes[i][side[i]]);
}

int
mux_spawn_piped(const struct mux_spawn *s, struct mux_ends *ends, int *errfd,
    struct mux_why *why)
{
	static const int ours[3] = { 1, 0, 0 }, theirs[3] = { 0, 1, 1 };
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int err, i, n = errfd != NULL ? 3 : 2;
	struct mux_spawn piped;
	pid_t pid;

	if (s->size < sizeof(*s) || s->argv == NULL || s->argv[0] == NULL)
		return mux_spawn(s, &pid, why);
	piped = *s;
	for (err = 0, i = 0; i < n && err == 0; i++) {
		err = make_pipe(pipes[i], ours[i]);
		piped.fds[i] = pipes[i][theirs[i]];
	}
	err = err != 0 ? failed(s, err, why) : mux_spawn(&piped, &pid, why);
	close_side(pipes, theirs);
	if (err != 0) {
		close_side(pipes, ours);
		return err;
	}
	ends_init(ends);
	ends->in = pipes[1][0];
	ends->out = pipes[0][1];
	ends->child = pid;
	strlcpy(ends->peer, s->argv[0], sizeof(ends->peer));
	if (errfd != NULL)
		*errfd = pipes[2][0];
	return 0;
}
