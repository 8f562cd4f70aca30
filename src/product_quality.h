/* What the table dqc_subrun of a product says, as fields of its metadata, so that datasets can be asked for by quality:
 * dqc.status (good, bad), dqc.failed (names of the cuts on a subrun that fail, if any), and each of its numbers as dqc.COLUMN.
 * Of several subruns: n_... are summed, of other numbers it is the worst one. Tests: tests/t_product_quality.c,
 * tests/cli/production.sh */
#ifndef GM2_PRODUCT_QUALITY_H
#define GM2_PRODUCT_QUALITY_H

#include "meta.h"
#include "table.h"

enum { PRODUCT_QUALITY_MAX = TABLE_MAX_COLUMNS + 2 };

struct product_quality {
    size_t n; /* 0: the product has no such table, or no row in it */
    struct meta_value value[PRODUCT_QUALITY_MAX];
    char failed[400];
};

/** Values point into *out. */
enum err product_quality(const char *path, struct product_quality *out);
/** The same of rows of dqc_subrun in memory. */
void product_quality_of(const struct block *block, struct product_quality *out);

#endif
