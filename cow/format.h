/*
 * Format: the constants of what lies on disk outside of SQLite: the segments.
 *
 *   segments/<sequence>-<epoch>.seg      8 hex digits each
 *
 *   0         48                                    a multiple of 8
 *   +---------+-------+---------------+-----+-------+---------------+-----+
 *   | segment | block | bytes         | pad | block | bytes         | pad | ...
 *   | head    | head  | (stored many) | 0-7 | head  |               |     |
 *   +---------+-------+---------------+-----+-------+---------------+-----+
 *
 *   segment head                             block head
 *    0  8  magic "RUBUSseg"                   0  4  magic "RBLK"
 *    8  4  version                            4  4  stored: length of the bytes
 *   12  4  zero                               8 16  id
 *   16 16  id of the store                   24  8  check of bytes 0-23, then the bytes
 *   32  4  sequence                          32
 *   36  4  epoch
 *   40  8  check of bytes 0-39
 *   48
 *
 * Integers are little-endian, checks XXH3-64. A block's check is seeded with the segment's check
 * plus the offset of the block's head, so that bytes which merely look like a block (a file's
 * contents, a copy at another place) are not taken for one by a scan. The zeros at the end of a
 * block are not stored. An index row's offset is that of the bytes, not of their head.
 */
#ifndef COW_FORMAT_H
#define COW_FORMAT_H

#define FORMAT_SEGMENTS_DIR      "segments"
#define FORMAT_SEGMENT_NAME      "%08x-%08x.seg" /* sequence, epoch */
#define FORMAT_SEGMENT_NAME_SIZE 22              /* with the NUL */

#define FORMAT_SEGMENT_MAGIC   "RUBUSseg"
#define FORMAT_SEGMENT_VERSION 1u
#define FORMAT_SEGMENT_HEAD    48u
#define FORMAT_SEGMENT_STORE   16u
#define FORMAT_SEGMENT_SEQ     32u
#define FORMAT_SEGMENT_EPOCH   36u
#define FORMAT_SEGMENT_CHECK   40u

#define FORMAT_BLOCK_MAGIC  0x4b4c4252u /* "RBLK" */
#define FORMAT_BLOCK_HEAD   32u
#define FORMAT_BLOCK_STORED 4u
#define FORMAT_BLOCK_ID     8u
#define FORMAT_BLOCK_CHECK  24u
#define FORMAT_BLOCK_ALIGN  8u
#define FORMAT_BLOCK_MAX    65536u /* the largest block size, so the most that stored can be */

#endif
