/* Conditions in a job: what is wanted, looking things up, what a unit has read. */
#include "cond_use_internal.h"

#include "file.h"
#include "mem.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum err check_cfg(const struct conditions_cfg *cfg)
{
    if (*cfg->database) TRY(db_check_url(cfg->database));
    TRY(cond_check_tag(cfg->tag));
    REQUIRE((cfg->first_run < 0) == (cfg->last_run < 0) && cfg->last_run >= cfg->first_run, ERR_CONFIG,
            "first_run and last_run are a range, or both -1");
    return ERR_OK;
}

enum err cond_use_create(const struct fhicl *document, struct cond_use **out)
{
    static const char where[] = "services.conditions";
    struct conditions_cfg cfg;
    struct cond_use *use = NULL;
    enum err rc;
    TRY(cfg_read(conditions_cfg_fields, fhicl_get(document, where), where, NULL, &cfg));
    TRY_TO(done, check_cfg(&cfg));
    TRY_TO(done, mem_alloc(&use, 1, sizeof *use));
    use->database = mem_string(cfg.database);
    snprintf(use->tag, sizeof use->tag, "%s", cfg.tag);
    use->first_run = cfg.first_run;
    use->last_run  = cfg.last_run;
    if (!use->database) FAIL_TO(done, ERR_MEMORY, "out of memory");
done:
    cfg_free(conditions_cfg_fields, &cfg);
    if (rc) cond_use_free(use);
    *out = rc ? NULL : use;
    return rc ? err_context(rc, "%s", where) : ERR_OK;
}

enum err cond_use_check(const struct fhicl *document)
{
    struct cond_use *use;
    TRY(cond_use_create(document, &use));
    cond_use_free(use);
    return ERR_OK;
}

void cond_use_free(struct cond_use *use)
{
    if (!use) return;
    for (int i = 0; i < use->n_wants; i++) {
        cond_set_free(&use->want[i].set);
        mem_free(use->want[i].content);
    }
    mem_free(use->database);
    mem_free(use);
}

static int find_want(const struct cond_use *use, const char *table)
{
    for (int i = 0; i < use->n_wants; i++)
        if (strcmp(use->want[i].table, table) == 0) return i;
    return -1;
}

enum err cond_use_add_want(struct cond_use *use, const char *table, int *handle)
{
    *handle = find_want(use, table);
    if (*handle >= 0) return ERR_OK;
    REQUIRE(use->n_wants < MAX_WANTS, ERR_CONFIG, "more than %d tables of constants in one job", MAX_WANTS);
    *handle                        = use->n_wants++;
    use->want[*handle].is_required = false;
    snprintf(use->want[*handle].table, COND_NAME, "%s", table);
    return ERR_OK;
}

enum err cond_use_want(struct cond_use *use, const char *table, bool is_required, const char *who, int *handle)
{
    int known = use ? find_want(use, table) : -1;
    REQUIRE(known >= 0 || (use && *use->database), ERR_CONFIG,
            "module \"%s\" needs constants (table %s), but services.conditions.database is empty: give it a file, a "
            "snapshot or postgresql://host/name, and services.conditions.tag if not \"head\"",
            who, table);
    TRY(cond_use_add_want(use, table, handle));
    struct want *w = &use->want[*handle];
    if (is_required && !w->is_required) snprintf(w->who, sizeof w->who, "%s", who);
    w->is_required |= is_required;
    return ERR_OK;
}

/* ---- looking up ------------------------------------------------------------------------------------------------------ */
const struct cond_set *cond_use_set(const struct cond_use *use, int handle) { return &use->want[handle].set; }

const char *cond_use_tag(const struct cond_use *use) { return use && use->n_wants ? use->tag : ""; }

enum err cond_use_at(const struct cond_use *use, int handle, uint32_t run, uint32_t subrun, uint32_t event,
                     const struct cond_interval **out)
{
    const struct want *w = &use->want[handle];
    struct cond_time at  = {run, subrun, w->set.table.event_digits ? event : 0};
    int64_t key;
    *out = NULL;
    REQUIRE(w->is_loaded, ERR_LOGIC, "constants of table %s are asked for before they are read", w->table);
    TRY(cond_pack(&w->set.table, at, &key));
    if (cond_find(&w->set, key, out)) err_clear();
    return ERR_OK;
}

enum err cond_use_channels(const struct cond_use *use, int handle, const struct cond_interval *interval,
                           const char *column, double value[COND_CHANNELS])
{
    const struct cond_set *set = &use->want[handle].set;
    const struct cond_table *t = &set->table;
    size_t c                   = t->n_keys;
    while (c < t->n_columns && strcmp(t->column[c].name, column) != 0) c++;
    REQUIRE(c < t->n_columns, ERR_NOTFOUND, "table %s of the conditions has no column %s", t->name, column);
    REQUIRE(t->n_keys == 2 && strcmp(t->column[0].name, "calonum") == 0 && strcmp(t->column[1].name, "xtalnum") == 0,
            ERR_NOTFOUND, "table %s of the conditions is not by calonum and xtalnum", t->name);
    for (int k = 0; k < COND_CHANNELS; k++) value[k] = (double)NAN;
    for (size_t r = 0; interval && r < interval->n_rows; r++) {
        size_t row  = interval->first + r;
        int channel = ((int)set->value[0][row] - 1) * N_CRYSTALS + (int)set->value[1][row];
        if (channel >= 0 && channel < COND_CHANNELS) value[channel] = set->value[c][row];
    }
    return ERR_OK;
}

/* ---- what a unit has read -------------------------------------------------------------------------------------------- */
static enum err record_want(const struct want *w, uint32_t run, uint32_t subrun, struct block *block)
{
    struct unit unit = {.run = run, .subrun = subrun};
    int64_t first, last;
    TRY(cond_use_range(&w->set.table, &unit, &first, &last));
    for (size_t i = cond_use_first_after(&w->set, first); i < w->set.n_intervals && w->set.interval[i].begin <= last;
         i++) {
        const struct cond_interval *v = &w->set.interval[i];
        size_t n                      = block->n;
        TRY(block_resize(block, n + 1));
        struct conditions_view out = conditions_view(block);
        memset(out.table_name + n * COND_NAME, 0, COND_NAME);
        memcpy(out.table_name + n * COND_NAME, w->table, strlen(w->table));
        memcpy(out.content_sha1 + n * 40, w->content[i], 40);
        out.iov_id[n]     = v->id;
        out.begin_time[n] = v->begin;
    }
    return ERR_OK;
}

enum err cond_use_record(const struct cond_use *use, uint32_t run, uint32_t subrun, struct block *block)
{
    for (int i = 0; use && i < use->n_wants; i++) TRY(record_want(&use->want[i], run, subrun, block));
    return ERR_OK;
}

static bool is_same_content(const struct block *a, const struct block *b)
{
    struct conditions_view x = conditions_view(a), y = conditions_view(b);
    return x.n == y.n && (x.n == 0 || (memcmp(x.table_name, y.table_name, x.n * COND_NAME) == 0 &&
                                       memcmp(x.content_sha1, y.content_sha1, x.n * 40) == 0));
}

enum err cond_use_check_file(const struct cond_use *use, const struct unit *units, size_t n_units, const char *path)
{
    struct block *ours = NULL, *theirs = NULL;
    enum err rc;
    if (!use || use->n_wants == 0) return ERR_OK;
    TRY_TO(done, block_create(&table_conditions, &ours));
    TRY_TO(done, block_create(&table_conditions, &theirs));
    for (size_t i = 0; i < n_units; i++) TRY_TO(done, cond_use_record(use, units[i].run, units[i].subrun, ours));
    TRY_TO(done, file_read_table(path, table_conditions.name, theirs));
    if (!is_same_content(ours, theirs))
        FAIL_TO(done, ERR_MISMATCH,
                "%s was made with other constants than tag %s has now: use another -o, another tag, or remove it", path,
                use->tag);
done:
    block_free(ours);
    block_free(theirs);
    return rc;
}
