/*
 * opt_help.c - an option table made readable: for people (-h) and for the
 * completion scripts (--complete).  Writes to a stream that the caller gives
 * and checks; decides nothing.
 */
#include <string.h>

#include "cmd.h"
#include "opt.h"

#define WIDTH		79
#define HELP_COL	29

/* "--wait[=D]" and the like; the length. */
static int
label(const struct opt *o, char *buf, size_t size)
{
	const char *before = "", *after = "", *arg = "";
	char shrt[5] = "    ";

	if (o->shrt != 0)
		snprintf(shrt, sizeof(shrt), "-%c, ", o->shrt);
	if (o->argname != NULL) {
		arg = o->argname;
		before = o->bare != NULL ? "[=" : " ";
		after = o->bare != NULL ? "]" : "";
	}
	return snprintf(buf, size, "  %s--%s%s%s%s", shrt, o->lng, before,
	    arg, after);
}

/* Text from column `col` on, wrapped at blanks to HELP_COL. */
static void
wrap(const char *text, size_t col, FILE *f)
{
	size_t len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (col + 1 + len > WIDTH) {
			fprintf(f, "\n%*s", HELP_COL - 1, "");
			col = HELP_COL - 1;
		}
		fprintf(f, " %.*s", (int)len, text);
		col += 1 + len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

static void
help_row(const struct opt *o, FILE *f)
{
	char buf[WIDTH + 1];
	int len;

	if (o->kind == OPT_GROUP) {
		fprintf(f, "\n%s:\n", o->help);
		return;
	}
	len = label(o, buf, sizeof(buf));
	if (len >= HELP_COL)
		fprintf(f, "%s\n%*s", buf, HELP_COL - 1, "");
	else
		fprintf(f, "%-*s", HELP_COL - 1, buf);
	wrap(o->help, HELP_COL - 1, f);
}

/* A line that begins with a blank goes on with the one before it. */
static void
help_synopsis(const char *line, FILE *f)
{
	const char *head = "usage: muxctl ";
	size_t len;

	for (;;) {
		len = strcspn(line, "\n");
		fprintf(f, "%s%.*s\n", head, (int)len, line);
		if (line[len] == '\0')
			break;
		line += len + 1;
		head = line[0] == ' ' ? "       " : "       muxctl ";
	}
}

static void
help_verbs(FILE *f)
{
	const struct verb *const *v;

	fputs("\nverbs:\n", f);
	for (v = cmd_verbs; *v != NULL; v++)
		fprintf(f, "  %-10s %s\n", (*v)->name, (*v)->about);
}

void
opt_help(const struct verb *verb, FILE *f)
{
	const struct opt *o = NULL;

	help_synopsis(verb->synopsis, f);
	fprintf(f, "\n%s\n", verb->about);
	if (verb->name == NULL)
		help_verbs(f);
	while ((o = opt_next(verb, o)) != NULL)
		help_row(o, f);
	fputs("\nExit status: see muxctl(1).  125 = usage, 124 = deadline, "
	    "255 = no connection.\n", f);
}

void
opt_complete(const struct verb *verb, FILE *f)
{
	const struct verb *const *v;
	const struct opt *o = NULL;
	char shrt[3] = "-?";

	for (v = cmd_verbs; verb->on_verbs && *v != NULL; v++)
		fprintf(f, "%s\t\t\t%s\n", (*v)->name, (*v)->about);
	while ((o = opt_next(verb, o)) != NULL) {
		if (o->kind == OPT_GROUP)
			continue;
		shrt[1] = o->shrt;
		fprintf(f, "--%s\t%s\t", o->lng, o->shrt != 0 ? shrt : "");
		if (o->argname != NULL)
			fprintf(f, o->bare != NULL ? "[=%s]" : "%s",
			    o->argname);
		fprintf(f, "\t%s\n", o->help);
	}
}
