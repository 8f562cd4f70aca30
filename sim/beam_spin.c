/* Phase and precession of stored muons. */
#include "beam_spin.h"

#include "phys.h"

#include <math.h>
#include <stdio.h>

#define LIFETIME_NS  (MAGIC_GAMMA * MUON_LIFETIME_NS)
#define LIFE_MINIMUM 0.1 /* of w: shorter lives say nothing of a slope */

/* Sums over stored muons, each a histogram of one bin; its squares are the sums of squares. With w the time lived over
 * 64.38 us, r = -(phase_end - phase_start - omega_a (1 + f) dt) / (omega_a 64.38 us) in ppm, f the field seen, c and q
 * the corrections of the muon by formula in ppm, x_e in mm. */
/* clang-format off */
#define SUMS(F)                                                                                                        \
    F(n, 1.0, "stored muons")                                                                                          \
    F(x_e, x_e, "x_e [mm]")                                                                                            \
    F(c, c, "C_e of the muon by formula [ppm]")                                                                        \
    F(q, q, "C_p of the muon by formula [ppm]")                                                                        \
    F(w, w, "w = time lived / 64.38 us")                                                                               \
    F(r, r, "r = w times the slowing of the spin [ppm]")                                                               \
    F(w_r, w * r, "w r")                                                                                               \
    F(w_c, w * c, "w C_e")                                                                                             \
    F(w_q, w * q, "w C_p")                                                                                             \
    F(w_c_c, w * c * c, "w C_e^2")                                                                                     \
    F(w_c_q, w * c * q, "w C_e C_p")                                                                                   \
    F(w_q_q, w * q * q, "w C_p^2")                                                                                     \
    F(r_c, r * c, "r C_e")                                                                                             \
    F(r_q, r * q, "r C_p")                                                                                             \
    F(c_q, c * q, "C_e C_p")                                                                                           \
    F(ww_c_q, w * w * c * q, "w^2 C_e C_p")                                                                            \
    F(wr_c, w * r * c, "w r C_e")                                                                                      \
    F(wr_q, w * r * q, "w r C_p")                                                                                      \
    F(u, 1.0 / w, "1 / w")                                                                                             \
    F(s, r / w, "r / w, the muon's correction by spin [ppm]")                                                          \
    F(s_u, r / (w * w), "r / w^2")                                                                                     \
    F(f, f, "field seen by the muon over B0, minus 1 [ppm]; taken away in r")
/* clang-format on */
#define SUM_TEXT(name, value, title)  {"beam/sum/" #name, "sum over stored muons: " title},
#define SUM_VALUE(name, value, title) value,
static const struct {
    const char *name, *title;
} sum_text[BEAM_SPIN_SUMS] = {SUMS(SUM_TEXT)};

static enum err book_line(struct hist_set *set, const char *stem, struct hist_axis axis, struct beam_line *l)
{
    const struct {
        const char *name, *title;
        struct hist **to;
    } rows[] = {{"n", "stored muons", &l->n},
                {"u", "sum of 64.38 us / time lived", &l->u},
                {"s", "sum of the slowing of the spin less the other formula [ppm]", &l->s},
                {"su", "sum of their product", &l->su}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "beam/%s/%s", stem, rows[i].name);
        TRY(hist_book(set, name, rows[i].title, axis, HIST_NO_AXIS, i > 0, rows[i].to));
    }
    return ERR_OK;
}

enum err beam_spin_book(struct hist_set *set, struct beam_spin *out)
{
    struct hist_axis delta = hist_axis(60, -0.006, 0.006, "p / p_magic - 1", "1");
    struct hist_axis wide  = hist_axis(400, -200.0, 200.0, "phase at t = 0", "mrad");
    struct hist_axis slim  = hist_axis(400, -20.0, 20.0, "phase at the muon's start", "mrad");
    struct hist_axis x_e2  = hist_axis(45, 0.0, 2025.0, "x_e^2", "mm^2");
    struct hist_axis a_y2  = hist_axis(45, 0.0, 2025.0, "A_y^2", "mm^2");
    struct hist_axis by_e  = hist_axis(180, -8000.0, 1000.0, "shift of omega_a + C_p", "ppb");
    struct hist_axis by_p  = hist_axis(200, -1600.0, 400.0, "shift of omega_a + C_e", "ppb");
    struct hist_axis diff  = hist_axis(400, -400.0, 400.0, "shift + C_e + C_p", "ppb");
    struct hist_axis one   = hist_axis(1, 0.0, 1.0, "", "1");
    TRY(hist_book(set, "beam/phase_delta", "spin against the reversed momentum, less omega_a t", delta, wide, 0,
                  &out->phase_delta));
    TRY(hist_book(set, "beam/entry_delta", "the same, t from the muon's start", delta, slim, 0, &out->entry_delta));
    TRY(hist_book(set, "beam/shift_x_e2", "shift of omega_a, less the muon's pitch", x_e2, by_e, 0, &out->shift_x_e2));
    TRY(hist_book(set, "beam/shift_a_y2", "shift of omega_a, less the muon's electric field", a_y2, by_p, 0,
                  &out->shift_a_y2));
    TRY(hist_book(set, "beam/shift_difference", "tracked shift of omega_a against the formulas", diff, HIST_NO_AXIS, 0,
                  &out->difference));
    TRY(book_line(set, "line_x_e2", x_e2, &out->line_e));
    TRY(book_line(set, "line_a_y2", a_y2, &out->line_p));
    for (int i = 0; i < BEAM_SPIN_SUMS; i++)
        TRY(hist_book(set, sum_text[i].name, sum_text[i].title, one, HIST_NO_AXIS, 1, &out->sum[i]));
    return ERR_OK;
}

static void fill_line(struct beam_line *l, double amplitude2, double u, double s)
{
    hist_fill(l->n, amplitude2, 0.0, 1.0);
    hist_fill(l->u, amplitude2, 0.0, u);
    hist_fill(l->s, amplitude2, 0.0, s);
    hist_fill(l->su, amplitude2, 0.0, s * u);
}

static void fill_sums(double x_e, double c, double q, double w, double r, double f, struct beam_spin *to)
{
    const double value[BEAM_SPIN_SUMS] = {SUMS(SUM_VALUE)};
    for (int i = 0; i < BEAM_SPIN_SUMS; i++) hist_fill(to->sum[i], 0.5, 0.0, value[i]);
}

/* The spin's turns need no counting: omega_a is known to far better than half a turn over a life. */
void beam_spin_fill(const struct beam_optics *optics, const struct beam_life *life, struct beam_spin *to)
{
    const double dt = life->t_end_ns - life->t_start_ns, omega_a = optics->omega_a_RADns * (1.0 + life->field);
    const double end = life->phase_end_rad, x_e2 = life->x_e_mm * life->x_e_mm;
    const double c = 1e6 * beam_optics_c_e(optics, life->x_e_mm), q = 1e6 * beam_optics_c_p(optics, life->a_y2_mm2);
    const double residual = beam_optics_wrap_rad(end - life->phase_start_rad - omega_a * dt);
    const double w = dt / LIFETIME_NS, r = -1e6 * residual / (omega_a * LIFETIME_NS);
    if (!(w >= LIFE_MINIMUM)) return;
    hist_fill(to->phase_delta, life->delta, 1e3 * beam_optics_wrap_rad(end - PI - omega_a * life->t_end_ns), 1.0);
    hist_fill(to->entry_delta, life->delta, 1e3 * beam_optics_wrap_rad(end - PI - omega_a * dt), 1.0);
    hist_fill(to->shift_x_e2, x_e2, -1e3 * (r / w - q), 1.0);
    hist_fill(to->shift_a_y2, life->a_y2_mm2, -1e3 * (r / w - c), 1.0);
    hist_fill(to->difference, -1e3 * (r / w - c - q), 0.0, 1.0);
    fill_line(&to->line_e, x_e2, 1.0 / w, r / w - q);
    fill_line(&to->line_p, life->a_y2_mm2, 1.0 / w, r / w - c);
    fill_sums(life->x_e_mm, c, q, w, r, 1e6 * life->field, to);
}
