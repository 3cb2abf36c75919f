noinst_LIBRARIES += cow/libcow.a
cow_libcow_a_SOURCES = \
	cow/batch.c cow/batch.h cow/batch_commit.c cow/batch_priv.h \
	cow/cache.c cow/cache.h \
	cow/change.c cow/change.h cow/change_apply.c \
	cow/blkindex.c cow/blkindex.h \
	cow/block.c cow/block.h cow/block_priv.h \
	cow/block_append.c cow/block_collect.c cow/block_cut.c cow/block_read.c \
	cow/bytes.h \
	cow/cleanup.h \
	cow/backup.c cow/backup.h \
	cow/carry.c cow/carry.h \
	cow/client.c cow/client.h cow/client_change.c cow/client_fact.c cow/client_mark.c cow/client_priv.h cow/clone.c cow/commit.c cow/commit.h \
	cow/gc.c cow/gc.h cow/gc_priv.h cow/gc_blocks.c cow/gc_layers.c cow/gc_space.c \
	cow/check.c cow/check.h cow/check_priv.h cow/check_blocks.c cow/check_paths.c \
	cow/check_repair.c cow/check_rows.c \
	cow/diff.c cow/diff.h \
	cow/flatten.c cow/flatten.h \
	cow/keep.c cow/keep.h \
	cow/db.c cow/db.h \
	cow/dirent.c cow/dirent.h \
	cow/db_vfs.c cow/db_vfs.h \
	cow/err.c cow/err.h \
	cow/export.c cow/export.h cow/export_acl.c cow/export_acl.h \
	cow/extent.c cow/extent.h \
	cow/file.c cow/file.h \
	cow/format.h \
	cow/hash.c cow/hash.h \
	cow/idmap.c cow/idmap.h \
	cow/image.c cow/image.h \
	cow/image_catalogue.c \
	cow/image_content.c cow/image_content.h \
	cow/image_writer.c cow/image_writer.h \
	cow/import/import.c cow/import/import.h \
	cow/import/gunzip.c cow/import/gunzip.h \
	cow/import/path.c cow/import/path.h \
	cow/import/disk.c cow/import/disk.h cow/import/ext.c cow/import/ext.h \
	cow/import/fat.c cow/import/fat.h cow/import/source_image.c \
	cow/import/unpack.c cow/import/unpack.h \
	cow/import/receive.c cow/import/receive.h \
	cow/import/source.h cow/import/source_dir.c cow/import/source_tar.c \
	cow/import/tar_acl.c cow/import/tar_acl.h \
	cow/import/tree.c cow/import/tree.h \
	cow/import/tree_priv.h cow/import/tree_write.c \
	cow/import/walk.c cow/import/walk.h \
	cow/inode.c cow/inode.h \
	cow/layer.c cow/layer.h \
	cow/listing.c cow/listing.h \
	cow/lease.c cow/lease.h \
	cow/send.c cow/send.h cow/stream.c cow/stream.h \
	cow/segment.c cow/segment.h \
	cow/segment_scan.c cow/segment_table.c \
	cow/revert.c cow/revert.h \
	cow/snapshot.c cow/snapshot.h \
	cow/store.c cow/store.h cow/store_priv.h \
	cow/store_freeze.c cow/store_import.c cow/store_make.c cow/store_open.c cow/store_setting.c cow/store_sweep.c \
	cow/store_upgrade.c \
	cow/xattr.c cow/xattr.h \
	cow/names.c cow/names.h \
	cow/perm.c cow/perm.h \
	cow/view.c cow/view.h cow/view_priv.h \
	cow/view_attr.c cow/view_cut.c cow/view_data.c cow/view_dir.c cow/view_filter.c \
	cow/view_flat.c cow/view_flat.h cow/view_hold.c cow/view_name.c \
	cow/view_names.c cow/view_node.c cow/view_piece.c \
	cow/view_rename.c cow/view_run.c cow/view_share.c cow/view_xattr.c

# Schemas as C strings: schema_store and schema_image.
EXTRA_DIST += cow/schema_store.sql cow/schema_image.sql
BUILT_SOURCES += cow/schema_store.h cow/schema_image.h
CLEANFILES += cow/schema_store.h cow/schema_image.h
schema_h = $(MKDIR_P) cow && \
	{ echo "static const char $$(basename $@ .h)[] ="; \
	  sed -e 's/[\\"]/\\&/g' -e 's/.*/	"&\\n"/' $$sql; echo '	;'; } >$@.tmp && mv $@.tmp $@
cow/schema_store.h: cow/schema_store.sql
	$(AM_V_GEN)sql=$(srcdir)/cow/schema_store.sql; $(schema_h)
cow/schema_image.h: cow/schema_image.sql
	$(AM_V_GEN)sql=$(srcdir)/cow/schema_image.sql; $(schema_h)
