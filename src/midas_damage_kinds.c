/* The kinds of damage, by number and by name. */
#include "midas_damage.h"

#include <stdio.h>
#include <string.h>

const struct midas_damage_kind *midas_damage_kind(enum damage_kind kind)
{
    static const struct midas_damage_kind kinds[N_MIDAS_DAMAGES] = {
#define DAMAGE_ROW(name, cost, doc) {#name, doc, DAMAGE_##cost},
        MIDAS_DAMAGES(DAMAGE_ROW)
#undef DAMAGE_ROW
    };
    return &kinds[kind];
}

const char *midas_damage_cost(enum damage_cost cost)
{
    static const char *const names[] = {"nothing", "crate", "fill", "rest"};
    return names[cost];
}

enum err midas_damage_find(const char *name, enum damage_kind *out)
{
    char list[1024];
    int n = 0;
    for (int k = 0; k < N_MIDAS_DAMAGES; k++) {
        const char *known = midas_damage_kind((enum damage_kind)k)->name;
        *out              = (enum damage_kind)k;
        if (strcmp(known, name) == 0) return ERR_OK;
        n += snprintf(list + n, sizeof list - (size_t)n, "%s%s", k ? ", " : "", known);
    }
    FAIL(ERR_NOTFOUND, "no kind of damage \"%s\"; there are %s", name, list);
}
