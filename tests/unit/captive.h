/*
 * captive.h - runs a function in a process of its own and keeps what it wrote
 * to descriptors 1 and 2, for code that owns such things as long as the
 * process lives.
 */
#ifndef CAPTIVE_H
#define CAPTIVE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct captive {
	char said[65536];	/* both, in order */
	int status;		/* exit status, 128 + signal, or -1 */
};

static inline void
captive_read(struct captive *c, int fd)
{
	ssize_t n = pread(fd, c->said, sizeof(c->said) - 1, 0);

	c->said[n > 0 ? n : 0] = '\0';
}

/* What the process would say is in c->said even if it died. */
static inline void
captive_run(struct captive *c, int (*fn)(void *arg), void *arg)
{
	int fd = memfd_create("captive", MFD_CLOEXEC), status;
	pid_t pid;

	c->status = -1;
	c->said[0] = '\0';
	fflush(stdout);
	pid = fd >= 0 ? fork() : -1;
	if (pid == 0) {
		/* One description, so that both write behind each other. */
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		status = fn(arg);
		fflush(stdout);
		_exit(status);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid)
		c->status = WIFEXITED(status) ? WEXITSTATUS(status) :
		    128 + WTERMSIG(status);
	if (fd >= 0) {
		captive_read(c, fd);
		close(fd);
	}
}

#endif
