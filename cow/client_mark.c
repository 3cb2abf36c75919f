/* What a client is recognised by: addresses, MACs and a serial number, each one client's only. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cow/client_priv.h"
#include "cow/err.h"

#define MAC_DIGITS 12

static const char *
kind_text(enum mark_kind kind)
{
	return kind == MARK_SERIAL ? "serial number" : kind == MARK_MAC ? "MAC" : "address";
}

/* --- as the catalogue has them --- */

/* As inet_ntop prints it; one of IPv4 inside of IPv6 as the IPv4 one. */
static int
normalise_address(const char *address, char out[MARK_TEXT])
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, address, &four) == 1) {
		inet_ntop(AF_INET, &four, out, MARK_TEXT);
		return 0;
	}
	if (inet_pton(AF_INET6, address, &six) != 1)
		return err_set(
		    EINVAL, "\"%.80s\" is not an IP address, such as 192.168.1.51", address);
	if (IN6_IS_ADDR_V4MAPPED(&six))
		inet_ntop(AF_INET, &six.s6_addr[12], out, MARK_TEXT);
	else
		inet_ntop(AF_INET6, &six, out, MARK_TEXT);
	return 0;
}

/* With colons, dashes, or nothing between the bytes. */
static int
normalise_mac(const char *mac, char out[MARK_TEXT])
{
	char separator = mac[0] && mac[1] && !isxdigit((unsigned char)mac[2]) ? mac[2] : '\0';
	const char *p = mac;
	int n = 0, at = 0;

	for (; isxdigit((unsigned char)*p) && n < MAC_DIGITS; n++) {
		out[at++] = (char)tolower((unsigned char)*p++);
		if (n % 2 == 0 || n + 1 == MAC_DIGITS)
			continue;
		out[at++] = ':';
		if (separator && *p++ != separator)
			break;
	}
	out[at] = '\0';
	if (n < MAC_DIGITS || *p || (separator && separator != ':' && separator != '-'))
		return err_set(EINVAL, "\"%.40s\" is not a MAC, such as dc:a6:32:01:02:03", mac);
	if (strchr("13579bdf", out[1]) || strcmp(out, "00:00:00:00:00:00") == 0)
		return err_set(EINVAL, "no machine has the MAC %s", out);
	return 0;
}

/* A Pi's bootloader asks with 8 digits; /proc/cpuinfo shows 16, of which the last 8 are those. */
static int
normalise_serial(const char *serial, char out[MARK_TEXT])
{
	const char *p = serial;
	size_t n;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	n = strlen(p);
	if ((n != 8 && n != 16) || strspn(p, "0123456789abcdefABCDEF") != n)
		return err_set(EINVAL,
		    "\"%.40s\" is not a serial number, such as 1a2b3c4d: 8 hexadecimal digits, or"
		    " the 16 of /proc/cpuinfo",
		    serial);
	p += n - 8;
	for (size_t i = 0; i <= 8; i++)
		out[i] = (char)tolower((unsigned char)p[i]);
	return 0;
}

int
mark_normalise(enum mark_kind kind, const char *text, char out[MARK_TEXT])
{
	return kind == MARK_SERIAL ? normalise_serial(text, out)
	       : kind == MARK_MAC  ? normalise_mac(text, out)
				   : normalise_address(text, out);
}

/* --- what is asked for --- */

/* Addresses that no caller comes from: a client that has only these is never let in. */
static int
check_caller(const char *address)
{
	struct in6_addr six;
	struct in_addr four;
	bool nobody;

	if (inet_pton(AF_INET, address, &four) == 1)
		nobody = ntohl(four.s_addr) >> 24 == 0 || ntohl(four.s_addr) >> 28 == 0xe ||
			 four.s_addr == INADDR_BROADCAST;
	else
		nobody = inet_pton(AF_INET6, address, &six) == 1 &&
			 (IN6_IS_ADDR_UNSPECIFIED(&six) || IN6_IS_ADDR_MULTICAST(&six));
	return nobody ? err_set(EINVAL, "no machine can have the address %s", address) : 0;
}

/* Takes n texts of one kind into `to`, elements of `size` bytes. */
static int
take(enum mark_kind kind, const char *const *texts, int n, void *to, size_t size)
{
	char value[MARK_TEXT], *p = to;
	int rc;

	for (int i = 0; i < n; i++) {
		if ((rc = mark_normalise(kind, texts[i], value)) < 0)
			return rc;
		if (kind == MARK_ADDRESS && (rc = check_caller(value)) < 0)
			return rc;
		for (int k = 0; k < i; k++)
			if (strcmp(p + (size_t)k * size, value) == 0)
				return err_set(
				    EINVAL, "the %s %s is given twice", kind_text(kind), value);
		snprintf(p + (size_t)i * size, size, "%s", value);
	}
	return 0;
}

int
marks_take(struct client *c, const struct client_options *o)
{
	char serial[1][17] = { "" };
	int rc;

	if (o->naddresses > CLIENT_ADDRESSES_GIVEN)
		return err_set(
		    EINVAL, "client %s: at most %d addresses", o->name, CLIENT_ADDRESSES_GIVEN);
	if (o->nmacs > CLIENT_MACS)
		return err_set(EINVAL, "client %s: at most %d MACs", o->name, CLIENT_MACS);
	if ((rc = take(MARK_ADDRESS, o->addresses, o->naddresses, c->addresses,
		 sizeof(c->addresses[0]))) < 0 ||
	    (rc = take(MARK_MAC, o->macs, o->nmacs, c->macs, sizeof(c->macs[0]))) < 0 ||
	    (rc = take(MARK_SERIAL, &o->serial, o->serial != NULL, serial, sizeof(serial[0]))) < 0)
		return rc;
	c->naddresses = o->naddresses;
	c->nmacs = o->nmacs;
	memcpy(c->serial, serial[0], sizeof(c->serial));
	return 0;
}

/* --- rows --- */

/* Whose it is: 1, learned by itself or not; 0: nobody's. */
static int
owner_of(struct db *db, enum mark_kind kind, const char *value, char client[65], bool *learned)
{
	static const char sql[] =
	    "SELECT client, learned FROM client_mark WHERE kind = ?1 AND value = ?2";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_int(stmt, 1, kind);
	sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	if (rc == 1) {
		snprintf(client, 65, "%s", (const char *)sqlite3_column_text(stmt, 0));
		*learned = sqlite3_column_int64(stmt, 1) != 0;
	}
	db_reset(stmt);
	return rc;
}

/* An address that was only learned is anybody's. */
static int
check_free(struct db *db, enum mark_kind kind, const char *value, const char *but)
{
	bool learned = false;
	char client[65];
	int rc = owner_of(db, kind, value, client, &learned);

	if (rc <= 0 || strcmp(client, but) == 0 || (kind == MARK_ADDRESS && learned))
		return rc < 0 ? rc : 0;
	return err_set(
	    EEXIST, "the %s %s belongs to client %s already", kind_text(kind), value, client);
}

static int
put(struct db *db, enum mark_kind kind, const char *value, const char *client, int64_t learned)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO client_mark(kind, value, client, learned) VALUES(?1, ?2, ?3,"
	    " ?4)";
	sqlite3_stmt *stmt;
	int rc = check_free(db, kind, value, client);

	if (rc < 0)
		return rc;
	stmt = db_stmt(db, sql);
	sqlite3_bind_int(stmt, 1, kind);
	sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, client, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, learned);
	return db_run(db, stmt);
}

/* Calls fn for each of the client's marks that are given. */
typedef int mark_fn(struct db *, enum mark_kind, const char *value, const char *client);

static int
each_mark(struct db *db, const struct client *c, const char *name, mark_fn *fn)
{
	int rc = *c->serial ? fn(db, MARK_SERIAL, c->serial, name) : 0;

	for (int i = 0; i < c->naddresses && rc == 0; i++)
		rc = fn(db, MARK_ADDRESS, c->addresses[i], name);
	for (int i = 0; i < c->nmacs && rc == 0; i++)
		rc = fn(db, MARK_MAC, c->macs[i], name);
	return rc;
}

static int
put_given(struct db *db, enum mark_kind kind, const char *value, const char *client)
{
	return put(db, kind, value, client, 0);
}

int
marks_check_free(struct db *db, const struct client *c)
{
	return each_mark(db, c, c->name, check_free);
}

int
marks_insert(struct db *db, const struct client *c)
{
	return each_mark(db, c, c->name, put_given);
}

static int
drop_kind(struct db *db, const char *client, enum mark_kind kind, bool learned)
{
	static const char sql[] = "DELETE FROM client_mark WHERE client = ?1 AND kind = ?2"
				  " AND (learned != 0) = ?3";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, client, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, kind);
	sqlite3_bind_int(stmt, 3, learned);
	return db_run(db, stmt);
}

int
marks_replace(struct db *db, const char *client, const struct client *to)
{
	int rc = *to->serial ? drop_kind(db, client, MARK_SERIAL, false) : 0;

	if (rc == 0 && to->naddresses)
		rc = drop_kind(db, client, MARK_ADDRESS, false);
	if (rc == 0 && to->nmacs)
		rc = drop_kind(db, client, MARK_MAC, false);
	return rc < 0 ? rc : each_mark(db, to, client, put_given);
}

static void
read_mark(struct client *c, int kind, const char *value, bool learned)
{
	if (kind == MARK_SERIAL)
		snprintf(c->serial, sizeof(c->serial), "%s", value);
	if (kind == MARK_MAC && c->nmacs < CLIENT_MACS)
		snprintf(c->macs[c->nmacs++], sizeof(c->macs[0]), "%s", value);
	if (kind == MARK_ADDRESS && learned)
		snprintf(c->learned, sizeof(c->learned), "%s", value);
	if (kind == MARK_ADDRESS && c->naddresses < CLIENT_ADDRESSES)
		snprintf(c->addresses[c->naddresses++], sizeof(c->addresses[0]), "%s", value);
}

int
marks_read(struct db *db, struct client *c)
{
	static const char sql[] = "SELECT kind, value, learned FROM client_mark WHERE client = ?1"
				  " ORDER BY kind, value";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, c->name, -1, SQLITE_STATIC);
	while ((rc = db_step(db, stmt)) == 1)
		read_mark(c, sqlite3_column_int(stmt, 0),
		    (const char *)sqlite3_column_text(stmt, 1), sqlite3_column_int64(stmt, 2) != 0);
	db_reset(stmt);
	return rc < 0 ? rc : 0;
}

/* --- what a boot teaches --- */

struct lesson {
	const char *client;
	enum mark_kind kind;
	char value[MARK_TEXT];
};

static int
learn(struct db *db, void *arg)
{
	const struct lesson *l = arg;
	struct client c;
	int rc = client_find_in(db, l->client, &c);

	if (rc == 0 && l->kind == MARK_MAC && c.nmacs == CLIENT_MACS)
		rc = err_set(ENOSPC, "client %s has %d MACs already", c.name, c.nmacs);
	if (rc == 0 && l->kind == MARK_ADDRESS)
		rc = drop_kind(db, c.name, MARK_ADDRESS, true);
	return rc < 0
		   ? rc
		   : put(db, l->kind, l->value, c.name, l->kind == MARK_ADDRESS ? time(NULL) : 0);
}

int
client_learn_address(struct store *s, const char *name, const char *address)
{
	struct lesson l = { name, MARK_ADDRESS, "" };
	struct client c;
	int rc = client_find(s, name, &c);

	if (rc < 0 || (rc = mark_normalise(MARK_ADDRESS, address, l.value)) < 0 ||
	    (rc = check_caller(l.value)) < 0)
		return rc;
	for (int i = 0; i < c.naddresses; i++)
		if (strcmp(c.addresses[i], l.value) == 0)
			return 0;
	rc = store_write(s, learn, &l);
	return rc < 0 ? rc : 1;
}

int
client_learn_mac(struct store *s, const char *name, const char *mac)
{
	struct lesson l = { name, MARK_MAC, "" };
	int rc = mark_normalise(MARK_MAC, mac, l.value);

	return rc < 0 ? rc : store_write(s, learn, &l);
}
