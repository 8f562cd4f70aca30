/* From a drop box to the store and the catalogue. */
#include "drop_box.h"

#include "header.h"
#include "log.h"
#include "mem.h"
#include "place_copy.h"
#include "progress.h"
#include "publish.h"
#include "watch.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 200, MAX_PATH = 4096 };

/* What is taken from where, for whom. */
struct errand {
    struct catalogue *catalogue;
    const char *folder, *user, *store; /* store: a path, or a URL */
    bool is_path;
    const struct catalogue_check *check;
    bool is_first, is_loud; /* the first round; says what stays */
};

/* A file on its way. */
struct parcel {
    struct catalogue_file file;
    char source[MAX_PATH], url[PLACE_MAX_URL]; /* from, to; without .json */
    bool is_empty;                             /* the product went already: a life before was killed here */
    struct watch_mark mark;                    /* else: as it was before it was read */
};

/* Once over the folder. */
struct round {
    struct ingest_tally tally;
    size_t n_gone;
};

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* ---- parcels ------------------------------------------------------------------------------------------------------- */
static bool is_json(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

/* STORE/TIER/RUN/NAME; a folder of this host is made. */
static enum err name_place(const struct errand *e, struct parcel *p)
{
    char folder[MAX_PATH], path[PATH_MAX + CATALOGUE_MAX_NAME + 2], *real;
    int n = snprintf(folder, sizeof folder, "%s/%s/%06" PRId64, e->store, p->file.data_tier, p->file.run[0].run);
    REQUIRE(n < MAX_PATH - 300, ERR_WRITE, "the store's path is too long");
    if (!e->is_path) {
        snprintf(p->url, sizeof p->url, "%s/%s", folder, p->file.file_name);
        return ERR_OK;
    }
    TRY(publish_make_folder(folder));
    real = realpath(folder, NULL);
    REQUIRE(real, ERR_OPEN, "%s: %s", folder, strerror(errno));
    snprintf(path, sizeof path, "%s/%s", real, p->file.file_name);
    free(real);
    return place_of_path(path, p->url, sizeof p->url);
}

/* name: of the metadata, or of a raw file that has none */
static enum err address(const struct errand *e, const char *name, struct parcel *p)
{
    TRY(catalogue_check_name(p->file.data_tier)); /* it becomes a folder */
    snprintf(p->source, sizeof p->source, "%.*s", (int)(strlen(name) - (is_json(name) ? strlen(".json") : 0)), name);
    const char *slash = strrchr(p->source, '/'), *base = slash ? slash + 1 : p->source;
    REQUIRE(strcmp(base, p->file.file_name) == 0, ERR_DATA, "its file_name is %s, not that of the file beside it",
            p->file.file_name);
    TRY(name_place(e, p));
    TRY(catalogue_check_location(p->url));
    p->file.location = mem_string(p->url);
    return p->file.location ? ERR_OK : ERR_MEMORY;
}

/* A raw file without metadata says itself what it is. */
static enum err read_own(const char *path, char **text, struct catalogue_file *out)
{
    TRY(header_read(path, text));
    enum err rc = catalogue_parse(*text, path, out);
    if (rc) mem_free(*text);
    return rc;
}

/* The store's file is there and whole at the end, whoever made it. The product may have gone already: a life before was killed here. */
static enum err deliver(struct parcel *p)
{
    const struct place_bytes bytes = {p->file.file_size, p->file.checksum};
    struct place_seen seen;
    p->is_empty = !is_there(p->source);
    if (p->is_empty) TRY(place_look(p->url, false, &seen));
    if (!p->is_empty) TRY(watch_mark(p->source, &p->mark));
    REQUIRE(!p->is_empty || seen.state != PLACE_GONE, ERR_NOTFOUND, "there is no file %s beside its metadata",
            p->source);
    return place_copy_out(p->source, p->url, &bytes);
}

static enum err accept(const struct errand *e, const char *name, struct parcel *p)
{
    char *text, json[PLACE_MAX_URL + 8];
    TRY(is_json(name) ? ingest_read(name, "", &text, &p->file) : read_own(name, &text, &p->file));
    enum err rc = address(e, name, p);
    if (!rc) rc = deliver(p);
    snprintf(json, sizeof json, "%s.json", p->url);
    if (!rc) rc = place_copy_text(text, json);
    mem_free(text);
    if (rc) catalogue_file_free(&p->file);
    return rc;
}

/* Is it still what was copied? */
static enum err check_mark(const struct parcel *p)
{
    struct watch_mark now;
    TRY(watch_mark(p->source, &now));
    REQUIRE(now.size == p->mark.size && now.changed_ns == p->mark.changed_ns, ERR_AGAIN,
            "it has changed since it was copied");
    return ERR_OK;
}

/* Its metadata go last: what has them comes in the next life. */
static enum err let_go(const struct parcel *p)
{
    char json[MAX_PATH + 8];
    snprintf(json, sizeof json, "%s.json", p->source);
    if (!p->is_empty && is_there(p->source)) {
        TRY(check_mark(p));
        REQUIRE(unlink(p->source) == 0 || errno == ENOENT, ERR_WRITE, "%s", strerror(errno));
    }
    REQUIRE(unlink(json) == 0 || errno == ENOENT, ERR_WRITE, "%s", strerror(errno));
    return ERR_OK;
}

/* What cannot go is told and counted once. */
static void settle(const struct errand *e, const struct parcel *p, enum catalogue_outcome outcome, struct round *r)
{
    bool is_gone = let_go(p) == ERR_OK, is_new = e->is_first || outcome == CATALOGUE_DECLARED;
    if (!is_gone && is_new) log_warn("%s is in the store, but does not go from here: %s", p->source, err_message());
    if (!is_gone) err_clear();
    r->n_gone += is_gone;
    if (is_gone || is_new) r->tally.n[outcome]++;
}

static enum err declare(const struct errand *e, struct parcel *p, size_t n, struct round *r)
{
    struct catalogue_file *file;
    struct catalogue_result *result = NULL;
    TRY(mem_alloc(&file, n, sizeof *file));
    enum err rc = mem_alloc(&result, n, sizeof *result);
    for (size_t i = 0; i < n && !rc; i++) file[i] = p[i].file;
    if (!rc) rc = catalogue_declare_if(e->catalogue, e->check, file, n, e->user, result);
    for (size_t i = 0; i < n && !rc; i++) {
        if (result[i].outcome <= CATALOGUE_SAME) {
            settle(e, &p[i], result[i].outcome, r);
            continue;
        }
        r->tally.n[result[i].outcome]++;
        if (e->is_loud) log_error("%s stays: %s", p[i].source, result[i].why);
    }
    mem_free(file);
    mem_free(result);
    return rc;
}

/* ---- raw files without metadata ------------------------------------------------------------------------------------------ */
static bool has_json(const char *path)
{
    char json[MAX_PATH + 8];
    snprintf(json, sizeof json, "%s.json", path);
    return is_there(json);
}

static enum err add_name(char ***names, size_t *n, const char *path)
{
    TRY(mem_resize(names, *n, *n + 1, sizeof **names));
    (*names)[*n] = mem_string(path);
    REQUIRE((*names)[*n], ERR_MEMORY, "out of memory");
    ++*n;
    return ERR_OK;
}

/* Adds those that are closed; how many are not is told. */
static enum err add_raw(const char *folder, char ***names, size_t *n, size_t *n_growing)
{
    const struct watch_cfg rule = {.scan_s = 1.0, .quiet_s = 60.0, .settle_s = 5.0};
    struct watch *w;
    size_t n_files = 0;
    *n_growing     = 0;
    if (!is_there(folder)) return ERR_OK;
    TRY(watch_open(folder, &rule, &w));
    enum err rc = watch_look(w, (double)time(NULL));
    if (!rc) rc = watch_look(w, (double)time(NULL)); /* what changes between two looks is not closed */
    const struct watch_file *file = rc ? NULL : watch_files(w, &n_files);
    for (size_t i = 0; i < n_files && !rc; i++) {
        if (has_json(file[i].path)) continue;
        if (file[i].state == WATCH_READY)
            rc = add_name(names, n, file[i].path);
        else
            ++*n_growing;
    }
    watch_free(w);
    return rc;
}

static enum err take_round(const struct errand *e, struct round *r)
{
    struct parcel *p;
    char **names;
    size_t n, k = 0;
    if (e->check) TRY(e->check->ask(e->check->context));
    TRY(ingest_list(e->folder, &names, &n));
    enum err rc = add_raw(e->folder, &names, &n, &r->tally.n[INGEST_GROWING]);
    if (!rc) rc = mem_alloc(&p, BATCH, sizeof *p);
    if (rc) {
        ingest_list_free(names, n);
        return rc;
    }
    struct progress bar;
    progress_begin(&bar, "ingest", (int64_t)n);
    for (size_t i = 0; i < n && !rc; i++) {
        enum err bad = accept(e, names[i], &p[k]);
        if (bad) {
            if (e->is_loud) log_error("%s stays: %s", names[i], err_message());
            err_clear();
            r->tally.n[bad == ERR_MISMATCH ? CATALOGUE_CONFLICT : CATALOGUE_REFUSED]++;
        } else {
            k++;
        }
        progress_add(&bar, 1);
        if (k == 0 || (k < BATCH && i + 1 < n)) continue;
        rc = declare(e, p, k, r);
        while (k > 0) catalogue_file_free(&p[--k].file);
    }
    while (k > 0) catalogue_file_free(&p[--k].file);
    progress_end(&bar);
    mem_free(p);
    ingest_list_free(names, n);
    return rc;
}

/* Children may come before their parents: rounds go on as long as something moves; the last one says what stays. */
enum err drop_box_ingest(struct catalogue *c, const char *folder, const char *store,
                         const struct catalogue_check *check, const char *user, struct ingest_tally *tally)
{
    char at[MAX_PATH];
    struct errand errand = {
        .catalogue = c, .folder = folder, .store = at, .user = user, .check = check, .is_first = true};
    TRY(place_of_store(store, at, sizeof at, &errand.is_path));
    for (;; errand.is_first = false) {
        struct round r = {.n_gone = 0};
        TRY(take_round(&errand, &r));
        size_t n_left = r.tally.n[CATALOGUE_CONFLICT] + r.tally.n[CATALOGUE_REFUSED];
        tally->n[CATALOGUE_DECLARED] += r.tally.n[CATALOGUE_DECLARED];
        tally->n[CATALOGUE_SAME] += r.tally.n[CATALOGUE_SAME];
        tally->n[INGEST_GROWING] = r.tally.n[INGEST_GROWING];
        if (n_left > 0 && (r.n_gone > 0 || !errand.is_loud)) {
            errand.is_loud = r.n_gone == 0;
            continue;
        }
        tally->n[CATALOGUE_CONFLICT] += r.tally.n[CATALOGUE_CONFLICT];
        tally->n[CATALOGUE_REFUSED] += r.tally.n[CATALOGUE_REFUSED];
        return ERR_OK;
    }
}
