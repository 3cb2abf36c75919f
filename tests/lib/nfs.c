/*
 * An NFS client for shell tests, by libnfs: no root and no mount is needed.
 *
 *   nfs PORT EXPORT COMMAND ARGUMENT...
 *
 * A command that waits ("follow") keeps its mount, so that a test can restart the server meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <nfsc/libnfs.h>

struct command {
	const char *name;
	int nargs;
	int (*run)(struct nfs_context *, char **args);
};

static int
fail(struct nfs_context *nfs, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, nfs_get_error(nfs));
	return 1;
}

static int
list(struct nfs_context *nfs, char **args)
{
	struct nfsdir *dir;
	struct nfsdirent *e;

	if (nfs_opendir(nfs, args[0], &dir) < 0)
		return fail(nfs, args[0]);
	while ((e = nfs_readdir(nfs, dir)) != NULL) {
		if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
			puts(e->name);
	}
	nfs_closedir(nfs, dir);
	return 0;
}

static int
cat(struct nfs_context *nfs, char **args)
{
	struct nfsfh *file;
	char buf[65536];
	int n;

	if (nfs_open(nfs, args[0], O_RDONLY, &file) < 0)
		return fail(nfs, args[0]);
	while ((n = nfs_read(nfs, file, sizeof(buf), buf)) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	nfs_close(nfs, file);
	return n < 0 ? fail(nfs, args[0]) : 0;
}

static int
put(struct nfs_context *nfs, char **args)
{
	struct nfsfh *file;
	int n;

	if (nfs_creat(nfs, args[0], 0644, &file) < 0)
		return fail(nfs, args[0]);
	n = nfs_write(nfs, file, strlen(args[1]), args[1]);
	if (n >= 0)
		n = nfs_fsync(nfs, file);
	nfs_close(nfs, file);
	return n < 0 ? fail(nfs, args[0]) : 0;
}

static int
remove_file(struct nfs_context *nfs, char **args)
{
	return nfs_unlink(nfs, args[0]) < 0 ? fail(nfs, args[0]) : 0;
}

static int
make_folder(struct nfs_context *nfs, char **args)
{
	return nfs_mkdir(nfs, args[0]) < 0 ? fail(nfs, args[0]) : 0;
}

/* Reads lines from standard input, each the name of a file, and answers with what is in it: with
 * one mount, and one open file that stays the same. */
static int
follow(struct nfs_context *nfs, char **args)
{
	struct nfsfh *file;
	char line[256], buf[4096];
	int n;

	if (nfs_open(nfs, args[0], O_RDONLY, &file) < 0)
		return fail(nfs, args[0]);
	while (fgets(line, sizeof(line), stdin)) {
		n = nfs_pread(nfs, file, 0, sizeof(buf), buf);
		if (n < 0)
			return fail(nfs, args[0]);
		fwrite(buf, 1, (size_t)n, stdout);
		putchar('\n');
		fflush(stdout);
	}
	nfs_close(nfs, file);
	return 0;
}

static const struct command commands[] = {
	{ "list", 1, list },
	{ "cat", 1, cat },
	{ "put", 2, put },
	{ "remove", 1, remove_file },
	{ "mkdir", 1, make_folder },
	{ "follow", 1, follow },
};

static int
run(struct nfs_context *nfs, const char *name, int nargs, char **args)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0 && commands[i].nargs == nargs)
			return commands[i].run(nfs, args);
	}
	fprintf(stderr, "nfs: bad command %s\n", name);
	return 2;
}

int
main(int argc, char **argv)
{
	char url[512];
	struct nfs_context *nfs;
	struct nfs_url *parsed;
	int status;

	if (argc < 4)
		return 2;
	nfs = nfs_init_context();
	snprintf(url, sizeof(url),
	    "nfs://127.0.0.1%s/?nfsport=%s&mountport=%s&uid=0&gid=0&version=3", argv[2], argv[1],
	    argv[1]);
	parsed = nfs ? nfs_parse_url_dir(nfs, url) : NULL;
	if (!parsed)
		return 2;
	if (nfs_mount(nfs, parsed->server, argv[2]) < 0)
		status = fail(nfs, argv[2]);
	else
		status = run(nfs, argv[3], argc - 4, argv + 4);
	nfs_destroy_url(parsed);
	nfs_destroy_context(nfs);
	return status;
}
