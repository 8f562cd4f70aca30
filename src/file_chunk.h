/* Chunks filtered by us and handed to HDF5 ready-made: the same filters (shuffle, deflate, fletcher32) and the same
 * values, for a quarter of the time.
 *
 * After shuffling, the low bytes of random mantissas lie together; searching them for repetitions is most of the cost of
 * deflate and wins nothing. So runs of such bytes become stored blocks of the zlib stream (RFC 1950, 1951), the rest is
 * deflated as usual. Serial files only: the library takes no ready-made chunks in parallel. Test: tests/t_file.c */
#ifndef GM2_FILE_CHUNK_H
#define GM2_FILE_CHUNK_H

#include "file_h5.h"

struct file_chunk; /* buffers and the state of deflate */

/** `level` of deflate for what is not stored. Free with file_chunk_free(); NULL is fine. */
enum err file_chunk_create(int level, struct file_chunk **out);
void file_chunk_free(struct file_chunk *c);
/** Writes rows [first, first + n) of a column of the given chunk size; first is a multiple of it, and n too unless the
 *  rows end there. The extent must hold them. */
enum err file_chunk_write(struct file_chunk *c, hid_t dataset, const struct column *column, hsize_t chunk,
                          hsize_t first, hsize_t n, const void *data);

#endif
