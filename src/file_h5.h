/* HDF5 wrapped, for file_*.c alone: errors with the library's own reason, attributes, properties, datasets.
 *
 * The library is not thread-safe: one thread of a process at a time may be inside file.h's functions. */
#ifndef GM2_FILE_H5_H
#define GM2_FILE_H5_H

#include "file.h"

#include <hdf5.h>

#define FILE_FORMAT_NAME "gm2"
/* Level 1: on doubles of random mantissa the higher levels cost time and win less than 1 %. */
enum { FILE_FORMAT_VERSION = 1, FILE_DEFLATE_LEVEL = 1 };

/** Starts the trail with our words, then the innermost reason that HDF5 gives; returns code. */
enum err file_h5_fail(enum err code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** ERR_READ when the system refused the last read, ERR_DATA when the bytes are wrong. */
enum err file_h5_read_code(void);

#define H5_REQUIRE(condition, code, ...)                                                                               \
    do {                                                                                                               \
        if (!(condition)) return file_h5_fail((code), __FILE__, __LINE__, __VA_ARGS__);                                \
    } while (0)
#define H5_REQUIRE_TO(label, condition, code, ...)                                                                     \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            rc = file_h5_fail((code), __FILE__, __LINE__, __VA_ARGS__);                                                \
            goto label;                                                                                                \
        }                                                                                                              \
    } while (0)

/** In memory, and as stored (little-endian). Lent, never closed. */
hid_t file_h5_type(enum column_type type);
hid_t file_h5_stored_type(enum column_type type);
/** The column type of a stored type; N_COLUMN_TYPES if it is none of ours. */
enum column_type file_h5_column_type(hid_t stored);

/** File access: bounds V110..V110, no locking, everything closed with the file. Close with H5Pclose(). */
hid_t file_h5_access(void);
/** Creates a file without object times; how: H5F_ACC_EXCL or H5F_ACC_TRUNC. access is closed by the caller. */
enum err file_h5_create(const char *path, unsigned how, hid_t access, hid_t *out);
/** Opens for reading, serially. ERR_OPEN, ERR_DATA. */
enum err file_h5_open(const char *path, hid_t *out);
/** file_h5_open(), and refuses other formats, other versions and files that were not finished. */
enum err file_h5_open_checked(const char *path, hid_t *out);
/** Creates a group without times. */
enum err file_h5_create_group(hid_t where, const char *name, hid_t *out);
/** Creates a column: [rows][width] of at most unlimited rows, chunk rows, shuffle + deflate + fletcher32, no times. */
enum err file_h5_create_column(hid_t group, const struct column *column, hsize_t rows, hsize_t chunk, hid_t *out);
/** Properties of a filtered dataset of any shape. Close with H5Pclose(). */
hid_t file_h5_filtered(int rank, const hsize_t *chunk);
/** Rows a chunk: the same for all columns of a table; small tables get small chunks. A function of the content. */
hsize_t file_h5_chunk_rows(const struct column *columns, size_t n_columns, uint64_t rows);

/** Attributes: fixed-length UTF-8 text, 64-bit integers, doubles. */
enum err file_h5_set_text(hid_t object, const char *name, const char *text);
enum err file_h5_set_i64(hid_t object, const char *name, int64_t value);
enum err file_h5_set_u64(hid_t object, const char *name, uint64_t value);
enum err file_h5_set_f64(hid_t object, const char *name, double value);
/** *out is to be freed with mem_free(). */
enum err file_h5_get_text(hid_t object, const char *name, char **out);
/** The same, "" where there is none. */
enum err file_h5_get_text_or_empty(hid_t object, const char *name, char **out);
/** Cut to size - 1 bytes. */
enum err file_h5_get_short_text(hid_t object, const char *name, char *out, size_t size);
enum err file_h5_get_i64(hid_t object, const char *name, int64_t *out);
enum err file_h5_get_u64(hid_t object, const char *name, uint64_t *out);
enum err file_h5_get_f64(hid_t object, const char *name, double *out);

/** Reads or writes rows [first, first + n) of a column; data: [n][width] of its type in memory. */
enum err file_h5_read_rows(hid_t dataset, enum column_type type, hsize_t first, hsize_t n, void *data);
enum err file_h5_write_rows(hid_t dataset, enum column_type type, hsize_t first, hsize_t n, const void *data);
/** The same as write_rows, by all ranks together if is_collective; n may be 0. */
enum err file_h5_write_together(hid_t dataset, enum column_type type, hsize_t first, hsize_t n, const void *data,
                                int is_collective);
/** Opens a column of a group; ERR_DATA if it is missing or has another type or width. Close with H5Dclose(). */
enum err file_h5_open_column(hid_t group, const struct column *column, hid_t *out, uint64_t *n_rows);
/** Number of rows (first extent). */
enum err file_h5_rows(hid_t dataset, uint64_t *out);

/** Names of the links of a group, sorted; free with file_h5_free_names(). */
enum err file_h5_names(hid_t group, char ***out, size_t *n);
void file_h5_free_names(char **names, size_t n);

/** Reads every dataset once, of those whose turn is `part` of `n_parts`, so that every checksum is met. */
enum err file_h5_verify(const char *path, int part, int n_parts);

/** The table /units; free with file_h5_free_units(). */
struct file_units {
    uint64_t n;
    uint32_t *run, *subrun;
    int64_t *n_fills, *n_planned;
};
enum err file_h5_read_units(hid_t file, struct file_units *out);
void file_h5_free_units(struct file_units *units);

/** Root attributes that say where a file comes from. */
enum err file_h5_write_provenance(hid_t file, const struct provenance *p);
enum err file_h5_write_hists(hid_t file, const struct hist_set *hists);
/** No more bytes than this are written for a set. */
uint64_t file_h5_hist_bytes(const struct hist_set *hists);
/** Adds a file's histograms to a set. */
enum err file_h5_read_hists(hid_t file, struct hist_set *set);

/* Tables written by this code beside those of modules. */
extern const struct table file_index_table; /* GROUP/index: run, subrun, event, first, count */
extern const struct table file_units_table; /* /units: run, subrun, n_fills, n_planned */

#endif
