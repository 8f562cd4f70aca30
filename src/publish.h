/* Publishing: a file gets its final name only when it is whole, and no file is ever replaced. Test: tests/t_publish.c */
#ifndef GM2_PUBLISH_H
#define GM2_PUBLISH_H

#include "err.h"

/** What is added to a final name while a file is being written: ".part", or, after publish_own_parts(), a suffix of this
 *  process alone, so that two jobs that race for a unit do not write into one file. */
const char *publish_part_suffix(void);
void publish_own_parts(void);
/** True if the name is that of a .part whose writer is known to be gone: an earlier life of the same Slurm step, or a
 *  process of this host that no longer runs. */
int publish_part_is_dead(const char *name);

/** fsync(part), link/rename it to `path` without replacing, fsync the folder.
 *  If `path` exists already: equal bytes -> the part is removed and ERR_OK (the same unit made twice); other bytes ->
 *  ERR_MISMATCH, both kept. ERR_WRITE names the file and the system's reason. */
enum err publish_file(const char *part, const char *path);
/** The same for a file still open as `fd`: what is published is that file, even if another process has meanwhile taken
 *  the name `part` for its own (then nothing of the other's is touched). ERR_MISMATCH if `part` was taken and `path` is
 *  not there yet: somebody else is making it. */
enum err publish_descriptor(int fd, const char *part, const char *path);
/** Writes text to PATH.part and publishes it; an existing PATH is replaced atomically if may_replace (sidecars). */
enum err publish_text(const char *path, const char *text, size_t length, int may_replace);
/** Makes a folder and its parents. */
enum err publish_make_folder(const char *path);
/** adler32 of a file as SAM writes it ("adler32:xxxxxxxx"), and its size. */
enum err publish_checksum(const char *path, char text[32], unsigned long long *size);

#endif
