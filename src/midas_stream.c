/* Plain, gzip and LZ4 byte streams. */
#include "midas_stream.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER_BYTES = 1 << 18, GZ_CHUNK = 1 << 28, LZ4_CHUNK = 1 << 18 };

struct midas_stream {
    enum midas_compression kind;
    bool is_writing, is_end;
    int fd;
    gzFile gz;
    LZ4F_dctx *lz4_in;
    LZ4F_cctx *lz4_out;
    size_t lz4_hint; /* 0: between frames */
    uint8_t *buffer; /* plain: read ahead; lz4: compressed bytes */
    size_t at, n, capacity;
    uint64_t position;
    const char *problem;
    char *path;
};

enum midas_compression midas_stream_kind(const char *path)
{
    size_t n = strlen(path);
    if (n > 3 && strcmp(path + n - 3, ".gz") == 0) return MIDAS_GZ;
    if (n > 4 && strcmp(path + n - 4, ".lz4") == 0) return MIDAS_LZ4;
    return MIDAS_PLAIN;
}

const char *midas_stream_suffix(enum midas_compression kind)
{
    return kind == MIDAS_GZ ? ".gz" : kind == MIDAS_LZ4 ? ".lz4" : "";
}

static void release(struct midas_stream *s)
{
    if (s->gz) gzclose(s->gz); /* its own descriptor */
    if (s->lz4_in) LZ4F_freeDecompressionContext(s->lz4_in);
    if (s->lz4_out) LZ4F_freeCompressionContext(s->lz4_out);
    if (s->fd >= 0) close(s->fd);
    mem_free(s->buffer);
    mem_free(s->path);
    mem_free(s);
}

/* The stream without its codec; the folder-as-file case fails here and not at the first read. */
static enum err make(const char *path, enum midas_compression kind, int flags, struct midas_stream **out)
{
    bool is_writing = flags != O_RDONLY;
    *out            = NULL;
    int fd          = open(path, flags | O_CLOEXEC, 0666);
    REQUIRE(fd >= 0, is_writing ? ERR_WRITE : ERR_OPEN, "cannot open %s: %s", path, strerror(errno));
    struct midas_stream *s = NULL;
    enum err rc            = mem_alloc(&s, 1, sizeof *s);
    if (rc) {
        close(fd);
        return rc;
    }
    *s = (struct midas_stream){.kind = kind, .is_writing = is_writing, .fd = fd, .path = mem_string(path)};
    if (!s->path) FAIL_TO(fail, ERR_MEMORY, "out of memory");
    s->capacity = BUFFER_BYTES;
    TRY_TO(fail, mem_alloc(&s->buffer, s->capacity, 1));
    *out = s;
    return ERR_OK;
fail:
    release(s);
    return rc;
}

static enum err open_gz(struct midas_stream *s, const char *mode)
{
    int fd = dup(s->fd); /* gzclose closes it */
    s->gz  = fd >= 0 ? gzdopen(fd, mode) : NULL;
    if (!s->gz && fd >= 0) close(fd);
    REQUIRE(s->gz, ERR_MEMORY, "no memory or descriptor left for %s", s->path);
    gzbuffer(s->gz, BUFFER_BYTES);
    return ERR_OK;
}

/* ---- reading ---- */

static enum err fill_buffer(struct midas_stream *s, void *data, size_t n, size_t *got)
{
    ssize_t rc;
    do rc = read(s->fd, data, n);
    while (rc < 0 && errno == EINTR);
    REQUIRE(rc >= 0, ERR_READ, "cannot read %s: %s", s->path, strerror(errno));
    *got = (size_t)rc;
    return ERR_OK;
}

static enum err check_begin(struct midas_stream *s)
{
    static const uint8_t gz_magic[] = {0x1f, 0x8b}, lz4_magic[] = {0x04, 0x22, 0x4d, 0x18};
    struct stat info;
    uint8_t magic[4] = {0};
    REQUIRE(fstat(s->fd, &info) == 0, ERR_OPEN, "cannot look at %s: %s", s->path, strerror(errno));
    REQUIRE(!S_ISDIR(info.st_mode), ERR_OPEN, "%s is a folder, a raw file was expected", s->path);
    if (!S_ISREG(info.st_mode)) return ERR_OK; /* a pipe cannot be looked at twice */
    REQUIRE(info.st_size > 0, ERR_DATA, "%s is empty", s->path);
    REQUIRE(pread(s->fd, magic, sizeof magic, 0) >= 0, ERR_READ, "cannot read %s: %s", s->path, strerror(errno));
    bool is_gz  = memcmp(magic, gz_magic, sizeof gz_magic) == 0,
         is_lz4 = memcmp(magic, lz4_magic, sizeof lz4_magic) == 0;
    REQUIRE(s->kind != MIDAS_GZ || is_gz, ERR_DATA, "%s is not compressed by gzip, though its name says so", s->path);
    REQUIRE(s->kind != MIDAS_LZ4 || is_lz4, ERR_DATA, "%s is not compressed by lz4, though its name says so", s->path);
    REQUIRE(s->kind != MIDAS_PLAIN || (!is_gz && !is_lz4), ERR_DATA,
            "%s is compressed by %s; name it so (%s), the name decides how it is read", s->path, is_gz ? "gzip" : "lz4",
            is_gz ? ".gz" : ".lz4");
    return ERR_OK;
}

enum err midas_stream_open(const char *path, struct midas_stream **out)
{
    struct midas_stream *s;
    enum err rc;
    *out = NULL;
    TRY(make(path, midas_stream_kind(path), O_RDONLY, &s));
    TRY_TO(fail, check_begin(s));
    if (s->kind == MIDAS_GZ) TRY_TO(fail, open_gz(s, "rb"));
    if (s->kind == MIDAS_LZ4 && LZ4F_isError(LZ4F_createDecompressionContext(&s->lz4_in, LZ4F_VERSION)))
        FAIL_TO(fail, ERR_MEMORY, "out of memory");
    *out = s;
    return ERR_OK;
fail:
    release(s);
    return rc;
}

static enum err read_plain(struct midas_stream *s, uint8_t *to, size_t n, size_t *got)
{
    size_t have = s->n - s->at, take = have < n ? have : n;
    memcpy(to, s->buffer + s->at, take);
    s->at += take;
    while (take < n && !s->is_end) {
        size_t more = 0, want = n - take;
        bool is_direct = want >= s->capacity;
        TRY(fill_buffer(s, is_direct ? to + take : s->buffer, is_direct ? want : s->capacity, &more));
        s->is_end = more == 0;
        if (!is_direct) {
            s->n  = more;
            s->at = more < want ? more : want;
            memcpy(to + take, s->buffer, s->at);
            more = s->at;
        }
        take += more;
    }
    *got = take;
    return ERR_OK;
}

static enum err read_gz(struct midas_stream *s, uint8_t *to, size_t n, size_t *got)
{
    size_t done = 0;
    while (done < n && !s->is_end) {
        size_t want = n - done < GZ_CHUNK ? n - done : GZ_CHUNK;
        int rc      = gzread(s->gz, to + done, (unsigned)want), code;
        if (rc > 0) done += (size_t)rc;
        if (rc == (int)want) continue;
        s->is_end = true;
        gzerror(s->gz, &code);
        REQUIRE(code != Z_ERRNO, ERR_READ, "cannot read %s: %s", s->path, strerror(errno));
        if (code == Z_BUF_ERROR) s->problem = "the gzip data end early";
        if (code == Z_DATA_ERROR) s->problem = "the gzip data are damaged";
        REQUIRE(code != Z_MEM_ERROR, ERR_MEMORY, "out of memory");
    }
    *got = done;
    return ERR_OK;
}

static enum err read_lz4(struct midas_stream *s, uint8_t *to, size_t n, size_t *got)
{
    size_t done = 0;
    while (done < n && !s->is_end) {
        if (s->at == s->n) {
            s->at = 0;
            TRY(fill_buffer(s, s->buffer, s->capacity, &s->n));
            s->is_end = s->n == 0;
            if (s->is_end && s->lz4_hint) s->problem = "the lz4 data end early";
        }
        size_t out = n - done, in = s->n - s->at;
        size_t hint = LZ4F_decompress(s->lz4_in, to + done, &out, s->buffer + s->at, &in, NULL);
        if (LZ4F_isError(hint)) {
            s->is_end  = true;
            s->problem = "the lz4 data are damaged";
            break;
        }
        /* at the file's end the codec is asked once more, for bytes it may still hold */
        if (!s->is_end) s->lz4_hint = hint;
        if (s->is_end && out) s->is_end = false;
        s->at += in;
        done += out;
    }
    *got = done;
    return ERR_OK;
}

enum err midas_stream_read(struct midas_stream *s, void *data, size_t n, size_t *got)
{
    *got = 0;
    if (s->kind == MIDAS_PLAIN) TRY(read_plain(s, data, n, got));
    if (s->kind == MIDAS_GZ) TRY(read_gz(s, data, n, got));
    if (s->kind == MIDAS_LZ4) TRY(read_lz4(s, data, n, got));
    s->position += *got;
    return ERR_OK;
}

enum err midas_stream_seek(struct midas_stream *s, uint64_t byte)
{
    REQUIRE(s->kind == MIDAS_PLAIN, ERR_OPTION, "%s is compressed: it can only be read from its start", s->path);
    REQUIRE(lseek(s->fd, (off_t)byte, SEEK_SET) >= 0, ERR_READ, "cannot read %s: %s", s->path, strerror(errno));
    s->at = s->n = 0;
    s->is_end    = false;
    s->position  = byte;
    return ERR_OK;
}

const char *midas_stream_problem(const struct midas_stream *s) { return s->problem; }
uint64_t midas_stream_position(const struct midas_stream *s) { return s->position; }

/* ---- writing ---- */

static enum err write_all(struct midas_stream *s, const void *data, size_t n)
{
    const uint8_t *p = data;
    while (n > 0) {
        ssize_t rc = write(s->fd, p, n);
        if (rc < 0 && errno == EINTR) continue;
        REQUIRE(rc >= 0, ERR_WRITE, "cannot write %s: %s", s->path, strerror(errno));
        p += rc;
        n -= (size_t)rc;
    }
    return ERR_OK;
}

static enum err begin_lz4(struct midas_stream *s)
{
    /* checksum of the content: damage is noticed on reading */
    static const LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max1MB, .contentChecksumFlag = LZ4F_contentChecksumEnabled}};
    mem_free(s->buffer);
    s->buffer   = NULL;
    s->capacity = LZ4F_compressBound(LZ4_CHUNK, &preferences) + LZ4F_HEADER_SIZE_MAX;
    TRY(mem_alloc(&s->buffer, s->capacity, 1));
    REQUIRE(!LZ4F_isError(LZ4F_createCompressionContext(&s->lz4_out, LZ4F_VERSION)), ERR_MEMORY, "out of memory");
    size_t n = LZ4F_compressBegin(s->lz4_out, s->buffer, s->capacity, &preferences);
    REQUIRE(!LZ4F_isError(n), ERR_WRITE, "cannot write %s: %s", s->path, LZ4F_getErrorName(n));
    return write_all(s, s->buffer, n);
}

enum err midas_stream_create(const char *path, enum midas_compression kind, struct midas_stream **out)
{
    struct midas_stream *s;
    enum err rc;
    *out = NULL;
    TRY(make(path, kind, O_RDWR | O_CREAT | O_EXCL, &s));
    if (kind == MIDAS_GZ) TRY_TO(fail, open_gz(s, "wb1"));
    if (kind == MIDAS_LZ4) TRY_TO(fail, begin_lz4(s));
    *out = s;
    return ERR_OK;
fail:
    release(s);
    return rc;
}

static enum err write_gz(struct midas_stream *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i += GZ_CHUNK) {
        unsigned step = (unsigned)(n - i < GZ_CHUNK ? n - i : GZ_CHUNK);
        errno         = 0;
        REQUIRE(gzwrite(s->gz, p + i, step) == (int)step, ERR_WRITE, "cannot write %s: %s", s->path, strerror(errno));
    }
    return ERR_OK;
}

static enum err write_lz4(struct midas_stream *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i += LZ4_CHUNK) {
        size_t step = n - i < LZ4_CHUNK ? n - i : LZ4_CHUNK;
        size_t out  = LZ4F_compressUpdate(s->lz4_out, s->buffer, s->capacity, p + i, step, NULL);
        REQUIRE(!LZ4F_isError(out), ERR_WRITE, "cannot write %s: %s", s->path, LZ4F_getErrorName(out));
        TRY(write_all(s, s->buffer, out));
    }
    return ERR_OK;
}

enum err midas_stream_write(struct midas_stream *s, const void *data, size_t n)
{
    s->position += n;
    if (s->kind == MIDAS_GZ) return write_gz(s, data, n);
    return s->kind == MIDAS_LZ4 ? write_lz4(s, data, n) : write_all(s, data, n);
}

static enum err finish(struct midas_stream *s)
{
    if (s->kind == MIDAS_LZ4) {
        size_t n = LZ4F_compressEnd(s->lz4_out, s->buffer, s->capacity, NULL);
        REQUIRE(!LZ4F_isError(n), ERR_WRITE, "cannot write %s: %s", s->path, LZ4F_getErrorName(n));
        TRY(write_all(s, s->buffer, n));
    }
    if (s->kind == MIDAS_GZ) {
        gzFile gz = s->gz;
        s->gz     = NULL;
        errno     = 0;
        REQUIRE(gzclose(gz) == Z_OK, ERR_WRITE, "cannot write %s: %s", s->path, strerror(errno));
    }
    int fd = s->fd;
    s->fd  = -1;
    REQUIRE(close(fd) == 0, ERR_WRITE, "cannot write %s: %s", s->path, strerror(errno));
    return ERR_OK;
}

int midas_stream_descriptor(const struct midas_stream *s) { return s->fd; }

enum err midas_stream_close(struct midas_stream *s)
{
    if (!s) return ERR_OK;
    enum err rc = s->is_writing ? finish(s) : ERR_OK;
    release(s);
    return rc;
}
