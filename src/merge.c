/* The merging job: rank 0 looks through the files, all ranks write. */
#include "merge.h"

#include "clock.h"
#include "comm.h"
#include "log.h"
#include "mem.h"
#include "merge_check.h"
#include "meta.h"
#include "product.h"
#include "publish.h"
#include "table.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
#define MERGE_INPUT_CFG(F, S)                                                                                          \
    F(S, strs, fileNames,         "[]", 0, 0,    "",   "files to merge, units, shards or merged ones; -s and -S set them") \
    F(S, strs, accept_gaps,       "[]", 0, 0,    "",   "subruns or fills that may be missing: RUN, RUN:SUBRUN, RUN:FIRST..LAST, RUN:SUBRUN:EVENT, RUN:SUBRUN:FIRST..LAST, all") \
    F(S, strs, accept_duplicates, "[]", 0, 0,    "",   "the same for what may come twice: the file that is first in the list is taken, the other left out") \
    F(S, strs, expect,            "[]", 0, 0,    "",   "subruns that must be there, and no others: RUN or RUN:FIRST..LAST; empty: each run from its first subrun to its last") \
    F(S, strs, may_differ,        "[]", 0, 0,    "",   "in what the files may differ: keys of the configuration (and all below), process_name, release, git_commit, constants_set, conditions_tag, seed") \
    F(S, strs, drop,              "[]", 0, 0,    "",   "tables or tiers to leave out: sim, raw, digit, reco, dqc, calib, hist, hist/FOLDER, or a table's name") \
    F(S, strs, keep,              "[]", 0, 0,    "",   "or, in the same words, the ones that are taken: all else is left out") \
    F(S, i64,  alone_below_MB,    64, 0, 1000000, "MB", "less than this in all is written by one rank while the others sleep")
/* clang-format on */
CFG_DECLARE(merge_input_cfg, MERGE_INPUT_CFG)

const struct module module_merge_input = {
    .name   = "MergeInput",
    .kind   = MODULE_SOURCE,
    .doc    = "Files of one production into one: tables one after the other in the order of run and subrun, histograms "
              "added. Refuses files that were made differently, gaps and duplicates, unless told which are accepted. The "
              "job has no modules; -o DIR/STEM.h5 is the file.",
    .source = "layout: src/FORMAT.md",
    .fields = merge_input_cfg_fields,
    .cfg_size = sizeof(struct merge_input_cfg),
};

struct merge {
    struct job *job;
    struct merge_input_cfg cfg;
    size_t n; /* rank 0: files, those left out too, by run and subrun after choose() */
    struct merge_file *files;
    struct merge_identity identity;
    char *parents; /* names without folders, one a line */
    char *list;    /* paths of what is merged, one a line; all ranks */
    size_t n_paths;
    const char **paths; /* lent from list */
    char out[1536];
};

/* ---- rank 0: what is merged -------------------------------------------------------------------------------------------------- */
static enum err read_files(struct merge *m)
{
    m->n = m->cfg.fileNames.n;
    REQUIRE(m->n > 0, ERR_OPTION, "no files to merge: give -s FILE, -S LIST or source.fileNames");
    TRY(mem_alloc(&m->files, m->n, sizeof *m->files));
    for (size_t i = 0; i < m->n; i++) {
        m->files[i].path = m->cfg.fileNames.value[i];
        TRY(file_content_read(m->files[i].path, &m->files[i].content));
    }
    return ERR_OK;
}

static int by_first_unit(const void *a, const void *b)
{
    const struct merge_file *p = a, *q = b;
    const struct file_unit *u = p->content.unit, *v = q->content.unit;
    if (p->is_left_out != q->is_left_out) return p->is_left_out ? 1 : -1;
    if (u->run != v->run) return u->run < v->run ? -1 : 1;
    if (u->subrun != v->subrun) return u->subrun < v->subrun ? -1 : 1;
    uint32_t first = p->content.n_stretches ? p->content.stretch[0].first : 0;
    uint32_t other = q->content.n_stretches ? q->content.stretch[0].first : 0;
    return first < other ? -1 : first > other;
}

static enum err append_line(char **text, size_t *used, const char *line)
{
    size_t n = strlen(line);
    REQUIRE(!strchr(line, '\n'), ERR_OPTION, "a file name with a line end is not taken");
    TRY(mem_resize(text, *used + 1, *used + n + 2, 1));
    *used += (size_t)snprintf(*text + *used, n + 2, "%s%s", *used ? "\n" : "", line);
    return ERR_OK;
}

static enum err list_files(struct merge *m)
{
    size_t used = 0, n_parents = 0;
    TRY(mem_alloc(&m->list, 1, 1));
    TRY(mem_alloc(&m->parents, 1, 1));
    for (size_t i = 0; i < m->n; i++) {
        const char *path = m->files[i].path, *slash = strrchr(path, '/');
        if (m->files[i].is_left_out) continue;
        TRY(append_line(&m->list, &used, path));
        TRY(append_line(&m->parents, &n_parents, slash ? slash + 1 : path));
    }
    return ERR_OK;
}

static enum err choose(struct merge *m)
{
    const struct merge_rules rules = {m->cfg.accept_gaps, m->cfg.accept_duplicates, m->cfg.expect, m->cfg.may_differ};
    TRY(read_files(m));
    TRY(merge_check_same(m->files, m->n, &rules.may_differ, &m->identity));
    TRY(merge_check_units(m->files, m->n, &rules));
    qsort(m->files, m->n, sizeof *m->files, by_first_unit);
    return list_files(m);
}

/* ---- rank 0: what the catalogue is told ------------------------------------------------------------------------------------------ */
/* A word of the sidecars is passed on if all that have one agree and the job does not say another. */
static enum err inherit(const struct merge *m, const char *field, cfg_str *word)
{
    char first[128]  = "", value[128];
    const char *from = NULL;
    if (**word) return ERR_OK;
    for (size_t i = 0; i < m->n; i++) {
        if (m->files[i].is_left_out) continue;
        enum err rc = meta_read_text(m->files[i].path, field, sizeof value, value);
        if (rc == ERR_NOTFOUND) {
            err_clear();
            continue;
        }
        TRY(rc);
        if (!from) snprintf(first, sizeof first, "%s", value);
        if (!from) from = m->files[i].path;
        REQUIRE(strcmp(first, value) == 0, ERR_MISMATCH,
                "%s of %s is %s, that of %s is %s; services.FileCatalogMetadata can say what it is to be", field,
                m->files[i].path, value, from, first);
    }
    char *copy = mem_string(first);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    mem_free((void *)(uintptr_t)*word);
    *word = copy;
    return ERR_OK;
}

static enum err inherit_all(struct merge *m)
{
    struct catalog_cfg *c = &m->job->catalog;
    TRY(inherit(m, "data_tier", &c->dataTier));
    TRY(inherit(m, "data_stream", &c->streamName));
    TRY(inherit(m, "gm2.particle", &c->particle));
    return inherit(m, "runs", &c->runType);
}

static bool was_simulated(const char *configuration)
{
    struct fhicl *document = NULL;
    const char *source     = "";
    if (fhicl_parse(configuration, strlen(configuration), "configuration", &document) ||
        fhicl_as_string(fhicl_get(document, "source.module_type"), "source.module_type", &source))
        err_clear();
    bool yes = module_simulates(source);
    fhicl_free(document);
    return yes;
}

/* The units of the merged file as units of the job, so that its metadata are like those of other products. */
static enum err take_units(struct merge *m)
{
    struct job *job = m->job;
    size_t n        = 0;
    for (size_t i = 0; i < m->n; i++) n += m->files[i].is_left_out ? 0 : m->files[i].content.n_units;
    TRY(mem_alloc(&job->units, n, sizeof *job->units));
    for (size_t i = 0; i < m->n; i++) {
        const struct file_content *c = &m->files[i].content;
        for (size_t u = 0; u < c->n_units && !m->files[i].is_left_out; u++) {
            struct unit *to = &job->units[job->n_units];
            *to = (struct unit){.index = (int64_t)job->n_units, .run = c->unit[u].run, .subrun = c->unit[u].subrun};
            to->n_fills = c->unit[u].n_fills;
            for (size_t s = 0; s < c->n_stretches; s++)
                if (c->stretch[s].run == to->run && c->stretch[s].subrun == to->subrun) {
                    to->n_skip  = to->n_skip ? to->n_skip : c->stretch[s].first - 1;
                    to->n_fills = c->stretch[s].last - to->n_skip;
                }
            job->n_units++;
        }
    }
    return ERR_OK;
}

static enum err take_identity(struct merge *m)
{
    struct job *job    = m->job;
    char *const *text  = m->identity.text;
    job->provenance    = (struct provenance){.process_name   = text[FILE_TEXT_process_name],
                                             .release        = text[FILE_TEXT_release],
                                             .git_commit     = text[FILE_TEXT_git_commit],
                                             .config_text    = text[FILE_TEXT_configuration],
                                             .config_id      = text[FILE_TEXT_config_id],
                                             .isa            = text[FILE_TEXT_isa],
                                             .constants_set  = text[FILE_TEXT_constants_set],
                                             .conditions_tag = text[FILE_TEXT_conditions_tag],
                                             .fcl_commit     = text[FILE_TEXT_fcl_commit],
                                             .parents        = m->parents,
                                             .seed           = m->identity.seed};
    job->is_simulation = was_simulated(text[FILE_TEXT_configuration]);
    TRY(inherit_all(m));
    TRY(job_make_words(job));
    job->provenance.words = job->words;
    return take_units(m);
}

/* ---- all ----------------------------------------------------------------------------------------------------------------------- */
static enum err split_list(struct merge *m)
{
    size_t n = 1;
    for (const char *c = m->list; *c; c++) n += *c == '\n';
    TRY(mem_alloc(&m->paths, n, sizeof *m->paths));
    for (char *rest = NULL, *name = strtok_r(m->list, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
        m->paths[m->n_paths++] = name;
    return ERR_OK;
}

/* Parts of merging jobs that were killed. */
static void remove_dead_parts(const struct job *job)
{
    DIR *d   = opendir(job->out_dir);
    size_t n = strlen(job->out_stem);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, job->out_stem, n) == 0 && strncmp(e->d_name + n, ".h5.", 4) == 0 &&
            publish_part_is_dead(e->d_name))
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static enum err check_words(const char *key, const struct strs *words)
{
    static const char *const tiers[] = {"sim", "raw", "digit", "reco", "dqc", "calib", "hist"};
    for (size_t i = 0; i < words->n; i++) {
        bool is_known = (table_by_name(words->value[i]) && strcmp(words->value[i], "units") != 0) ||
                        (strncmp(words->value[i], "hist/", 5) == 0 && words->value[i][5]);
        for (size_t k = 0; k < sizeof tiers / sizeof tiers[0]; k++) is_known |= strcmp(words->value[i], tiers[k]) == 0;
        REQUIRE(is_known, ERR_CONFIG,
                "%s: \"%s\" is neither a tier (sim, raw, digit, reco, dqc, calib, hist), nor hist/FOLDER, nor a table",
                key, words->value[i]);
    }
    return ERR_OK;
}

static enum err check_drop(const struct merge *m)
{
    REQUIRE(!m->cfg.drop.n || !m->cfg.keep.n, ERR_CONFIG,
            "drop says what is left out, keep what is taken: one of them");
    TRY(check_words("drop", &m->cfg.drop));
    return check_words("keep", &m->cfg.keep);
}

static enum err prepare(struct merge *m)
{
    const struct job *job = m->job;
    REQUIRE(job->options.n_fills < 0 && job->options.n_skip == 0, ERR_OPTION,
            "-n and --nskip count fills of a job; files are merged whole");
    TRY(check_drop(m));
    TRY(choose(m));
    TRY(take_identity(m));
    if (job->options.is_validate_only) return ERR_OK;
    TRY(publish_make_folder(job->out_dir));
    remove_dead_parts(job);
    return ERR_OK;
}

static void report(const struct merge *m, double seconds)
{
    struct stat st = {0};
    int64_t fills  = 0;
    size_t n_out   = 0;
    for (size_t i = 0; i < m->n; i++) {
        n_out += m->files[i].is_left_out;
        for (size_t u = 0; u < m->files[i].content.n_units && !m->files[i].is_left_out; u++)
            fills += m->files[i].content.unit[u].n_fills;
    }
    if (!m->job->options.is_validate_only) stat(m->out, &st);
    printf("Merged     %s: %zu files (%zu left out), %zu units, %" PRId64 " fills, %.3f MB, in %.1f s\n", m->out,
           m->n_paths, n_out, m->job->n_units, fills, 1e-6 * (double)st.st_size, seconds);
}

static enum err merge(struct merge *m)
{
    struct job *job = m->job;
    double start    = clock_now_s();
    bool is_first   = comm_rank() == 0;
    TRY(comm_agree(is_first ? prepare(m) : ERR_OK));
    TRY(comm_broadcast_text(&m->list));
    TRY(comm_agree(split_list(m)));
    const struct shard_choice choice = {&job->provenance, m->cfg.drop.n, m->cfg.drop.value, m->cfg.keep.n,
                                        m->cfg.keep.value};
    if (!job->options.is_validate_only)
        TRY(shard_merge_as(m->paths, m->n_paths, m->out, m->cfg.alone_below_MB << 20, &choice));
    TRY(comm_agree(is_first && !job->options.is_validate_only ? product_describe_merged(job, m->out) : ERR_OK));
    if (is_first) report(m, clock_now_s() - start);
    return ERR_OK;
}

enum err merge_run(struct job *job)
{
    static const char *const reserved[] = {"module_type", NULL};
    struct merge m                      = {.job = job};
    publish_own_parts();
    snprintf(m.out, sizeof m.out, "%s/%s.h5", job->out_dir, job->out_stem);
    enum err rc = cfg_read(merge_input_cfg_fields, fhicl_get(job->document, "source"), "source", reserved, &m.cfg);
    rc          = comm_agree(rc);
    if (!rc) rc = merge(&m);
    for (size_t i = 0; m.files && i < m.n; i++) file_content_free(&m.files[i].content);
    mem_free(m.files);
    merge_identity_free(&m.identity);
    mem_free(m.parents);
    mem_free(m.list);
    mem_free(m.paths);
    cfg_free(merge_input_cfg_fields, &m.cfg);
    return rc;
}
