/* MIDAS files: events one after another, in one pass, plain or compressed.
 *
 * Lenient reading keeps everything before a truncation and says where it is (event and byte). Where an event makes no sense
 * it goes on at the next that does; what lies between is given out as one damaged event if its header tells its id, with
 * data_size as found, else left out. Strict reading, for
 * validation, demands begin-of-run first, end-of-run last, equal run numbers, sizes that add up and legal banks.
 * A length that is wrong costs no memory: buffers grow with the bytes that are really there.
 * Tests: tests/t_midas.c, tests/cli/midas_outside.sh */
#ifndef GM2_MIDAS_FILE_H
#define GM2_MIDAS_FILE_H

#include "midas.h"
#include "midas_stream.h"

struct midas_reader;
struct midas_writer;

enum { MIDAS_MAX_TAG = 32 };
/** 1 to MIDAS_MAX_TAG small letters and digits. */
bool midas_file_tag(const char *tag);
/** Run and subrun of a name that ends like gm2_run00001_00000.mid, .mid.gz or .mid.lz4, or gm2_run00001_00000_TAG.mid; false for other names. */
bool midas_file_name(const char *path, uint32_t *run, uint32_t *subrun);
/** "FOLDER/gm2_run00001_00000.mid" with the suffix of the compression; a tag, if not NULL or "", goes before ".mid". ERR_WRITE when it does not fit. */
enum err midas_file_path(const char *folder, uint32_t run, uint32_t subrun, const char *tag,
                         enum midas_compression kind, size_t size, char *out);

struct midas_options {
    bool is_strict;
    uint64_t max_event_bytes; /* 0: 2 GiB; longer events are taken for damage */
};

/** What is known of the file so far. */
struct midas_status {
    uint64_t n_events, n_bytes; /* events given out, place in the file (uncompressed) where the last of them ends */
    uint32_t run;               /* from the begin-of-run event */
    bool has_bor, has_eor;
    bool is_cut;        /* the file ends inside an event, or cannot be followed any further */
    uint64_t n_damaged; /* places that could not be followed: events whose sizes disagree, strange or missing bytes */
    char problem[256];  /* of the cut, or of the last damaged event: event, byte, what; "" if none */
};

/** ERR_OPEN; ERR_DATA for an empty file or one that does not begin like MIDAS. `options` NULL: lenient. */
enum err midas_file_open(const char *path, const struct midas_options *options, struct midas_reader **out);
/** The next event, lent until the next call; out->bytes NULL at the end, well or cut (see the status).
 *  ERR_DATA in strict mode for anything out of order; ERR_READ. */
enum err midas_file_next(struct midas_reader *r, struct midas_event *out);
/** Goes on at a byte of a plain file, where an event begins. ERR_OPTION for compressed files, ERR_READ.
 *  Test: tests/t_midas.c */
enum err midas_file_seek(struct midas_reader *r, uint64_t byte);
const struct midas_status *midas_file_status(const struct midas_reader *r);
/** NULL is fine. */
void midas_file_close(struct midas_reader *r);

enum err midas_file_create(const char *path, enum midas_compression kind, struct midas_writer **out);
/** One whole event as built by midas_build_*. */
enum err midas_file_write(struct midas_writer *w, const void *bytes, size_t n);
/** Begin- or end-of-run event (MIDAS_BOR, MIDAS_EOR) with the ODB as text. */
enum err midas_file_write_run(struct midas_writer *w, uint16_t id, uint32_t run, uint32_t time_s, const char *text,
                              size_t n);
/** The file's descriptor, open for reading too (for publish_descriptor); lent until the writer is finished. */
int midas_file_descriptor(const struct midas_writer *w);
/** Bytes of events so far. */
uint64_t midas_file_written(const struct midas_writer *w);
/** Flushes and closes; frees in any case; NULL is fine. */
enum err midas_file_finish(struct midas_writer *w);

#endif
