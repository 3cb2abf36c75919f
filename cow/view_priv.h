/*
 * What the files of the view share.
 *
 * Lock order: view->lock, then the image's cache, the block store, the batch. The committer never
 * takes view->lock but to make it stale, with no other lock held.
 *
 * An operation: view_begin; look at everything that can fail; then change nodes, names and runs,
 * each with its row; view_finish adds the rows to the batch; view_end.
 */
#ifndef COW_VIEW_PRIV_H
#define COW_VIEW_PRIV_H

#include <pthread.h>
#include <sys/stat.h>

#include "cow/layer.h"
#include "cow/lease.h"
#include "cow/names.h"
#include "cow/perm.h"
#include "cow/view.h"

#define BELOW_ALL   0xffffffffu
#define CHANGED_MAX 8

/* A run of a file's extents in memory. */
struct run {
	uint32_t run;
	bool dirty;       /* differs from its row */
	uint32_t own;     /* bit i: block i was put by the head */
	struct extent *e; /* NULL: the image's, as it is */
};

/* A piece of a block that was written and is in no block yet: [from, to) of buf counts. */
struct piece {
	struct piece *next;
	uint32_t block, from, to;
	uint8_t buf[];
};

/* An inode that differs from the image's, or is about to; or a folder or file of the layers. */
struct node {
	struct node *chain;
	struct inode i;
	char *target; /* symlinks */
	uint32_t ntarget;
	uint64_t ticket; /* the last batch with a row of it */
	bool dirty;      /* i or a run differs from the rows; pieces wait */
	bool in_head;    /* the head has a row */
	bool beneath;    /* something under the head has this inode */
	bool used;       /* since the last trim */
	uint32_t cuts;   /* as the view's when it was last looked at: node_sink */
	bool has_names;
	bool complete;  /* every run that the chain has is in memory */
	bool orphan;    /* without a name, but held: its rows are gone, nothing of it is written */
	uint32_t shows; /* orphans: from this block on the image isn't seen */
	bool has_xattrs;
	struct xattr *xattrs;
	struct names names;
	uint32_t cut;     /* the head's rows on disk of runs from here on are not to be believed */
	struct run *runs; /* by run */
	uint32_t nruns, runs_size;
	struct piece *pieces;
};

/* Inodes of which a layer can have a row; bits NULL: nothing is known. */
struct filter {
	uint8_t *bits;
	uint32_t mask;
};

struct view {
	struct store *store;
	struct image *image;
	struct blocks *blocks;
	struct batch *batch;
	struct lease *lease; /* of a client's head that may be changed */
	uint32_t incarnation;
	struct id client;
	uint64_t head_id;
	uint32_t last_golden, block_size;

	pthread_mutex_t lock; /* for all that follows */
	struct layer *layers; /* the chain, head first */
	int nlayers;
	struct filter *filters; /* of layers */
	int nfilters;
	uint64_t cut_ticket; /* of the last cut */
	uint32_t cuts;       /* how many there were */
	uint8_t *touched;    /* bit per golden inode: the chain has a row for it */
	uint32_t next_ino;
	uint64_t files, bytes; /* the head's counters */
	uint64_t quota;        /* 0: none */
	bool later;            /* nobody waits for its changes to be durable */
	struct node **buckets;
	uint32_t nbuckets, nnodes;
	uint64_t memory;
	uint64_t limit; /* of memory, at which a call makes room; 0: none */
	uint64_t piece_bytes;
	uint32_t ndirty;        /* nodes that are dirty */
	bool stale;             /* memory holds what the disk doesn't: load again */
	struct hold *holds[64]; /* by inode number; they outlive what memory forgets */
	struct change *change;
	struct node *changed[CHANGED_MAX];
	int nchanged;
};

/* --- view.c --- */
int view_begin(struct view *); /* locked on 0 only */
/* The same for what changes something: -EROFS in a view that only looks. */
int view_begin_change(struct view *);
void view_end(struct view *);
/* Adds the gathered rows to the batch. op may be NULL (nobody waits for a reply). */
int view_finish(struct view *, struct view_op *op);
/* Memory can't be trusted any more; returns err. */
int view_broken(struct view *, int err);
void view_attr_of(const struct inode *, struct view_attr *out);
/* -EDQUOT: so many bytes more would be too many. */
int view_room(const struct view *, uint64_t bytes);
/* -ENOSPC: the disk hasn't got room for the rows of one more inode with so many bytes. */
int view_rows_room(const struct view *, uint64_t bytes);
/* What of the quota is used: bytes of blocks, and a share for each row of an inode. */
uint64_t view_used(const struct view *);
/* Rows of every node that is dirty go into the batch. */
int view_flush_rows(struct view *);
int64_t view_now(void);
/* Raises mtime and ctime (or ctime alone) to now; a ctime always grows, so that a client sees each
 * change. */
void view_touch(struct node *, bool mtime);

/* --- view_cut.c --- */
/* What the head said of the node is said from beneath, since there was a cut. */
void node_sink(struct node *);

/* --- view_filter.c --- */
bool filter_may_have(const struct view *, int layer, uint32_t ino);
int filters_build(struct view *, struct db *); /* those that are worth it */
void filters_drop(struct view *, int from);
int filters_room(struct view *); /* for all layers */

/* --- view_node.c --- */
bool node_golden(const struct view *, uint32_t ino); /* exactly as in the image */
/* Attributes without making a node of what is golden. -ESTALE. */
int node_attr(struct view *, uint32_t ino, struct inode *out);
/* The node, made from the image's row if need be. */
int node_get(struct view *, uint32_t ino, struct node **out);
/* A new inode, numbered; filled in but for what `like` gives. */
int node_create(struct view *, const struct inode *like, struct str target, struct node **out);
/* Its row goes into the change. */
int node_changed(struct view *, struct node *);
/* Its last name is gone: rows and memory. */
int node_drop(struct view *, struct node *);
/* Nobody holds the inode any more. */
void node_unheld(struct view *, uint32_t ino);
void node_forget(struct view *, struct node *); /* from memory only */
void node_forget_all(struct view *);
void node_set_dirty(struct view *, struct node *, bool dirty);

/* --- view_names.c: a folder's merged names --- */
struct dir { /* a folder that is being looked at */
	uint32_t ino;
	struct inode i;
	struct node *node;              /* NULL: golden */
	const struct image_dir *golden; /* NULL: it has none */
};
int dir_open(struct view *, uint32_t ino, struct dir *out); /* -ENOTDIR, -ESTALE */
void dir_close(struct view *, struct dir *);
/* For changing: has a node with its names loaded. */
int dir_own(struct view *, struct dir *);
int dir_find(struct view *, const struct dir *, struct str name, uint32_t *ino); /* -ENOENT */
bool dir_empty(struct view *, const struct dir *);
int dir_set(struct view *, struct dir *, struct str name, uint32_t ino);
int dir_unset(struct view *, struct dir *, struct str name);

/* --- view_name.c: shared with view_rename.c --- */
int name_usable(struct str name);
bool name_is_dots(struct str name);
int name_finish(struct view *, struct view_op *, int err);
/* A folder in which a name is to be made or removed: writable, with its names loaded. */
int dir_open_for_change(
    struct view *, struct view_op *, uint32_t ino, struct dir *, struct view_wcc *);
int dir_room(const struct dir *); /* -ENOSPC: no cookie is left */
/* A changed folder: its times, its row, the attributes after. */
int dir_changed(struct view *, struct dir *, struct view_wcc *);
/* Before node_unlink, what a full disk can stop; what loses its last link needs no room on it. */
int node_unlink_room(struct view *, struct node *);
/* One link less; the last one takes the inode along. */
int node_unlink(struct view *, struct node *);

/* --- view_run.c: a file's blocks --- */
/* The places of `count` blocks from `block` on; node NULL: the image's inode. */
int run_locs(struct view *, uint32_t ino, struct node *, uint32_t block, uint32_t count,
    struct block_loc *out);
/* Ids and places of a whole run; node NULL: the image's inode. */
int run_extent(struct view *, uint32_t ino, struct node *, uint32_t run, struct extent *out);
/* The same, *golden instead where it is the image's as it is. */
int run_differs(struct view *, struct node *, uint32_t run, struct extent *out, bool *golden);
int run_set(
    struct view *, struct node *, uint32_t block, const struct id *, const struct block_loc *);
/* Blocks from `block` on read as zeros. */
int run_cut(struct view *, struct node *, uint32_t block);
/* Reads in all that the chain has rows of, for a file that will soon have none. */
int run_load_all(struct view *, struct node *);
/* Rows of all dirty runs go into the change. */
int run_rows(struct view *, struct node *);
void run_forget(struct view *, struct node *);

/* --- view_piece.c: what is written and in no block yet --- */
int piece_write(
    struct view *, struct node *, uint32_t block, uint32_t from, uint32_t to, const void *);
/* Lays what is waiting over the bytes [off, off + n) of the file that p holds. */
void piece_overlay(const struct view *, const struct node *, uint64_t off, uint8_t *p, uint32_t n);
bool piece_any(const struct node *);
void piece_drop(struct view *, struct node *, uint32_t block);
/* Puts them all into blocks. */
int piece_flush(struct view *, struct node *);
void piece_cut(struct view *, struct node *, uint64_t size);
void piece_forget(struct view *, struct node *);

/* --- view_hold.c: files that are open somewhere --- */
bool node_held(struct view *, const struct node *);
void hold_forget_all(struct view *);

/* --- view_xattr.c --- */
void xattr_forget(struct view *, struct node *);
/* Calls fn for each of which a layer says something that differs from the image. */
int xattr_flat(struct view *, struct node *,
    int (*fn)(void *arg, uint32_t ino, struct str name, const struct str *value), void *arg);
/* What the head said of them is now said from beneath. */
void xattr_sink(struct node *);

/* --- view_data.c --- */
/* After it, no piece waits. On a full disk it fails before it changed anything; to 0 it can't. */
int data_truncate(struct view *, struct node *, uint64_t size);
/* Rows of everything that waits: pieces, runs, attributes. */
int data_flush(struct view *, struct node *);

#endif
