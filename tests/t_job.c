/* Jobs: units and names are a pure function of command line and document. */
#include "job.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *write_document(void)
{
    static const char path[] = "t_job.fcl";
    FILE *f                  = fopen(path, "w");
    assert_non_null(f);
    fputs("source: { module_type: EmptyFill run: 12 fills_per_subrun: 4 }\n"
          "services.scheduler.units_per_shard: 3\n"
          "physics: { e: [out] end_paths: [e] }\n"
          "outputs: { out: { module_type: Hdf5Output } }\n",
          f);
    fclose(f);
    return path;
}

static void units_shards_and_names(void **state)
{
    (void)state;
    struct job job;
    const char *path           = write_document();
    struct job_options options = {
        .config = path, .n_fills = 26, .output = "some/where/x.h5", .checkpoint_exit_code = 75};
    assert_int_equal(job_open(&options, &job), ERR_OK);
    assert_int_equal(job.n_units, 7);
    assert_int_equal(job.units[6].n_fills, 2);
    assert_int_equal(job.units[5].subrun, 5);
    assert_int_equal(job_n_shards(&job), 3);
    size_t first, end;
    job_shard_units(&job, 2, &first, &end);
    assert_int_equal(first, 6);
    assert_int_equal(end, 7);
    char name[1536];
    job_unit_path(&job, 5, name);
    assert_string_equal(name, "some/where/x_r000012_s00005.h5");
    job_shard_path(&job, 2, name);
    assert_string_equal(name, "some/where/x_shard00002.h5");
    job_close(&job);

    options.n_skip = 8;
    assert_int_equal(job_open(&options, &job), ERR_OK);
    assert_int_equal(job.units[0].subrun, 2);
    job_close(&job);
    options.n_skip = 9;
    assert_int_equal(job_open(&options, &job), ERR_OPTION);
    options.n_skip = 0;
    options.output = "x.root";
    assert_int_equal(job_open(&options, &job), ERR_OPTION);
    remove(path);
}

static void raw_files_need_run_and_subrun_once(void **state)
{
    (void)state;
    struct job job;
    const char *path           = write_document();
    const char *files[]        = {"a/gm2_run00007_00002.mid", "b/gm2_run00007_00002.mid.gz"};
    struct job_options options = {
        .config = path, .n_fills = -1, .sources = files, .n_sources = 1, .checkpoint_exit_code = 75};
    assert_int_equal(job_open(&options, &job), ERR_OPTION); /* the document simulates */
    assert_non_null(strstr(err_message(), "simulates"));
    remove(path);
    err_clear();
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_shards_and_names),
        cmocka_unit_test(raw_files_need_run_and_subrun_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
