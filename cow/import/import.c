/*
 * The importer: files' bytes go to the store as the source gives them, names and attributes are
 * gathered in a tree; when all is there, the tree is written and published.
 */
#include "cow/import/import.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "cow/err.h"
#include "cow/import/path.h"
#include "cow/import/tree.h"
#include "cow/view.h"

#define TICK_NS 200000000u

struct import {
	const struct import_options *options;
	struct source *source;
	struct image_writer *writer;
	struct tree *tree;
	struct import_progress progress;
	uint64_t ticked; /* when progress was told last */
	uint32_t problems;
};

static int
tell(struct import *im)
{
	im->progress.source_done = im->source->done;
	im->progress.source_total = im->source->total;
	if (im->options->progress && im->options->progress(im->options->arg, &im->progress) != 0)
		return err_set(ECANCELED, "the import was stopped");
	return 0;
}

/* Called often; tells of the progress when it is time. */
static int
tick(void *arg)
{
	struct import *im = arg;
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	if (ns - im->ticked < TICK_NS)
		return 0;
	im->ticked = ns;
	return tell(im);
}

static void
problem(void *arg, int err)
{
	struct import *im = arg;

	im->problems++;
	if (im->options->problem)
		im->options->problem(im->options->arg, err_text(err));
}

/* What a source or tree failed with: names the entry's fault and gives 0, or it is more than
 * that. */
static int
fault(struct import *im, int err)
{
	if (err >= 0 || err == -ENOMEM || err == -EPIPE || err == -ECANCELED)
		return err;
	problem(im, err);
	return 0;
}

static int
bad(const struct source_entry *e, int err, const char *what)
{
	char shown[PATH_SHOWN];

	return err_set(err, "%s: %s", path_show(e->path, shown), what);
}

/* Takes the file's bytes. *bad_entry: a fault of the entry, which is then left out; the result is
 * one of the store's, or -ECANCELED. */
static int
take_content(
    struct import *im, const struct source_entry *e, struct image_content *out, int *bad_entry)
{
	struct image_contents *contents = image_writer_contents(im->writer);
	struct source_piece piece;
	int err = 0;

	*bad_entry = e->attr.size > VIEW_FILE_MAX ? bad(e, EFBIG, "it is larger than 8 TiB") : 0;
	while (!err && !*bad_entry) {
		*bad_entry = im->source->ops->read(im->source, &piece);
		if (*bad_entry || piece.n == 0)
			break;
		err = piece.p ? image_contents_data(contents, piece.p, piece.n)
			      : image_contents_hole(contents, piece.n);
		im->progress.bytes += piece.n;
		if (!err)
			err = tick(im);
	}
	if (err)
		return err;
	return *bad_entry ? image_contents_drop(contents) : image_contents_end(contents, out);
}

static int
put_xattr(void *arg, struct str name, struct str value)
{
	void **both = arg;

	return tree_put_xattr(both[0], both[1], name, value);
}

static int
put_file(struct import *im, const struct source_entry *e)
{
	struct image_content content = { 0 };
	struct tree_file *file = NULL;
	int bad_entry = 0, err = 0;

	if (S_ISREG(e->attr.mode))
		err = take_content(im, e, &content, &bad_entry);
	if (err)
		return err;
	if (!bad_entry)
		bad_entry = tree_put(im->tree, e, &content, &file);
	if (!bad_entry && (e->same[0] || e->same[1]))
		bad_entry = tree_remember(im->tree, e->same, file);
	if (!bad_entry)
		bad_entry =
		    im->source->ops->xattrs(im->source, put_xattr, (void *[]){ im->tree, file });
	return fault(im, bad_entry);
}

static int
put_entry(struct import *im, const struct source_entry *e)
{
	struct tree_file *known = NULL;

	if (e->same[0] || e->same[1])
		known = tree_recall(im->tree, e->same);
	if (e->link.n)
		return fault(im, tree_put_link_to(im->tree, e->path, e->link));
	if (known)
		return fault(im, tree_put_link(im->tree, e->path, known));
	return put_file(im, e);
}

static int
gather(struct import *im)
{
	struct source_entry e;
	int err = 0, got = 1;

	while (!err && got != 0) {
		got = im->source->ops->next(im->source, &e);
		if (got == 1)
			err = put_entry(im, &e);
		else
			err = fault(im, got);
		im->progress.entries = tree_count(im->tree);
		if (!err)
			err = tick(im);
	}
	return err ? err : tree_finish(im->tree, problem, im);
}

static int
run(struct import *im, const char *name, struct import_result *out)
{
	int err = gather(im);

	if (err)
		return err;
	if (im->problems && !im->options->skip_errors)
		return err_set(EINVAL, "%u %s of %s can't be imported", im->problems,
		    im->problems == 1 ? "entry" : "entries", name);
	if (tree_is_empty(im->tree))
		return err_set(EINVAL, "%s: there is nothing in it", name);
	err = tree_write(im->tree, im->writer, tick, im);
	if (!err)
		err = tell(im);
	if (!err)
		err = image_writer_publish(im->writer, im->options->name, &out->id);
	image_writer_totals(im->writer, &out->totals);
	out->skipped = im->problems;
	return err;
}

/* What it is, is told by what is in it. */
static int
open_source(struct store *store, const char *path, bool cross, struct source **out)
{
	struct stat st;
	int is_image;

	if (strcmp(path, "-") == 0)
		return source_tar_open(path, out);
	if (stat(path, &st) != 0)
		return err_errno("can't import %s", path);
	if (S_ISDIR(st.st_mode))
		return source_dir_open(path, cross, out);
	is_image = S_ISREG(st.st_mode) ? source_image_knows(path) : 0;
	if (is_image < 0)
		return is_image;
	return is_image ? source_image_open(path, files_path(store_files(store)), out)
			: source_tar_open(path, out);
}

static int
check_name(struct store *store, const char *name)
{
	struct image_info info;
	int err = name_check("an image", name);

	if (err)
		return err;
	err = store_image_find(store, name, &info);
	if (err == 0)
		return err_set(EEXIST, "there is an image %s already", name);
	return err == -ENOENT ? 0 : err;
}

int
import_run_source(struct store *store, struct source *source, const char *what,
    const struct id *expect, const struct import_options *options, struct import_result *out)
{
	struct import im = { .options = options, .source = source };
	int err = check_name(store, options->name);

	*out = (struct import_result){ 0 };
	if (!err)
		err = tree_open(&im.tree);
	if (!err)
		err = image_writer_open(store, &im.writer);
	source->tick = tick;
	source->tick_arg = &im;
	if (!err && expect)
		image_writer_expect(im.writer, expect);
	if (!err)
		err = run(&im, what, out);
	image_writer_close(im.writer);
	tree_close(im.tree);
	source->ops->close(source);
	return err;
}

int
import_run(struct store *store, const char *path, const struct import_options *options,
    struct import_result *out)
{
	struct source *source;
	int err = check_name(store, options->name);

	*out = (struct import_result){ 0 };
	if (!err)
		err = open_source(store, path, options->cross, &source);
	return err ? err : import_run_source(store, source, path, NULL, options, out);
}
