/*
 * opt_file.c - takes a configuration file apart: sections, names, words.
 * Knows no options; what a line means is decided by the callback.  A line is
 * never dropped in silence: it is blank, a comment, handed on, or a mistake
 * with file and line number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mux_io.h"
#include "opt.h"

#define BLANKS		" \t"
#define NAME_CHARS	"abcdefghijklmnopqrstuvwxyz0123456789-"

struct file {
	const char *path;
	unsigned line;
	char section[40];	/* "" before the first */
	char where[280];
	opt_line_cb *cb;
	void *arg;
	struct mux_why *why;
};

static int
wrong(struct mux_why *why, const char *where, const char *text)
{
	memset(why, 0, sizeof(*why));
	snprintf(why->text, sizeof(why->text), "%s: %s", where, text);
	return -1;
}

static int
no_file(struct mux_why *why, const char *path)
{
	memset(why, 0, sizeof(*why));
	why->err = errno;
	snprintf(why->text, sizeof(why->text), "open config '%s': %s", path,
	    strerror(errno));
	return -1;
}

static int
header(struct file *f, char *line)
{
	size_t len = strspn(line + 1, NAME_CHARS);

	if (len == 0 || len >= sizeof(f->section) ||
	    strcmp(line + 1 + len, "]") != 0)
		return wrong(f->why, f->where,
		    "expected '[VERB]' and nothing else on the line");
	memcpy(f->section, line + 1, len);
	f->section[len] = '\0';
	return f->cb(f->section, NULL, NULL, f->where, f->arg, f->why);
}

/* "name", "name word" or "name = word"; the word may begin with '='
 * only in the third form. */
static int
option(struct file *f, char *line)
{
	size_t len = strspn(line, NAME_CHARS);
	char *word = line + len;

	if (len == 0 || (*word != '\0' && strchr(BLANKS "=", *word) == NULL))
		return wrong(f->why, f->where,
		    "expected 'option value' with a long name, without "
		    "dashes");
	word += strspn(word, BLANKS);
	if (*word == '=') {
		word++;
		word += strspn(word, BLANKS);
	}
	line[len] = '\0';
	return f->cb(f->section[0] != '\0' ? f->section : NULL, line,
	    *word != '\0' ? word : NULL, f->where, f->arg, f->why);
}

static int
one_line(struct file *f, char *line, size_t len)
{
	f->line++;
	snprintf(f->where, sizeof(f->where), "%s:%u", f->path, f->line);
	if (memchr(line, '\0', len) != NULL)
		return wrong(f->why, f->where, "a NUL byte: not a text file");
	while (len > 0 && strchr(BLANKS "\r\n", line[len - 1]) != NULL)
		line[--len] = '\0';
	line += strspn(line, BLANKS);
	if (*line == '\0' || *line == '#')
		return 0;
	return *line == '[' ? header(f, line) : option(f, line);
}

static int
read_lines(struct file *f, FILE *in)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	while (r == 0 && (len = getline(&line, &size, in)) >= 0)
		r = one_line(f, line, (size_t)len);
	if (r == 0 && ferror(in))
		r = no_file(f->why, f->path);
	free(line);
	return r;
}

/* The file may hold commands to run: it must be ours alone to write. */
static bool
trusted(FILE *in)
{
	struct stat st;

	return fstat(fileno(in), &st) == 0 &&
	    (st.st_uid == 0 || st.st_uid == geteuid()) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* 0, or -1: there is no such place. */
static int
default_path(char *buf, size_t size)
{
	const char *dir = getenv("XDG_CONFIG_HOME"), *sub = "";
	int n;

	if (dir == NULL || dir[0] != '/') {
		dir = getenv("HOME");
		sub = "/.config";
	}
	if (dir == NULL || dir[0] != '/')
		return -1;
	n = snprintf(buf, size, "%s%s/muxctl/config", dir, sub);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

int
opt_file(const char *path, opt_line_cb *cb, void *arg, struct mux_why *why)
{
	struct file f = { .cb = cb, .arg = arg, .why = why };
	char buf[4096];
	FILE *in;
	int r;

	if (path == NULL && default_path(buf, sizeof(buf)) != 0)
		return OPT_NO_FILE;
	f.path = path != NULL ? path : buf;
	in = fopen(f.path, "re");
	if (in == NULL && path == NULL &&
	    (errno == ENOENT || errno == ENOTDIR))
		return OPT_NO_FILE;
	if (in == NULL)
		return no_file(why, f.path);
	if (path == NULL && !trusted(in))
		r = wrong(why, f.path, "must belong to you or root and not "
		    "be writable by others");
	else
		r = read_lines(&f, in);
	fclose(in);
	return r;
}
