/* Metadata beside each product: PATH.json, in SAM's field names, for catalogues. Schema: metadata.schema.json.
 *
 * It is written after the product and describes the bytes on disk (size, adler32). What does not change results (host,
 * rank count, times) is here only. Tests: tests/t_meta.c, tests/cli/metadata.sh (with an outside validator) */
#ifndef GM2_META_H
#define GM2_META_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The field that a campaign gives the commit of its configurations in; the files' own headers have it too. */
#define META_FCL_COMMIT "gm2.fcl_commit"

struct meta_run {
    uint32_t run, subrun;
};

/** An interval of validity whose constants were read. */
struct meta_interval {
    char table[40];
    int64_t iov_id;
};

/** A field of the product's content: a text, or a number where text is NULL. */
struct meta_value {
    char name[60];
    const char *text;
    double number;
};

/** Strings may be NULL where "" would do; they are lent. */
struct meta {
    const char *file_type;                              /* importedSimulated, importedDetector, ... */
    const char *file_format;                            /* hdf5, midas, json, ... */
    const char *data_tier;                              /* sim, raw, digit, reco, dqc, calib, hist */
    const char *data_stream;                            /* "full", ... */
    const char *application_name, *application_version; /* the family is gm2 */
    const char *run_type;                               /* mc, physics, ... */
    const char *particle;                               /* muon, proton, ... */
    size_t n_runs;
    const struct meta_run *runs;
    int64_t event_count, first_event, last_event; /* fills; numbers within the first and last subrun */
    double start_unix_s, end_unix_s;              /* when the product was made */
    double closed_unix_s;                         /* watched folder: when the raw file was closed; else 0 */
    size_t n_parents;
    const char *const *parents; /* file names, without folders */

    /* gm2.* */
    const char *git_commit, *fcl_name, *config_id, *process_name, *conditions_tag, *constants_set, *isa;
    size_t n_intervals;
    const struct meta_interval *intervals; /* by table */
    char host[256];
    uint64_t seed;
    int32_t n_ranks, format_version;
    int64_t n_units, n_bad_events;
    double cpu_s;
    int64_t peak_rss_kB;
    const char *merged_by; /* of merged files: release, commit and identity of the merging job; NULL for others */

    size_t n_values;
    const struct meta_value *values; /* measured: dqc.status, ... */
    size_t n_extra;
    const char *const *extra; /* "KEY=VALUE", checked by meta_check_extra() */
};

/** A field that is not ours: "KEY=VALUE" with gm2.fcl_commit, gm2.campaign, gm2.stage, gm2.submission, or any name with a
 *  point whose first word is not gm2; the value without control characters. ERR_OPTION. */
enum err meta_check_extra(const char *pair);
/** Sets host, CPU seconds and peak memory of this process. */
void meta_fill_host(struct meta *meta);
/** The metadata of a product as JSON, its size and checksum measured; mem_free() it. */
enum err meta_text(const char *product, const struct meta *meta, char **text);
/** Measures the product and publishes PRODUCT.json, replacing an older one. ERR_OPEN, ERR_WRITE, ERR_MEMORY. */
enum err meta_write(const char *product, const struct meta *meta);
/** A text of a product's JSON by its name; "runs": the type of the first run. ERR_NOTFOUND without JSON or without that text.
 */
enum err meta_read_text(const char *product, const char *field, size_t size, char *out);

#endif
