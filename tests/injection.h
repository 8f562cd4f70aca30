/* Gun and ring as in a job, from their parameters; shared by t_injection.c and t_ring_stages.c. */
#ifndef GM2_TESTS_INJECTION_H
#define GM2_TESTS_INJECTION_H

#include "mem.h"
#include "module.h"
#include "phys.h"
#include "ring_cfg.h"
#include "ring_cfg_fields.h"
#include "ring_stages.h"
#include "tables.h"

#include <math.h>
#include <string.h>

/* A module with its parameters and one output block. */
struct one_module {
    struct step step;
    struct unit unit;
    struct job_info job;
    struct hist_set hists;
    struct fhicl *document;
    void *cfg;
};

static inline enum err one_module_open(const char *name, const char *text, struct one_module *m)
{
    const struct module_entry *entry = module_find(name);
    *m                               = (struct one_module){.unit = {.run = 1}};
    REQUIRE(entry, ERR_LOGIC, "no module %s", name);
    TRY(fhicl_parse(text, strlen(text), "test", &m->document));
    TRY(mem_alloc(&m->cfg, 1, entry->module->cfg_size));
    TRY(cfg_read(entry->module->fields, m->document, "ring", NULL, m->cfg));
    m->step = (struct step){.module = entry->module,
                            .label  = "ring",
                            .cfg    = m->cfg,
                            .unit   = &m->unit,
                            .job    = &m->job,
                            .hists  = &m->hists,
                            .fill   = {.seed = 1, .run = 1, .event = 1},
                            .rng    = rng_key(1, 1, 0, 1, entry->stream)};
    TRY(block_create(entry->module->out[0].table, &m->step.out[0]));
    REQUIRE(m->step.out[0], ERR_LOGIC, "no block");
    return entry->module->begin(&m->step);
}

static inline void one_module_close(struct one_module *m)
{
    if (m->step.module) {
        m->step.module->end(&m->step);
        block_free(m->step.out[0]);
        cfg_free(m->step.module->fields, m->cfg);
    }
    mem_free(m->cfg);
    fhicl_free(m->document);
    hist_set_free(&m->hists);
    *m = (struct one_module){0};
}

/* A fill of a gun tracked by a ring. */
struct injection {
    struct one_module gun, ring;
    struct muon_view muon;
    struct vertex_view vertex;
};

static inline enum err injection_run(const char *gun, const char *ring, struct injection *in)
{
    *in = (struct injection){0};
    TRY(one_module_open("InflectorGun", gun, &in->gun));
    TRY(one_module_open("RingTracker", ring, &in->ring));
    TRY(in->gun.step.module->event(&in->gun.step));
    in->ring.step.in[0] = in->gun.step.out[0];
    TRY(in->ring.step.module->event(&in->ring.step));
    in->muon   = muon_view(in->gun.step.out[0]);
    in->vertex = vertex_view(in->ring.step.out[0]);
    return ERR_OK;
}

static inline void injection_close(struct injection *in)
{
    one_module_close(&in->gun);
    one_module_close(&in->ring);
}

#define assert_near(got, want, within)                                                                                 \
    do {                                                                                                               \
        double got_ = (got), want_ = (want);                                                                           \
        if (!(fabs(got_ - want_) <= (within)))                                                                         \
            fail_msg("%s is %.10g, want %.10g +- %g", #got, got_, want_, (double)(within));                            \
    } while (0)

#endif
