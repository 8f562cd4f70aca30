/* gm2 files lineage, coverage: where a file comes from, what has become of it; which subruns a dataset has. */
#include "cmd_files.h"
#include "sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lineage ------------------------------------------------------------------------------------------------------- */
struct generation {
    int depth;
    int64_t n;
};

static enum err print_relative(void *context, const struct db_value *row, size_t n)
{
    struct generation *g = context;
    (void)n;
    printf("%*s%s\n", 2 * g->depth, "", row[0].text);
    g->n++;
    return ERR_OK;
}

/* Files exactly `depth` generations away: the query nests. */
static enum err relatives(struct catalogue *c, const char *name, const char *relation, int max_depth)
{
    for (int depth = 1; depth <= max_depth; depth++) {
        struct sql query    = {0};
        struct generation g = {.depth = depth};
        enum err rc         = ERR_OK;
        for (int i = 0; i < depth && !rc; i++) rc = sql_add(&query, "%s: (", relation);
        if (!rc) rc = sql_add(&query, "file_name '%s' with availability any", name);
        for (int i = 0; i < depth && !rc; i++) rc = sql_add(&query, ") with availability any");
        if (!rc) rc = catalogue_list(c, query.text, "f.file_name", 0, print_relative, &g);
        sql_free(&query);
        if (rc || g.n == 0) return rc;
    }
    return ERR_OK;
}

enum err files_lineage(struct catalogue *c, const struct files_options *o, int *status)
{
    (void)status;
    char *end = "", *json;
    REQUIRE(o->n_places == 1, ERR_OPTION, "wanted is: gm2 files lineage DB NAME [--depth N]");
    long depth = o->depth ? strtol(o->depth, &end, 10) : 10;
    REQUIRE(!*end && depth >= 1 && depth <= 20, ERR_OPTION, "--depth %s: 1 to 20 is wanted", o->depth);
    TRY(catalogue_check_name(o->place[0]));
    TRY(catalogue_get(c, o->place[0], &json)); /* it must be there */
    mem_free(json);
    printf("%s\nancestors\n", o->place[0]);
    TRY(relatives(c, o->place[0], "isparentof", (int)depth));
    printf("descendants\n");
    return relatives(c, o->place[0], "ischildof", (int)depth);
}

/* ---- coverage ------------------------------------------------------------------------------------------------------ */
struct subruns {
    size_t n, capacity;
    struct subrun {
        int64_t run, subrun;
    } * one; /* in order, as often as files have it */
};

static enum err add_subrun(void *context, const struct db_value *row, size_t n)
{
    struct subruns *s = context;
    if (s->n == s->capacity) {
        size_t wanted = 2 * s->capacity + 1024;
        TRY(mem_resize(&s->one, s->capacity, wanted, sizeof *s->one));
        s->capacity = wanted;
    }
    s->one[s->n++] = (struct subrun){row[n - 2].i, row[n - 1].i};
    return ERR_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct subrun *p = a, *q = b;
    if (p->run != q->run) return p->run < q->run ? -1 : 1;
    return (p->subrun > q->subrun) - (p->subrun < q->subrun);
}

static enum err find_subruns(struct catalogue *c, const char *query, struct subruns *out)
{
    TRY(catalogue_subruns(c, query, add_subrun, out));
    if (out->n) qsort(out->one, out->n, sizeof *out->one, by_place);
    return ERR_OK;
}

static size_t same_from(const struct subruns *s, size_t i)
{
    size_t n = 1;
    while (i + n < s->n && by_place(&s->one[i], &s->one[i + n]) == 0) n++;
    return n;
}

static int64_t print_doubles(const struct subruns *s, int64_t *n_different)
{
    int64_t n_doubles = 0;
    *n_different      = 0;
    for (size_t i = 0, n; i < s->n; i += n) {
        n = same_from(s, i);
        (*n_different)++;
        if (n == 1) continue;
        n_doubles++;
        printf("double %" PRId64 ":%" PRId64 " in %zu files\n", s->one[i].run, s->one[i].subrun, n);
    }
    return n_doubles;
}

static int64_t print_missing(const struct subruns *wanted, const struct subruns *have)
{
    int64_t n_missing = 0;
    size_t k          = 0;
    for (size_t i = 0; i < wanted->n; i += same_from(wanted, i)) {
        while (k < have->n && by_place(&have->one[k], &wanted->one[i]) < 0) k++;
        if (k < have->n && by_place(&have->one[k], &wanted->one[i]) == 0) continue;
        n_missing++;
        printf("missing %" PRId64 ":%" PRId64 "\n", wanted->one[i].run, wanted->one[i].subrun);
    }
    return n_missing;
}

enum err files_coverage(struct catalogue *c, const struct files_options *o, int *status)
{
    struct subruns have = {0}, wanted = {0};
    int64_t n_different, n_doubles, n_missing = 0;
    REQUIRE(o->n_places == 1, ERR_OPTION, "wanted is: gm2 files coverage DB QUERY [--wanted QUERY]");
    enum err rc = find_subruns(c, o->place[0], &have);
    if (!rc && o->wanted) rc = find_subruns(c, o->wanted, &wanted);
    if (!rc) {
        n_doubles = print_doubles(&have, &n_different);
        if (o->wanted) n_missing = print_missing(&wanted, &have);
        printf("%" PRId64 " subruns covered, %" PRId64 " more than once", n_different, n_doubles);
        if (o->wanted) printf(", %" PRId64 " missing", n_missing);
        putchar('\n');
        *status = n_doubles || n_missing;
    }
    mem_free(have.one);
    mem_free(wanted.one);
    return rc;
}
