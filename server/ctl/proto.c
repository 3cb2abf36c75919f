/* Lines of key=value: written and read here only. */
#include "server/ctl/proto.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cow/bytes.h"

/* The errors that verbs answer with; others are sent as EIO. */
static const struct {
	const char *name;
	int err;
} codes[] = {
	{ "EIO", EIO },
	{ "ENOENT", ENOENT },
	{ "EEXIST", EEXIST },
	{ "EINVAL", EINVAL },
	{ "EBUSY", EBUSY },
	{ "EACCES", EACCES },
	{ "EPERM", EPERM },
	{ "EROFS", EROFS },
	{ "ENOSPC", ENOSPC },
	{ "ENOMEM", ENOMEM },
	{ "ENOTCONN", ENOTCONN },
	{ "EPROTO", EPROTO },
	{ "ENOSYS", ENOSYS },
};

void
proto_text_free(struct proto_text *t)
{
	free(t->p);
	memset(t, 0, sizeof(*t));
}

static void
append(struct proto_text *t, const char *p, size_t n)
{
	if (t->n + n + 1 > t->size && !t->failed) {
		size_t size = 2 * (t->n + n + 1) + 256;
		char *more = realloc(t->p, size);

		t->failed = !more;
		if (more) {
			t->p = more;
			t->size = size;
		}
	}
	if (t->failed)
		return;
	memcpy(t->p + t->n, p, n);
	t->n += n;
	t->p[t->n] = '\0';
}

static void
append_str(struct proto_text *t, const char *s)
{
	append(t, s, strlen(s));
}

/* least: the smallest byte that may stand as it is. */
static void
append_escaped(struct proto_text *t, const char *s, unsigned char least)
{
	char hex[4];

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c != '%' && c >= least && c < 0x7f) {
			append(t, s, 1);
		} else {
			snprintf(hex, sizeof(hex), "%%%02X", c);
			append(t, hex, 3);
		}
	}
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* In place. NUL can't be part of a value. */
static int
unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		int hi, lo;

		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		hi = hex_digit(s[1]);
		lo = hi < 0 ? -1 : hex_digit(s[2]);
		if (lo < 0 || (hi == 0 && lo == 0))
			return -EINVAL;
		*to++ = (char)(hi << 4 | lo);
		s += 2;
	}
	*to = '\0';
	return 0;
}

/* --- requests --- */

int
proto_add(struct proto_request *r, const char *key, const char *value)
{
	if (r->npairs == PROTO_KEYS_MAX)
		return -E2BIG;
	r->pairs[r->npairs++] = (struct proto_pair){ key, value };
	return 0;
}

const char *
proto_get(const struct proto_request *r, const char *key, int i)
{
	for (int at = 0; at < r->npairs; at++) {
		if (strcmp(r->pairs[at].key, key) == 0 && i-- == 0)
			return r->pairs[at].value;
	}
	return NULL;
}

void
proto_write_request(struct proto_text *t, const struct proto_request *r)
{
	append_str(t, r->verb);
	append(t, "\n", 1);
	for (int i = 0; i < r->npairs; i++) {
		append_str(t, r->pairs[i].key);
		append(t, "=", 1);
		append_escaped(t, r->pairs[i].value, ' ');
		append(t, "\n", 1);
	}
	append(t, "\n", 1);
}

size_t
proto_request_end(const char *text, size_t n)
{
	const char *end = n ? memmem(text, n, "\n\n", 2) : NULL;

	return end ? (size_t)(end - text) + 2 : 0;
}

/* "key=value" split; the value unescaped. */
static int
split_pair(char *text, struct proto_pair *out)
{
	char *eq = strchr(text, '=');

	if (!eq || eq == text || unescape(eq + 1) < 0)
		return -EINVAL;
	*eq = '\0';
	*out = (struct proto_pair){ text, eq + 1 };
	return 0;
}

int
proto_read_request(char *text, struct proto_request *out)
{
	struct proto_pair pair;
	char *line;

	memset(out, 0, sizeof(*out));
	out->verb = strsep(&text, "\n");
	if (!text || !*out->verb)
		return -EINVAL;
	while ((line = strsep(&text, "\n")) != NULL && *line) {
		if (split_pair(line, &pair) < 0 || proto_add(out, pair.key, pair.value) < 0)
			return -EINVAL;
	}
	return 0;
}

/* --- answers --- */

void
proto_row(struct proto_text *t, const char *kind)
{
	append_str(t, "row ");
	append_str(t, kind);
}

void
proto_str(struct proto_text *t, const char *key, const char *value)
{
	append(t, " ", 1);
	append_str(t, key);
	append(t, "=", 1);
	append_escaped(t, value, '!');
}

void
proto_uint(struct proto_text *t, const char *key, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	proto_str(t, key, digits);
}

void
proto_row_end(struct proto_text *t)
{
	append(t, "\n", 1);
}

void
proto_end(struct proto_text *t, int err, const char *sentence)
{
	const char *name = codes[0].name;

	if (err == 0) {
		append_str(t, "ok\n");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i].err == -err)
			name = codes[i].name;
	}
	append_str(t, "error ");
	append_str(t, name);
	append(t, " ", 1);
	append_escaped(t, sentence, ' ');
	append(t, "\n", 1);
}

static int
code_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (strcmp(codes[i].name, name) == 0)
			return -codes[i].err;
	}
	return -EIO;
}

static size_t
count_of(const char *s, char c)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == c;
	return n;
}

/* "KIND key=value ..." */
static int
read_row(char *line, struct proto_row *out)
{
	char *word;

	out->pairs = calloc(count_of(line, ' ') + 1, sizeof(*out->pairs));
	if (!out->pairs)
		return -ENOMEM;
	out->kind = strsep(&line, " ");
	while ((word = strsep(&line, " ")) != NULL) {
		if (split_pair(word, &out->pairs[out->npairs]) < 0)
			return -EPROTO;
		out->npairs++;
	}
	return 0;
}

/* 1: the answer is complete; 0: more lines follow. */
static int
read_line(struct proto_answer *a, char *line)
{
	char *code;

	if (strncmp(line, "row ", 4) == 0)
		return read_row(line + 4, &a->rows[a->nrows++]);
	if (strcmp(line, "ok") == 0)
		return 1;
	if (strncmp(line, "error ", 6) != 0)
		return -EPROTO;
	line += 6;
	code = strsep(&line, " ");
	if (!line || unescape(line) < 0)
		return -EPROTO;
	a->err = code_of(code);
	a->sentence = line;
	return 1;
}

int
proto_read_answer(char *text, struct proto_answer *out)
{
	char *line;
	int got = 0;

	memset(out, 0, sizeof(*out));
	out->text = text;
	out->rows = calloc(count_of(text, '\n') + 1, sizeof(*out->rows));
	if (!out->rows) {
		proto_answer_free(out);
		return -ENOMEM;
	}
	/* Every line of a whole answer ends with a newline: text is NULL after one that doesn't. */
	while (got == 0 && (line = strsep(&text, "\n")) != NULL && text)
		got = read_line(out, line);
	if (got == 1)
		return 0;
	proto_answer_free(out);
	return got < 0 ? got : -EPROTO;
}

void
proto_answer_free(struct proto_answer *a)
{
	for (int i = 0; a->rows && i < a->nrows; i++)
		free(a->rows[i].pairs);
	free(a->rows);
	free(a->text);
	memset(a, 0, sizeof(*a));
}

const char *
proto_value(const struct proto_row *row, const char *key)
{
	for (int i = 0; i < row->npairs; i++) {
		if (strcmp(row->pairs[i].key, key) == 0)
			return row->pairs[i].value;
	}
	return NULL;
}
