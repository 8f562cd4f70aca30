/* Conditions in a job: modules say in begin which tables they read; before the first unit rank 0 reads the job's whole range,
 * one pass a table, and gives it to all ranks; after that everything is in memory. services.conditions has the database
 * and the tag. Tests: tests/t_cond_use.c, tests/cli/cond_job.sh (ranks too), tests/server/cond.sh */
#ifndef GM2_COND_USE_H
#define GM2_COND_USE_H

#include "cfg.h"
#include "cond.h"
#include "geometry.h"
#include "table.h"

/* clang-format off */
#define CONDITIONS_CFG(F, S)                                                                                          \
    F(S, str, database,  "", 0, 0, "", "SQLite file, snapshot or postgresql://[user@]host/name; no password: PGPASSFILE has it") \
    F(S, str, tag,       "head", 0, 0, "", "which intervals count")                                                   \
    F(S, i64, first_run, -1, -1, 999999, "1", "runs read, where the units are not known at the start; -1: those of the units") \
    F(S, i64, last_run,  -1, -1, 999999, "1", "the last of them")
/* clang-format on */
CFG_DECLARE(conditions_cfg, CONDITIONS_CFG)

enum { COND_CHANNELS = N_CALOS * N_CRYSTALS }; /* channel (calo-1) 54 + crystal */

struct unit;
struct cond_use;

/** From services.conditions of a complete document. A URL that holds a password is refused (ERR_OPTION) and not repeated:
 *  cond_use_check() does only that, before a document is printed anywhere. Nothing is opened yet. */
enum err cond_use_create(const struct fhicl *document, struct cond_use **out);
enum err cond_use_check(const struct fhicl *document);
void cond_use_free(struct cond_use *use);

/** For a module's begin: `who` (its label) reads a table. is_required: a subrun of the job without constants, or with
 *  channels left out, ends the job before it starts. ERR_CONFIG if services.conditions names no database; `use` may be
 *  NULL then. The handle is for the calls below. */
enum err cond_use_want(struct cond_use *use, const char *table, bool is_required, const char *who, int *handle);
/** Constants from memory instead of a database (copied): for tests. The handle as above. */
enum err cond_use_add(struct cond_use *use, const struct cond_set *set, int *handle);

/** Collective: rank 0 reads what all modules want for these units, all ranks get it. ERR_OPEN, ERR_NOTFOUND: no such
 *  table or tag, constants missing; ERR_CONFIG: more than 1 GB. No wants: does nothing. */
enum err cond_use_load(struct cond_use *use, const struct unit *units, size_t n_units);

/** The same for one unit, by this rank alone, in place of what was read before: jobs whose units come while they run. What
 *  cond_use_at() has given out is gone. Test: tests/cli/nearline.sh */
enum err cond_use_reload(struct cond_use *use, const struct unit *unit);

/** The interval valid for an event (0: the beginning of the subrun); *out NULL: there are no constants. ERR_NUMBER. */
enum err cond_use_at(const struct cond_use *use, int handle, uint32_t run, uint32_t subrun, uint32_t event,
                     const struct cond_interval **out);
/** One value column of an interval by channel, in the column's unit; NAN for channels that are not there, and all NAN for
 *  interval NULL. ERR_NOTFOUND: the table has no such column, or no keys calonum, xtalnum. */
enum err cond_use_channels(const struct cond_use *use, int handle, const struct cond_interval *interval,
                           const char *column, double value[COND_CHANNELS]);
/** The set behind a handle, for tables with other keys. */
const struct cond_set *cond_use_set(const struct cond_use *use, int handle);

/** Is anything wanted? The tag, "" if not. */
const char *cond_use_tag(const struct cond_use *use);
/** Adds to a block of table `conditions` what a unit reads: each interval of each table that is valid in it. */
enum err cond_use_record(const struct cond_use *use, uint32_t run, uint32_t subrun, struct block *block);
/** Was a file of these units made with constants of the same content? ERR_MISMATCH if not. */
enum err cond_use_check_file(const struct cond_use *use, const struct unit *units, size_t n_units, const char *path);

#endif
