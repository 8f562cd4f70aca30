/* Fast cluster-level fills for tests: muons with a coherent oscillation, positrons drawn from N(y) [1 + A cos], the toy
 * acceptance and resolutions; run through the modules Wiggle and Quality and written as a unit file. */
#ifndef GM2_WIGGLE_TOY_FILL_H
#define GM2_WIGGLE_TOY_FILL_H

#include "cfg.h"
#include "file.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "rng.h"
#include "tables.h"
#include "wiggle.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TOY_CLUSTER, TOY_TRUTH, TOY_VERTEX, TOY_POSITRON, TOY_CALO_HIT, TOY_PULSE, TOY_N_TABLES };

struct toy_fill {
    struct block *table[TOY_N_TABLES];
};

static inline enum err toy_fill_create(struct toy_fill *f)
{
    const struct table *tables[] = {&table_cluster,  &table_cluster_truth, &table_vertex,
                                    &table_positron, &table_calo_hit,      &table_pulse};
    for (int i = 0; i < TOY_N_TABLES; i++) TRY(block_create(tables[i], &f->table[i]));
    return ERR_OK;
}

static inline void toy_fill_free(struct toy_fill *f)
{
    for (int i = 0; i < TOY_N_TABLES; i++) block_free(f->table[i]);
}

/* Energy and decay time: N(y) (1 + A(y) cos(omega_a t + phi)) by rejection; N(y) ~ (1 - y)(5 + 5y - 4y^2). */
static inline void toy_positron(struct rng *r, double r_ppm, double t_us, double *energy_GeV, int *is_kept)
{
    double y = rng_uniform(r), omega = 2.0 * PI * F_REFERENCE_MHz * (1.0 + 1e-6 * r_ppm);
    double a    = wiggle_asymmetry(y * WIGGLE_E_MAX_GeV);
    double n    = (1.0 - y) * (5.0 + (5.0 - 4.0 * y) * y) * (1.0 + 0.96 * a * cos(omega * t_us + 2.09));
    *energy_GeV = y * WIGGLE_E_MAX_GeV;
    *is_kept    = rng_uniform(r) * 7.0 < n; /* the maximum is below 7 */
}

static inline double toy_acceptance(double energy_GeV) { return energy_GeV < 2.35 ? 0.75 * energy_GeV / 2.35 : 0.75; }

static inline void toy_muon(struct rng *r, struct vertex_view *v, size_t i, double t_us)
{
    double phi = 2.0 * PI * rng_uniform(r), delta = 0.00086 + 0.0012 * rng_normal(r);
    double cbo      = 10.0 * exp(-t_us / 120.0) * cos(2.0 * PI * 0.37 * t_us - phi);
    v->muon[i]      = (uint32_t)i;
    v->fate[i]      = rng_uniform(r) < 0.004 ? 2 : 1;
    v->t_fill_ns[i] = t_us * 1e3;
    v->phi_rad[i]   = phi;
    v->x_mm[i]      = 7970.0 * delta + 10.0 * rng_normal(r) + cbo;
    v->y_mm[i]      = 12.9 * rng_normal(r);
    v->p_phi_GeV[i] = MAGIC_P_GeV * (1.0 + delta);
    v->p_r_GeV[i]   = 0.0;
    v->p_y_GeV[i]   = 0.0;
}

/** Makes one fill of n_muons, all stored. r_ppm: the R put in. */
static inline enum err toy_fill_make(struct toy_fill *f, struct rng_key key, size_t n_muons, double r_ppm)
{
    struct rng r = rng_start(key, 0);
    for (int i = 0; i < TOY_N_TABLES; i++) TRY(block_resize(f->table[i], n_muons));
    struct cluster_view c       = cluster_view(f->table[TOY_CLUSTER]);
    struct cluster_truth_view t = cluster_truth_view(f->table[TOY_TRUTH]);
    struct vertex_view v        = vertex_view(f->table[TOY_VERTEX]);
    struct positron_view p      = positron_view(f->table[TOY_POSITRON]);
    struct calo_hit_view h      = calo_hit_view(f->table[TOY_CALO_HIT]);
    struct pulse_view pulse     = pulse_view(f->table[TOY_PULSE]);
    uint32_t n_found            = 0;
    for (size_t i = 0; i < n_muons; i++) {
        double t_us = -64.4 * log(rng_uniform(&r)), energy = 0.0;
        int is_kept = 0;
        toy_muon(&r, &v, i, t_us);
        while (!is_kept) {
            /* the pair (t, E) is redrawn together: the rate oscillates too */
            toy_positron(&r, r_ppm, t_us, &energy, &is_kept);
            if (!is_kept) t_us = -64.4 * log(rng_uniform(&r));
        }
        v.t_fill_ns[i] = p.t_fill_ns[i] = t_us * 1e3;
        p.p_phi_GeV[i]                  = energy;
        p.p_r_GeV[i] = p.p_y_GeV[i] = 0.0;
        if (rng_uniform(&r) > toy_acceptance(energy)) continue;
        size_t k             = n_found++;
        h.positron[k]        = (uint32_t)i;
        c.calo[k]            = (uint8_t)(1 + (int)(24.0 * rng_uniform(&r)));
        c.t_fill_ns[k]       = t_us * 1e3 + 0.03 * rng_normal(&r);
        c.energy_GeV[k]      = energy * (1.0 + rng_normal(&r) * hypot(0.015, 0.03 / sqrt(energy)));
        c.x_mm[k]            = (float)(225.0 * (rng_uniform(&r) - 0.5));
        c.y_mm[k]            = (float)(30.0 * rng_normal(&r));
        c.status[k]          = 0;
        t.cluster[k]         = (uint32_t)k;
        t.calo_hit[k]        = (uint32_t)k;
        t.n_hits[k]          = 1;
        t.dt_ns[k]           = c.t_fill_ns[k] - t_us * 1e3;
        t.true_energy_GeV[k] = energy;
        t.true_x_mm[k]       = (double)c.x_mm[k] + 3.0 * rng_normal(&r);
        t.true_y_mm[k]       = (double)c.y_mm[k] + 3.0 * rng_normal(&r);
        pulse.calo[k]        = c.calo[k];
        pulse.crystal[k]     = (uint8_t)(54.0 * rng_uniform(&r));
        pulse.t_fill_ns[k]   = c.t_fill_ns[k];
        pulse.energy_GeV[k]  = c.energy_GeV[k];
    }
    const int short_ones[] = {TOY_CLUSTER, TOY_TRUTH, TOY_CALO_HIT, TOY_PULSE};
    for (int i = 0; i < 4; i++) TRY(block_resize(f->table[short_ones[i]], n_found));
    return ERR_OK;
}

/** One module with its defaults, as a job would run it; in: its ports. */
static inline enum err toy_step(struct step *s, struct hist_set *hists, const char *type)
{
    const struct module_entry *e = module_find(type);
    void *cfg;
    *s = (struct step){.module = e->module, .label = type, .hists = hists};
    TRY(mem_alloc(&cfg, 1, e->module->cfg_size));
    s->cfg = cfg;
    return cfg_read(e->module->fields, NULL, type, NULL, cfg);
}

static inline void toy_step_free(struct step *s)
{
    s->module->end(s);
    cfg_free(s->module->fields, (void *)(uintptr_t)s->cfg);
    mem_free((void *)(uintptr_t)s->cfg);
}

/** Histograms of n_fills fills. */
static inline enum err toy_hists(struct hist_set *hists, uint64_t seed, int n_fills, size_t n_muons, double r_ppm)
{
    struct toy_fill f;
    struct step wiggle, quality;
    TRY(toy_fill_create(&f));
    TRY(toy_step(&wiggle, hists, "Wiggle"));
    TRY(toy_step(&quality, hists, "Quality"));
    wiggle.in[0] = f.table[TOY_CLUSTER];
    wiggle.in[2] = f.table[TOY_PULSE];
    for (int i = 0; i <= TOY_CALO_HIT; i++) quality.in[i] = f.table[i];
    TRY(wiggle.module->begin(&wiggle));
    TRY(quality.module->begin(&quality));
    for (int i = 0; i < n_fills; i++) {
        uint32_t event = (uint32_t)i + 1;
        wiggle.rng     = rng_key(seed, 1, 0, event, module_find("Wiggle")->stream);
        TRY(toy_fill_make(&f, rng_key(seed, 1, 0, event, 901), n_muons, r_ppm));
        TRY(wiggle.module->event(&wiggle));
        TRY(quality.module->event(&quality));
    }
    toy_step_free(&wiggle);
    toy_step_free(&quality);
    toy_fill_free(&f);
    return ERR_OK;
}

/** The same as a unit file; config: FHiCL text of the job it stands for. */
static inline enum err toy_file(const char *path, uint32_t subrun, int n_fills, size_t n_muons, const char *config)
{
    struct hist_set hists = {0};
    char id[41];
    snprintf(id, sizeof id, "%040zu", strlen(config)); /* stands for the digest */
    struct provenance provenance = {"TOY", "0.0.0", "0000", config, id, "baseline", PHYS_SET_NAME, "", "", 1, "", ""};
    struct unit unit             = {.index = subrun, .run = 1, .subrun = subrun, .n_fills = n_fills};
    struct unit_file *file;
    struct block *cluster;
    TRY(block_create(&table_cluster, &cluster));
    TRY(toy_hists(&hists, subrun + 1, n_fills, n_muons, -95.5));
    TRY(unit_file_create(path, &provenance, &unit, &file));
    for (int i = 0; i < n_fills; i++) {
        struct fill fill = {.run = 1, .subrun = subrun, .event = (uint32_t)i + 1};
        TRY(unit_file_append(file, "cluster", cluster, &fill));
    }
    TRY(unit_file_finish(file, &hists, n_fills));
    TRY(unit_file_publish(file));
    block_free(cluster);
    hist_set_free(&hists);
    return ERR_OK;
}

#endif
