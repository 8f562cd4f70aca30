/* Conditions: packed times, look-up, supersession, tags; 16 writers; a load that races with a freeze. On SQLite, or on the
 * empty database that GM2_TEST_PGSQL names (tests/server/units.sh). */
#include "cond.h"
#include "mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEYS = 3 };
static char url[256], folder[] = "/tmp/gm2-t_cond.XXXXXX";
static const struct cond_note note = {"tester", "a test"};
static struct cond *cond;
static struct cond_table toy = {.name          = "toy",
                                .doc           = "three channels",
                                .subrun_digits = 4,
                                .event_digits  = 3,
                                .n_columns     = 2,
                                .column = {{"channel", true, "1", 0, 2, ""}, {"gain", false, "1", -10, 1e6, ""}}};

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != ERR_OK) fail_msg("%s: %s", #call, err_message());                                                \
    } while (0)

/* n intervals of 3 rows; the gain is first + interval + channel/10. */
struct toy_set {
    struct cond_set set;
    struct cond_interval interval[8];
    double channel[24], gain[24];
};

static void make(struct toy_set *t, const struct cond_time *begin, size_t n, double first)
{
    memset(t, 0, sizeof *t);
    t->set = (struct cond_set){
        .table = toy, .n_intervals = n, .n_rows = n * KEYS, .interval = t->interval, .value = {t->channel, t->gain}};
    for (size_t i = 0; i < n; i++) {
        t->interval[i] = (struct cond_interval){.end = COND_FOREVER, .first = i * KEYS, .n_rows = KEYS};
        OK(cond_pack(&toy, begin[i], &t->interval[i].begin));
        for (size_t k = 0; k < KEYS; k++) {
            t->channel[i * KEYS + k] = (double)k;
            t->gain[i * KEYS + k]    = first + (double)i + 0.1 * (double)k;
        }
    }
}

static enum err load(const char *tag, const struct cond_time *begin, size_t n, double first)
{
    struct toy_set t;
    struct cond_loaded done;
    make(&t, begin, n, first);
    return cond_load(cond, &t.set, tag, &note, false, &done);
}

static int64_t at(int64_t run, int64_t subrun, int64_t event)
{
    int64_t key;
    OK(cond_pack(&toy, (struct cond_time){run, subrun, event}, &key));
    return key;
}

/* The gain of channel 2 at a time; NaN where there are no constants. */
static double gain(const char *tag, int64_t key)
{
    struct cond_set set;
    const struct cond_interval *v;
    double x = (double)NAN;
    OK(cond_read(cond, "toy", tag, key, key, true, &set));
    assert_true(set.n_intervals <= 1);
    if (!cond_find(&set, key, &v)) x = set.value[1][v->first + 2];
    err_clear();
    cond_set_free(&set);
    return x;
}

static void times(void **state)
{
    (void)state;
    struct cond_table oof = {.name = "oof", .subrun_digits = 4};
    struct cond_time t;
    int64_t key;
    char text[72];
    OK(cond_pack(&oof, (struct cond_time){24337, 196, 0}, &key));
    assert_int_equal(key, 243370196); /* the production talk's */
    OK(cond_pack_end(&oof, (struct cond_time){24337, 196, 17}, &key));
    assert_int_equal(key, 243370196);
    assert_int_equal(cond_pack(&oof, (struct cond_time){1, 10000, 0}, &key), ERR_NUMBER);
    assert_int_equal(cond_pack(&oof, (struct cond_time){1, 1, 1}, &key), ERR_NUMBER);
    assert_int_equal(cond_pack(&oof, (struct cond_time){-1, 1, 0}, &key), ERR_NUMBER);
    assert_int_equal(at(7, 3, 12), 70003012);
    OK(cond_pack_end(&toy, (struct cond_time){7, 3, 0}, &key));
    assert_int_equal(key, 70003999);
    t = cond_unpack(&toy, 70003012);
    assert_true(t.run == 7 && t.subrun == 3 && t.event == 12);
    cond_time_print(&toy, 70003012, text);
    assert_string_equal(text, "7:3:12");
    OK(cond_time_parse("7:3:12", &t));
    assert_true(t.run == 7 && t.subrun == 3 && t.event == 12);
    static const char *const bad[] = {"", "x", "1:", "1:2:3:4", "-1", "1 2", "99999999999999999999", "1:2:"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(cond_time_parse(bad[i], &t), ERR_OPTION);
}

static void look_up(void **state)
{
    (void)state;
    static const struct cond_time begin[] = {{10, 0, 0}, {10, 5, 0}, {12, 0, 50}};
    OK(cond_tag(cond, "one", NULL, &note));
    OK(load("one", begin, 3, 1));
    assert_true(isnan(gain("one", at(9, 9999, 999))));
    assert_true(gain("one", at(10, 0, 0)) == 1.2);
    assert_true(gain("one", at(10, 4, 999)) == 1.2);
    assert_true(gain("one", at(10, 5, 0)) == 2.2);
    assert_true(gain("one", at(12, 0, 49)) == 2.2);
    assert_true(gain("one", at(12, 0, 50)) == 3.2);
    assert_true(gain("one", at(999999, 0, 0)) == 3.2);

    /* a whole job in one pass */
    struct cond_set set;
    const struct cond_interval *v;
    int64_t hole;
    OK(cond_read(cond, "toy", "one", at(10, 3, 0), at(12, 0, 10), true, &set));
    assert_int_equal(set.n_intervals, 2);
    assert_int_equal(set.n_rows, 6);
    OK(cond_find(&set, at(10, 3, 0), &v));
    assert_true(v->begin == at(10, 0, 0) && v->end == at(10, 5, 0) && set.value[1][v->first] == 1.0);
    OK(cond_find(&set, at(11, 3, 0), &v));
    assert_true(set.value[1][v->first + 1] == 2.1 && set.value[0][v->first + 1] == 1.0);
    assert_int_equal(cond_find(&set, at(9, 0, 0), &v), ERR_NOTFOUND);
    assert_false(cond_has_hole(&set, at(10, 3, 0), at(12, 0, 10), &hole));
    assert_true(cond_has_hole(&set, at(9, 0, 0), at(12, 0, 10), &hole));
    cond_set_free(&set);
    OK(cond_read(cond, "toy", "one", 0, at(9, 0, 0), true, &set));
    assert_int_equal(set.n_intervals, 0);
    cond_set_free(&set);
    assert_int_equal(cond_read(cond, "toi", "one", 0, 1, true, &set), ERR_NOTFOUND);
    assert_non_null(strstr(err_message(), "did you mean \"toy\""));
    assert_int_equal(cond_read(cond, "toy", "none", 0, 1, true, &set), ERR_NOTFOUND);
}

static void supersede(void **state)
{
    (void)state;
    static const struct cond_time begin[] = {{10, 0, 0}, {20, 0, 0}}, same[] = {{10, 0, 0}}, between[] = {{15, 0, 0}};
    OK(cond_tag(cond, "two", NULL, &note));
    OK(load("two", begin, 2, 1));
    OK(cond_tag(cond, "old", "two", &note));
    OK(load("two", same, 1, 5));
    OK(load("two", between, 1, 7));
    assert_true(gain("two", at(12, 0, 0)) == 5.2);
    assert_true(gain("two", at(16, 0, 0)) == 7.2);
    assert_true(gain("two", at(21, 0, 0)) == 2.2);
    assert_true(gain("old", at(16, 0, 0)) == 1.2);

    /* an end leaves nothing behind it until the next begin */
    struct toy_set t;
    struct cond_loaded done, again;
    make(&t, (const struct cond_time[]){{30, 0, 0}}, 1, 9);
    t.interval[0].end = at(31, 0, 0);
    OK(cond_load(cond, &t.set, "two", &note, false, &done));
    assert_true(gain("two", at(30, 9999, 999)) == 9.2);
    assert_true(isnan(gain("two", at(31, 0, 0))));
    OK(cond_load(cond, &t.set, "two", &note, false, &again));
    assert_true(again.is_repeat && again.load_id == done.load_id);
}

static void expect_refused(struct toy_set *t, const char *tag, enum err want, const char *words)
{
    struct cond_loaded done;
    enum err rc = cond_load(cond, &t->set, tag, &note, false, &done);
    if (rc != want || !strstr(err_message(), words))
        fail_msg("%d, wanted %d, \"%s\": %s", rc, want, words, err_message());
    err_clear();
}

static void refused(void **state)
{
    (void)state;
    static const struct cond_time begin[] = {{10, 0, 0}, {20, 0, 0}};
    struct toy_set t;
    OK(cond_tag(cond, "three", NULL, &note));
    make(&t, begin, 2, 1);
    t.gain[4] = (double)NAN;
    expect_refused(&t, "three", ERR_DATA, "gain is no finite number");
    t.gain[4] = 2e6;
    expect_refused(&t, "three", ERR_DATA, "begins at 20:0:0: gain = 2000000 is out of range");
    t.gain[4]    = 1;
    t.channel[4] = 0.5;
    expect_refused(&t, "three", ERR_DATA, "no whole number");
    t.channel[4] = 3;
    expect_refused(&t, "three", ERR_DATA, "out of range");
    t.channel[4] = 0;
    expect_refused(&t, "three", ERR_DATA, "channel 0 is there twice");
    make(&t, begin, 2, 1);
    t.interval[1].n_rows = 2;
    expect_refused(&t, "three", ERR_DATA, "channel 2 is missing");
    make(&t, begin, 2, 1);
    t.interval[0].end = at(20, 0, 1);
    expect_refused(&t, "three", ERR_DATA, "overlaps");
    t.interval[0].end = t.interval[0].begin;
    expect_refused(&t, "three", ERR_DATA, "ends before it begins");
    make(&t, begin, 2, 1);
    t.interval[1].begin = t.interval[0].begin;
    expect_refused(&t, "three", ERR_DATA, "none twice");
    t.set.n_intervals = 0;
    expect_refused(&t, "three", ERR_DATA, "nothing to load");
    make(&t, begin, 2, 1);
    expect_refused(&t, "four", ERR_NOTFOUND, "no tag");
    OK(cond_freeze(cond, "three", &note));
    expect_refused(&t, "three", ERR_MISMATCH, "frozen");
    assert_int_equal(cond_tag(cond, "x", NULL, &(struct cond_note){"me", ""}), ERR_OPTION);
    assert_true(isnan(gain("three", at(15, 0, 0))));
}

static enum err count(void *context, const struct cond_difference *d)
{
    (*(size_t *)context)++;
    assert_true(d->begin < d->end);
    return ERR_OK;
}

static void differences(void **state)
{
    (void)state;
    static const struct cond_time begin[] = {{10, 0, 0}, {20, 0, 0}, {30, 0, 0}}, other[] = {{5, 0, 0}, {20, 0, 0}};
    struct cond_set a, b;
    size_t n = 0;
    OK(cond_tag(cond, "five", NULL, &note));
    OK(cond_tag(cond, "six", NULL, &note));
    OK(load("five", begin, 3, 1));
    OK(load("six", other, 2, 1));
    OK(cond_read(cond, "toy", "five", 0, COND_FOREVER - 1, true, &a));
    OK(cond_read(cond, "toy", "six", 0, COND_FOREVER - 1, true, &b));
    OK(cond_diff(&a, &b, count, &n));
    assert_int_equal(n, 2); /* 5 to 10 in one alone, from 30 on other values; 10 to 30 equal values of other ids */
    n = 0;
    OK(cond_diff(&a, &a, count, &n));
    assert_int_equal(n, 0);
    cond_set_free(&a);
    cond_set_free(&b);
}

/* ---- several processes --------------------------------------------------------------------------------------------- */
static void writers(void **state)
{
    (void)state;
    enum { WRITERS = 16, EACH = 3 };
    OK(cond_tag(cond, "many", NULL, &note));
    cond_close(cond);
    cond = NULL;
    for (int w = 0; w < WRITERS; w++) {
        if (fork() != 0) continue;
        enum err rc = cond_open(url, DB_WRITE, &cond);
        for (int i = 0; i < EACH && !rc; i++)
            rc = load("many", (const struct cond_time[]){{w + 1, i, 0}, {w + 1, i, 500}}, 2, 10.0 * w + i);
        if (rc) fprintf(stderr, "writer %d: %s\n", w, err_message());
        _exit(rc ? 1 : 0);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    OK(cond_open(url, DB_WRITE, &cond));
    struct cond_set set;
    OK(cond_read(cond, "toy", "many", 0, COND_FOREVER - 1, true, &set));
    assert_int_equal(set.n_intervals, WRITERS * EACH * 2);
    for (size_t i = 0; i < set.n_intervals; i += 2) {
        struct cond_time t = cond_unpack(&toy, set.interval[i].begin);
        assert_true(set.value[1][set.interval[i].first] == 10.0 * (double)(t.run - 1) + (double)t.subrun);
        assert_int_equal(set.interval[i + 1].id, set.interval[i].id + 1); /* one load's ids follow one another */
        assert_int_equal(set.interval[i + 1].load_id, set.interval[i].load_id);
    }
    cond_set_free(&set);
}

static enum err find_freeze(void *context, const struct cond_event *e)
{
    int64_t *id = context;
    if (strcmp(e->action, "freeze") == 0 && strcmp(e->tag, "race") == 0) *id = e->id;
    return ERR_OK;
}

/* Loads go on while the tag is frozen: none gets in afterwards. */
static void frozen_meanwhile(void **state)
{
    (void)state;
    OK(cond_tag(cond, "race", NULL, &note));
    cond_close(cond);
    cond = NULL;
    for (int w = 0; w < 3; w++) {
        if (fork() != 0) continue;
        enum err rc = cond_open(url, DB_WRITE, &cond);
        for (int i = 0; i < 5000 && !rc; i++) {
            rc = load("race", (const struct cond_time[]){{w + 1, i, 0}}, 1, i);
            usleep(2000); /* SQLite's lock has no queue: the freeze must get a turn */
        }
        bool is_refused = rc == ERR_MISMATCH && strstr(err_message(), "frozen");
        if (!is_refused) fprintf(stderr, "loader %d ends with %d: %s\n", w, rc, err_message());
        _exit(is_refused ? 0 : 1);
    }
    OK(cond_open(url, DB_WRITE, &cond));
    usleep(200000);
    OK(cond_freeze(cond, "race", &note));
    struct cond_set set;
    int64_t frozen = 0;
    OK(cond_read(cond, "toy", "race", 0, COND_FOREVER - 1, false, &set));
    size_t n = set.n_intervals;
    cond_set_free(&set);
    for (int w = 0; w < 3; w++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    OK(cond_read(cond, "toy", "race", 0, COND_FOREVER - 1, false, &set));
    OK(cond_log(cond, NULL, find_freeze, &frozen));
    assert_int_equal(set.n_intervals, n);
    for (size_t i = 0; i < n; i++) assert_true(set.interval[i].load_id < frozen);
    cond_set_free(&set);
}

static int begin_all(void **state)
{
    (void)state;
    OK(cond_init(url, &note, &cond));
    OK(cond_add_table(cond, &toy, &note));
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    cond_close(cond);
    char path[300];
    snprintf(path, sizeof path, "%s/x.db", folder);
    unlink(path);
    rmdir(folder);
    if (mem_live() == 0) return 0;
    print_error("%lld allocations are left\n", (long long)mem_live());
    return 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times),           cmocka_unit_test(look_up),
                                       cmocka_unit_test(supersede),       cmocka_unit_test(refused),
                                       cmocka_unit_test(differences),     cmocka_unit_test(writers),
                                       cmocka_unit_test(frozen_meanwhile)};
    const char *server              = getenv("GM2_TEST_PGSQL");
    if (!mkdtemp(folder)) return 1;
    if (server) {
        snprintf(url, sizeof url, "%s", server);
    } else {
        snprintf(url, sizeof url, "sqlite:%s/x.db", folder);
    }
    return cmocka_run_group_tests_name(server ? "PostgreSQL" : "SQLite", tests, begin_all, end_all);
}
