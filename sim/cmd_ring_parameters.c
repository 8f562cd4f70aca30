/* The ring that gm2 ring asks about: parameters from words and documents, and what is built from them. */
#include "cmd_ring.h"
#include "mem.h"
#include "module.h"

#include "phys.h"

#include <stdio.h>
#include <string.h>

enum { MAX_KEYS = 160 };

/* clang-format off */
#define PARAMETERS(F, S)                                                                                               \
    RING_CFG(F, S)                                                                                                     \
    FIELD_CFG(F, S)                                                                                                    \
    F(S, f64,  anomaly, 0.00116592089, 0.0011, 0.0013, "1", "of the muon's magnetic moment")                          \
    F(S, f64,  eta, 0, -0.01, 0.01, "1", "of its electric dipole moment d = eta e hbar / (4 m c)")
/* clang-format on */
CFG_DECLARE(ring_parameters, PARAMETERS)

const struct cfg_field *cmd_ring_parameters(void) { return ring_parameters_fields; }

/* ---- values ---- */

static bool is_field(const struct cfg_field *fields, const char *name)
{
    while (fields->name && strcmp(fields->name, name) != 0) fields++;
    return fields->name;
}

enum err cmd_ring_set_value(struct fhicl *table, const struct cfg_field *f, const char *name, const char *value)
{
    const bool is_list = f->type == CFG_f64s || f->type == CFG_strs, is_word = f->type == CFG_str;
    const size_t n = 2 * strlen(value) + 4;
    char *text;
    TRY(mem_alloc(&text, n, 1));
    size_t used = 0;
    if (is_word) text[used++] = '"';
    if (is_list && value[0] != '[') text[used++] = '[';
    for (const char *p = value; *p; p++) {
        if (is_word && (*p == '"' || *p == '\\')) text[used++] = '\\';
        text[used++] = *p;
    }
    if (is_list && value[0] != '[') text[used++] = ']';
    if (is_word) text[used++] = '"';
    enum err rc = fhicl_set(table, name, text, "command line");
    mem_free(text);
    return rc ? err_context(ERR_OPTION, "--%s %s", name, value) : ERR_OK;
}

static const struct cfg_field *gun_fields(void) { return module_find("InflectorGun")->module->fields; }

const struct cfg_field *cmd_ring_parameter(const char *name)
{
    const bool is_gun         = strncmp(name, "gun.", 4) == 0;
    const struct cfg_field *f = is_gun ? gun_fields() : ring_parameters_fields;
    while (f->name && strcmp(f->name, name + (is_gun ? 4 : 0)) != 0) f++;
    return f->name ? f : NULL;
}

enum err cmd_ring_set(struct fhicl *parameters, const char *name, const char *value)
{
    const struct cfg_field *f = cmd_ring_parameter(name);
    const bool is_gun         = strncmp(name, "gun.", 4) == 0;
    const char *known[MAX_KEYS];
    size_t n = 0;
    if (f) return cmd_ring_set_value(parameters, f, name, value);
    for (f = is_gun ? gun_fields() : ring_parameters_fields; f->name && n < MAX_KEYS; f++) known[n++] = f->name;
    const char *near = cfg_nearest(name + (is_gun ? 4 : 0), known, n);
    FAIL(ERR_OPTION, "%s has no parameter \"%s\"%s%s%s", is_gun ? "InflectorGun" : "the ring", name + (is_gun ? 4 : 0),
         near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* ---- building ---- */

/* Keys of RingTracker that are no parameters of the ring. */
static const char *const *other_keys(const char *keys[MAX_KEYS])
{
    const struct module_entry *tracker = module_find("RingTracker");
    size_t n                           = 0;
    keys[n++]                          = "module_type";
    keys[n++]                          = "gun";
    for (const struct cfg_field *f = tracker->module->fields; f->name && n + 1 < MAX_KEYS; f++)
        if (!is_field(ring_parameters_fields, f->name)) keys[n++] = f->name;
    keys[n] = NULL;
    return keys;
}

/* Averaged over azimuth; the engine's own is that of the first section. */
static double mean_index(const struct ring_tool *tool)
{
    const struct ring_section *section;
    const size_t n = ring_sections(tool->setup.layout, &section);
    double sum     = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += tool->ring.esq[i].base.normal[1] * MAGIC_GAMMA * (section[i].end_deg - section[i].begin_deg) / 360.0;
    return n ? sum : tool->ring.n_mean;
}

static void describe(const struct ring_parameters *cfg, struct ring_tool *tool)
{
    char field[64], when[64] = "";
    snprintf(field, sizeof field, "%s", cfg->esq_field);
    if (strcmp(cfg->esq_field, "nim") == 0) snprintf(field, sizeof field, "nim at %g kV", cfg->esq_high_voltage_kV);
    if (tool->at_us >= 0.0) snprintf(when, sizeof when, " at %g us", tool->at_us);
    snprintf(tool->text, sizeof tool->text, "ESQ %s, %s, n = %.5f%s", cfg->esq_layout, field, tool->n_mean, when);
}

/* Nothing that changes with time, nothing that takes muons away. */
static void freeze(const struct ring_tool *tool, struct ring_setup *s)
{
    for (int i = 0; i < RING_SECTIONS; i++) {
        if (tool->at_us >= 0.0) esq_section_at(&tool->setup.extra[i], 1e3 * tool->at_us, &s->extra[i].final);
        s->extra[i].n_terms = 0;
    }
    s->n_kickers = s->n_collimators = s->n_monitors = 0;
}

static enum err make_setup(const struct ring_parameters *cfg, struct ring_tool *tool)
{
    const struct field_cfg fields = field_cfg_copy(cfg);
    TRY(ring_cfg_setup(cfg, &tool->setup));
    tool->setup.anomaly = cfg->anomaly;
    tool->setup.eta     = cfg->eta;
    return ring_fields_make(&fields, cfg->esq_field, cfg->esq_high_voltage_kV, &tool->setup, &tool->fields);
}

enum err cmd_ring_build(const struct fhicl *parameters, struct ring_tool *tool)
{
    struct ring_parameters cfg;
    const char *keys[MAX_KEYS];
    enum err rc;
    TRY(cfg_read(ring_parameters_fields, parameters, "", other_keys(keys), &cfg));
    TRY_TO(done, make_setup(&cfg, tool));
    struct ring_setup still = tool->setup;
    freeze(tool, &still);
    TRY_TO(done, ring_build(&still, &tool->ring));
    tool->n_mean = mean_index(tool);
    describe(&cfg, tool);
done:
    cfg_free(ring_parameters_fields, &cfg);
    return rc;
}

void cmd_ring_free(struct ring_tool *tool) { ring_fields_free(&tool->fields); }

/* ---- documents ---- */

/* The module of a type in a document, NULL if there is none; `label` "" for any. */
static enum err find_module(const struct fhicl *document, const char *file, const char *wanted, const char *label,
                            const struct fhicl **found)
{
    const struct fhicl *producers = fhicl_get(document, "physics.producers");
    const char *type, *found_label = "";
    *found = NULL;
    for (size_t i = 0; producers && i < fhicl_size(producers); i++) {
        const struct fhicl *module = fhicl_at(producers, i);
        const struct fhicl *word   = fhicl_kind(module) == FHICL_TABLE ? fhicl_get(module, "module_type") : NULL;
        if (!word) continue;
        TRY(fhicl_as_string(word, "module_type", &type));
        if (strcmp(type, wanted) != 0 || (*label && strcmp(label, fhicl_key(producers, i)) != 0)) continue;
        REQUIRE(!*found, ERR_OPTION, "%s has two modules %s, \"%s\" and \"%s\"; choose with --label", file, wanted,
                found_label, fhicl_key(producers, i));
        *found = module, found_label = fhicl_key(producers, i);
    }
    return ERR_OK;
}

static enum err take_modules(const struct fhicl *document, const char *file, const char *label, struct fhicl **out)
{
    const struct fhicl *ring, *gun;
    char *text;
    TRY(find_module(document, file, "RingTracker", label, &ring));
    REQUIRE(ring, ERR_NOTFOUND, "%s has no module RingTracker%s%s in physics.producers", file,
            *label ? " with the label " : "", label);
    TRY(find_module(document, file, "InflectorGun", "", &gun));
    TRY(fhicl_copy(ring, out));
    if (!gun) return ERR_OK;
    TRY(fhicl_canonical(gun, &text));
    enum err rc = fhicl_set(*out, "gun", text, file);
    mem_free(text);
    return rc;
}

enum err cmd_ring_read(const char *file, const char *label, struct fhicl **out)
{
    struct fhicl *document;
    if (!*file) return fhicl_parse("", 0, "command line", out);
    TRY(fhicl_read(file, &document));
    enum err rc = take_modules(document, file, label, out);
    fhicl_free(document);
    return rc;
}
