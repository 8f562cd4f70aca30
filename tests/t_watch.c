/* A watched folder: what is closed and what still grows, the order, files set aside, odd names. */
#include "watch.h"

#include "log.h"
#include "mem.h"
#include "midas_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static const struct watch_cfg rule = {.scan_s = 1.0, .quiet_s = 60.0, .settle_s = 5.0};

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/t_watch_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void path_of(const char *name, char out[256]) { snprintf(out, 256, "%s/%s", folder, name); }

/* A file of begin-of-run and n fills of 1000 bytes, whole or cut by some bytes. */
static void put(const char *name, int n_fills, bool has_eor, uint32_t run)
{
    char path[256];
    struct midas_writer *w;
    path_of(name, path);
    unlink(path);
    const char *dot = strrchr(name, '.');
    assert_int_equal(midas_file_create(path, strcmp(dot, ".gz") == 0 ? MIDAS_GZ : MIDAS_PLAIN, &w), ERR_OK);
    assert_int_equal(midas_file_write_run(w, MIDAS_BOR, run, 1, "<odb/>", 6), ERR_OK);
    for (int i = 0; i < n_fills; i++) {
        uint8_t event[1016] = {MIDAS_ID_FILL, 0, 1, 0, (uint8_t)i, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3};
        assert_int_equal(midas_file_write(w, event, sizeof event), ERR_OK);
    }
    if (has_eor) assert_int_equal(midas_file_write_run(w, MIDAS_EOR, run, 2, "<odb/>", 6), ERR_OK);
    assert_int_equal(midas_file_finish(w), ERR_OK);
}

static double now_s(void)
{
    char path[256];
    struct watch_mark mark;
    path_of("clock", path);
    FILE *f = fopen(path, "w");
    fputc('x', f);
    fclose(f);
    assert_int_equal(watch_mark(path, &mark), ERR_OK);
    return 1e-9 * (double)mark.changed_ns;
}

static struct watch *open_watch(void)
{
    struct watch *w;
    assert_int_equal(watch_open(folder, &rule, &w), ERR_OK);
    return w;
}

static void assert_next(struct watch *w, uint32_t run, uint32_t subrun)
{
    struct watch_file f;
    assert_true(watch_take(w, &f));
    assert_int_equal(f.run, run);
    assert_int_equal(f.subrun, subrun);
}

static void assert_none(struct watch *w)
{
    struct watch_file f;
    assert_false(watch_take(w, &f));
}

static void test_end_of_run(void **state)
{
    (void)state;
    struct watch *w = open_watch();
    double t        = now_s();
    put("gm2_run00002_00000.mid", 3, true, 2);
    put("gm2_run00001_00007.mid", 3, true, 1);
    put("gm2_run00001_00003.mid", 3, false, 1); /* still grows */
    put("gm2_run00001_00003.mid.part", 3, true, 1);
    assert_int_equal(watch_look(w, t), ERR_OK);
    assert_next(w, 1, 7); /* in order, without waiting */
    assert_next(w, 2, 0);
    assert_none(w);
    assert_int_equal(watch_count(w, WATCH_GROWING), 1);
    assert_int_equal(watch_find(w, 1, 3)->n_events, 3);
    put("gm2_run00001_00003.mid", 4, true, 1);
    assert_int_equal(watch_look(w, t + 1.0), ERR_OK);
    assert_next(w, 1, 3);
    assert_int_equal(watch_look(w, t + 1000.0), ERR_OK);
    assert_none(w); /* nothing twice */
    watch_free(w);
}

static void test_quiet(void **state)
{
    (void)state;
    struct watch *w = open_watch();
    double t        = now_s();
    put("gm2_run00001_00000.mid", 3, false, 1);
    put("gm2_run00001_00001.mid.gz", 3, true, 1); /* the last one: quiet as any other */
    for (int s = 0; s < 59; s += 10) {
        assert_int_equal(watch_look(w, t + s), ERR_OK);
        assert_none(w);
    }
    put("gm2_run00001_00000.mid", 4, false, 1); /* it grows: the clock starts anew */
    assert_int_equal(watch_look(w, t + 70.0), ERR_OK);
    assert_next(w, 1, 1);
    assert_none(w);
    assert_int_equal(watch_look(w, t + 1000.0), ERR_OK);
    assert_next(w, 1, 0);
    put("gm2_run00001_00002.mid.gz", 3, true, 1);
    put("gm2_run00001_00003.mid", 3, false, 1);
    t = now_s();
    assert_int_equal(watch_look(w, t), ERR_OK);
    assert_int_equal(watch_look(w, t + 4.0), ERR_OK);
    assert_none(w);
    assert_int_equal(watch_look(w, t + 6.0), ERR_OK);
    assert_next(w, 1, 2); /* compressed, and a later subrun is there */
    assert_none(w);
    watch_free(w);
}

static void test_rejected(void **state)
{
    (void)state;
    struct watch *w = open_watch();
    double t        = now_s();
    put("gm2_run00001_00000.mid", 3, true, 1);
    assert_int_equal(watch_look(w, t), ERR_OK);
    assert_next(w, 1, 0);
    watch_reject(w, 1, 0);
    assert_int_equal(watch_look(w, t + 100.0), ERR_OK);
    assert_none(w);
    assert_int_equal(watch_count(w, WATCH_BAD), 1);
    put("gm2_run00001_00000.mid", 5, true, 1);
    assert_int_equal(watch_look(w, t + 200.0), ERR_OK);
    assert_next(w, 1, 0);
    assert_int_equal(watch_count(w, WATCH_BAD), 0);
    watch_free(w);
}

static void test_damage(void **state)
{
    (void)state;
    struct watch *w = open_watch();
    char path[256];
    double t = now_s();
    path_of("gm2_run00001_00000.mid", path);
    FILE *f = fopen(path, "w"); /* no MIDAS */
    for (int i = 0; i < 1000; i++) fputc(i * 37, f);
    fclose(f);
    path_of("gm2_run00001_00001.mid", path);
    fclose(fopen(path, "w")); /* empty: just begun */
    put("gm2_run00001_00002.mid", 2, true, 1);
    path_of("gm2_run00001_00002.mid", path);
    assert_int_equal(truncate(path, 700), 0); /* inside an event */
    assert_int_equal(watch_look(w, t), ERR_OK);
    assert_none(w);
    assert_int_equal(watch_look(w, t + 100.0), ERR_OK);
    assert_next(w, 1, 0);
    assert_next(w, 1, 2);
    assert_none(w);
    watch_free(w);
    assert_int_equal(watch_open("/nowhere/at/all", &rule, &w), ERR_OPTION);
}

int main(void)
{
    log_init(LOG_ERROR, 0, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_end_of_run, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_quiet, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_rejected, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_damage, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) || mem_live() != 0;
}
