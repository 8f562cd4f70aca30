/* Between columns.c and the two kinds of file it reads. */
#ifndef GM2_COLUMNS_SOURCE_H
#define GM2_COLUMNS_SOURCE_H

#include "columns.h"

enum { COLUMNS_MAX = 512 }; /* columns a file may have */

/** What a file calls its columns. */
struct columns_header {
    size_t n;
    char **name;
    char **unit; /* from brackets or an attribute, "" where there is none; the name may have one too */
};

/** For each wanted column: its place in the header (-1: absent) and the factor to its unit. */
struct columns_plan {
    const struct column_want *want;
    size_t n;
    int *place;
    double *factor;
};

/** Takes over copies of a name and a unit. */
enum err columns_header_add(struct columns_header *header, const char *name, const char *unit);
void columns_header_free(struct columns_header *header);
/** Finds the wanted columns in a header; place and factor are to be freed with columns_plan_free(). ERR_DATA. */
enum err columns_plan_make(const struct columns_header *header, const struct column_want *want, size_t n,
                           struct columns_plan *plan);
void columns_plan_free(struct columns_plan *plan);
/** Scales one value and checks it; the message names the column only. ERR_DATA. */
enum err columns_accept(const struct column_want *want, double factor, double *value);

/** A text file, with the messages' line numbers; `out` is freed by the caller if this fails. */
enum err columns_text_read(const char *path, const struct column_want *want, size_t n, size_t max_rows,
                           struct columns *out);

#endif
