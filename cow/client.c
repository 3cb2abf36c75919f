/* The catalogue of clients. */
#include "cow/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "cow/layer.h"

/* An address as inet_ntop prints it; one of IPv4 inside of IPv6 as the IPv4 one. */
static int
normalise(const char *address, char out[INET6_ADDRSTRLEN])
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, address, &four) == 1) {
		inet_ntop(AF_INET, &four, out, INET6_ADDRSTRLEN);
		return 0;
	}
	if (inet_pton(AF_INET6, address, &six) != 1)
		return err_set(
		    EINVAL, "\"%.80s\" is not an IP address, such as 192.168.1.51", address);
	if (IN6_IS_ADDR_V4MAPPED(&six))
		inet_ntop(AF_INET, &six.s6_addr[12], out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &six, out, INET6_ADDRSTRLEN);
	return 0;
}

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

/* Is the address one of the first n? */
static int
check_once(const struct client *c, int n, const char *address)
{
	for (int i = 0; i < n; i++)
		if (strcmp(c->addresses[i], address) == 0)
			return err_set(EINVAL, "the address %s is given twice", address);
	return 0;
}

/* --- reading --- */

#define CLIENT_COLUMNS                                                                    \
	"SELECT name, id, key, incarnation, image, image_id, head, any_address, created," \
	" grp, identity, quota, volatile, mounted FROM client"

static int
client_column(sqlite3_stmt *stmt, void *element)
{
	struct client *out = element;
	struct str key = db_column_str(stmt, 2);
	int rc;

	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", (const char *)sqlite3_column_text(stmt, 0));
	snprintf(out->image, sizeof(out->image), "%s", (const char *)sqlite3_column_text(stmt, 4));
	out->incarnation = (uint32_t)sqlite3_column_int64(stmt, 3);
	out->head = (uint64_t)sqlite3_column_int64(stmt, 6);
	out->any_address = sqlite3_column_int(stmt, 7) != 0;
	out->created = sqlite3_column_int64(stmt, 8);
	snprintf(out->group, sizeof(out->group), "%s", (const char *)sqlite3_column_text(stmt, 9));
	out->identity = (uint64_t)sqlite3_column_int64(stmt, 10);
	out->quota = (uint64_t)sqlite3_column_int64(stmt, 11);
	out->is_volatile = sqlite3_column_int(stmt, 12) != 0;
	out->mounted = sqlite3_column_int64(stmt, 13);
	if (key.n != sizeof(out->key))
		return err_set(
		    EIO, "damaged row of client %s: a key of %u bytes", out->name, key.n);
	memcpy(out->key, key.p, sizeof(out->key));
	rc = db_column_id(stmt, 1, &out->id);
	return rc < 0 ? rc : db_column_id(stmt, 5, &out->image_id);
}

static int
read_addresses(struct db *db, struct client *c)
{
	static const char sql[] =
	    "SELECT address FROM client_address WHERE client = ?1 ORDER BY address";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, c->name, -1, SQLITE_STATIC);
	while ((rc = db_step(db, stmt)) == 1 && c->naddresses < CLIENT_ADDRESSES)
		snprintf(c->addresses[c->naddresses++], sizeof(c->addresses[0]), "%s",
		    (const char *)sqlite3_column_text(stmt, 0));
	db_reset(stmt);
	return rc < 0 ? rc : 0;
}

/* What the client's row doesn't tell: addresses, and the sum over its layers. */
static int
read_rest(struct db *db, struct client *c)
{
	struct layer *chain CLEANUP_FREE = NULL;
	int n = 0, rc = read_addresses(db, c);

	if (rc < 0 || (rc = layer_chain(db, c->head, &chain, &n)) < 0)
		return rc;
	for (int i = 0; i < n; i++) {
		c->delta_files += chain[i].files;
		c->delta_bytes += chain[i].bytes;
	}
	return 0;
}

/* The client of the first row of a statement with bound parameters: 1, 0 (none) or -errno. */
static int
read_client(struct db *db, sqlite3_stmt *stmt, struct client *out)
{
	int rc = db_step(db, stmt);

	if (rc <= 0)
		return rc;
	rc = client_column(stmt, out);
	db_reset(stmt);
	if (rc == 0)
		rc = read_rest(db, out);
	return rc < 0 ? rc : 1;
}

static int
find_name(struct db *db, const char *name, struct client *out)
{
	static const char sql[] = CLIENT_COLUMNS " WHERE name = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	rc = read_client(db, stmt, out);
	return rc ? rc : err_set(ENOENT, "there is no client %s", name);
}

static int
find_address(struct db *db, const char *address, struct client *out)
{
	static const char sql[] =
	    CLIENT_COLUMNS " WHERE name = (SELECT client FROM client_address WHERE address = ?1)";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, address, -1, SQLITE_STATIC);
	rc = read_client(db, stmt, out);
	return rc ? rc : err_set(ENOENT, "no client has the address %s", address);
}

static int
find_id(struct db *db, const struct id *id, struct client *out)
{
	static const char sql[] = CLIENT_COLUMNS " WHERE id = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	db_bind_id(stmt, 1, id);
	rc = read_client(db, stmt, out);
	return rc ? rc : err_set(ENOENT, "no client has that view");
}

int
client_set_head(struct db *db, const char *name, uint64_t head)
{
	sqlite3_stmt *stmt = db_stmt(db, "UPDATE client SET head = ?2 WHERE name = ?1");

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)head);
	return db_run(db, stmt);
}

int
client_head(struct db *db, const struct id *id, uint64_t *out)
{
	sqlite3_stmt *stmt = db_stmt(db, "SELECT head FROM client WHERE id = ?1");
	int rc;

	db_bind_id(stmt, 1, id);
	rc = db_step(db, stmt);
	if (rc == 1)
		*out = (uint64_t)sqlite3_column_int64(stmt, 0);
	db_reset(stmt);
	return rc == 1 ? 0 : rc < 0 ? rc : err_set(ENOENT, "no client has that view");
}

int
client_find(struct store *s, const char *name, struct client *out)
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? find_name(db, name, out) : -EIO;

	db_return(store_readers(s), db);
	return rc < 0 ? rc : 0;
}

int
client_find_address(struct store *s, const char *address, struct client *out)
{
	char text[INET6_ADDRSTRLEN];
	struct db *db;
	int rc = normalise(address, text);

	if (rc < 0)
		return rc;
	db = db_lend(store_readers(s));
	rc = db ? find_address(db, text, out) : -EIO;
	db_return(store_readers(s), db);
	return rc < 0 ? rc : 0;
}

int
client_find_id(struct store *s, const struct id *id, struct client *out)
{
	struct db *db = db_lend(store_readers(s));
	int rc = db ? find_id(db, id, out) : -EIO;

	db_return(store_readers(s), db);
	return rc < 0 ? rc : 0;
}

/* All clients, gathered before anybody is told: what hears of one may ask the catalogue again. */
static int
read_clients(struct db *db, struct client **out)
{
	static const char sql[] = CLIENT_COLUMNS " ORDER BY name";
	void *all;
	int rc = 0, n = db_gather(db, db_stmt(db, sql), sizeof(**out), client_column, &all);

	*out = all;
	for (int i = 0; i < n && rc == 0; i++)
		rc = read_rest(db, &(*out)[i]);
	return rc < 0 ? rc : n;
}

int
client_each(struct store *s, client_fn *fn, void *arg)
{
	struct client *all CLEANUP_FREE = NULL;
	struct db *db = db_lend(store_readers(s));
	int rc = 0, n = db ? read_clients(db, &all) : -EIO;

	db_return(store_readers(s), db);
	for (int i = 0; i < n && rc == 0; i++)
		rc = fn(arg, &all[i]);
	return n < 0 ? n : rc;
}

/* --- adding --- */

static int
check_name_free(struct db *db, const char *name)
{
	static const char sql[] = "SELECT 1 FROM client WHERE name = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc == 1 ? err_set(EEXIST, "there is a client %s already", name) : rc;
}

static int
insert_address(struct db *db, const char *client, const char *address)
{
	static const char find[] = "SELECT client FROM client_address WHERE address = ?1";
	static const char add[] = "INSERT INTO client_address(address, client) VALUES(?1, ?2)";
	sqlite3_stmt *stmt = db_stmt(db, find);
	int rc;

	sqlite3_bind_text(stmt, 1, address, -1, SQLITE_STATIC);
	rc = db_step(db, stmt);
	if (rc == 1)
		rc = err_set(EEXIST, "the address %s belongs to client %s already", address,
		    (const char *)sqlite3_column_text(stmt, 0));
	db_reset(stmt);
	if (rc < 0)
		return rc;
	stmt = db_stmt(db, add);
	sqlite3_bind_text(stmt, 1, address, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, client, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

static int
insert_client(struct db *db, const struct client *c)
{
	static const char sql[] =
	    "INSERT INTO client(name, id, key, incarnation, image, image_id, head, any_address,"
	    " created) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, c->name, -1, SQLITE_STATIC);
	db_bind_id(stmt, 2, &c->id);
	db_bind_str(stmt, 3, (struct str){ (const char *)c->key, sizeof(c->key) });
	sqlite3_bind_int64(stmt, 4, c->incarnation);
	sqlite3_bind_text(stmt, 5, c->image, -1, SQLITE_STATIC);
	db_bind_id(stmt, 6, &c->image_id);
	sqlite3_bind_int64(stmt, 7, (int64_t)c->head);
	sqlite3_bind_int(stmt, 8, c->any_address);
	sqlite3_bind_int64(stmt, 9, c->created);
	return db_run(db, stmt);
}

/* The image may have been removed, or another one have got its name, since it was looked at. */
static int
check_image(struct db *db, const struct client *c)
{
	static const char sql[] = "SELECT 1 FROM image WHERE name = ?1 AND id = ?2";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_text(stmt, 1, c->image, -1, SQLITE_STATIC);
	db_bind_id(stmt, 2, &c->image_id);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc == 0 ? err_set(ENOENT, "there is no image %s", c->image) : rc < 0 ? rc : 0;
}

struct addition {
	struct client client;
	uint32_t next_ino;
};

struct additions {
	struct addition *all;
	int n;
};

static int
add_one(struct db *db, struct addition *addition)
{
	struct client *c = &addition->client;
	int rc;

	if ((rc = check_name_free(db, c->name)) < 0 || (rc = check_image(db, c)) < 0 ||
	    (rc = layer_create(db, c->head, 0, &c->image_id, addition->next_ino)) < 0)
		return rc;
	for (int i = 0; i < c->naddresses && rc == 0; i++)
		rc = insert_address(db, c->name, c->addresses[i]);
	return rc < 0 ? rc : insert_client(db, c);
}

static int
add(struct db *db, void *arg)
{
	const struct additions *a = arg;
	int rc = 0;

	for (int i = 0; i < a->n && rc == 0; i++)
		rc = add_one(db, &a->all[i]);
	return rc;
}

/* Checks what was asked for, and makes what is the client's own. */
static int
prepare(const struct client_options *o, struct client *c)
{
	int rc = name_check("a client", o->name);

	if (rc < 0)
		return rc;
	if (o->naddresses > CLIENT_ADDRESSES)
		return err_set(
		    EINVAL, "client %s: at most %d addresses", o->name, CLIENT_ADDRESSES);
	snprintf(c->name, sizeof(c->name), "%s", o->name);
	snprintf(c->image, sizeof(c->image), "%s", o->image);
	c->any_address = o->any_address;
	c->incarnation = 1;
	c->created = time(NULL);
	for (; c->naddresses < o->naddresses; c->naddresses++) {
		char *address = c->addresses[c->naddresses];

		if ((rc = normalise(o->addresses[c->naddresses], address)) < 0 ||
		    (rc = check_caller(address)) < 0 ||
		    (rc = check_once(c, c->naddresses, address)) < 0)
			return rc;
	}
	if (getrandom(c->key, sizeof(c->key), 0) != sizeof(c->key))
		return err_errno("no random bytes for client %s", o->name);
	return id_random(&c->id);
}

static int
prepare_addition(struct store *s, const struct client_options *o, struct addition *out)
{
	struct image_info info;
	struct image *image;
	int rc = prepare(o, &out->client);

	if (rc < 0 || (rc = store_image_find(s, o->image, &info)) < 0 ||
	    (rc = store_image(s, &info.id, &image)) < 0)
		return rc;
	out->client.image_id = info.id;
	out->next_ino = image_last_ino(image) + 1;
	out->client.head = store_new_layer(s);
	image_release(image);
	return 0;
}

int
clients_add(struct store *s, const struct client_options *o, int n)
{
	CLEANUP_FREE struct addition *all = calloc((size_t)n, sizeof(*all));
	struct additions additions = { all, n };
	int rc = all ? 0 : err_set(ENOMEM, "out of memory for %d clients", n);

	for (int i = 0; i < n && rc == 0; i++)
		rc = prepare_addition(s, &o[i], &all[i]);
	return rc < 0 ? rc : store_write(s, add, &additions);
}

int
client_add(struct store *s, const struct client_options *o)
{
	return clients_add(s, o, 1);
}

/* --- removing --- */

/* 1 when another layer or a client lies on the layer, else 0. */
static int
layer_used(struct db *db, uint64_t layer)
{
	static const char sql[] = "SELECT 1 FROM layer WHERE parent = ?1"
				  " UNION ALL SELECT 1 FROM client WHERE head = ?1";
	sqlite3_stmt *stmt = db_stmt(db, sql);
	int rc;

	sqlite3_bind_int64(stmt, 1, (int64_t)layer);
	rc = db_step(db, stmt);
	db_reset(stmt);
	return rc;
}

/* From the head down, until a layer that others need, too. */
static int
drop_chain(struct db *db, uint64_t head)
{
	struct layer *chain CLEANUP_FREE = NULL;
	int n = 0, used = 0, rc = layer_chain(db, head, &chain, &n);

	for (int i = 0; i < n && rc == 0; i++) {
		used = layer_used(db, chain[i].id);
		if (used)
			return used < 0 ? used : 0;
		rc = layer_drop(db, chain[i].id);
	}
	return rc;
}

static int
drop_named(struct db *db, const char *sql, const char *name)
{
	sqlite3_stmt *stmt = db_stmt(db, sql);

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	return db_run(db, stmt);
}

static int
remove_client(struct db *db, void *arg)
{
	static const char addresses[] = "DELETE FROM client_address WHERE client = ?1";
	static const char client[] = "DELETE FROM client WHERE name = ?1";
	struct client c;
	int rc = find_name(db, arg, &c);

	if (rc < 0 || (rc = drop_named(db, addresses, c.name)) < 0 ||
	    (rc = drop_named(db, client, c.name)) < 0)
		return rc;
	return drop_chain(db, c.head);
}

int
client_remove(struct store *s, const char *name)
{
	char copy[sizeof(((struct client *)NULL)->name)];

	if (snprintf(copy, sizeof(copy), "%s", name) >= (int)sizeof(copy))
		return err_set(ENOENT, "there is no client %.80s", name);
	return store_write(s, remove_client, copy);
}
