/* A chain: building it from a document, and running it over a unit. */
#include "chain.h"

#include "chain_files.h"
#include "cond_use.h"
#include "log.h"
#include "mem.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { MAX_STEPS = 64, MAX_PATHS = 16 };

struct chain_path {
    const char *name;
    size_t n;
    int step[MAX_STEPS]; /* indices into chain.steps */
};

struct chain {
    const struct job_info *job;
    const struct provenance *provenance;
    size_t n_steps; /* step 0 is the source */
    struct step steps[MAX_STEPS];
    uint32_t stream[MAX_STEPS];
    bool has_begun[MAX_STEPS];
    uint32_t select[MAX_STEPS]; /* analyzers: bits of the trigger paths of which one must have passed; 0: all fills */
    size_t n_trigger, n_end;
    struct chain_path trigger[MAX_PATHS], end[MAX_PATHS];
    size_t n_kept;
    struct {
        const struct block *block;
        char group[128];
    } kept[MAX_STEPS]; /* tables that go to the unit file */
    struct hist_set hists;
    bool has_hdf5_output;
    struct block *conditions;               /* what the unit read of constants */
    struct chain_time times[MAX_STEPS + 1]; /* [0] whole fill, [i+1] step i */
};

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

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- times ---- */

static void add_time(struct chain_time *t, double seconds, bool passed)
{
    if (t->n == 0 || seconds < t->min_s) t->min_s = seconds;
    if (seconds > t->max_s) t->max_s = seconds;
    t->n++;
    if (passed) t->n_passed++;
    t->wall_s += seconds;
    t->wall2_s2 += seconds * seconds;
    double bin = seconds > 1e-7 ? 8.0 * log2(seconds * 1e7) : 0.0;
    t->bins[bin > 255.0 ? 255 : (int)bin]++;
}

void chain_times_add(struct chain_time *into, const struct chain_time *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (from[i].n == 0) continue;
        if (into[i].n == 0 || from[i].min_s < into[i].min_s) into[i].min_s = from[i].min_s;
        if (from[i].max_s > into[i].max_s) into[i].max_s = from[i].max_s;
        into[i].n += from[i].n;
        into[i].n_passed += from[i].n_passed;
        into[i].n_failed += from[i].n_failed;
        into[i].wall_s += from[i].wall_s;
        into[i].wall2_s2 += from[i].wall2_s2;
        for (int b = 0; b < 256; b++) into[i].bins[b] += from[i].bins[b];
    }
}

double chain_time_median_s(const struct chain_time *t)
{
    int64_t below = 0;
    for (int b = 0; b < 256; b++) {
        below += t->bins[b];
        if (2 * below >= t->n) return 1e-7 * exp2((b + 0.5) / 8.0);
    }
    return 0.0;
}

const struct chain_time *chain_times(const struct chain *chain, size_t *n)
{
    *n = chain->n_steps + 1;
    return chain->times;
}

/* ---- the document ---- */

static const char *const reserved_keys[]          = {"module_type", "inputs", NULL};
static const char *const analyzer_reserved_keys[] = {"module_type", "inputs", "SelectEvents", NULL};

static const char *const kind_tables[] = {
    [MODULE_SOURCE] = "source",          [MODULE_PRODUCER] = "physics.producers",
    [MODULE_FILTER] = "physics.filters", [MODULE_ANALYZER] = "physics.analyzers",
    [MODULE_OUTPUT] = "outputs",
};

/* Where a label is declared; NULL if nowhere. */
static const struct fhicl *find_label(const struct fhicl *document, const char *label, enum module_kind *kind,
                                      char path[256])
{
    for (int k = MODULE_PRODUCER; k <= MODULE_OUTPUT; k++) {
        snprintf(path, 256, "%s.%s", kind_tables[k], label);
        const struct fhicl *table = fhicl_get(document, path);
        if (table) {
            *kind = (enum module_kind)k;
            return table;
        }
    }
    return NULL;
}

static enum err find_module(const struct fhicl *table, const char *path, enum module_kind kind,
                            const struct module_entry **out)
{
    REQUIRE(fhicl_kind(table) == FHICL_TABLE, ERR_CONFIG, "%s (%s) is a %s; a table with module_type is expected", path,
            fhicl_origin(table), fhicl_kind_name(fhicl_kind(table)));
    const struct fhicl *type = fhicl_get(table, "module_type");
    REQUIRE(type, ERR_CONFIG, "%s (%s) has no module_type", path, fhicl_origin(table));
    const char *name;
    TRY(fhicl_as_string(type, "module_type", &name));
    const struct module_entry *entry = module_find(name);
    REQUIRE(entry, ERR_CONFIG, "%s.module_type (%s): there is no module \"%s\"; 'gm2 help' lists them", path,
            fhicl_origin(type), name);
    REQUIRE(entry->module->kind == kind, ERR_CONFIG, "%s.module_type (%s): module %s belongs under %s", path,
            fhicl_origin(type), name, kind_tables[entry->module->kind]);
    *out = entry;
    return ERR_OK;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0) return true;
    return false;
}

static enum err check_keys(const struct fhicl *table, const char *where, const char *const *allowed)
{
    for (size_t i = 0; i < fhicl_size(table); i++)
        REQUIRE(is_one_of(fhicl_key(table, i), allowed), ERR_CONFIG,
                "unknown key \"%s\" in %s (%s); a document has process_name, source, services, physics, outputs",
                fhicl_key(table, i), where, fhicl_origin(fhicl_at(table, i)));
    return ERR_OK;
}

enum err chain_complete(struct fhicl *document)
{
    static const char *const top[] = {"process_name", "source", "services", "physics", "outputs", NULL};
    TRY(check_keys(document, "the document", top));
    REQUIRE(fhicl_get(document, "physics"), ERR_CONFIG, "the document has no table physics");
    const struct fhicl *source = fhicl_get(document, "source");
    REQUIRE(source, ERR_CONFIG, "the document has no table source (EmptyFill to simulate, RawInput to read raw files)");
    const struct module_entry *entry;
    TRY(find_module(source, "source", MODULE_SOURCE, &entry));
    TRY(cfg_fill_defaults(entry->module->fields, document, "source"));
    for (int k = MODULE_PRODUCER; k <= MODULE_OUTPUT; k++) {
        const struct fhicl *group = fhicl_get(document, kind_tables[k]);
        for (size_t i = 0; group && i < fhicl_size(group); i++) {
            char path[256];
            snprintf(path, sizeof path, "%s.%s", kind_tables[k], fhicl_key(group, i));
            TRY(find_module(fhicl_at(group, i), path, (enum module_kind)k, &entry));
            TRY(cfg_fill_defaults(entry->module->fields, document, path));
        }
    }
    return chain_files_digest(document);
}

/* The tag is part of the identity; where the database lies is not, and what was read is told unit by unit. */
static void forget_database(struct fhicl *document)
{
    const char *name             = "";
    const struct fhicl *database = fhicl_get(document, "services.conditions.database");
    if (database && fhicl_as_string(database, "database", &name)) err_clear();
    if (*name) {
        fhicl_remove(document, "services.conditions.database");
        fhicl_remove(document, "services.conditions.first_run");
        fhicl_remove(document, "services.conditions.last_run");
    } else {
        fhicl_remove(document, "services.conditions");
    }
}

enum err chain_results_only(const struct fhicl *document, struct fhicl **out)
{
    static const char *const outside[] = {"services.scheduler",
                                          "services.message",
                                          "services.TimeTracker",
                                          "services.MemoryTracker",
                                          "source.maxEvents",
                                          "source.fileNames",
                                          "services.FileCatalogMetadata",
                                          "source.skipEvents",
                                          "services.watch",
                                          "services.dqm",
                                          NULL};
    TRY(fhicl_copy(document, out));
    for (size_t i = 0; outside[i]; i++) fhicl_remove(*out, outside[i]);
    chain_files_forget_paths(*out);
    const struct fhicl *outputs = fhicl_get(*out, "outputs");
    for (size_t i = 0; outputs && i < fhicl_size(outputs); i++) {
        char path[256];
        snprintf(path, sizeof path, "outputs.%s.fileName", fhicl_key(outputs, i));
        fhicl_remove(*out, path);
    }
    forget_database(*out);
    const struct fhicl *services = fhicl_get(*out, "services");
    if (services && fhicl_size(services) == 0) fhicl_remove(*out, "services");
    return ERR_OK;
}

/* ---- building ---- */

static int step_by_label(const struct chain *c, const char *label)
{
    for (size_t i = 1; i < c->n_steps; i++)
        if (strcmp(c->steps[i].label, label) == 0) return (int)i;
    return -1;
}

static enum err add_step(struct chain *c, const struct module_entry *entry, const char *label,
                         const struct fhicl *table, const char *path)
{
    REQUIRE(c->n_steps < MAX_STEPS, ERR_CONFIG, "more than %d modules in one job", MAX_STEPS);
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
    const struct fhicl *table = find_label(document, label, &kind, place);
    REQUIRE(table, ERR_CONFIG, "path %s (%s) names \"%s\", which is no producer, filter, analyzer or output",
            path->name, fhicl_origin(where), label);
    bool is_for_end = kind == MODULE_ANALYZER || kind == MODULE_OUTPUT;
    REQUIRE(is_for_end == is_end, ERR_CONFIG, "path %s (%s): \"%s\" belongs on %s", path->name, fhicl_origin(where),
            label, is_for_end ? "an end path" : "a trigger path");
    int known = step_by_label(c, label);
    if (known < 0) {
        const struct module_entry *entry;
        TRY(find_module(table, place, kind, &entry));
        known = (int)c->n_steps;
        TRY(add_step(c, entry, label, table, place));
        TRY(join_inputs(c, (size_t)known, table));
        TRY(take_selection(c, (size_t)known, table));
        snprintf(c->times[known + 1].path, sizeof c->times[0].path, "%s", path->name);
    }
    REQUIRE(path->n < MAX_STEPS, ERR_CONFIG, "path %s is longer than %d modules", path->name, MAX_STEPS);
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
        REQUIRE(*n < MAX_PATHS, ERR_CONFIG, "more than %d paths in physics.%s", MAX_PATHS, list_key);
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
            is_one_of(fhicl_key(physics, i), known) || fhicl_kind(fhicl_at(physics, i)) == FHICL_SEQUENCE, ERR_CONFIG,
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
        REQUIRE(is_one_of(words->value[i], tiers) || table_by_name(words->value[i]), ERR_CONFIG,
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
            REQUIRE(c->n_kept < MAX_STEPS, ERR_CONFIG, "more than %d tables to keep", MAX_STEPS);
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
    TRY_TO(failed, find_module(source, "source", MODULE_SOURCE, &entry));
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

/* ---- running ---- */

static enum err call(struct chain *c, size_t index)
{
    struct step *s = &c->steps[index];
    s->pass        = true;
    double start   = now_s(CLOCK_MONOTONIC);
    enum err rc    = s->module->event ? s->module->event(s) : ERR_OK;
    add_time(&c->times[index + 1], now_s(CLOCK_MONOTONIC) - start, s->pass && !rc);
    if (rc) {
        c->times[index + 1].n_failed++;
        const struct fill *f = &s->fill;
        return err_context(rc, "module \"%s\", run %u subrun %u event %u", s->label, f->run, f->subrun, f->event);
    }
    return ERR_OK;
}

static enum err empty_outputs(struct step *s, bool with_per_unit)
{
    for (size_t p = 0; s->module->out && s->module->out[p].table; p++)
        if (with_per_unit || !s->out[p]->table->is_per_unit) TRY(block_resize(s->out[p], 0));
    return ERR_OK;
}

/* Tables of a fill go to the file after each fill, those of the unit at its end, as event 0. */
static enum err keep_rows(struct chain *c, const struct fill *fill, bool per_unit, struct unit_file *file)
{
    for (size_t k = 0; k < c->n_kept; k++)
        if (c->kept[k].block->table->is_per_unit == per_unit)
            TRY(unit_file_append(file, c->kept[k].group, c->kept[k].block, fill));
    return ERR_OK;
}

static enum err keep_conditions(struct chain *c, const struct unit *unit, struct unit_file *file)
{
    struct fill fill = {.run = unit->run, .subrun = unit->subrun};
    if (!*cond_use_tag(c->job->conditions)) return ERR_OK;
    TRY(block_resize(c->conditions, 0));
    TRY(cond_use_record(c->job->conditions, unit->run, unit->subrun, c->conditions));
    return unit_file_append(file, table_conditions.name, c->conditions, &fill);
}

struct fill_state {
    bool done[MAX_STEPS], passed[MAX_STEPS];
    uint32_t accepted; /* trigger paths that all their modules let pass */
};

/* An analyzer that did not select the fill is passed over; a filter that rejects it ends the path. */
static enum err run_path(struct chain *c, const struct chain_path *path, struct fill_state *f, bool *passes)
{
    *passes = true;
    for (size_t k = 0; k < path->n && *passes; k++) {
        size_t i = (size_t)path->step[k];
        if (c->select[i] && !(c->select[i] & f->accepted)) continue;
        if (!f->done[i]) {
            TRY(call(c, i));
            f->done[i]   = true;
            f->passed[i] = c->steps[i].pass;
        }
        *passes = f->passed[i];
    }
    return ERR_OK;
}

static enum err run_fill(struct chain *c, const struct fill *fill, struct unit_file *file)
{
    struct fill_state f = {0};
    bool passes;
    for (size_t i = 1; i < c->n_steps; i++) {
        struct step *s = &c->steps[i];
        TRY(empty_outputs(s, false));
        s->fill = *fill;
        s->rng  = rng_key(fill->seed, fill->run, fill->subrun, fill->event, c->stream[i]);
    }
    for (size_t p = 0; p < c->n_trigger; p++) {
        TRY(run_path(c, &c->trigger[p], &f, &passes));
        if (passes) f.accepted |= 1u << p;
    }
    for (size_t p = 0; p < c->n_end; p++) TRY(run_path(c, &c->end[p], &f, &passes));
    return keep_rows(c, fill, false, file);
}

static enum err run_fills(struct chain *c, const struct unit *unit, struct unit_file *file, const atomic_bool *stop,
                          int64_t *n_fills)
{
    struct step *source = &c->steps[0];
    source->fill        = (struct fill){.seed = c->job->seed, .run = unit->run, .subrun = unit->subrun};
    for (;;) {
        if (stop && atomic_load(stop)) FAIL(ERR_AGAIN, "stopped before the unit was done");
        double start = now_s(CLOCK_MONOTONIC);
        TRY(empty_outputs(source, false));
        source->rng = rng_key(c->job->seed, unit->run, unit->subrun, source->fill.event + 1, c->stream[0]);
        TRY(call(c, 0));
        if (!source->pass) return ERR_OK;
        TRY(run_fill(c, &source->fill, file));
        add_time(&c->times[0], now_s(CLOCK_MONOTONIC) - start, true);
        (*n_fills)++;
    }
}

enum err chain_run_unit(struct chain *c, const struct unit *unit, const char *path, const atomic_bool *stop,
                        struct unit_result *result)
{
    enum err rc;
    struct unit_file *file = NULL;
    double start = now_s(CLOCK_MONOTONIC), cpu = now_s(CLOCK_THREAD_CPUTIME_ID);
    *result = (struct unit_result){0};
    hist_set_clear(&c->hists);
    for (size_t i = 0; i < c->n_steps; i++) {
        c->steps[i].unit = unit;
        TRY(empty_outputs(&c->steps[i], true));
    }
    TRY_TO(failed, unit_file_create(path, c->provenance, unit, &file));
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module->begin_unit) TRY_TO(failed, c->steps[i].module->begin_unit(&c->steps[i]));
    TRY_TO(failed, run_fills(c, unit, file, stop, &result->n_fills));
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module->end_unit) TRY_TO(failed, c->steps[i].module->end_unit(&c->steps[i]));
    TRY_TO(failed, keep_rows(c, &(struct fill){.run = unit->run, .subrun = unit->subrun}, true, file));
    TRY_TO(failed, keep_conditions(c, unit, file));
    TRY_TO(failed, unit_file_finish(file, &c->hists, result->n_fills));
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module->publish) TRY_TO(failed, c->steps[i].module->publish(&c->steps[i]));
    struct unit_file *finished = file;
    file                       = NULL; /* publish frees it, also when it fails */
    TRY_TO(failed, unit_file_publish(finished));
    result->seconds     = now_s(CLOCK_MONOTONIC) - start;
    result->cpu_seconds = now_s(CLOCK_THREAD_CPUTIME_ID) - cpu;
    struct stat raw;
    if (unit->source && stat(unit->source, &raw) == 0) result->raw_bytes = (uint64_t)raw.st_size;
    return ERR_OK;
failed:
    unit_file_abandon(file);
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module->abandon) c->steps[i].module->abandon(&c->steps[i]);
    return rc;
}
