/* Muons that crossed three calorimeters, taken apart. */
#include "calib_mips.h"

#include "geometry.h"
#include "mem.h"

#include <math.h>
#include <stdlib.h>

enum { RUN, SUBRUN, CALO, TIME, DT12, DT23, CRYSTAL1, CRYSTAL2, CRYSTAL3, N1, N2, N3, A1, A2, A3, N_COLUMNS };
static const char names[] =
    "run subrun calo t_fill_ns dt12_ns dt23_ns crystal1 crystal2 crystal3 n_crystals1 n_crystals2 "
    "n_crystals3 amplitude1_adc amplitude2_adc amplitude3_adc";
enum { TRIPLE = 3 };
static const double same_ns = 1e-5; /* two ways to add up one time differ by rounding alone */

double calib_mips_flight_ns(uint32_t first, uint32_t second)
{
    const double energy = hypot(MAGIC_P_GeV, MUON_MASS_GeV), beta = MAGIC_P_GeV / energy;
    double r1 = CALO_CENTRE_R_MM + geometry_crystal_x_mm((int)(first % N_CRYSTALS));
    double r2 = CALO_CENTRE_R_MM + geometry_crystal_x_mm((int)(second % N_CRYSTALS));
    return 0.5 * (r1 + r2) * CALO_PITCH_DEG * (PI / 180.0) / (beta * C_MM_NS);
}

static int by_hit(const void *a, const void *b)
{
    const struct calib_mip *p = a, *q = b;
    if (p->channel != q->channel) return p->channel < q->channel ? -1 : 1;
    return (p->t_ns > q->t_ns) - (p->t_ns < q->t_ns);
}

static int by_link(const void *a, const void *b)
{
    const struct calib_mip_link *p = a, *q = b;
    if (p->first != q->first) return p->first < q->first ? -1 : 1;
    if (p->second != q->second) return p->second < q->second ? -1 : 1;
    return (p->t_ns > q->t_ns) - (p->t_ns < q->t_ns);
}

/* Those appended since `begin`, one subrun's, without repeats. */
static size_t unique_hits(struct calib_mip *hit, size_t begin, size_t end)
{
    size_t kept = begin;
    if (end > begin) qsort(hit + begin, end - begin, sizeof *hit, by_hit);
    for (size_t i = begin; i < end; i++) {
        bool is_repeat =
            kept > begin && hit[kept - 1].channel == hit[i].channel && fabs(hit[kept - 1].t_ns - hit[i].t_ns) < same_ns;
        if (!is_repeat) hit[kept++] = hit[i];
    }
    return kept;
}

static size_t unique_links(struct calib_mip_link *link, size_t begin, size_t end)
{
    size_t kept = begin;
    if (end > begin) qsort(link + begin, end - begin, sizeof *link, by_link);
    for (size_t i = begin; i < end; i++) {
        bool is_repeat = kept > begin && link[kept - 1].first == link[i].first &&
                         link[kept - 1].second == link[i].second && fabs(link[kept - 1].t_ns - link[i].t_ns) < same_ns;
        if (!is_repeat) link[kept++] = link[i];
    }
    return kept;
}

static enum err add_row(const double *const *v, size_t row, struct calib_mips *out)
{
    struct calib_mip hit[TRIPLE];
    double t = v[TIME][row];
    for (int i = 0; i < TRIPLE; i++) {
        int calo = ((int)v[CALO][row] - 1 + i) % N_CALOS + 1, crystal = (int)v[CRYSTAL1 + i][row];
        REQUIRE(v[CALO][row] >= 1.0 && v[CALO][row] <= N_CALOS && crystal >= 0 && crystal < N_CRYSTALS, ERR_DATA,
                "table mip_triple row %zu: calorimeter %g, crystal %d", row, v[CALO][row], crystal);
        hit[i] =
            (struct calib_mip){(uint32_t)calib_channel(calo, crystal), (uint32_t)v[N1 + i][row], t, v[A1 + i][row]};
        t += i < TRIPLE - 1 ? v[DT12 + i][row] : 0.0;
        out->hit[out->n_hits++] = hit[i];
        if (i == 0) continue;
        out->link[out->n_links++] =
            (struct calib_mip_link){hit[i - 1].channel, hit[i].channel, hit[i - 1].t_ns, v[DT12 + i - 1][row]};
    }
    return ERR_OK;
}

/* Rows of a subrun follow each other. */
static enum err take_apart(const double *const *v, size_t n, struct calib_mips *out)
{
    for (size_t i = 0; i < n;) {
        size_t hits = out->n_hits, links = out->n_links, first = i;
        for (; i < n && v[RUN][i] == v[RUN][first] && v[SUBRUN][i] == v[SUBRUN][first]; i++) TRY(add_row(v, i, out));
        out->n_hits  = unique_hits(out->hit, hits, out->n_hits);
        out->n_links = unique_links(out->link, links, out->n_links);
    }
    return ERR_OK;
}

enum err calib_mips_read(const struct calib_input *in, struct calib_mips *out)
{
    const double *v[N_COLUMNS];
    size_t n;
    *out = (struct calib_mips){.n_hits = 0};
    TRY(calib_columns(in, "mip_triple", names, v, &n));
    TRY(mem_alloc(&out->hit, TRIPLE * n + 1, sizeof *out->hit));
    enum err rc = mem_alloc(&out->link, (TRIPLE - 1) * n + 1, sizeof *out->link);
    if (!rc) rc = take_apart(v, n, out);
    if (rc) calib_mips_free(out);
    return rc;
}

void calib_mips_free(struct calib_mips *mips)
{
    mem_free(mips->hit);
    mem_free(mips->link);
    *mips = (struct calib_mips){.n_hits = 0};
}
