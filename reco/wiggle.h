/* What the wiggle histograms and their fits have in common. Test: tests/t_wiggle.c */
#ifndef GM2_WIGGLE_H
#define GM2_WIGGLE_H

#define WIGGLE_BINS      4691 /* of BIN_WIDTH_NS each: 0 .. 699.8972 us */
#define WIGGLE_FROM_US   30.2876
#define WIGGLE_TO_US     650.0644
#define WIGGLE_E_MAX_GeV 3.1 /* where y = 1 */

/** Asymmetry of mu+ decay at positron energy E [GeV], 0 < E; above WIGGLE_E_MAX_GeV that of the endpoint.
 *  A(y) = (8y^2 - y - 1) / (5 + 5y - 4y^2), y = E / E_max, full polarisation, no acceptance; zero at 1.307 GeV.
 *  Source: Kinnaird, thesis (Boston 2020), decay in the laboratory frame. Test: tests/t_wiggle.c */
static inline double wiggle_asymmetry(double energy_GeV)
{
    double y = energy_GeV < WIGGLE_E_MAX_GeV ? energy_GeV / WIGGLE_E_MAX_GeV : 1.0;
    return ((8.0 * y - 1.0) * y - 1.0) / (5.0 + (5.0 - 4.0 * y) * y);
}

#endif
