/* Storage against catalogue. */
#include "audit.h"

#include "catalogue_internal.h"
#include "log.h"
#include "mem.h"
#include "place.h"
#include "progress.h"
#include "utf8.h"

#include <errno.h>
#include <fts.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE_BYTES = 8192, SAID = 3 };

struct paths { /* sorted before the store is walked */
    char **one;
    size_t n, capacity;
};

struct audit {
    struct audit_counts *counts;
    bool with_checksums;
    struct progress bar;
    struct paths places, submissions, outputs; /* known places that are files here; folders of campaigns */
};

/* Results go to stdout; a line of progress on the same terminal goes away first. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;
    char line[LINE_BYTES];
    log_progress("%s", "");
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args); /* names in a store may be anything */
    va_end(args);
    utf8_print(stdout, line);
    putchar('\n');
}

/* ---- what the catalogue says ------------------------------------------------------------------------------------------ */
static enum err keep(struct paths *p, const char *path)
{
    if (p->n == p->capacity) {
        size_t wanted = 2 * p->capacity + 1024;
        TRY(mem_resize(&p->one, p->capacity, wanted, sizeof *p->one));
        p->capacity = wanted;
    }
    p->one[p->n] = mem_string(path);
    REQUIRE(p->one[p->n], ERR_MEMORY, "out of memory");
    p->n++;
    return ERR_OK;
}

/* row: name, size, checksum, url */
static enum err check_place(void *context, const struct db_value *row, size_t n)
{
    struct audit *a = context;
    struct place_seen seen;
    const char *url = row[n - 1].text, *path = place_path(url), *name = path ? path : url;
    a->counts->n_places++;
    progress_add(&a->bar, 1);
    if (path) TRY(keep(&a->places, path));
    if (place_look(url, a->with_checksums, &seen)) { /* a scheme of another site's */
        snprintf(seen.why, sizeof seen.why, "%.190s", err_message());
        seen.state = PLACE_UNKNOWN;
        err_clear();
    }
    bool is_whole = seen.size_bytes < 0 || seen.size_bytes == row[1].i,
         is_same  = !*seen.checksum || strcmp(seen.checksum, row[2].text) == 0;
    a->counts->n_missing += seen.state == PLACE_GONE;
    a->counts->n_elsewhere += seen.state == PLACE_UNKNOWN && !path;
    a->counts->n_on_tape += seen.state == PLACE_STAGING;
    if (seen.state == PLACE_GONE) say("missing %s: %s", name, seen.why);
    if (seen.state == PLACE_UNKNOWN && (path || a->counts->n_elsewhere <= SAID)) /* of a door that is shut, enough */
        say("%s %s: %s", path ? "damaged" : "unseen", name, seen.why);
    if (seen.state != PLACE_GONE && !is_whole)
        say("damaged %s: it has %lld bytes, declared are %lld", name, (long long)seen.size_bytes, (long long)row[1].i);
    else if (seen.state != PLACE_GONE && !is_same)
        say("damaged %s: it has %s, declared is %s", name, seen.checksum, row[2].text);
    a->counts->n_damaged +=
        (seen.state == PLACE_UNKNOWN && path) || (seen.state != PLACE_GONE && (!is_whole || !is_same));
    return ERR_OK;
}

static enum err count_file(void *context, const struct db_value *row, size_t n)
{
    (void)row;
    (void)n;
    ((struct audit *)context)->counts->n_files++;
    return ERR_OK;
}

/* ---- what the store has ------------------------------------------------------------------------------------------------ */
static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool has(const struct paths *p, const char *path)
{
    return p->n && bsearch(&path, p->one, p->n, sizeof *p->one, by_text);
}

/* row: folder of a stage, name of a submission; by folder */
static enum err keep_submission(void *context, const struct db_value *row, size_t n)
{
    struct audit *a = context;
    char path[LINE_BYTES], *folder = realpath(row[0].text, NULL), *slash;
    (void)n;
    if (!folder) return ERR_OK; /* nothing of it is there */
    snprintf(path, sizeof path, "%s/%s", folder, row[1].text);
    enum err rc = keep(&a->submissions, path);
    if ((slash = strrchr(folder, '/')) != NULL) *slash = 0;
    size_t n_outputs = a->outputs.n;
    if (!rc && !(n_outputs && strcmp(a->outputs.one[n_outputs - 1], folder) == 0)) rc = keep(&a->outputs, folder);
    free(folder);
    return rc;
}

/* Logs, lists and marks of a campaign stand beside its products; none of them is a product. */
static enum err find_campaigns(struct catalogue *c, struct audit *a)
{
    const struct sql sql = {.text = (char *)"select v.folder, s.name from submission_versions v join submissions s on "
                                            "s.id = v.submission_id order by v.folder, s.name"};
    enum err rc          = catalogue_rows(c->db, &sql, keep_submission, a);
    if (rc == ERR_AGAIN || rc == ERR_MEMORY) return rc;
    err_clear(); /* a catalogue without campaigns has no such table */
    if (a->submissions.n) qsort(a->submissions.one, a->submissions.n, sizeof *a->submissions.one, by_text);
    if (a->outputs.n) qsort(a->outputs.one, a->outputs.n, sizeof *a->outputs.one, by_text);
    return ERR_OK;
}

static bool ends(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n >= k && strcmp(text + n - k, tail) == 0;
}

/* In a submission's folder all but `products`; beside the stages' folders the log and lock of cron's passes, and what
 * gm2 campaign run has made. */
static bool is_of_campaign(const struct audit *a, const char *path)
{
    static const char products[] = "/products/", database[] = "campaign.db";
    char folder[LINE_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash; (slash = strrchr(folder, '/')) != NULL;) {
        *slash           = 0;
        const char *rest = path + (slash - folder);
        if (has(&a->submissions, folder)) return strncmp(rest, products, sizeof products - 1) != 0;
        if (has(&a->outputs, folder) && !strchr(rest + 1, '/'))
            return ends(rest, ".log") || ends(rest, ".lock") || strcmp(rest, "/campaign.fcl") == 0 ||
                   strncmp(rest + 1, database, sizeof database - 1) == 0;
    }
    return false;
}

static void judge(struct audit *a, const char *path)
{
    if (ends(path, ".json") || is_of_campaign(a, path)) return;
    if (strstr(path, ".part")) {
        a->counts->n_unfinished++;
        say("unfinished %s", path);
    } else if (!has(&a->places, path)) {
        a->counts->n_unknown++;
        say("unknown %s", path);
    }
}

static enum err walk(struct audit *a, const char *store)
{
    char *root = realpath(store, NULL);
    REQUIRE(root, ERR_OPEN, "%s: %s", store, strerror(errno));
    progress_begin(&a->bar, "audit: files of the store", 0);
    char *const roots[] = {root, NULL};
    FTS *tree           = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    enum err rc         = tree ? ERR_OK : err_fail(ERR_OPEN, __FILE__, __LINE__, "%s: %s", store, strerror(errno));
    for (FTSENT *e; !rc && (e = fts_read(tree)) != NULL;) {
        progress_add(&a->bar, 1);
        if (e->fts_info == FTS_F) judge(a, e->fts_path);
        bool is_gone = e->fts_info != FTS_ERR && e->fts_errno == ENOENT; /* others work here */
        if (!is_gone && (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS))
            rc = err_fail(ERR_READ, __FILE__, __LINE__, "%s: %s", e->fts_path, strerror(e->fts_errno));
    }
    if (tree) fts_close(tree);
    progress_end(&a->bar);
    free(root);
    return rc;
}

static void forget(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++) mem_free(p->one[i]);
    mem_free(p->one);
}

enum err audit_run(struct catalogue *catalogue, const char *query, const char *store, bool with_checksums,
                   struct audit_counts *out)
{
    *out           = (struct audit_counts){0};
    struct audit a = {.counts = out, .with_checksums = with_checksums};
    enum err rc    = catalogue_list(catalogue, query, "f.id", 0, count_file, &a);
    progress_begin(&a.bar, "audit: places", out->n_files);
    if (!rc) rc = catalogue_places(catalogue, query, check_place, &a);
    progress_end(&a.bar);
    if (a.places.n) qsort(a.places.one, a.places.n, sizeof *a.places.one, by_text);
    if (!rc && store) rc = find_campaigns(catalogue, &a);
    if (!rc && store) rc = walk(&a, store);
    forget(&a.places);
    forget(&a.submissions);
    forget(&a.outputs);
    return rc;
}
