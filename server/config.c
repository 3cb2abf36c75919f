/* A table of keys; each kind of value has one function that reads it. */
#include "server/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cow/bytes.h"
#include "cow/err.h"
#include "server/size.h"

struct key {
	const char *name;
	int (*set)(const struct key *, void *to, const char *value);
	size_t at; /* offset in struct config */
	uint64_t min, max;
};

static int
read_number(const char *text, uint64_t *out)
{
	return text[strspn(text, "0123456789")] ? -EINVAL : size_parse(text, out);
}

static int
set_number(const struct key *key, void *to, const char *value)
{
	uint64_t n;

	if (read_number(value, &n) < 0 || n < key->min || n > key->max)
		return err_set(EINVAL, "%s = %s: must be a number from %llu to %llu", key->name,
		    value, (unsigned long long)key->min, (unsigned long long)key->max);
	memcpy(to, &n, sizeof(n));
	return 0;
}

static int
set_size(const struct key *key, void *to, const char *value)
{
	uint64_t n;

	if (size_parse(value, &n) < 0 || n < key->min || n > key->max)
		return err_set(EINVAL, "%s = %s: must be a size like 256M, from %lluM to %lluM",
		    key->name, value, (unsigned long long)key->min >> 20,
		    (unsigned long long)key->max >> 20);
	memcpy(to, &n, sizeof(n));
	return 0;
}

static int
set_bool(const struct key *key, void *to, const char *value)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(value, words[i]) == 0) {
			*(bool *)to = i & 1;
			return 0;
		}
	}
	return err_set(EINVAL, "%s = %s: must be yes or no", key->name, value);
}

static int
set_address(const struct key *key, void *to, const char *value)
{
	struct in6_addr a;

	if (*value && inet_pton(AF_INET, value, &a) != 1 && inet_pton(AF_INET6, value, &a) != 1)
		return err_set(
		    EINVAL, "%s = %s: must be a numeric IPv4 or IPv6 address", key->name, value);
	snprintf(to, sizeof(((struct config *)NULL)->listen), "%s", value);
	return 0;
}

static int
set_log_level(const struct key *key, void *to, const char *value)
{
	int level = log_level_of(value);

	if (level < 0)
		return err_set(
		    EINVAL, "%s = %s: must be error, warning, info or debug", key->name, value);
	*(enum log_level *)to = (enum log_level)level;
	return 0;
}

/* Names of subsystems, with commas or spaces between them, or "all". */
static int
set_debug(const struct key *key, void *to, const char *value)
{
	char words[256], *word, *rest = words;
	uint32_t bits = 0;

	snprintf(words, sizeof(words), "%s", value);
	while ((word = strsep(&rest, ", ")) != NULL) {
		int sub = log_subsystem_of(word);

		if (strcmp(word, "all") == 0)
			bits = UINT32_MAX;
		else if (*word && sub < 0)
			return err_set(
			    EINVAL, "%s = %s: there is no subsystem %s", key->name, value, word);
		else if (*word)
			bits |= 1u << sub;
	}
	*(uint32_t *)to = bits;
	return 0;
}

#define AT(field) offsetof(struct config, field)

static const struct key keys[] = {
	{ "listen", set_address, AT(listen) },
	{ "port", set_number, AT(port), 0, 65535 },
	{ "threads", set_number, AT(threads), 1, 64 },
	{ "memory", set_size, AT(memory), 16ull << 20, 1ull << 44 },
	{ "keep_days", set_number, AT(keep_days), 0, 36500 },
	{ "keep_snapshots", set_number, AT(keep_snapshots), 1, 100000 },
	{ "tftp", set_bool, AT(tftp) },
	{ "tftp_port", set_number, AT(tftp_port), 0, 65535 },
	{ "insecure_ports", set_bool, AT(insecure_ports) },
	{ "max_connections", set_number, AT(max_connections), 1, 100000 },
	{ "address_connections", set_number, AT(address_connections), 1, 100000 },
	{ "log_level", set_log_level, AT(log_level) },
	{ "debug", set_debug, AT(debug) },
};

void
config_default(struct config *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t threads = cpus > 0 ? 2 * (uint64_t)cpus : 4;

	memset(c, 0, sizeof(*c));
	c->port = 2049;
	c->tftp_port = 69;
	c->threads = threads < 4 ? 4 : threads > 64 ? 64 : threads;
	c->memory = 256ull << 20;
	c->keep_days = 7;
	c->keep_snapshots = 10;
	c->max_connections = 1024;
	c->address_connections = 64;
	c->log_level = LOG_LEVEL_INFO;
}

static const struct key *
find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

int
config_set(struct config *c, const char *name, const char *value)
{
	const struct key *key = find_key(name);
	char known[512] = "";

	if (key)
		return key->set(key, (char *)c + key->at, value);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t n = strlen(known);

		snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", keys[i].name);
	}
	return err_set(EINVAL, "%s: there is no such key; there are %s", name, known);
}

/* Lines are counted where they are read, as the parser doesn't tell its handler where it is. */
struct reader {
	struct config *config;
	FILE *file;
	const char *path;
	unsigned line;
	int err;
};

static char *
read_line(char *line, int room, void *arg)
{
	struct reader *r = arg;
	size_t n;

	if (r->err)
		return NULL;
	if (!fgets(line, room, r->file)) {
		if (ferror(r->file))
			r->err = err_errno("%s", r->path);
		return NULL;
	}
	r->line++;
	n = strlen(line);
	if ((n == 0 || line[n - 1] != '\n') && !feof(r->file)) {
		r->err =
		    err_set(EINVAL, "%s:%u: the line is too long, or not text", r->path, r->line);
		return NULL;
	}
	return line;
}

static int
handle(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;

	if (r->err)
		return 0;
	if (*section)
		r->err = err_set(EINVAL, "[%s]: there are no sections", section);
	else
		r->err = config_set(r->config, name, value ? value : "");
	if (r->err)
		err_prefix(r->err, "%s:%u", r->path, r->line);
	return r->err == 0;
}

int
config_read(struct config *c, const char *path)
{
	struct reader r = { c, fopen(path, "re"), path };
	int line;

	if (!r.file)
		return err_errno("%s", path);
	line = ini_parse_stream(read_line, &r, handle, &r);
	fclose(r.file);
	if (r.err)
		return r.err;
	if (line)
		return err_set(line < 0 ? ENOMEM : EINVAL, "%s:%d: must be \"key = value\"", path,
		    line < 0 ? 0 : line);
	return 0;
}
