/* Reading and writing MIDAS files. */
#include "midas_file.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MAX_EVENT_BYTES (UINT64_C(1) << 31)
#define FIRST_STEP_BYTES        ((size_t)4 << 20)

enum { BODY_BYTES = 8 };

struct midas_reader {
    struct midas_stream *stream;
    struct midas_options options;
    struct midas_status status;
    char *path;
    uint8_t *bytes;
    size_t capacity, have; /* have: bytes of the next event already there */
    bool is_swapped, is_last_damaged;
};

struct midas_writer {
    struct midas_stream *stream;
    struct midas_build run_event;
};

/* ---- names ---- */

/* Decimal digits, at least n of them; NULL if there are fewer. */
static const char *scan_digits(const char *p, int n, uint32_t *out)
{
    uint64_t value = 0;
    int count      = 0;
    for (; *p >= '0' && *p <= '9' && count < 9; p++, count++) value = 10 * value + (uint64_t)(*p - '0');
    *out = (uint32_t)value;
    return count >= n ? p : NULL;
}

bool midas_file_name(const char *path, uint32_t *run, uint32_t *subrun)
{
    static const char head[] = "gm2_run";
    const char *slash        = strrchr(path, '/');
    const char *p            = slash ? slash + 1 : path;
    *run = *subrun = 0;
    if (strncmp(p, head, sizeof head - 1) != 0) return false;
    p = scan_digits(p + sizeof head - 1, 5, run);
    if (!p || *p != '_') return false;
    p = scan_digits(p + 1, 5, subrun);
    return p && (strcmp(p, ".mid") == 0 || strcmp(p, ".mid.gz") == 0 || strcmp(p, ".mid.lz4") == 0);
}

enum err midas_file_path(const char *folder, uint32_t run, uint32_t subrun, enum midas_compression kind, size_t size,
                         char *out)
{
    int n = snprintf(out, size, "%s/gm2_run%05u_%05u.mid%s", folder, run, subrun, midas_stream_suffix(kind));
    REQUIRE(n > 0 && (size_t)n < size, ERR_WRITE, "the name of folder %s is too long", folder);
    return ERR_OK;
}

/* ---- reading ---- */

/* Notes where the file cannot be followed, or an event is damaged; an error in strict mode. */
static enum err problem(struct midas_reader *r, bool is_cut, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err problem(struct midas_reader *r, bool is_cut, const char *format, ...)
{
    struct midas_status *s = &r->status;
    va_list list;
    int n = snprintf(s->problem, sizeof s->problem, "event %llu at byte %llu: ", (unsigned long long)s->n_events,
                     (unsigned long long)s->n_bytes);
    va_start(list, format);
    vsnprintf(s->problem + n, sizeof s->problem - (size_t)n, format, list);
    va_end(list);
    if (is_cut)
        s->is_cut = true;
    else
        s->n_damaged++;
    REQUIRE(!r->options.is_strict, ERR_DATA, "%s: %s", r->path, s->problem);
    return ERR_OK;
}

static enum err reserve(struct midas_reader *r, size_t used, size_t n)
{
    if (n <= r->capacity) return ERR_OK;
    size_t capacity = r->capacity ? r->capacity : 1 << 16;
    while (capacity < n) capacity *= 2;
    TRY(mem_resize(&r->bytes, used, capacity, 1));
    r->capacity = capacity;
    return ERR_OK;
}

/* Reads on up to n bytes of the event; memory grows with what arrives, never with what a header promises. */
static enum err fetch(struct midas_reader *r, size_t *have, size_t n)
{
    while (*have < n) {
        size_t step = *have < FIRST_STEP_BYTES ? FIRST_STEP_BYTES : *have, got;
        if (step > n - *have) step = n - *have;
        TRY(reserve(r, *have, *have + step));
        TRY(midas_stream_read(r->stream, r->bytes + *have, step, &got));
        *have += got;
        if (got < step) break;
    }
    return ERR_OK;
}

static enum err report_short(struct midas_reader *r, size_t have, size_t n)
{
    const char *why = midas_stream_problem(r->stream);
    return problem(r, true, "%zu of %zu bytes are there%s%s", have, n, why ? ", " : "", why ? why : "");
}

static bool is_run_event(const uint8_t *bytes, bool is_swapped)
{
    struct midas_event e;
    midas_header(bytes, is_swapped, &e);
    return (e.id == MIDAS_BOR || e.id == MIDAS_EOR) && e.mask == MIDAS_MAGIC;
}

static bool fits(const uint8_t *bytes, bool is_swapped)
{
    struct midas_event e;
    midas_header(bytes, is_swapped, &e);
    return midas_body_fits(bytes + MIDAS_HEADER_BYTES, e.data_size);
}

/* Finds the byte order of the header in r->bytes, reading the two words after it where they decide.
 * *is_known false: neither order makes sense. */
static enum err find_order(struct midas_reader *r, size_t *have, bool *is_known)
{
    struct midas_event e;
    bool other = !r->is_swapped, is_first = r->status.n_events == 0;
    *is_known = true;
    midas_header(r->bytes, r->is_swapped, &e);
    if (is_run_event(r->bytes, r->is_swapped) || (e.id == MIDAS_MESSAGE && !is_first)) return ERR_OK;
    bool is_other = is_run_event(r->bytes, other);
    if (!is_other) {
        TRY(fetch(r, have, MIDAS_HEADER_BYTES + BODY_BYTES));
        if (*have < MIDAS_HEADER_BYTES + BODY_BYTES) {
            *is_known = !is_first && e.data_size >= BODY_BYTES;
            return ERR_OK;
        }
        if (fits(r->bytes, r->is_swapped)) return ERR_OK;
        is_other = fits(r->bytes, other);
    }
    *is_known = is_other;
    if (is_other) r->is_swapped = other;
    if (is_other && !is_first && r->options.is_strict)
        return problem(r, true, "its header is in another byte order than those before");
    return ERR_OK;
}

/* An event whose own sizes disagree is still given out, once: if the next one makes no sense either, we are lost. */
static enum err accept_damaged(struct midas_reader *r, bool *is_end)
{
    struct midas_event e;
    midas_header(r->bytes, r->is_swapped, &e);
    *is_end = r->is_last_damaged || e.data_size < BODY_BYTES || e.data_size > r->options.max_event_bytes;
    if (*is_end) return problem(r, true, "no MIDAS event (id 0x%04X, %u bytes)", (unsigned)e.id, e.data_size);
    r->is_last_damaged = true;
    return problem(r, false, "its size %u and its banks' size or flags disagree", e.data_size);
}

static enum err read_event(struct midas_reader *r, struct midas_event *out)
{
    size_t have   = r->have;
    bool is_known = false, is_end = false;
    r->have = 0;
    TRY(fetch(r, &have, MIDAS_HEADER_BYTES));
    if (have == 0 && !midas_stream_problem(r->stream)) return ERR_OK;
    if (have < MIDAS_HEADER_BYTES) return report_short(r, have, MIDAS_HEADER_BYTES);
    TRY(find_order(r, &have, &is_known));
    if (is_known)
        r->is_last_damaged = false;
    else
        TRY(accept_damaged(r, &is_end));
    if (is_end) return ERR_OK;

    struct midas_event e;
    midas_header(r->bytes, r->is_swapped, &e);
    size_t n = MIDAS_HEADER_BYTES + (size_t)e.data_size;
    if (n > r->options.max_event_bytes)
        return problem(r, true, "it claims %zu bytes, more than the limit of %llu", n,
                       (unsigned long long)r->options.max_event_bytes);
    TRY(fetch(r, &have, n));
    if (have < n) return report_short(r, have, n);
    *out         = e;
    out->bytes   = r->bytes;
    out->n_bytes = n;
    return ERR_OK;
}

static enum err check_banks(const struct midas_event *e)
{
    struct midas_walk walk;
    struct midas_bank bank;
    TRY(midas_walk(e, true, &walk));
    do TRY(midas_walk_next(&walk, &bank));
    while (bank.data);
    return ERR_OK;
}

static enum err check_strict(struct midas_reader *r, const struct midas_event *e)
{
    const struct midas_status *s = &r->status;
    if (!e->bytes) {
        REQUIRE(s->has_eor || s->is_cut, ERR_DATA, "%s: it ends at byte %llu without an end-of-run event", r->path,
                (unsigned long long)s->n_bytes);
        return ERR_OK;
    }
    if (s->n_events == 0 && e->id != MIDAS_BOR) return problem(r, true, "the first event is no begin-of-run event");
    if (s->n_events > 0 && e->id == MIDAS_BOR) return problem(r, true, "a second begin-of-run event");
    if (s->has_eor) return problem(r, true, "an event after the end-of-run event");
    if (e->id == MIDAS_EOR && e->serial != s->run)
        return problem(r, true, "end of run %u in a file of run %u", e->serial, s->run);
    if (midas_is_special(e)) return ERR_OK;
    enum err rc = check_banks(e);
    return rc ? err_context(rc, "%s, event %llu at byte %llu", r->path, (unsigned long long)s->n_events,
                            (unsigned long long)s->n_bytes)
              : ERR_OK;
}

enum err midas_file_next(struct midas_reader *r, struct midas_event *out)
{
    struct midas_status *s = &r->status;
    *out                   = (struct midas_event){0};
    if (s->is_cut) return ERR_OK;
    TRY(read_event(r, out));
    if (r->options.is_strict) TRY(check_strict(r, out));
    if (!out->bytes) return ERR_OK;
    if (out->id == MIDAS_BOR && !s->has_bor) s->run = out->serial;
    s->has_bor |= out->id == MIDAS_BOR;
    s->has_eor |= out->id == MIDAS_EOR;
    s->n_events++;
    s->n_bytes += out->n_bytes;
    return ERR_OK;
}

/* The first bytes decide whether this is MIDAS at all; they stay for the first event. */
static enum err check_first(struct midas_reader *r)
{
    bool is_known = false;
    TRY(fetch(r, &r->have, MIDAS_HEADER_BYTES));
    if (r->have == MIDAS_HEADER_BYTES) TRY(find_order(r, &r->have, &is_known));
    REQUIRE(is_known, ERR_DATA, "%s is not a MIDAS file: neither a begin-of-run event nor banks at its start", r->path);
    return ERR_OK;
}

enum err midas_file_open(const char *path, const struct midas_options *options, struct midas_reader **out)
{
    struct midas_reader *r;
    enum err rc;
    *out = NULL;
    TRY(mem_alloc(&r, 1, sizeof *r));
    if (options) r->options = *options;
    if (!r->options.max_event_bytes) r->options.max_event_bytes = DEFAULT_MAX_EVENT_BYTES;
    r->path = mem_string(path);
    if (!r->path) FAIL_TO(fail, ERR_MEMORY, "out of memory");
    TRY_TO(fail, midas_stream_open(path, &r->stream));
    TRY_TO(fail, check_first(r));
    *out = r;
    return ERR_OK;
fail:
    midas_file_close(r);
    return rc;
}

const struct midas_status *midas_file_status(const struct midas_reader *r) { return &r->status; }

void midas_file_close(struct midas_reader *r)
{
    if (!r) return;
    midas_stream_close(r->stream);
    mem_free(r->bytes);
    mem_free(r->path);
    mem_free(r);
}

/* ---- writing ---- */

enum err midas_file_create(const char *path, enum midas_compression kind, struct midas_writer **out)
{
    struct midas_writer *w;
    *out = NULL;
    TRY(mem_alloc(&w, 1, sizeof *w));
    enum err rc = midas_stream_create(path, kind, &w->stream);
    if (rc) {
        mem_free(w);
        return rc;
    }
    *out = w;
    return ERR_OK;
}

enum err midas_file_write(struct midas_writer *w, const void *bytes, size_t n)
{
    return midas_stream_write(w->stream, bytes, n);
}

enum err midas_file_write_run(struct midas_writer *w, uint16_t id, uint32_t run, uint32_t time_s, const char *text,
                              size_t n)
{
    TRY(midas_build_run(&w->run_event, id, run, time_s, text, n));
    return midas_file_write(w, w->run_event.bytes, w->run_event.n);
}

int midas_file_descriptor(const struct midas_writer *w) { return midas_stream_descriptor(w->stream); }
uint64_t midas_file_written(const struct midas_writer *w) { return midas_stream_position(w->stream); }

enum err midas_file_finish(struct midas_writer *w)
{
    if (!w) return ERR_OK;
    enum err rc = midas_stream_close(w->stream);
    midas_build_free(&w->run_event);
    mem_free(w);
    return rc;
}
