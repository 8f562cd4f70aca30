/* Room on the disk: reserved before, and what to do when it has run out. */
#ifndef GM2_FILE_ROOM_H
#define GM2_FILE_ROOM_H

#include "err.h"

#include <stdint.h>

/* HDF5 1.10 must never meet a full disk: after a flush that failed it cannot close the file, and crashes at exit. So room
 * is reserved before each step that writes. */

/** Reserves room for the first `bytes` of an open file, whose length stays; where the file system cannot, asks what is
 *  free. ERR_WRITE. */
enum err file_room_reserve(int fd, const char *path, int64_t bytes);
/** Gives back what was reserved beyond the end. */
enum err file_room_trim(int fd, const char *path);
/** Bytes free where `path` lies; INT64_MAX if nobody knows. */
int64_t file_room_free(const char *path);
/** Before a file that cannot be finished is closed: turns this process's descriptors of it to memory, but for
 *  `keep`, one of them or -1 (then `path` tells which file).
 *  A close that fails, as on a full disk, leaves the library in a state that crashes at exit. */
void file_room_divert(const char *path, int keep);

#endif
