/* Watching a folder for raw subruns. */
#include "watch.h"

#include "log.h"
#include "mem.h"
#include "midas_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct watch {
    char *folder;
    struct watch_cfg rule;
    struct watch_file *file; /* by run, subrun */
    size_t n, capacity;
    size_t count[WATCH_BAD + 1];
};

enum err watch_open(const char *folder, const struct watch_cfg *rule, struct watch **out)
{
    struct stat info;
    struct watch *w;
    REQUIRE(stat(folder, &info) == 0 && S_ISDIR(info.st_mode), ERR_OPTION, "--watch %s: %s", folder,
            errno == ENOENT ? "there is no such folder" : "a folder that can be read is expected");
    TRY(mem_alloc(&w, 1, sizeof *w));
    w->rule   = *rule;
    w->folder = mem_string(folder);
    if (!w->folder) {
        mem_free(w);
        FAIL(ERR_MEMORY, "out of memory");
    }
    *out = w;
    return ERR_OK;
}

void watch_free(struct watch *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->n; i++) mem_free(w->file[i].path);
    mem_free(w->file);
    mem_free(w->folder);
    mem_free(w);
}

enum err watch_mark(const char *path, struct watch_mark *out)
{
    struct stat info;
    REQUIRE(stat(path, &info) == 0, ERR_OPEN, "%s cannot be looked at: %s", path, strerror(errno));
    REQUIRE(S_ISREG(info.st_mode), ERR_OPEN, "%s is no file", path);
    const struct timespec *m = &info.st_mtim, *c = &info.st_ctim;
    int64_t modified = (int64_t)m->tv_sec * 1000000000 + m->tv_nsec;
    int64_t changed  = (int64_t)c->tv_sec * 1000000000 + c->tv_nsec;
    out->size        = (uint64_t)info.st_size;
    out->changed_ns  = modified > changed ? modified : changed;
    return ERR_OK;
}

/* ---- the list ------------------------------------------------------------------------------------------------------ */

/* Index of the first file not before a subrun. */
static size_t lower_bound(const struct watch *w, uint32_t run, uint32_t subrun)
{
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t middle              = low + (high - low) / 2;
        const struct watch_file *f = &w->file[middle];
        if (f->run < run || (f->run == run && f->subrun < subrun))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct watch_file *watch_find(const struct watch *w, uint32_t run, uint32_t subrun)
{
    size_t i = lower_bound(w, run, subrun);
    return i < w->n && w->file[i].run == run && w->file[i].subrun == subrun ? &w->file[i] : NULL;
}

static enum err add_file(struct watch *w, uint32_t run, uint32_t subrun, const char *path)
{
    if (w->n == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 64;
        TRY(mem_resize(&w->file, w->n, capacity, sizeof *w->file));
        w->capacity = capacity;
    }
    char *copy = mem_string(path);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    size_t i = lower_bound(w, run, subrun);
    memmove(&w->file[i + 1], &w->file[i], (w->n - i) * sizeof *w->file);
    w->file[i] = (struct watch_file){
        .run = run, .subrun = subrun, .path = copy, .is_compressed = midas_stream_kind(path) != MIDAS_PLAIN};
    w->n++;
    w->count[WATCH_GROWING]++;
    return ERR_OK;
}

static void change(struct watch *w, struct watch_file *f, enum watch_state state)
{
    w->count[f->state]--;
    w->count[state]++;
    f->state = state;
}

/* ---- one file ------------------------------------------------------------------------------------------------------ */

/* The first event tells the byte order; a file that does not begin with a run's begin is not followed. */
static bool find_order(const uint8_t *header, struct watch_file *f)
{
    for (int swapped = 0; swapped <= 1; swapped++) {
        struct midas_event e;
        midas_header(header, swapped, &e);
        if (e.id != MIDAS_BOR || e.mask != MIDAS_MAGIC) continue;
        f->is_swapped = swapped;
        return true;
    }
    return false;
}

/* Goes from header to header over the events that are whole. */
static void follow_events(struct watch_file *f)
{
    uint8_t header[MIDAS_HEADER_BYTES];
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    while (!f->has_eor && !f->is_lost && f->mark.size >= f->end_of_events + MIDAS_HEADER_BYTES) {
        struct midas_event e;
        if (pread(fd, header, sizeof header, (off_t)f->end_of_events) != (ssize_t)sizeof header) break;
        if (f->end_of_events == 0 && !find_order(header, f)) f->is_lost = true;
        midas_header(header, f->is_swapped, &e);
        uint64_t end = f->end_of_events + MIDAS_HEADER_BYTES + e.data_size;
        if (f->is_lost || end > f->mark.size) break;
        f->end_of_events = end;
        f->has_eor       = e.id == MIDAS_EOR && e.mask == MIDAS_MAGIC;
        f->n_events += e.id == MIDAS_ID_FILL;
    }
    close(fd);
}

static bool has_later(const struct watch *w, const struct watch_file *f) { return f != &w->file[w->n - 1]; }

static bool is_closed(const struct watch *w, const struct watch_file *f, double unix_s)
{
    if (f->has_eor) return true;
    double quiet_s = unix_s - f->quiet_since_s;
    if (f->mark.size == 0 || f->n_looks < 2) return false;
    if (f->is_compressed && has_later(w, f)) return quiet_s >= w->rule.settle_s;
    return quiet_s >= w->rule.quiet_s;
}

static void look_at(struct watch *w, struct watch_file *f, double unix_s)
{
    struct watch_mark mark;
    if (watch_mark(f->path, &mark)) { /* gone, or not there just now */
        err_clear();
        return;
    }
    if (mark.size != f->mark.size || mark.changed_ns != f->mark.changed_ns) {
        double changed_s = 1e-9 * (double)mark.changed_ns;
        if (mark.size < f->end_of_events || f->state == WATCH_BAD) { /* another file now */
            f->end_of_events = f->n_events = 0;
            f->has_eor = f->is_lost = false;
        }
        if (f->state == WATCH_BAD) change(w, f, WATCH_GROWING);
        f->mark          = mark;
        f->n_looks       = 0;
        f->quiet_since_s = changed_s < unix_s ? changed_s : unix_s; /* clocks of file servers may be ahead */
    }
    if (f->state != WATCH_GROWING) return;
    f->n_looks++;
    if (!f->is_compressed) follow_events(f);
    if (is_closed(w, f, unix_s)) change(w, f, WATCH_READY);
}

/* ---- the folder ---------------------------------------------------------------------------------------------------- */

static enum err note_name(struct watch *w, const char *name)
{
    char path[4096];
    uint32_t run, subrun;
    if (!midas_file_name(name, &run, &subrun)) return ERR_OK;
    const struct watch_file *known = watch_find(w, run, subrun);
    int n                          = snprintf(path, sizeof path, "%s/%s", w->folder, name);
    REQUIRE(n > 0 && n < 4000, ERR_OPEN, "the name of folder %s is too long", w->folder);
    if (!known) return add_file(w, run, subrun, path);
    if (strcmp(known->path, path) != 0)
        log_line(known->n_looks == 0 ? LOG_WARN : LOG_DEBUG,
                 "run %u subrun %u is there twice: %s is taken, %s left alone", run, subrun, known->path, path);
    return ERR_OK;
}

enum err watch_look(struct watch *w, double unix_s)
{
    DIR *d = opendir(w->folder);
    REQUIRE(d, ERR_OPEN, "folder %s cannot be read: %s", w->folder, strerror(errno));
    enum err rc = ERR_OK;
    for (struct dirent *e; !rc && (e = readdir(d));) rc = note_name(w, e->d_name);
    closedir(d);
    for (size_t i = 0; !rc && i < w->n; i++)
        if (w->file[i].state == WATCH_GROWING || w->file[i].state == WATCH_BAD) look_at(w, &w->file[i], unix_s);
    return rc;
}

bool watch_take(struct watch *w, struct watch_file *out)
{
    for (size_t i = 0; w->count[WATCH_READY] > 0 && i < w->n; i++)
        if (w->file[i].state == WATCH_READY) {
            change(w, &w->file[i], WATCH_TAKEN);
            *out = w->file[i];
            return true;
        }
    return false;
}

void watch_reject(struct watch *w, uint32_t run, uint32_t subrun)
{
    size_t i = lower_bound(w, run, subrun);
    if (i < w->n && w->file[i].run == run && w->file[i].subrun == subrun) change(w, &w->file[i], WATCH_BAD);
}

const struct watch_file *watch_files(const struct watch *w, size_t *n)
{
    *n = w->n;
    return w->file;
}

size_t watch_count(const struct watch *w, enum watch_state state) { return w->count[state]; }
