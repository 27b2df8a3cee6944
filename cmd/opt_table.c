/*
 * opt_table.c - the options that verbs share, and finding one by its name, or
 * by something like it.  Tables are only read here.
 */
#include <string.h>

#include "opt.h"

#define COMMON_ALL	0x8000u

#define C(field)	offsetof(struct opt_common, field)

static const struct opt common[] = {
	{ .kind = OPT_GROUP, .help = "Connection",
	    .group = COMMON_DIAL | COMMON_TIMEOUT },
	{ OPT_ROW("addr", 'a', OPT_STRING, "ADDR",
	    "the server (muxaddr(7)); default: the user's own socket",
	    C(addr)), .group = COMMON_DIAL, .env = "MUXCTL_ADDR" },
	{ OPT_ROW("wait", 0, OPT_DURATION, "D",
	    "while nobody listens there, try again for D (10s)",
	    C(wait)), .group = COMMON_DIAL, .bare = "10s" },
	{ OPT_ROW("timeout", 't', OPT_DURATION, "D",
	    "give up after D in all; 0 = never (call: 30s without a byte)",
	    C(timeout)), .group = COMMON_TIMEOUT, .env = "MUXCTL_TIMEOUT" },

	{ .kind = OPT_GROUP, .help = "Begin and end",
	    .group = COMMON_SERVICE },
	{ OPT_ROW("print-addr", 0, OPT_STRING, "FILE|fd:N",
	    "print the address of each listener (stdout)",
	    C(print_addr)), .group = COMMON_SERVICE, .bare = "" },
	{ OPT_ROW("ready-fd", 0, OPT_NUMBER, "N",
	    "when ready, write a newline to descriptor N and close it",
	    C(ready_fd)), .group = COMMON_SERVICE, .min = 3, .max = 1 << 20 },
	{ OPT_ROW("background", 0, OPT_STRING, "PIDFILE",
	    "return when ready and go on in the background",
	    C(background)), .group = COMMON_SERVICE, .bare = "" },
	{ OPT_ROW("die-with", 0, OPT_NUMBER, "PID",
	    "end when process PID has ended",
	    C(die_with)), .group = COMMON_SERVICE, .min = 1,
	    .max = INT32_MAX },
	{ OPT_ROW("die-with-parent", 0, OPT_FLAG, NULL,
	    "end when the parent process has ended",
	    C(die_with_parent)), .group = COMMON_SERVICE },

	{ .kind = OPT_GROUP, .help = "General",
	    .group = COMMON_ALL },
	{ OPT_ROW("quiet", 'q', OPT_FLAG, NULL, "errors only",
	    C(quiet)), .group = COMMON_LOG },
	{ OPT_ROW("verbose", 'v', OPT_COUNTER, NULL,
	    "say what happens; twice: every frame",
	    C(verbose)), .group = COMMON_LOG },
	{ OPT_ROW("log", 0, OPT_STRING, "FILE|syslog|journal",
	    "where to say it (stderr)", C(log)), .group = COMMON_LOG },
	{ OPT_ROW("log-format", 0, OPT_ENUM, "text|json", "and how (text)",
	    C(log_format)), .group = COMMON_LOG },
	{ OPT_ROW("color", 0, OPT_ENUM, "auto|always|never",
	    "colours; auto: on a terminal without NO_COLOR",
	    C(color)), .group = COMMON_LOG },
	{ OPT_ROW("config", 0, OPT_STRING, "FILE|none",
	    "options from FILE, not $XDG_CONFIG_HOME/muxctl/config",
	    C(config)), .group = COMMON_LOG, .env = "MUXCTL_CONFIG" },
	{ OPT_ROW("help", 'h', OPT_HELP, NULL, "show this", 0),
	    .group = COMMON_ALL },
	{ OPT_ROW("version", 0, OPT_VERSION, NULL, "show the version", 0),
	    .group = COMMON_ALL },
	{ OPT_ROW("complete", 0, OPT_COMPLETE, NULL,
	    "list the options, for shell completion", 0),
	    .group = COMMON_ALL },
	OPT_LAST
};

/* ---- tables ---- */

const struct opt *
opt_next(const struct verb *verb, const struct opt *prev)
{
	const struct opt *o = prev != NULL ? prev + 1 : verb->opts;

	if (o == NULL || (o->kind == OPT_END && (prev == NULL ||
	    prev->group == 0)))
		o = common;
	while (o->group != 0 && !(o->group & (verb->common | COMMON_ALL)))
		o++;
	return o->kind == OPT_END ? NULL : o;
}

const struct opt *
opt_find(const struct verb *verb, const char *name, size_t len)
{
	const struct opt *o = NULL;

	while ((o = opt_next(verb, o)) != NULL)
		if (o->lng != NULL && strncmp(o->lng, name, len) == 0 &&
		    o->lng[len] == '\0')
			return o;
	return NULL;
}

const struct opt *
opt_find_short(const struct verb *verb, char c)
{
	const struct opt *o = NULL;

	while ((o = opt_next(verb, o)) != NULL)
		if (o->shrt != 0 && o->shrt == c)
			return o;
	return NULL;
}

#define NAME_MAX_LEN	40
#define NEAR		2

static size_t
min3(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* Insertions, deletions, changes and swaps of neighbours between a and b. */
static size_t
distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[3][NAME_MAX_LEN + 1], *old, *prev, *cur;
	size_t i, j, edit;

	for (j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (i = 1; i <= a_len; i++) {
		old = row[(i + 1) % 3];
		prev = row[(i - 1) % 3];
		cur = row[i % 3];
		cur[0] = i;
		for (j = 1; j <= b_len; j++) {
			edit = prev[j - 1] + (a[i - 1] != b[j - 1]);
			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, edit);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && old[j - 2] + 1 < cur[j])
				cur[j] = old[j - 2] + 1;
		}
	}
	return row[a_len % 3][b_len];
}

const char *
opt_nearest(const char *word, const char *(*next)(void *arg), void *arg)
{
	size_t len = strlen(word), name_len, d, best_d = NEAR + 1;
	const char *name, *best = NULL;

	if (len > NAME_MAX_LEN)
		return NULL;
	while ((name = next(arg)) != NULL) {
		name_len = strlen(name);
		if (name_len > NAME_MAX_LEN)
			continue;
		d = distance(word, len, name, name_len);
		/* Half of a short word changed is another word. */
		if (d < best_d && d * 2 < name_len) {
			best_d = d;
			best = name;
		}
	}
	return best;
}
