/* Groups of files that one job takes together, and which of them are done. */
#include "stage_whole.h"

#include "log.h"
#include "mem.h"
#include "sha1.h"
#include "sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_A_QUERY = 5000 };

struct subrun {
    int64_t run, subrun;
};

/* Files with their names and subruns, ids ascending. */
struct described {
    size_t n, capacity, n_subruns, subrun_capacity;
    int64_t *id;
    char **line;   /* name, a blank, checksum */
    size_t *first; /* [capacity] of `subrun`; the next file's ends it */
    struct subrun *subrun;
};

/* ---- reading ------------------------------------------------------------------------------------------------------- */
static void described_free(struct described *d)
{
    for (size_t i = 0; i < d->n; i++) mem_free(d->line[i]);
    mem_free(d->id);
    mem_free(d->line);
    mem_free(d->first);
    mem_free(d->subrun);
    *d = (struct described){0};
}

static enum err add_name(void *context, const struct db_value *row, size_t n)
{
    struct described *d = context;
    char line[400];
    (void)n;
    if (d->n + 1 >= d->capacity) {
        size_t wanted = 2 * d->capacity + 256;
        TRY(mem_resize(&d->id, d->n, wanted, sizeof *d->id));
        TRY(mem_resize(&d->line, d->n, wanted, sizeof *d->line));
        TRY(mem_resize(&d->first, d->capacity, wanted, sizeof *d->first));
        d->capacity = wanted;
    }
    snprintf(line, sizeof line, "%s %s", row[1].text, row[2].text);
    d->id[d->n]   = row[0].i;
    d->line[d->n] = mem_string(line);
    return d->line[d->n++] ? ERR_OK : ERR_MEMORY;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum err add_subrun(void *context, const struct db_value *row, size_t n)
{
    struct described *d = context;
    const int64_t *at   = d->n ? bsearch(&row[0].i, d->id, d->n, sizeof *d->id, by_value) : NULL;
    (void)n;
    if (!at) return ERR_OK; /* it came meanwhile */
    if (d->n_subruns == d->subrun_capacity) {
        size_t wanted = 2 * d->subrun_capacity + 256;
        TRY(mem_resize(&d->subrun, d->n_subruns, wanted, sizeof *d->subrun));
        d->subrun_capacity = wanted;
    }
    d->subrun[d->n_subruns++]          = (struct subrun){row[1].i, row[2].i};
    d->first[(size_t)(at - d->id) + 1] = d->n_subruns; /* rows come by file */
    return ERR_OK;
}

static enum err describe(const struct stage_work *w, const char *query, struct described *d)
{
    size_t before = d->n;
    TRY(catalogue_list(w->catalogue, query, "f.id, f.file_name, f.checksum", 0, add_name, d));
    if (d->n == before) return ERR_OK;
    for (size_t i = before; i < d->n; i++) d->first[i + 1] = 0;
    d->first[before] = d->n_subruns;
    TRY(catalogue_file_subruns(w->catalogue, query, add_subrun, d));
    for (size_t i = before; i < d->n; i++) /* files without subruns */
        if (d->first[i + 1] < d->first[i]) d->first[i + 1] = d->first[i];
    return ERR_OK;
}

/* Whatever has become of them. */
static enum err describe_ids(const struct stage_work *w, const int64_t *ids, size_t n, struct described *d)
{
    struct sql query = {0};
    enum err rc      = ERR_OK;
    for (size_t i = 0; i < n && !rc; i += IDS_A_QUERY) {
        query.n = 0;
        rc      = sql_add(&query, "file_id");
        for (size_t k = i; k < n && k < i + IDS_A_QUERY && !rc; k++)
            rc = sql_add(&query, "%s %" PRId64, k > i ? "," : "", ids[k]);
        if (!rc) rc = sql_add(&query, " with availability any");
        if (!rc) rc = describe(w, query.text, d);
    }
    sql_free(&query);
    if (!rc && d->n != n)
        rc = err_fail(ERR_LOGIC, __FILE__, __LINE__, "%zu of %zu files are in the catalogue", d->n, n);
    if (rc) described_free(d);
    return rc;
}

/* ---- names --------------------------------------------------------------------------------------------------------- */
static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The name of a set does not depend on the order in which files were declared. */
static enum err stem_of(const struct stage_work *w, const char *const *line, size_t n, char stem[200])
{
    const char **sorted;
    struct sql text = {0};
    char digest[41];
    TRY(mem_alloc(&sorted, n + 1, sizeof *sorted));
    for (size_t i = 0; i < n; i++) sorted[i] = line[i];
    qsort((void *)sorted, n, sizeof *sorted, by_text);
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i++) rc = sql_add(&text, "%s\n", sorted[i]);
    if (!rc) {
        sha1_hex(text.text, text.n, digest);
        snprintf(stem, 200, "%.100s_%s_%.12s", w->stage->name, w->digest, digest);
    }
    mem_free((void *)sorted);
    sql_free(&text);
    return rc;
}

enum err stage_whole_stem(const struct stage_work *w, const int64_t *ids, size_t n, char stem[200])
{
    struct described d = {0};
    TRY(describe_ids(w, ids, n, &d));
    enum err rc = stem_of(w, (const char *const *)d.line, d.n, stem);
    described_free(&d);
    return rc;
}

/* ---- coverage ------------------------------------------------------------------------------------------------------ */
static int by_subrun(const void *a, const void *b)
{
    const struct subrun *p = a, *q = b;
    if (p->run != q->run) return p->run < q->run ? -1 : 1;
    return (p->subrun > q->subrun) - (p->subrun < q->subrun);
}

static size_t sort_unique(struct subrun *s, size_t n)
{
    size_t kept = 0;
    if (n) qsort(s, n, sizeof *s, by_subrun);
    for (size_t i = 0; i < n; i++)
        if (!kept || by_subrun(&s[i], &s[kept - 1]) != 0) s[kept++] = s[i];
    return kept;
}

/* The product says of itself which subruns it holds: they must be those of the files. */
static enum err covers(const struct described *products, size_t product, const struct subrun *wanted, size_t n_wanted,
                       bool *yes)
{
    struct subrun *own;
    size_t first = products->first[product], n = products->first[product + 1] - first;
    TRY(mem_alloc(&own, n + 1, sizeof *own));
    if (n) memcpy(own, products->subrun + first, n * sizeof *own);
    n    = sort_unique(own, n);
    *yes = n == n_wanted;
    for (size_t i = 0; i < n && *yes; i++) *yes = by_subrun(&own[i], &wanted[i]) == 0;
    mem_free(own);
    return ERR_OK;
}

/* Product number k of a group: a merged file, or the constants of one calibration. */
static bool is_product(const struct stage_work *w, size_t k, const char *stem, const char *line)
{
    char ending[100];
    size_t n_stem = strlen(stem), n = strcspn(line, " ");
    if (w->stage->kind == CAMPAIGN_MERGE)
        snprintf(ending, sizeof ending, ".h5");
    else
        snprintf(ending, sizeof ending, ".%.80s.csv", w->stage->cfg.only.value[k]);
    size_t n_ending = strlen(ending);
    return n >= n_stem + n_ending && strncmp(line, stem, n_stem) == 0 && line[n_stem] == '.' &&
           strncmp(line + n - n_ending, ending, n_ending) == 0;
}

static enum err has_products(const struct stage_work *w, const struct described *products, const char *stem,
                             const struct subrun *wanted, size_t n_wanted, bool *yes)
{
    size_t n_products = w->stage->kind == CAMPAIGN_MERGE ? 1 : w->stage->cfg.only.n;
    *yes              = true;
    for (size_t k = 0; k < n_products && *yes; k++) {
        bool is_there = false;
        for (size_t i = 0; i < products->n && !is_there; i++)
            if (is_product(w, k, stem, products->line[i])) TRY(covers(products, i, wanted, n_wanted, &is_there));
        *yes = is_there;
    }
    return ERR_OK;
}

/* ---- groups -------------------------------------------------------------------------------------------------------- */
struct member {
    int64_t group;
    size_t file;
};

static int by_group(const void *a, const void *b)
{
    const struct member *p = a, *q = b;
    if (p->group != q->group) return p->group < q->group ? -1 : 1;
    return (p->file > q->file) - (p->file < q->file);
}

static int64_t group_of(const struct stage_work *w, const struct split_file *f)
{
    switch (w->stage->split.type) {
    case SPLIT_BYRUN:
    case SPLIT_BYEXISTINGRUNS: return f->run;
    case SPLIT_NFILES:
    case SPLIT_DRAININGN:
    case SPLIT_LIMITN: return f->id;
    default: return 0;
    }
}

static enum err look_at_group(const struct stage_work *w, const struct described *d, const struct described *products,
                              const struct member *m, size_t n, bool *is_done)
{
    const char **line;
    struct subrun *wanted = NULL;
    char stem[200];
    size_t n_wanted = 0, n_room = 0;
    for (size_t i = 0; i < n; i++) n_room += d->first[m[i].file + 1] - d->first[m[i].file];
    TRY(mem_alloc(&line, n, sizeof *line));
    enum err rc = mem_alloc(&wanted, n_room + 1, sizeof *wanted);
    for (size_t i = 0; i < n && !rc; i++) {
        size_t first = d->first[m[i].file], end = d->first[m[i].file + 1];
        line[i] = d->line[m[i].file];
        for (size_t k = first; k < end; k++) wanted[n_wanted++] = d->subrun[k];
    }
    if (!rc) rc = stem_of(w, line, n, stem);
    n_wanted = rc ? 0 : sort_unique(wanted, n_wanted);
    if (!rc) rc = has_products(w, products, stem, wanted, n_wanted, is_done);
    mem_free((void *)line);
    mem_free(wanted);
    return rc;
}

static enum err sort_members(const struct stage_work *w, const struct stage_files *files, bool is_one_group,
                             struct member **out)
{
    TRY(mem_alloc(out, files->n + 1, sizeof **out));
    for (size_t i = 0; i < files->n; i++)
        (*out)[i] = (struct member){is_one_group ? 0 : group_of(w, &files->one[i]), i};
    if (files->n) qsort(*out, files->n, sizeof **out, by_group);
    return ERR_OK;
}

static size_t end_of_group(const struct member *m, size_t i, size_t n)
{
    size_t end = i;
    while (end < n && m[end].group == m[i].group) end++;
    return end;
}

static enum err look_at_groups(const struct stage_work *w, const struct stage_files *files, bool is_one_group,
                               const struct described *inputs, int64_t *done, size_t *n_done)
{
    struct described products = {0};
    struct member *m          = NULL;
    enum err rc               = describe(w, w->stage->made, &products);
    if (!rc) rc = sort_members(w, files, is_one_group, &m);
    for (size_t i = 0, end; i < files->n && !rc; i = end) {
        bool is_done = false;
        end          = end_of_group(m, i, files->n);
        rc           = look_at_group(w, inputs, &products, m + i, end - i, &is_done);
        for (size_t k = i; k < end && is_done; k++) done[(*n_done)++] = files->one[m[k].file].id;
    }
    if (*n_done) qsort(done, *n_done, sizeof *done, by_value);
    mem_free(m);
    described_free(&products);
    return rc;
}

enum err stage_whole_done(const struct stage_work *w, const struct stage_files *files, bool is_one_group, int64_t *done,
                          size_t *n_done)
{
    struct described inputs = {0};
    int64_t *ids;
    *n_done = 0;
    TRY(mem_alloc(&ids, files->n + 1, sizeof *ids));
    for (size_t i = 0; i < files->n; i++) ids[i] = files->one[i].id;
    enum err rc = describe_ids(w, ids, files->n, &inputs);
    if (!rc) rc = look_at_groups(w, files, is_one_group, &inputs, done, n_done);
    mem_free(ids);
    described_free(&inputs);
    return rc;
}

enum err stage_whole_take(const struct stage_work *w, const struct stage_files *files, int64_t *taken, size_t *n_taken)
{
    struct member *m;
    size_t n_before = *n_taken;
    TRY(sort_members(w, files, false, &m));
    for (size_t i = 0, end; i < files->n; i = end) {
        size_t n_in = 0;
        end         = end_of_group(m, i, files->n);
        for (size_t k = i; k < end; k++)
            n_in += n_before && bsearch(&files->one[m[k].file].id, taken, n_before, sizeof *taken, by_value);
        for (size_t k = i; k < end && n_in && n_in < end - i; k++)
            if (!bsearch(&files->one[m[k].file].id, taken, n_before, sizeof *taken, by_value))
                taken[(*n_taken)++] = files->one[m[k].file].id;
    }
    if (*n_taken) qsort(taken, *n_taken, sizeof *taken, by_value);
    mem_free(m);
    return ERR_OK;
}

/* ---- superseding --------------------------------------------------------------------------------------------------- */
static bool shares_subrun(const struct described *products, size_t i, const struct described *inputs)
{
    for (size_t k = products->first[i]; k < products->first[i + 1]; k++)
        for (size_t j = 0; j < inputs->n_subruns; j++)
            if (by_subrun(&products->subrun[k], &inputs->subrun[j]) == 0) return true;
    return false;
}

static enum err retire_others(const struct stage_work *w, const struct described *products,
                              const struct described *inputs, const char *stem)
{
    char name[300], reason[300];
    snprintf(reason, sizeof reason, "superseded by %s, of the files that there are now", stem);
    for (size_t i = 0; i < products->n; i++) {
        if (strncmp(products->line[i], stem, strlen(stem)) == 0 || !shares_subrun(products, i, inputs)) continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(products->line[i], " "), products->line[i]);
        TRY(catalogue_retire(w->catalogue, name, reason, w->user));
        log_info("%s: %s is retired: %s", w->stage->name, name, reason);
    }
    return ERR_OK;
}

enum err stage_whole_supersede(const struct stage_work *w, const struct ledger_submission *s)
{
    struct described inputs = {0}, products = {0};
    int64_t *ids;
    size_t n;
    char stem[200];
    if (strcmp(w->stage->cfg.supersede, "retire") != 0) return ERR_OK;
    TRY(stage_work_not_done(w, s, &ids, &n));
    mem_free(ids);
    if (n) return ERR_OK;
    TRY(ledger_files(w->catalogue, s->id, &ids, &n));
    enum err rc = describe_ids(w, ids, n, &inputs);
    if (!rc) rc = stem_of(w, (const char *const *)inputs.line, inputs.n, stem);
    if (!rc) rc = describe(w, w->stage->made, &products);
    if (!rc) rc = retire_others(w, &products, &inputs, stem);
    mem_free(ids);
    described_free(&inputs);
    described_free(&products);
    return rc;
}
