/* Bytes of a raw file, plain or compressed as a whole (.gz by zlib, .lz4 in the LZ4 frame format), in one pass.
 * Test: tests/t_midas.c */
#ifndef GM2_MIDAS_STREAM_H
#define GM2_MIDAS_STREAM_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum midas_compression { MIDAS_PLAIN, MIDAS_GZ, MIDAS_LZ4 };
struct midas_stream;

/** By the end of the name: .gz, .lz4, else plain. */
enum midas_compression midas_stream_kind(const char *path);
/** ".gz", ".lz4" or "". */
const char *midas_stream_suffix(enum midas_compression kind);

/** Opens a file for reading. ERR_OPEN; ERR_DATA when it is empty, or not compressed as its name says. */
enum err midas_stream_open(const char *path, struct midas_stream **out);
/** Reads n bytes; *got < n only where the data end, well or badly. ERR_READ when the system fails. */
enum err midas_stream_read(struct midas_stream *s, void *data, size_t n, size_t *got);
/** Why compressed data ended before their own end; NULL when all is well. */
const char *midas_stream_problem(const struct midas_stream *s);
/** Goes on at a byte of a plain file; compressed ones cannot: ERR_OPTION. ERR_READ. */
enum err midas_stream_seek(struct midas_stream *s, uint64_t byte);
/** Bytes given out so far. */
uint64_t midas_stream_position(const struct midas_stream *s);

/** Creates a file for writing; ERR_WRITE, also when it exists: no file is ever replaced. */
enum err midas_stream_create(const char *path, enum midas_compression kind, struct midas_stream **out);
enum err midas_stream_write(struct midas_stream *s, const void *data, size_t n);
/** The file's descriptor, open for reading too; lent until the stream is closed. */
int midas_stream_descriptor(const struct midas_stream *s);
/** Flushes what was written and closes; frees in any case. ERR_WRITE. */
enum err midas_stream_close(struct midas_stream *s);

#endif
