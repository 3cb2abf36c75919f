noinst_LIBRARIES += cow/libcow.a
cow_libcow_a_SOURCES = \
	cow/batch.h \
	cow/change.c cow/change.h cow/change_sql.c \
	cow/block.h \
	cow/bytes.h \
	cow/cleanup.h \
	cow/client.h \
	cow/db.h \
	cow/err.c cow/err.h \
	cow/extent.h \
	cow/file.h \
	cow/hash.h \
	cow/image.h \
	cow/image_writer.h \
	cow/import/import.h \
	cow/import/source.h \
	cow/inode.h \
	cow/layer.h \
	cow/store.h \
	cow/view.h
