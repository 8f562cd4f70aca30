/* Descriptions of campaigns: levels and their order, keywords, lists of datasets and values, what is refused. */
#include "campaign.h"
#include "campaign_layers.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct fhicl *parse(const char *text)
{
    struct fhicl *document;
    enum err rc = fhicl_parse(text, strlen(text), "c.fcl", &document);
    if (rc) print_message("%s\n", err_message());
    assert_int_equal(rc, ERR_OK);
    return document;
}

static void check(const struct fhicl *stages, const char *path, const char *wanted)
{
    const struct fhicl *value = fhicl_get(stages, path);
    char *text;
    if (!value) print_message("%s is not there\n", path);
    assert_non_null(value);
    assert_int_equal(fhicl_canonical(value, &text), ERR_OK);
    if (strcmp(text, wanted) != 0) print_message("%s\n", path);
    assert_string_equal(text, wanted);
    mem_free(text);
}

/* login < job type < defaults < stage < test < recovery; a setting keeps its place in the line. */
static void test_levels(void **state)
{
    (void)state;
    struct fhicl *document = parse(
        "campaign: { name: run3 output: \"/data\" experiment: gm2 }\n"
        "keywords: { period: \"run3C\" n: 7 }\n"
        "logins: { farm: { host: \"gpvm01\" account: gm2pro setup: [\"source %(experiment)s.sh\"] ranks: 9 } }\n"
        "job_types: { full: { config: \"full.fcl\" set: [\"a=1\", \"b=1\", \"c=1\"] ranks: 2 max_attempts: 4\n"
        "  recoveries: [[pending_files, [\"ranks=4\", \"executor=slurm\", \"b=5\"]], [process_status]] } }\n"
        "defaults: { login: farm job_type: full merge_overrides: true set: [\"b=2\", \"d=%(campaign)s\"] ranks: 3 }\n"
        "stages: {\n"
        "  one: { name: \"One-A\" dataset: \"%(period)s_%(n)s\" set: [\"c=%(stage)s %(dataset)s\"] split: "
        "\"nfiles(20)\"\n"
        "    test: { set: [\"a=9\"] ranks: 1 } }\n"
        "  two: { dataset: \"%(stage.One-A)s\" merge_overrides: false set: [\"d=3\"] ranks: 8 }\n"
        "  three: { merge_overrides: false dataset: x account: \"%(version)s\" }\n"
        "}\n");
    struct fhicl *s;
    enum err rc = campaign_layers(document, "v9_00_01", &s);
    if (rc) print_message("%s\n", err_message());
    assert_int_equal(rc, ERR_OK);
    assert_int_equal(fhicl_size(s), 3);
    check(s, "one.name", "\"One-A\"");
    check(s, "one.config", "\"full.fcl\"");
    check(s, "one.setup", "[\"source gm2.sh\"]");
    check(s, "one.ranks", "3");
    check(s, "one.max_attempts", "4");
    check(s, "one.dataset", "\"run3C_7\"");
    check(s, "one.set", "[\"a=1\",\"b=2\",\"c=One-A run3C_7\",\"d=run3\"]");
    check(s, "one.test.set", "[\"a=9\",\"b=2\",\"c=One-A run3C_7\",\"d=run3\"]");
    check(s, "one.test.ranks", "1");
    check(s, "one.test.split", "\"nfiles(1)\"");
    check(s, "one.recovery.r0.ranks", "4");
    check(s, "one.recovery.r0.executor", "\"slurm\"");
    check(s, "one.recovery.r0.set", "[\"a=1\",\"b=5\",\"c=One-A run3C_7\",\"d=run3\"]");
    check(s, "one.recovery.r1.kind", "\"process_status\"");
    check(s, "one.recovery.r1.ranks", "3");
    check(s, "two.dataset", "\"%(stage.One-A)s\"");
    check(s, "two.set", "[\"a=1\",\"b=1\",\"c=1\",\"d=3\"]");
    check(s, "two.ranks", "8");
    check(s, "three.account", "\"v9_00_01\"");                     /* of the program that runs the jobs */
    check(s, "three.set", "[\"a=1\",\"b=2\",\"c=1\",\"d=run3\"]"); /* its own are those of the defaults */
    fhicl_free(s);
    fhicl_free(document);
    assert_int_equal(mem_live(), 0);
}

static void test_items(void **state)
{
    (void)state;
    struct fhicl *document = parse(
        "campaign: { name: run3 }\n"
        "stages: {\n"
        "  pre: { split: list dataset: \"run3C, run3D\" set: [\"a=%(item)s\"] config: x }\n"
        "  full: { split: list dataset: \"run3C, run3D\" query: \"%(stage.pre.%(item)s)s and defname: %(dataset)s\"\n"
        "    needs: [\"pre.%(item)s\"] }\n"
        "  scan: { split: multiparam dataset: \"[[\\\"low\\\", \\\"high\\\"], [1, 2.5]]\" fills: 10\n"
        "    set: [\"p=%(item1)s\", \"n=%(item2)s\"] }\n"
        "}\n");
    struct fhicl *s;
    enum err rc = campaign_layers(document, "v9_00_01", &s);
    if (rc) print_message("%s\n", err_message());
    assert_int_equal(rc, ERR_OK);
    assert_int_equal(fhicl_size(s), 8);
    check(s, "pre_i0.name", "\"pre.run3C\"");
    check(s, "pre_i0.group", "\"pre\"");
    check(s, "pre_i1.dataset", "\"defname: run3D\"");
    check(s, "pre_i1.split", "\"none\"");
    check(s, "pre_i1.set", "[\"a=run3D\"]");
    check(s, "full_i1.dataset", "\"%(stage.pre.run3D)s and defname: run3D\"");
    check(s, "full_i1.needs", "[\"pre.run3D\"]");
    check(s, "scan_i0.name", "\"scan.low_1\"");
    check(s, "scan_i3.set", "[\"p=high\",\"n=2.5\"]");
    check(s, "scan_i3.dataset", "\"\"");
    fhicl_free(s);
    fhicl_free(document);
    assert_int_equal(mem_live(), 0);
}

/* ---- whole descriptions ---------------------------------------------------------------------------------------------- */
static char folder[64], path[80];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/gm2_t_campaign.XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/c.fcl", folder);
    return setenv("FHICL_FILE_PATH", TEST_SOURCE_DIR "/jobs/fcl", 1);
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    return 0;
}

static enum err read_text(const char *text, struct campaign **out)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return campaign_read(path, false, out);
}

static void test_read(void **state)
{
    (void)state;
    struct campaign *c;
    enum err rc = read_text(
        "campaign: { name: run3 output: \"/data\" }\n"
        "job_types: { full: { config: \"reco.fcl\" recoveries: [[added_files], [pending_files, [\"ranks=4\"]]] } }\n"
        "defaults: { job_type: full }\n"
        "stages: {\n"
        "  one: { split: list dataset: \"a,b\" set: [\"seed=%(item1)s1\"] }\n"
        "  two: { dataset: \"%(stage.one)s\" needs: [one] }\n"
        "  three: { dataset: \"%(stage.one.b)s\" needs: [\"one.b\"] }\n"
        "}\n",
        &c);
    assert_int_equal(rc, ERR_CONFIG); /* item1 is one of multiparam's */
    assert_non_null(strstr(err_message(), "item1"));
    rc = read_text(
        "campaign: { name: run3 output: \"/data\" }\n"
        "job_types: { full: { config: \"reco.fcl\" recoveries: [[added_files], [pending_files, [\"ranks=4\"]]] } }\n"
        "defaults: { job_type: full }\n"
        "stages: {\n"
        "  one: { split: list dataset: \"a,b\" set: [\"process_name=%(item)s\"] }\n"
        "  two: { dataset: \"%(stage.one)s\" needs: [one] }\n"
        "  three: { dataset: \"%(stage.one.b)s\" needs: [\"one.b\"] }\n"
        "}\n",
        &c);
    if (rc) print_message("%s\n", err_message());
    assert_int_equal(rc, ERR_OK);
    assert_int_equal(c->n_stages, 4);
    assert_string_equal(c->stage[1].name, "one.b");
    assert_string_equal(c->stage[1].group, "one");
    assert_string_not_equal(c->stage[0].version.config_id, c->stage[1].version.config_id);
    assert_int_equal(c->stage[2].n_needs, 2);
    assert_int_equal(c->stage[3].n_needs, 1);
    assert_non_null(strstr(c->stage[2].dataset, c->stage[0].version.config_id));
    assert_non_null(strstr(c->stage[2].dataset, c->stage[1].version.config_id));
    assert_null(strstr(c->stage[3].dataset, c->stage[0].version.config_id));
    assert_int_equal(c->stage[0].n_recoveries, 2);
    assert_int_equal(c->stage[0].recovery[0].kind, RECOVERY_ADDED_FILES);
    assert_int_equal(c->stage[0].recovery[1].cfg.ranks, 4);
    assert_string_equal(c->stage[0].test->version.config_id, c->stage[0].version.config_id);
    campaign_free(c);
    assert_int_equal(mem_live(), 0);
}

#define HEAD "campaign: { name: run3 output: \"/data\" }\n"
static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        {HEAD "stage: { a: { } }", "unknown key \"stage\""},
        {HEAD, "no table stages"},
        {HEAD "stages: { a: { config: \"reco.fcl\" datset: x } }", "did you mean dataset"},
        {HEAD "job_types: { j: { confg: x } }\nstages: { a: { config: \"reco.fcl\" dataset: x } }",
         "job_types.j: there is no key"},
        {HEAD "logins: { l: { hots: x } }\nstages: { a: { config: \"reco.fcl\" dataset: x } }", "did you mean host"},
        {HEAD "defaults: { job_type: j }\nstages: { a: { config: \"reco.fcl\" dataset: x } }",
         "is not in the table job_types"},
        {HEAD "stages: { a: { login: farm config: \"reco.fcl\" dataset: x } }", "is not in the table logins"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: \"%(perod)s\" } }", "keyword %(perod)s"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: \"%(dataset)s\" } }", "keyword %(dataset)s"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: \"x\" set: [\"a=%(stage\"] } }", "lacks"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x split: \"mod(low=3)\" } }", "mod has no parameter"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x split: list query: \"%(item)s %(item1)s\" } }", "item1"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: \"\" split: list } }", "is empty"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: \"a b\" split: list } }", "item \"a b\""},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: \"a/../b\" split: list } }", "item \"a/../b\""},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: \"[[1,\" split: multiparam } }", "JSON list"},
        {HEAD "stages: { a: { config: \"mdc1.fcl\" fills: 1 dataset: \"[[1,2]]\" split: multiparam } }",
         "simulate the same"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x needs: [b] } b: { config: \"reco.fcl\" dataset: x needs: "
              "[a] } }",
         "in a circle: a needs b needs a"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x needs: [c] } }", "no stage"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x name: b } b: { config: \"reco.fcl\" dataset: x } }",
         "two stages"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: \"%(stage.b)s\" } }", "no such stage"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x recoveries: [[pending]] } }", "no recovery \"pending\""},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x recoveries: [pending_files] } }", "a list of [KIND"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x recoveries: [[pending_files, [\"ranks\"]]] } }",
         "no KEY=VALUE"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x recoveries: [[pending_files, [\"ranks=0\"]]] } }",
         "ranks"},
        {HEAD "stages: { a: { config: \"reco.fcl\" dataset: x recoveries: [[pending_files, [\"process_name=b\"]]] } }",
         "changes what the jobs make"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct campaign *c;
        enum err rc = read_text(bad[i].text, &c);
        if (rc != ERR_CONFIG || !strstr(err_message(), bad[i].words))
            print_message("%s\n  %d %s\n", bad[i].text, rc, rc ? err_message() : "");
        assert_int_equal(rc, ERR_CONFIG);
        assert_non_null(strstr(err_message(), bad[i].words));
        assert_int_equal(mem_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_levels), cmocka_unit_test(test_items),
                                       cmocka_unit_test(test_read), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
