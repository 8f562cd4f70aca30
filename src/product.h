/* Products of a job: which units and shards are published, which shards are complete, gathering them.
 *
 * The published files are the only state: this is what rank 0 knows of them. */
#ifndef GM2_PRODUCT_H
#define GM2_PRODUCT_H

#include "job.h"

struct product_state;

/** Looks at the output folder (made if missing). A published file that was made with another configuration or another
 *  number of fills is ERR_MISMATCH; a damaged one is set aside as NAME.damaged and will be made again. */
enum err product_scan(const struct job *job, struct product_state **out);
void product_free(struct product_state *p);
bool product_has_unit(const struct product_state *p, size_t unit);
/** Looks on the disk: has another job published this unit, or the shard that holds it, since the start? */
bool product_is_published(const struct job *job, const struct unit *unit);
/** The job's list of units has grown (watched folders; one unit a shard). */
enum err product_grow(struct product_state *p);
/** Notes a unit as published. */
void product_unit_done(struct product_state *p, size_t unit);
/** Shards whose units are all published but which are not gathered yet; taking one of them. */
size_t product_n_ripe(const struct product_state *p);
size_t product_next_ripe(struct product_state *p);
/** Shards that are final (gathered, or, with one unit a shard, published). */
size_t product_n_whole(const struct product_state *p);
/** Collective: makes a shard of its units, writes its metadata, removes the units' files. */
enum err product_gather(const struct job *job, size_t shard);
/** Writes the metadata JSON of a unit that is a product itself (one unit a shard), and of its raw file if there is one. */
enum err product_describe_unit(const struct job *job, const struct unit *unit);
/** Writes the metadata JSON of a merged file, whose units and provenance are the job's. */
enum err product_describe_merged(const struct job *job, const char *path);
/** Writes the metadata JSON of a shard. */
enum err product_describe_shard(const struct job *job, size_t shard);

#endif
