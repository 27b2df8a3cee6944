/*
 * test_batch_file.c - the files of -o: patterns, ids that are no names or
 * come twice, what cannot be written, and no memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../cmd/batch_file.h"
#include "../../cmd/batch_in.h"
#include "../../cmd/batch_out.h"
#include "nomem.h"
#include "tap.h"

static char why[600];

static int
open_it(const char *pattern, const char *label, size_t len)
{
	struct batch_item it = { .id = "0", .label = { label, len } };
	struct batch_id id;
	int fd;

	why[0] = '\0';
	if (batch_id_init(&id, &it) != 0)
		return -1;
	fd = batch_file_open(pattern, &id, why, sizeof(why));
	batch_id_release(&id);
	return fd;
}

static void
test_patterns(void)
{
	static const char *const good[] = { "%i", "out/%i", "%%%i", "%i%i",
		"a%i.%%" };
	static const char *const bad[] = { "", "out", "%", "%%", "%%i", "%i%",
		"%d%i", "%I" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(batch_file_valid(good[i]), "'%s' is one", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!batch_file_valid(bad[i]), "'%s' is none", bad[i]);
}

static void
test_ids(void)
{
	static char longest[256];
	static char deep[5000];

	memset(longest, 'x', sizeof(longest));
	memset(deep, '/', sizeof(deep) - 1);
	memcpy(deep, "%i", 2);
	ok(open_it("%i", "", 0) < 0, "nothing is no name");
	ok(open_it("%i", ".", 1) < 0 && open_it("%i", "..", 2) < 0,
	    "nor are folders");
	ok(open_it("%i", "a/b", 3) < 0 && open_it("%i", "/", 1) < 0 &&
	    open_it("%i", "../x", 4) < 0, "nor what has a slash");
	ok(open_it("%i", "a\0b", 3) < 0, "nor what has a NUL");
	ok(open_it("%i", longest, 256) < 0, "nor what is too long");
	is_str(why, "-o: the id is no name of a file", "it is said");
	ok(open_it(deep, "a", 1) < 0, "a path that is too long");
	is_str(why, "-o: File name too long", "it is said");
	ok(open_it("none/%i", "a", 1) < 0, "no such folder");
	is_str(why, "-o none/a: No such file or directory", "it is said");
}

/* NULL, or why not. */
static const char *
claim(void **taken, const char *pattern, const char *label)
{
	struct batch_item it = { .id = "0", .label = { label,
		strlen(label) } };
	const char *text = "no memory";
	struct batch_id id;

	if (batch_id_init(&id, &it) != 0)
		return text;
	if (batch_file_claim(taken, pattern, &id, &text) != 0)
		text = "no memory";
	batch_id_release(&id);
	return text;
}

static void
test_claims(void)
{
	static const char again[] =
	    "-o: the id was there before; its file is made once";
	static const char *const names[] = { "b", "a", "c", "aa", "A" };
	void *taken = NULL;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ok(claim(&taken, "%i", names[i]) == NULL, "'%s' is free",
		    names[i]);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is_str(claim(&taken, "%i", names[i]), again, "but once");
	is_str(claim(&taken, "%i", "a/b"), "-o: the id is no name of a file",
	    "what is no name");
	is_str(claim(&taken, "%i", "a/b"), "-o: the id is no name of a file",
	    "was not taken");
	batch_file_forget(taken);
	ok(claim(NULL, "%i", "a") == NULL && claim(NULL, "%i", "a") == NULL,
	    "nothing is remembered where none can come twice");
	is_str(claim(NULL, "%i", "."), "-o: the id is no name of a file",
	    "but names are looked at");
}

#ifndef SANITIZED

static void
test_nomem(void)
{
	long n, live = n_live;
	const char *why_not;
	void *taken = NULL;
	unsigned told = 0;

	claim(&taken, "%i", "b");
	for (n = 0;; n++) {
		n_left = n;
		why_not = claim(&taken, "%i", "a");
		n_left = -1;
		if (why_not == NULL)
			break;
		told += strcmp(why_not, "no memory") == 0;
	}
	ok(told == n && n == 3, "%u of %ld failures are told, and nothing is "
	    "taken then", told, n);
	batch_file_forget(taken);
	is_u64((uint64_t)(n_live - live), 0, "nothing is left");
}

#endif

static void
test_files(void)
{
	char text[8] = "";
	struct stat st;
	int fd;

	fd = open_it("%%%i-%i.x", "...", 3);
	ok(fd >= 0 && batch_file_write(fd, "hello", 5) == 0 &&
	    stat("%...-....x", &st) == 0 && st.st_size == 5,
	    "a name with dots is one");
	close(fd);
	fd = open_it("%%%i-%i.x", "...", 3);
	ok(fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 &&
	    stat("%...-....x", &st) == 0 && st.st_size == 0,
	    "what was there is gone");
	is_u64((uint64_t)batch_file_write(fd, "", 0), 0, "nothing");
	close(fd);
	ok(mkfifo("fifo", 0600) == 0 && open_it("%i", "fifo", 4) < 0,
	    "a pipe without a reader is not waited for");
	fd = open("fifo", O_RDWR | O_CLOEXEC);
	is_u64((uint64_t)batch_file_write(fd, "abc", 3), 0, "into a pipe");
	ok(read(fd, text, sizeof(text)) == 3 && memcmp(text, "abc", 3) == 0,
	    "it arrives");
	close(fd);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	is_u64((uint64_t)batch_file_write(fd, "x", 1), ENOSPC, "a full disk");
	close(fd);
}

int
main(void)
{
	char dir[] = "/tmp/test_batch_file.XXXXXX";

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	test_patterns();
	test_ids();
	test_claims();
#ifndef SANITIZED
	test_nomem();
#endif
	test_files();
	unlink("%...-....x");
	unlink("fifo");
	rmdir(dir);
	return tap_done();
}
