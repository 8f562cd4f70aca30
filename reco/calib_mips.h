/* Muons that crossed three calorimeters (table mip_triple), taken apart: each crossing once, each way to the next calorimeter
 * once, though a muon that crosses four is in the table twice. Test: tests/t_calib_beam.c */
#ifndef GM2_CALIB_MIPS_H
#define GM2_CALIB_MIPS_H

#include "calib.h"

struct calib_mip {
    uint32_t channel, n_crystals;
    double t_ns, amplitude_adc; /* in the fill; of the largest crystal, gain corrections in it */
};

struct calib_mip_link {
    uint32_t first, second; /* channels */
    double t_ns, dt_ns;     /* of the first; second less first */
};

struct calib_mips {
    size_t n_hits, n_links;
    struct calib_mip *hit;
    struct calib_mip_link *link;
};

/** ERR_NOTFOUND without the table, ERR_DATA for numbers of no channel. Free with calib_mips_free(). */
enum err calib_mips_read(const struct calib_input *in, struct calib_mips *out);
void calib_mips_free(struct calib_mips *mips);

/** Flight of a muon at 3.09 GeV/c from a crystal to one of the next calorimeter: 15 degrees at the mean of their radii [ns]. */
double calib_mips_flight_ns(uint32_t first, uint32_t second);

#endif
