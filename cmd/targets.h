/*
 * targets.h - what peers of serve may reach: the names of -T and the rules of
 * --allow-target and --deny-target.
 *
 * Nothing may be reached until it is listed.  A deny rule that matches wins
 * over everything, names of -T included; then a name of -T is allowed as such
 * and anything else needs an allow rule.  Each address is judged on its own,
 * right before it is dialled.
 */
#ifndef TARGETS_H
#define TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mux_addr;
struct mux_why;
struct sockaddr;
struct targets;

struct targets *targets_new(void);		/* NULL = no memory */
void targets_free(struct targets *);

/* 0, or an error of mux.h with *why.  A word is NAME=ADDR or a rule. */
int targets_add_name(struct targets *, const char *word, struct mux_why *why);
int targets_add_rule(struct targets *, const char *word, bool allow,
    struct mux_why *why);

/* Is there anything that a peer could reach? */
bool targets_any(const struct targets *);

/*
 * What a peer's word means.  0 and *addr, which is the caller's to free, and
 * whether it was a name of -T; or the code of the refusal and *why.
 */
uint32_t targets_find(const struct targets *, const char *word, size_t len,
    struct mux_addr **addr, bool *named, struct mux_why *why);

/*
 * May this candidate be dialled?  *rule says what decided it; it is good as
 * long as the targets are.
 */
bool targets_permit(const struct targets *, const struct mux_addr *asked,
    bool named, const struct sockaddr *sa, const char *path,
    const char **rule);

#endif
