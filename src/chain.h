/* A chain: the modules of one job, joined by their tables, as one worker runs them over a unit.
 *
 * Built from a FHiCL document with art's skeleton (process_name, source, services, physics, outputs). Everything that
 * can be wrong with the document is found here, before any work. Test: tests/t_chain.c */
#ifndef GM2_CHAIN_H
#define GM2_CHAIN_H

#include "fhicl.h"
#include "file.h"
#include "module.h"

#include <stdatomic.h>

struct chain;

/** Calls and times of one step, or of all of a fill. */
struct chain_time {
    char label[64], type[64], path[64];
    int64_t n, n_passed, n_failed;
    double wall_s, wall2_s2, min_s, max_s;
    int32_t bins[256]; /* log-spaced times, for the median: bin b holds up to 1e-7 * 2^(b/8) s */
};

/** What happened to one unit. */
struct unit_result {
    int64_t n_fills;
    double seconds, cpu_seconds;
    uint64_t raw_bytes; /* of the raw file it came from, as it lies on disk; 0: none */
};

/** Builds a chain; `job` is lent until chain_free(). The document must hold all defaults (chain_complete()). */
enum err chain_create(const struct fhicl *document, const struct job_info *job, const struct provenance *provenance,
                      struct chain **out);
void chain_free(struct chain *chain);

/** Runs a unit and publishes its products: files of output modules first, the unit file `path` last (it is what says
 *  that the unit is done). On any failure, or when *stop becomes true between two fills (ERR_AGAIN), nothing is left
 *  under a final name that was not there before, but whole files of output modules may be, byte-equal to those
 *  that another attempt makes. */
enum err chain_run_unit(struct chain *chain, const struct unit *unit, const char *path, const atomic_bool *stop,
                        struct unit_result *result);

/** Times so far, one entry a step in order of running, after one for the whole fill; lent until chain_free(). */
const struct chain_time *chain_times(const struct chain *chain, size_t *n);
/** Adds times of another worker (same n). */
void chain_times_add(struct chain_time *into, const struct chain_time *from, size_t n);
/** Median from the bins [s]. */
double chain_time_median_s(const struct chain_time *t);

/** Checks the skeleton of a document and puts the defaults of every module used into it, and the SHA-1 of input files. */
enum err chain_complete(struct fhicl *document);
/** A copy of a document without what does not change results (paths, counts, scheduling, logging): the configuration
 *  hash and the text in output files are made from it. fhicl_free() it. */
enum err chain_results_only(const struct fhicl *document, struct fhicl **out);

#endif
