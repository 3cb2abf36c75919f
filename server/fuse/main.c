/*
 * rubus-fuse: a view, mounted on a folder of this machine. Run by `rubus mount`, whose words it
 * uses for its messages.
 *
 * The order: to the background; see whether it will do; mount, which takes privileges or
 * fusermount3's; give these up; only then open the store. The mount goes with the process: another
 * one waits for its end and unmounts, be it killed.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "cow/cleanup.h"
#include "cow/err.h"
#include "server/fuse/daemon.h"
#include "server/fuse/keeper.h"
#include "server/fuse/ops.h"
#include "server/fuse/unmounter.h"
#include "server/localmount.h"
#include "server/named.h"
#include "server/sandbox.h"
#include <config.h>

#define EXIT_FATAL   70   /* the store failed; what is on disk is whole */
#define LOOK_SECONDS 3600 /* what is only looked at doesn't change */

struct options {
	const char *name;
	char *store, *dir; /* absolute, when resolved */
	bool write, foreground;
};

static const char usage_text[] = "Usage: rubus-fuse --store DIR [--write] [--foreground] NAME DIR\n"
				 "rubus mount does this for you.\n";

static const struct option long_options[] = {
	{ "store", required_argument, NULL, 's' },
	{ "write", no_argument, NULL, 'w' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL },
};

/* -1: go on; else the exit status. */
static int
read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 's':
			o->store = optarg;
			break;
		case 'w':
			o->write = true;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		case 'v':
			puts("rubus-fuse " PACKAGE_VERSION);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (o->store && optind + 2 == argc) {
		o->name = argv[optind];
		o->dir = argv[optind + 1];
		return -1;
	}
	fputs(usage_text, stderr);
	return 2;
}

static int
complain(int err)
{
	fprintf(stderr, "rubus: %s%s\n", err_text(err),
	    err == -EACCES ? ": run this as root (sudo), or name a store of your own by --store"
			   : "");
	return 1;
}

/* The store, since we leave this folder, and DIR as it will be found in the list of mounts. */
static int
resolve(struct options *o)
{
	const char *dir = o->dir, *store = o->store;
	struct stat st;

	o->dir = NULL;
	o->store = realpath(store, NULL);
	if (!o->store)
		return errno == ENOENT ? err_set(ENOENT, "there is no store at %s", store)
				       : err_errno("%s", store);
	o->dir = realpath(dir, NULL);
	if (!o->dir && errno == ENOTCONN)
		return err_set(ENOTCONN,
		    "%s: what was mounted there has died: rubus umount %s lets go of it", dir, dir);
	if (!o->dir)
		return err_errno("%s", dir);
	if (stat(o->dir, &st) < 0)
		return err_errno("%s", dir);
	return S_ISDIR(st.st_mode) ? 0 : err_set(ENOTDIR, "%s is not a folder", dir);
}

/* The source that the list of mounts shows names the process, for rubus umount waits for its end.
 * What is in a view is a stranger's: no set-user-id and no devices. */
static int
make_session(const struct options *o, struct mounted *m, struct fuse_session **out)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char text[512];

	snprintf(text, sizeof(text),
	    "fsname=rubus:%s:%ld,subtype=" LOCALMOUNT_SUBTYPE
	    ",nosuid,nodev,default_permissions%s%s",
	    o->name, (long)getpid(), geteuid() == 0 ? ",allow_other" : "", o->write ? "" : ",ro");
	if (fuse_opt_add_arg(&args, "rubus-fuse") < 0 || fuse_opt_add_arg(&args, "-o") < 0 ||
	    fuse_opt_add_arg(&args, text) < 0)
		return -ENOMEM;
	*out = fuse_session_new(&args, &ops_table, sizeof(ops_table), m);
	fuse_opt_free_args(&args);
	return *out ? 0 : err_set(EIO, "libfuse refuses %s", text);
}

/* From the committer: the loop's thread waits for a signal. */
static void
on_fatal(void *arg, const char *why)
{
	*(volatile bool *)arg = true;
	syslog(LOG_ERR, "the store can't go on: %s", why);
	kill(getpid(), SIGTERM);
}

static int
serve(struct fuse_session *session, const struct options *o, struct mounted *m, struct daemon *d)
{
	struct fuse_loop_config *loop = fuse_loop_cfg_create();
	struct keeper *keeper = NULL;
	bool fatal = false;
	int err = loop ? keeper_start(m, &keeper) : -ENOMEM;

	if (err < 0) {
		fuse_loop_cfg_destroy(loop);
		return complain(err);
	}
	store_on_fatal(m->store, on_fatal, &fatal);
	if (o->foreground)
		fprintf(stderr, "rubus-fuse: mounted %s on %s\n", o->name, o->dir);
	daemon_ready(d);
	fuse_session_loop_mt(session, loop);
	fuse_loop_cfg_destroy(loop);
	keeper_stop(keeper);
	store_on_fatal(m->store, NULL, NULL);
	return fatal ? EXIT_FATAL : 0;
}

/* When the kernel's requests have ended, and before those who come too late would wait for us. */
static int
finish(const struct options *o, struct mounted *m, int status)
{
	int err = o->write ? view_flush(m->view) : 0;

	if (err < 0) {
		syslog(LOG_ERR, "%s: what was written last is lost: %s", o->name, err_text(err));
		status = EXIT_FATAL;
	}
	view_close(m->view);
	store_close(m->store);
	return status;
}

/* Before there is a mount that would have to go again. In a process of its own, which can give up
 * what mounting takes. */
static int
check(const struct options *o, const struct named *name)
{
	pid_t pid = fork();
	int err, status = 1;

	if (pid < 0)
		return complain(err_errno("starting a process"));
	if (pid == 0) {
		err = sandbox_enter(o->store, 0);
		if (err == 0)
			err = check_named_view(o->store, name, o->write);
		_exit(err < 0 ? complain(err) : 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int
run(struct options *o, const struct named *name)
{
	struct mounted m = { .write = o->write, .timeout = o->write ? 1 : LOOK_SECONDS };
	struct daemon d = { -1 };
	struct fuse_session *session = NULL;
	int status = 1, err = o->foreground ? 0 : daemon_begin(&d);

	if (err < 0)
		return complain(err);
	if (check(o, name) != 0)
		return 1;
	err = unmounter_start(o->dir);
	if (err == 0)
		err = make_session(o, &m, &session);
	if (err < 0)
		return complain(err);
	/* what libfuse says of a failure to mount is on standard error already */
	if (fuse_set_signal_handlers(session) == 0 && fuse_session_mount(session, o->dir) == 0) {
		err = chdir("/") < 0 ? err_errno("/") : sandbox_enter(o->store, 0);
		if (err == 0)
			err = open_named_view(o->store, name, o->write, &m.store, &m.view);
		status = err < 0 ? complain(err) : serve(session, o, &m, &d);
	}
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	return m.view ? finish(o, &m, status) : status;
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	struct named name;
	int status = read_options(argc, argv, &o), err;

	if (status >= 0)
		return status;
	openlog("rubus-fuse", LOG_PID, LOG_DAEMON);
	signal(SIGXFSZ, SIG_IGN);
	err = named_parse(o.name, &name);
	if (err < 0)
		return complain(err);
	err = resolve(&o);
	status = err < 0 ? complain(err) : run(&o, &name);
	free(o.store);
	free(o.dir);
	return status;
}
