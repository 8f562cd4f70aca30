/* A job: what the command line and the document say, turned into units, names and settings. All ranks hold the same.
 * Test: tests/t_job.c */
#ifndef GM2_JOB_H
#define GM2_JOB_H

#include "chain.h"
#include "watch.h"

/** The command line of a run, as typed. */
struct job_options {
    const char *config; /* -c: file, or a ';'-separated chain */
    size_t n_sources;   /* -s, -S */
    const char **sources;
    const char *source_list;
    const char *watch;       /* --watch: folder of raw files, now and to come */
    double fraction;         /* --fraction: of the fills of files that grow; 0: whole closed files */
    bool is_once;            /* --once: what is there now */
    int64_t n_fills, n_skip; /* -n (-1: not given), --nskip */
    const char *output;      /* -o */
    const char *config_out, *isa, *process_name;
    const char *raw_tag; /* --raw-tag: in the names of simulated raw files */
    size_t n_set;        /* --set key=value */
    const char **set;
    size_t n_metadata; /* --metadata key=value */
    const char **metadata;
    bool is_validate_only, wants_timing, wants_memory;
    int checkpoint_exit_code; /* 75 unless told */
};

/* clang-format off */
#define SCHEDULER_CFG(F, S)                                                                                           \
    F(S, i64,  units_per_shard, 100, 1, 1000000, "1", "units gathered into one output file; 1: each unit is a product") \
    F(S, flag, merge,           true, 0, 1,      "1", "gather complete shards at the end (false: leave it to a later job)") \
    F(S, i64,  ripe_shards,     32, 1, 1000000,  "1", "pause and gather when so many shards are complete")            \
    F(S, f64,  watchdog_s,      300, 1, 86400,   "s", "a rank silent for so long ends the job with 75 (ours)")         \
    F(S, f64,  drain_s,         20, 0, 86400,    "s", "after a signal, units in hand may take so long before they are dropped (ours)") \
    F(S, f64,  progress_s,      30, 1, 86400,    "s", "between progress lines where stderr is no terminal")
#define MESSAGE_CFG(F, S) F(S, str, level, "info", 0, 0, "error|warn|info|detail|debug", "what is logged")
#define RANDOM_CFG(F, S)  F(S, i64, seed, 1, 0, 9.2e18, "1", "the job's seed: another seed is another sample")
#define TIME_CFG(F, S)    F(S, flag, printSummary, false, 0, 1, "1", "print the TimeReport, as --timing")
#define MEMORY_CFG(F, S)  F(S, flag, printSummary, false, 0, 1, "1", "print the MemReport, as --memcheck")
#define CATALOG_CFG(F, S)                                                                                             \
    F(S, str, dataTier,   "", 0, 0, "", "data_tier of the HDF5 products' metadata; empty: reco")                     \
    F(S, str, streamName, "", 0, 0, "", "data_stream of the metadata; empty: full")                                  \
    F(S, str, particle,   "", 0, 0, "", "what was injected: muon, proton ...; empty: muon")                          \
    F(S, str, runType,    "", 0, 0, "", "run type of the metadata; empty: mc for simulation, physics for raw input")
#define BLINDING_CFG(F, S)                                                                                            \
    F(S, str, mode,   "auto", 0, 0, "auto|on|off", "software blinding of R in fits: auto is on for data, off for simulation") \
    F(S, str, phrase, "",     0, 0, "",            "the blinding phrase")
/* clang-format on */
CFG_DECLARE(scheduler_cfg, SCHEDULER_CFG)
CFG_DECLARE(catalog_cfg, CATALOG_CFG)

struct job {
    struct job_options options;
    struct fhicl *document;
    char *words;                     /* of the metadata, for headers: "KEY=VALUE", one a line */
    char *config_text, *input_files; /* input_files: names that modules read, one a line */
    char config_id[41];
    struct scheduler_cfg scheduler;
    struct catalog_cfg catalog;
    struct watch_cfg watch;
    bool prints_time, prints_memory, is_simulation; /* is_simulation: its products are no data */
    bool is_merge;                                  /* no units, see merge.h */
    char *truth_list;                               /* units of simulated truth as rank 0 found them, in one text */
    long long start_unix_s;
    struct job_info info;
    struct provenance provenance;
    struct cond_use *conditions; /* of services.conditions; what is wanted is known after chain_create() */
    char out_dir[1024], out_stem[256];
    size_t n_units, unit_capacity; /* a job that watches a folder: on rank 0 alone, and growing */
    struct unit *units;
    double *cost;
};

/** Collective: reads, completes and checks the document on rank 0, gives it to all, plans the units. */
enum err job_open(const struct job_options *options, struct job *job);
/** Words of the metadata that do not follow from the content, defaults filled in; lent. */
struct job_words {
    const char *file_type, *data_tier, *data_stream, *run_type, *particle, *fcl_name;
    char merged_by[200]; /* of a merging job: its own release, commit and identity; else "" */
};
struct job_words job_words(const struct job *job);
/** Makes job->words of them, anew after a change. */
enum err job_make_words(struct job *job);
/** What --metadata says of a key, "" if nothing; lent. */
const char *job_metadata(const struct job *job, const char *key);
/** Collective, after chain_create(): reads the constants that its modules want. */
enum err job_read_conditions(struct job *job);
void job_close(struct job *job);
struct job_identity {
    char config_id[41];       /* gm2.fcl_hash; the tag is part of what it stands for */
    char conditions_tag[128]; /* "" if no database is named */
    bool is_merge;            /* of the merging job itself, not of what it merges */
};
/** The identity that outputs of such a job would bear, without starting one; with_modules: all modules are begun too, so that
 *  every wrong parameter is found. Not collective. Test: tests/cli/versions.sh */
enum err job_check(const struct job_options *options, bool with_modules, struct job_identity *out);
/** Rank 0 of a watched folder: one more unit, a raw file or part of one; its path is lent for as long as the job lives. */
enum err job_add_unit(struct job *job, const struct unit *unit, double cost);
/** The file of a unit, and of the shard that holds it. */
void job_file_of(const struct job *job, const struct unit *unit, char path[1536]);
void job_unit_path(const struct job *job, size_t unit, char path[1536]);
void job_shard_path(const struct job *job, size_t shard, char path[1536]);
size_t job_n_shards(const struct job *job);
/** First unit of a shard, and one past its last. */
void job_shard_units(const struct job *job, size_t shard, size_t *first, size_t *end);

#endif
