/* Reading MIDAS files. */
#include "midas_file.h"

#include "mem.h"
#include "midas_find.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MAX_EVENT_BYTES (UINT64_C(1) << 31)
#define FIRST_STEP_BYTES        ((size_t)4 << 20)

#define SEARCH_STEP_BYTES ((size_t)1 << 20)
#define MAX_DAMAGED_BYTES ((size_t)128 << 20) /* longer stretches are left out, not given as an event */

enum { BODY_BYTES = 8, SEARCH_OVERLAP = 31 };

struct midas_reader {
    struct midas_stream *stream;
    struct midas_options options;
    struct midas_status status;
    char *path;
    uint8_t *bytes;
    size_t capacity;
    size_t begin, start, end; /* in bytes: the event given out last, what follows it, the end of what was read */
    bool is_swapped;
    struct midas_find_key known;
};

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

static enum err reserve(struct midas_reader *r, size_t n)
{
    if (n <= r->capacity) return ERR_OK;
    const size_t capacity = n + n / 8 + (1 << 16); /* fetch() doubles its steps already */
    TRY(mem_resize(&r->bytes, r->end, capacity, 1));
    r->capacity = capacity;
    return ERR_OK;
}

static size_t have(const struct midas_reader *r) { return r->end - r->start; }
static const uint8_t *next(const struct midas_reader *r) { return r->bytes + r->start; }

/* Reads on up to n bytes of the next event; memory grows with what arrives, never with what a header promises. */
static enum err fetch(struct midas_reader *r, size_t n)
{
    while (have(r) < n) {
        size_t step = have(r) < FIRST_STEP_BYTES ? FIRST_STEP_BYTES : have(r), got;
        if (step > n - have(r)) step = n - have(r);
        TRY(reserve(r, r->end + step));
        TRY(midas_stream_read(r->stream, r->bytes + r->end, step, &got));
        r->end += got;
        if (got < step) break;
    }
    return ERR_OK;
}

/* Forgets what lies before the next event. */
static void drop_last(struct midas_reader *r)
{
    if (r->start > 0) memmove(r->bytes, r->bytes + r->start, have(r));
    r->end -= r->start;
    r->start = r->begin = 0;
}

static enum err report_short(struct midas_reader *r, size_t n)
{
    const char *why = midas_stream_problem(r->stream);
    return problem(r, true, "%zu of %zu bytes are there%s%s", have(r), n, why ? ", " : "", why ? why : "");
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

/* Finds the byte order of the next event's header, reading the two words after it where they decide.
 * *is_known false: neither order makes sense. */
static enum err find_order(struct midas_reader *r, bool *is_known)
{
    struct midas_event e;
    bool other = !r->is_swapped, is_first = r->status.n_events == 0;
    *is_known = true;
    midas_header(next(r), r->is_swapped, &e);
    if (is_run_event(next(r), r->is_swapped) || (e.id == MIDAS_MESSAGE && !is_first)) return ERR_OK;
    bool is_other = is_run_event(next(r), other);
    if (!is_other) {
        TRY(fetch(r, MIDAS_HEADER_BYTES + BODY_BYTES));
        if (have(r) < MIDAS_HEADER_BYTES + BODY_BYTES) {
            *is_known = !is_first && e.data_size >= BODY_BYTES;
            return ERR_OK;
        }
        if (fits(next(r), r->is_swapped)) return ERR_OK;
        is_other = fits(next(r), other);
    }
    *is_known = is_other;
    if (is_other) r->is_swapped = other;
    if (is_other && !is_first && r->options.is_strict)
        return problem(r, true, "its header is in another byte order than those before");
    return ERR_OK;
}

/* ---- where an event makes no sense: the next that does ---- */

/* *at: its place in bytes; SIZE_MAX: none up to the end. It may lie in what was read as the event before. */
static enum err search(struct midas_reader *r, size_t from, size_t *at)
{
    for (;;) {
        size_t got;
        bool is_swapped;
        if (midas_find(r->bytes, r->end, from, &r->known, at, &is_swapped)) {
            r->is_swapped = is_swapped;
            return ERR_OK;
        }
        if (r->end > from + SEARCH_OVERLAP) from = r->end - SEARCH_OVERLAP;
        if (have(r) > MAX_DAMAGED_BYTES && from >= r->start) {
            r->start = from;
            drop_last(r);
            from = 0;
        }
        *at = SIZE_MAX;
        TRY(reserve(r, r->end + SEARCH_STEP_BYTES));
        TRY(midas_stream_read(r->stream, r->bytes + r->end, SEARCH_STEP_BYTES, &got));
        r->end += got;
        if (got == 0) return ERR_OK;
    }
}

/* Gives out the bytes up to `at` as a damaged event, if its header tells what it was. */
static void give_damaged(struct midas_reader *r, size_t at, struct midas_event *out)
{
    struct midas_event e;
    if (at < r->start + MIDAS_HEADER_BYTES + BODY_BYTES) return;
    midas_header(next(r), r->is_swapped, &e);
    if (!r->known.has_data || e.id != r->known.id || e.mask != r->known.mask) return;
    *out           = e;
    out->bytes     = next(r);
    out->n_bytes   = at - r->start;
    out->data_size = (uint32_t)(out->n_bytes - MIDAS_HEADER_BYTES);
}

/* The next event makes no sense: goes on at the one after it. *is_end: there is none. */
static enum err go_on(struct midas_reader *r, struct midas_event *out, bool *is_end)
{
    struct midas_event e;
    const uint64_t place = midas_stream_position(r->stream) - have(r);
    size_t at = SIZE_MAX, from = r->begin < r->start ? r->begin + MIDAS_HEADER_BYTES : r->start + 1;
    midas_header(next(r), r->is_swapped, &e);
    bool is_cut = r->options.is_strict || r->status.n_events == 0;
    if (!is_cut) TRY(search(r, from, &at));
    bool is_here = midas_stream_position(r->stream) - have(r) == place;
    if (!is_cut && is_here && at == r->start) TRY(search(r, at + 1, &at)); /* itself: too long */
    *is_end = is_cut || at == SIZE_MAX;
    if (*is_end) return problem(r, true, "no MIDAS event (id 0x%04X, %u bytes)", (unsigned)e.id, e.data_size);
    TRY(problem(r, false, "its size %u and its banks' size or flags disagree", e.data_size));
    if (midas_stream_position(r->stream) - have(r) == place) give_damaged(r, at, out);
    r->begin = out->bytes ? r->start : at;
    r->start = at;
    return ERR_OK;
}

/* The file ends before the next event, of n bytes: maybe its size is wrong and others are inside it. */
static enum err look_inside(struct midas_reader *r, size_t n, struct midas_event *out, bool *is_end)
{
    size_t at;
    bool is_swapped;
    *is_end = r->options.is_strict ||
              !midas_find(r->bytes, r->end, r->start + MIDAS_HEADER_BYTES, &r->known, &at, &is_swapped);
    if (*is_end) return report_short(r, n);
    TRY(problem(r, false, "it claims %zu bytes, the file has %zu, with other events in them", n, have(r)));
    r->is_swapped = is_swapped;
    give_damaged(r, at, out);
    r->begin = out->bytes ? r->start : at;
    r->start = at;
    return ERR_OK;
}

static void give(struct midas_reader *r, const struct midas_event *e, size_t n, struct midas_event *out)
{
    if (r->start % 8) { /* banks are 8-byte aligned in their event */
        size_t to = r->start - r->start % 8;
        memmove(r->bytes + to, next(r), n);
        r->begin = to;
    } else {
        r->begin = r->start;
    }
    *out         = *e;
    out->bytes   = r->bytes + r->begin;
    out->n_bytes = n;
    r->start += n;
}

/* One try: the next event, or a step on where it makes no sense. */
static enum err try_event(struct midas_reader *r, struct midas_event *out, bool *is_end)
{
    bool is_known = false;
    *is_end       = false;
    TRY(fetch(r, MIDAS_HEADER_BYTES));
    if (have(r) < MIDAS_HEADER_BYTES) {
        *is_end = true;
        return have(r) == 0 && !midas_stream_problem(r->stream) ? ERR_OK : report_short(r, MIDAS_HEADER_BYTES);
    }
    TRY(find_order(r, &is_known));
    if (!is_known) return go_on(r, out, is_end);
    struct midas_event e;
    midas_header(next(r), r->is_swapped, &e);
    const size_t n = MIDAS_HEADER_BYTES + (size_t)e.data_size;
    if (n > r->options.max_event_bytes) {
        if (r->status.n_events && !r->options.is_strict) return go_on(r, out, is_end);
        *is_end = true;
        return problem(r, true, "it claims %zu bytes, more than the limit of %llu", n,
                       (unsigned long long)r->options.max_event_bytes);
    }
    if (have(r) < n) drop_last(r);
    TRY(fetch(r, n));
    if (have(r) < n) return look_inside(r, n, out, is_end);
    give(r, &e, n, out);
    return ERR_OK;
}

static enum err read_event(struct midas_reader *r, struct midas_event *out)
{
    bool is_end = false;
    while (!out->bytes && !is_end) TRY(try_event(r, out, &is_end));
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
    s->n_bytes = midas_stream_position(r->stream) - have(r);
    if (!midas_is_special(out)) r->known = (struct midas_find_key){.has_data = true, .id = out->id, .mask = out->mask};
    r->known.has_run = s->has_bor;
    r->known.run     = s->run;
    return ERR_OK;
}

/* The first bytes decide whether this is MIDAS at all; they stay for the first event. */
static enum err check_first(struct midas_reader *r)
{
    bool is_known = false;
    TRY(fetch(r, MIDAS_HEADER_BYTES));
    if (have(r) == MIDAS_HEADER_BYTES) TRY(find_order(r, &is_known));
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

enum err midas_file_seek(struct midas_reader *r, uint64_t byte)
{
    TRY(midas_stream_seek(r->stream, byte));
    r->begin = r->start = r->end = 0;
    r->status.n_bytes            = byte;
    return ERR_OK;
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
