/* What may be merged: gaps, duplicates, rules, ways of making that differ; and what a file says of itself. */
#include "make_unit.h"
#include "merge_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ok(call) assert_int_equal((call), ERR_OK)
enum { MAX_FILES = 8 };

/* "1:0 1:1" are two units of fills 1 to 10; "1:0/3-5" has fills 3 to 5; "1:0/0-0" is a unit without a table of fills. */
static void add_units(const char *text, struct merge_file *f)
{
    char copy[256];
    struct file_content *c = &f->content;
    snprintf(copy, sizeof copy, "%s", text);
    ok(mem_alloc(&c->unit, 16, sizeof *c->unit));
    ok(mem_alloc(&c->stretch, 16, sizeof *c->stretch));
    for (char *rest = NULL, *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *at     = word;
        uint32_t run = (uint32_t)strtoul(at, &at, 10), subrun = (uint32_t)strtoul(at + 1, &at, 10), first = 1,
                 last = 10;
        if (*at) first = (uint32_t)strtoul(at + 1, &at, 10), last = (uint32_t)strtoul(at + 1, &at, 10);
        bool is_new = !c->n_units || c->unit[c->n_units - 1].run != run || c->unit[c->n_units - 1].subrun != subrun;
        if (is_new) c->unit[c->n_units++] = (struct file_unit){run, subrun, 10, -1};
        if (last) c->stretch[c->n_stretches++] = (struct file_stretch){run, subrun, first, last};
    }
}

static void free_files(struct merge_file *f)
{
    for (int i = 0; i < MAX_FILES; i++) file_content_free(&f[i].content);
}

static struct strs words(const char **list)
{
    struct strs s = {0, list};
    while (list[s.n]) s.n++;
    return s;
}

static void gaps_and_duplicates(void **state)
{
    (void)state;
    static const struct {
        const char *files[MAX_FILES];
        const char *gaps, *duplicates, *expect;
        const char *word; /* NULL: fine */
        int left_out;     /* bits of files */
    } cases[] = {
        {{"1:0 1:1", "1:2", "2:5"}, NULL, NULL, NULL, NULL, 0},
        {{"2:5", "1:2", "1:0 1:1"}, NULL, NULL, NULL, NULL, 0},
        {{"1:0", "1:2"}, NULL, NULL, NULL, "run 1 subrun 1: missing", 0},
        {{"1:0", "1:5"}, NULL, NULL, NULL, "run 1 subrun 1 to 4: missing", 0},
        {{"1:0", "1:5"}, "1:1..4", NULL, NULL, NULL, 0},
        {{"1:0", "1:5"}, "1", NULL, NULL, NULL, 0},
        {{"1:0", "1:5"}, "all", NULL, NULL, NULL, 0},
        {{"1:0", "1:5"}, "1:1..3", NULL, NULL, "run 1 subrun 1 to 4", 0},
        {{"1:0", "1:5"}, "2", NULL, NULL, "missing", 0},
        {{"1:0/1-3 1:0/5-9"}, NULL, NULL, NULL, "run 1 subrun 0, event 4: missing", 0},
        {{"1:0/1-3 1:0/5-9"}, "1:0:4", NULL, NULL, NULL, 0},
        {{"1:0/1-3 1:0/6-9"}, "1:0:5", NULL, NULL, "event 4 to 5", 0},
        {{"1:0/1-3 1:0/6-9"}, "1:0", NULL, NULL, NULL, 0},
        {{"1:0", "1:0"}, NULL, NULL, NULL, "is in a and in b", 0},
        {{"1:0", "1:0"}, NULL, "1:0", NULL, NULL, 2},
        {{"1:0", "1:0", "1:0"}, NULL, "1:0", NULL, NULL, 6},
        {{"1:0", "1:0"}, NULL, "1:1", NULL, "is in a and in b", 0},
        {{"1:0", "1:0 1:1"}, NULL, "all", NULL, "cannot be taken apart", 0},
        {{"1:0", "1:0 1:1"}, NULL, NULL, NULL, "accept_duplicates", 0},
        {{"1:0/1-5", "1:0/6-9"}, NULL, NULL, NULL, NULL, 0}, /* parts of one subrun */
        {{"1:0/1-5", "1:0/5-9"}, NULL, NULL, NULL, "event 5 to 9 is in a and in b", 0},
        {{"1:0/1-5", "1:0/7-9"}, NULL, NULL, NULL, "event 6: missing", 0},
        {{"1:0/0-0", "1:1/0-0"}, NULL, NULL, NULL, NULL, 0},
        {{"1:0/0-0", "1:0/0-0"}, NULL, NULL, NULL, "is in a and in b", 0},
        {{"1:0/0-0", "1:2/0-0"}, NULL, NULL, NULL, "missing", 0},
        {{"1:1 1:2"}, NULL, NULL, "1:0..2", "run 1 subrun 0: missing", 0},
        {{"1:0 1:1"}, NULL, NULL, "1:0..2", "run 1 subrun 2: missing", 0},
        {{"1:0 1:1"}, "1:2", NULL, "1:0..2", NULL, 0},
        {{"1:0 2:0"}, NULL, NULL, "1:0..0", "not among what is expected", 0},
        {{"1:0 2:7"}, NULL, NULL, "2", "not among what is expected", 0},
        {{"1:3"}, NULL, NULL, "2", "expected", 0},
        {{"2:3"}, NULL, NULL, "2", NULL, 0},
        {{"1:0"}, "1:0:", NULL, NULL, "is no rule", 0},
        {{"1:0"}, "1:5..2", NULL, NULL, "is no rule", 0},
        {{"1:0"}, NULL, "x", NULL, "is no rule", 0},
        {{"1:0"}, "1:0..2:4", NULL, NULL, "is no rule", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        struct merge_file f[MAX_FILES]   = {{0}};
        size_t n                         = 0;
        for (; n < MAX_FILES && cases[i].files[n]; n++) {
            f[n].path = names[n];
            add_units(cases[i].files[n], &f[n]);
        }
        const char *g[] = {cases[i].gaps, NULL}, *d[] = {cases[i].duplicates, NULL}, *e[] = {cases[i].expect, NULL};
        const struct merge_rules rules = {words(g), words(d), words(e), {0, NULL}};
        enum err rc                    = merge_check_units(f, n, &rules);
        if (!cases[i].word && rc) fail_msg("case %zu: %s", i, err_message());
        if (cases[i].word && (!rc || !strstr(err_message(), cases[i].word)))
            fail_msg("case %zu: %d \"%s\", wanted \"%s\"", i, rc, err_message(), cases[i].word);
        for (size_t k = 0; !rc && k < n; k++) assert_int_equal(f[k].is_left_out, cases[i].left_out >> k & 1);
        err_clear();
        free_files(f);
    }
}

static void set_texts(struct merge_file *f, const char *path, const char *configuration, const char *release,
                      uint64_t seed)
{
    const char *const texts[N_FILE_TEXTS] = {"p",    release, "abc", configuration, configuration,
                                             "avx2", "set",   "tag", release};
    f->path                               = path;
    f->content.seed                       = seed;
    for (size_t t = 0; t < N_FILE_TEXTS; t++) {
        mem_free(f->content.text[t]);
        assert_non_null(f->content.text[t] = mem_string(texts[t]));
    }
}

static void ways_of_making(void **state)
{
    (void)state;
    static const char first[] = "a: { x: 1 y: [1, 2] } source: { run: 1 }";
    static const struct {
        const char *configuration, *release;
        uint64_t seed;
        const char *may_differ[3];
        const char *word, *common; /* of the message; of the common configuration, NULL: as it was */
    } cases[] = {
        {first, "1", 5, {NULL}, NULL, NULL},
        {"a: { x: 2 y: [1, 2] } source: { run: 1 }", "1", 5, {NULL}, "a.x is 2, not 1", NULL},
        {"a: { x: 1 y: [1, 3] } source: { run: 1 }", "1", 5, {NULL}, "a.y is [1,3], not [1,2]", NULL},
        {"a: { y: [1, 2] } source: { run: 1 }", "1", 5, {NULL}, "a.x is absent", NULL},
        {"a: { x: 1 y: [1, 2] z: 3 } source: { run: 1 }", "1", 5, {NULL}, "a.z is 3, not absent", NULL},
        {first, "2", 5, {NULL}, "release is 2, not 1", NULL},
        {first, "1", 6, {NULL}, "seed is 6, not 5", NULL},
        {first, "2", 6, {"seed", "release"}, NULL, NULL},
        {"a: { x: 1 y: [1, 2] } source: { run: 2 }", "1", 5, {"source.run"}, NULL, "a: { x: 1 y: [1, 2] } source: {}"},
        {"a: { x: 1 y: [1, 2] } source: { run: 2 }", "1", 5, {"source"}, NULL, "a: { x: 1 y: [1, 2] } source: {}"},
        {"a: { x: 2 y: [1, 2] } source: { run: 2 }", "1", 5, {"source"}, "a.x", NULL},
        {"a: { x: 1 y: [1, 2] } source: { run: 2 }", "1", 5, {"source.ru"}, "source.run", NULL},
        {"a: { x: 1 y: [1, 2] } source: { run: 2 }", "1", 5, {"source", "b"}, "no file has \"b\"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct merge_file f[MAX_FILES] = {{0}};
        struct merge_identity id       = {0};
        const char *may[3]             = {cases[i].may_differ[0], cases[i].may_differ[1], NULL};
        const struct strs list         = words(may);
        set_texts(&f[0], "a.h5", first, "1", 5);
        set_texts(&f[1], "b.h5", first, "1", 5);
        set_texts(&f[2], "c.h5", cases[i].configuration, cases[i].release, cases[i].seed);
        enum err rc = merge_check_same(f, 3, &list, &id);
        if (!cases[i].word && rc) fail_msg("case %zu: %s", i, err_message());
        if (cases[i].word && (!rc || !strstr(err_message(), cases[i].word)))
            fail_msg("case %zu: %d \"%s\", wanted \"%s\"", i, rc, err_message(), cases[i].word);
        if (rc && rc != ERR_CONFIG) assert_non_null(strstr(err_message(), "c.h5 was not made as a.h5"));
        if (!rc && !cases[i].common) assert_string_equal(id.text[FILE_TEXT_configuration], first);
        if (!rc && cases[i].common) {
            struct fhicl *want;
            char digest[41];
            ok(fhicl_parse(cases[i].common, strlen(cases[i].common), "test", &want));
            ok(fhicl_id(want, digest));
            assert_string_equal(id.text[FILE_TEXT_config_id], digest);
            fhicl_free(want);
        }
        if (!rc && strcmp(cases[i].release, "1") != 0) assert_string_equal(id.text[FILE_TEXT_release], "1\n2");
        /* the commit of the configurations may differ: it is told */
        if (!rc && strcmp(cases[i].release, "1") != 0) assert_string_equal(id.text[FILE_TEXT_fcl_commit], "1\n2");
        err_clear();
        merge_identity_free(&id);
        free_files(f);
    }
}

static void content_of_a_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/gm2-t_merge.XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/u.h5", folder);
    ok(make_unit(path, &(struct made){.run = 7, .subrun = 3, .n_fills = 4, .n_rows = 2, .n_samples = 1}));
    struct file_content c;
    ok(file_content_read(path, &c));
    assert_string_equal(c.text[FILE_TEXT_release], "0.0.1");
    assert_string_equal(c.text[FILE_TEXT_config_id], make_provenance.config_id);
    assert_true(c.seed == make_provenance.seed && c.n_units == 1 && c.unit[0].run == 7 && c.unit[0].subrun == 3);
    assert_int_equal(c.n_stretches, 1);
    assert_true(c.stretch[0].run == 7 && c.stretch[0].first == 1 && c.stretch[0].last == 4);
    file_content_free(&c);
    assert_int_equal(file_content_read("/tmp/there/is/none.h5", &c), ERR_OPEN);
    err_clear();
    file_content_free(&c);
    unlink(path);
    rmdir(folder);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_and_duplicates),
        cmocka_unit_test(ways_of_making),
        cmocka_unit_test(content_of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
