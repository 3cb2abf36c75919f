/* The configuration: keys, values, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cow/err.h"
#include "server/config.h"

/* Reads the text as a file; the path is kept for messages. */
static int
read_text(struct config *c, const char *text, char path[64])
{
	const char *tmp = getenv("TMPDIR");
	int fd, err;

	snprintf(path, 64, "%s/rubus-conf.XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	err = config_read(c, path);
	unlink(path);
	return err;
}

static void
read_ok(struct config *c, const char *text)
{
	char path[64];

	config_default(c);
	assert_int_equal(read_text(c, text, path), 0);
}

/* Refused with a sentence that begins with the file and ends with this. */
static void
read_refused(const char *text, const char *sentence)
{
	struct config c;
	char path[64], want[512];

	config_default(&c);
	assert_int_equal(read_text(&c, text, path), -EINVAL);
	snprintf(want, sizeof(want), "%s:%s", path, sentence);
	assert_string_equal(err_text(-EINVAL), want);
}

static void
an_empty_file_leaves_the_defaults(void **state)
{
	struct config c;

	(void)state;
	read_ok(&c, "\n# nothing\n; but comments\n");
	assert_int_equal(c.port, 2049);
	assert_true(c.threads >= 4 && c.threads <= 64);
	assert_string_equal(c.listen, "");
	assert_false(c.insecure_ports);
	assert_int_equal(c.max_connections, 1024);
	assert_int_equal(c.address_connections, 64);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
}

static void
every_key_is_read(void **state)
{
	struct config c;

	(void)state;
	read_ok(&c, "listen = 192.0.2.1\nport = 0\nthreads=64\nmemory = 1G\n"
		    "insecure_ports = yes\nmax_connections = 10\naddress_connections = 2\n"
		    "log_level = debug ; with a comment\ndebug = net, peer\n");
	assert_string_equal(c.listen, "192.0.2.1");
	assert_int_equal(c.port, 0);
	assert_int_equal(c.threads, 64);
	assert_int_equal(c.memory, 1ull << 30);
	assert_true(c.insecure_ports);
	assert_int_equal(c.max_connections, 10);
	assert_int_equal(c.address_connections, 2);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c.debug, 1u << LOG_NET | 1u << LOG_PEER);
}

static void
a_wrong_line_is_named(void **state)
{
	(void)state;
	read_refused(
	    "port = 1\n\nthreads = 65\n", "3: threads = 65: must be a number from 1 to 64");
	read_refused("port = 1x\n", "1: port = 1x: must be a number from 0 to 65535");
	read_refused("port = -1\n", "1: port = -1: must be a number from 0 to 65535");
	read_refused(
	    "memory = 1M\n", "1: memory = 1M: must be a size like 256M, from 16M to 16777216M");
	read_refused("memory = 99999999999999999999G\n",
	    "1: memory = 99999999999999999999G: must be a size like 256M, from 16M to 16777216M");
	read_refused("insecure_ports = maybe\n", "1: insecure_ports = maybe: must be yes or no");
	read_refused("listen = fe80::1::2\n",
	    "1: listen = fe80::1::2: must be a numeric IPv4 or IPv6 address");
	read_refused(
	    "log_level = loud\n", "1: log_level = loud: must be error, warning, info or debug");
	read_refused("debug = net, nat\n", "1: debug = net, nat: there is no subsystem nat");
	read_refused("port = 1\nthis is none\n", "2: must be \"key = value\"");
	read_refused("[server]\nport = 1\n", "2: [server]: there are no sections");
}

static void
an_unknown_key_is_named_with_those_that_exist(void **state)
{
	(void)state;
	read_refused("\nport = 1\nprot = 2\n",
	    "3: prot: there is no such key; there are listen, port, threads, memory, "
	    "keep_days, keep_snapshots, tftp, tftp_port, "
	    "insecure_ports, max_connections, address_connections, log_level, debug");
}

static void
a_line_without_end_is_refused(void **state)
{
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	read_refused(text, "1: the line is too long, or not text");
}

static void
what_is_no_text_is_refused(void **state)
{
	static const char bytes[] = "port = 1\n\0\377\n";
	struct config c;
	FILE *file = fopen("config_test.bin", "we");

	(void)state;
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, sizeof(bytes) - 1, 1, file), 1);
	fclose(file);
	config_default(&c);
	assert_int_equal(config_read(&c, "config_test.bin"), -EINVAL);
	unlink("config_test.bin");
	assert_string_equal(
	    err_text(-EINVAL), "config_test.bin:2: the line is too long, or not text");
}

static void
a_folder_is_refused(void **state)
{
	struct config c;

	(void)state;
	config_default(&c);
	assert_int_equal(config_read(&c, "/"), -EISDIR);
}

static void
a_missing_file_is_named(void **state)
{
	struct config c;

	(void)state;
	config_default(&c);
	assert_int_equal(config_read(&c, "/nonexistent/rubus.conf"), -ENOENT);
	assert_string_equal(
	    err_text(-ENOENT), "/nonexistent/rubus.conf: No such file or directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_leaves_the_defaults),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(a_wrong_line_is_named),
		cmocka_unit_test(an_unknown_key_is_named_with_those_that_exist),
		cmocka_unit_test(a_line_without_end_is_refused),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(a_folder_is_refused),
		cmocka_unit_test(a_missing_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
