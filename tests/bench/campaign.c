/* A campaign's questions at scale: a catalogue of N files, a stage of U units of which 0, half and all are done.
 *   bench_campaign [N_FILES] [N_UNITS]     default 100000 10000; GM2_BENCH_DB=URL for a server */
#include "files.h"

#include "campaign.h"
#include "ledger.h"
#include "mem.h"
#include "publish.h"
#include "step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct catalogue *c;
static struct campaign *campaign;
static int64_t campaign_id;

static double start_s, start_cpu_s;
static void start(void)
{
    start_s     = bench_now_s();
    start_cpu_s = bench_cpu_s();
}
static void tell(const char *name, const char *what)
{
    printf("campaign.%s.%s %.3f s, %.3f s of this process\n", name, what, bench_now_s() - start_s,
           bench_cpu_s() - start_cpu_s);
}

/* A child is what the stage makes: of its version. */
static void set_file(struct catalogue_file *f, int place, long i, const char *tier, bool is_child)
{
    bench_file(f, place, i, is_child);
    f->data_tier  = tier;
    f->version    = campaign->program.release;
    f->git_commit = campaign->program.git_commit;
    if (is_child) f->fcl_hash = campaign->stage[0].version.config_id;
}

static enum err fill(long first, long end, const char *tier, bool is_child)
{
    static struct catalogue_file file[BENCH_BATCH];
    static struct catalogue_result result[BENCH_BATCH];
    for (long i = first; i < end; i += BENCH_BATCH) {
        int k = 0;
        for (; k < BENCH_BATCH && i + k < end; k++) set_file(&file[k], k, i + k, tier, is_child);
        TRY(catalogue_declare(c, file, (size_t)k, "bench", result));
    }
    return ERR_OK;
}

static enum err look(const char *name)
{
    struct step_stage out, report[1];
    start();
    TRY(step_look(c, campaign, campaign_id, 0, &out));
    tell(name, "plan");
    start();
    TRY(step_campaign(c, campaign, campaign_id, true, "bench", report));
    tell(name, "step");
    start();
    TRY(step_campaign(c, campaign, campaign_id, true, "bench", report));
    tell(name, "step_again");
    printf("campaign.%s.files %zu, %zu done, %zu held\n", name, report[0].n_files, report[0].n_done, report[0].n_held);
    return ERR_OK;
}

struct files {
    const int64_t *id;
    size_t n;
};

static enum err judge(void *context, struct ledger_verdict *v)
{
    const struct files *f = context;
    *v                    = (struct ledger_verdict){.to = LEDGER_FAILED, .n_not_done = f->n};
    TRY(mem_alloc(&v->not_done, f->n, sizeof *v->not_done));
    memcpy(v->not_done, f->id, f->n * sizeof *f->id);
    return ERR_OK;
}

static enum err hold(int64_t n, int64_t n_raw)
{
    int64_t *ids, stage;
    char key[VERSION_KEY_TEXT];
    struct ledger_submission s;
    version_key_text(&campaign->stage[0].version, key);
    TRY(ledger_stage(c, campaign_id, campaign->stage[0].name, key, &stage));
    TRY(mem_alloc(&ids, (size_t)n, sizeof *ids));
    for (int64_t i = 0; i < n; i++) ids[i] = n_raw - n + i + 1;
    struct files files = {ids, (size_t)n};
    start();
    enum err rc = ledger_reserve(c, stage, "all", ids, (size_t)n, NULL, &s);
    tell("all", "reserve");
    start();
    if (!rc) rc = ledger_end(c, &s, 3, judge, &files);
    tell("all", "end");
    mem_free(ids);
    return rc;
}

static enum err bench(const char *folder, long n_files, long n_units)
{
    char path[200], text[1000];
    snprintf(path, sizeof path, "%s/c.fcl", folder);
    int n = snprintf(text, sizeof text,
                     "campaign: { name: bench output: \"%s/out\" }\n"
                     "stages: { full: { config: \"reco.fcl\" dataset: \"data_tier raw\" split: \"nfiles(100)\" } }\n",
                     folder);
    TRY(publish_text(path, text, (size_t)n, 1));
    TRY(campaign_read(path, false, &campaign));
    TRY(ledger_init(c));
    TRY(ledger_campaign(c, "bench", path, campaign->text, "bench", &campaign_id));
    TRY(fill(0, n_files - 2 * n_units, "other", false));
    TRY(fill(n_files - 2 * n_units, n_files - n_units, "raw", false));
    TRY(look("none"));
    TRY(hold(n_units, n_files - n_units));
    TRY(fill(n_files - 2 * n_units, n_files - n_units - n_units / 2, "reco", true));
    TRY(look("half"));
    TRY(fill(n_files - n_units - n_units / 2, n_files - n_units, "reco", true));
    return look("all");
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/bench_campaign.XXXXXX", path[64];
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/c.db", folder);
    const char *url = getenv("GM2_BENCH_DB") ? getenv("GM2_BENCH_DB") : path;
    long n_files    = argc > 1 ? strtol(argv[1], NULL, 10) : 100000,
         n_units    = argc > 2 ? strtol(argv[2], NULL, 10) : n_files / 10;
    enum err rc     = catalogue_init(url, &c);
    if (!rc) rc = bench(folder, n_files, n_units);
    if (rc) fprintf(stderr, "%s\n", err_message());
    campaign_free(campaign);
    catalogue_close(c);
    printf("campaign.memory %.1f MB\n", (double)mem_peak_kB() / 1024.0);
    unlink(path);
    snprintf(path, sizeof path, "%s/c.fcl", folder);
    unlink(path);
    rmdir(folder);
    return err_exit_code(rc);
}
