/* The registry of modules. A stream used twice is a duplicate case below, which does not compile. */
#include "module.h"

#include <string.h>

#define MODULE(stem, stream) extern const struct module module_##stem;
#include "modules.def"
#undef MODULE

static const struct module_entry entries[] = {
#define MODULE(stem, stream) {&module_##stem, stream},
#include "modules.def"
#undef MODULE
    {NULL, 0},
};

const struct module_entry *module_all(void) { return entries; }

static int is_pinned(uint32_t stream)
{
    switch (stream) {
#define MODULE(stem, stream) case stream:
#include "modules.def"
#undef MODULE
        return 1;
    default: return 0;
    }
}

const struct module_entry *module_find(const char *name)
{
    for (const struct module_entry *e = entries; e->module; e++)
        if (strcmp(e->module->name, name) == 0 && is_pinned(e->stream)) return e;
    return NULL;
}

bool module_simulates(const char *source_type)
{
    return strcmp(source_type, "EmptyFill") == 0 || strcmp(source_type, "TruthInput") == 0;
}
