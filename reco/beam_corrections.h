/* What the histograms of module BeamDynamics say of C_e and C_p: by formula and by tracked spin, side by side.
 * sim/README.md tells how the sums are made. Test: tests/t_beam_report.c */
#ifndef GM2_BEAM_CORRECTIONS_H
#define GM2_BEAM_CORRECTIONS_H

#include "hist.h"

#include <stdbool.h>

struct beam_value {
    double value, error; /* error of this sample of muons, NaN where it is not known */
};

/** Corrections in ppb; "weighted": with the time each muon lived, as the spin's are. */
struct beam_corrections {
    double n_muons, field_index;
    double field_ppm;               /* field seen over B0, minus 1: taken away from the spin's corrections */
    double x_e_mean_mm, x_e_rms_mm; /* rms about the mean */
    struct beam_value formula_e, formula_p, formula;
    double weighted_e, weighted_p, weighted;
    /* Least squares of each muon's phase against what its formulas make of the time it lived, and against a phase at the
     * start (of a kick) that may depend on both; the spin's factors times the weighted formulas. The errors hold no
     * sampling of the muons; they take all muons as equally good, which makes that of C_p twice too small. */
    bool has_fit;                                       /* false: the muons are too much alike */
    struct beam_value spin_e, spin_p, spin, difference; /* difference: spin - weighted */
    struct beam_value mean;       /* time-weighted mean of the tracked shifts: no formulas, but blind to a kick */
    struct beam_value slope;      /* from how the phase grows with the time lived: neither */
    struct beam_value start_mrad; /* phase the spin has gained at the start, by the same line */
};

/** From beam/sum/... ; ERR_NOTFOUND when they are not there or hold fewer than 10 muons. */
enum err beam_corrections(const struct hist_set *hists, struct beam_corrections *out);

#endif
