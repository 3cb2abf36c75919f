/*
 * fileops - runs a script of file operations, one a line, and prints each line with its result, so
 * that two file systems can be compared line by line.
 *
 *   fileops SCRIPT      in the current folder, as root
 *
 * A line is an operation and its words. @UID:GID[:GROUP...] before it runs it as somebody else.
 * In a word, \xNN is a byte and {a*200} is a run of one character. # begins a comment line.
 */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/vm/fileops.h"

static const struct fileop *const tables[] = { fileops_names, fileops_data, fileops_many };

long
fileop_result(long returned)
{
	return returned < 0 ? -errno : returned;
}

long
fileop_number(const char *word)
{
	char *end;
	long number = strtol(word, &end, 0);

	if (end == word || *end != '\0') {
		fprintf(stderr, "fileops: not a number: %s\n", word);
		exit(2);
	}
	return number;
}

void
fileop_print(FILE *out, const char *name)
{
	for (; *name != '\0'; name++) {
		if (isgraph((unsigned char)*name) && *name != '\\')
			fputc(*name, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*name);
	}
}

static const struct fileop *
find(const char *name)
{
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct fileop *op = tables[i]; op->name != NULL; op++)
			if (strcmp(op->name, name) == 0)
				return op;
	return NULL;
}

/* Copies one word without its escapes and returns where it ends in the line. */
static const char *
take_word(const char *line, char *to, const char *end)
{
	char byte;
	int count, used;

	while (*line != '\0' && !isspace((unsigned char)*line) && to < end) {
		if (sscanf(line, "\\x%2hhx%n", &byte, &used) == 1) {
			*to++ = byte;
			line += used;
		} else if (sscanf(line, "{%c*%d}%n", &byte, &count, &used) == 2) {
			while (count-- > 0 && to < end)
				*to++ = byte;
			line += used;
		} else {
			*to++ = *line++;
		}
	}
	*to = '\0';
	return line;
}

static int
split(const char *line, char *memory, size_t size, char **argv)
{
	char *end = memory + size - 1;
	int argc = 0;

	for (;;) {
		while (isspace((unsigned char)*line))
			line++;
		if (*line == '\0' || argc == FILEOPS_WORDS)
			return argc;
		argv[argc++] = memory;
		line = take_word(line, memory, end);
		memory += strlen(memory) + (memory < end);
	}
}

/* "@1000:1000:7:8": these ids for the next operation. */
static void
become(char *who)
{
	gid_t groups[8];
	size_t n = 0;
	uid_t uid = (uid_t)strtoul(who + 1, &who, 10);
	gid_t gid = *who == ':' ? (gid_t)strtoul(who + 1, &who, 10) : 0;

	while (*who == ':' && n < 8)
		groups[n++] = (gid_t)strtoul(who + 1, &who, 10);
	if (setgroups(n, groups) != 0 || setegid(gid) != 0 || seteuid(uid) != 0) {
		perror("fileops: become");
		exit(2);
	}
}

static void
become_root(void)
{
	if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, NULL) != 0) {
		perror("fileops: root");
		exit(2);
	}
}

static void
print_result(FILE *out, long result, const char *more)
{
	if (result < 0)
		fprintf(out, "%s", strerrorname_np((int)-result));
	else
		fprintf(out, "%ld", result);
	fprintf(out, "%s%s\n", *more == '\0' ? "" : " ", more);
}

static void
run_line(int number, const char *line)
{
	static char memory[64 << 10], more[256 << 10];
	char *argv[FILEOPS_WORDS], **word = argv;
	int argc = split(line, memory, sizeof memory, argv);
	const struct fileop *op;
	FILE *out;
	long result;
	bool other = argc > 0 && argv[0][0] == '@';

	word += other;
	argc -= other;
	if (argc == 0 || word[0][0] == '#')
		return;
	op = find(word[0]);
	if (op == NULL || argc - 1 < op->min || argc - 1 > op->max) {
		fprintf(stderr, "fileops: line %d: what is this: %s\n", number, line);
		exit(2);
	}
	out = fmemopen(more, sizeof more, "w");
	if (other)
		become(argv[0]);
	errno = 0;
	result = op->run(argc - 1, word + 1, out);
	become_root();
	fclose(out);
	printf("%d: %s -> ", number, line);
	print_result(stdout, result, more);
	fflush(stdout);
	more[0] = '\0';
}

int
main(int argc, char **argv)
{
	char line[8192];
	FILE *script = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (script == NULL) {
		fprintf(stderr, "usage: fileops SCRIPT\n");
		return 2;
	}
	for (int number = 1; fgets(line, sizeof line, script) != NULL; number++) {
		line[strcspn(line, "\n")] = '\0';
		run_line(number, line);
	}
	fclose(script);
	return 0;
}
