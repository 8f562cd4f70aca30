/* Constants as products of a campaign: a CSV a calibration with metadata beside it, and the tag that they are loaded under.
 * Test: tests/cli/calib_product.sh */
#ifndef GM2_CALIB_PRODUCT_H
#define GM2_CALIB_PRODUCT_H

#include "calib.h"
#include "calib_identity.h"

enum { CALIB_MAX_LABELS = 16 };

struct calib_product {
    const char *stem; /* DIR/STEM: products are DIR/STEM.TABLE.NAME.csv */
    struct calib_choice choice;
    bool is_frozen; /* nothing can be loaded under the tag afterwards */
    char *const *paths;
    size_t n_paths;
    size_t n_labels;
    const char *label[CALIB_MAX_LABELS]; /* further fields of the metadata, KEY=VALUE */
};

/** Opens the database of constants, made if it is not there, and makes the tag, if it is not there. Done again it changes
 *  nothing. */
enum err calib_product_open(const char *url, const struct calib_product *product, const struct cond_note *note,
                            struct cond **out);
/** Freezes the tag, if that is wanted and not done. */
enum err calib_product_freeze(struct cond *cond, const struct calib_product *product, const struct cond_note *note);
/** Publishes a CSV and its metadata for each attempt; all must have been made. What is there with the same bytes stays. */
enum err calib_product_write(const struct calib_product *product, const struct calib_input *in,
                             const struct calib_attempt *attempts, size_t n);

#endif
