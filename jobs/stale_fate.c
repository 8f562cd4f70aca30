/* What became of stale files: replaced by good ones, or to be made anew, and of what. */
#include "stale_internal.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What tells whether a file can stand for another. */
struct kind {
    int64_t id;
    bool is_fresh;  /* a candidate */
    char text[600]; /* tier, stream, process, item of a list, merged or not */
    char campaign[128];
};
struct held {
    int64_t run, subrun;
    size_t kind; /* of a candidate */
};

struct fates {
    struct catalogue *catalogue;
    const struct stale_set *set; /* with the stale ones */
    struct stale_set other;      /* candidates and their ancestors */
    size_t n_kinds, kind_capacity, n_held, held_capacity;
    struct kind *kind; /* by id */
    struct held *held; /* by run, subrun: what candidates hold */
    struct stale_fate *fate;
    struct stale_ids above; /* ancestors of the file in hand, ascending */
    size_t *stamp, round;   /* [set->n]: seen in this round */
};

/* ---- candidates ----------------------------------------------------------------------------------------------------- */
static enum err add_id(void *context, const struct db_value *row, size_t n)
{
    (void)n;
    return stale_ids_add(context, row[0].i);
}

/* Good files of the same tier, stream and process that hold a subrun of a stale one: found by their subruns; || keeps a database
 * from listing a whole tier for each. */
static const char candidates[] =
    "select distinct b.file_id from file_runs a join file_runs b on b.run = a.run and b.subrun = a.subrun join files f "
    "on f.id = a.file_id join configs c on c.id = f.config_id join files g on g.id = b.file_id join configs d on d.id "
    "= g.config_id where g.data_tier || '' = f.data_tier and g.data_stream = f.data_stream and d.process_name = "
    "c.process_name and g.content_status || '' = 'good' and g.retired_s is null and g.n_places > 0 and b.file_id <> "
    "a.file_id and a.file_id in";

/* id, tier, stream, process, stage, merged by, campaign. Of a stage over a list the item counts, "STAGE.ITEM": items differ in
 * settings. */
static enum err add_kind(void *context, const struct db_value *row, size_t n)
{
    struct fates *f  = context;
    const char *item = row[4].type == DB_TEXT ? strchr(row[4].text, '.') : NULL;
    (void)n;
    TRY(stale_room(&f->kind, f->n_kinds, &f->kind_capacity, sizeof *f->kind));
    struct kind *k = &f->kind[f->n_kinds++];
    size_t i       = stale_set_find(&f->other, row[0].i);
    *k             = (struct kind){.id = row[0].i, .is_fresh = i != STALE_NONE && !f->other.one[i].is_stale};
    snprintf(k->text, sizeof k->text, "%.100s/%.100s/%.100s/%.100s/%d", row[1].text, row[2].text, row[3].text,
             item ? item : "", row[5].type == DB_TEXT);
    if (row[6].type == DB_TEXT) snprintf(k->campaign, sizeof k->campaign, "%s", row[6].text);
    return ERR_OK;
}

static enum err read_kinds(struct fates *f, const struct stale_ids *ids)
{
    return stale_rows(
        f->catalogue,
        "select f.id, f.data_tier, f.data_stream, c.process_name, s.text, m.text, p.text from files f join configs c "
        "on c.id = f.config_id left join file_params s on s.file_id = f.id and s.name = 'gm2.stage' left join "
        "file_params m on m.file_id = f.id and m.name = 'gm2.merged_by' left join file_params p on p.file_id = f.id "
        "and p.name = 'gm2.campaign' where f.id in",
        ids, "order by f.id", add_kind, f);
}

static int by_subrun(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    if (x->run != y->run) return x->run < y->run ? -1 : 1;
    if (x->subrun != y->subrun) return x->subrun < y->subrun ? -1 : 1;
    return (x->kind > y->kind) - (x->kind < y->kind);
}

static enum err find_held(struct fates *f)
{
    for (size_t k = 0; k < f->n_kinds; k++) {
        size_t first, end;
        if (!f->kind[k].is_fresh) continue;
        stale_set_subruns(&f->other, f->kind[k].id, &first, &end);
        for (size_t r = first; r < end; r++) {
            TRY(stale_room(&f->held, f->n_held, &f->held_capacity, sizeof *f->held));
            f->held[f->n_held++] = (struct held){f->other.subrun[r].run, f->other.subrun[r].subrun, k};
        }
    }
    if (f->n_held) qsort(f->held, f->n_held, sizeof *f->held, by_subrun);
    return ERR_OK;
}

static enum err read_candidates(struct fates *f, const char *wanted)
{
    struct stale_ids stale = {0}, found = {0};
    enum err rc = stale_set_ids(f->set, true, &stale);
    if (!rc && stale.n) rc = stale_rows(f->catalogue, candidates, &stale, "order by b.file_id", add_id, &found);
    if (!rc && found.n) {
        rc = stale_set_read(f->catalogue, &found, &f->other);
        if (!rc) rc = stale_mark(f->catalogue, &f->other, wanted);
        for (size_t i = 0; i < found.n && !rc; i++) rc = stale_ids_add(&stale, found.id[i]);
        if (!rc) rc = read_kinds(f, &stale);
        if (!rc) rc = find_held(f);
    }
    mem_free(stale.id);
    mem_free(found.id);
    return rc;
}

/* ---- replaced ------------------------------------------------------------------------------------------------------- */
static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool has(const struct stale_ids *ids, int64_t id)
{
    return ids->n && bsearch(&id, ids->id, ids->n, sizeof id, by_value);
}

/* The ancestors of a file of the set, ascending. */
static enum err find_above(struct fates *f, int64_t id)
{
    f->above.n = 0;
    f->round++;
    TRY(stale_ids_add(&f->above, id));
    for (size_t k = 0; k < f->above.n; k++) {
        size_t first, end;
        stale_set_parents(f->set, f->above.id[k], &first, &end);
        for (size_t e = first; e < end; e++) {
            size_t i = stale_set_find(f->set, f->set->edge[e].parent);
            if (i == STALE_NONE || f->stamp[i] == f->round) continue;
            f->stamp[i] = f->round;
            TRY(stale_ids_add(&f->above, f->set->one[i].id));
        }
    }
    f->above.id[0] = f->above.id[--f->above.n]; /* not the file itself */
    stale_ids_sort(&f->above);
    return ERR_OK;
}

/* Do a candidate and the file in hand come from a common ancestor? The way up is as deep as there are tiers. */
static bool is_related(const struct fates *f, int64_t id, int depth)
{
    size_t first, end;
    stale_set_parents(&f->other, id, &first, &end);
    for (size_t e = first; e < end && depth < 64; e++) {
        int64_t parent = f->other.edge[e].parent;
        if (has(&f->above, parent) || is_related(f, parent, depth + 1)) return true;
    }
    return false;
}

static bool replaces(const struct fates *f, const struct kind *new, const struct kind *old)
{
    if (strcmp(new->text, old->text) != 0 || new->id == old->id) return false;
    if (f->above.n) return is_related(f, new->id, 0);
    return *old->campaign && strcmp(new->campaign, old->campaign) == 0; /* simulated: it has no ancestors */
}

static const struct kind *find_kind(const struct fates *f, int64_t id)
{
    return f->n_kinds ? bsearch(&id, f->kind, f->n_kinds, sizeof *f->kind, by_value) : NULL;
}

static size_t first_held(const struct fates *f, const struct stale_subrun *r)
{
    struct held wanted = {r->run, r->subrun, 0};
    size_t low = 0, n = f->n_held;
    while (n > 0) {
        size_t half    = n / 2;
        bool is_before = by_subrun(&f->held[low + half], &wanted) < 0;
        low += is_before ? half + 1 : 0;
        n = is_before ? n - half - 1 : half;
    }
    return low;
}

/* All subruns of a file must be held by others of its kind. */
static enum err find_replaced(struct fates *f, size_t i)
{
    int64_t id             = f->set->one[i].id;
    const struct kind *old = find_kind(f, id);
    struct stale_fate *to  = &f->fate[i];
    size_t first, end;
    stale_set_subruns(f->set, id, &first, &end);
    if (!old || first == end) return ERR_OK;
    TRY(find_above(f, id));
    for (size_t r = first; r < end; r++) {
        const struct stale_subrun *s = &f->set->subrun[r];
        size_t h                     = first_held(f, s);
        while (h < f->n_held && f->held[h].run == s->run && f->held[h].subrun == s->subrun &&
               !replaces(f, &f->kind[f->held[h].kind], old))
            h++;
        if (h == f->n_held || f->held[h].run != s->run || f->held[h].subrun != s->subrun) {
            to->by.n = 0;
            return ERR_OK;
        }
        int64_t new = f->kind[f->held[h].kind].id;
        if (!to->by.n || to->by.id[to->by.n - 1] != new) TRY(stale_ids_add(&to->by, new));
    }
    to->is_replaced = true;
    return ERR_OK;
}

/* ---- what suffices --------------------------------------------------------------------------------------------------- */
static bool share_subrun(const struct fates *f, int64_t old, int64_t new)
{
    size_t a, a_end, b, b_end;
    stale_set_subruns(f->set, old, &a, &a_end);
    stale_set_subruns(&f->other, new, &b, &b_end);
    if (a == a_end) return true;
    while (a < a_end && b < b_end) {
        const struct stale_subrun *x = &f->set->subrun[a], *y = &f->other.subrun[b];
        if (x->run == y->run && x->subrun == y->subrun) return true;
        bool is_before = x->run < y->run || (x->run == y->run && x->subrun < y->subrun);
        a += is_before;
        b += !is_before;
    }
    return false;
}

/* From a file's parents up, until files that are not stale, or what replaced them. */
static enum err find_sufficient(struct fates *f, size_t i)
{
    struct stale_ids way = {0}, *out = &f->fate[i].by;
    int64_t id  = f->set->one[i].id;
    enum err rc = stale_ids_add(&way, id);
    f->round++;
    for (size_t k = 0; k < way.n && !rc; k++) {
        size_t first, end, p = stale_set_find(f->set, way.id[k]);
        const struct stale_one *one = &f->set->one[p];
        if (k && !one->is_stale && one->is_usable) {
            rc = stale_ids_add(out, one->id);
            continue;
        }
        if (k && one->is_stale && f->fate[p].is_replaced) {
            for (size_t b = 0; b < f->fate[p].by.n && !rc; b++)
                if (share_subrun(f, id, f->fate[p].by.id[b])) rc = stale_ids_add(out, f->fate[p].by.id[b]);
            continue;
        }
        stale_set_parents(f->set, way.id[k], &first, &end);
        for (size_t e = first; e < end && !rc; e++) {
            size_t q = stale_set_find(f->set, f->set->edge[e].parent);
            if (q == STALE_NONE || f->stamp[q] == f->round) continue;
            f->stamp[q] = f->round;
            rc          = stale_ids_add(&way, f->set->one[q].id);
        }
    }
    mem_free(way.id);
    stale_ids_sort(out);
    return rc;
}

enum err stale_fates(struct catalogue *c, const struct stale_set *set, const char *wanted, struct stale_fate *fates)
{
    struct fates f = {.catalogue = c, .set = set, .fate = fates};
    enum err rc    = mem_alloc(&f.stamp, set->n + 1, sizeof *f.stamp);
    if (!rc) rc = read_candidates(&f, wanted);
    for (size_t i = 0; i < set->n && !rc; i++)
        if (set->one[i].is_stale) rc = find_replaced(&f, i);
    for (size_t i = 0; i < set->n && !rc; i++)
        if (set->one[i].is_stale && !fates[i].is_replaced) rc = find_sufficient(&f, i);
    stale_set_free(&f.other);
    mem_free(f.kind);
    mem_free(f.held);
    mem_free(f.above.id);
    mem_free(f.stamp);
    return rc;
}
