/* From clusters back to their largest pulses. */
#include "cluster_seed.h"

#include "mem.h"

#include <stdlib.h>

struct cluster_seed_entry {
    double t_ns;
    uint32_t row;
    uint8_t calo;
};

static int by_calo_and_time(const void *a, const void *b)
{
    const struct cluster_seed_entry *p = a, *q = b;
    if (p->calo != q->calo) return p->calo < q->calo ? -1 : 1;
    if (p->t_ns < q->t_ns || p->t_ns > q->t_ns) return p->t_ns < q->t_ns ? -1 : 1;
    return 0;
}

void cluster_seed_free(struct cluster_seed *work)
{
    mem_free(work->entry);
    *work = (struct cluster_seed){0};
}

enum err cluster_seed_find(struct cluster_seed *work, const struct pulse_view *pulse,
                           const struct cluster_view *cluster, uint32_t *seed)
{
    if (pulse->n > work->capacity) {
        mem_free(work->entry);
        *work = (struct cluster_seed){0};
        TRY(mem_alloc(&work->entry, 2 * pulse->n, sizeof *work->entry));
        work->capacity = 2 * pulse->n;
    }
    for (size_t i = 0; i < pulse->n; i++)
        work->entry[i] = (struct cluster_seed_entry){pulse->t_fill_ns[i], (uint32_t)i, pulse->calo[i]};
    if (pulse->n) qsort(work->entry, pulse->n, sizeof *work->entry, by_calo_and_time);
    for (size_t i = 0; i < cluster->n; i++) {
        struct cluster_seed_entry key = {cluster->t_fill_ns[i], 0, cluster->calo[i]};
        struct cluster_seed_entry *at =
            pulse->n ? bsearch(&key, work->entry, pulse->n, sizeof *work->entry, by_calo_and_time) : NULL;
        seed[i] = at ? at->row : CLUSTER_NO_SEED;
    }
    return ERR_OK;
}
