EXTRA_DIST += docs/architecture.md docs/store-format.md
EXTRA_DIST += docs/decisions/0001-threads-and-locks.md
EXTRA_DIST += docs/decisions/0002-handle-tags.md
dist_man_MANS += docs/rubus.1 docs/rubus.conf.5 docs/rubusd.8
EXTRA_DIST += docs/decisions/0003-block-size.md
EXTRA_DIST += docs/performance.md docs/decisions/0004-privileges.md
EXTRA_DIST += docs/decisions/0005-gathered-writes.md docs/decisions/0006-memory.md docs/decisions/0007-mounts.md
EXTRA_DIST += docs/classroom.md docs/decisions/0008-disk-images.md docs/decisions/0009-prepare-and-identity.md
