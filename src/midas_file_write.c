/* Writing MIDAS files, and their names. */
#include "midas_file.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

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

static const char *skip_tag(const char *p)
{
    size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789");
    return n > 0 && n <= MIDAS_MAX_TAG ? p + n : NULL;
}

bool midas_file_tag(const char *tag)
{
    const char *end = skip_tag(tag);
    return end && !*end;
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
    if (p && *p == '_') p = skip_tag(p + 1);
    return p && (strcmp(p, ".mid") == 0 || strcmp(p, ".mid.gz") == 0 || strcmp(p, ".mid.lz4") == 0);
}

enum err midas_file_path(const char *folder, uint32_t run, uint32_t subrun, const char *tag,
                         enum midas_compression kind, size_t size, char *out)
{
    bool has_tag = tag && *tag;
    int n        = snprintf(out, size, "%s/gm2_run%05u_%05u%s%s.mid%s", folder, run, subrun, has_tag ? "_" : "",
                     has_tag ? tag : "", midas_stream_suffix(kind));
    REQUIRE(n > 0 && (size_t)n < size, ERR_WRITE, "the name of folder %s is too long", folder);
    return ERR_OK;
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
