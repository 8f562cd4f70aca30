/* Modules MidasOutput and RawInput: a subrun written, published and read back; what files may do wrong. */
#include "log.h"
#include "mem.h"
#include "midas_file.h"
#include "module.h"
#include "odb.h"
#include "tables.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { RUN = 7, SUBRUN = 3, N_FILLS = 5 };

static char folder[64];
static struct block *raw, *odb;
static struct midas_build build;

static const char *path_of(const char *name)
{
    static char paths[2][128];
    static int which;
    which = !which; /* the last two stay valid */
    snprintf(paths[which], sizeof paths[which], "%s/%s", folder, name);
    return paths[which];
}

static const char *subrun_name(const char *suffix)
{
    static char name[64];
    snprintf(name, sizeof name, "gm2_run%05d_%05d.mid%s", RUN, SUBRUN, suffix);
    return path_of(name);
}

/* ---- a step as the chain would make it ---- */

struct job {
    struct step step;
    struct unit unit;
    struct hist_set hists;
};

static void set_text(struct block *block, const char *text)
{
    assert_int_equal(block_resize(block, strlen(text)), ERR_OK);
    memcpy(block->data[0], text, strlen(text));
}

static void begin_job(struct job *job, const char *module, const char *parameters)
{
    struct fhicl *table;
    void *cfg;
    *job             = (struct job){0};
    job->step.module = module_find(module)->module;
    job->step.unit   = &job->unit;
    job->step.hists  = &job->hists;
    job->unit        = (struct unit){.run = RUN, .subrun = SUBRUN, .n_fills = -1, .out_dir = folder};
    assert_int_equal(mem_alloc(&cfg, 1, job->step.module->cfg_size), ERR_OK);
    assert_int_equal(fhicl_parse(parameters, strlen(parameters), "test", &table), ERR_OK);
    assert_int_equal(cfg_read(job->step.module->fields, table, "test", NULL, cfg), ERR_OK);
    fhicl_free(table);
    job->step.cfg = cfg;
    for (int i = 0; i < 2; i++) {
        job->step.in[i]  = i ? odb : raw;
        job->step.out[i] = i ? odb : raw;
    }
    assert_int_equal(job->step.module->begin(&job->step), ERR_OK);
}

static void end_job(struct job *job)
{
    void *cfg = (void *)job->step.cfg;
    job->step.module->end(&job->step);
    cfg_free(job->step.module->fields, cfg);
    mem_free(cfg);
    hist_set_free(&job->hists);
}

/* ---- writing ---- */

static void make_fill(uint32_t k)
{
    static uint8_t data[100000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * (k + 1) >> 3);
    assert_int_equal(midas_build_begin(&build, MIDAS_ID_FILL, 0xFFFF, k, 1000 + k), ERR_OK);
    assert_int_equal(midas_build_add(&build, "CT01", MIDAS_I16, data, 1000 + k * 20000), ERR_OK);
    assert_int_equal(midas_build_end(&build), ERR_OK);
}

static enum err write_fills(struct job *job, uint32_t n)
{
    struct step *s = &job->step;
    TRY(s->module->begin_unit(s));
    for (uint32_t k = 0; k < n; k++) {
        make_fill(k);
        TRY(block_resize(raw, build.n));
        memcpy(raw->data[0], build.bytes, build.n);
        s->fill = (struct fill){.run = RUN, .subrun = SUBRUN, .event = k + 1, .unix_time_s = 1000 + k};
        TRY(s->module->event(s));
    }
    return s->module->end_unit(s);
}

static void write_subrun(const char *compression, uint32_t n)
{
    struct job job;
    char parameters[64];
    snprintf(parameters, sizeof parameters, "compression: %s", compression);
    begin_job(&job, "MidasOutput", parameters);
    set_text(odb, "[/Experiment]\nRun number = INT : 7\n");
    assert_int_equal(write_fills(&job, n), ERR_OK);
    assert_int_equal(job.step.module->publish(&job.step), ERR_OK);
    end_job(&job);
}

static void spill(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(close(fd), 0);
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

/* ---- reading ---- */

/* Reads a file; the fills given. Each must be as written, from number `first`. */
static enum err read_fills(struct job *job, const char *path, uint32_t first, uint32_t *n)
{
    struct step *s   = &job->step;
    job->unit.source = path;
    *n               = 0;
    hist_set_clear(&job->hists);
    TRY(block_resize(odb, 0));
    TRY(s->module->begin_unit(s));
    for (;; ++*n) {
        TRY(s->module->event(s));
        if (!s->pass) break;
        make_fill(first + *n);
        assert_int_equal(raw->n, build.n);
        assert_memory_equal(raw->data[0], build.bytes, build.n);
        assert_int_equal(s->fill.run, RUN);
        assert_int_equal(s->fill.subrun, SUBRUN);
        assert_int_equal(s->fill.event, first + *n + 1);
        assert_int_equal(s->fill.unix_time_s, 1000 + first + *n);
    }
    return s->module->end_unit(s);
}

static int64_t count_of(const struct job *job, int bin) { return hist_find(&job->hists, "raw/input")->content[bin]; }

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const compressions[] = {"none", "gz", "lz4"}, *const suffixes[] = {"", ".gz", ".lz4"};
    for (int i = 0; i < 3; i++) {
        struct job job;
        uint32_t n;
        write_subrun(compressions[i], N_FILLS);
        assert_true(exists(subrun_name(suffixes[i])));
        begin_job(&job, "RawInput", "");
        assert_int_equal(read_fills(&job, subrun_name(suffixes[i]), 0, &n), ERR_OK);
        assert_int_equal(n, N_FILLS);
        assert_int_equal(count_of(&job, 0), N_FILLS);
        assert_memory_equal(odb->data[0], "[/Experiment]", 13);
        job.unit.n_skip = 2;
        assert_int_equal(read_fills(&job, subrun_name(suffixes[i]), 2, &n), ERR_OK);
        assert_int_equal(n, N_FILLS - 2);
        job.unit.n_fills = 1;
        assert_int_equal(read_fills(&job, subrun_name(suffixes[i]), 2, &n), ERR_OK);
        assert_int_equal(n, 1);
        job.unit.n_skip = 99;
        assert_int_equal(read_fills(&job, subrun_name(suffixes[i]), 99, &n), ERR_OK);
        assert_int_equal(n, 0);
        end_job(&job);
    }
}

/* Bytes repeat, an equal file is no conflict, another one is; what is given up leaves nothing. */
static void test_publishing(void **state)
{
    (void)state;
    struct job job;
    unlink(subrun_name(""));
    spill(subrun_name(".part"), "of an earlier life", 18);
    write_subrun("none", 2);
    write_subrun("none", 2);
    begin_job(&job, "MidasOutput", "");
    assert_int_equal(write_fills(&job, 3), ERR_OK);
    assert_int_equal(job.step.module->publish(&job.step), ERR_MISMATCH);
    job.step.module->abandon(&job.step);
    assert_false(exists(subrun_name(".part")));
    unlink(subrun_name(""));
    assert_int_equal(write_fills(&job, 3), ERR_OK);
    assert_true(exists(subrun_name(".part")));
    assert_false(exists(subrun_name("")));
    job.step.module->abandon(&job.step);
    assert_false(exists(subrun_name(".part")));
    job.unit.out_dir = "/nonexistent";
    assert_int_equal(write_fills(&job, 1), ERR_WRITE);
    job.step.module->abandon(&job.step);
    end_job(&job);

    begin_job(&job, "MidasOutput", "max_subruns: 3");
    job.unit.index = 3; /* the fourth */
    assert_int_equal(write_fills(&job, 1), ERR_OK);
    assert_int_equal(job.step.module->publish(&job.step), ERR_OK);
    assert_false(exists(subrun_name("")));
    end_job(&job);
}

/* ---- files that are not as they should be ---- */

static void test_truncated(void **state)
{
    (void)state;
    struct job job, strict;
    struct stat info;
    uint32_t n;
    unlink(subrun_name(""));
    write_subrun("none", N_FILLS);
    assert_int_equal(stat(subrun_name(""), &info), 0);
    begin_job(&job, "RawInput", "");
    begin_job(&strict, "RawInput", "truncated: error");
    /* inside the end-of-run event, then without it, then inside the last fill */
    static const int cuts[] = {5, 52, 100};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(truncate(subrun_name(""), info.st_size - cuts[i]), 0);
        assert_int_equal(read_fills(&job, subrun_name(""), 0, &n), ERR_OK);
        assert_int_equal(n, i < 2 ? N_FILLS : N_FILLS - 1);
        assert_int_equal(count_of(&job, 3), i != 1);
        assert_int_equal(count_of(&job, 4), i == 1);
        assert_int_equal(read_fills(&strict, subrun_name(""), 0, &n), ERR_DATA);
        strict.step.module->abandon(&strict.step);
    }
    end_job(&job);
    end_job(&strict);
}

static void test_bad_files(void **state)
{
    (void)state;
    struct job job;
    uint32_t n;
    begin_job(&job, "RawInput", "");
    assert_int_equal(read_fills(&job, NULL, 0, &n), ERR_CONFIG);
    assert_int_equal(read_fills(&job, path_of("absent.mid"), 0, &n), ERR_OPEN);
    spill(path_of("empty.mid"), "", 0);
    assert_int_equal(read_fills(&job, path_of("empty.mid"), 0, &n), ERR_DATA);
    spill(path_of("text.mid"), "this is no raw data file at all", 31);
    assert_int_equal(read_fills(&job, path_of("text.mid"), 0, &n), ERR_DATA);
    assert_non_null(strstr(err_message(), "text.mid"));

    /* another run than its name says */
    unlink(subrun_name(""));
    write_subrun("none", 1);
    assert_int_equal(rename(subrun_name(""), path_of("gm2_run00008_00003.mid")), 0);
    assert_int_equal(read_fills(&job, path_of("gm2_run00008_00003.mid"), 0, &n), ERR_DATA);
    assert_non_null(strstr(err_message(), "run 8"));

    /* other events between, and no begin of run */
    make_fill(0);
    build.bytes[0] = 2;
    spill(path_of("others.mid"), build.bytes, build.n);
    assert_int_equal(read_fills(&job, path_of("others.mid"), 0, &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(count_of(&job, 1), 1);
    end_job(&job);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/gm2-t-raw.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    log_init(LOG_ERROR, 0, 1);
    return block_create(&table_raw, &raw) || block_create(&table_odb, &odb) || !mkdtemp(folder);
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    block_free(raw);
    block_free(odb);
    midas_build_free(&build);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_publishing),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_bad_files),
    };
    int rc = cmocka_run_group_tests(tests, set_up, tear_down);
    return rc || mem_live() != 0;
}
