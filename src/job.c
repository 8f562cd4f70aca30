/* A job: from command line and document to units. */
#include "job.h"

#include "chain_files.h"
#include "comm.h"
#include "cond_use.h"
#include "dqm_cfg.h"
#include "isa.h"
#include "job_units.h"
#include "log.h"
#include "mem.h"
#include "meta.h"
#include "midas_file.h"
#include "phys.h"
#include "version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

CFG_DECLARE(message_cfg, MESSAGE_CFG)
CFG_DECLARE(random_cfg, RANDOM_CFG)
CFG_DECLARE(time_cfg, TIME_CFG)
CFG_DECLARE(memory_cfg, MEMORY_CFG)
CFG_DECLARE(blinding_cfg, BLINDING_CFG)

static const struct {
    const char *name;
    const struct cfg_field *fields;
} services[] = {
    {"scheduler", scheduler_cfg_fields},
    {"message", message_cfg_fields},
    {"RandomNumberGenerator", random_cfg_fields},
    {"TimeTracker", time_cfg_fields},
    {"MemoryTracker", memory_cfg_fields},
    {"FileCatalogMetadata", catalog_cfg_fields},
    {"Blinding", blinding_cfg_fields},
    {"conditions", conditions_cfg_fields},
    {"watch", watch_cfg_fields},
    {"dqm", dqm_cfg_fields},
};
enum { N_SERVICES = sizeof services / sizeof services[0] };

/* ---- the document, on rank 0 ---- */

static enum err check_services(struct fhicl *document)
{
    const struct fhicl *table = fhicl_get(document, "services");
    for (size_t i = 0; table && i < fhicl_size(table); i++) {
        bool is_known = false;
        for (size_t k = 0; k < N_SERVICES; k++) is_known |= strcmp(fhicl_key(table, i), services[k].name) == 0;
        REQUIRE(is_known, ERR_CONFIG,
                "unknown service \"%s\" (%s); there are scheduler, message, RandomNumberGenerator, TimeTracker, "
                "MemoryTracker, FileCatalogMetadata, Blinding, conditions, watch, dqm",
                fhicl_key(table, i), fhicl_origin(fhicl_at(table, i)));
    }
    for (size_t k = 0; k < N_SERVICES; k++) {
        char path[128];
        snprintf(path, sizeof path, "services.%s", services[k].name);
        TRY(cfg_fill_defaults(services[k].fields, document, path));
    }
    return ERR_OK;
}

static enum err append(char **text, size_t *used, const char *piece)
{
    size_t n = strlen(piece);
    TRY(mem_resize(text, *used, *used + n + 1, 1));
    memcpy(*text + *used, piece, n + 1);
    *used += n;
    return ERR_OK;
}

static enum err append_file_name(char **text, size_t *used, const char *name)
{
    for (const char *c = name; *c; c++)
        REQUIRE(*c != '\'' && *c != '\n', ERR_OPTION,
                "source file \"%s\": a name with quotes or line ends is not taken", name);
    TRY(append(text, used, *used > 1 ? ", '" : "'"));
    TRY(append(text, used, name));
    return append(text, used, "'");
}

static enum err append_list(char **text, size_t *used, const char *list)
{
    FILE *f = fopen(list, "r");
    REQUIRE(f, ERR_OPEN, "source list %s cannot be opened: %s", list, strerror(errno));
    char line[4096];
    enum err rc = ERR_OK;
    while (!rc && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        char *start                 = line + strspn(line, " \t");
        if (*start && *start != '#') rc = append_file_name(text, used, start);
    }
    fclose(f);
    return rc;
}

/* -s and -S become source.fileNames, so that they are in the document as used. */
static enum err put_sources(const struct job_options *o, struct fhicl *document)
{
    if (!o->n_sources && !o->source_list) return ERR_OK;
    const char *type = "";
    if (fhicl_get(document, "source.module_type"))
        TRY(fhicl_as_string(fhicl_get(document, "source.module_type"), "source.module_type", &type));
    REQUIRE(strcmp(type, "EmptyFill") != 0, ERR_OPTION,
            "-s/-S: EmptyFill simulates and reads no files; RawInput (reco.fcl) and TruthInput (digireco.fcl) do");
    char *text  = NULL;
    size_t used = 0;
    enum err rc;
    TRY_TO(done, append(&text, &used, "["));
    for (size_t i = 0; i < o->n_sources; i++) TRY_TO(done, append_file_name(&text, &used, o->sources[i]));
    if (o->source_list) TRY_TO(done, append_list(&text, &used, o->source_list));
    TRY_TO(done, append(&text, &used, "]"));
    rc = fhicl_set(document, "source.fileNames", text, "command line");
done:
    mem_free(text);
    return rc;
}

static enum err put_settings(const struct job_options *o, struct fhicl *document)
{
    for (size_t i = 0; i < o->n_set; i++) {
        const char *equal = strchr(o->set[i], '=');
        char key[256];
        REQUIRE(equal && equal != o->set[i] && (size_t)(equal - o->set[i]) < sizeof key, ERR_OPTION,
                "--set %s: KEY=VALUE is expected", o->set[i]);
        snprintf(key, sizeof key, "%.*s", (int)(equal - o->set[i]), o->set[i]);
        enum err rc = fhicl_set(document, key, equal + 1, "command line");
        if (rc) return err_context(rc, "--set %s", o->set[i]);
    }
    if (o->process_name) TRY(fhicl_set(document, "process_name", o->process_name, "command line"));
    if (o->fraction > 0.0) {
        char fraction[32];
        snprintf(fraction, sizeof fraction, "%.9g", o->fraction);
        TRY(fhicl_set(document, "source.fraction", fraction, "command line"));
    }
    return put_sources(o, document);
}

static enum err write_config_out(const char *path, const struct fhicl *document)
{
    char *text;
    TRY(fhicl_print(document, false, &text));
    FILE *f    = fopen(path, "w");
    int failed = !f || fputs(text, f) < 0;
    if (f && fclose(f) != 0) failed = 1;
    mem_free(text);
    REQUIRE(!failed, ERR_WRITE, "--config-out %s cannot be written: %s", path, strerror(errno));
    return ERR_OK;
}

static enum err read_document(const struct job_options *o, char **text)
{
    struct fhicl *document = NULL;
    enum err rc;
    TRY(fhicl_read(o->config, &document));
    TRY_TO(done, put_settings(o, document));
    if (!fhicl_get(document, "process_name")) TRY_TO(done, fhicl_set(document, "process_name", "gm2", "default"));
    TRY_TO(done, chain_complete(document));
    TRY_TO(done, check_services(document));
    TRY_TO(done, cond_use_check(document));
    if (o->config_out) TRY_TO(done, write_config_out(o->config_out, document));
    rc = fhicl_print(document, true, text);
done:
    fhicl_free(document);
    return rc;
}

/* ---- what the document says ---- */

static enum err read_services(struct job *job)
{
    static const char *const levels[] = {"error", "warn", "info", "detail", "debug"};
    const struct fhicl *d             = job->document;
    struct message_cfg message;
    struct random_cfg random;
    struct time_cfg time;
    struct memory_cfg memory;
    TRY(cfg_read(scheduler_cfg_fields, fhicl_get(d, "services.scheduler"), "services.scheduler", NULL,
                 &job->scheduler));
    TRY(cfg_read(catalog_cfg_fields, fhicl_get(d, "services.FileCatalogMetadata"), "services.FileCatalogMetadata", NULL,
                 &job->catalog));
    TRY(cfg_read(watch_cfg_fields, fhicl_get(d, "services.watch"), "services.watch", NULL, &job->watch));
    TRY(cfg_read(message_cfg_fields, fhicl_get(d, "services.message"), "services.message", NULL, &message));
    for (int i = 0; i < 5; i++)
        if (strcmp(message.level, levels[i]) == 0) log_init((enum log_level)i, comm_rank(), comm_size());
    cfg_free(message_cfg_fields, &message);
    TRY(cfg_read(random_cfg_fields, fhicl_get(d, "services.RandomNumberGenerator"), "services.RandomNumberGenerator",
                 NULL, &random));
    TRY(cfg_read(time_cfg_fields, fhicl_get(d, "services.TimeTracker"), "services.TimeTracker", NULL, &time));
    TRY(cfg_read(memory_cfg_fields, fhicl_get(d, "services.MemoryTracker"), "services.MemoryTracker", NULL, &memory));
    struct blinding_cfg blinding;
    TRY(cfg_read(blinding_cfg_fields, fhicl_get(d, "services.Blinding"), "services.Blinding", NULL, &blinding));
    cfg_free(blinding_cfg_fields, &blinding);
    TRY(cond_use_create(job->document, &job->conditions));
    job->info.conditions = job->conditions;
    job->info.seed       = (uint64_t)random.seed;
    job->prints_time     = time.printSummary || job->options.wants_timing;
    job->prints_memory   = memory.printSummary || job->options.wants_memory;
    return ERR_OK;
}

static enum err split_output(struct job *job)
{
    const char *name          = job->options.output;
    const struct fhicl *group = fhicl_get(job->document, "outputs");
    for (size_t i = 0; !name && group && i < fhicl_size(group); i++) {
        const struct fhicl *file = fhicl_get(fhicl_at(group, i), "fileName");
        if (file) TRY(fhicl_as_string(file, "fileName", &name));
        if (name && !*name) name = NULL;
    }
    if (!name) name = "gm2.h5";
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    size_t n = strlen(base);
    REQUIRE(n > 3 && strcmp(base + n - 3, ".h5") == 0, ERR_OPTION, "output \"%s\": DIR/STEM.h5 is expected", name);
    REQUIRE((size_t)(base - name) < sizeof job->out_dir && n - 3 < sizeof job->out_stem - 40, ERR_OPTION,
            "output \"%s\": the name is too long", name);
    for (const char *c = base; *c; c++)
        REQUIRE(*c > ' ' && *c != 127, ERR_OPTION, "output \"%s\": blanks and control characters are not taken", name);
    snprintf(job->out_dir, sizeof job->out_dir, "%.*s", slash ? (int)(slash == name ? 1 : slash - name) : 1,
             slash ? name : ".");
    snprintf(job->out_stem, sizeof job->out_stem, "%.*s", (int)(n - 3), base);
    return ERR_OK;
}

const char *job_metadata(const struct job *job, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < job->options.n_metadata; i++)
        if (strncmp(job->options.metadata[i], key, n) == 0 && job->options.metadata[i][n] == '=')
            return job->options.metadata[i] + n + 1;
    return "";
}

static const char *or_else(const char *text, const char *fallback) { return text && *text ? text : fallback; }

struct job_words job_words(const struct job *job)
{
    const struct catalog_cfg *c = &job->catalog;
    const char *slash           = job->options.config ? strrchr(job->options.config, '/') : NULL;
    struct job_words w          = {.file_type   = job->is_simulation ? "importedSimulated" : "importedDetector",
                                   .data_tier   = or_else(c->dataTier, "reco"),
                                   .data_stream = or_else(c->streamName, "full"),
                                   .run_type    = or_else(c->runType, job->is_simulation ? "mc" : "physics"),
                                   .particle    = or_else(c->particle, "muon"),
                                   .fcl_name    = slash ? slash + 1 : or_else(job->options.config, "")};
    if (job->is_merge)
        snprintf(w.merged_by, sizeof w.merged_by, "%s %s %s", version_release, version_git_commit, job->config_id);
    return w;
}

enum err job_make_words(struct job *job)
{
    struct job_words w = job_words(job);
    struct {
        const char *key, *value;
    } lines[] = {{"file_type", w.file_type},
                 {"data_tier", w.data_tier},
                 {"data_stream", w.data_stream},
                 {"run_type", w.run_type},
                 {"particle", w.particle},
                 {"fcl_name", w.fcl_name},
                 {"merged_by", *w.merged_by ? w.merged_by : NULL}};
    size_t n = 0, room = 1, n_lines = sizeof lines / sizeof lines[0];
    for (size_t i = 0; i < n_lines; i++) room += lines[i].value ? strlen(lines[i].key) + strlen(lines[i].value) + 2 : 0;
    mem_free(job->words);
    TRY(mem_alloc(&job->words, room, 1));
    for (size_t i = 0; i < n_lines; i++)
        if (lines[i].value)
            n += (size_t)snprintf(job->words + n, room - n, "%s%s=%s", n ? "\n" : "", lines[i].key, lines[i].value);
    return ERR_OK;
}

static enum err understand(struct job *job)
{
    for (size_t i = 0; i < job->options.n_metadata; i++) TRY(meta_check_extra(job->options.metadata[i]));
    TRY(read_services(job));
    TRY(split_output(job));
    const char *source, *name;
    TRY(fhicl_as_string(fhicl_get(job->document, "source.module_type"), "source.module_type", &source));
    TRY(fhicl_as_string(fhicl_get(job->document, "process_name"), "process_name", &name));
    job->is_simulation = module_simulates(source);
    job->is_merge      = strcmp(source, "MergeInput") == 0;
    if (!job->is_merge) TRY(job_plan(job));
    TRY(chain_files_names(job->document, &job->input_files));
    TRY(job_make_words(job));
    job->info.words = job->words;
    REQUIRE(!job->options.raw_tag || midas_file_tag(job->options.raw_tag), ERR_OPTION,
            "--raw-tag %.40s: 1 to %d small letters and digits are wanted", job->options.raw_tag, MIDAS_MAX_TAG);
    job->info.raw_tag      = job->options.raw_tag;
    job->info.fcl_commit   = job_metadata(job, META_FCL_COMMIT);
    job->info.release      = version_release;
    job->info.git_commit   = version_git_commit;
    job->info.config_id    = job->config_id;
    job->info.config_text  = job->config_text;
    job->info.process_name = name;
    job->provenance        = (struct provenance){.process_name   = name,
                                                 .release        = version_release,
                                                 .git_commit     = version_git_commit,
                                                 .config_text    = job->config_text,
                                                 .config_id      = job->config_id,
                                                 .isa            = isa_name(isa_active()),
                                                 .constants_set  = PHYS_SET_NAME,
                                                 .conditions_tag = "",
                                                 .parents        = job->input_files,
                                                 .seed           = job->info.seed,
                                                 .fcl_commit     = job->info.fcl_commit,
                                                 .words          = job->words};
    return ERR_OK;
}

static enum err make_identity(struct job *job)
{
    struct fhicl *copy;
    TRY(chain_results_only(job->document, &copy));
    enum err rc = fhicl_print(copy, false, &job->config_text);
    if (!rc) rc = fhicl_id(copy, job->config_id);
    fhicl_free(copy);
    return rc;
}

static enum err find_tag(const struct fhicl *document, char out[128])
{
    const char *database = "", *tag = "";
    const struct fhicl *d = fhicl_get(document, "services.conditions.database");
    const struct fhicl *t = fhicl_get(document, "services.conditions.tag");
    if (d) TRY(fhicl_as_string(d, "services.conditions.database", &database));
    if (*database && t) TRY(fhicl_as_string(t, "services.conditions.tag", &tag));
    snprintf(out, 128, "%s", tag);
    return ERR_OK;
}

enum err job_check(const struct job_options *options, bool with_modules, struct job_identity *out)
{
    char *text;
    const char *source  = "";
    struct job job      = {.options = *options};
    struct chain *chain = NULL;
    TRY(read_document(options, &text));
    enum err rc = fhicl_parse_annotated(text, "configuration", &job.document);
    mem_free(text);
    if (!rc) rc = make_identity(&job);
    if (!rc) memcpy(out->config_id, job.config_id, sizeof job.config_id);
    if (!rc) rc = find_tag(job.document, out->conditions_tag);
    if (!rc) rc = fhicl_as_string(fhicl_get(job.document, "source.module_type"), "source.module_type", &source);
    out->is_merge = strcmp(source, "MergeInput") == 0;
    if (!rc && with_modules) {
        rc                  = cond_use_create(job.document, &job.conditions);
        job.info.conditions = job.conditions;
        if (!rc) rc = chain_create(job.document, &job.info, &job.provenance, &chain);
        chain_free(chain);
        cond_use_free(job.conditions);
    }
    fhicl_free(job.document);
    mem_free(job.config_text);
    return rc;
}

enum err job_open(const struct job_options *options, struct job *job)
{
    *job        = (struct job){.options = *options, .start_unix_s = time(NULL)};
    char *text  = NULL;
    enum err rc = ERR_OK;
    if (options->isa && isa_force(options->isa) != 0)
        rc = err_fail(ERR_OPTION, __FILE__, __LINE__,
                      "--isa %s: this processor or build has no such instruction set; "
                      "baseline, avx2, avx512 or best",
                      options->isa);
    if (!rc && comm_rank() == 0) rc = read_document(options, &text);
    rc = comm_agree(rc);
    if (rc) goto done;
    TRY_TO(done, comm_broadcast_text(&text));
    rc = fhicl_parse_annotated(text, "configuration", &job->document);
    if (!rc) rc = make_identity(job);
    if (!rc) rc = understand(job);
    rc = comm_agree(rc);
done:
    mem_free(text);
    if (rc) job_close(job);
    return rc;
}

enum err job_read_conditions(struct job *job)
{
    if (!job->options.watch)
        TRY(cond_use_load(job->conditions, job->units, job->n_units)); /* else for each unit anew */
    job->provenance.conditions_tag = cond_use_tag(job->conditions);
    return ERR_OK;
}

void job_close(struct job *job)
{
    cfg_free(scheduler_cfg_fields, &job->scheduler);
    cfg_free(catalog_cfg_fields, &job->catalog);
    cond_use_free(job->conditions);
    cfg_free(watch_cfg_fields, &job->watch);
    fhicl_free(job->document);
    mem_free(job->config_text);
    mem_free(job->input_files);
    mem_free(job->words);
    mem_free(job->units);
    mem_free(job->truth_list);
    mem_free(job->cost);
    *job = (struct job){0};
}
