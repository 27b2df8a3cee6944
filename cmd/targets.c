/*
 * targets.c - the list of what peers of serve may reach.  It decides; it
 * neither looks names up nor connects, and it keeps nothing about peers.
 * Invariant: a word that is not a name of -T leads to an address only if that
 * is tcp: or unix:, and such an address is dialled only past an allow rule.
 */
#include <bsd/sys/queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux_io.h"
#include "targets.h"

#define NAME_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"abcdefghijklmnopqrstuvwxyz0123456789_.-"
#define WORD_MAX	4352	/* a path has 4096 at most */

struct target {
	SLIST_ENTRY(target) next;
	char *name;
	struct mux_addr *addr;
};

struct rule {
	STAILQ_ENTRY(rule) next;
	struct mux_rule *rule;
	char *text;		/* "deny tcp:10.0.0.0/8:*", for the log */
};

STAILQ_HEAD(rules, rule);

struct targets {
	SLIST_HEAD(, target) names;
	struct rules allow, deny;
};

struct targets *
targets_new(void)
{
	struct targets *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	SLIST_INIT(&t->names);
	STAILQ_INIT(&t->allow);
	STAILQ_INIT(&t->deny);
	return t;
}

static void
rules_free(struct rules *rules)
{
	struct rule *r;

	while ((r = STAILQ_FIRST(rules)) != NULL) {
		STAILQ_REMOVE_HEAD(rules, next);
		mux_rule_free(r->rule);
		free(r->text);
		free(r);
	}
}

static void
target_free(struct target *t)
{
	mux_addr_free(t->addr);
	free(t->name);
	free(t);
}

void
targets_free(struct targets *t)
{
	struct target *n;

	if (t == NULL)
		return;
	while ((n = SLIST_FIRST(&t->names)) != NULL) {
		SLIST_REMOVE_HEAD(&t->names, next);
		target_free(n);
	}
	rules_free(&t->allow);
	rules_free(&t->deny);
	free(t);
}

bool
targets_any(const struct targets *t)
{
	return !SLIST_EMPTY(&t->names) || !STAILQ_EMPTY(&t->allow);
}

static const struct target *
find_name(const struct targets *t, const char *word, size_t len)
{
	const struct target *n;

	SLIST_FOREACH(n, &t->names, next)
		if (strlen(n->name) == len && memcmp(n->name, word, len) == 0)
			return n;
	return NULL;
}

static int
no_memory(struct mux_why *why)
{
	*why = (struct mux_why){ .code = MUX_REFUSED, .text = "out of memory" };
	return MUX_E_NOMEM;
}

static int
wrong(struct mux_why *why, const char *word, const char *what)
{
	*why = (struct mux_why){ .code = MUX_NOT_PERMITTED };
	snprintf(why->text, sizeof(why->text), "%.200s: %s", word, what);
	return MUX_E_INVAL;
}

/* A name looks like nothing else: what has ':' or '/' is an address. */
static bool
is_name(const char *word, size_t len)
{
	return len > 0 && strspn(word, NAME_CHARS) >= len;
}

int
targets_add_name(struct targets *t, const char *word, struct mux_why *why)
{
	const char *eq = strchr(word, '=');
	size_t len = eq == NULL ? 0 : (size_t)(eq - word);
	struct target *n;
	int err;

	if (!is_name(word, len))
		return wrong(why, word, "expected NAME=ADDR, "
		    "NAME made of letters, digits, '_', '.' and '-'");
	if (find_name(t, word, len) != NULL)
		return wrong(why, word, "this name is already taken");
	if ((n = calloc(1, sizeof(*n))) == NULL ||
	    (n->name = strndup(word, len)) == NULL) {
		free(n);
		return no_memory(why);
	}
	if ((err = mux_addr_parse(eq + 1, &n->addr, why)) != 0 ||
	    (err = mux_addr_check(n->addr, MUX_AS_TARGET, why)) != 0) {
		target_free(n);
		return err;
	}
	SLIST_INSERT_HEAD(&t->names, n, next);
	return 0;
}

int
targets_add_rule(struct targets *t, const char *word, bool allow,
    struct mux_why *why)
{
	struct rule *r;
	int err;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return no_memory(why);
	if ((err = mux_rule_parse(word, &r->rule, why)) != 0) {
		free(r);
		return err;
	}
	if (asprintf(&r->text, "%s %s", allow ? "allow" : "deny",
	    mux_rule_str(r->rule)) < 0) {
		mux_rule_free(r->rule);
		free(r);
		return no_memory(why);
	}
	if (allow)
		STAILQ_INSERT_TAIL(&t->allow, r, next);
	else
		STAILQ_INSERT_TAIL(&t->deny, r, next);
	return 0;
}

/* Only what a rule can speak about, and only what means the same thing here
 * as at the peer's. */
static uint32_t
check_asked(const struct mux_addr *addr, const char *word, struct mux_why *why)
{
	const char *path;

	switch (mux_addr_scheme(addr)) {
	case MUX_TCP:
		return 0;
	case MUX_UNIX:
		path = mux_addr_path(addr);
		if (path[0] == '/' || path[0] == '@')
			return 0;
		wrong(why, word, "a relative path is not allowed as a target");
		return MUX_NOT_PERMITTED;
	default:
		wrong(why, word, "only names, tcp: and unix: are targets");
		return MUX_NOT_PERMITTED;
	}
}

static uint32_t
find_address(const struct targets *t, const char *word, struct mux_addr **out,
    struct mux_why *why)
{
	struct mux_addr *addr;
	uint32_t code;

	/* Without a rule there is nothing to look up, and what a stranger
	 * asks for does not reach a name server. */
	if (STAILQ_EMPTY(&t->allow)) {
		wrong(why, word, "not allowed (no rule allows any address)");
		return MUX_NOT_PERMITTED;
	}
	if (mux_addr_parse(word, &addr, why) != 0)
		return MUX_NOT_PERMITTED;
	if ((code = check_asked(addr, word, why)) != 0) {
		mux_addr_free(addr);
		return code;
	}
	if (mux_addr_check(addr, MUX_AS_TARGET, why) != 0) {
		mux_addr_free(addr);
		return MUX_NOT_PERMITTED;
	}
	*out = addr;
	return 0;
}

uint32_t
targets_find(const struct targets *t, const char *word, size_t len,
    struct mux_addr **addr, bool *named, struct mux_why *why)
{
	char copy[WORD_MAX + 1];
	const struct target *n;

	if (len == 0 || len > WORD_MAX || memchr(word, '\0', len) != NULL) {
		wrong(why, "target", "empty, too long or with a NUL byte");
		return MUX_NOT_PERMITTED;
	}
	memcpy(copy, word, len);
	copy[len] = '\0';
	*why = (struct mux_why){ 0 };
	if (!is_name(copy, len)) {
		*named = false;
		return find_address(t, copy, addr, why);
	}
	if ((n = find_name(t, copy, len)) == NULL) {
		wrong(why, copy, "no target of this name");
		return MUX_NOT_PERMITTED;
	}
	if ((*addr = mux_addr_dup(n->addr)) == NULL) {
		no_memory(why);
		return MUX_REFUSED;
	}
	*named = true;
	return 0;
}

static const struct rule *
first_match(const struct rules *rules, const struct mux_addr *asked,
    const struct sockaddr *sa, const char *path)
{
	const struct rule *r;

	STAILQ_FOREACH(r, rules, next)
		if (mux_rule_match(r->rule, asked, sa, path))
			return r;
	return NULL;
}

bool
targets_permit(const struct targets *t, const struct mux_addr *asked,
    bool named, const struct sockaddr *sa, const char *path, const char **rule)
{
	const struct rule *r;

	if ((r = first_match(&t->deny, asked, sa, path)) != NULL) {
		*rule = r->text;
		return false;
	}
	if (named) {
		*rule = "a name of -T";
		return true;
	}
	r = first_match(&t->allow, asked, sa, path);
	*rule = r != NULL ? r->text : "no rule allows it";
	return r != NULL;
}
