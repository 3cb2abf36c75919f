/*
 * Proto: the words of the control socket.
 *
 *   request:  VERB                       answer:  row KIND key=value key=value ...
 *             key=value                           row KIND key=value ...
 *             key=value                           ok
 *             (an empty line)             or:     error ENOENT a sentence
 *
 * A request's key may come more than once. In the values of a row, '%' and bytes outside of 0x21 to
 * 0x7e are written as %XX; in the sentence and in a request's values a space stands for itself. One
 * connection, one request.
 */
#ifndef SERVER_CTL_PROTO_H
#define SERVER_CTL_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTO_REQUEST_MAX 65536 /* bytes */
#define PROTO_KEYS_MAX    600

/* Text that grows; on lack of memory it stops growing and says so at the end. */
struct proto_text {
	char *p;
	size_t n, size;
	bool failed;
};
void proto_text_free(struct proto_text *);

struct proto_pair {
	const char *key, *value;
};

struct proto_request {
	const char *verb;
	int npairs;
	struct proto_pair pairs[PROTO_KEYS_MAX];
};

/* -E2BIG: too many keys. Strings are borrowed. */
int proto_add(struct proto_request *, const char *key, const char *value);
/* The value of a key, its i-th; NULL: there is none. */
const char *proto_get(const struct proto_request *, const char *key, int i);

void proto_write_request(struct proto_text *, const struct proto_request *);
/* Is a whole request there? Its length, or 0. */
size_t proto_request_end(const char *text, size_t n);
/* Takes apart a whole request, in place: out borrows from text. -EINVAL: malformed. */
int proto_read_request(char *text, struct proto_request *out);

/* One row, begun, filled and ended. */
void proto_row(struct proto_text *, const char *kind);
void proto_str(struct proto_text *, const char *key, const char *value);
void proto_uint(struct proto_text *, const char *key, uint64_t value);
void proto_row_end(struct proto_text *);
/* The answer's last line; err: 0 or -errno. */
void proto_end(struct proto_text *, int err, const char *sentence);

struct proto_row {
	const char *kind;
	int npairs;
	struct proto_pair *pairs;
};

struct proto_answer {
	char *text; /* what the rows borrow from */
	int nrows;
	struct proto_row *rows;
	int err; /* 0, or the daemon's -errno and its sentence */
	const char *sentence;
};

/* Takes over text (malloc'ed, NUL-terminated, a whole answer). -EPROTO: malformed. */
int proto_read_answer(char *text, struct proto_answer *out);
void proto_answer_free(struct proto_answer *);
/* NULL: the row has no such key. */
const char *proto_value(const struct proto_row *, const char *key);

#endif
