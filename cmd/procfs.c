/*
 * procfs.c - reads /proc; it decides nothing and signals nobody.  Invariant:
 * what a process can write about itself (its name, its environment) is
 * skipped or compared, never taken apart by what stands in it.
 */
#include <bsd/string.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procfs.h"

/* An environment is searched that far. */
#define ENV_MAX		(1024u * 1024u)

int
procfs_open_children(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/children",
	    (long)getpid());
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int
pids_add(struct pids *p, pid_t pid)
{
	size_t room = p->room == 0 ? 64 : 2 * p->room;
	pid_t *v;

	if (p->n == p->room) {
		v = reallocarray(p->v, room, sizeof(*v));
		if (v == NULL)
			return -1;
		p->v = v;
		p->room = room;
	}
	p->v[p->n++] = pid;
	return 0;
}

void
pids_release(struct pids *p)
{
	free(p->v);
	*p = (struct pids){ 0 };
}

/* Numbers, each with a blank behind it; one may be cut by the buffer. */
static int
by_list(int fd, struct pids *p)
{
	char buf[4096];
	ssize_t len, i;
	long pid = 0;

	if (lseek(fd, 0, SEEK_SET) != 0)
		return -1;
	while ((len = read(fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < len; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				pid = pid * 10 + buf[i] - '0';
				continue;
			}
			if (pid > 0 && pids_add(p, (pid_t)pid) != 0)
				return -1;
			pid = 0;
		}
	}
	return len == 0 ? 0 : -1;
}

static int
by_look(struct pids *p)
{
	DIR *dir = opendir("/proc");
	struct procfs_stat st;
	struct dirent *d;
	int err = 0;
	long pid;

	if (dir == NULL)
		return -1;
	while (err == 0 && (d = readdir(dir)) != NULL) {
		pid = strtol(d->d_name, NULL, 10);
		if (pid <= 0)
			continue;
		if (procfs_stat((pid_t)pid, &st) != 0)
			err = errno == ENOENT || errno == ESRCH ? 0 : -1;
		else if (st.ppid == getpid())
			err = pids_add(p, (pid_t)pid);
	}
	closedir(dir);
	return err;
}

int
procfs_children(int fd, struct pids *p)
{
	p->n = 0;
	return fd >= 0 ? by_list(fd, p) : by_look(p);
}

static int
open_of(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int
procfs_stat(pid_t pid, struct procfs_stat *out)
{
	int fd = open_of(pid, "stat");
	unsigned long long born;
	int ppid, pgid, sid;
	char buf[1024], *p;
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[len > 0 ? len : 0] = '\0';
	/* Its name may hold anything, parentheses too. */
	p = strrchr(buf, ')');
	if (p == NULL || sscanf(p + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u "
	    "%*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &out->state, &ppid,
	    &pgid, &sid, &born) != 5) {
		errno = ESRCH;
		return -1;
	}
	out->ppid = ppid;
	out->pgid = pgid;
	out->sid = sid;
	out->born = born * (UINT64_C(1000000000) /
	    (uint64_t)sysconf(_SC_CLK_TCK));
	return 0;
}

/* Every program has a name; who has none has no memory. */
static bool
has_memory(pid_t pid)
{
	int fd = open_of(pid, "cmdline");
	bool any;
	char c;

	any = fd < 0 || read(fd, &c, 1) != 0;
	if (fd >= 0)
		close(fd);
	return any;
}

static int
find_env(FILE *fp, const char *name, char *value, size_t size)
{
	size_t len = strlen(name), total = 0, room = 0;
	char *line = NULL;
	int found = -1;
	ssize_t n;

	while (found < 1 && total < ENV_MAX &&
	    (n = getdelim(&line, &room, '\0', fp)) > 0) {
		total += (size_t)n;
		found = strncmp(line, name, len) == 0 && line[len] == '=';
	}
	if (found == 1)
		strlcpy(value, line + len + 1, size);
	free(line);
	return found;
}

int
procfs_env(pid_t pid, const char *name, char *value, size_t size)
{
	int fd = open_of(pid, "environ"), found;
	FILE *fp;

	if (fd < 0)
		return errno == EACCES || errno == EPERM ? 0 : -1;
	fp = fdopen(fd, "r");
	if (fp == NULL) {
		close(fd);
		return -1;
	}
	found = find_env(fp, name, value, size);
	fclose(fp);
	return found == -1 && has_memory(pid) ? 0 : found;
}
