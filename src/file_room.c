/* Room on the disk. */
#include "file_room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int64_t file_room_free(const char *path)
{
    struct statvfs v;
    return statvfs(path, &v) == 0 ? (int64_t)(v.f_bavail * v.f_frsize) : INT64_MAX;
}

enum err file_room_reserve(int fd, const char *path, int64_t bytes)
{
    int why = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0 ? 0 : errno;
    if (why == EOPNOTSUPP || why == ENOSYS || why == EINVAL) why = file_room_free(path) < bytes ? ENOSPC : 0;
    REQUIRE(why == 0, ERR_WRITE, "cannot reserve %lld bytes for %s: %s", (long long)bytes, path, strerror(why));
    return ERR_OK;
}

enum err file_room_trim(int fd, const char *path)
{
    struct stat st;
    REQUIRE(fstat(fd, &st) == 0 && ftruncate(fd, st.st_size) == 0, ERR_WRITE, "cannot trim %s: %s", path,
            strerror(errno));
    return ERR_OK;
}

void file_room_divert(const char *path, int keep)
{
    struct stat file, one;
    int memory      = memfd_create("gm2-dropped", MFD_CLOEXEC);
    DIR *open_files = opendir("/proc/self/fd");
    if (memory >= 0 && open_files && (keep >= 0 ? fstat(keep, &file) : stat(path, &file)) == 0)
        for (const struct dirent *entry; (entry = readdir(open_files));) {
            int fd = (int)strtol(entry->d_name, NULL, 10);
            if (fd == keep || fstat(fd, &one) != 0 || one.st_ino != file.st_ino || one.st_dev != file.st_dev) continue;
            dup2(memory, fd);
        }
    if (open_files) closedir(open_files);
    if (memory >= 0) close(memory);
}
