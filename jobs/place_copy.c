/* Checked copies. */
#include "place_copy.h"

#include "mem.h"
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20, ROOM = 4096 };

static bool is_right(const struct place_bytes *want, int64_t size_bytes, const char *checksum)
{
    return size_bytes == want->size_bytes && strcmp(checksum, want->checksum) == 0;
}

static enum err check_path(const char *path, const struct place_bytes *want)
{
    char sum[32];
    unsigned long long size;
    TRY(publish_checksum(path, sum, &size));
    REQUIRE(is_right(want, (int64_t)size, sum), ERR_DATA, "%s has %llu bytes and %s, its metadata say %lld and %s",
            path, size, sum, (long long)want->size_bytes, want->checksum);
    return ERR_OK;
}

/* ---- on this host -------------------------------------------------------------------------------------------------- */
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

static enum err copy_path(const char *source, const char *part)
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

static enum err publish_copy(const char *source, const char *path, const struct place_bytes *want)
{
    char part[PLACE_MAX_URL];
    snprintf(part, sizeof part, "%s%s", path, publish_part_suffix());
    enum err rc = copy_path(source, part);
    if (!rc) rc = check_path(part, want);
    if (!rc) rc = publish_file(part, path);
    if (rc) unlink(part);
    return rc;
}

/* ---- by programs --------------------------------------------------------------------------------------------------- */
static enum err temporary(char path[ROOM])
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, ROOM, "%s/gm2_place.XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = mkstemp(path);
    REQUIRE(fd >= 0, ERR_WRITE, "%s cannot be made: %s", path, strerror(errno));
    close(fd);
    return ERR_OK;
}

static enum err read_back(const char *url, struct place_seen *seen)
{
    char path[ROOM], out[ROOM];
    unsigned long long size = 0;
    TRY(temporary(path));
    enum err rc = place_run(PLACE_GET, url, url, path, out, sizeof out);
    if (!rc) rc = publish_checksum(path, seen->checksum, &size);
    seen->size_bytes = (int64_t)size;
    unlink(path);
    return rc;
}

/* With its checksum, by reading all of it back where nobody can say. */
static enum err look(const char *url, struct place_seen *seen)
{
    TRY(place_look(url, true, seen));
    REQUIRE(seen->state != PLACE_UNKNOWN, ERR_AGAIN, "%s cannot be looked at: %s", url, seen->why);
    REQUIRE(seen->state != PLACE_STAGING, ERR_AGAIN, "%s: %s", url, seen->why);
    return seen->state == PLACE_ONLINE && !*seen->checksum ? read_back(url, seen) : ERR_OK;
}

static enum err check_place(const char *url, const struct place_bytes *want)
{
    struct place_seen seen;
    TRY(look(url, &seen));
    REQUIRE(seen.state == PLACE_ONLINE, ERR_AGAIN, "%s is not there after it was copied", url);
    REQUIRE(is_right(want, seen.size_bytes, seen.checksum), ERR_DATA,
            "the copy %s has %lld bytes and %s, not %lld and %s", url, (long long)seen.size_bytes, seen.checksum,
            (long long)want->size_bytes, want->checksum);
    return ERR_OK;
}

static void drop(const char *url)
{
    char out[ROOM], message[500];
    snprintf(message, sizeof message, "%s", err_message());
    if (place_run(PLACE_DROP, url, NULL, NULL, out, sizeof out)) err_clear(); /* nobody takes it for a product */
    err_set_message(message);
}

static enum err send(const char *path, const char *url, const struct place_bytes *want)
{
    char part[PLACE_MAX_URL], host[ROOM], out[ROOM];
    if (gethostname(host, sizeof host)) snprintf(host, sizeof host, "host");
    host[sizeof host - 1] = 0;
    snprintf(part, sizeof part, "%s.part-%.60s-%ld", url, host, (long)getpid());
    enum err rc = place_run(PLACE_PUT, part, path, part, out, sizeof out);
    if (!rc) rc = check_place(part, want);
    if (!rc) rc = place_run(PLACE_MOVE, part, part, url, out, sizeof out);
    if (rc) drop(part);
    return rc;
}

enum err place_copy_out(const char *path, const char *url, const struct place_bytes *want)
{
    struct place_seen seen;
    const char *own = place_path(url);
    TRY(look(url, &seen));
    if (seen.state == PLACE_ONLINE) { /* of another life, or another file of that name */
        REQUIRE(is_right(want, seen.size_bytes, seen.checksum), ERR_MISMATCH,
                "the store has another file of this name, %s, with %lld bytes and %s", url, (long long)seen.size_bytes,
                seen.checksum);
        return access(path, F_OK) == 0 ? check_path(path, want) : ERR_OK; /* who has it there lets this one go */
    }
    TRY(check_path(path, want));
    if (own) return publish_copy(path, own, want);
    enum err rc = send(path, url, want);
    return rc ? rc : check_place(url, want); /* what stands there now, whatever the programs said */
}

enum err place_copy_text(const char *text, const char *url)
{
    char path[ROOM], sum[32] = "";
    unsigned long long size = 0;
    const char *own         = place_path(url);
    if (own) return publish_text(own, text, strlen(text), 1);
    TRY(temporary(path));
    enum err rc = publish_text(path, text, strlen(text), 1);
    if (!rc) rc = publish_checksum(path, sum, &size);
    struct place_bytes want = {.size_bytes = (int64_t)size, .checksum = sum};
    struct place_seen seen;
    if (!rc) rc = look(url, &seen);
    bool is_there = !rc && seen.state == PLACE_ONLINE,
         is_same  = is_there && is_right(&want, seen.size_bytes, seen.checksum);
    if (is_there && !is_same) drop(url);
    if (!rc && !is_same) rc = send(path, url, &want);
    unlink(path);
    return rc;
}
