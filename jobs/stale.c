/* Stale files: what is asked, and the answer. */
#include "stale_internal.h"

#include "catalogue_internal.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what files are held against -------------------------------------------------------------------------------------- */
/* TAG or TAG@DATABASE */
static enum err mark_by_tag(struct catalogue *c, struct stale_set *set, const char *wanted)
{
    char tag[64];
    struct cond *cond;
    const char *at       = strchr(wanted, '@');
    const char *database = at ? at + 1 : c->conditions ? c->conditions : c->url;
    size_t n             = at ? (size_t)(at - wanted) : strlen(wanted);
    REQUIRE(n && n < sizeof tag && !memchr(wanted, ':', n), ERR_OPTION,
            "\"%.80s\": TAG, TAG@DATABASE or campaign:NAME is wanted", wanted);
    memcpy(tag, wanted, n);
    tag[n]      = 0;
    enum err rc = cond_open(database, DB_READ, &cond);
    if (rc && !at && !c->conditions)
        return err_context(rc, "which database has the constants? Write %s@DATABASE, or --conditions DATABASE", tag);
    if (rc) return rc;
    rc = stale_tag_mark(c, set, cond, tag);
    cond_close(cond);
    return rc;
}

enum err stale_mark(struct catalogue *c, struct stale_set *set, const char *wanted)
{
    static const char campaign[] = "campaign:";
    char one[1200];
    for (const char *at = wanted; *at;) {
        size_t n = strcspn(at, ",");
        REQUIRE(n < sizeof one, ERR_OPTION, "\"%.80s...\" is too long", at);
        memcpy(one, at, n);
        one[n] = 0;
        if (strncmp(one, campaign, sizeof campaign - 1) == 0)
            TRY(stale_campaign_mark(c, set, one + sizeof campaign - 1));
        else
            TRY(mark_by_tag(c, set, one));
        at += n;
        if (*at == ',') at++;
    }
    stale_set_inherit(set);
    return ERR_OK;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------ */
struct answer {
    struct catalogue *catalogue;
    struct stale_ids scope;
    struct stale_set set; /* the scope and all its ancestors */
    struct stale_fate *fate;
    size_t n_names, capacity;
    struct stale_name *name; /* by id */
};

static enum err add_id(void *context, const struct db_value *row, size_t n)
{
    (void)n;
    return stale_ids_add(context, row[0].i);
}

static void answer_free(struct answer *a)
{
    for (size_t i = 0; i < a->set.n && a->fate; i++) mem_free(a->fate[i].by.id);
    for (size_t i = 0; i < a->n_names; i++) {
        mem_free((char *)a->name[i].name);
        mem_free((char *)a->name[i].tier);
    }
    mem_free(a->name);
    mem_free(a->fate);
    mem_free(a->scope.id);
    stale_set_free(&a->set);
}

static enum err ask(struct answer *a, const struct sql *scope, const char *wanted)
{
    TRY(catalogue_rows(a->catalogue->db, scope, add_id, &a->scope));
    stale_ids_sort(&a->scope);
    TRY(stale_set_read(a->catalogue, &a->scope, &a->set));
    TRY(stale_mark(a->catalogue, &a->set, wanted));
    TRY(mem_alloc(&a->fate, a->set.n + 1, sizeof *a->fate));
    return stale_fates(a->catalogue, &a->set, wanted, a->fate);
}

/* Of a file of the scope. */
static const struct stale_one *find(const struct answer *a, size_t i, const struct stale_fate **fate)
{
    size_t k = stale_set_find(&a->set, a->scope.id[i]);
    if (k == STALE_NONE || !a->set.one[k].is_stale) return NULL;
    *fate = &a->fate[k];
    return &a->set.one[k];
}

static enum err collect(const struct answer *a, enum stale_what what, struct stale_ids *out)
{
    const struct stale_fate *fate;
    for (size_t i = 0; i < a->scope.n; i++) {
        const struct stale_one *one = find(a, i, &fate);
        if (!one || fate->is_replaced != (what == STALE_REPLACED)) continue;
        if (what != STALE_SUFFICIENT) TRY(stale_ids_add(out, one->id));
        for (size_t b = 0; b < fate->by.n && what == STALE_SUFFICIENT; b++) TRY(stale_ids_add(out, fate->by.id[b]));
    }
    stale_ids_sort(out);
    return ERR_OK;
}

enum err stale_ids(struct catalogue *c, const struct sql *scope, const char *wanted, enum stale_what what, char **json,
                   int64_t *n_scope)
{
    struct answer a      = {.catalogue = c};
    struct stale_ids ids = {0};
    *json                = NULL;
    enum err rc          = ask(&a, scope, wanted);
    if (!rc) rc = collect(&a, what, &ids);
    if (!rc) rc = stale_ids_json(&ids, json);
    *n_scope = (int64_t)a.scope.n;
    mem_free(ids.id);
    answer_free(&a);
    return rc;
}

/* ---- with names ------------------------------------------------------------------------------------------------------ */
static enum err add_name(void *context, const struct db_value *row, size_t n)
{
    struct answer *a = context;
    (void)n;
    TRY(stale_room(&a->name, a->n_names, &a->capacity, sizeof *a->name));
    struct stale_name *one = &a->name[a->n_names++];
    *one                   = (struct stale_name){row[0].i, mem_string(row[1].text), mem_string(row[2].text)};
    return one->name && one->tier ? ERR_OK : ERR_MEMORY;
}

static enum err read_names(struct answer *a)
{
    struct stale_ids ids = {0};
    const struct stale_fate *fate;
    enum err rc = ERR_OK;
    for (size_t i = 0; i < a->scope.n && !rc; i++) {
        const struct stale_one *one = find(a, i, &fate);
        if (!one) continue;
        rc = stale_ids_add(&ids, one->id);
        if (!rc && one->because != STALE_NONE) rc = stale_ids_add(&ids, a->set.one[one->because].id);
        for (size_t b = 0; b < fate->by.n && !rc; b++) rc = stale_ids_add(&ids, fate->by.id[b]);
    }
    stale_ids_sort(&ids);
    if (!rc && ids.n)
        rc = stale_rows(a->catalogue, "select id, file_name, data_tier from files where id in", &ids, "order by id",
                        add_name, a);
    mem_free(ids.id);
    return rc;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = ((const struct stale_name *)b)->id;
    return (x > y) - (x < y);
}

static const struct stale_name *name_of(const struct answer *a, int64_t id)
{
    static const struct stale_name none = {0, "", ""};
    const struct stale_name *found      = a->n_names ? bsearch(&id, a->name, a->n_names, sizeof *a->name, by_id) : NULL;
    return found ? found : &none;
}

static enum err tell(const struct answer *a, const struct stale_one *one, const struct stale_fate *fate,
                     enum err (*each)(void *context, const struct stale_file *file), void *context)
{
    char why[STALE_WHY];
    struct stale_name *by = NULL;
    if (one->why)
        snprintf(why, sizeof why, "%s", one->why);
    else
        snprintf(why, sizeof why, "made of %s", name_of(a, a->set.one[one->because].id)->name);
    TRY(mem_alloc(&by, fate->by.n + 1, sizeof *by));
    for (size_t b = 0; b < fate->by.n; b++) by[b] = *name_of(a, fate->by.id[b]);
    enum err rc =
        each(context, &(struct stale_file){one->id, name_of(a, one->id)->name, why, fate->is_replaced, fate->by.n, by});
    mem_free(by);
    return rc;
}

enum err stale_find(struct catalogue *c, const char *query, const char *wanted,
                    enum err (*each)(void *context, const struct stale_file *file), void *context)
{
    struct answer a = {.catalogue = c};
    struct dimension *parsed;
    struct sql scope = {0};
    const struct stale_fate *fate;
    enum err rc = catalogue_sql(c, query, &parsed, &scope);
    if (!rc) {
        rc = ask(&a, &scope, wanted);
        dimension_free(parsed);
    }
    if (!rc) rc = read_names(&a);
    for (size_t i = 0; i < a.scope.n && !rc; i++) {
        const struct stale_one *one = find(&a, i, &fate);
        if (one) rc = tell(&a, one, fate, each, context);
    }
    sql_free(&scope);
    answer_free(&a);
    return rc;
}
