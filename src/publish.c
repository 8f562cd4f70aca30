/* Publishing: whole files under final names, nothing replaced. */
#include "publish.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER_BYTES = 1 << 20 };

static const char *reason(void) { return strerror(errno); }

static char part_suffix[320] = ".part";

const char *publish_part_suffix(void) { return part_suffix; }

/* Who writes: "sJOB-STEP" under Slurm, where a job keeps its number through all its lives, else "HOST". */
static void own_tag(char tag[288])
{
    const char *job = getenv("SLURM_JOB_ID"), *step = getenv("SLURM_STEP_ID");
    char host[256] = "host";
    if (job && step) {
        snprintf(tag, 288, "s%.20s-%.20s", job, step);
        return;
    }
    gethostname(host, sizeof host - 1);
    for (char *c = host; *c; c++)
        if (*c == '/' || *c == '.') *c = '_';
    snprintf(tag, 288, "%s", host);
}

void publish_own_parts(void)
{
    char tag[288];
    own_tag(tag);
    snprintf(part_suffix, sizeof part_suffix, ".%s-%ld.part", tag, (long)getpid());
}

static int is_running(long pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    if (!fgets(line, sizeof line, f)) line[0] = 0;
    fclose(f);
    const char *state = strrchr(line, ')'); /* a zombie has ended, its parent has not looked yet */
    return state && state[1] == ' ' && state[2] != 'Z' && state[2] != 'X';
}

int publish_part_is_dead(const char *name)
{
    char tag[288], own[300];
    size_t n = strlen(name);
    own_tag(tag);
    int length = snprintf(own, sizeof own, ".%s-", tag);
    if (n < 5 || strcmp(name + n - 5, ".part") != 0) return 0;
    const char *at = strstr(name, own);
    if (!at) return 0;
    char *end;
    long pid = strtol(at + length, &end, 10);
    if (end == at + length || strcmp(end, ".part") != 0) return 0;
    /* this step has only begun: what bears its tag is from an earlier life */
    return tag[0] == 's' && getenv("SLURM_STEP_ID") ? 1 : !is_running(pid);
}

static enum err sync_folder_of(const char *path)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_WRITE, "cannot open folder %s: %s", folder, reason());
    int bad = fsync(fd), why = errno;
    close(fd);
    /* some file systems cannot sync a folder: then the name is as durable as they make it */
    REQUIRE(!bad || why == EINVAL || why == ENOTSUP, ERR_WRITE, "cannot sync folder %s: %s", folder, strerror(why));
    return ERR_OK;
}

static int is_same_file(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Fills the buffer or reaches the end; -1 on error. */
static ssize_t read_full(int fd, unsigned char *buffer, size_t size, off_t at)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = pread(fd, buffer + got, size - got, at + (off_t)got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

static enum err compare(int a, int b, int *is_equal)
{
    unsigned char *buffer;
    TRY(mem_alloc(&buffer, 2, BUFFER_BYTES));
    *is_equal = 1;
    off_t at  = 0;
    for (ssize_t n = 1; *is_equal && n > 0; at += n) {
        n         = read_full(a, buffer, BUFFER_BYTES, at);
        ssize_t m = read_full(b, buffer + BUFFER_BYTES, BUFFER_BYTES, at);
        if (n < 0 || m < 0) {
            mem_free(buffer);
            FAIL(ERR_READ, "%s", reason());
        }
        *is_equal = n == m && memcmp(buffer, buffer + BUFFER_BYTES, (size_t)n) == 0;
    }
    mem_free(buffer);
    return ERR_OK;
}

static enum err meet_existing(int fd, const char *part, const char *path)
{
    int is_equal = 0, other = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(other >= 0, ERR_WRITE, "%s exists and cannot be read: %s", path, reason());
    enum err rc = compare(fd, other, &is_equal);
    close(other);
    if (rc) return err_context(rc, "comparing %s with %s", part, path);
    REQUIRE(is_equal, ERR_MISMATCH, "%s exists with other content: somebody else has made it; %s is kept beside it",
            path, part);
    if (is_same_file(fd, part)) unlink(part);
    return ERR_OK;
}

/* Links the open file itself, not whatever may by now bear the name `part`. */
static int link_descriptor(int fd, const char *part, const char *path)
{
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) return 0;
    if (errno == EEXIST) return -1;
    if (!is_same_file(fd, part)) {
        errno = ESTALE;
        return -1;
    }
    if (link(part, path) == 0) return 0;
    if (errno == EEXIST) return -1;
    return renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE); /* no hard links here */
}

enum err publish_descriptor(int fd, const char *part, const char *path)
{
    REQUIRE(fsync(fd) == 0, ERR_WRITE, "cannot sync %s: %s", part, reason());
    if (link_descriptor(fd, part, path) != 0) {
        if (errno == EEXIST) return meet_existing(fd, part, path);
        REQUIRE(errno != ESTALE, ERR_MISMATCH, "%s was taken away: somebody else is making %s", part, path);
        FAIL(ERR_WRITE, "cannot give %s its final name %s: %s", part, path, reason());
    }
    TRY(sync_folder_of(path));
    if (is_same_file(fd, part)) unlink(part);
    return ERR_OK;
}

enum err publish_file(const char *part, const char *path)
{
    int fd = open(part, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_WRITE, "cannot open %s: %s", part, reason());
    enum err rc = publish_descriptor(fd, part, path);
    close(fd);
    return rc;
}

static enum err write_all(int fd, const char *part, const char *text, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, text + done, length - done);
        if (n < 0 && errno == EINTR) continue;
        REQUIRE(n >= 0, ERR_WRITE, "cannot write %s: %s", part, reason());
        done += (size_t)n;
    }
    return ERR_OK;
}

static enum err replace(int fd, const char *part, const char *path)
{
    REQUIRE(fsync(fd) == 0, ERR_WRITE, "cannot sync %s: %s", part, reason());
    REQUIRE(rename(part, path) == 0, ERR_WRITE, "cannot rename %s to %s: %s", part, path, reason());
    return sync_folder_of(path);
}

enum err publish_text(const char *path, const char *text, size_t length, int may_replace)
{
    char part[4096];
    int n = snprintf(part, sizeof part, "%s%s", path, part_suffix);
    REQUIRE(n > 0 && (size_t)n < sizeof part, ERR_WRITE, "file name too long: %s", path);
    unlink(part); /* a left-over */
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    REQUIRE(fd >= 0, ERR_WRITE, "cannot create %s: %s", part, reason());
    enum err rc = write_all(fd, part, text, length);
    if (!rc) rc = may_replace ? replace(fd, part, path) : publish_descriptor(fd, part, path);
    if (rc && rc != ERR_MISMATCH && is_same_file(fd, part)) unlink(part);
    close(fd);
    return rc;
}

enum err publish_make_folder(const char *path)
{
    char name[4096];
    int n = snprintf(name, sizeof name, "%s", path);
    REQUIRE(n > 0 && (size_t)n < sizeof name, ERR_WRITE, "folder name empty or too long: \"%s\"", path);
    struct stat s;
    for (char *end = name + 1;; end++) {
        if (*end && *end != '/') continue;
        char kept = *end;
        *end      = 0;
        int bad   = mkdir(name, 0777) != 0 && errno != EEXIST && errno != EISDIR;
        int why   = errno;
        int is_ok = stat(name, &s) == 0 && S_ISDIR(s.st_mode);
        REQUIRE(is_ok, ERR_WRITE, "cannot make folder %s: %s", name,
                bad ? strerror(why) : "something else has that name");
        if (!kept) return ERR_OK;
        *end = kept;
    }
}

enum err publish_checksum(const char *path, char text[32], unsigned long long *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_OPEN, "cannot open %s: %s", path, reason());
    unsigned char buffer[1 << 16];
    enum err rc = ERR_OK;
    uLong sum   = adler32(0, NULL, 0);
    off_t at    = 0;
    for (ssize_t n = 1; !rc && n > 0; at += n) {
        n = read_full(fd, buffer, sizeof buffer, at);
        if (n < 0) rc = err_fail(ERR_READ, __FILE__, __LINE__, "cannot read %s: %s", path, reason());
        if (n > 0) sum = adler32(sum, buffer, (uInt)n);
    }
    close(fd);
    if (rc) return rc;
    snprintf(text, 32, "adler32:%08lx", (unsigned long)sum);
    *size = (unsigned long long)at;
    return ERR_OK;
}
