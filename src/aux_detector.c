/* The auxiliary crates' channels. */
#include "aux_detector.h"
#include "bank.h"

bool aux_detector(int crate, int segment, struct aux_detector *out)
{
    static const struct {
        int crate, n_planes, n_fibres;
        enum aux_kind kind;
    } crates[] = {{BANK_CRATE_T0, AUX_T0_CHANNELS, 1, AUX_T0},
                  {BANK_CRATE_IBMS, AUX_IBMS_PLANES, AUX_IBMS_FIBRES, AUX_IBMS},
                  {BANK_CRATE_HARP, AUX_HARPS, AUX_HARP_FIBRES, AUX_HARP}};
    for (int i = 0; i < (int)(sizeof crates / sizeof *crates); i++) {
        if (crates[i].crate != crate || segment < 0 || segment >= crates[i].n_planes * crates[i].n_fibres) continue;
        *out = (struct aux_detector){crates[i].kind, segment / crates[i].n_fibres, segment % crates[i].n_fibres};
        return true;
    }
    return false;
}

double aux_harp_mm(int fibre) { return AUX_HARP_PITCH_MM * (fibre - 0.5 * (AUX_HARP_FIBRES - 1)); }

double aux_ibms_mm(int fibre) { return AUX_IBMS_PITCH_MM * (fibre - 0.5 * (AUX_IBMS_FIBRES - 1)); }
