/* Multipoles of the storage field along the ring. */
#include "dipole_map.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <string.h>

#define TWO_PI (2.0 * PI)
#define PPM    1e-6

enum { COLUMNS = 2 * DIPOLE_ORDERS, MAX_HARMONIC = 1000 };

void dipole_map_free(struct dipole_map *map)
{
    mem_free(map->azimuth_rad);
    mem_free(map->value);
    mem_free(map->sum);
    memset(map, 0, sizeof *map);
}

/* ---- waves ---- */

enum err dipole_map_add(struct dipole_map *map, struct dipole_wave w)
{
    REQUIRE(map->n_waves < DIPOLE_MAX_WAVES, ERR_CONFIG, "dipole map: more than %d waves", DIPOLE_MAX_WAVES);
    REQUIRE(w.order >= 0 && w.order < DIPOLE_ORDERS && w.harmonic >= 0 && w.harmonic <= MAX_HARMONIC, ERR_CONFIG,
            "dipole map: wave of order %d, harmonic %d; accepted are 0 to %d and 0 to %d", w.order, w.harmonic,
            DIPOLE_ORDERS - 1, MAX_HARMONIC);
    REQUIRE(fabs(w.cos_ppm) <= 1e5 && fabs(w.sin_ppm) <= 1e5, ERR_CONFIG,
            "dipole map: wave of order %d, harmonic %d has amplitudes %g, %g ppm; accepted are up to 1e5", w.order,
            w.harmonic, w.cos_ppm, w.sin_ppm);
    map->wave[map->n_waves++] = w;
    return ERR_OK;
}

static enum err add_all(struct dipole_map *map, const struct dipole_wave *wave, size_t n)
{
    for (size_t i = 0; i < n; i++) TRY(dipole_map_add(map, wave[i]));
    return ERR_OK;
}

enum err dipole_map_preset(const char *name, struct dipole_map *out)
{
    static const struct dipole_wave e821[] = {
        {1, 0, false, 0.24, 0.0}, {2, 0, false, -0.53, 0.0}, {3, 0, false, -0.10, 0.0}, {4, 0, false, 0.82, 0.0},
        {1, 0, true, 0.29, 0.0},  {2, 0, true, -1.06, 0.0},  {3, 0, true, -0.15, 0.0},  {4, 0, true, 0.54, 0.0}};
    /* Sum of squares of the dipole's amplitudes is 2 * 14^2: 12 yokes and 36 poles stand out. */
    static const struct dipole_wave e989[] = {
        {0, 1, false, 6.0, 5.0},   {0, 2, false, -5.0, 4.0},  {0, 3, false, 4.0, -3.0}, {0, 4, false, 3.0, 3.0},
        {0, 6, false, -2.0, 3.0},  {0, 12, false, 9.0, -4.0}, {0, 24, false, 3.0, 4.0}, {0, 36, false, 8.0, 6.0},
        {0, 72, false, 2.0, 2.83}, {1, 0, false, 0.3, 0.0},   {1, 1, false, 1.5, -1.0}, {1, 12, false, 1.0, 0.5},
        {1, 0, true, 0.3, 0.0},    {1, 1, true, -1.0, 1.5},   {1, 12, true, 0.5, -1.0}, {2, 0, false, -0.5, 0.0},
        {2, 1, false, 0.5, 0.5},   {2, 0, true, -0.4, 0.0},   {2, 12, true, 0.5, -0.5}};
    memset(out, 0, sizeof *out);
    if (strcmp(name, "none") == 0) return ERR_OK;
    if (strcmp(name, "e821") == 0) return add_all(out, e821, sizeof e821 / sizeof e821[0]);
    if (strcmp(name, "e989") == 0) return add_all(out, e989, sizeof e989 / sizeof e989[0]);
    FAIL(ERR_CONFIG, "dipole map: \"%s\" is not known; accepted are none, e821, e989", name);
}

/* ---- table ---- */

static enum err check_azimuths(const double *azimuth_deg, size_t n_rows, double max_gap_deg)
{
    REQUIRE(n_rows >= 2, ERR_CONFIG, "dipole map: a table of %zu rows, at least 2 are needed", n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        const double at = azimuth_deg[i], last = i > 0 ? azimuth_deg[i - 1] : -1.0;
        REQUIRE(at >= 0.0 && at < 360.0, ERR_CONFIG, "dipole map: row %zu: azimuth %g deg, accepted are 0 to below 360",
                i + 1, at);
        REQUIRE(at > last, ERR_CONFIG, "dipole map: row %zu: azimuth %g deg does not follow %g deg", i + 1, at, last);
        REQUIRE(i == 0 || at - last <= max_gap_deg, ERR_CONFIG,
                "dipole map: row %zu: gap of %g deg before %g deg, accepted are %g", i + 1, at - last, at, max_gap_deg);
    }
    const double seam = azimuth_deg[0] + 360.0 - azimuth_deg[n_rows - 1];
    REQUIRE(seam <= max_gap_deg, ERR_CONFIG,
            "dipole map: gap of %g deg between the last row and the first, accepted are %g", seam, max_gap_deg);
    return ERR_OK;
}

static enum err take_column(struct dipole_map *map, size_t column, const double *ppm)
{
    for (size_t i = 0; ppm && i < map->n_rows; i++) {
        REQUIRE(fabs(ppm[i]) <= 1e5, ERR_CONFIG,
                "dipole map: row %zu: %s multipole of order %zu is %g ppm, accepted are up to 1e5", i + 1,
                column < DIPOLE_ORDERS ? "normal" : "skew", column % DIPOLE_ORDERS, ppm[i]);
        map->value[i * COLUMNS + column] = ppm[i] * PPM;
    }
    return ERR_OK;
}

/* Row i and its place on the circle, for i up to 2 n_rows. */
static double row_at(const struct dipole_map *map, size_t i)
{
    return i < map->n_rows ? map->azimuth_rad[i] : map->azimuth_rad[i - map->n_rows] + TWO_PI;
}

/* Integrals from the first row to each, and once around. */
static void integrate(struct dipole_map *map)
{
    for (size_t i = 0; i < map->n_rows; i++) {
        const double half  = 0.5 * (row_at(map, i + 1) - row_at(map, i));
        const double *from = map->value + i * COLUMNS, *to = map->value + (i + 1) % map->n_rows * COLUMNS;
        for (size_t c = 0; c < COLUMNS; c++)
            map->sum[(i + 1) * COLUMNS + c] = map->sum[i * COLUMNS + c] + half * (from[c] + to[c]);
    }
}

static enum err fill_table(struct dipole_map *map, const double *azimuth_deg, size_t n_rows,
                           const double *const normal_ppm[DIPOLE_ORDERS], const double *const skew_ppm[DIPOLE_ORDERS])
{
    TRY(mem_alloc(&map->azimuth_rad, n_rows, sizeof(double)));
    TRY(mem_alloc(&map->value, n_rows * COLUMNS, sizeof(double)));
    TRY(mem_alloc(&map->sum, (n_rows + 1) * COLUMNS, sizeof(double)));
    map->n_rows = n_rows;
    for (size_t i = 0; i < n_rows; i++) map->azimuth_rad[i] = azimuth_deg[i] * PI / 180.0;
    for (size_t k = 0; k < DIPOLE_ORDERS; k++) {
        TRY(take_column(map, k, normal_ppm[k]));
        TRY(take_column(map, DIPOLE_ORDERS + k, skew_ppm[k]));
    }
    integrate(map);
    return ERR_OK;
}

enum err dipole_map_table(struct dipole_map *map, const double *azimuth_deg, size_t n_rows,
                          const double *const normal_ppm[DIPOLE_ORDERS], const double *const skew_ppm[DIPOLE_ORDERS],
                          double max_gap_deg)
{
    TRY(check_azimuths(azimuth_deg, n_rows, max_gap_deg));
    struct dipole_map table = {0};
    const enum err rc       = fill_table(&table, azimuth_deg, n_rows, normal_ppm, skew_ppm);
    if (rc) {
        dipole_map_free(&table);
        return rc;
    }
    mem_free(map->azimuth_rad);
    mem_free(map->value);
    mem_free(map->sum);
    map->azimuth_rad = table.azimuth_rad;
    map->value       = table.value;
    map->sum         = table.sum;
    map->n_rows      = n_rows;
    return ERR_OK;
}

/* The row at or before phi, which is brought into first row ... first row + 2 pi. */
static size_t find_row(const struct dipole_map *map, double *phi)
{
    const double first = map->azimuth_rad[0];
    *phi               = first + fmod(*phi - first, TWO_PI);
    if (*phi < first) *phi += TWO_PI;
    size_t low = 0, high = map->n_rows;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (map->azimuth_rad[middle] <= *phi)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void table_at(const struct dipole_map *map, double phi, double out[COLUMNS])
{
    const size_t i     = find_row(map, &phi);
    const double *from = map->value + i * COLUMNS, *to = map->value + (i + 1) % map->n_rows * COLUMNS;
    const double f = (phi - row_at(map, i)) / (row_at(map, i + 1) - row_at(map, i));
    for (size_t c = 0; c < COLUMNS; c++) out[c] += from[c] + f * (to[c] - from[c]);
}

/* out += sign * integral from the first row to phi, whole turns included. */
static void table_integral(const struct dipole_map *map, double phi, double sign, double out[COLUMNS])
{
    const double turns = floor((phi - map->azimuth_rad[0]) / TWO_PI);
    const size_t i     = find_row(map, &phi);
    const double *from = map->value + i * COLUMNS, *to = map->value + (i + 1) % map->n_rows * COLUMNS;
    const double part = phi - row_at(map, i), length = row_at(map, i + 1) - row_at(map, i);
    for (size_t c = 0; c < COLUMNS; c++)
        out[c] += sign * (turns * map->sum[map->n_rows * COLUMNS + c] + map->sum[i * COLUMNS + c] +
                          part * (from[c] + 0.5 * part / length * (to[c] - from[c])));
}

/* ---- both ---- */

static void split(const double column[COLUMNS], double normal[DIPOLE_ORDERS], double skew[DIPOLE_ORDERS])
{
    memcpy(normal, column, DIPOLE_ORDERS * sizeof(double));
    memcpy(skew, column + DIPOLE_ORDERS, DIPOLE_ORDERS * sizeof(double));
}

static size_t column_of(const struct dipole_wave *w)
{
    return (size_t)w->order + (w->is_skew ? (size_t)DIPOLE_ORDERS : 0);
}

void dipole_map_at(const struct dipole_map *map, double phi_rad, double normal[DIPOLE_ORDERS],
                   double skew[DIPOLE_ORDERS])
{
    double column[COLUMNS] = {0};
    for (size_t i = 0; i < map->n_waves; i++) {
        const struct dipole_wave *w = &map->wave[i];
        const double angle          = w->harmonic * phi_rad;
        column[column_of(w)] += PPM * (w->cos_ppm * cos(angle) + w->sin_ppm * sin(angle));
    }
    if (map->n_rows > 0) table_at(map, phi_rad, column);
    split(column, normal, skew);
}

void dipole_map_mean(const struct dipole_map *map, double begin_rad, double end_rad, double normal[DIPOLE_ORDERS],
                     double skew[DIPOLE_ORDERS])
{
    double column[COLUMNS] = {0};
    const double middle = 0.5 * (begin_rad + end_rad), half = 0.5 * (end_rad - begin_rad);
    if (map->n_rows > 0) {
        table_integral(map, end_rad, 1.0, column);
        table_integral(map, begin_rad, -1.0, column);
        for (size_t c = 0; c < COLUMNS; c++) column[c] /= 2.0 * half;
    }
    for (size_t i = 0; i < map->n_waves; i++) {
        const struct dipole_wave *w = &map->wave[i];
        const double angle = w->harmonic * middle, width = w->harmonic * half;
        const double factor = PPM * (w->harmonic == 0 ? 1.0 : sin(width) / width);
        column[column_of(w)] += factor * (w->cos_ppm * cos(angle) + w->sin_ppm * sin(angle));
    }
    split(column, normal, skew);
}

void dipole_map_field(const double normal[DIPOLE_ORDERS], const double skew[DIPOLE_ORDERS], double x_mm, double y_mm,
                      double *by, double *bx)
{
    const double x = x_mm / APERTURE_MM, y = y_mm / APERTURE_MM;
    double re = 0.0, im = 0.0;
    for (int k = DIPOLE_ORDERS - 1; k >= 0; k--) {
        const double t = re * x - im * y + normal[k];
        im             = re * y + im * x - skew[k];
        re             = t;
    }
    *by = re;
    *bx = im;
}
