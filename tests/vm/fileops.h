/*
 * The operations of fileops: each takes the words of its line and answers with a number or -errno,
 * and may print more about what it saw.
 */
#ifndef TESTS_VM_FILEOPS_H
#define TESTS_VM_FILEOPS_H

#include <stdio.h>

#define FILEOPS_WORDS 16

typedef long fileop_fn(int argc, char **argv, FILE *out);

struct fileop {
	const char *name;
	int min, max; /* words after the name */
	fileop_fn *run;
};

extern const struct fileop fileops_names[]; /* folders, names, attributes */
extern const struct fileop fileops_data[];  /* open files and their bytes */
extern const struct fileop fileops_many[];  /* whole folders and trees */

/* The errno of a call that failed, negated; else what it returned. */
long fileop_result(long returned);
long fileop_number(const char *word); /* decimal, octal with 0, hexadecimal with 0x */
/* Bytes that printable text can't hold come out as \xNN. */
void fileop_print(FILE *out, const char *name);
/* Sum of a file's bytes; -errno. */
long fileop_sum(const char *path, unsigned long *out);

#endif
