/* gm2 ring: command line, the ring's parameters, JSON and pictures. */
#include "cmd_ring.h"

#include "log.h"
#include "mem.h"
#include "module.h"
#include "publish.h"
#include "version.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct ring_verb *const verbs[] = {&ring_verb_tune, &ring_verb_orbit, &ring_verb_map, &ring_verb_scan,
                                                &ring_verb_show};
enum { N_VERBS = sizeof verbs / sizeof verbs[0], MAX_KEYS = 160 };

/* clang-format off */
#define COMMON_CFG(F, S)                                                                                               \
    F(S, str, config, "", 0, 0,     "",   "FHiCL document: the ring's parameters are those of its module RingTracker (also -c)") \
    F(S, str, label,  "", 0, 0,     "",   "label of that module, where a document has several")                    \
    F(S, f64, at_us,  -1, -1, 100000,   "us", "falling voltages (scraping, fault) stand as they are so long after injection; -1: at the end of the fill") \
    F(S, str, json,   "", 0, 0,     "",   "file for all numbers")                                                  \
    F(S, str, plot,   "", 0, 0,     "",   "file for the picture, .svg or .png")
/* clang-format on */
CFG_DECLARE(common_cfg, COMMON_CFG)

/* ---- command line ---- */

/* What is said, sorted by whom it concerns; values are FHiCL. */
struct request {
    const struct ring_verb *verb;
    struct fhicl *common, *options, *given; /* given: parameters of the ring */
    bool wants_help;
};

static const struct cfg_field *find_field(const struct request *r, const char *key, struct fhicl **table)
{
    const struct cfg_field *lists[] = {common_cfg_fields, r->verb->fields, cmd_ring_parameters()};
    struct fhicl *tables[]          = {r->common, r->options, r->given};
    for (int i = 0; i < 3; i++)
        for (const struct cfg_field *f = lists[i]; f->name; f++)
            if (strcmp(f->name, key) == 0) {
                *table = tables[i];
                return f;
            }
    return NULL;
}

static enum err unknown_option(const struct request *r, const char *key)
{
    const struct cfg_field *lists[] = {common_cfg_fields, r->verb->fields, cmd_ring_parameters()};
    const char *known[MAX_KEYS];
    size_t n = 0;
    for (int i = 0; i < 3; i++)
        for (const struct cfg_field *f = lists[i]; f->name && n < MAX_KEYS; f++) known[n++] = f->name;
    const char *near = cfg_nearest(key, known, n);
    if (near) FAIL(ERR_OPTION, "there is no option --%s; did you mean --%s?", key, near);
    FAIL(ERR_OPTION, "there is no option --%s; 'gm2 ring %s --help' lists them", key, r->verb->name);
}

/* An option: --key=value, --key value, -c value, --set key=value; value NULL if there is none. */
struct word {
    char key[128];
    const char *value;
    bool is_set;
};

static enum err split(const struct request *r, int argc, char **argv, int *i, struct word *out)
{
    const char *word = argv[*i], *next = *i + 1 < argc ? argv[*i + 1] : NULL;
    const bool is_key = strncmp(word, "--", 2) == 0 && word[2];
    REQUIRE(is_key || strcmp(word, "-c") == 0, ERR_OPTION,
            "\"%s\" is not understood; 'gm2 ring %s --help' lists the options", word, r->verb->name);
    *out        = (struct word){.value = next, .is_set = strcmp(word, "--set") == 0};
    word        = out->is_set ? next ? next : "" : is_key ? word + 2 : "config";
    size_t n    = strcspn(word, "=");
    bool inside = word[n] == '=';
    REQUIRE(!out->is_set || (inside && n > 0), ERR_OPTION, "--set %s: KEY=VALUE is wanted", word);
    REQUIRE(n < sizeof out->key, ERR_OPTION, "there is no option --%s", word);
    memcpy(out->key, word, n);
    if (inside) out->value = word + n + 1;
    if (out->is_set || (!inside && next)) (*i)++;
    return ERR_OK;
}

static enum err take_option(struct request *r, int argc, char **argv, int *i)
{
    struct word w;
    struct fhicl *table = NULL;
    const int at        = *i;
    TRY(split(r, argc, argv, i, &w));
    if (!w.is_set && strncmp(w.key, "gun.", 4) == 0) REQUIRE(w.value, ERR_OPTION, "--%s: a value is wanted", w.key);
    if (w.is_set || strncmp(w.key, "gun.", 4) == 0) return cmd_ring_set(r->given, w.key, w.value);
    const struct cfg_field *f = find_field(r, w.key, &table);
    if (!f) return unknown_option(r, w.key);
    if (f->type == CFG_flag && (!w.value || strncmp(w.value, "--", 2) == 0)) {
        *i = at;
        return fhicl_set(table, f->name, "true", "command line");
    }
    REQUIRE(w.value, ERR_OPTION, "--%s: a value is wanted", w.key);
    return cmd_ring_set_value(table, f, w.key, w.value);
}

static enum err find_verb(const char *word, const struct ring_verb **out)
{
    const char *names[N_VERBS];
    for (size_t i = 0; i < N_VERBS; i++) {
        names[i] = verbs[i]->name;
        *out     = verbs[i];
        if (strcmp(word, names[i]) == 0) return ERR_OK;
    }
    const char *near = cfg_nearest(word, names, N_VERBS);
    FAIL(ERR_OPTION, "\"%s\" is none of tune, orbit, map, scan, show%s%s%s", word, near ? "; did you mean \"" : "",
         near ? near : "", near ? "\"?" : "");
}

static enum err parse(int argc, char **argv, struct request *r)
{
    TRY(find_verb(argv[1], &r->verb));
    TRY(fhicl_parse("", 0, "command line", &r->common));
    TRY(fhicl_parse("", 0, "command line", &r->options));
    TRY(fhicl_parse("", 0, "command line", &r->given));
    for (int i = 2; i < argc; i++) {
        r->wants_help = r->wants_help || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (!r->wants_help) TRY(take_option(r, argc, argv, &i));
    }
    return ERR_OK;
}

static void print_help(void)
{
    printf("gm2 ring VERB [options]\n\n");
    for (size_t i = 0; i < N_VERBS; i++) printf("  %-6s %s\n", verbs[i]->name, verbs[i]->doc);
    printf("\nThe ring is that of the defaults, of a document (-c FILE.fcl), and of single parameters on top:\n"
           "  gm2 ring tune --esq_high_voltage_kV 18.2\n"
           "  gm2 ring orbit -c mdc1.fcl --dp 0.1 --plot orbit.svg\n"
           "'gm2 ring VERB --help' shows the options.\n");
}

static void print_verb_help(const struct ring_verb *v)
{
    printf("gm2 ring %s: %s\n\nOptions, as --key value or --key=value\n", v->name, v->doc);
    if (v->fields) cfg_help(v->fields);
    cfg_help(common_cfg_fields);
    if (v == &ring_verb_scan || v == &ring_verb_tune) {
        printf("\nQuantities of a scan\n");
        for (int i = 0; i < N_ANSWERS; i++)
            printf("  %-16s %-4s %s\n", ring_answer_fields[i].name,
                   strcmp(ring_answer_fields[i].unit, "1") == 0 ? "" : ring_answer_fields[i].unit,
                   ring_answer_fields[i].doc);
    }
    if (v == &ring_verb_scan)
        printf("\nQuantities that need a beam inject one with InflectorGun ('gm2 help InflectorGun'; --gun.KEY VALUE, "
               "--scan gun.KEY=...)\nand with the kickers' pulse \"shape\" if no kicker is chosen.\n");
    printf("\nParameters of the ring, as --key value or --set key=value\n");
    cfg_help(cmd_ring_parameters());
}

/* ---- results ---- */

static enum err picture_format(const char *path, enum plot_format *out)
{
    const char *dot = strrchr(path, '.');
    *out            = dot && strcmp(dot, ".png") == 0 ? PLOT_PNG : PLOT_SVG;
    REQUIRE(!*path || (dot && (*out == PLOT_PNG || strcmp(dot, ".svg") == 0)), ERR_OPTION,
            "--plot %s: a name ending in .svg or .png is wanted", path);
    return ERR_OK;
}

static enum err write_picture(const struct ring_tool *tool, const char *name, const char *script, const char *path)
{
    enum plot_format format;
    char footer[300], part[4096];
    TRY(picture_format(path, &format));
    REQUIRE(plot_has_gnuplot(), ERR_NOTFOUND,
            "%s: gnuplot is not installed (Debian package gnuplot-nox); --json writes the numbers", path);
    snprintf(footer, sizeof footer, "%s; gm2 %s, commit %.12s", tool->text, version_release, version_git_commit);
    snprintf(part, sizeof part, "%s.part", path);
    const struct plot_page page = {name, tool->title, footer, tool->width, tool->height};
    enum err rc                 = plot_draw(&page, script, format, part);
    if (!rc && rename(part, path)) rc = err_fail(ERR_WRITE, __FILE__, __LINE__, "%s cannot be written", path);
    if (rc) unlink(part);
    return rc;
}

static enum err write_json(const cJSON *json, const char *path)
{
    char *text = cJSON_Print(json);
    REQUIRE(text, ERR_MEMORY, "no memory for the numbers");
    enum err rc = publish_text(path, text, strlen(text), 1);
    cJSON_free(text);
    return rc;
}

static enum err add_heading(const struct ring_tool *tool, const char *verb, cJSON *json)
{
    char *text;
    TRY(fhicl_canonical(tool->parameters, &text));
    cJSON_AddStringToObject(json, "command", verb);
    cJSON_AddStringToObject(json, "ring", tool->text);
    cJSON_AddStringToObject(json, "parameters", text);
    cJSON_AddStringToObject(json, "release", version_release);
    cJSON_AddStringToObject(json, "git_commit", version_git_commit);
    mem_free(text);
    return ERR_OK;
}

static enum err answer(struct ring_tool *tool, const struct ring_verb *verb, const void *options,
                       const struct common_cfg *common)
{
    char *script = NULL;
    size_t size  = 0;
    enum err rc;
    struct sheet s = {open_memstream(&script, &size), cJSON_CreateObject()};
    if (!s.script || !s.json) FAIL_TO(done, ERR_MEMORY, "no memory for the sheet");
    TRY_TO(done, add_heading(tool, verb->name, s.json));
    printf("%s\n", tool->text);
    TRY_TO(done, verb->run(tool, options, &s));
    fflush(s.script);
    if (*common->json) TRY_TO(done, write_json(s.json, common->json));
    if (*common->plot) TRY_TO(done, write_picture(tool, verb->name, script, common->plot));
    if (fflush(stdout)) FAIL_TO(done, ERR_WRITE, "the result cannot be written");
done:
    if (s.script) fclose(s.script);
    free(script);
    cJSON_Delete(s.json);
    return rc;
}

/* ---- from words to an answer ---- */

/* The only table among parameters is the gun's. */
static enum err merge(struct fhicl *into, const struct fhicl *from, const char *prefix)
{
    for (size_t i = 0; i < fhicl_size(from); i++) {
        const struct fhicl *value = fhicl_at(from, i);
        char key[160], *text;
        snprintf(key, sizeof key, "%s%s", prefix, fhicl_key(from, i));
        if (fhicl_kind(value) == FHICL_TABLE) {
            TRY(merge(into, value, "gun."));
            continue;
        }
        TRY(fhicl_canonical(value, &text));
        enum err rc = fhicl_set(into, key, text, "command line");
        mem_free(text);
        if (rc) return rc;
    }
    return ERR_OK;
}

static enum err ask(const struct request *r, const struct common_cfg *common, const void *options)
{
    struct ring_tool *tool;
    struct fhicl *parameters = NULL;
    enum plot_format format;
    enum err rc;
    TRY(picture_format(common->plot, &format));
    TRY(mem_alloc(&tool, 1, sizeof *tool));
    TRY_TO(done, cmd_ring_read(common->config, common->label, &parameters));
    TRY_TO(done, merge(parameters, r->given, ""));
    tool->parameters = parameters;
    tool->width = 900, tool->height = 640;
    tool->at_us = common->at_us;
    TRY_TO(built, cmd_ring_build(parameters, tool));
    rc = answer(tool, r->verb, options, common);
built:
    cmd_ring_free(tool);
done:
    fhicl_free(parameters);
    mem_free(tool);
    return rc;
}

/* A wrong option is the command line's fault, whoever finds it. */
static enum err read_options(const struct cfg_field *fields, const struct fhicl *table, void *out)
{
    enum err rc = cfg_read(fields, table, "", NULL, out);
    return rc == ERR_CONFIG ? ERR_OPTION : rc;
}

static enum err run(int argc, char **argv)
{
    struct request r = {0};
    struct common_cfg common;
    void *options = NULL;
    enum err rc;
    TRY_TO(done, parse(argc, argv, &r));
    if (r.wants_help) {
        print_verb_help(r.verb);
        goto done;
    }
    TRY_TO(done, read_options(common_cfg_fields, r.common, &common));
    TRY_TO(read, mem_alloc(&options, 1, r.verb->cfg_size + 1));
    TRY_TO(read, read_options(r.verb->fields, r.options, options));
    rc = ask(&r, &common, options);
    cfg_free(r.verb->fields, options);
read:
    mem_free(options);
    cfg_free(common_cfg_fields, &common);
done:
    fhicl_free(r.common);
    fhicl_free(r.options);
    fhicl_free(r.given);
    return rc;
}

int cmd_ring(int argc, char **argv)
{
    gsl_set_error_handler_off();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return argc < 2 ? err_exit_code(err_fail(ERR_OPTION, __FILE__, __LINE__, "a verb is wanted")) : 0;
    }
    return err_exit_code(run(argc, argv));
}
