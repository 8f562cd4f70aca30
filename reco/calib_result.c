/* Results: intervals of constants, a row for every channel. */
#include "calib.h"
#include "mem.h"

#include <math.h>
#include <string.h>

enum err calib_begin(const char *condition, struct calib_result *out)
{
    const struct cond_table *t = cond_standard_table(condition);
    REQUIRE(t, ERR_NOTFOUND, "there is no standard table of conditions \"%s\"", condition);
    *out           = (struct calib_result){.n_pulls = 0};
    out->set.table = *t;
    return ERR_OK;
}

enum err calib_interval_packed(struct calib_result *r, int64_t begin, int64_t end)
{
    struct cond_set *set = &r->set;
    REQUIRE(set->n_intervals < CALIB_MAX_INTERVALS, ERR_NUMBER, "more than %d intervals", CALIB_MAX_INTERVALS);
    if (set->n_intervals == r->interval_room) {
        size_t room = r->interval_room ? 2 * r->interval_room : 16;
        TRY(mem_resize(&set->interval, r->interval_room, room, sizeof *set->interval));
        r->interval_room = room;
    }
    set->interval[set->n_intervals++] = (struct cond_interval){.begin = begin, .end = end, .first = set->n_rows};
    return ERR_OK;
}

enum err calib_interval_run(struct calib_result *r, uint32_t first_run, uint32_t last_run)
{
    int64_t begin, end;
    TRY(cond_pack(&r->set.table, (struct cond_time){first_run, 0, 0}, &begin));
    TRY(cond_pack(&r->set.table, (struct cond_time){(int64_t)last_run + 1, 0, 0}, &end));
    return calib_interval_packed(r, begin, end);
}

enum err calib_interval_subrun(struct calib_result *r, struct calib_unit unit)
{
    const struct cond_time at = {unit.run, unit.subrun, 0};
    int64_t begin, last;
    TRY(cond_pack(&r->set.table, at, &begin));
    TRY(cond_pack_end(&r->set.table, at, &last));
    return calib_interval_packed(r, begin, last + 1);
}

static enum err grow(struct calib_result *r)
{
    struct cond_set *set = &r->set;
    if (set->n_rows < r->row_room) return ERR_OK;
    const size_t room = r->row_room ? 2 * r->row_room : CALIB_CHANNELS;
    for (size_t c = 0; c < set->table.n_columns; c++)
        TRY(mem_resize(&set->value[c], set->n_rows, room, sizeof *set->value[c]));
    TRY(mem_resize(&r->is_measured, set->n_rows, room, sizeof *r->is_measured));
    r->row_room = room;
    return ERR_OK;
}

static bool is_error(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, "_err") == 0;
}

static enum err append(struct calib_result *r, int calo, int crystal, const double *value, bool is_measured)
{
    struct cond_set *set       = &r->set;
    const struct cond_table *t = &set->table;
    REQUIRE(set->n_intervals > 0 && t->n_keys == 2, ERR_LOGIC, "table %s: no interval is open, or keys are others",
            t->name);
    TRY(grow(r));
    const size_t row    = set->n_rows++;
    set->value[0][row]  = calo;
    set->value[1][row]  = crystal;
    r->is_measured[row] = is_measured;
    for (size_t c = t->n_keys; c < t->n_columns; c++) {
        bool is_unknown    = !is_measured && is_error(t->column[c].name);
        set->value[c][row] = is_unknown ? t->column[c].max : value[c - t->n_keys];
    }
    set->interval[set->n_intervals - 1].n_rows++;
    return ERR_OK;
}

enum err calib_add_missing(struct calib_result *r, int calo, int crystal, const double *neutral)
{
    return append(r, calo, crystal, neutral, false);
}

enum err calib_add(struct calib_result *r, int calo, int crystal, const double *value, const double *neutral)
{
    const struct cond_table *t = &r->set.table;
    for (size_t c = t->n_keys; c < t->n_columns; c++) {
        const double x = value[c - t->n_keys];
        if (!(x >= t->column[c].min && x <= t->column[c].max)) return append(r, calo, crystal, neutral, false);
    }
    return append(r, calo, crystal, value, true);
}

void calib_result_free(struct calib_result *r)
{
    cond_set_free(&r->set);
    mem_free(r->is_measured);
    for (size_t c = 0; c < COND_MAX_COLUMNS; c++) mem_free(r->truth[c]);
    *r = (struct calib_result){.n_pulls = 0};
}
