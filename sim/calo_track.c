/* Paths of a straight track in crystals. */
#include "calo_track.h"

#include "geometry.h"

#include <math.h>

struct stretch {
    double from, to; /* depth z [mm]; nothing if to <= from */
};

/* Where the coordinate u + slope z lies within low..high. */
static struct stretch within(double u, double slope, double low, double high, struct stretch s)
{
    if (slope == 0.0) return u >= low && u < high ? s : (struct stretch){0.0, 0.0};
    double a = (low - u) / slope, b = (high - u) / slope;
    return (struct stretch){fmax(s.from, fmin(a, b)), fmin(s.to, fmax(a, b))};
}

static double length(const struct calo_track *t, double depth)
{
    return depth * sqrt(1.0 + t->dxdz * t->dxdz + t->dydz * t->dydz);
}

double calo_track_path(const struct calo_track *t, double *entry_mm)
{
    const double half_x = 0.5 * CALO_COLUMNS * CRYSTAL_PITCH_MM, half_y = 0.5 * CALO_ROWS * CRYSTAL_PITCH_MM;
    struct stretch s = {0.0, CRYSTAL_LENGTH_MM};
    s                = within(t->x_mm, t->dxdz, -half_x, half_x, s);
    s                = within(t->y_mm, t->dydz, -half_y, half_y, s);
    *entry_mm        = length(t, s.from);
    return length(t, fmax(0.0, s.to - s.from));
}

void calo_track_paths(const struct calo_track *t, double path_mm[N_CRYSTALS])
{
    const double half = 0.5 * CRYSTAL_PITCH_MM;
    for (int row = 0; row < CALO_ROWS; row++) {
        double y         = geometry_crystal_y_mm(row * CALO_COLUMNS);
        struct stretch s = within(t->y_mm, t->dydz, y - half, y + half, (struct stretch){0.0, CRYSTAL_LENGTH_MM});
        for (int column = 0; column < CALO_COLUMNS; column++) {
            double x                             = geometry_crystal_x_mm(column);
            struct stretch in                    = within(t->x_mm, t->dxdz, x - half, x + half, s);
            path_mm[row * CALO_COLUMNS + column] = length(t, fmax(0.0, in.to - in.from));
        }
    }
}
