/*
 * Db: SQLite connections with kept statements. Only this module and the row files (those that
 * include <sqlite3.h>) know SQL. A struct db belongs to one thread at a time; a pool lends them.
 */
#ifndef COW_DB_H
#define COW_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "cow/bytes.h"
#include "cow/file.h"
#include "cow/hash.h"

enum db_mode {
	DB_WRITE,     /* the file exists; WAL, synchronous=FULL */
	DB_CREATE,    /* as DB_WRITE, made if absent */
	DB_READ,      /* read-only beside a writer */
	DB_COPY,      /* as DB_READ, for VACUUM INTO another file */
	DB_IMMUTABLE, /* a sealed file: no locks, no change is looked for */
	DB_SCRATCH,   /* a new private file: no journal, no sync; the maker syncs it at the end */
};

struct db;

/* What SQLite refuses is -ENOSPC, -EBUSY, -ENOMEM, -EEXIST (a constraint), -EPROTO (not a
 * database), or -EIO for the rest, with SQLite's sentence. */
int db_open(const char *path, enum db_mode, struct db **out);
/* The same with every change going through files (db_vfs.c), which must outlive the connection. A
 * sync that failed is final there: all later changes by these files fail with -EIO. */
int db_open_in(struct files *, const char *path, enum db_mode, struct db **out);
void db_close(struct db *);
/* Runs SQL text of one or more statements without results. */
int db_exec(struct db *, const char *sql);

/* A kept prepared statement, reset and unbound. sql must be a string that lives as long as the
 * connection (it is found again by its address). NULL: failed, and the sentence is kept; the other
 * db_ calls take that NULL and fail with -EIO, so that only the last result need be looked at. */
sqlite3_stmt *db_stmt(struct db *, const char *sql);
/* 1: a row is there, 0: done (the statement is reset), -errno. */
int db_step(struct db *, sqlite3_stmt *);
/* Runs a statement that gives no rows, and resets it. */
int db_run(struct db *, sqlite3_stmt *);
/* Reads all rows into a new array of elements of so many bytes, one by fn each: their number, or
 * -errno, fn's too. *out is the caller's to free(3), after a failure as well. */
typedef int db_row_fn(sqlite3_stmt *, void *element);
int db_gather(struct db *, sqlite3_stmt *, size_t size, db_row_fn *, void **out);
/* Ends reading a statement before its last row. */
void db_reset(sqlite3_stmt *);

int db_begin(struct db *);  /* BEGIN IMMEDIATE */
int db_commit(struct db *); /* on failure the transaction is rolled back */
void db_rollback(struct db *);

/* Blob and text columns are bound without copying: they must live until the statement is reset. */
int db_bind_str(sqlite3_stmt *, int i, struct str);
/* Borrowed until the statement's next step; NULL and the empty blob are "". */
struct str db_column_str(sqlite3_stmt *, int i);
/* The same for the 16 bytes of an id; a column that isn't one: -EIO. */
int db_bind_id(sqlite3_stmt *, int i, const struct id *);
int db_column_id(sqlite3_stmt *, int i, struct id *out);

/* A pool of equal connections, opened as needed and at most max of them; db_lend waits for one.
 * files may be NULL. */
struct db_pool;
int db_pool_open(
    struct files *, const char *path, enum db_mode, unsigned max, struct db_pool **out);
void db_pool_close(struct db_pool *);
struct db *db_lend(struct db_pool *); /* NULL: failed, sentence kept */
void db_return(struct db_pool *, struct db *);

#endif
