/*
 * Tree: the names and attributes of an import, gathered in memory in the order in which the source
 * gives them, and written to an image in one canonical order, so that a folder and a tar of the
 * same tree make the same image. About 250 bytes an entry.
 *
 * Functions fail with a sentence that names the path; -ENOMEM alone is no fault of the entry.
 */
#ifndef COW_IMPORT_TREE_H
#define COW_IMPORT_TREE_H

#include "cow/image_writer.h"
#include "cow/import/source.h"

struct tree;
struct tree_file; /* a file of any type, however many names it has */

int tree_open(struct tree **out);
void tree_close(struct tree *);

/* Puts an entry at its path; folders that are missing above it are made (0755 root:root). What is
 * there already is replaced, but a folder keeps its names. content: files. *out is the file.
 * -ENOTDIR: the path leads through what is no folder; -ENAMETOOLONG; -EINVAL: "..", or a root that
 * is no folder; -EEXIST: it would replace a folder with names in it. */
int tree_put(struct tree *, const struct source_entry *, const struct image_content *content,
    struct tree_file **out);
/* Sets an xattr of the file. */
int tree_put_xattr(struct tree *, struct tree_file *, struct str name, struct str value);
/* Another name for a file that is no folder. */
int tree_put_link(struct tree *, struct str path, struct tree_file *);
/* Another name for what lies at target; when nothing does yet, tree_finish looks again. */
int tree_put_link_to(struct tree *, struct str path, struct str target);

/* Files of the source that have several names: remembered and found by the source's numbers. */
int tree_remember(struct tree *, const uint64_t same[2], struct tree_file *);
struct tree_file *tree_recall(const struct tree *, const uint64_t same[2]); /* or NULL */

/* Makes the links that waited. problem is called for each whose target never came. */
int tree_finish(struct tree *, void (*problem)(void *arg, int err), void *arg);
uint64_t tree_count(const struct tree *); /* names */
bool tree_is_empty(const struct tree *);  /* nothing was put, not even the root */

/* Gives all to the writer: a folder's names in byte order, their inodes numbered one after the
 * other, and then its subfolders in the same order. tick is called for each folder; not 0 stops. */
int tree_write(struct tree *, struct image_writer *, int (*tick)(void *arg), void *arg);

#endif
