/*
 * call.c - the two automata of a call, as one table, and the small buffers of
 * bodies.  No frames, no callbacks, no lists: those are calls.c's and the
 * engine's.  Invariant: a call gets and gives one answer, because no state
 * that has had it has a step for another.
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"

#define NONE	CALL_NO_STEP

const uint8_t call_next[CALL_STATES][CALL_EVENTS] = {
	/*			SEND		CANCEL
	 *	ANSWER		GIVE_UP		TAKE */
	[CALL_IDLE] = {		CALL_SENT,	NONE,
		NONE,		CALL_DONE,	NONE },
	[CALL_SENT] = {		NONE,		CALL_CANCELLING,
		CALL_DONE,	CALL_ABANDONED,	NONE },
	[CALL_CANCELLING] = {	NONE,		NONE,
		CALL_DONE,	CALL_ABANDONED,	NONE },
	[CALL_DONE] = {		NONE,		NONE,
		NONE,		NONE,		NONE },
	[CALL_ABANDONED] = {	NONE,		NONE,
		CALL_DONE,	NONE,		NONE },
	[CALL_RECEIVED] = {	NONE,		NONE,
		CALL_ANSWERED,	CALL_ANSWERED,	CALL_RUNNING },
	[CALL_RUNNING] = {	NONE,		CALL_RUNNING,
		CALL_ANSWERED,	CALL_ANSWERED,	NONE },
	[CALL_ANSWERED] = {	NONE,		NONE,
		NONE,		NONE,		NONE },
};

const char *
call_state_name(uint8_t state)
{
	static const char *const names[CALL_STATES] = { "idle", "sent",
		"cancelling", "done", "abandoned", "received", "running",
		"answered" };

	return names[state];
}

uint8_t *
blob_grow(struct blob *b, size_t n)
{
	size_t need = b->len + n, cap;
	uint8_t *heap;

	cap = need < 2 * b->cap ? 2 * b->cap : need;
	if ((heap = realloc(b->heap, cap)) == NULL)
		return NULL;
	if (b->heap == NULL && b->len > 0)
		memcpy(heap, b->in, b->len);
	b->heap = heap;
	b->cap = cap;
	return heap + b->len;
}

void
items_release(struct items *it)
{
	free(it->args);
	free(it->meta);
	free(it->streams);
}
