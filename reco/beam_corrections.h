/* What the histograms of module BeamDynamics say of C_e and C_p: by formula and by tracked spin, side by side.
 * sim/README.md tells how the sums are made. Test: tests/t_beam_report.c */
#ifndef GM2_BEAM_CORRECTIONS_H
#define GM2_BEAM_CORRECTIONS_H

#include "hist.h"

struct beam_value {
    double value, error; /* error of this sample of muons, NaN where it is not known */
};

/** Corrections in ppb; "weighted": with the time each muon lived, as the spin's are. */
struct beam_corrections {
    double n_muons, field_index;
    double x_e_mean_mm, x_e_rms_mm; /* rms about the mean */
    struct beam_value formula_e, formula_p, formula;
    double weighted_e, weighted_p, weighted;
    struct beam_value spin_e, spin_p, spin; /* e, p: least squares of each muon's shift against its two formulas */
    struct beam_value difference;           /* spin - weighted formula, of the same muons: no sampling in its error */
    struct beam_value slope;      /* C_e + C_p from how the shift grows with time lived: free of a kick at the start */
    struct beam_value start_mrad; /* phase the spin has gained at the start, from the same line */
};

/** From beam/sum/... ; ERR_NOTFOUND when they are not there or hold fewer than 3 muons. */
enum err beam_corrections(const struct hist_set *hists, struct beam_corrections *out);

#endif
