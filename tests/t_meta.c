/* Metadata beside products. With the arguments "sample PATH" it writes a product and its JSON, for an outside validator. */
#include "meta.h"

#include "mem.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/gm2-t_meta.XXXXXX";
static char path[128], json[160];

static const struct meta_run runs[] = {{3, 0}, {3, 1}};
static const char *const parents[]  = {"/some/where/gm2_run00003_00000.mid", "gm2_run00003_00001.mid"};
static const struct meta usual      = {.file_type           = "importedSimulated",
                                       .file_format         = "hdf5",
                                       .data_tier           = "reco",
                                       .data_stream         = "full",
                                       .application_name    = "mdc1",
                                       .application_version = "0.1.0",
                                       .run_type            = "mc",
                                       .particle            = "muon",
                                       .n_runs              = 2,
                                       .runs                = runs,
                                       .event_count         = 20,
                                       .first_event         = 1,
                                       .last_event          = 10,
                                       .start_unix_s        = 1524414400.0,
                                       .end_unix_s          = 1524414401.9,
                                       .n_parents           = 2,
                                       .parents             = parents,
                                       .git_commit          = "0123456789012345678901234567890123456789",
                                       .fcl_name            = "mdc1 \"quoted\".fcl",
                                       .config_id           = "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                                       .process_name        = "mdc1",
                                       .conditions_tag      = "",
                                       .constants_set       = "gm2ringsim-2020",
                                       .isa                 = "avx2",
                                       .host                = "here",
                                       .seed                = 18446744073709551615u,
                                       .n_ranks             = 4,
                                       .format_version      = 1,
                                       .n_units             = 2,
                                       .cpu_s               = 1.5,
                                       .peak_rss_kB         = 1000};

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static cJSON *load(void)
{
    static char text[65536];
    FILE *f = fopen(json, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return cJSON_Parse(text);
}

static const char *text_of(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static void passes_on_what_a_campaign_says(void **state)
{
    static const char *const extra[] = {"gm2.fcl_commit=abc", "gm2.stage=a=b", "mine.note=x \"y\""};
    struct meta m                    = usual;
    (void)state;
    m.n_extra = 3;
    m.extra   = extra;
    for (size_t i = 0; i < 3; i++) assert_int_equal(meta_check_extra(extra[i]), ERR_OK);
    put(path, "Wikipedia");
    assert_int_equal(meta_write(path, &m), ERR_OK);
    cJSON *o = load();
    assert_string_equal(text_of(o, "gm2.fcl_commit"), "abc");
    assert_string_equal(text_of(o, "gm2.stage"), "a=b");
    assert_string_equal(text_of(o, "mine.note"), "x \"y\"");
    cJSON_Delete(o);
    static const char *const bad[] = {
        "gm2.git_commit=x", "file_size=3", "nothing",      "=x",   "a.=x", "a b.c=x", ".a=x",
        "a.b=x\ny",         "gm2.fcl=x",   "gm2.stageX=x", "1.a=x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(meta_check_extra(bad[i]), ERR_OPTION);
}

static void says_what_it_was_told(void **state)
{
    (void)state;
    put(path, "Wikipedia");
    assert_int_equal(meta_write(path, &usual), ERR_OK);
    cJSON *o = load();
    assert_non_null(o);
    assert_string_equal(text_of(o, "file_name"), "product.h5");
    assert_int_equal(cJSON_GetObjectItem(o, "file_size")->valueint, 9);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(o, "checksum"), 0)),
                        "adler32:11e60398");
    assert_string_equal(text_of(o, "gm2.seed"), "18446744073709551615");
    assert_string_equal(text_of(o, "gm2.fcl_name"), usual.fcl_name);
    assert_string_equal(text_of(o, "start_time"), "2018-04-22T16:26:40+00:00");
    assert_string_equal(text_of(o, "end_time"), "2018-04-22T16:26:41+00:00");
    const cJSON *run = cJSON_GetArrayItem(cJSON_GetObjectItem(o, "runs"), 1);
    assert_int_equal(cJSON_GetArrayItem(run, 1)->valueint, 1);
    const cJSON *parent = cJSON_GetArrayItem(cJSON_GetObjectItem(o, "parents"), 0);
    assert_string_equal(text_of(parent, "file_name"), "gm2_run00003_00000.mid");
    cJSON_Delete(o);
}

static void needs_its_product(void **state)
{
    (void)state;
    assert_int_equal(meta_write("/nowhere/x.h5", &usual), ERR_OPEN);
    assert_int_equal(mem_live(), 0);
}

static void host_is_filled(void **state)
{
    (void)state;
    struct meta m = usual;
    m.host[0]     = 0;
    meta_fill_host(&m);
    assert_true(m.host[0] != 0);
    assert_true(m.cpu_s > 0);
    assert_true(m.peak_rss_kB > 100);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "sample") == 0) {
        put(argv[2], "some content");
        return err_exit_code(meta_write(argv[2], &usual));
    }
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/product.h5", folder);
    snprintf(json, sizeof json, "%s.json", path);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_was_told),
        cmocka_unit_test(passes_on_what_a_campaign_says),
        cmocka_unit_test(needs_its_product),
        cmocka_unit_test(host_is_filled),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : failed;
}
