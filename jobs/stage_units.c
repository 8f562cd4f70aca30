/* Launches of a simulation. */
#include "stage_units.h"

#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool is_in(int64_t id, const int64_t *ids, size_t n) { return n && bsearch(&id, ids, n, sizeof id, by_value); }

/* What attempts a unit has; 0 for one never tried. */
static struct ledger_left_file state_of(int64_t id, const struct ledger_left_file *left, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (left[i].file_id == id) return left[i];
    return (struct ledger_left_file){.file_id = id};
}

enum err stage_units_read(const struct stage_work *w, struct stage_units *out)
{
    int64_t *taken = NULL, *done = NULL;
    size_t n_taken, n_done, n_parked, n_left, room = (size_t)w->stage->cfg.max_submissions;
    struct ledger_left_file *left = NULL;
    *out                          = (struct stage_units){.n_next = 0};
    enum err rc                   = ledger_taken(w->catalogue, w->stage_id, &taken, &n_taken, &n_parked);
    if (!rc) rc = ledger_located(w->catalogue, w->stage_id, &done, &n_done);
    if (!rc) rc = ledger_left(w->catalogue, w->stage_id, &left, &n_left);
    if (!rc) rc = mem_alloc(&out->next, room, sizeof *out->next);
    for (int64_t k = 0; !rc && k < w->stage->cfg.launches && out->n_next < room; k++)
        if (!is_in(-k, taken, n_taken) && !is_in(-k, done, n_done))
            out->next[out->n_next++] = state_of(-k, left, n_left);
    mem_free(taken);
    mem_free(done);
    mem_free(left);
    return rc;
}

void stage_units_free(struct stage_units *u) { mem_free(u->next); }

void stage_units_name(const struct stage_work *w, const struct ledger_left_file *unit, char out[64])
{
    size_t n = w->stage->n_recoveries, k = (size_t)unit->attempts;
    if (k > 0 && n > 0)
        snprintf(out, 64, "recover%" PRId64 "_%zu", unit->last_id, k <= n ? k - 1 : n - 1);
    else if (w->stage->cfg.launches > 1)
        snprintf(out, 64, "launch%06" PRId64, -unit->file_id);
    else
        snprintf(out, 64, "simulation");
}

enum err stage_units_number(const struct stage_work *w, const struct ledger_submission *s, int64_t *k)
{
    const char *slice = strstr(s->name, "_launch");
    int64_t *ids;
    size_t n;
    if (slice) {
        *k = strtoll(slice + 7, NULL, 10);
        return ERR_OK;
    }
    TRY(ledger_files(w->catalogue, s->id, &ids, &n));
    *k = n ? -ids[0] : 0;
    mem_free(ids);
    return ERR_OK;
}

enum err stage_units_products(const struct stage_work *w, const struct ledger_submission *s,
                              char out[STAGE_MAX_PATH + 32])
{
    char folder[STAGE_MAX_PATH];
    int64_t k = 0;
    stage_work_folder(w, s->name, folder);
    if (stage_work_is_simulation(w)) {
        TRY(stage_units_number(w, s, &k));
        if (k)
            snprintf(folder, sizeof folder, "%.1700s/launch%06" PRId64, w->folder, k);
        else
            snprintf(folder, sizeof folder, "%.1799s", w->folder);
    }
    snprintf(out, STAGE_MAX_PATH + 32, "%s/products", folder);
    return ERR_OK;
}

void stage_units_stem(const struct stage_work *w, int64_t k, char out[STAGE_UNITS_STEM])
{
    int n = snprintf(out, STAGE_UNITS_STEM, "%.120s_%s", w->stage->name, w->digest);
    if (k) snprintf(out + n, STAGE_UNITS_STEM - (size_t)n, "_l%06" PRId64, k);
}

/* Fills by data tier. A tier may be kept in part only (raw files of the first subruns), so the fullest counts. */
struct made {
    const char *stem; /* NULL: any name */
    size_t n;
    struct tier {
        char name[24];
        int64_t n_fills;
    } tier[16];
};

/* Launch 0 has no number in its names, the others go on with _l. */
static bool is_of_stem(const char *name, const char *stem)
{
    size_t n = strlen(stem);
    return strncmp(name, stem, n) == 0 && name[n] == '_' && name[n + 1] != 'l';
}

static enum err add_fills(void *context, const struct db_value *row, size_t n)
{
    struct made *m = context;
    size_t i       = 0;
    (void)n;
    if (m->stem && !is_of_stem(row[0].text, m->stem)) return ERR_OK;
    while (i < m->n && strcmp(m->tier[i].name, row[1].text) != 0) i++;
    if (i == sizeof m->tier / sizeof m->tier[0]) return ERR_OK;
    if (i == m->n) snprintf(m->tier[m->n++].name, sizeof m->tier[i].name, "%s", row[1].text);
    m->tier[i].n_fills += row[2].i;
    return ERR_OK;
}

/* stem: of the names that count; NULL: all do. */
static enum err count_fills(const struct stage_work *w, const char *stem, int64_t *n)
{
    struct made made = {.stem = stem};
    *n               = 0;
    TRY(catalogue_list(w->catalogue, w->stage->made, "f.file_name, f.data_tier, f.event_count", 0, add_fills, &made));
    for (size_t i = 0; i < made.n; i++)
        if (made.tier[i].n_fills > *n) *n = made.tier[i].n_fills;
    return ERR_OK;
}

enum err stage_units_are_made(const struct stage_work *w, int64_t k, bool *are_made)
{
    char stem[STAGE_UNITS_STEM];
    int64_t n;
    stage_units_stem(w, k, stem);
    TRY(count_fills(w, w->stage->cfg.launches > 1 ? stem : NULL, &n));
    *are_made = n >= w->stage->cfg.fills;
    return ERR_OK;
}

enum err stage_units_left(const struct stage_work *w, int64_t *n)
{
    const struct campaign_stage_cfg *cfg = &w->stage->cfg;
    TRY(count_fills(w, NULL, n));
    *n = cfg->fills > 0 && *n / cfg->fills < cfg->launches ? cfg->launches - *n / cfg->fills : 0;
    return ERR_OK;
}
