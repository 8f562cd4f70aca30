/* gm2 dqm: the page of a nearline job, once or for as long as the job lives. */
#include "dqm.h"
#include "fhicl.h"
#include "log.h"
#include "mem.h"
#include "options.h"

#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "gm2 dqm OUT/STEM.h5 [-c FILE.fcl] [--png] [--follow [--live]]";

enum { POLL_MS = 250, COST_FACTOR = 10 };

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- settings --------------------------------------------------------------------------------------------------------- */

static enum err set_names(struct dqm *d, const char *output)
{
    const char *slash = strrchr(output, '/'), *base = slash ? slash + 1 : output;
    size_t n = strlen(base);
    REQUIRE(n > 3 && strcmp(base + n - 3, ".h5") == 0 && n < sizeof d->stem, ERR_OPTION,
            "%s: OUT/STEM.h5 is expected, as in the job's -o", output);
    REQUIRE((size_t)(base - output) < sizeof d->out_dir, ERR_OPTION, "%s: the name is too long", output);
    snprintf(d->stem, sizeof d->stem, "%.*s", (int)(n - 3), base);
    snprintf(d->out_dir, sizeof d->out_dir, "%.*s", slash ? (int)(slash == output ? 1 : slash - output) : 1,
             slash ? output : ".");
    snprintf(d->page_dir, sizeof d->page_dir, "%s/dqm", d->out_dir);
    snprintf(d->unit_dir, sizeof d->unit_dir, "%s%s", d->out_dir, d->is_live ? "/live" : "");
    return ERR_OK;
}

static const char *text_or(const struct fhicl *document, const char *key, const char *fallback)
{
    const struct fhicl *v = document ? fhicl_get(document, key) : NULL;
    const char *text      = fallback;
    if (v && fhicl_as_string(v, key, &text)) {
        err_clear();
        text = fallback;
    }
    return text;
}

/* Where constants go, unless the page's own settings say otherwise. */
static enum err set_database(struct dqm *d, const struct fhicl *document)
{
    if (!*d->cfg.load_into) {
        mem_free((void *)d->cfg.load_into);
        d->cfg.load_into = mem_string(text_or(document, "services.conditions.database", ""));
    }
    if (!*d->cfg.load_tag) {
        mem_free((void *)d->cfg.load_tag);
        d->cfg.load_tag = mem_string(text_or(document, "services.conditions.tag", "head"));
    }
    REQUIRE(d->cfg.load_into && d->cfg.load_tag, ERR_MEMORY, "out of memory");
    return ERR_OK;
}

static enum err open_page(struct dqm *d, const char *output, const char *config)
{
    struct fhicl *document = NULL;
    enum err rc;
    TRY(set_names(d, output));
    if (config) TRY(fhicl_read(config, &document));
    TRY_TO(done, cfg_read(dqm_cfg_fields, document ? fhicl_get(document, "services.dqm") : NULL, "services.dqm", NULL,
                          &d->cfg));
    TRY_TO(done, set_database(d, document));
    dqm_take_limits(&d->cfg, &d->limits);
    TRY_TO(done, dqm_read_reference(d));
done:
    fhicl_free(document);
    return rc;
}

/* ---- following ---------------------------------------------------------------------------------------------------------- */

/* The job says how it does, a line at a time; when it is gone, so is the pipe. */
static bool hear_job(struct dqm *d, bool *has_news)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    char words[512];
    if (poll(&in, 1, POLL_MS) <= 0) return true;
    ssize_t n = read(0, words, sizeof words - 1);
    if (n <= 0) return false;
    words[n] = 0;
    if (words[n - 1] == '\n') words[n - 1] = 0;
    const char *last = strrchr(words, '\n');
    snprintf(d->job_status, sizeof d->job_status, "%.200s", last ? last + 1 : words);
    *has_news = true;
    return true;
}

static enum err look(struct dqm *d, size_t room, bool *has_news)
{
    size_t n, n_bad = d->n_bad;
    TRY(dqm_read_new(d, room, &n));
    if (!d->is_live) dqm_read_bad(d);
    if (n) d->last_new_unix_s = seconds_of(CLOCK_REALTIME);
    *has_news |= n > 0 || d->n_bad != n_bad;
    return ERR_OK;
}

static enum err follow(struct dqm *d)
{
    bool is_alive = true, has_news = true;
    double next_page_s = 0.0;
    while (is_alive) {
        is_alive = hear_job(d, &has_news);
        TRY(look(d, SIZE_MAX, &has_news));
        if (!d->is_live) TRY(dqm_calibrate(d, seconds_of(CLOCK_REALTIME), !is_alive));
        double now_s = seconds_of(CLOCK_MONOTONIC);
        if (!has_news || (is_alive && now_s < next_page_s)) continue;
        TRY(dqm_page_write(d));
        double cost_s = seconds_of(CLOCK_MONOTONIC) - now_s;
        next_page_s   = now_s + fmax(d->cfg.page_s, COST_FACTOR * cost_s);
        has_news      = false;
    }
    return ERR_OK;
}

static enum err run(int argc, char **argv)
{
    static const struct option names[] = {{"config", 1, NULL, 'c'},
                                          {"follow", 0, NULL, 'f'},
                                          {"png", 0, NULL, 'p'},
                                          {"live", 0, NULL, 'l'},
                                          {NULL, 0, NULL, 0}};
    const char *config                 = NULL;
    bool is_following = false, wants_png = false, is_live = false, has_news = false;
    optind = 0; /* glibc: start anew, with permutation */
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "c:", names, NULL)) != -1;) switch (letter) {
        case 'c': config = optarg; break;
        case 'f': is_following = true; break;
        case 'p': wants_png = true; break;
        case 'l': is_live = true; break;
        default: FAIL(ERR_OPTION, "usage: %s", usage);
        }
    REQUIRE(optind + 1 == argc, ERR_OPTION, "usage: %s", usage);
    struct dqm *d;
    enum err rc;
    TRY(mem_alloc(&d, 1, sizeof *d));
    d->wants_png = wants_png;
    d->is_live   = is_live;
    TRY_TO(done, open_page(d, argv[optind], config));
    TRY_TO(done, look(d, (size_t)d->cfg.trend_subruns, &has_news));
    if (is_following) {
        static const int ours[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP}; /* the job's end is ours */
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) signal(ours[i], SIG_IGN);
        rc = follow(d);
    } else if (d->n == 0) {
        rc = err_fail(ERR_NOTFOUND, __FILE__, __LINE__, "%s holds no product %s_r..._s....h5 of a nearline job",
                      d->out_dir, d->stem);
    } else {
        rc = dqm_page_write(d);
        if (!rc) printf("%s/index.html\n", d->page_dir);
    }
done:
    cfg_free(dqm_cfg_fields, &d->cfg);
    dqm_free(d);
    mem_free(d);
    return rc;
}

int cmd_dqm(int argc, char **argv)
{
    if (options_help(argc, argv, usage)) return 0;
    log_init(LOG_INFO, 0, 1);
    return err_exit_code(run(argc, argv));
}
