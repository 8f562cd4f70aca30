/* The catalogue from storage alone. */
#include "rebuild.h"

#include "header.h"
#include "ingest.h"
#include "log.h"
#include "mem.h"
#include "place.h"
#include "progress.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 500, MAX_PATH = 4096 };

struct rebuild {
    struct catalogue *catalogue;
    const char *user;
    struct rebuild_tally *tally;
    char **path;
    size_t n_paths, path_capacity;
    struct catalogue_file *file; /* [BATCH] in hand */
    size_t n_files;
    struct catalogue_file *late; /* refused so far: their parents may come */
    size_t n_late, late_capacity;
};

/* ---- folders --------------------------------------------------------------------------------------------------------- */
static bool ends(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n > k && strcmp(text + n - k, tail) == 0;
}

static enum err add_path(struct rebuild *r, const char *path)
{
    if (ends(path, ".json")) return ERR_OK;
    if (strstr(path, ".part")) {
        r->tally->n_unfinished++;
        return ERR_OK;
    }
    if (!header_is_known(path)) {
        r->tally->n_other++;
        return ERR_OK;
    }
    if (r->n_paths == r->path_capacity) {
        size_t wanted = 2 * r->path_capacity + 1024;
        TRY(mem_resize(&r->path, r->path_capacity, wanted, sizeof *r->path));
        r->path_capacity = wanted;
    }
    r->path[r->n_paths] = mem_string(path);
    REQUIRE(r->path[r->n_paths], ERR_MEMORY, "out of memory");
    r->n_paths++;
    return ERR_OK;
}

static enum err walk(struct rebuild *r, const char *folder)
{
    char *root = realpath(folder, NULL);
    REQUIRE(root, ERR_OPEN, "%s: %s", folder, strerror(errno));
    char *const roots[] = {root, NULL};
    FTS *tree           = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    enum err rc         = tree ? ERR_OK : err_fail(ERR_OPEN, __FILE__, __LINE__, "%s: %s", folder, strerror(errno));
    for (FTSENT *e; !rc && (e = fts_read(tree)) != NULL;) {
        if (e->fts_info == FTS_F) rc = add_path(r, e->fts_path);
        bool is_gone = e->fts_info != FTS_ERR && e->fts_errno == ENOENT; /* others work here */
        if (!is_gone && (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS))
            rc = err_fail(ERR_READ, __FILE__, __LINE__, "%s: %s", e->fts_path, strerror(e->fts_errno));
    }
    if (tree) fts_close(tree);
    free(root);
    return rc;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* ---- one file -------------------------------------------------------------------------------------------------------- */
static void note_lacks(struct rebuild_tally *t, const char *lacks)
{
    if (strlen(lacks) > strlen(t->lacks)) snprintf(t->lacks, sizeof t->lacks, "%s", lacks);
}

/* *sidecar NULL: there is none */
static enum err read_sidecar(const char *path, char **sidecar)
{
    char json[MAX_PATH + 8];
    *sidecar = NULL;
    snprintf(json, sizeof json, "%s.json", path);
    return access(json, F_OK) == 0 ? ingest_text(json, sidecar) : ERR_OK;
}

static enum err describe(struct rebuild *r, const char *path, struct catalogue_file *out)
{
    char *header, *sidecar = NULL, *json = NULL, differs[400], lacks[400], url[MAX_PATH + 8];
    TRY(header_read(path, &header));
    enum err rc = read_sidecar(path, &sidecar);
    if (!rc) rc = header_join(header, sidecar, &json, differs, lacks);
    if (!rc) rc = catalogue_parse(json, path, out);
    if (!rc) rc = place_of_path(path, url, sizeof url);
    if (!rc) {
        out->location = mem_string(url);
        r->tally->n_bare += !sidecar;
        r->tally->n_differ += *differs != 0;
        note_lacks(r->tally, lacks);
        if (*differs) log_warn("%s: its header and its JSON disagree in %s: the header counts", path, differs);
    }
    mem_free(header);
    mem_free(sidecar);
    mem_free(json);
    return rc;
}

/* ---- declaring ------------------------------------------------------------------------------------------------------- */
static enum err keep_late(struct rebuild *r, struct catalogue_file *f)
{
    if (r->n_late == r->late_capacity) {
        size_t wanted = 2 * r->late_capacity + 64;
        TRY(mem_resize(&r->late, r->late_capacity, wanted, sizeof *r->late));
        r->late_capacity = wanted;
    }
    r->late[r->n_late++] = *f;
    *f                   = (struct catalogue_file){.json = NULL};
    return ERR_OK;
}

/* What is refused is kept for another round, unless this is the last. */
static enum err declare(struct rebuild *r, struct catalogue_file *file, size_t n, bool is_last, size_t *n_taken)
{
    struct catalogue_result *result;
    TRY(mem_alloc(&result, n + 1, sizeof *result));
    enum err rc = catalogue_declare(r->catalogue, file, n, r->user, result);
    for (size_t i = 0; i < n && !rc; i++) {
        bool is_refused = result[i].outcome == CATALOGUE_REFUSED;
        *n_taken += !is_refused;
        if (is_refused && !is_last) {
            rc = keep_late(r, &file[i]);
            continue;
        }
        r->tally->n[result[i].outcome]++;
        if (result[i].outcome >= CATALOGUE_CONFLICT)
            log_error("%s: %s: %s", file[i].file_name, is_refused ? "refused" : "in conflict", result[i].why);
    }
    for (size_t i = 0; i < n; i++) catalogue_file_free(&file[i]);
    mem_free(result);
    return rc;
}

static enum err declare_all(struct rebuild *r)
{
    struct progress bar;
    size_t n_taken = 0;
    enum err rc    = ERR_OK;
    progress_begin(&bar, "rebuild", (int64_t)r->n_paths);
    for (size_t i = 0; i < r->n_paths && !rc; i++) {
        if (describe(r, r->path[i], &r->file[r->n_files])) {
            log_error("%s is left out: %s", r->path[i], err_message());
            err_clear();
            r->tally->n[CATALOGUE_REFUSED]++;
        } else {
            r->n_files++;
        }
        progress_add(&bar, 1);
        if (r->n_files < BATCH && i + 1 < r->n_paths) continue;
        rc         = declare(r, r->file, r->n_files, false, &n_taken);
        r->n_files = 0;
    }
    progress_end(&bar);
    return rc;
}

/* As long as parents come. */
static enum err declare_late(struct rebuild *r)
{
    bool is_last = false;
    while (r->n_late > 0) {
        struct catalogue_file *file = r->late;
        size_t n = r->n_late, n_taken = 0;
        r->late   = NULL;
        r->n_late = r->late_capacity = 0;
        enum err rc                  = declare(r, file, n, is_last, &n_taken);
        mem_free(file);
        if (rc) return rc;
        is_last = n_taken == 0;
    }
    return ERR_OK;
}

enum err rebuild_run(struct catalogue *catalogue, const char *const *folders, size_t n, const char *user,
                     struct rebuild_tally *out)
{
    *out             = (struct rebuild_tally){.n_bare = 0};
    struct rebuild r = {.catalogue = catalogue, .user = user, .tally = out};
    enum err rc      = mem_alloc(&r.file, BATCH, sizeof *r.file);
    for (size_t i = 0; i < n && !rc; i++) rc = walk(&r, folders[i]);
    if (!rc && r.n_paths) qsort(r.path, r.n_paths, sizeof *r.path, by_text);
    if (!rc) rc = declare_all(&r);
    if (!rc) rc = declare_late(&r);
    for (size_t i = 0; i < r.n_files; i++) catalogue_file_free(&r.file[i]);
    for (size_t i = 0; i < r.n_late; i++) catalogue_file_free(&r.late[i]);
    for (size_t i = 0; i < r.n_paths; i++) mem_free(r.path[i]);
    mem_free(r.path);
    mem_free(r.file);
    mem_free(r.late);
    return rc;
}
