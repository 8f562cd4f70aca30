/* Inputs that are not there now. */
#include "stage_places.h"

#include "catalogue_internal.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "place_scheme.h"
#include "sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_A_QUERY = 5000, MAX_PLACES = 64, STEP = 1000 };
#define PATIENCE_S 60.0
#define GLANCE_S   2.0

/* A file's places as the catalogue has them, then what was found. */
struct found {
    int64_t id, size_bytes;
    enum place_state state;
    bool is_asked;
    size_t n, best;
    char *url[MAX_PLACES];
    char checksum[32], why[200];
};
struct asking {
    struct found *one;
    size_t n, capacity;
};

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool is_taken(const struct stage_dataset *d, int64_t id)
{
    return d->n_taken && bsearch(&id, d->taken, d->n_taken, sizeof id, by_value);
}

static struct split_file *file_of(const struct stage_dataset *d, int64_t id)
{
    size_t low = 0, high = d->files.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->files.one[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < d->files.n && d->files.one[low].id == id ? &d->files.one[low] : NULL;
}

/* ---- places -------------------------------------------------------------------------------------------------------- */
static void forget(struct asking *a)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < a->one[i].n; k++) mem_free(a->one[i].url[k]);
    mem_free(a->one);
    *a = (struct asking){.n = 0};
}

/* row: id, size, checksum, url or null; a file's rows follow one another */
static enum err add_place(void *context, const struct db_value *row, size_t n)
{
    struct asking *a = context;
    (void)n;
    if (!a->n || a->one[a->n - 1].id != row[0].i) {
        if (a->n == a->capacity) {
            size_t wanted = 2 * a->capacity + 64;
            TRY(mem_resize(&a->one, a->capacity, wanted, sizeof *a->one));
            a->capacity = wanted;
        }
        a->one[a->n] = (struct found){.id = row[0].i, .size_bytes = row[1].i};
        snprintf(a->one[a->n++].checksum, sizeof a->one->checksum, "%s", row[2].text);
    }
    struct found *f = &a->one[a->n - 1];
    if (row[3].type != DB_TEXT || f->n == MAX_PLACES) return ERR_OK;
    f->url[f->n] = mem_string(row[3].text);
    return f->url[f->n++] ? ERR_OK : ERR_MEMORY;
}

/* ids: at most IDS_A_QUERY */
static enum err read_places(const struct stage_work *w, const int64_t *ids, size_t n, struct asking *a)
{
    struct sql sql = {0};
    enum err rc = sql_add(&sql, "select f.id, f.file_size, f.checksum, l.url from files f left join file_locations l "
                                "on l.file_id = f.id where f.id in (");
    for (size_t i = 0; i < n && !rc; i++) {
        rc = sql_add(&sql, i ? ", " : "");
        if (!rc) rc = sql_value(&sql, DB_I(ids[i]));
    }
    if (!rc) rc = sql_add(&sql, ") order by f.id, l.url");
    if (!rc && n) rc = catalogue_rows(w->catalogue->db, &sql, add_place, a);
    sql_free(&sql);
    return rc;
}

static enum err choose(struct found *f)
{
    struct place_seen seen;
    TRY(place_choose((const char *const *)f->url, f->n, f->size_bytes, &f->best, &seen));
    f->state    = f->best < f->n ? PLACE_ONLINE : seen.state;
    f->is_asked = true;
    snprintf(f->why, sizeof f->why, "%s", seen.why);
    return ERR_OK;
}

/* ---- the ledger's notes -------------------------------------------------------------------------------------------- */
struct noting {
    const struct stage_work *w;
    const struct asking *a;
};

static enum err note(void *context)
{
    const struct noting *k = context;
    struct db *db          = k->w->catalogue->db;
    for (size_t i = 0; i < k->a->n; i++) {
        const struct found *f       = &k->a->one[i];
        const struct db_value row[] = {DB_I(k->w->stage_id), DB_I(f->id), DB_I(f->state), DB_S(f->why),
                                       DB_I(catalogue_now_s())};
        if (!f->is_asked) continue;
        TRY(db_do(db, "delete from stage_places where stage_id = $1 and file_id = $2", row, 2));
        if (f->state == PLACE_ONLINE) continue;
        TRY(db_do(db, "insert into stage_places (stage_id, file_id, state, why, seen_s) values ($1, $2, $3, $4, $5)",
                  row, 5));
    }
    return ERR_OK;
}

static enum err note_all(const struct stage_work *w, const struct asking *a)
{
    struct noting k = {w, a};
    if (w->is_held || !w->stage_id || !a->n) return ERR_OK; /* only looked at */
    return db_transaction(w->catalogue->db, CATALOGUE_LOCK, note, &k);
}

/* What was found is noted in the dataset; `taken` [n_taken] gets what is not there. */
static void mark(struct stage_dataset *d, const struct asking *a, int64_t *taken, size_t *n_taken)
{
    for (size_t i = 0; i < a->n; i++) {
        struct split_file *f = file_of(d, a->one[i].id);
        bool is_there        = a->one[i].is_asked && a->one[i].state == PLACE_ONLINE;
        if (f && is_there) f->is_staged = true;
        if (f && !is_there) taken[(*n_taken)++] = f->id;
    }
}

static void say(const struct stage_work *w, const struct asking *a)
{
    const struct found *first = NULL;
    size_t n                  = 0;
    for (size_t i = 0; i < a->n; i++) {
        if (!a->one[i].is_asked || a->one[i].state == PLACE_ONLINE) continue;
        if (!first) first = &a->one[i];
        n++;
    }
    if (n)
        log_warn("%s: %zu files cannot be read now and are not started; the first (%s): %s", w->stage->name, n,
                 first->n ? first->url[0] : "no place", first->why);
}

/* ---- before slices ------------------------------------------------------------------------------------------------- */
struct ids {
    int64_t *id;
    size_t n, capacity;
};

static enum err add_id(void *context, const struct db_value *row, size_t n)
{
    struct ids *s = context;
    (void)n;
    if (s->n == s->capacity) {
        size_t wanted = 2 * s->capacity + 256;
        TRY(mem_resize(&s->id, s->capacity, wanted, sizeof *s->id));
        s->capacity = wanted;
    }
    s->id[s->n++] = row[0].i;
    return ERR_OK;
}

/* What is done, held or no more in the dataset is not waited for. */
static enum err drop_others(const struct stage_work *w, const struct stage_dataset *d, struct ids *noted)
{
    struct asking others = {.n = 0};
    size_t n             = 0;
    enum err rc          = mem_alloc(&others.one, noted->n + 1, sizeof *others.one);
    for (size_t i = 0; i < noted->n && !rc; i++) {
        if (file_of(d, noted->id[i]) && !is_taken(d, noted->id[i]))
            noted->id[n++] = noted->id[i];
        else
            others.one[others.n++] = (struct found){.id = noted->id[i], .is_asked = true, .state = PLACE_ONLINE};
    }
    noted->n = n;
    if (!rc) rc = note_all(w, &others);
    forget(&others);
    return rc;
}

/* Each is asked, until time is up. */
static enum err ask_noted(const struct stage_work *w, struct stage_dataset *d, const struct ids *noted)
{
    double until_s = clock_now_s() + PATIENCE_S;
    enum err rc    = ERR_OK;
    for (size_t i = 0; i < noted->n && !rc; i += STEP) {
        size_t n = noted->n - i < STEP ? noted->n - i : STEP, n_taken = 0;
        struct asking a = {.n = 0};
        int64_t taken[STEP];
        rc = read_places(w, noted->id + i, n, &a);
        for (size_t k = 0; k < a.n && !rc && clock_now_s() < until_s; k++) rc = choose(&a.one[k]);
        mark(d, &a, taken, &n_taken);
        if (!rc) rc = note_all(w, &a);
        if (!rc) rc = stage_work_take(d, taken, n_taken);
        forget(&a);
    }
    return rc;
}

enum err stage_places_begin(const struct stage_work *w, struct stage_dataset *d)
{
    struct ids noted = {0};
    struct sql sql   = {0};
    if (d->is_asked) return ERR_OK;
    d->is_asked = true;
    enum err rc = sql_add(&sql, "select file_id from stage_places where stage_id = ");
    if (!rc) rc = sql_value(&sql, DB_I(w->stage_id));
    if (!rc) rc = sql_add(&sql, " order by seen_s, file_id");
    if (!rc && w->stage_id) rc = catalogue_rows(w->catalogue->db, &sql, add_id, &noted);
    sql_free(&sql);
    if (!rc && noted.n) rc = drop_others(w, d, &noted);
    if (!rc && noted.n) rc = ask_noted(w, d, &noted);
    mem_free(noted.id);
    return rc;
}

enum err stage_places_mark(const struct stage_work *w, struct stage_dataset *d, int64_t n)
{
    double until_s = clock_now_s() + PATIENCE_S;
    int64_t n_free = 0;
    enum err rc    = ERR_OK;
    for (size_t i = 0; i < d->files.n; i++) n_free += d->files.one[i].is_staged && !is_taken(d, d->files.one[i].id);
    while (!rc && n_free < n && d->n_marked < d->files.n && clock_now_s() < until_s) {
        struct asking a = {.n = 0};
        int64_t ids[STEP], taken[STEP];
        size_t n_ids = 0, n_taken = 0;
        for (; d->n_marked < d->files.n && n_ids < STEP; d->n_marked++) {
            const struct split_file *f = &d->files.one[d->n_marked];
            if (!f->is_staged && !is_taken(d, f->id)) ids[n_ids++] = f->id;
        }
        rc = read_places(w, ids, n_ids, &a);
        for (size_t k = 0; k < a.n && !rc; k++) {
            rc = choose(&a.one[k]);
            n_free += a.one[k].state == PLACE_ONLINE;
        }
        mark(d, &a, taken, &n_taken);
        say(w, &a);
        if (!rc && n_taken) rc = note_all(w, &a);
        if (!rc) rc = stage_work_take(d, taken, n_taken);
        forget(&a);
    }
    return rc;
}

/* ---- a slice ------------------------------------------------------------------------------------------------------- */
static enum err ask_slice(const struct stage_work *w, struct stage_dataset *d, const int64_t *ids, size_t n,
                          size_t *n_absent)
{
    struct asking a = {.n = 0};
    int64_t *taken  = NULL;
    size_t n_taken  = 0;
    enum err rc     = mem_alloc(&taken, n + 1, sizeof *taken);
    if (!rc) rc = read_places(w, ids, n, &a);
    for (size_t i = 0; i < a.n && !rc; i++) rc = choose(&a.one[i]);
    if (!rc) mark(d, &a, taken, &n_taken);
    say(w, &a);
    if (!rc && n_taken) rc = note_all(w, &a);
    if (!rc) rc = stage_work_take(d, taken, n_taken);
    *n_absent += n_taken;
    mem_free(taken);
    forget(&a);
    return rc;
}

enum err stage_places_filter(const struct stage_work *w, struct stage_dataset *d, struct split_slice *slice)
{
    int64_t *ids;
    size_t n = 0, n_absent = 0, n_left = 0;
    TRY(mem_alloc(&ids, slice->n + 1, sizeof *ids));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < slice->n; i++) {
        const struct split_file *f = file_of(d, slice->id[i]);
        if (!f || !f->is_staged) ids[n++] = slice->id[i];
    }
    for (size_t i = 0; i < n && !rc; i += IDS_A_QUERY)
        rc = ask_slice(w, d, ids + i, n - i < IDS_A_QUERY ? n - i : IDS_A_QUERY, &n_absent);
    bool is_none = n_absent && campaign_is_whole(w->stage); /* a part of a group is no group */
    n            = 0;
    for (size_t i = 0; i < slice->n && !rc && n_absent; i++) {
        if (is_none && !is_taken(d, slice->id[i])) ids[n++] = slice->id[i];
        if (!is_none && !is_taken(d, slice->id[i])) slice->id[n_left++] = slice->id[i];
    }
    if (n_absent) slice->n = n_left;
    if (!rc && n) {
        qsort(ids, n, sizeof *ids, by_value);
        rc = stage_work_take(d, ids, n);
    }
    mem_free(ids);
    return rc;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------- */
enum err stage_places_count(struct catalogue *c, int64_t stage_id, size_t *n_staging, size_t *n_gone)
{
    const struct db_value row[] = {DB_I(stage_id), DB_I(PLACE_GONE)};
    int64_t n_all = 0, gone = 0;
    bool is_found;
    TRY(db_get_int(c->db, "select count(*) from stage_places where stage_id = $1", row, 1, &n_all, &is_found));
    TRY(db_get_int(c->db, "select count(*) from stage_places where stage_id = $1 and state = $2", row, 2, &gone,
                   &is_found));
    *n_staging = (size_t)(n_all - gone);
    *n_gone    = (size_t)gone;
    return ERR_OK;
}

enum err stage_places_sample(const struct stage_work *w, const struct split_file *files, size_t n,
                             struct stage_places_sample *out)
{
    double until_s = clock_now_s() + GLANCE_S;
    enum err rc    = ERR_OK;
    *out           = (struct stage_places_sample){0};
    for (size_t i = 0; i < n && !rc && clock_now_s() < until_s; i += STEP) {
        struct asking a = {.n = 0};
        int64_t ids[STEP];
        size_t n_ids = 0;
        for (; n_ids < STEP && i + n_ids < n; n_ids++) ids[n_ids] = files[i + n_ids].id;
        rc = read_places(w, ids, n_ids, &a);
        for (size_t k = 0; k < a.n && !rc && clock_now_s() < until_s; k++) {
            rc = choose(&a.one[k]);
            out->n_asked++;
            out->n_gone += a.one[k].state == PLACE_GONE;
            out->n_staging += a.one[k].state == PLACE_STAGING || a.one[k].state == PLACE_UNKNOWN;
        }
        forget(&a);
    }
    return rc;
}

/* ---- the job's list ------------------------------------------------------------------------------------------------ */
static enum err add_line(struct found *f, struct sql *out, bool *is_far, double *copy_s)
{
    const struct place_scheme *scheme;
    TRY(choose(f));
    REQUIRE(f->state == PLACE_ONLINE, ERR_DATA, "file %" PRId64 " (%.100s) cannot be read now: %s", f->id,
            f->n ? f->url[0] : "no place", f->why);
    const char *url = f->url[f->best], *path = place_path(url);
    if (path) return sql_add(out, "%s\n", path);
    TRY(place_scheme_find(url, &scheme));
    *is_far = true;
    *copy_s = scheme->cfg.copy_s > *copy_s ? scheme->cfg.copy_s : *copy_s;
    return sql_add(out, "%s %" PRId64 " %s\n", url, f->size_bytes, f->checksum);
}

enum err stage_places_list(const struct stage_work *w, int64_t submission_id, struct sql *out, bool *is_far,
                           double *copy_s)
{
    int64_t *ids;
    size_t n;
    *is_far = false;
    *copy_s = 0.0;
    TRY(ledger_files(w->catalogue, submission_id, &ids, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i += IDS_A_QUERY) {
        struct asking a = {.n = 0};
        rc              = read_places(w, ids + i, n - i < IDS_A_QUERY ? n - i : IDS_A_QUERY, &a);
        for (size_t k = 0; k < a.n && !rc; k++) rc = add_line(&a.one[k], out, is_far, copy_s);
        forget(&a);
    }
    mem_free(ids);
    return rc;
}
