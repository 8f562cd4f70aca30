/* Campaigns: stages of jobs over datasets, described in a FHiCL file that lives with the configurations. Layout of the file:
 * `gm2 campaign init`. Tests: tests/t_campaign.c, tests/cli/campaign.sh, tests/cli/stage_kinds.sh */
#ifndef GM2_CAMPAIGN_H
#define GM2_CAMPAIGN_H

#include "cfg.h"
#include "program.h"
#include "split.h"
#include "version_key.h"

/* clang-format off */
#define CAMPAIGN_CFG(F, S)                                                                                            \
    F(S, str, name,   "", 0, 0, "", "letters, digits and _ . -: what the ledger knows it by")                        \
    F(S, str, output, "", 0, 0, "", "folder of the products; each submission has a folder of its own in it")         \
    F(S, str, experiment, "gm2", 0, 0, "", "what %(experiment)s and %(group)s stand for")                             \
    F(S, str, configs, "", 0, 0, "", "folders of FHiCL files, with colons between: looked into after those of FHICL_FILE_PATH") \
    F(S, str, gm2,    "", 0, 0, "", "the program that jobs run; empty: this one")                                    \
    F(S, str, drop_box, "", 0, 0, "", "folder that raw files arrive in with their metadata: each pass takes them into the store") \
    F(S, str, store,  "", 0, 0, "", "folder, or URL (root://HOST/PATH), that files from the drop box, and of stages with to_store, are kept in; a relative path is one in the output") \
    F(S, str, rules,  "development", 0, 0, "production|development", "production: only a released program, only configurations that are committed and pushed") \
    F(S, flag, send_config, false, 0, 1, "1", "write each job's configuration, defaults filled in, into its folder and run it from there; a production always does")
#define CAMPAIGN_STAGE_CFG(F, S)                                                                                      \
    F(S, str,  name,            "",         0, 0, "",  "of the stage, where it is not the key of its table")              \
    F(S, str,  host,            "",         0, 0, "",  "login: where gm2 campaign step is run (for gm2 campaign cron)")    \
    F(S, str,  account,         "",         0, 0, "",  "login: who runs it")                                              \
    F(S, strs, setup,           "[]",       0, 0, "",  "login: lines of shell run before each job")                       \
    F(S, str,  run,             "job",      0, 0, "job|calib", "what a job is: gm2 -c CONFIG, or gm2 calib")         \
    F(S, str,  config,          "",         0, 0, "",  "FHiCL file of the jobs; of a merging job: all files of the dataset (or of a run, by split) into one") \
    F(S, strs, set,             "[]",       0, 0, "",  "KEY=VALUE, as --set")                                         \
    F(S, str,  dataset,         "",         0, 0, "",  "input files, in SAM's language; %(stage.NAME)s stands for what a stage has made; empty: a simulation") \
    F(S, strs, datasets,        "[]",       0, 0, "",  "several, taken together; each must select something")       \
    F(S, i64,  max_files,       2000000, 1, 1000000000, "1", "of the dataset: one that selects more is refused, nothing is started") \
    F(S, strs, file_patterns,   "[]",       0, 0, "",  "instead of a dataset, for each stage in needs: which of its products are the input, %_r%.h5 or a piece of a query") \
    F(S, strs, outputs,         "[]",       0, 0, "",  "products that each input must have: names with %; empty: any one") \
    F(S, flag, to_store,        false,      0, 1, "1", "products are moved to campaign.store, checked")              \
    F(S, str,  supersede,       "keep",     0, 0, "keep|retire", "of merging and calib: what becomes of the product of a smaller dataset when the larger one's is there") \
    F(S, strs, only,            "[]",       0, 0, "",  "of calib: the calibrations, each of which must succeed")       \
    F(S, str,  conditions,      "",         0, 0, "",  "of calib: database of the constants; a SQLite file is made if it is not there") \
    F(S, str,  tag,             "",         0, 0, "",  "of calib: tag that they are loaded under, made if it is not there") \
    F(S, str,  from_tag,        "",         0, 0, "",  "of calib: what a new tag starts with; empty: nothing")         \
    F(S, flag, freeze,          false,      0, 1, "1", "of calib: nothing can be loaded under the tag afterwards")    \
    F(S, flag, open_end,        false,      0, 1, "1", "of calib: the last interval holds for runs to come")          \
    F(S, i64,  fills,           0, 0, 1000000000000, "1", "of a simulation: -n")                                     \
    F(S, str,  split,           "draining", 0, 0, "",  "how the dataset is cut into submissions: nfiles(20), byrun(low=..,high=..), ...") \
    F(S, strs, needs,           "[]",       0, 0, "",  "stages that must be complete before this one starts")        \
    F(S, str,  executor,        "local",    0, 0, "local|slurm|condor", "where jobs run: processes of this host, Slurm, HTCondor") \
    F(S, strs, sbatch,          "[]",       0, 0, "",  "options of sbatch: account, queue, time limit, nodes")        \
    F(S, i64,  ranks,           1, 1, 100000, "1", "of a job; more than one by mpirun, with Slurm always by srun")                              \
    F(S, strs, condor,          "[]",       0, 0, "",  "lines of HTCondor's submit file: request_memory = 1990MB, ...") \
    F(S, i64,  array,           1, 1, 500,    "1", "submissions started together: Slurm's array, HTCondor's DAG") \
    F(S, i64,  array_running,   0, 0, 100000, "1", "of those, so many run at the same time; 0: any number") \
    F(S, str,  stage_type,      "regular",  0, 0, "regular|generator|approval", "approval: no jobs; the stages that need it wait for gm2 campaign approve; generator: a simulation") \
    F(S, str,  completion_type, "located",  0, 0, "located|complete", "when stages that need it start: products are there, or all files were tried to the end") \
    F(S, f64,  completion_pct,  100,        0.001, 100, "%", "located: of the files (POMS: 95; ours is all, as what is missing would be missing in every later product)") \
    F(S, i64,  canary,          0, 0, 100000, "1", "so many files run first; the rest when they have succeeded within memory_mb") \
    F(S, i64,  memory_mb,       0, 0, 10000000, "MB", "asked for a rank; 0: not said; with a canary: its limit (0: 2000), the rest asks for what was measured") \
    F(S, str,  at,              "",         0, 0, "", "nothing starts before: YYYY-MM-DD HH:MM, UTC")                \
    F(S, str,  every,           "",         0, 0, "", "between launches: 30m, 6h, 1d; empty: none")                   \
    F(S, i64,  launches,        1, 1, 1000000, "1", "of a simulation: so many, each of fills, with subruns of its own") \
    F(S, i64,  max_in_flight,   0, 0, 1000, "1", "of a list: items begun and not complete; 0: any")                   \
    F(S, i64,  max_submissions, 1, 1, 10000,  "1", "at the same time")                                               \
    F(S, i64,  max_attempts,    3, 1, 100,    "1", "at a file before it is parked for a human")
/* clang-format on */
CFG_DECLARE(campaign_cfg, CAMPAIGN_CFG)
CFG_DECLARE(campaign_stage_cfg, CAMPAIGN_STAGE_CFG)

enum campaign_kind {
    CAMPAIGN_SIMULATION,
    CAMPAIGN_FILES, /* each input has products of its own */
    CAMPAIGN_MERGE, /* of a whole group of inputs (campaign_is_whole()) there is one product */
    CAMPAIGN_CALIB,
};

struct campaign_stage {
    const char *name;
    struct campaign_stage_cfg cfg;
    enum campaign_kind kind;
    const char *group; /* the name it was written under; of an item of a list: without the item */
    struct split split;
    int64_t at_s, every_s;      /* at_s: unix time */
    struct version_key version; /* of a merging job: that job's own, as its product bears that of what is in it */
    char *made;                 /* query: what it has made, in any campaign */
    char *dataset;              /* with %(stage.NAME)s put in; NULL for a simulation */
    bool is_live;               /* its own words ask for what is stale (stale: TAG) */
    size_t n_parts;             /* the dataset is their union */
    char **part;
    size_t n_needs, *need;
    struct campaign_stage *test; /* as a test launch has it */
    size_t n_recoveries;
    struct campaign_recovery *recovery; /* in the order in which they are tried */
};

/** A stage whose job takes all files of a group, or none: when a file comes to the group the job is done anew, and its
 *  product has another name. */
static inline bool campaign_is_whole(const struct campaign_stage *stage)
{
    return stage->kind == CAMPAIGN_MERGE || stage->kind == CAMPAIGN_CALIB;
}

/** POMS's kinds. */
enum campaign_recovery_kind {
    RECOVERY_PENDING_FILES,
    RECOVERY_CONSUMED_STATUS,
    RECOVERY_PROCESS_STATUS,
    RECOVERY_ADDED_FILES,
    RECOVERY_DELIVERED_NOT_CONSUMED,
    N_RECOVERY_KINDS
};
struct campaign_recovery {
    enum campaign_recovery_kind kind;
    struct campaign_stage_cfg cfg; /* the stage's with its overrides */
};

struct campaign {
    struct fhicl *document, *merged; /* merged: of campaign_layers() */
    struct campaign_cfg cfg;
    char *text; /* canonical */
    struct program program;
    char fcl_commit[400]; /* of the configurations, by rules_check(); "" before */
    size_t n_stages;
    struct campaign_stage *stage; /* [n_stages], as written */
    size_t *order;                /* [n_stages]: each after those it needs */
};

/** Reads and checks a campaign (.ini: POMS): keys, names, configurations (each is read), datasets, split types, stages that need one
 *  another in a circle; is_strict: all modules' parameters too. ERR_PARSE, ERR_CONFIG with file and line. */
enum err campaign_read(const char *path, bool is_strict, struct campaign **out);
void campaign_free(struct campaign *campaign);
/** What the executor of a stage is told: options of sbatch, lines of a submit file. */
const struct strs *campaign_batch_options(const struct campaign_stage_cfg *cfg);
bool campaign_is_production(const struct campaign *campaign);
/** Writes a commented example to a new file, or prints it (NULL). Test: tests/cli/campaign.sh */
enum err campaign_example(const char *path);

#endif
