/* Input files of modules: parameters of type file, `path` beside `path_sha1`.
 *
 * What is in such a file is part of the configuration, by its SHA-1; where it lies is not. Test: tests/t_chain.c */
#ifndef GM2_CHAIN_FILES_H
#define GM2_CHAIN_FILES_H

#include "fhicl.h"

/** Digests every input file of a complete document and puts the SHA-1 into PARAMETER_sha1 where that is empty.
 *  ERR_OPEN, ERR_READ; ERR_MISMATCH if the document says another SHA-1. */
enum err chain_files_digest(struct fhicl *document);
/** Removes the paths from a document, so that its identity is that of the contents. */
void chain_files_forget_paths(struct fhicl *document);
/** Names without folders, one a line, each once, "" if there are none; mem_free() it. */
enum err chain_files_names(const struct fhicl *document, char **out);

/** For a module that opens such a file: is it still what the document says? "" as sha1 is not looked at.
 *  ERR_OPEN, ERR_READ, ERR_MISMATCH. */
enum err chain_files_check(const char *path, const char *sha1);

#endif
