/* Unit files with known content, for the tests and benchmarks of files. */
#ifndef GM2_TESTS_MAKE_UNIT_H
#define GM2_TESTS_MAKE_UNIT_H

#include "file.h"
#include "mem.h"
#include "rng.h"
#include "tables.h"

#include <string.h>

struct made {
    uint32_t run, subrun;
    int64_t n_fills;
    size_t n_rows;    /* of table cluster in each fill; fill f has n_rows + f */
    size_t n_samples; /* of table sample */
    const char *config_id;
};

static const struct provenance make_provenance = {
    .process_name   = "test",
    .release        = "0.0.1",
    .git_commit     = "0123456789012345678901234567890123456789",
    .config_text    = "physics: { a: 1 }\n",
    .config_id      = "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    .isa            = "avx2",
    .constants_set  = "gm2ringsim-2020",
    .conditions_tag = "",
    .parents        = "",
    .seed           = 18000000000000000000u,
};

/* The values of row i of fill `event`: any reader can compute them again. */
static inline double make_value(uint32_t subrun, uint32_t event, size_t i)
{
    return (double)subrun * 1e6 + (double)event * 1e3 + (double)i * 0.001;
}

static inline enum err make_fill(struct unit_file *f, const struct made *m, struct block *cluster, struct block *sample,
                                 uint32_t event)
{
    struct fill fill = {.run = m->run, .subrun = m->subrun, .event = event};
    TRY(block_resize(cluster, m->n_rows ? m->n_rows + event : 0));
    TRY(block_resize(sample, m->n_samples));
    for (size_t c = 0; c < cluster->table->n_columns; c++)
        if (cluster->n)
            memset(cluster->data[c], 0,
                   cluster->n * cluster->table->columns[c].width * column_size(cluster->table->columns[c].type));
    struct cluster_view v = cluster_view(cluster);
    struct sample_view s  = sample_view(sample);
    for (size_t i = 0; i < v.n; i++) {
        v.calo[i]       = (uint8_t)(1 + i % 24);
        v.t_fill_ns[i]  = make_value(m->subrun, event, i);
        v.energy_GeV[i] = (double)i;
        v.x_mm[i]       = (float)i;
    }
    for (size_t i = 0; i < s.n; i++) s.adc[i] = (int16_t)(i * 7 + event);
    TRY(unit_file_append(f, "cluster", cluster, &fill));
    return unit_file_append(f, "sample", sample, &fill);
}

static inline enum err make_hists(const struct made *m, struct hist_set *set)
{
    struct hist *h, *w;
    struct hist_axis t = hist_axis(50, 0, 1000, "time", "ns"), e = hist_axis(4, 0, 4, "energy", "GeV");
    TRY(hist_book(set, "wiggle/t_method", "hits against time", t, HIST_NO_AXIS, 0, &h));
    TRY(hist_book(set, "wiggle/a_method", "weighted", t, e, 1, &w));
    for (uint32_t i = 0; i < 100 + m->subrun; i++) {
        hist_fill(h, 11.0 * i, 0, 1);
        hist_fill(w, 11.0 * i, i % 4, 0.25 + 0.001 * i);
    }
    return ERR_OK;
}

/* Writes and publishes one unit file. */
static inline enum err make_unit(const char *path, const struct made *m)
{
    struct unit_file *f   = NULL;
    struct block *cluster = NULL, *sample = NULL;
    struct hist_set set = {0};
    struct provenance p = make_provenance;
    struct unit unit    = {.run = m->run, .subrun = m->subrun, .n_fills = m->n_fills};
    if (m->config_id) p.config_id = m->config_id;
    enum err rc = block_create(&table_cluster, &cluster);
    if (!rc) rc = block_create(&table_sample, &sample);
    if (!rc) rc = unit_file_create(path, &p, &unit, &f);
    for (int64_t e = 1; !rc && e <= m->n_fills; e++) rc = make_fill(f, m, cluster, sample, (uint32_t)e);
    if (!rc) rc = make_hists(m, &set);
    if (!rc) rc = unit_file_finish(f, &set, m->n_fills);
    if (!rc) {
        rc = unit_file_publish(f);
        if (!rc) f = NULL;
    }
    unit_file_abandon(f);
    hist_set_free(&set);
    block_free(cluster);
    block_free(sample);
    return rc;
}

#endif
