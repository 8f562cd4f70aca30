/* From parameters to a ring's setup. */
#include "ring_cfg.h"

#include <string.h>

const char *const ring_cfg_shared[] = {"esq_layout", "esq_field", "esq_high_voltage_kV", "n_index", "esq_normal_V",
                                       "esq_skew_V", NULL};

static enum err copy_multipoles(const struct f64s *from, const char *name, double to[RING_MAX_ORDER + 1])
{
    REQUIRE(from->n <= RING_MAX_ORDER, ERR_CONFIG, "%s: %zu multipoles given, at most %d are accepted", name, from->n,
            RING_MAX_ORDER);
    for (size_t i = 0; i < from->n; i++) to[i + 1] = from->value[i];
    return ERR_OK;
}

enum err ring_setup_from(const char *layout, const char *field, double high_voltage_kV, double n_index,
                         const struct f64s *normal_V, const struct f64s *skew_V, const struct f64s *collimators_deg,
                         double aperture_mm, double pair_deg, struct ring_setup *out)
{
    struct ring_setup s = {.aperture_mm = aperture_mm, .pair_deg = pair_deg};
    s.is_curved         = strcmp(field, "curved") == 0;
    s.layout = strcmp(layout, "13_26") == 0 ? RING_13_26 : strcmp(layout, "39") == 0 ? RING_39 : RING_CONTINUOUS;
    REQUIRE(collimators_deg->n <= RING_MAX_COLLIMATORS, ERR_CONFIG, "collimators_deg: at most %d are accepted",
            RING_MAX_COLLIMATORS);
    s.n_collimators = s.layout == RING_CONTINUOUS ? 0 : collimators_deg->n;
    for (size_t i = 0; i < s.n_collimators; i++) s.collimator_deg[i] = collimators_deg->value[i];
    if (strcmp(field, "nim") == 0)
        ring_setup_nim(&s, high_voltage_kV);
    else if (strcmp(field, "linear") == 0 || strcmp(field, "curved") == 0)
        ring_setup_linear(&s, n_index);
    else {
        TRY(copy_multipoles(normal_V, "esq_normal_V", s.normal_V));
        TRY(copy_multipoles(skew_V, "esq_skew_V", s.skew_V));
    }
    *out = s;
    return ERR_OK;
}
