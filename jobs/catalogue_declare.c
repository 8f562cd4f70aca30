/* Declaring files: many in one transaction, a result for each. */
#include "catalogue_internal.h"
#include "catalogue_known.h"

#include "mem.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CONFIG_KEY = 4096, N_STATEMENTS = 9 };

enum statement {
    FIND_CONFIG,
    ADD_CONFIG,
    ADD_FILE,
    ADD_RUN,
    ADD_PARENT,
    ADD_LOCATION,
    COUNT_PLACES,
    ADD_PARAMETER,
    ADD_INTERVAL
};

static const char insert_config[] =
    "insert into configs (id, config_key, family, application, version, git_commit, fcl_name, fcl_hash,"
    " process_name, conditions_tag, constants_set, isa, seed, format_version)"
    " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
static const char insert_file[] =
    "insert into files (id, file_name, config_id, file_size, checksum, file_type, file_format, data_tier,"
    " data_stream, content_status, event_count, first_event, last_event, start_s, end_s, host, n_ranks,"
    " n_units, n_bad_events, cpu_s, peak_rss_kb, create_s, create_user, update_s, n_places)"
    " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,"
    " $21, $22, $23, $24, $25)";

static const char *const statements[N_STATEMENTS] = {
    [FIND_CONFIG] = "select id from configs where config_key = $1",
    [ADD_CONFIG]  = insert_config,
    [ADD_FILE]    = insert_file,
    [ADD_RUN] = "insert into file_runs (file_id, run, subrun, run_type) values ($1, $2, $3, $4) on conflict do nothing",
    [ADD_PARENT]   = "insert into file_parents (child_id, parent_id) values ($1, $2) on conflict do nothing",
    [ADD_LOCATION] = "insert into file_locations (file_id, url, added_s) values ($1, $2, $3) on conflict do nothing",
    [COUNT_PLACES] =
        "update files set n_places = (select count(*) from file_locations where file_id = $1) where id = $1",
    [ADD_PARAMETER] =
        "insert into file_params (file_id, name, text, number) values ($1, $2, $3, $4) on conflict do nothing",
    [ADD_INTERVAL] =
        "insert into file_conditions (file_id, table_name, iov_id) values ($1, $2, $3) on conflict do nothing",
};

struct declare {
    struct catalogue *catalogue;
    const struct catalogue_check *check;
    const struct catalogue_file *file;
    size_t n;
    const char *user;
    struct catalogue_result *result;
    struct db_statement *statement[N_STATEMENTS];
    struct catalogue_known known;
    int64_t next_file, next_config, now_s;
    char config_key[CONFIG_KEY]; /* of the file before: most files of a batch were made alike */
    int64_t config_id;
    int64_t *parent; /* [capacity] ids of the file in hand */
    size_t capacity;
    bool *is_done; /* [n] */
};

static enum err run(struct declare *d, enum statement which, const struct db_value *values, size_t n,
                    const struct db_value **row)
{
    size_t width;
    if (!d->statement[which]) TRY(db_prepare(d->catalogue->db, statements[which], &d->statement[which]));
    if (!row) return db_queue(d->statement[which], values, n);
    TRY(db_start(d->statement[which], values, n));
    return db_next(d->statement[which], row, &width);
}

/* ---- how it was made: one row for all files made alike --------------------------------------------------------------- */
static enum err find_config(struct declare *d, const struct catalogue_file *f, int64_t *id)
{
    char key[CONFIG_KEY];
    const struct db_value *row;
    int n = snprintf(key, sizeof key, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s\n%lld", f->family, f->application,
                     f->version, f->git_commit, f->fcl_name, f->fcl_hash, f->process_name, f->conditions_tag,
                     f->constants_set, f->isa, f->seed, (long long)f->format_version);
    REQUIRE(n < CONFIG_KEY, ERR_DATA, "%s: names of its application and configuration are longer than %d bytes in all",
            f->file_name, CONFIG_KEY);
    *id = d->config_id;
    if (*id && strcmp(key, d->config_key) == 0) return ERR_OK;
    TRY(run(d, FIND_CONFIG, &DB_S(key), 1, &row));
    if (row) {
        *id = row[0].i;
    } else {
        *id                            = d->next_config++;
        const struct db_value values[] = {DB_I(*id),
                                          DB_S(key),
                                          DB_S(f->family),
                                          DB_S(f->application),
                                          DB_S(f->version),
                                          DB_S(f->git_commit),
                                          DB_S(f->fcl_name),
                                          DB_S(f->fcl_hash),
                                          DB_S(f->process_name),
                                          DB_S(f->conditions_tag),
                                          DB_S(f->constants_set),
                                          DB_S(f->isa),
                                          DB_S(f->seed),
                                          DB_I(f->format_version)};
        TRY(run(d, ADD_CONFIG, values, sizeof values / sizeof values[0], NULL));
    }
    memcpy(d->config_key, key, sizeof key);
    d->config_id = *id;
    return ERR_OK;
}

/* ---- one file ------------------------------------------------------------------------------------------------------ */
static enum err add_file(struct declare *d, const struct catalogue_file *f, int64_t id)
{
    int64_t config;
    TRY(find_config(d, f, &config));
    const struct db_value values[] = {DB_I(id),
                                      DB_S(f->file_name),
                                      DB_I(config),
                                      DB_I(f->file_size),
                                      DB_S(f->checksum),
                                      DB_S(f->file_type),
                                      DB_S(f->file_format),
                                      DB_S(f->data_tier),
                                      DB_S(f->data_stream),
                                      DB_S(f->content_status),
                                      DB_I(f->event_count),
                                      DB_I(f->first_event),
                                      DB_I(f->last_event),
                                      DB_I(f->start_s),
                                      DB_I(f->end_s),
                                      DB_S(f->host),
                                      DB_I(f->n_ranks),
                                      DB_I(f->n_units),
                                      DB_I(f->n_bad_events),
                                      DB_X(f->cpu_s),
                                      DB_I(f->peak_rss_kB),
                                      DB_I(d->now_s),
                                      DB_S(d->user),
                                      DB_I(d->now_s),
                                      DB_I(f->location ? 1 : 0)};
    TRY(run(d, ADD_FILE, values, sizeof values / sizeof values[0], NULL));
    for (size_t i = 0; i < f->n_runs; i++) {
        const struct db_value one[] = {DB_I(id), DB_I(f->run[i].run), DB_I(f->run[i].subrun), DB_S(f->run[i].type)};
        TRY(run(d, ADD_RUN, one, 4, NULL));
    }
    for (size_t i = 0; i < f->n_parents; i++) {
        const struct db_value one[] = {DB_I(id), DB_I(d->parent[i])};
        TRY(run(d, ADD_PARENT, one, 2, NULL));
    }
    for (size_t i = 0; i < f->n_parameters; i++) {
        const struct catalogue_parameter *p = &f->parameter[i];
        const struct db_value one[]         = {DB_I(id), DB_S(p->name), DB_S(p->text),
                                       isnan(p->number) ? DB_N : DB_X(p->number)};
        TRY(run(d, ADD_PARAMETER, one, 4, NULL));
    }
    for (size_t i = 0; i < f->n_intervals; i++) {
        const struct db_value one[] = {DB_I(id), DB_S(f->interval[i].table), DB_I(f->interval[i].iov_id)};
        TRY(run(d, ADD_INTERVAL, one, 3, NULL));
    }
    return ERR_OK;
}

static enum err add_location(struct declare *d, const struct catalogue_file *f, int64_t id)
{
    if (!f->location) return ERR_OK;
    const struct db_value values[] = {DB_I(id), DB_S(f->location), DB_I(d->now_s)};
    return run(d, ADD_LOCATION, values, 3, NULL);
}

/* Other bytes under a known name: nothing of the first is touched, the second is kept for people to look at. */
static enum err add_conflict(struct declare *d, const struct catalogue_file *f)
{
    char *text = cJSON_PrintUnformatted(f->json);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    const struct db_value values[] = {
        DB_S(f->file_name), DB_I(f->file_size), DB_S(f->checksum), f->location ? DB_S(f->location) : DB_N,
        DB_I(d->now_s),     DB_S(d->user),      DB_S(text)};
    enum err rc =
        db_do(d->catalogue->db,
              "insert into file_conflicts (id, file_name, file_size, checksum, location, create_s, create_user, "
              "metadata) select (select coalesce(max(id), 0) + 1 from file_conflicts), cast($1 as text), "
              "cast($2 as bigint), cast($3 as text), cast($4 as text), cast($5 as bigint), cast($6 as text), "
              "cast($7 as text) where not exists (select 1 from file_conflicts where file_name = $1 and "
              "file_size = $2 and checksum = $3)",
              values, 7);
    cJSON_free(text);
    return rc;
}

/* Ids of its parents; *missing is the first that is not declared. */
static enum err find_parents(struct declare *d, const struct catalogue_file *f, const char **missing)
{
    *missing = NULL;
    if (f->n_parents > d->capacity) {
        TRY(mem_resize(&d->parent, d->capacity, f->n_parents, sizeof *d->parent));
        d->capacity = f->n_parents;
    }
    for (size_t i = 0; i < f->n_parents && !*missing; i++) {
        const struct known_file *parent = catalogue_known_find(&d->known, f->parent[i]);
        if (parent)
            d->parent[i] = parent->id;
        else
            *missing = f->parent[i];
    }
    return ERR_OK;
}

static enum err meet_known(struct declare *d, size_t i, const struct known_file *known)
{
    const struct catalogue_file *f = &d->file[i];
    struct catalogue_result *r     = &d->result[i];
    bool is_same                   = known->size == f->file_size && strcmp(known->checksum, f->checksum) == 0;
    if (is_same && !known->is_retired) {
        r->outcome = CATALOGUE_SAME;
        TRY(add_location(d, f, known->id));
        return f->location ? run(d, COUNT_PLACES, &DB_I(known->id), 1, NULL) : ERR_OK;
    }
    r->outcome = is_same ? CATALOGUE_REFUSED : CATALOGUE_CONFLICT;
    if (is_same)
        snprintf(r->why, sizeof r->why, "this file was retired; names are not used again");
    else
        snprintf(r->why, sizeof r->why, "declared with %lld bytes and %s, this has %lld and %s", (long long)known->size,
                 known->checksum, (long long)f->file_size, f->checksum);
    return is_same ? ERR_OK : add_conflict(d, f);
}

/* *is_late: a parent is not there, perhaps not yet. */
static enum err declare_one(struct declare *d, size_t i, bool *is_late)
{
    const struct catalogue_file *f = &d->file[i];
    struct catalogue_result *r     = &d->result[i];
    const char *missing;
    *is_late = false;
    *r       = (struct catalogue_result){.outcome = CATALOGUE_DECLARED};
    if (f->location && catalogue_check_location(f->location)) {
        r->outcome = CATALOGUE_REFUSED;
        snprintf(r->why, sizeof r->why, "%.190s", err_message());
        err_clear();
        return ERR_OK;
    }
    const struct known_file *known = catalogue_known_find(&d->known, f->file_name);
    if (known) return meet_known(d, i, known);
    TRY(find_parents(d, f, &missing));
    if (missing) {
        *is_late   = true;
        r->outcome = CATALOGUE_REFUSED;
        snprintf(r->why, sizeof r->why, "its parent %.150s is not declared", missing);
        return ERR_OK;
    }
    int64_t id = d->next_file++;
    TRY(add_file(d, f, id));
    TRY(catalogue_known_add(&d->known, &(struct known_file){id, f->file_size, false, f->file_name, f->checksum}));
    return add_location(d, f, id);
}

/* ---- a batch ------------------------------------------------------------------------------------------------------- */
static enum err declare_all(struct declare *d)
{
    size_t n_late, n_before = SIZE_MAX;
    memset(d->is_done, 0, d->n * sizeof *d->is_done);
    do { /* parents may stand behind their children */
        n_late = 0;
        for (size_t i = 0; i < d->n; i++) {
            bool is_late;
            if (d->is_done[i]) continue;
            TRY(declare_one(d, i, &is_late));
            d->is_done[i] = !is_late;
            n_late += is_late;
        }
        if (n_late == n_before) break;
        n_before = n_late;
    } while (n_late > 0);
    return ERR_OK;
}

static enum err work(void *context)
{
    struct declare *d = context;
    bool is_found;
    d->now_s     = catalogue_now_s();
    d->config_id = 0;
    if (d->check) TRY(d->check->ask(d->check->context));
    TRY(db_get_int(d->catalogue->db, "select coalesce(max(id), 0) + 1 from files", NULL, 0, &d->next_file, &is_found));
    TRY(db_get_int(d->catalogue->db, "select coalesce(max(id), 0) + 1 from configs", NULL, 0, &d->next_config,
                   &is_found));
    int64_t first = d->next_file;
    enum err rc   = catalogue_known_read(&d->known, d->catalogue->db, d->file, d->n);
    if (!rc) rc = declare_all(d);
    if (!rc) rc = db_flush(d->catalogue->db);
    catalogue_known_free(&d->known);
    for (int i = 0; i < N_STATEMENTS; i++) {
        db_finish(d->statement[i]);
        d->statement[i] = NULL;
    }
    if (rc) return rc;
    char what[100 + CATALOGUE_MAX_NAME];
    snprintf(what, sizeof what, "%lld of %zu files are new, from %s", (long long)(d->next_file - first), d->n,
             d->file[0].file_name);
    const char *verb = d->catalogue->verb;
    bool is_by_hand = !verb || strcmp(verb, "declare") == 0, is_rebuild = verb && strcmp(verb, "rebuild") == 0;
    return catalogue_note(d->catalogue, d->user, is_by_hand ? "declare" : is_rebuild ? "rebuild" : "ingest", what);
}

enum err catalogue_declare(struct catalogue *catalogue, const struct catalogue_file *files, size_t n, const char *user,
                           struct catalogue_result *results)
{
    return catalogue_declare_if(catalogue, NULL, files, n, user, results);
}

enum err catalogue_declare_if(struct catalogue *catalogue, const struct catalogue_check *check,
                              const struct catalogue_file *files, size_t n, const char *user,
                              struct catalogue_result *results)
{
    struct declare d = {.catalogue = catalogue, .check = check, .file = files, .n = n, .user = user, .result = results};
    enum err rc      = ERR_OK;
    if (n == 0) return ERR_OK;
    TRY(mem_alloc(&d.is_done, n, sizeof *d.is_done));
    rc = db_transaction(catalogue->db, CATALOGUE_LOCK, work, &d);
    mem_free(d.is_done);
    mem_free(d.parent);
    return rc;
}
