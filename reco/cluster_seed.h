/* The largest pulse of a cluster: the cluster has its time, to the bit. Test: tests/t_mip_triples.c */
#ifndef GM2_CLUSTER_SEED_H
#define GM2_CLUSTER_SEED_H

#include "tables.h"

#define CLUSTER_NO_SEED UINT32_MAX

/** Work space; zero it before the first use. */
struct cluster_seed {
    size_t capacity;
    struct cluster_seed_entry *entry; /* pulses by calorimeter and time */
};
void cluster_seed_free(struct cluster_seed *work);
/** seed[i]: row in `pulse` of the largest pulse of cluster i (calo, t_fill_ns are read); CLUSTER_NO_SEED where the pulses
 *  are not those that the clusters were made of. seed: [cluster->n]. ERR_MEMORY. */
enum err cluster_seed_find(struct cluster_seed *work, const struct pulse_view *pulse,
                           const struct cluster_view *cluster, uint32_t *seed);

#endif
