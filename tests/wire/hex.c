/*
 * Hex: a reader of words, one word at a time.
 */
#include "tests/wire/hex.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
hex_open(const char *path, struct hex_file *out)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return -errno;
	out->text = calloc(1, 1 << 20);
	n = out->text ? fread(out->text, 1, (1 << 20) - 1, f) : 0;
	fclose(f);
	out->at = out->text;
	out->line = 1;
	return n > 0 ? 0 : -EIO;
}

void
hex_close(struct hex_file *f)
{
	free(f->text);
}

static void
skip_blank(struct hex_file *f)
{
	for (; *f->at; f->at++) {
		if (*f->at == '#')
			f->at += strcspn(f->at, "\n");
		if (*f->at == '\n')
			f->line++;
		if (!isspace((unsigned char)*f->at))
			return;
	}
}

static int
take_word(struct hex_file *f, const char *word)
{
	size_t n = strlen(word);

	skip_blank(f);
	if (strncmp(f->at, word, n) != 0 || isalnum((unsigned char)f->at[n]))
		return 0;
	f->at += n;
	return 1;
}

static int
take_byte(struct hex_file *f, uint8_t *out)
{
	char digits[3] = { 0 };

	memcpy(digits, f->at, strnlen(f->at, 2));
	if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
		return 0;
	*out = (uint8_t)strtoul(digits, NULL, 16);
	f->at += 2;
	return 1;
}

/* Bytes till something else comes. */
static int
take_bytes(struct hex_file *f, struct hex_message *m)
{
	m->n = 0;
	m->line = f->line;
	for (skip_blank(f); m->n < HEX_MAX; skip_blank(f)) {
		if (*f->at == '"') {
			for (f->at++; *f->at && *f->at != '"' && m->n < HEX_MAX; f->at++)
				m->bytes[m->n++] = (uint8_t)*f->at;
			f->at += *f->at == '"';
		} else if (strncmp(f->at, "call", 4) == 0 || !take_byte(f, &m->bytes[m->n])) {
			return 0;
		} else {
			m->n++;
		}
	}
	return -EINVAL;
}

int
hex_next(struct hex_file *f, struct hex_message *call, struct hex_message *reply)
{
	if (!take_word(f, "call"))
		return *f->at ? -EINVAL : 0;
	if (take_bytes(f, call) < 0 || !take_word(f, "reply"))
		return -EINVAL;
	if (take_word(f, "none")) {
		reply->n = 0;
		return 1;
	}
	return take_bytes(f, reply) < 0 || reply->n == 0 ? -EINVAL : 1;
}
