/* Metadata from disk to the catalogue, in batches. */
#include "ingest.h"

#include "log.h"
#include "mem.h"
#include "place.h"
#include "progress.h"
#include "publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BATCH = 1000, MAX_JSON = 64 << 20, MAX_PATH = 4096 };

enum err ingest_text(const char *path, char **out)
{
    struct stat st;
    int fd  = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is not waited for */
    FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");
    REQUIRE(f, errno == ENOENT ? ERR_NOTFOUND : ERR_OPEN, "cannot open %s: %s", path, strerror(errno));
    enum err rc = fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && st.st_size < MAX_JSON
                      ? ERR_OK
                      : err_fail(ERR_DATA, __FILE__, __LINE__, "%s is no file of metadata", path);
    if (!rc) rc = mem_alloc(out, (size_t)st.st_size + 1, 1);
    bool is_made = !rc;
    if (!rc && fread(*out, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
        rc = err_fail(ERR_READ, __FILE__, __LINE__, "cannot read %s", path);
    if (!rc && strlen(*out) != (size_t)st.st_size) rc = err_fail(ERR_DATA, __FILE__, __LINE__, "%s is no text", path);
    if (rc && is_made) mem_free(*out);
    if (rc) *out = NULL;
    fclose(f);
    return rc;
}

static bool ends(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n > k && strcmp(text + n - k, tail) == 0;
}

/* The product lies beside its JSON: its size must be the one declared, its place is its location. */
static enum err add_own_place(const char *json, struct catalogue_file *f)
{
    char path[MAX_PATH], url[MAX_PATH + 8], *real;
    struct stat st;
    snprintf(path, sizeof path, "%.*s", (int)(strlen(json) - strlen(".json")), json);
    if (stat(path, &st) != 0) return ERR_OK; /* only the metadata are here */
    const char *slash = strrchr(path, '/');
    REQUIRE(strcmp(slash ? slash + 1 : path, f->file_name) == 0, ERR_DATA,
            "its file_name is %s, not that of the file beside it", f->file_name);
    REQUIRE(S_ISREG(st.st_mode), ERR_DATA, "%s is no file", path);
    REQUIRE((int64_t)st.st_size == f->file_size, ERR_DATA, "%s has %lld bytes, its metadata say %lld", path,
            (long long)st.st_size, (long long)f->file_size);
    real = realpath(path, NULL);
    REQUIRE(real, ERR_OPEN, "%s: %s", path, strerror(errno));
    enum err rc = place_of_path(real, url, sizeof url);
    free(real);
    if (!rc) rc = catalogue_check_location(url); /* a name of a folder may hold anything */
    if (rc) return rc;
    f->location = mem_string(url);
    return f->location ? ERR_OK : ERR_MEMORY;
}

enum err ingest_read(const char *name, const char *location, char **text, struct catalogue_file *out)
{
    char path[MAX_PATH];
    int n = snprintf(path, sizeof path, "%s%s", name, ends(name, ".json") ? "" : ".json");
    REQUIRE(n < MAX_PATH, ERR_OPEN, "file name too long: %.100s...", name);
    TRY(ingest_text(path, text));
    enum err rc = catalogue_parse(*text, path, out);
    if (!rc && !location) rc = add_own_place(path, out);
    if (!rc && location && *location) rc = catalogue_check_location(location);
    if (!rc && location && *location) {
        out->location = mem_string(location);
        rc            = out->location ? ERR_OK : ERR_MEMORY;
    }
    if (!rc) return ERR_OK;
    mem_free(*text);
    *text = NULL;
    catalogue_file_free(out);
    return err_context(rc, "%s", path);
}

/* Declaring many. */
struct round {
    struct catalogue *catalogue;
    const struct catalogue_check *check;
    const char *location, *user;
    bool is_last;
    const char **late; /* refused so far: their parents may come */
    size_t n_late;
    struct ingest_tally *tally;
};

static enum err declare_batch(struct round *r, struct catalogue_file *file, const char *const *path, size_t n)
{
    struct catalogue_result *result;
    TRY(mem_alloc(&result, n, sizeof *result));
    enum err rc = catalogue_declare_if(r->catalogue, r->check, file, n, r->user, result);
    for (size_t i = 0; i < n && !rc; i++) {
        if (result[i].outcome == CATALOGUE_REFUSED && !r->is_last) {
            r->late[r->n_late++] = path[i];
            continue;
        }
        r->tally->n[result[i].outcome]++;
        bool is_bad = result[i].outcome == CATALOGUE_CONFLICT || result[i].outcome == CATALOGUE_REFUSED;
        if (is_bad && !*r->tally->why) snprintf(r->tally->why, sizeof r->tally->why, "%.99s", result[i].why);
        if (result[i].outcome == CATALOGUE_CONFLICT)
            log_error("%s: in conflict: %s; both descriptions are kept (table file_conflicts)", file[i].file_name,
                      result[i].why);
        if (result[i].outcome == CATALOGUE_REFUSED) log_error("%s: refused: %s", file[i].file_name, result[i].why);
    }
    mem_free(result);
    return rc;
}

static enum err declare_round(struct round *r, const char *const *paths, size_t n_paths)
{
    struct catalogue_file *file;
    const char *path[BATCH];
    size_t n    = 0;
    enum err rc = ERR_OK;
    struct progress bar;
    TRY(mem_alloc(&file, BATCH, sizeof *file));
    progress_begin(&bar, "declare", (int64_t)n_paths);
    for (size_t i = 0; i < n_paths && !rc; i++) {
        char *text = NULL;
        if (ingest_read(paths[i], r->location, &text, &file[n])) { /* one bad file does not keep the others out */
            log_error("%s", err_message());
            if (!*r->tally->why) snprintf(r->tally->why, sizeof r->tally->why, "%.99s", err_message());
            err_clear();
            r->tally->n[CATALOGUE_REFUSED]++;
        } else {
            path[n++] = paths[i];
        }
        mem_free(text);
        progress_add(&bar, 1);
        if (n < BATCH && i + 1 < n_paths) continue;
        rc = declare_batch(r, file, path, n);
        while (n > 0) catalogue_file_free(&file[--n]);
    }
    progress_end(&bar);
    mem_free(file);
    return rc;
}

/* As long as parents come that stood batches behind their children. */
static enum err declare_paths(struct catalogue *c, const struct catalogue_check *check, const char *const *paths,
                              size_t n_paths, const char *location, const char *user, struct ingest_tally *tally)
{
    struct round r = {c, check, location, user, n_paths <= BATCH, NULL, 0, tally};
    TRY(mem_alloc(&r.late, n_paths + 1, sizeof *r.late));
    enum err rc = declare_round(&r, paths, n_paths);
    for (size_t n_before = 0; r.n_late > 0 && !rc;) {
        size_t n  = r.n_late;
        r.is_last = tally->n[CATALOGUE_DECLARED] == n_before;
        n_before  = tally->n[CATALOGUE_DECLARED];
        r.n_late  = 0;
        rc        = declare_round(&r, r.late, n);
    }
    mem_free(r.late);
    return rc;
}

enum err ingest_declare(struct catalogue *c, const char *const *paths, size_t n, const char *location, const char *user,
                        struct ingest_tally *tally)
{
    return declare_paths(c, NULL, paths, n, location, user, tally);
}

/* ---- folders ------------------------------------------------------------------------------------------------------- */
static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

enum err ingest_list(const char *folder, char ***names, size_t *n)
{
    size_t capacity = 0;
    enum err rc     = ERR_OK;
    struct dirent *e;
    *names   = NULL;
    *n       = 0;
    DIR *dir = opendir(folder);
    if (!dir && errno == ENOENT) return ERR_OK; /* nothing was made yet */
    REQUIRE(dir, ERR_OPEN, "cannot open %s: %s", folder, strerror(errno));
    while (!rc && (e = readdir(dir)) != NULL) {
        char path[MAX_PATH];
        if (e->d_name[0] == '.' || !ends(e->d_name, ".json")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (*n == capacity) {
            size_t wanted = 2 * capacity + 64;
            rc            = mem_resize(names, capacity, wanted, sizeof **names);
            if (!rc) capacity = wanted;
        }
        if (!rc) (*names)[*n] = mem_string(path);
        if (!rc && !(*names)[*n]) rc = ERR_MEMORY;
        if (!rc) (*n)++;
    }
    closedir(dir);
    if (*n) qsort(*names, *n, sizeof **names, by_name);
    return rc;
}

void ingest_list_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) mem_free(names[i]);
    mem_free(names);
}

enum err ingest_folder(struct catalogue *c, const char *folder, const struct catalogue_check *check, const char *user,
                       struct ingest_tally *tally)
{
    char **names;
    size_t n;
    enum err rc = ingest_list(folder, &names, &n);
    if (!rc && n) rc = declare_paths(c, check, (const char *const *)names, n, NULL, user, tally);
    ingest_list_free(names, n);
    return rc;
}
