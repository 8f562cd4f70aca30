/* A gun as one step, opened, fired and closed by tests. Include after cmocka.h. */
#ifndef GM2_TESTS_GUN_STEP_H
#define GM2_TESTS_GUN_STEP_H

#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>
#include <string.h>

#define assert_near(got, want, within) assert_true(fabs((got) - (want)) <= (within))

struct one {
    struct step step;
    struct unit unit;
    struct job_info job;
    struct hist_set hists;
    void *cfg;
    struct fhicl *table;
};

/* Opens a gun; `text` are its parameters. */
static inline enum err open_gun(struct one *g, const char *name, const char *text)
{
    const struct module_entry *entry = module_find(name);
    *g                               = (struct one){.unit = {.run = 1}};
    assert_non_null(entry);
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &g->table), ERR_OK);
    assert_int_equal(mem_alloc(&g->cfg, 1, entry->module->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(entry->module->fields, g->table, name, NULL, g->cfg), ERR_OK);
    g->step = (struct step){
        .module = entry->module, .label = "gun", .cfg = g->cfg, .unit = &g->unit, .job = &g->job, .hists = &g->hists};
    assert_int_equal(block_create(&table_muon, &g->step.out[0]), ERR_OK);
    return g->step.module->begin(&g->step);
}

static inline enum err fire(struct one *g, uint32_t run, uint32_t subrun, uint32_t event)
{
    const struct module_entry *entry = module_find(g->step.module->name);
    g->step.fill                     = (struct fill){.seed = 1234, .run = run, .subrun = subrun, .event = event};
    g->step.rng                      = rng_key(1234, run, subrun, event, entry->stream);
    return g->step.module->event(&g->step);
}

/* Muons that the gun makes in a fill of another type. */
static inline size_t fire_type(struct one *g, uint8_t type)
{
    assert_int_equal(block_resize(g->step.out[0], 0), ERR_OK);
    g->step.fill.type = type;
    assert_int_equal(g->step.module->event(&g->step), ERR_OK);
    return g->step.out[0]->n;
}

static inline void close_gun(struct one *g)
{
    g->step.module->end(&g->step);
    block_free(g->step.out[0]);
    cfg_free(g->step.module->fields, g->cfg);
    mem_free(g->cfg);
    hist_set_free(&g->hists);
    fhicl_free(g->table);
}

#endif
