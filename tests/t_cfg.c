/* Parameters: defaults, values, ranges, choices, lists, and what a wrong table is told. */
#include "cfg.h"
#include "mem.h"
#include "module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
#define SAMPLE_CFG(F, S)                                                         \
    F(S, i64,  n_muons,  5000,  1, 10000000, "1",       "stored muons a fill")   \
    F(S, f64,  sigma_mm, 9.25,  0, 45,       "mm",      "width")                 \
    F(S, flag, is_on,    true,  0, 1,        "1",       "whether it is on")      \
    F(S, str,  profile,  "w",   0, 0,        "w|gauss", "time profile")          \
    F(S, str,  title,    "a \"b\"", 0, 0,    "",        "any words")             \
    F(S, f64s, weights,  "[1, 2.5]", -1, 10, "ns",      "weights")               \
    F(S, strs, tiers,    "[sim, \"raw x\"]", 0, 0, "",  "tiers kept")
/* clang-format on */
CFG_DECLARE(sample_cfg, SAMPLE_CFG)

static enum err read_text(const char *text, struct sample_cfg *cfg)
{
    static const char *const reserved[] = {"module_type", NULL};
    struct fhicl *table;
    TRY(fhicl_parse(text, strlen(text), "job.fcl", &table));
    enum err rc = cfg_read(sample_cfg_fields, table, "physics.producers.gun", reserved, cfg);
    fhicl_free(table);
    return rc;
}

static void defaults(void **state)
{
    (void)state;
    struct sample_cfg cfg = {0};
    assert_int_equal(cfg_read(sample_cfg_fields, NULL, "gun", NULL, &cfg), ERR_OK);
    assert_int_equal(cfg.n_muons, 5000);
    assert_true(cfg.sigma_mm == 9.25 && cfg.is_on);
    assert_string_equal(cfg.profile, "w");
    assert_string_equal(cfg.title, "a \"b\"");
    assert_int_equal(cfg.weights.n, 2);
    assert_true(cfg.weights.value[0] == 1.0 && cfg.weights.value[1] == 2.5);
    assert_int_equal(cfg.tiers.n, 2);
    assert_string_equal(cfg.tiers.value[0], "sim");
    assert_string_equal(cfg.tiers.value[1], "raw x");
    cfg_free(sample_cfg_fields, &cfg);
    assert_int_equal(mem_live(), 0);
}

static void values_replace_defaults(void **state)
{
    (void)state;
    struct sample_cfg cfg = {0};
    assert_int_equal(
        read_text("module_type: Gun n_muons: 1e6 sigma_mm: 1 is_on: false profile: gauss weights: [] tiers: []", &cfg),
        ERR_OK);
    assert_int_equal(cfg.n_muons, 1000000);
    assert_true(cfg.sigma_mm == 1.0 && !cfg.is_on);
    assert_string_equal(cfg.profile, "gauss");
    assert_int_equal(cfg.weights.n, 0);
    assert_int_equal(cfg.tiers.n, 0);
    cfg_free(sample_cfg_fields, &cfg);
    assert_int_equal(mem_live(), 0);
}

static void bad_tables_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words[4];
    } cases[] = {
        {"n_muons: 3\nn_muon: 4", {"job.fcl:2", "\"n_muon\"", "did you mean \"n_muons\"?"}},
        {"zzzzzzzzz: 4", {"\"zzzzzzzzz\"", "physics.producers.gun", "known are: n_muons sigma_mm"}},
        {"n_muons: 1.5", {"job.fcl:1", "physics.producers.gun.n_muons", "1.5", "an integer"}},
        {"n_muons: many", {"the string many", "an integer"}},
        {"n_muons: 0", {"n_muons = 0", "out of range", "1 to 10000000"}},
        {"sigma_mm: -1", {"sigma_mm = -1", "0 to 45 mm"}},
        {"sigma_mm: infinity", {"out of range"}},
        {"sigma_mm: @nil", {"nil", "a number"}},
        {"sigma_mm: \"3\"", {"the string 3", "a number"}},
        {"is_on: True", {"the string True", "true or false"}},
        {"is_on: 1", {"the number 1", "true or false"}},
        {"profile: W", {"profile = \"W\"", "w|gauss"}},
        {"profile: { a: 1 }", {"is a table", "a string"}},
        {"weights: 3", {"is a number", "a list"}},
        {"weights: [1, 11]", {"weights[1] = 11", "-1 to 10 ns"}},
        {"weights: [1, x]", {"weights[1]", "the string x"}},
        {"tiers: [a, [b]]", {"tiers[1]", "a string"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample_cfg cfg;
        assert_int_equal(read_text(cases[i].text, &cfg), ERR_CONFIG);
        for (int w = 0; w < 4 && cases[i].words[w]; w++)
            if (!strstr(err_message(), cases[i].words[w]))
                fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text, err_message(), cases[i].words[w]);
    }
    assert_int_equal(mem_live(), 0);
}

static void defaults_are_filled_in(void **state)
{
    (void)state;
    struct fhicl *table;
    const char *text = "a: { n_muons: 3 }";
    char *line;
    assert_int_equal(fhicl_parse(text, strlen(text), "job.fcl", &table), ERR_OK);
    assert_int_equal(cfg_fill_defaults(sample_cfg_fields, table, "a"), ERR_OK);
    assert_int_equal(fhicl_canonical(table, &line), ERR_OK);
    assert_string_equal(line, "a:{is_on:true n_muons:3 profile:\"w\" sigma_mm:9.25 tiers:[\"sim\",\"raw x\"] "
                              "title:\"a \\\"b\\\"\" weights:[1,2.5]}");
    assert_string_equal(fhicl_origin(fhicl_get(table, "a.weights")), "default");
    assert_string_equal(fhicl_origin(fhicl_get(table, "a.n_muons")), "job.fcl:1");
    mem_free(line);
    fhicl_free(table);
    assert_int_equal(mem_live(), 0);
}

/* Every module's defaults must be FHiCL, of the right type and in range: then help and --config-out can be trusted. */
static void defaults_of_all_modules_are_acceptable(void **state)
{
    (void)state;
    for (const struct module_entry *e = module_all(); e->module; e++) {
        if (!e->module->fields) continue;
        void *cfg;
        assert_int_equal(mem_alloc(&cfg, 1, e->module->cfg_size), ERR_OK);
        if (cfg_read(e->module->fields, NULL, e->module->name, NULL, cfg)) fail_msg("%s", err_message());
        cfg_free(e->module->fields, cfg);
        mem_free(cfg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(values_replace_defaults),
        cmocka_unit_test(bad_tables_are_refused),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(defaults_of_all_modules_are_acceptable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
