/* What a file says of itself: metadata in SAM's fields from its own bytes, without a JSON beside it. HDF5 files of ours (the
 * attributes of the root, tables units, conditions, dqc_subrun) and MIDAS files (the ODB of the begin-of-run event, /gm2/...;
 * events counted; times of begin and end of run). Tests: tests/cli/rebuild.sh, tests/cli/ingest_raw.sh */
#ifndef GM2_HEADER_H
#define GM2_HEADER_H

#include "err.h"

#include <stdbool.h>

/** True for names that end with .h5, and raw files with run and subrun in their name (.mid, .mid.gz, .mid.lz4). */
bool header_is_known(const char *path);
/** Metadata as JSON, only what the file says; mem_free() it. The whole file is read: its size and checksum are measured, and
 *  every checksum inside an HDF5 file is met. ERR_DATA: damaged, or no file of ours; ERR_READ, ERR_OPEN. */
enum err header_read(const char *path, char **json);
/** Adds to a header's JSON the fields that only `sidecar` has (PATH.json; NULL: there is none). Where both have a field the
 *  header counts; `differs` names those in which they disagree, `lacks` those that neither has. ERR_DATA: the sidecar is no
 *  JSON, or it describes other bytes (size, checksum). */
enum err header_join(const char *header, const char *sidecar, char **json, char differs[400], char lacks[400]);

#endif
