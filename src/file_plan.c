/* Looks through the units of a shard before any of it is written. */
#include "file_plan.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

/* Texts of the root; those that are `joined` may differ from unit to unit. */
enum { ISA = 5, PARENTS = 8, FCL_COMMIT = 9, WORDS = 10, N_TEXTS = 11 };
static const char *const text_names[N_TEXTS] = {"process_name", "release",    "git_commit",    "configuration",
                                                "config_id",    "isa",        "constants_set", "conditions_tag",
                                                "parents",      "fcl_commit", "metadata"};

struct provenance file_plan_provenance(const struct plan_extra *e)
{
    return (struct provenance){.process_name   = e->text[0],
                               .release        = e->text[1],
                               .git_commit     = e->text[2],
                               .config_text    = e->text[3],
                               .config_id      = e->text[4],
                               .isa            = e->text[ISA],
                               .constants_set  = e->text[6],
                               .conditions_tag = e->text[7],
                               .parents        = e->text[PARENTS],
                               .fcl_commit     = e->text[FCL_COMMIT],
                               .words          = e->text[WORDS],
                               .seed           = e->seed};
}

void file_plan_columns(const struct plan_table *table, struct column out[PLAN_MAX_COLUMNS])
{
    for (int i = 0; i < table->n_columns; i++) {
        const struct plan_column *c = &table->column[i];
        out[i]                      = (struct column){c->name, (enum column_type)c->type, c->width, c->unit, c->doc};
    }
}

void file_plan_free(struct plan *plan)
{
    mem_free(plan->table);
    mem_free(plan->first);
    *plan = (struct plan){0};
}

void file_plan_free_extra(struct plan_extra *extra)
{
    hist_set_free(&extra->hists);
    file_h5_free_units(&extra->units);
    for (size_t i = 0; i < N_TEXTS; i++) mem_free(extra->text[i]);
    *extra = (struct plan_extra){0};
}

/* ---- one unit's tables --------------------------------------------------------------------------------------------- */
static enum err describe_column(hid_t group, const char *name, struct plan_column *c, uint64_t *rows)
{
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    H5_REQUIRE(dataset >= 0, file_h5_read_code(), "cannot open column %s", name);
    hsize_t extent[H5S_MAX_RANK] = {0, 1};
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    int rank = H5Sget_simple_extent_dims(space, extent, NULL);
    snprintf(c->name, sizeof c->name, "%s", name);
    c->type  = (int32_t)file_h5_column_type(type);
    c->width = rank == 2 ? (uint32_t)extent[1] : 1;
    *rows    = extent[0];
    H5Sclose(space);
    H5Tclose(type);
    int is_ok = c->type < N_COLUMN_TYPES && (rank == 1 || rank == 2) && c->width > 0 && c->width <= PLAN_MAX_WIDTH;
    enum err rc =
        is_ok ? ERR_OK : err_fail(ERR_DATA, __FILE__, __LINE__, "column %s has an unknown type or shape", name);
    if (!rc) rc = file_h5_get_short_text(dataset, "units", c->unit, sizeof c->unit);
    if (!rc) rc = file_h5_get_short_text(dataset, "long_name", c->doc, sizeof c->doc);
    H5Dclose(dataset);
    return rc;
}

static enum err add_column(hid_t group, const char *name, struct plan_table *t, int64_t n_rows)
{
    uint64_t rows = 0;
    REQUIRE(strlen(name) < sizeof t->column[0].name && t->n_columns < PLAN_MAX_COLUMNS, ERR_DATA,
            "table %s has too many columns or too long a name: %s", t->group, name);
    TRY(describe_column(group, name, &t->column[t->n_columns++], &rows));
    REQUIRE(rows == (uint64_t)n_rows, ERR_DATA, "column %s of table %s has %llu rows instead of %lld", name, t->group,
            (unsigned long long)rows, (long long)n_rows);
    return ERR_OK;
}

static enum err describe_table(hid_t group, const char *path, struct plan_table *t, int64_t *n_rows)
{
    char **names;
    size_t n;
    memset(t, 0, sizeof *t);
    t->parent = -1;
    snprintf(t->group, sizeof t->group, "%s", path);
    TRY(file_h5_get_short_text(group, "table", t->table, sizeof t->table));
    TRY(file_h5_get_short_text(group, "tier", t->tier, sizeof t->tier));
    TRY(file_h5_get_short_text(group, "long_name", t->doc, sizeof t->doc));
    TRY(file_h5_get_i64(group, "n_rows", n_rows));
    REQUIRE(*n_rows >= 0, ERR_DATA, "table %s has %lld rows", path, (long long)*n_rows);
    TRY(file_h5_names(group, &names, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; !rc && i < n; i++)
        if (strcmp(names[i], "index") != 0) rc = add_column(group, names[i], t, *n_rows);
    file_h5_free_names(names, n);
    return rc;
}

/* ---- the plan -------------------------------------------------------------------------------------------------------- */
/* While units are looked through, first[t][u] holds the rows of unit u. */
static enum err plan_table_index(struct plan *p, const struct plan_table *t, size_t *out)
{
    for (*out = 0; *out < p->n_tables; ++*out) {
        const struct plan_table *known = &p->table[*out];
        if (strcmp(known->group, t->group) != 0) continue;
        int is_same = known->n_columns == t->n_columns && memcmp(known->column, t->column, sizeof t->column) == 0 &&
                      strcmp(known->table, t->table) == 0;
        REQUIRE(is_same, ERR_MISMATCH, "table %s has other columns than in the units before", t->group);
        return ERR_OK;
    }
    TRY(mem_resize(&p->table, p->n_tables, p->n_tables + 1, sizeof *p->table));
    TRY(mem_resize(&p->first, p->n_tables * (p->n_units + 1), (p->n_tables + 1) * (p->n_units + 1), sizeof *p->first));
    p->table[p->n_tables++] = *t;
    return ERR_OK;
}

static enum err add_table(hid_t file, const char *path, size_t unit, int32_t parent, struct plan *p, size_t *index)
{
    struct plan_table *t;
    int64_t n_rows;
    hid_t group = H5Gopen2(file, path, H5P_DEFAULT);
    H5_REQUIRE(group >= 0, file_h5_read_code(), "cannot open group %s", path);
    enum err rc = mem_alloc(&t, 1, sizeof *t);
    if (!rc) rc = describe_table(group, path, t, &n_rows);
    if (!rc) {
        t->parent = parent;
        rc        = plan_table_index(p, t, index);
    }
    if (!rc) p->first[*index * (p->n_units + 1) + unit] = n_rows;
    mem_free(t);
    H5Gclose(group);
    return rc;
}

static int is_table(hid_t file, const char *name)
{
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    int yes      = object >= 0 && H5Iget_type(object) == H5I_GROUP && H5Aexists(object, "table") > 0;
    if (object >= 0) H5Oclose(object);
    return yes;
}

static int is_dropped(const struct shard_choice *choice, const char *word)
{
    for (size_t i = 0; choice && i < choice->n_drop; i++)
        if (strcmp(choice->drop[i], word) == 0) return 1;
    return 0;
}

static int is_kept(const struct shard_choice *choice, const char *word)
{
    for (size_t i = 0; i < choice->n_keep; i++)
        if (strcmp(choice->keep[i], word) == 0) return 1;
    return 0;
}

/* Histograms by the first part of their name: those that are left out change places with those that stay, then go. */
static void drop_hists(const struct shard_choice *choice, struct hist_set *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        struct hist *h = set->hist[i];
        char word[128];
        snprintf(word, sizeof word, "hist/%.*s", (int)strcspn(h->name, "/"), h->name);
        int is_out = is_dropped(choice, "hist") || is_dropped(choice, word) ||
                     (choice->n_keep && !is_kept(choice, "hist") && !is_kept(choice, word));
        if (is_out) continue;
        set->hist[i]   = set->hist[n];
        set->hist[n++] = h;
    }
    hist_set_cut(set, n);
}

/* By its name, or that of its definition, or its tier. */
static enum err is_table_dropped(hid_t file, const char *name, const struct shard_choice *choice, int *yes)
{
    char word[64] = "", tier[64] = "";
    hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
    H5_REQUIRE(group >= 0, file_h5_read_code(), "cannot open group %s", name);
    enum err rc = file_h5_get_short_text(group, "table", word, sizeof word);
    if (!rc && H5Aexists(group, "tier") > 0) rc = file_h5_get_short_text(group, "tier", tier, sizeof tier);
    H5Gclose(group);
    *yes = is_dropped(choice, name) || is_dropped(choice, word) || is_dropped(choice, tier) ||
           (choice->n_keep && !is_kept(choice, name) && !is_kept(choice, word) && !is_kept(choice, tier));
    return rc;
}

static enum err add_group(hid_t file, const char *name, size_t unit, const struct shard_choice *choice, struct plan *p)
{
    char index_path[96];
    size_t table = 0, index = 0;
    int is_out = 0;
    if (!is_table(file, name)) return ERR_OK;
    if (choice && (choice->n_drop || choice->n_keep) && strcmp(name, "units") != 0 &&
        strcmp(name, "conditions") != 0) /* what it is of, and what was read, is always told */
        TRY(is_table_dropped(file, name, choice, &is_out));
    if (is_out) return ERR_OK;
    TRY(add_table(file, name, unit, -1, p, &table));
    snprintf(index_path, sizeof index_path, "%s/index", name);
    if (H5Lexists(file, index_path, H5P_DEFAULT) <= 0) return ERR_OK;
    return add_table(file, index_path, unit, (int32_t)table, p, &index);
}

static enum err add_tables(hid_t file, size_t unit, const struct shard_choice *choice, struct plan *p)
{
    char **names;
    size_t n;
    enum err rc = ERR_OK;
    TRY(file_h5_names(file, &names, &n));
    for (size_t i = 0; !rc && i < n; i++) rc = add_group(file, names[i], unit, choice, p);
    file_h5_free_names(names, n);
    return rc;
}

/* ---- provenance, units, histograms ------------------------------------------------------------------------------------- */
static int has_line(const char *list, const char *line, size_t length)
{
    for (const char *at = list; (at = strstr(at, line)); at++)
        if ((at == list || at[-1] == '\n') && (at[length] == 0 || at[length] == '\n')) return 1;
    return 0;
}

/* Adds the lines of `more` that the list lacks, in their order. */
static enum err join_lines(char **list, const char *more)
{
    while (*more) {
        size_t length = strcspn(more, "\n"), old = strlen(*list);
        char line[4096];
        REQUIRE(length < sizeof line, ERR_DATA, "a line of %zu bytes in the provenance", length);
        snprintf(line, sizeof line, "%.*s", (int)length, more);
        if (length && !has_line(*list, line, length)) {
            TRY(mem_resize(list, old + 1, old + length + 2, 1));
            snprintf(*list + old, length + 2, "%s%s", old ? "\n" : "", line);
        }
        more += length + (more[length] == '\n');
    }
    return ERR_OK;
}

static enum err agree_text(size_t i, const char *text, struct plan_extra *e)
{
    if (i == WORDS) return ERR_OK; /* those of the first unit */
    if (i == ISA || i == PARENTS || i == FCL_COMMIT) return join_lines(&e->text[i], text);
    REQUIRE(strcmp(text, e->text[i]) == 0, ERR_MISMATCH, "%s is %.60s, the units before have %.60s", text_names[i],
            i == 3 ? "different" : text, i == 3 ? "another" : e->text[i]);
    return ERR_OK;
}

static enum err add_provenance(hid_t file, size_t unit, struct plan_extra *e)
{
    uint64_t seed = 0;
    TRY(file_h5_get_u64(file, "seed", &seed));
    if (unit == 0) e->seed = seed;
    REQUIRE(seed == e->seed, ERR_MISMATCH, "seed is %llu, the units before have %llu", (unsigned long long)seed,
            (unsigned long long)e->seed);
    for (size_t i = 0; i < N_TEXTS; i++) {
        char *text = NULL;
        TRY(i == FCL_COMMIT || i == WORDS ? file_h5_get_text_or_empty(file, text_names[i], &text)
                                          : file_h5_get_text(file, text_names[i], &text));
        if (unit == 0) {
            e->text[i] = text;
            continue;
        }
        enum err rc = agree_text(i, text, e);
        mem_free(text);
        if (rc) return rc;
    }
    return ERR_OK;
}

static enum err append_units(struct file_units *all, const struct file_units *u)
{
    uint64_t n = all->n + u->n;
    TRY(mem_resize(&all->run, all->n, n, sizeof *all->run));
    TRY(mem_resize(&all->subrun, all->n, n, sizeof *all->subrun));
    TRY(mem_resize(&all->n_fills, all->n, n, sizeof *all->n_fills));
    TRY(mem_resize(&all->n_planned, all->n, n, sizeof *all->n_planned));
    memcpy(all->run + all->n, u->run, u->n * sizeof *u->run);
    memcpy(all->subrun + all->n, u->subrun, u->n * sizeof *u->subrun);
    memcpy(all->n_fills + all->n, u->n_fills, u->n * sizeof *u->n_fills);
    memcpy(all->n_planned + all->n, u->n_planned, u->n * sizeof *u->n_planned);
    all->n = n;
    return ERR_OK;
}

static enum err take_provenance(const struct provenance *as, struct plan_extra *e)
{
    const char *const texts[N_TEXTS] = {as->process_name, as->release,    as->git_commit,    as->config_text,
                                        as->config_id,    as->isa,        as->constants_set, as->conditions_tag,
                                        as->parents,      as->fcl_commit, as->words};
    e->seed                          = as->seed;
    for (size_t i = 0; i < N_TEXTS; i++) {
        e->text[i] = mem_string(texts[i] ? texts[i] : "");
        REQUIRE(e->text[i], ERR_MEMORY, "out of memory");
    }
    return ERR_OK;
}

static enum err add_unit(hid_t file, size_t unit, const struct shard_choice *choice, struct plan *p,
                         struct plan_extra *e)
{
    struct file_units u = {0};
    if (!choice) TRY(add_provenance(file, unit, e));
    TRY(file_h5_read_units(file, &u));
    enum err rc = append_units(&e->units, &u);
    file_h5_free_units(&u);
    if (rc) return rc;
    TRY(file_h5_read_hists(file, &e->hists));
    if (choice) drop_hists(choice, &e->hists);
    return add_tables(file, unit, choice, p);
}

static void sum_rows(struct plan *p)
{
    for (size_t t = 0; t < p->n_tables; t++) {
        int64_t *first = p->first + t * (p->n_units + 1), sum = 0;
        for (size_t u = 0; u <= p->n_units; u++) {
            int64_t n = u < p->n_units ? first[u] : 0;
            first[u]  = sum;
            sum += n;
        }
    }
}

enum err file_plan_make(const char *const *unit_paths, size_t n, const struct shard_choice *choice, struct plan *out,
                        struct plan_extra *extra)
{
    *out = (struct plan){.n_units = n};
    REQUIRE(n > 0, ERR_LOGIC, "no units to merge");
    if (choice) TRY(take_provenance(choice->as, extra));
    for (size_t u = 0; u < n; u++) {
        hid_t file = -1;
        TRY(file_h5_open_checked(unit_paths[u], &file));
        enum err rc = add_unit(file, u, choice, out, extra);
        H5Fclose(file);
        if (rc) return err_context(rc, "%s cannot be merged", unit_paths[u]);
    }
    sum_rows(out);
    return ERR_OK;
}
