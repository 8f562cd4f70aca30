/* Metadata from files' own headers. */
#include "header.h"

#include "file_content.h"
#include "mem.h"
#include "meta.h"
#include "midas_file.h"
#include "odb.h"
#include "product_quality.h"
#include "tables.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_VERSION = 1, MAX_LISTED = 100000 };

static bool ends(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n > k && strcmp(text + n - k, tail) == 0;
}

bool header_is_known(const char *path)
{
    uint32_t run, subrun;
    return ends(path, ".h5") || midas_file_name(path, &run, &subrun);
}

/* What no header has: `unknown` is taken out of the JSON again. */
static const char *const unknown_hdf5[]  = {"start_time", "end_time",        "gm2.host",         "gm2.n_ranks",
                                            "gm2.cpu_s",  "gm2.peak_rss_kB", "gm2.n_bad_events", NULL};
static const char *const unknown_midas[] = {"gm2.host", "gm2.n_ranks", "gm2.cpu_s", "gm2.peak_rss_kB", "gm2.isa", NULL};

static enum err print(const char *path, const struct meta *m, const char *const *unknown, char **json)
{
    char *text;
    TRY(meta_text(path, m, &text));
    cJSON *o = cJSON_Parse(text);
    mem_free(text);
    for (size_t i = 0; unknown[i]; i++) cJSON_DeleteItemFromObjectCaseSensitive(o, unknown[i]);
    char *shorter = cJSON_Print(o);
    cJSON_Delete(o);
    *json = shorter ? mem_string(shorter) : NULL;
    cJSON_free(shorter);
    REQUIRE(*json, ERR_MEMORY, "out of memory");
    return ERR_OK;
}

/* The commit of the configurations is a field that jobs are told. */
struct commit_field {
    char text[256];
    const char *list[1];
};

static void take_commit(struct commit_field *f, const char *commit, struct meta *m)
{
    if (!*commit) return;
    snprintf(f->text, sizeof f->text, META_FCL_COMMIT "=%.200s", commit);
    f->list[0] = f->text;
    m->extra   = f->list;
    m->n_extra = 1;
}

/* ---- HDF5 ------------------------------------------------------------------------------------------------------------ */
struct product {
    struct file_content content;
    char *parents, *words;
    const char **parent;
    struct meta_run *run;
    struct meta_interval *interval;
    struct product_quality quality;
    struct commit_field commit;
};

static void product_free(struct product *p)
{
    file_content_free(&p->content);
    mem_free(p->parents);
    mem_free(p->words);
    mem_free(p->parent);
    mem_free(p->run);
    mem_free(p->interval);
    mem_free(p);
}

/* Cuts "KEY=VALUE" lines up, in place. */
static void take_words(char *lines, struct meta *m)
{
    const struct {
        const char *key;
        const char **value;
    } words[] = {{"file_type", &m->file_type}, {"data_tier", &m->data_tier}, {"data_stream", &m->data_stream},
                 {"run_type", &m->run_type},   {"particle", &m->particle},   {"fcl_name", &m->fcl_name},
                 {"merged_by", &m->merged_by}};
    for (char *rest = NULL, *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');
        if (!equals) continue;
        *equals = 0;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strcmp(words[i].key, line) == 0) *words[i].value = equals + 1;
    }
}

static enum err take_parents(struct product *p, struct meta *m)
{
    size_t n = 1;
    for (const char *c = p->parents; *c; c++) n += *c == '\n';
    TRY(mem_alloc(&p->parent, n, sizeof *p->parent));
    for (char *rest = NULL, *name = strtok_r(p->parents, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
        p->parent[m->n_parents++] = name;
    m->parents = p->parent;
    return ERR_OK;
}

static int by_table_and_id(const void *a, const void *b)
{
    const struct meta_interval *p = a, *q = b;
    int order = strcmp(p->table, q->table);
    return order ? order : (p->iov_id > q->iov_id) - (p->iov_id < q->iov_id);
}

static enum err take_intervals(const char *path, struct product *p, struct meta *m)
{
    struct block *block;
    TRY(block_create(&table_conditions, &block));
    enum err rc = file_read_table(path, table_conditions.name, block);
    if (rc == ERR_NOTFOUND) {
        err_clear();
        rc = ERR_OK;
    }
    struct conditions_view v = conditions_view(block);
    if (!rc) rc = mem_alloc(&p->interval, v.n + 1, sizeof *p->interval);
    for (size_t i = 0; i < v.n && !rc; i++) {
        p->interval[i].iov_id = v.iov_id[i];
        memcpy(p->interval[i].table, v.table_name + i * sizeof p->interval[i].table, sizeof p->interval[i].table);
    }
    if (!rc && v.n) qsort(p->interval, v.n, sizeof *p->interval, by_table_and_id);
    for (size_t i = 0; i < v.n && !rc; i++)
        if (i == 0 || by_table_and_id(&p->interval[i], &p->interval[m->n_intervals - 1]) != 0)
            p->interval[m->n_intervals++] = p->interval[i];
    m->intervals = p->interval;
    block_free(block);
    return rc;
}

static enum err take_units(struct product *p, struct meta *m)
{
    const struct file_content *c = &p->content;
    REQUIRE(c->n_units > 0, ERR_DATA, "it holds no units");
    TRY(mem_alloc(&p->run, c->n_units, sizeof *p->run));
    for (size_t i = 0; i < c->n_units; i++) {
        p->run[i] = (struct meta_run){c->unit[i].run, c->unit[i].subrun};
        m->event_count += c->unit[i].n_fills;
    }
    m->runs        = p->run;
    m->n_runs      = c->n_units;
    m->n_units     = (int64_t)c->n_units;
    m->first_event = m->event_count ? 1 : 0;
    m->last_event  = c->unit[c->n_units - 1].n_fills;
    if (c->n_stretches == 0) return ERR_OK;
    m->first_event = c->stretch[0].first;
    m->last_event  = c->stretch[c->n_stretches - 1].last;
    return ERR_OK;
}

static enum err take_product(const char *path, struct product *p, struct meta *m)
{
    char *const *text = p->content.text;
    TRY(file_read_provenance_text(path, "parents", &p->parents));
    if (file_read_provenance_text(path, "metadata", &p->words)) { /* files of older releases have none */
        err_clear();
        p->words = mem_string("");
        REQUIRE(p->words, ERR_MEMORY, "out of memory");
    }
    take_words(p->words, m);
    m->file_format         = "hdf5";
    m->format_version      = FORMAT_VERSION;
    m->application_name    = text[FILE_TEXT_process_name];
    m->application_version = text[FILE_TEXT_release];
    m->git_commit          = text[FILE_TEXT_git_commit];
    m->config_id           = text[FILE_TEXT_config_id];
    m->process_name        = text[FILE_TEXT_process_name];
    m->conditions_tag      = text[FILE_TEXT_conditions_tag];
    m->constants_set       = text[FILE_TEXT_constants_set];
    m->isa                 = text[FILE_TEXT_isa];
    m->seed                = p->content.seed;
    take_commit(&p->commit, text[FILE_TEXT_fcl_commit], m);
    TRY(take_units(p, m));
    TRY(take_parents(p, m));
    TRY(take_intervals(path, p, m));
    TRY(product_quality(path, &p->quality));
    m->n_values = p->quality.n;
    m->values   = p->quality.value;
    return ERR_OK;
}

static enum err read_hdf5(const char *path, char **json)
{
    struct meta m = {.file_type = "unknown", .data_tier = "unknown", .data_stream = "", .run_type = "unknown"};
    struct product *p;
    TRY(mem_alloc(&p, 1, sizeof *p));
    enum err rc = file_verify(path);
    if (!rc) rc = file_content_read(path, &p->content);
    if (!rc) rc = take_product(path, p, &m);
    if (!rc) rc = print(path, &m, unknown_hdf5, json);
    product_free(p);
    return rc;
}

/* ---- MIDAS ----------------------------------------------------------------------------------------------------------- */
/* A text of the ODB, or what stands for it. */
static const char *odb_word(const struct odb *odb, const char *key, const char *fallback)
{
    const char *text;
    if (odb && odb_size(odb, key) == 1 && !odb_string(odb, key, 0, &text) && *text) return text;
    err_clear();
    return fallback;
}

static void take_odb(const struct odb *odb, struct meta *m)
{
    m->file_type           = odb_word(odb, "/gm2/metadata/file_type", "importedDetector");
    m->data_stream         = odb_word(odb, "/gm2/metadata/data_stream", "full");
    m->run_type            = odb_word(odb, "/gm2/metadata/run_type", odb_word(odb, "/gm2/run type", "physics"));
    m->particle            = odb_word(odb, "/gm2/metadata/particle", "muon");
    m->fcl_name            = odb_word(odb, "/gm2/metadata/fcl_name", "");
    m->process_name        = odb_word(odb, "/gm2/metadata/process_name", "daq");
    m->application_name    = m->process_name;
    m->application_version = odb_word(odb, "/gm2/release", "unknown");
    m->git_commit          = odb_word(odb, "/gm2/git", "");
    m->config_id           = odb_word(odb, "/gm2/fcl hash", "");
    m->constants_set       = odb_word(odb, "/gm2/metadata/constants_set", "");
    m->seed                = strtoull(odb_word(odb, "/gm2/metadata/seed", "0"), NULL, 10);
}

/* Goes through all events; the ODB is that of the first. */
static enum err read_events(struct midas_reader *r, struct odb **odb, struct meta *m)
{
    struct midas_event e;
    for (;;) {
        size_t n;
        TRY(midas_file_next(r, &e));
        if (!e.bytes) return ERR_OK;
        if (e.id == MIDAS_BOR && !*odb) {
            const char *text = midas_text(&e, &n);
            m->start_unix_s  = e.time_s;
            TRY(odb_parse(text, n, odb));
        }
        if (!midas_is_special(&e)) {
            m->event_count++;
            m->end_unix_s = e.time_s;
        }
        if (e.id == MIDAS_EOR) m->end_unix_s = e.time_s;
    }
}

static enum err read_midas(const char *path, char **json)
{
    struct commit_field commit;
    struct midas_reader *r;
    struct meta_run run = {0};
    struct odb *odb     = NULL;
    struct meta m       = {.file_format = "midas", .data_tier = "raw", .n_runs = 1, .runs = &run, .n_units = 1};
    midas_file_name(path, &run.run, &run.subrun);
    TRY(midas_file_open(path, NULL, &r));
    enum err rc                  = read_events(r, &odb, &m);
    const struct midas_status *s = midas_file_status(r);
    if (!rc && s->has_bor && s->run != run.run)
        rc = err_fail(ERR_DATA, __FILE__, __LINE__, "its begin-of-run event says run %u, its name %u", s->run, run.run);
    if (!rc) take_odb(odb, &m);
    if (!rc) take_commit(&commit, odb_word(odb, "/gm2/metadata/fcl_commit", ""), &m);
    m.first_event  = m.event_count ? 1 : 0;
    m.last_event   = m.event_count;
    m.n_bad_events = (int64_t)s->n_damaged;
    if (!rc) rc = print(path, &m, unknown_midas, json);
    odb_free(odb);
    midas_file_close(r);
    return rc ? err_context(rc, "%s", path) : ERR_OK;
}

enum err header_read(const char *path, char **json)
{
    *json = NULL;
    return ends(path, ".h5") ? read_hdf5(path, json) : read_midas(path, json);
}

/* ---- with the JSON beside it -------------------------------------------------------------------------------------------- */
static void name_field(const char *key, char list[400])
{
    size_t used = strlen(list);
    if (used < 300) snprintf(list + used, 400 - used, "%s%.80s", used ? ", " : "", key);
}

/* Times of a raw file: the job that simulated it notes when it was made, the events when it was taken. */
static bool may_differ(const char *key) { return strcmp(key, "start_time") == 0 || strcmp(key, "end_time") == 0; }

static enum err join(cJSON *header, const cJSON *sidecar, char differs[400])
{
    const cJSON *item;
    static const char *const bytes[] = {"file_name", "file_size", "checksum"};
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        REQUIRE(cJSON_Compare(cJSON_GetObjectItemCaseSensitive(header, bytes[i]),
                              cJSON_GetObjectItemCaseSensitive(sidecar, bytes[i]), 1),
                ERR_DATA, "the JSON beside it describes other bytes (%s): it is damaged, or another file", bytes[i]);
    cJSON_ArrayForEach(item, sidecar)
    {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(header, item->string);
        if (own && !may_differ(item->string)) {
            if (!cJSON_Compare(own, item, 1)) name_field(item->string, differs);
            continue;
        }
        cJSON *copy = cJSON_Duplicate(item, 1);
        REQUIRE(copy, ERR_MEMORY, "out of memory");
        cJSON_DeleteItemFromObjectCaseSensitive(header, item->string);
        cJSON_AddItemToObject(header, item->string, copy);
    }
    return ERR_OK;
}

enum err header_join(const char *header, const char *sidecar, char **json, char differs[400], char lacks[400])
{
    cJSON *o = cJSON_Parse(header), *beside = sidecar ? cJSON_Parse(sidecar) : NULL;
    enum err rc = ERR_OK;
    differs[0] = lacks[0] = 0;
    *json                 = NULL;
    if (sidecar && !cJSON_IsObject(beside))
        rc = err_fail(ERR_DATA, __FILE__, __LINE__, "the file beside it is no JSON");
    if (!rc && beside) rc = join(o, beside, differs);
    for (size_t i = 0; unknown_hdf5[i]; i++)
        if (!cJSON_HasObjectItem(o, unknown_hdf5[i])) name_field(unknown_hdf5[i], lacks);
    char *text = rc ? NULL : cJSON_Print(o);
    if (text) *json = mem_string(text);
    cJSON_free(text);
    cJSON_Delete(o);
    cJSON_Delete(beside);
    if (rc) return rc;
    REQUIRE(*json, ERR_MEMORY, "out of memory");
    return ERR_OK;
}
