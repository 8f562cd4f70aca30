/* Files that were made with constants which a tag has replaced since. Test: tests/cli/stale.sh */
#ifndef GM2_STALE_H
#define GM2_STALE_H

#include "catalogue.h"
#include "cond.h"

/** Calls `each` for every file of a query, in the catalogue's order, whose intervals of some table are not those that the tag
 *  gives its subruns now; `why` says which. Files that record no intervals are not stale. */
enum err stale_find(struct catalogue *catalogue, const char *query, struct cond *cond, const char *tag,
                    enum err (*each)(void *context, const char *file_name, const char *why), void *context);

#endif
