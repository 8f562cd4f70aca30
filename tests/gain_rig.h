/* A step of Gain on its own, with constants that a test gives it. */
#ifndef GM2_GAIN_RIG_H
#define GM2_GAIN_RIG_H

#include "bank.h"
#include "cfg.h"
#include "cond.h"
#include "cond_use.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct module module_gain;

/** Definitions of tables as a database has them. */
static inline void gain_rig_tables(size_t n, const char *const *names, struct cond_table *definition)
{
    char path[80];
    struct cond *cond;
    snprintf(path, sizeof path, "%s/gain_rig_%d.db", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
    assert_int_equal(cond_init(path, &(struct cond_note){"t", "test"}, &cond), ERR_OK);
    for (size_t k = 0; k < n; k++) assert_int_equal(cond_table(cond, names[k], &definition[k]), ERR_OK);
    cond_close(cond);
    unlink(path);
}

struct gain_rig {
    struct step step;
    struct job_info job; /* conditions: for cond_use_add(), before the step begins */
    struct fhicl *document;
    void *cfg;
};

/** A step for the unit's first fill, of muons; it has not begun. */
static inline void gain_rig_make(struct gain_rig *rig, const char *settings, const struct unit *unit)
{
    static const char no_database[] = "services.conditions.database: \"\"";
    struct fhicl *document;
    memset(rig, 0, sizeof *rig);
    assert_int_equal(fhicl_parse(no_database, strlen(no_database), "test", &document), ERR_OK);
    assert_int_equal(cfg_fill_defaults(conditions_cfg_fields, document, "services.conditions"), ERR_OK);
    assert_int_equal(cond_use_create(document, &rig->job.conditions), ERR_OK);
    fhicl_free(document);
    assert_int_equal(fhicl_parse(settings, strlen(settings), "test", &rig->document), ERR_OK);
    rig->step = (struct step){.module = &module_gain,
                              .label  = "gain",
                              .job    = &rig->job,
                              .unit   = unit,
                              .fill   = {.run = unit->run, .subrun = unit->subrun, .event = 1}};
    assert_int_equal(mem_alloc(&rig->cfg, 1, module_gain.cfg_size), ERR_OK);
    assert_int_equal(cfg_read(module_gain.fields, rig->document, "test", NULL, rig->cfg), ERR_OK);
    rig->step.cfg = rig->cfg;
    for (int i = 0; i < 2; i++) assert_int_equal(block_create(module_gain.in[i].table, &rig->step.in[i]), ERR_OK);
    assert_int_equal(block_create(&table_pulse, &rig->step.out[0]), ERR_OK);
    assert_int_equal(block_resize(rig->step.in[1], 1), ERR_OK);
    fill_view(rig->step.in[1]).fill_type[0] = BANK_MUON;
}

static inline void gain_rig_free(struct gain_rig *rig)
{
    module_gain.end(&rig->step);
    for (int i = 0; i < 2; i++) block_free(rig->step.in[i]);
    block_free(rig->step.out[0]);
    cfg_free(module_gain.fields, rig->cfg);
    mem_free(rig->cfg);
    fhicl_free(rig->document);
    cond_use_free(rig->job.conditions);
}

#endif
