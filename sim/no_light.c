/* Producer NoLight: crystals in the dark, for mock data of noise alone. */
#include "module.h"
#include "tables.h"

static const struct cfg_field no_fields[] = {{.name = NULL}};
static const struct port out_ports[]      = {{&table_crystal_hit, NULL, false}, {0}};

const struct module module_no_light = {
    .name = "NoLight",
    .kind = MODULE_PRODUCER,
    .doc  = "Gives crystals without light, so that Digitise makes pedestals, noise and what it adds itself (laser, T0) "
            "alone.",
    .source   = "Mock Fast DAQ of the production talk: data without detectors",
    .fields   = no_fields,
    .cfg_size = 1,
    .out      = out_ports,
};
