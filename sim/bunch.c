/* What the guns share. */
#include "bunch.h"

#include "phys.h"

#include <math.h>

static const double w_shape[BUNCH_N] = {27,   325,  837,  1031, 1073, 829,  620,  514,  467,  477,  469,  435,  415,
                                        384,  345,  358,  355,  374,  428,  429,  579,  761,  1031, 1215, 1406, 1624,
                                        1837, 1975, 2021, 2025, 2076, 1959, 1973, 1866, 1784, 1522, 1289, 1051, 913,
                                        685,  505,  434,  396,  366,  342,  360,  387,  402,  406,  473,  466,  498,
                                        564,  547,  723,  910,  1083, 959,  368,  90,   0};
#define SHAPE_FIRST_NS (-60.0)
#define SHAPE_STEP_NS  2.0

struct bunch bunch_make(void)
{
    struct bunch b = {{0.0}};
    for (int i = 0; i < BUNCH_N; i++) b.sum[i + 1] = b.sum[i] + w_shape[i];
    return b;
}

double bunch_draw_ns(const struct bunch *b, struct rng *r)
{
    double want = rng_uniform(r) * b->sum[BUNCH_N];
    int i       = 0;
    while (b->sum[i + 1] < want) i++;
    double inside = (want - b->sum[i]) / w_shape[i];
    return SHAPE_FIRST_NS + SHAPE_STEP_NS * (i + inside - 0.5);
}

void bunch_spin(struct bunch_direction u, double polarisation, double phase_rad, double *s_r, double *s_phi,
                double *s_y)
{
    double c = cos(phase_rad), s = sin(phase_rad);
    *s_r   = polarisation * (u.r * c - u.phi * s);
    *s_phi = polarisation * (u.phi * c + u.r * s);
    *s_y   = polarisation * u.y;
}

double bunch_life_ns(double p_GeV, struct rng *r)
{
    double gamma = sqrt(1.0 + p_GeV * p_GeV / (MUON_MASS_GeV * MUON_MASS_GeV));
    return -gamma * MUON_LIFETIME_NS * log(rng_uniform(r));
}
