/*
 * cmd.h - what the files of the program share: exit codes and the verbs.
 */
#ifndef CMD_H
#define CMD_H

struct verb;

/* muxctl(1), EXIT STATUS. */
enum cmd_exit {
	CMD_OK		= 0,
	CMD_FAIL	= 1,	/* -W target refused or reset, a check failed */
	CMD_DAMAGED	= 65,	/* dump: the file is damaged */
	CMD_BATCH	= 123,	/* some calls of a batch failed */
	CMD_TIMEOUT	= 124,	/* a deadline */
	CMD_USAGE	= 125,	/* usage, internal and local write errors */
	CMD_REFUSED	= 126,	/* not allowed, busy, invalid, spawn failed */
	CMD_NO_METHOD	= 127,
	CMD_SIGNAL	= 128,	/* + signo: killed by it */
	CMD_PIPE	= 141,	/* the reader of stdout went away */
	CMD_LOST	= 255	/* no connection, or it was lost */
};

/* All verbs in the order of the help, NULL at the end. */
extern const struct verb *const cmd_verbs[];

extern const struct verb verb_serve;
extern const struct verb verb_call;
extern const struct verb verb_tunnel;
extern const struct verb verb_dump;
extern const struct verb verb_addr;

#endif
