/* Which files a batch meets that are declared already: asked for in a few questions instead of one a file. */
#ifndef GM2_CATALOGUE_KNOWN_H
#define GM2_CATALOGUE_KNOWN_H

#include "catalogue.h"

struct known_file {
    int64_t id, size;
    bool is_retired;
    const char *name, *checksum;
};
/** Sorted by name; starts as {0}, free with catalogue_known_free(). */
struct catalogue_known {
    void *root;
};

/** Looks up the names of n files and of their parents. Test: tests/t_catalogue.c */
enum err catalogue_known_read(struct catalogue_known *known, struct db *db, const struct catalogue_file *files,
                              size_t n);
/** NULL if there is none of this name. */
const struct known_file *catalogue_known_find(const struct catalogue_known *known, const char *name);
/** Adds one, unless its name is there; texts are copied. */
enum err catalogue_known_add(struct catalogue_known *known, const struct known_file *file);
void catalogue_known_free(struct catalogue_known *known);

#endif
