/* From a drop box to the store and the catalogue. */
#include "drop_box.h"

#include "header.h"
#include "log.h"
#include "mem.h"
#include "progress.h"
#include "publish.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 200, MAX_PATH = 4096, COPY_BYTES = 1 << 20 };

/* What is taken from where, for whom. */
struct errand {
    struct catalogue *catalogue;
    const char *folder, *store, *user;
    const struct catalogue_check *check;
    bool is_loud; /* says what stays */
};

/* A file on its way. */
struct parcel {
    struct catalogue_file file;
    char source[MAX_PATH], target[MAX_PATH]; /* without .json */
    bool is_empty;                           /* the product went already: a life before was killed here */
};

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static enum err check(const char *path, const struct catalogue_file *f)
{
    char sum[32];
    unsigned long long size;
    TRY(publish_checksum(path, sum, &size));
    REQUIRE((int64_t)size == f->file_size && strcmp(sum, f->checksum) == 0, ERR_DATA,
            "%s has %llu bytes and %s, its metadata say %lld and %s", path, size, sum, (long long)f->file_size,
            f->checksum);
    return ERR_OK;
}

/* ---- copying ------------------------------------------------------------------------------------------------------- */
static enum err write_all(int fd, const char *bytes, size_t n, const char *path)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);
        if (k < 0 && errno == EINTR) continue;
        REQUIRE(k > 0, ERR_WRITE, "cannot write %s: %s", path, strerror(errno));
        bytes += k;
        n -= (size_t)k;
    }
    return ERR_OK;
}

static enum err copy_open(int from, int to, const char *source, const char *part)
{
    char *buffer;
    enum err rc = mem_alloc(&buffer, 1, COPY_BYTES);
    for (ssize_t n = 1; !rc && n > 0;) {
        n = read(from, buffer, COPY_BYTES);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            rc = err_fail(ERR_READ, __FILE__, __LINE__, "cannot read %s: %s", source, strerror(errno));
        else
            rc = write_all(to, buffer, (size_t)n, part);
    }
    if (!rc && fsync(to) != 0)
        rc = err_fail(ERR_WRITE, __FILE__, __LINE__, "cannot sync %s: %s", part, strerror(errno));
    mem_free(buffer);
    return rc;
}

static enum err copy(const char *source, const char *part)
{
    int from = open(source, O_RDONLY | O_CLOEXEC);
    REQUIRE(from >= 0, ERR_OPEN, "cannot open %s: %s", source, strerror(errno));
    int to      = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    enum err rc = to < 0 ? err_fail(ERR_WRITE, __FILE__, __LINE__, "cannot make %s: %s", part, strerror(errno))
                         : copy_open(from, to, source, part);
    close(from);
    if (to >= 0 && close(to) != 0 && !rc) rc = err_fail(ERR_WRITE, __FILE__, __LINE__, "cannot close %s", part);
    return rc;
}

/* The store's file is there and whole at the end, whoever made it. */
static enum err deliver(const struct parcel *p)
{
    char part[MAX_PATH + 32];
    if (is_there(p->target)) {
        enum err rc = check(p->target, &p->file); /* of another life, or another file of that name */
        return rc ? err_context(ERR_MISMATCH, "the store has another file of this name") : ERR_OK;
    }
    TRY(check(p->source, &p->file));
    snprintf(part, sizeof part, "%s%s", p->target, publish_part_suffix());
    enum err rc = copy(p->source, part);
    if (!rc) rc = check(part, &p->file);
    if (!rc) rc = publish_file(part, p->target);
    if (rc) unlink(part);
    return rc;
}

/* ---- parcels ------------------------------------------------------------------------------------------------------- */
static bool is_json(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

/* name: of the metadata, or of a raw file that has none */
static enum err address(const char *name, const char *store, struct parcel *p)
{
    char folder[MAX_PATH], url[MAX_PATH + 8], *real;
    TRY(catalogue_check_name(p->file.data_tier)); /* it becomes a folder */
    snprintf(p->source, sizeof p->source, "%.*s", (int)(strlen(name) - (is_json(name) ? strlen(".json") : 0)), name);
    const char *slash = strrchr(p->source, '/'), *base = slash ? slash + 1 : p->source;
    REQUIRE(strcmp(base, p->file.file_name) == 0, ERR_DATA, "its file_name is %s, not that of the file beside it",
            p->file.file_name);
    int n = snprintf(folder, sizeof folder, "%s/%s/%06" PRId64, store, p->file.data_tier, p->file.run[0].run);
    REQUIRE(n < MAX_PATH - 300, ERR_WRITE, "the store's path is too long");
    TRY(publish_make_folder(folder));
    real = realpath(folder, NULL);
    REQUIRE(real, ERR_OPEN, "%s: %s", folder, strerror(errno));
    n = snprintf(p->target, sizeof p->target, "%s/%s", real, p->file.file_name);
    free(real);
    REQUIRE(n < MAX_PATH, ERR_WRITE, "the store's path is too long");
    snprintf(url, sizeof url, "file:%s", p->target);
    TRY(catalogue_check_location(url));
    p->file.location = mem_string(url);
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

static enum err accept(const char *name, const char *store, struct parcel *p)
{
    char *text, target_json[MAX_PATH + 8];
    TRY(is_json(name) ? ingest_read(name, "", &text, &p->file) : read_own(name, &text, &p->file));
    enum err rc = address(name, store, p);
    p->is_empty = !rc && !is_there(p->source);
    if (p->is_empty && !is_there(p->target))
        rc = err_fail(ERR_NOTFOUND, __FILE__, __LINE__, "there is no file %s beside its metadata", p->source);
    if (!rc) rc = deliver(p);
    snprintf(target_json, sizeof target_json, "%s.json", p->target);
    if (!rc) rc = publish_text(target_json, text, strlen(text), 1);
    mem_free(text);
    if (rc) catalogue_file_free(&p->file);
    return rc;
}

/* Its metadata go last: what has them comes in the next life. */
static void let_go(const struct parcel *p)
{
    char json[MAX_PATH + 8];
    snprintf(json, sizeof json, "%s.json", p->source);
    if ((!p->is_empty && unlink(p->source) != 0) || (unlink(json) != 0 && errno != ENOENT))
        log_warn("%s is in the store, but does not go from here: %s", p->source, strerror(errno));
}

static enum err declare(const struct errand *e, struct parcel *p, size_t n, struct ingest_tally *tally)
{
    struct catalogue_file *file;
    struct catalogue_result *result = NULL;
    TRY(mem_alloc(&file, n, sizeof *file));
    enum err rc = mem_alloc(&result, n, sizeof *result);
    for (size_t i = 0; i < n && !rc; i++) file[i] = p[i].file;
    if (!rc) rc = catalogue_declare_if(e->catalogue, e->check, file, n, e->user, result);
    for (size_t i = 0; i < n && !rc; i++) {
        tally->n[result[i].outcome]++;
        if (result[i].outcome <= CATALOGUE_SAME)
            let_go(&p[i]);
        else if (e->is_loud)
            log_error("%s stays: %s", p[i].source, result[i].why);
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

static enum err take_round(const struct errand *e, struct ingest_tally *tally)
{
    struct parcel *p;
    char **names;
    size_t n, k = 0;
    if (e->check) TRY(e->check->ask(e->check->context));
    TRY(ingest_list(e->folder, &names, &n));
    enum err rc = add_raw(e->folder, &names, &n, &tally->n[INGEST_GROWING]);
    if (!rc) rc = mem_alloc(&p, BATCH, sizeof *p);
    if (rc) {
        ingest_list_free(names, n);
        return rc;
    }
    struct progress bar;
    progress_begin(&bar, "ingest", (int64_t)n);
    for (size_t i = 0; i < n && !rc; i++) {
        enum err bad = accept(names[i], e->store, &p[k]);
        if (bad) {
            if (e->is_loud) log_error("%s stays: %s", names[i], err_message());
            err_clear();
            tally->n[bad == ERR_MISMATCH ? CATALOGUE_CONFLICT : CATALOGUE_REFUSED]++;
        } else {
            k++;
        }
        progress_add(&bar, 1);
        if (k == 0 || (k < BATCH && i + 1 < n)) continue;
        rc = declare(e, p, k, tally);
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
    struct errand errand = {.catalogue = c, .folder = folder, .store = store, .user = user, .check = check};
    for (;;) {
        struct ingest_tally t = {{0}};
        TRY(take_round(&errand, &t));
        size_t n_moved = t.n[CATALOGUE_DECLARED] + t.n[CATALOGUE_SAME],
               n_left  = t.n[CATALOGUE_CONFLICT] + t.n[CATALOGUE_REFUSED];
        tally->n[CATALOGUE_DECLARED] += t.n[CATALOGUE_DECLARED];
        tally->n[CATALOGUE_SAME] += t.n[CATALOGUE_SAME];
        tally->n[INGEST_GROWING] = t.n[INGEST_GROWING];
        if (n_left > 0 && (n_moved > 0 || !errand.is_loud)) {
            errand.is_loud = n_moved == 0;
            continue;
        }
        tally->n[CATALOGUE_CONFLICT] += t.n[CATALOGUE_CONFLICT];
        tally->n[CATALOGUE_REFUSED] += t.n[CATALOGUE_REFUSED];
        return ERR_OK;
    }
}
