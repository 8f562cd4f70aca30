/* Building a chain from its document. */
#include "chain_internal.h"

#include "mem.h"
#include "tables.h"

#include <stdio.h>
#include <string.h>

/* The output that every job has: its parameters live here, its work is the unit file. */
/* clang-format off */
#define HDF5_OUTPUT_CFG(F, S)                                                                                         \
    F(S, strs, keep, "['reco', 'hist']", 0, 0, "", "tables or tiers to keep: sim (or truth), raw, digit, reco, hist, or a table's name") \
    F(S, strs, drop, "[]",               0, 0, "", "tables or tiers to leave out again")                            \
    F(S, str,  fileName, "",             0, 0, "", "DIR/STEM.h5, as -o")
/* clang-format on */
CFG_DECLARE(hdf5_output_cfg, HDF5_OUTPUT_CFG)

const struct module module_hdf5_output = {
    .name     = "Hdf5Output",
    .kind     = MODULE_OUTPUT,
    .doc      = "Writes the kept tables and all histograms to one HDF5 file a unit, later gathered into shards.",
    .source   = "layout: src/FORMAT.md",
    .fields   = hdf5_output_cfg_fields,
    .cfg_size = sizeof(struct hdf5_output_cfg),
};

static const char *const reserved_keys[]          = {"module_type", "inputs", NULL};
static const char *const analyzer_reserved_keys[] = {"module_type", "inputs", "SelectEvents", NULL};

static int step_by_label(const struct chain *c, const char *label)
{
    for (size_t i = 1; i < c->n_steps; i++)
        if (strcmp(c->steps[i].label, label) == 0) return (int)i;
    return -1;
}

static enum err add_step(struct chain *c, const struct module_entry *entry, const char *label,
                         const struct fhicl *table, const char *path)
{
    REQUIRE(c->n_steps < CHAIN_MAX_STEPS, ERR_CONFIG, "more than %d modules in one job", CHAIN_MAX_STEPS);
    struct step *s         = &c->steps[c->n_steps];
    c->stream[c->n_steps]  = entry->stream;
    struct chain_time *t   = &c->times[c->n_steps + 1];
    const struct module *m = entry->module;
    c->n_steps++;
    s->module = m;
    s->job    = c->job;
    s->hists  = &c->hists;
    snprintf(t->label, sizeof t->label, "%s", label);
    snprintf(t->type, sizeof t->type, "%s", m->name);
    s->label = t->label;
    void *cfg;
    TRY(mem_alloc(&cfg, 1, m->cfg_size));
    s->cfg                      = cfg;
    const char *const *reserved = m->kind == MODULE_ANALYZER ? analyzer_reserved_keys : reserved_keys;
    if (m->fields) TRY(cfg_read(m->fields, table, path, reserved, cfg));
    for (size_t p = 0; m->out && m->out[p].table; p++) {
        REQUIRE(p < MODULE_MAX_PORTS, ERR_LOGIC, "module %s has more than %d outputs", m->name, MODULE_MAX_PORTS);
        TRY(block_create(m->out[p].table, &s->out[p]));
    }
    return ERR_OK;
}

/* The block of a table that a step reads: of the instance it names in `inputs`, else of the nearest one before it. */
static struct block *find_input(struct chain *c, size_t reader, const struct table *table, const char *from)
{
    for (size_t i = reader; i-- > 0;) {
        const struct step *s = &c->steps[i];
        if (from && strcmp(s->label, from) != 0) continue;
        for (size_t p = 0; s->module->out && s->module->out[p].table; p++)
            if (s->module->out[p].table == table) return s->out[p];
    }
    return NULL;
}

static enum err check_columns(const struct module *m, const struct port *port)
{
    const char *rest = port->columns;
    while (rest && *rest) {
        char name[64];
        int used = 0;
        if (sscanf(rest, " %63s%n", name, &used) != 1) break;
        REQUIRE(table_column(port->table, name) >= 0, ERR_LOGIC, "module %s wants column %s, which table %s lacks",
                m->name, name, port->table->name);
        rest += used;
    }
    return ERR_OK;
}

static enum err join_inputs(struct chain *c, size_t index, const struct fhicl *table)
{
    struct step *s         = &c->steps[index];
    const struct module *m = s->module;
    for (size_t p = 0; m->in && m->in[p].table; p++) {
        REQUIRE(p < MODULE_MAX_PORTS, ERR_LOGIC, "module %s has more than %d inputs", m->name, MODULE_MAX_PORTS);
        TRY(check_columns(m, &m->in[p]));
        const char *from = NULL;
        char key[128];
        snprintf(key, sizeof key, "inputs.%s", m->in[p].table->name);
        const struct fhicl *named = table ? fhicl_get(table, key) : NULL;
        if (named) TRY(fhicl_as_string(named, key, &from));
        s->in[p] = find_input(c, index, m->in[p].table, from);
        REQUIRE(s->in[p] || (m->in[p].is_optional && !named), ERR_CONFIG,
                "module \"%s\" (%s) reads table %s, but no module%s%s before it makes that", s->label, m->name,
                m->in[p].table->name, from ? " called " : "", from ? from : "");
    }
    return ERR_OK;
}

/* SelectEvents: [path, ...] of an analyzer. */
static enum err take_selection(struct chain *c, size_t index, const struct fhicl *table)
{
    const struct fhicl *list = fhicl_get(table, "SelectEvents");
    if (!list || c->steps[index].module->kind != MODULE_ANALYZER) return ERR_OK;
    REQUIRE(fhicl_kind(list) == FHICL_SEQUENCE && fhicl_size(list) > 0, ERR_CONFIG,
            "SelectEvents of \"%s\" (%s) must be a sequence of trigger paths", c->steps[index].label,
            fhicl_origin(list));
    for (size_t i = 0; i < fhicl_size(list); i++) {
        const char *name;
        size_t p = 0;
        TRY(fhicl_as_string(fhicl_at(list, i), "SelectEvents", &name));
        while (p < c->n_trigger && strcmp(c->trigger[p].name, name) != 0) p++;
        REQUIRE(p < c->n_trigger, ERR_CONFIG, "SelectEvents of \"%s\" (%s) names \"%s\", which is no trigger path",
                c->steps[index].label, fhicl_origin(list), name);
        c->select[index] |= 1u << p;
    }
    return ERR_OK;
}

static enum err add_label(struct chain *c, const struct fhicl *document, struct chain_path *path, const char *label,
                          const struct fhicl *where, bool is_end)
{
    enum module_kind kind;
    char place[256];
    const struct fhicl *table = chain_find_label(document, label, &kind, place);
    REQUIRE(table, ERR_CONFIG, "path %s (%s) names \"%s\", which is no producer, filter, analyzer or output",
            path->name, fhicl_origin(where), label);
    bool is_for_end = kind == MODULE_ANALYZER || kind == MODULE_OUTPUT;
    REQUIRE(is_for_end == is_end, ERR_CONFIG, "path %s (%s): \"%s\" belongs on %s", path->name, fhicl_origin(where),
            label, is_for_end ? "an end path" : "a trigger path");
    int known = step_by_label(c, label);
    if (known < 0) {
        const struct module_entry *entry;
        TRY(chain_find_module(table, place, kind, &entry));
        known = (int)c->n_steps;
        TRY(add_step(c, entry, label, table, place));
        TRY(join_inputs(c, (size_t)known, table));
        TRY(take_selection(c, (size_t)known, table));
        snprintf(c->times[known + 1].path, sizeof c->times[0].path, "%s", path->name);
    }
    REQUIRE(path->n < CHAIN_MAX_STEPS, ERR_CONFIG, "path %s is longer than %d modules", path->name, CHAIN_MAX_STEPS);
    path->step[path->n++] = known;
    return ERR_OK;
}

static enum err add_paths(struct chain *c, const struct fhicl *document, const char *list_key, bool is_end)
{
    char key[256];
    snprintf(key, sizeof key, "physics.%s", list_key);
    const struct fhicl *list = fhicl_get(document, key);
    if (!list) return ERR_OK;
    REQUIRE(fhicl_kind(list) == FHICL_SEQUENCE, ERR_CONFIG, "physics.%s (%s) must be a sequence of path names",
            list_key, fhicl_origin(list));
    for (size_t i = 0; i < fhicl_size(list); i++) {
        const char *name;
        TRY(fhicl_as_string(fhicl_at(list, i), list_key, &name));
        size_t *n = is_end ? &c->n_end : &c->n_trigger;
        REQUIRE(*n < CHAIN_MAX_PATHS, ERR_CONFIG, "more than %d paths in physics.%s", CHAIN_MAX_PATHS, list_key);
        struct chain_path *path = is_end ? &c->end[(*n)++] : &c->trigger[(*n)++];
        snprintf(key, sizeof key, "physics.%s", name);
        const struct fhicl *labels = fhicl_get(document, key);
        REQUIRE(labels && fhicl_kind(labels) == FHICL_SEQUENCE, ERR_CONFIG,
                "physics.%s (%s) names path \"%s\", but physics.%s is not a sequence of module labels", list_key,
                fhicl_origin(list), name, name);
        path->name = name;
        for (size_t j = 0; j < fhicl_size(labels); j++) {
            const char *label;
            TRY(fhicl_as_string(fhicl_at(labels, j), name, &label));
            TRY(add_label(c, document, path, label, labels, is_end));
        }
    }
    return ERR_OK;
}

static enum err check_physics(const struct fhicl *physics)
{
    static const char *const known[] = {"producers", "filters", "analyzers", "trigger_paths", "end_paths", NULL};
    for (size_t i = 0; i < fhicl_size(physics); i++)
        REQUIRE(
            chain_is_one_of(fhicl_key(physics, i), known) || fhicl_kind(fhicl_at(physics, i)) == FHICL_SEQUENCE,
            ERR_CONFIG,
            "unknown key \"%s\" in physics (%s); it has producers, filters, analyzers, trigger_paths, end_paths and "
            "paths, which are sequences",
            fhicl_key(physics, i), fhicl_origin(fhicl_at(physics, i)));
    return ERR_OK;
}

/* keep and drop words: a table's name or a tier ("truth" means sim). */
static bool matches(const struct table *table, const struct strs *words)
{
    for (size_t i = 0; i < words->n; i++) {
        const char *w = strcmp(words->value[i], "truth") == 0 ? "sim" : words->value[i];
        if (strcmp(w, table->name) == 0 || strcmp(w, table->tier) == 0) return true;
    }
    return false;
}

static enum err check_words(const struct strs *words, const char *key)
{
    static const char *const tiers[] = {"sim", "truth", "raw", "digit", "reco", "dqc", "calib", "hist", NULL};
    for (size_t i = 0; i < words->n; i++)
        REQUIRE(chain_is_one_of(words->value[i], tiers) || table_by_name(words->value[i]), ERR_CONFIG,
                "Hdf5Output.%s: \"%s\" is neither a tier (sim, raw, digit, reco, dqc, calib, hist) nor a table", key,
                words->value[i]);
    return ERR_OK;
}

static int n_producers(const struct chain *c, const struct table *table)
{
    int n = 0;
    for (size_t i = 0; i < c->n_steps; i++)
        for (size_t p = 0; c->steps[i].module->out && c->steps[i].module->out[p].table; p++)
            n += c->steps[i].module->out[p].table == table;
    return n;
}

static enum err choose_kept(struct chain *c, const struct hdf5_output_cfg *cfg)
{
    TRY(check_words(&cfg->keep, "keep"));
    TRY(check_words(&cfg->drop, "drop"));
    for (size_t i = 0; i < c->n_steps; i++) {
        const struct step *s = &c->steps[i];
        for (size_t p = 0; s->module->out && s->module->out[p].table; p++) {
            const struct table *t = s->module->out[p].table;
            if (!matches(t, &cfg->keep) || matches(t, &cfg->drop)) continue;
            REQUIRE(c->n_kept < CHAIN_MAX_STEPS, ERR_CONFIG, "more than %d tables to keep", CHAIN_MAX_STEPS);
            c->kept[c->n_kept].block = s->out[p];
            bool is_alone            = n_producers(c, t) == 1;
            snprintf(c->kept[c->n_kept].group, sizeof c->kept[0].group, "%s%s%s", t->name, is_alone ? "" : "_",
                     is_alone ? "" : s->label);
            c->n_kept++;
        }
    }
    return ERR_OK;
}

static enum err check_shared_pair(const struct step *a, const struct step *b)
{
    for (const char *const *name = a->module->shared; *name; name++) {
        const struct cfg_field *x = cfg_find(a->module->fields, *name), *y = cfg_find(b->module->fields, *name);
        REQUIRE(
            !x || !y || cfg_same(x, a->cfg, y, b->cfg), ERR_CONFIG,
            "%s of module \"%s\" (%s) is not that of module \"%s\" (%s), but both speak of the same thing: give both "
            "the same value",
            *name, a->label, a->module->name, b->label, b->module->name);
    }
    return ERR_OK;
}

static enum err check_shared(const struct chain *c)
{
    for (size_t i = 0; i < c->n_steps; i++)
        for (size_t j = i + 1; j < c->n_steps; j++)
            if (c->steps[i].module->shared && c->steps[i].module->shared == c->steps[j].module->shared)
                TRY(check_shared_pair(&c->steps[i], &c->steps[j]));
    return ERR_OK;
}

/* Sources of files read what somebody wants, and no more. */
static void mark_wanted(struct chain *c)
{
    for (size_t i = 0; i < c->n_steps; i++)
        for (size_t p = 0; c->steps[i].module->out && c->steps[i].module->out[p].table; p++) {
            const struct block *block = c->steps[i].out[p];
            bool *is_wanted           = &c->steps[i].is_wanted[p];
            for (size_t k = 0; k < c->n_kept; k++) *is_wanted |= c->kept[k].block == block;
            for (size_t j = i + 1; j < c->n_steps && !*is_wanted; j++)
                for (size_t q = 0; q < MODULE_MAX_PORTS; q++) *is_wanted |= c->steps[j].in[q] == block;
        }
}

enum err chain_create(const struct fhicl *document, const struct job_info *job, const struct provenance *provenance,
                      struct chain **out)
{
    struct chain *c;
    enum err rc;
    TRY(mem_alloc(&c, 1, sizeof *c));
    c->job = job;
    TRY_TO(failed, block_create(&table_conditions, &c->conditions));
    c->provenance = provenance;
    snprintf(c->times[0].label, sizeof c->times[0].label, "Full event");
    const struct fhicl *source = fhicl_get(document, "source");
    const struct module_entry *entry;
    TRY_TO(failed, chain_find_module(source, "source", MODULE_SOURCE, &entry));
    TRY_TO(failed, add_step(c, entry, "source", source, "source"));
    TRY_TO(failed, check_physics(fhicl_get(document, "physics")));
    TRY_TO(failed, add_paths(c, document, "trigger_paths", false));
    TRY_TO(failed, add_paths(c, document, "end_paths", true));
    TRY_TO(failed, check_shared(c));
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module == &module_hdf5_output) {
            if (c->has_hdf5_output) FAIL_TO(failed, ERR_CONFIG, "outputs: only one Hdf5Output a job");
            c->has_hdf5_output = true;
            TRY_TO(failed, choose_kept(c, c->steps[i].cfg));
        }
    mark_wanted(c);
    for (size_t i = 0; i < c->n_steps; i++) {
        struct step *s  = &c->steps[i];
        c->has_begun[i] = true;
        if (s->module->begin) TRY_TO(failed, s->module->begin(s));
    }
    *out = c;
    return ERR_OK;
failed:
    chain_free(c);
    return rc;
}

void chain_free(struct chain *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n_steps; i++) {
        struct step *s = &c->steps[i];
        if (c->has_begun[i] && s->module->end) s->module->end(s);
        for (size_t p = 0; p < MODULE_MAX_PORTS; p++) block_free(s->out[p]);
        if (s->cfg && s->module->fields) cfg_free(s->module->fields, (void *)s->cfg);
        mem_free((void *)s->cfg);
    }
    hist_set_free(&c->hists);
    block_free(c->conditions);
    mem_free(c);
}
