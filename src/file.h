/* HDF5: unit files (serial, one rank), shards (all ranks together), and reading them back. The layout is FORMAT.md.
 *
 * Only file_*.c include hdf5.h. Bounds V110, fletcher32, no object times: bytes repeat and damage is noticed.
 * The HDF5 library is not thread-safe: one thread of a process at a time may be inside these functions (a worker's
 * unit_file_* while no other thread reads or merges). No function here but shard_merge() needs or touches MPI.
 * Tests: tests/t_file.c, tests/mpi/shard.sh */
#ifndef GM2_FILE_H
#define GM2_FILE_H

#include "hist.h"
#include "module.h"
#include "table.h"

/** What is written at the root of a file; everything here changes results or says where they come from. */
struct provenance {
    const char *process_name, *release, *git_commit;
    const char *config_text, *config_id; /* canonical FHiCL as used, and its SHA-1 */
    const char *isa;                     /* instruction set of the kernels */
    const char *constants_set;           /* PHYS_SET_NAME */
    const char *conditions_tag;          /* "" when none was used */
    const char *parents;                 /* names of input files, one a line, "" for simulation from nothing */
    uint64_t seed;
    const char *fcl_commit; /* of the repository of the configuration, "" if it was not told */
    const char *words;      /* of the metadata that do not follow from the content: "KEY=VALUE", one a line */
};

/* ---- writing one unit: local, serial ---- */
struct unit_file;
/** Creates PATH.part (replacing a left-over of an earlier life of the same rank); ERR_WRITE says why it cannot. */
enum err unit_file_create(const char *path, const struct provenance *provenance, const struct unit *unit,
                          struct unit_file **out);
/** Appends one fill's rows of a table to group `group` (the table's name, or another for a second instance), with
 *  run, subrun, event columns and the row range of this fill in GROUP/index. A fill without rows is noted too. */
enum err unit_file_append(struct unit_file *file, const char *group, const struct block *block,
                          const struct fill *fill);
/** Writes the histograms, closes, re-opens and verifies every dataset's checksum and length, fsyncs. Still .part. */
enum err unit_file_finish(struct unit_file *file, const struct hist_set *hists, int64_t n_fills);
/** Gives it its final name, without replacing one that is there (ERR_MISMATCH "somebody else has made it"), fsyncs the
 *  folder, frees. */
enum err unit_file_publish(struct unit_file *file);
/** Drops it and its .part; NULL is fine. */
void unit_file_abandon(struct unit_file *file);
/** Bytes on disk of each group (tables with their index; "hist" and "units" too), for the closing summary. */
enum err file_table_bytes(const char *path, void (*each)(const char *group, uint64_t bytes, uint64_t rows, void *),
                          void *arg);

/* ---- looking at files: local ---- */
struct file_summary {
    char config_id[41], release[32];
    uint32_t first_run, first_subrun, last_run, last_subrun;
    int64_t n_units, n_fills;
    int64_t unit_fills_planned; /* fills each whole unit was to have */
};
/** Opens, checks version and that it was finished; ERR_OPEN, ERR_READ, ERR_DATA. */
enum err file_summary(const char *path, struct file_summary *out);
/** Reads everything once, so that every checksum and length is met. */
enum err file_verify(const char *path);
/** Adds the file's histograms to a set (which may be empty); quanta and binnings must agree. */
enum err file_read_hists(const char *path, struct hist_set *set);
/** Reads a whole table (rows of all fills) of a file, without the run/subrun/event columns. */
enum err file_read_table(const char *path, const char *group, struct block *block);
enum err file_read_provenance_text(const char *path, const char *attribute, char **out); /* mem_free() it */

/* ---- columns of any HDF5 file: local ---- */
/** Names, units ("" if none) and lengths of the columns of a group: its datasets of one dimension and of numbers.
 *  All three are to be freed, with their strings, by mem_free(). ERR_OPEN, ERR_READ, ERR_DATA. Messages leave out the
 *  path. Test: tests/t_columns.c */
enum err file_columns_list(const char *path, const char *group, char ***names, char ***units, uint64_t **n_rows,
                           size_t *n);
/** Reads n rows of a column as doubles. */
enum err file_column_read(const char *path, const char *group, const char *name, size_t n, double *out);

/* ---- merging units into a shard: collective over all ranks when MPI is up, serial otherwise ---- */
/** Merges n unit files (in this order) into PATH: concatenates tables, adds histograms, same provenance (files that
 *  disagree are refused), writes PATH.part, verifies, publishes without replacing. The content, and the bytes too
 *  at the same rank count, do not depend on who does it. Units of fewer than alone_below_bytes in all are merged by rank 0
 *  while the others sleep: collective calls cost more than they share. All ranks return the same code. */
enum err shard_merge(const char *const *unit_paths, size_t n, const char *path, int64_t alone_below_bytes);
/** What somebody else has decided who found that files belong together; needed on rank 0 alone. */
struct shard_choice {
    const struct provenance *as; /* written for what the files say of themselves */
    size_t n_drop;
    const char *const
        *drop; /* tables and tiers that are left out; "hist": the histograms; "hist/FOLDER": some of them */
    size_t n_keep;
    const char *const *keep; /* if any, all else is left out */
};
enum err shard_merge_as(const char *const *paths, size_t n, const char *path, int64_t alone_below_bytes,
                        const struct shard_choice *choice);

#endif
