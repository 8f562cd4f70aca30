/* gm2 -c: the command line of a job, in art's letters. */
#include "comm.h"
#include "isa.h"
#include "log.h"
#include "mem.h"
#include "merge.h"
#include "run.h"
#include "summary.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_run(int argc, char **argv);

static const char usage[] =
    "gm2 -c FILE.fcl[;FILE.fcl...] [options]\n"
    "  -c, --config FILE       configuration, found as given or along FHICL_FILE_PATH; ';' chains several\n"
    "  -s, --source FILE       raw file to reconstruct (may be repeated)\n"
    "  -S, --source-list FILE  a file with one raw file a line\n"
    "  -n, --nevts N           fills to do\n"
    "      --nskip N           fills to pass over\n"
    "  -o, --output DIR/STEM.h5  products: DIR/STEM_r..._s....h5 (units), DIR/STEM_shard....h5, NAME.json\n"
    "      --watch DIR         take every raw file of a folder as it is closed, until told to stop (nearline.fcl)\n"
    "      --fraction F        with --watch: follow the file that still grows, use this share of its fills; a page, "
    "no\n"
    "                          products (online.fcl)\n"
    "      --once              with --watch: what is there now, then end\n"
    "      --process-name NAME\n"
    "      --set KEY=VALUE     override one value of the configuration (may be repeated)\n"
    "      --metadata KEY=VALUE  a further field of the products' metadata (may be repeated): gm2.fcl_commit, "
    "gm2.campaign,\n"
    "                          gm2.stage, gm2.submission, or CATEGORY.NAME; no part of the configuration\n"
    "      --raw-tag WORD      simulated raw files are named gm2_runRRRRR_SSSSS_WORD.mid\n"
    "      --config-out FILE   write the configuration as used\n"
    "      --validate-config   check everything, do nothing\n"
    "      --timing            print the TimeReport\n"
    "      --memcheck          print the MemReport\n"
    "      --isa NAME          kernels for baseline, avx2, avx512 or best\n"
    "      --checkpoint-exit-code N  instead of 75, when stopped early\n"
    "exit status: 0 all done; 75 stopped early, submit again, nothing is lost; others are failures, as art's\n";

enum {
    OPT_NSKIP = 256,
    OPT_PROCESS,
    OPT_SET,
    OPT_METADATA,
    OPT_RAW_TAG,
    OPT_CONFIG_OUT,
    OPT_VALIDATE,
    OPT_TIMING,
    OPT_MEMCHECK,
    OPT_ISA,
    OPT_CHECKPOINT,
    OPT_WATCH,
    OPT_ONCE,
    OPT_FRACTION,
    OPT_HELP
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"source", required_argument, NULL, 's'},
    {"source-list", required_argument, NULL, 'S'},
    {"nevts", required_argument, NULL, 'n'},
    {"nskip", required_argument, NULL, OPT_NSKIP},
    {"output", required_argument, NULL, 'o'},
    {"process-name", required_argument, NULL, OPT_PROCESS},
    {"set", required_argument, NULL, OPT_SET},
    {"metadata", required_argument, NULL, OPT_METADATA},
    {"raw-tag", required_argument, NULL, OPT_RAW_TAG},
    {"config-out", required_argument, NULL, OPT_CONFIG_OUT},
    {"validate-config", no_argument, NULL, OPT_VALIDATE},
    {"timing", no_argument, NULL, OPT_TIMING},
    {"memcheck", no_argument, NULL, OPT_MEMCHECK},
    {"isa", required_argument, NULL, OPT_ISA},
    {"checkpoint-exit-code", required_argument, NULL, OPT_CHECKPOINT},
    {"watch", required_argument, NULL, OPT_WATCH},
    {"once", no_argument, NULL, OPT_ONCE},
    {"fraction", required_argument, NULL, OPT_FRACTION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static enum err read_count(const char *text, const char *option, int64_t low, int64_t high, int64_t *out)
{
    char *end;
    errno       = 0;
    long long v = strtoll(text, &end, 10);
    REQUIRE(*text && !*end && !errno && v >= low && v <= high, ERR_OPTION,
            "%s %s: a whole number from %lld to %lld is expected", option, text, (long long)low, (long long)high);
    *out = v;
    return ERR_OK;
}

static enum err read_fraction(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    REQUIRE(*text && !*end && *out > 0.0 && *out <= 1.0, ERR_OPTION,
            "--fraction %s: a number above 0, at most 1, is expected", text);
    return ERR_OK;
}

static enum err read_option(int option, const char *value, struct job_options *o, bool *wants_help)
{
    int64_t n = 0;
    switch (option) {
    case 'c': o->config = value; break;
    case 's': o->sources[o->n_sources++] = value; break;
    case 'S': o->source_list = value; break;
    case 'n': return read_count(value, "-n", 1, 1000000000000, &o->n_fills);
    case OPT_NSKIP: return read_count(value, "--nskip", 0, 1000000000000, &o->n_skip);
    case 'o': o->output = value; break;
    case OPT_PROCESS: o->process_name = value; break;
    case OPT_SET: o->set[o->n_set++] = value; break;
    case OPT_METADATA: o->metadata[o->n_metadata++] = value; break;
    case OPT_RAW_TAG: o->raw_tag = value; break;
    case OPT_CONFIG_OUT: o->config_out = value; break;
    case OPT_VALIDATE: o->is_validate_only = true; break;
    case OPT_TIMING: o->wants_timing = true; break;
    case OPT_MEMCHECK: o->wants_memory = true; break;
    case OPT_ISA: o->isa = value; break;
    case OPT_CHECKPOINT:
        TRY(read_count(value, "--checkpoint-exit-code", 1, 127, &n));
        o->checkpoint_exit_code = (int)n;
        break;
    case OPT_WATCH: o->watch = value; break;
    case OPT_ONCE: o->is_once = true; break;
    case OPT_FRACTION: return read_fraction(value, &o->fraction);
    case OPT_HELP: *wants_help = true; break;
    case ':': FAIL(ERR_OPTION, "an option lacks its value; 'gm2 -c --help' lists them");
    default: FAIL(ERR_OPTION, "unknown option; 'gm2 -c --help' lists them");
    }
    return ERR_OK;
}

static enum err read_options(int argc, char **argv, struct job_options *o, bool *wants_help)
{
    opterr = 0;
    if (argc == 3 && strcmp(argv[2], "--help") == 0) *wants_help = true;
    for (int option; !*wants_help && (option = getopt_long(argc, argv, ":c:s:S:n:o:", long_options, NULL)) != -1;) {
        enum err rc = read_option(option, optarg, o, wants_help);
        if (rc && (option == '?' || option == ':')) return err_context(rc, "%s", argv[optind > 1 ? optind - 1 : 1]);
        TRY(rc);
    }
    REQUIRE(*wants_help || optind == argc, ERR_OPTION, "\"%s\" is no option; 'gm2 -c --help' lists them", argv[optind]);
    REQUIRE(*wants_help || o->config, ERR_OPTION, "-c FILE.fcl is missing; 'gm2 -c --help' lists the options");
    return ERR_OK;
}

static enum err run(const struct job_options *options, bool *has_ended_early)
{
    struct job job;
    struct chain *chain      = NULL;
    struct run_totals totals = {0};
    enum err rc;
    TRY(job_open(options, &job));
    if (job.is_merge) {
        rc = merge_run(&job);
        job_close(&job);
        return rc;
    }
    rc = comm_agree(chain_create(job.document, &job.info, &job.provenance, &chain));
    if (!rc) rc = job_read_conditions(&job);
    if (!rc && options->is_validate_only) {
        if (comm_rank() == 0) printf("configuration %s is valid: %zu units\n", job.config_id, job.n_units);
    } else if (!rc) {
        if (comm_rank() == 0)
            log_info("gm2 %s, %d rank%s, %s kernels, configuration %.12s, %zu units", job.info.release, comm_size(),
                     comm_size() == 1 ? "" : "s", isa_name(isa_active()), job.config_id, job.n_units);
        rc               = run_job(&job, chain, &totals);
        *has_ended_early = rc == ERR_AGAIN;
        char message[4096];
        snprintf(message, sizeof message, "%s", err_message());
        enum err rc2 = summary_print(&job, chain, &totals);
        if (rc)
            err_set_message(message);
        else
            rc = rc2;
    }
    chain_free(chain);
    job_close(&job);
    return rc;
}

int cmd_run(int argc, char **argv)
{
    struct job_options o = {.n_fills = -1, .checkpoint_exit_code = err_exit_code(ERR_AGAIN)};
    bool wants_help = false, has_ended_early = false;
    enum err rc = comm_init();
    log_init(LOG_INFO, comm_rank(), comm_size());
    if (!rc) rc = mem_alloc(&o.sources, (size_t)argc, sizeof *o.sources);
    if (!rc) rc = mem_alloc(&o.set, (size_t)argc, sizeof *o.set);
    if (!rc) rc = mem_alloc(&o.metadata, (size_t)argc, sizeof *o.metadata);
    if (!rc) rc = read_options(argc, argv, &o, &wants_help);
    if (!rc && wants_help && comm_rank() == 0) fputs(usage, stdout);
    if (!rc && !wants_help) rc = run(&o, &has_ended_early);
    int status = has_ended_early ? o.checkpoint_exit_code : err_exit_code(rc);
    if (comm_rank() == 0 && !wants_help) {
        if (rc && !has_ended_early) fprintf(stderr, "gm2: %s: %s\n", err_text(rc), err_message());
        if (has_ended_early) fprintf(stderr, "gm2: %s\n", err_message());
        if (!o.is_validate_only) printf("Art has completed and will exit with status %d.\n", status);
    }
    mem_free(o.sources);
    mem_free(o.set);
    mem_free(o.metadata);
    comm_finalize();
    return status;
}
