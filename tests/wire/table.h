/*
 * Table: NFS and MOUNT as a test has them: all rows with the true codecs, and handlers that answer
 * from their arguments alone, so that a reply shows what was decoded.
 */
#ifndef TESTS_WIRE_TABLE_H
#define TESTS_WIRE_TABLE_H

#include "rpc/program.h"

#define TABLE_PROGRAMS 2

extern const struct rpc_program *const table_programs[TABLE_PROGRAMS];

#endif
