/* From parameters to the fields of a ring's setup. */
#include "ring_cfg_fields.h"

#include "chain_files.h"
#include "columns.h"
#include "mem.h"
#include "phys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_US  1e3
#define DEG        (PI / 180.0)
#define PULSE_STEP 1.0 /* ns */
#define MAX_ROWS   1000000

void ring_fields_free(struct ring_fields *owned)
{
    dipole_map_free(&owned->dipole);
    for (int i = 0; i < KICKERS; i++) kicker_free(&owned->pulse[i]);
}

/* A list of one number for all or `n`; empty: what is there stays. */
static enum err spread(const struct f64s *list, const char *name, size_t n, double *out)
{
    REQUIRE(list->n == 0 || list->n == 1 || list->n == n, ERR_CONFIG, "%s: %zu numbers, accepted are none, 1 or %zu",
            name, list->n, n);
    for (size_t i = 0; i < n && list->n > 0; i++) out[i] = list->value[list->n == 1 ? 0 : i];
    return ERR_OK;
}

/* ---- ESQ ---- */

struct esq_job {
    size_t n;          /* sections */
    size_t quadrupole; /* sections of one quadrupole: Q1 ... Q4 */
    struct esq_setup setup[ESQ_SECTIONS];
};

static bool names_plates(const struct field_cfg *cfg)
{
    return cfg->esq_plates_kV.n > 0 || cfg->esq_plates_out_mm.n > 0 || strcmp(cfg->esq_scraping, "none") != 0 ||
           cfg->esq_fault_missing.n > 0;
}

static bool moves_sections(const struct field_cfg *cfg)
{
    return cfg->esq_dx_mm.n > 0 || cfg->esq_dy_mm.n > 0 || cfg->esq_roll_mrad.n > 0;
}

static enum err spread_plates(const struct f64s *list, const char *name, const struct esq_job *job,
                              double out[ESQ_SECTIONS][ESQ_PLATES])
{
    REQUIRE(list->n == 0 || list->n == ESQ_PLATES || list->n == ESQ_PLATES * job->n, ERR_CONFIG,
            "%s: %zu numbers, accepted are none, %d or %zu", name, list->n, ESQ_PLATES, ESQ_PLATES * job->n);
    for (size_t i = 0; i < job->n && list->n > 0; i++)
        for (size_t p = 0; p < ESQ_PLATES; p++) out[i][p] = list->value[(i * ESQ_PLATES + p) % list->n];
    return ERR_OK;
}

static enum err set_plates(const struct field_cfg *cfg, double high_voltage_kV, struct esq_job *job)
{
    double kV[ESQ_SECTIONS][ESQ_PLATES], out_mm[ESQ_SECTIONS][ESQ_PLATES] = {{0}};
    for (size_t i = 0; i < job->n; i++) {
        job->setup[i] = esq_setup_nominal(high_voltage_kV);
        memcpy(kV[i], job->setup[i].plate_kV, sizeof kV[i]);
    }
    TRY(spread_plates(&cfg->esq_plates_kV, "esq_plates_kV", job, kV));
    TRY(spread_plates(&cfg->esq_plates_out_mm, "esq_plates_out_mm", job, out_mm));
    for (size_t i = 0; i < job->n; i++) {
        memcpy(job->setup[i].plate_kV, kV[i], sizeof kV[i]);
        memcpy(job->setup[i].out_mm, out_mm[i], sizeof out_mm[i]);
    }
    return ERR_OK;
}

static enum err set_places(const struct field_cfg *cfg, struct esq_job *job)
{
    double dx[ESQ_SECTIONS] = {0}, dy[ESQ_SECTIONS] = {0}, roll[ESQ_SECTIONS] = {0};
    TRY(spread(&cfg->esq_dx_mm, "esq_dx_mm", job->n, dx));
    TRY(spread(&cfg->esq_dy_mm, "esq_dy_mm", job->n, dy));
    TRY(spread(&cfg->esq_roll_mrad, "esq_roll_mrad", job->n, roll));
    for (size_t i = 0; i < job->n; i++) {
        job->setup[i].dx_mm    = dx[i];
        job->setup[i].dy_mm    = dy[i];
        job->setup[i].roll_rad = 1e-3 * roll[i];
    }
    return ERR_OK;
}

static enum err set_scraping(const struct field_cfg *cfg, struct esq_job *job)
{
    const bool is_e821           = strcmp(cfg->esq_scraping, "e821") == 0;
    const enum esq_scraping kind = is_e821 ? ESQ_SCRAPING_E821 : ESQ_SCRAPING_E989;
    double tau_us[4]             = {-1.0, -1.0, -1.0, -1.0}; /* below 0: the kind's own */
    if (strcmp(cfg->esq_scraping, "none") == 0) return ERR_OK;
    TRY(spread(&cfg->esq_scraping_tau_us, "esq_scraping_tau_us", 4, tau_us));
    for (size_t i = 0; i < job->n; i++) {
        struct esq_setup *s = &job->setup[i];
        const size_t q      = i / job->quadrupole;
        esq_setup_scrape(s, kind, 2 * q);
        for (int p = 0; p < ESQ_PLATES; p++) {
            if (s->delta_kV[p] == 0.0) continue;
            if (cfg->esq_scraping_fraction > 0.0) s->delta_kV[p] = (cfg->esq_scraping_fraction - 1.0) * s->plate_kV[p];
            if (tau_us[q] >= 0.0) s->time[p].tau_ns = tau_us[q] * NS_PER_US;
            s->time[p].begin_ns = cfg->esq_scraping_end_us * NS_PER_US;
        }
    }
    return ERR_OK;
}

static enum err set_fault(const struct field_cfg *cfg, struct esq_job *job)
{
    double missing[2], tau_us[2];
    if (cfg->esq_fault_missing.n == 0) return ERR_OK;
    REQUIRE(cfg->esq_fault_tau_us.n > 0, ERR_CONFIG, "esq_fault_tau_us: empty, accepted are 1 or 2 numbers");
    TRY(spread(&cfg->esq_fault_missing, "esq_fault_missing", 2, missing));
    TRY(spread(&cfg->esq_fault_tau_us, "esq_fault_tau_us", 2, tau_us));
    struct esq_setup *q1_long = &job->setup[job->quadrupole - 1];
    for (int i = 0; i < 2; i++) {
        if (missing[i] == 0.0) continue;
        const struct esq_time time = {cfg->esq_fault_begin_us * NS_PER_US, tau_us[i] * NS_PER_US};
        esq_setup_fault(q1_long, i == 0 ? ESQ_TOP : ESQ_BOTTOM, missing[i], time);
    }
    return ERR_OK;
}

/* What a section has beyond the setup's multipoles: plates' fields without the nominal ones, all at the section's place. */
static enum err set_extra(const struct esq_job *job, size_t i, double high_voltage_kV, struct ring_setup *setup)
{
    const struct esq_setup nominal = esq_setup_nominal(high_voltage_kV), *s = &job->setup[i];
    struct esq_section *out = &setup->extra[i];
    struct esq_multipoles ideal, base;
    char where[80];
    (void)snprintf(where, sizeof where, "ESQ section %zu (Q%zu)", i + 1, i / job->quadrupole + 1);
    TRY(esq_section(s, where, out));
    esq_plates(nominal.plate_kV, &ideal);
    memcpy(base.normal_V, setup->normal_V, sizeof base.normal_V);
    memcpy(base.skew_V, setup->skew_V, sizeof base.skew_V);
    struct esq_multipoles moved = base;
    esq_add(&moved, -1.0, &ideal);
    esq_shift(&moved, s->dx_mm, s->dy_mm, s->roll_rad);
    esq_add(&out->final, 1.0, &moved);
    esq_add(&out->final, -1.0, &base);
    return ERR_OK;
}

static enum err make_esq(const struct field_cfg *cfg, const char *field, double high_voltage_kV,
                         struct ring_setup *setup)
{
    static const size_t per_quadrupole[] = {[RING_13_26] = 2, [RING_39] = 1, [RING_CONTINUOUS] = 1};
    const struct ring_section *section;
    struct esq_job job = {.n = ring_sections(setup->layout, &section), .quadrupole = per_quadrupole[setup->layout]};
    if (cfg->esq_edge_steps > 0) {
        setup->edge_steps = (size_t)cfg->esq_edge_steps;
        setup->edge_mm    = cfg->esq_edge_mm;
    }
    if (!names_plates(cfg) && !moves_sections(cfg)) return ERR_OK;
    REQUIRE(!names_plates(cfg) || strcmp(field, "nim") == 0, ERR_CONFIG,
            "esq_field is \"%s\": voltages and places of plates, scraping and fault need \"nim\"", field);
    REQUIRE(!setup->is_curved, ERR_CONFIG, "esq_field is \"curved\": its sections cannot be moved");
    REQUIRE(job.n > 0, ERR_CONFIG, "esq_layout is \"continuous\": it has no sections to be moved or set");
    TRY(set_plates(cfg, high_voltage_kV, &job));
    TRY(set_places(cfg, &job));
    TRY(set_scraping(cfg, &job));
    TRY(set_fault(cfg, &job));
    for (size_t i = 0; i < job.n; i++) TRY(set_extra(&job, i, high_voltage_kV, setup));
    return ERR_OK;
}

/* ---- kickers ---- */

/* The table's rows, scaled to a peak of 1 and moved so that it is at t = 0. */
static enum err centre_rows(size_t n, double *t_ns, double *value)
{
    struct kicker_pulse p;
    double top = 0.0;
    TRY(kicker_table(t_ns, value, n, t_ns[0], t_ns[n - 1], PULSE_STEP, &p));
    const enum err rc = kicker_centre(&p);
    const double move = p.first_ns - t_ns[0];
    kicker_free(&p);
    TRY(rc);
    for (size_t i = 0; i < n; i++) top = fmax(top, value[i]);
    for (size_t i = 0; i < n; i++) {
        t_ns[i] += move;
        value[i] /= top;
    }
    return ERR_OK;
}

static enum err read_pulse(const struct field_cfg *cfg, struct kicker_pulse *out)
{
    static const struct column_want want[] = {{.names = "t time", .unit = "ns"},
                                              {.names = "value pulse field", .unit = "1"}};
    struct columns c;
    REQUIRE(cfg->kicker_table[0], ERR_CONFIG, "kicker is \"table\", but kicker_table names no file");
    TRY(chain_files_check(cfg->kicker_table, cfg->kicker_table_sha1));
    TRY(columns_read(cfg->kicker_table, cfg->kicker_table_group, want, 2, MAX_ROWS, &c));
    enum err rc = centre_rows(c.n_rows, c.value[0], c.value[1]);
    if (!rc)
        rc = kicker_table(c.value[0], c.value[1], c.n_rows, cfg->kicker_begin_ns, cfg->kicker_end_ns, PULSE_STEP, out);
    columns_free(&c);
    return rc ? err_context(rc, "%s, its peak at t = 0", cfg->kicker_table) : ERR_OK;
}

struct kicker_job {
    double G[KICKERS], kV[KICKERS], late_ns[KICKERS], deg[KICKERS];
    double L_uH[KICKERS], R_ohm[KICKERS], C_nF[KICKERS];
};

static enum err read_kickers(const struct field_cfg *cfg, struct kicker_job *job)
{
    const struct {
        const struct f64s *list;
        const char *name;
        double *to;
    } list[] = {{&cfg->kicker_G, "kicker_G", job->G},
                {&cfg->kicker_kV, "kicker_kV", job->kV},
                {&cfg->kicker_late_ns, "kicker_late_ns", job->late_ns},
                {&cfg->kicker_deg, "kicker_deg", job->deg},
                {&cfg->kicker_L_uH, "kicker_L_uH", job->L_uH},
                {&cfg->kicker_R_ohm, "kicker_R_ohm", job->R_ohm},
                {&cfg->kicker_C_nF, "kicker_C_nF", job->C_nF}};
    memset(job, 0, sizeof *job);
    REQUIRE(cfg->kicker_deg.n == KICKERS, ERR_CONFIG, "kicker_deg: %zu azimuths, accepted are %d", cfg->kicker_deg.n,
            KICKERS);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        TRY(spread(list[i].list, list[i].name, KICKERS, list[i].to));
    return ERR_OK;
}

static enum err make_pulse(const struct field_cfg *cfg, const struct kicker_job *job, int i, struct kicker_pulse *out)
{
    const struct kicker_shape shape = {.rise_ns       = cfg->kicker_rise_ns,
                                       .flat_ns       = cfg->kicker_flat_ns,
                                       .fall_ns       = cfg->kicker_fall_ns,
                                       .echo          = cfg->kicker_echo,
                                       .echo_ratio    = cfg->kicker_echo_ratio,
                                       .echo_delay_ns = cfg->kicker_echo_ns,
                                       .n_echoes      = (int)cfg->kicker_echoes};
    if (strcmp(cfg->kicker, "shape") == 0) return kicker_shaped(&shape, PULSE_STEP, out);
    if (strcmp(cfg->kicker, "table") == 0) return read_pulse(cfg, out);
    return kicker_lcr(job->L_uH[i], job->R_ohm[i], job->C_nF[i], cfg->kicker_end_ns, PULSE_STEP, out);
}

static enum err peak_G(const struct field_cfg *cfg, const struct kicker_job *job, int i, double *out)
{
    double peak_A, peak_ns;
    *out = job->G[i];
    if (cfg->kicker_kV.n == 0) return ERR_OK;
    *out = kicker_voltage_G(job->kV[i]);
    if (strcmp(cfg->kicker, "lcr") != 0) return ERR_OK;
    TRY(kicker_lcr_peak(job->L_uH[i], job->R_ohm[i], job->C_nF[i], job->kV[i], &peak_A, &peak_ns));
    *out = kicker_current_G(peak_A);
    return ERR_OK;
}

static void make_profile(bool is_uniform, double profile[KICKER_PROFILE_TERMS])
{
    kicker_profile(profile);
    for (int k = 1; k < KICKER_PROFILE_TERMS; k++)
        profile[k] = is_uniform ? 0.0 : profile[k] / pow(APERTURE_MM, 2.0 * k);
}

static enum err make_kicker(const struct field_cfg *cfg, const struct kicker_job *job, int i, struct ring_kicker *out,
                            struct kicker_pulse *pulse)
{
    double field_G;
    TRY(peak_G(cfg, job, i, &field_G));
    TRY(make_pulse(cfg, job, i, pulse));
    if (field_G > 0.0) TRY(kicker_eddy(pulse, field_G, cfg->kicker_eddy_G, cfg->kicker_eddy_tau_us * NS_PER_US));
    *out = (struct ring_kicker){.centre_deg = job->deg[i],
                                .length_deg = cfg->kicker_length_mm / RING_R0_MM / DEG,
                                .strength   = field_G * 1e-4 / RING_B0_T,
                                .start_ns   = kicker_arrival_ns(job->deg[i] * DEG) + job->late_ns[i],
                                .pulse      = *pulse};
    make_profile(cfg->kicker_is_uniform, out->profile);
    return ERR_OK;
}

static enum err make_kickers(const struct field_cfg *cfg, struct ring_setup *setup, struct ring_fields *owned)
{
    struct kicker_job job;
    if (strcmp(cfg->kicker, "none") == 0) return ERR_OK;
    TRY(read_kickers(cfg, &job));
    for (int i = 0; i < KICKERS; i++) TRY(make_kicker(cfg, &job, i, &setup->kicker[i], &owned->pulse[i]));
    setup->n_kickers     = KICKERS;
    setup->kicker_slices = (size_t)cfg->kicker_slices;
    return ERR_OK;
}

/* ---- dipole ---- */

static enum err add_constants(const struct f64s *ppm, const char *name, bool is_skew, struct dipole_map *map)
{
    REQUIRE(ppm->n <= DIPOLE_ORDERS, ERR_CONFIG, "%s: %zu numbers, at most %d are accepted", name, ppm->n,
            DIPOLE_ORDERS);
    for (size_t k = 0; k < ppm->n; k++)
        if (ppm->value[k] != 0.0)
            TRY(dipole_map_add(map, (struct dipole_wave){(int)k, 0, is_skew, ppm->value[k], 0.0}));
    return ERR_OK;
}

static enum err whole_number(double x, double largest, const char *what, size_t wave, int *out)
{
    REQUIRE(x >= 0.0 && x <= largest && x == floor(x), ERR_CONFIG,
            "dipole_waves: wave %zu: %s is %g, accepted are whole numbers 0 to %g", wave + 1, what, x, largest);
    *out = (int)x;
    return ERR_OK;
}

static enum err add_waves(const struct f64s *list, struct dipole_map *map)
{
    REQUIRE(list->n % 5 == 0, ERR_CONFIG, "dipole_waves: %zu numbers, accepted are five a wave", list->n);
    for (size_t i = 0; i < list->n / 5; i++) {
        const double *v = list->value + 5 * i;
        int order, skew, harmonic;
        TRY(whole_number(v[0], DIPOLE_ORDERS - 1, "order", i, &order));
        TRY(whole_number(v[1], 1.0, "skew", i, &skew));
        TRY(whole_number(v[2], 1000.0, "harmonic", i, &harmonic));
        TRY(dipole_map_add(map, (struct dipole_wave){order, harmonic, skew == 1, v[3], v[4]}));
    }
    return ERR_OK;
}

static enum err add_table(const struct field_cfg *cfg, struct dipole_map *map)
{
    enum { COLUMNS = 1 + 2 * DIPOLE_ORDERS };
    static const char *const name[COLUMNS] = {"azimuth phi", "c0", "c1", "c2", "c3", "c4", "c5",
                                              "s0",          "s1", "s2", "s3", "s4", "s5"};
    struct column_want want[COLUMNS]       = {{.names = name[0], .unit = "deg"}};
    const double *normal[DIPOLE_ORDERS], *skew[DIPOLE_ORDERS];
    struct columns c;
    if (!cfg->dipole_table[0]) return ERR_OK;
    for (int i = 1; i < COLUMNS; i++)
        want[i] = (struct column_want){.names = name[i], .unit = "ppm", .is_optional = true};
    TRY(chain_files_check(cfg->dipole_table, cfg->dipole_table_sha1));
    TRY(columns_read(cfg->dipole_table, cfg->dipole_table_group, want, COLUMNS, MAX_ROWS, &c));
    bool has_any = false;
    for (int k = 0; k < DIPOLE_ORDERS; k++) {
        normal[k] = c.value[1 + k];
        skew[k]   = c.value[1 + DIPOLE_ORDERS + k];
        has_any   = has_any || normal[k] || skew[k];
    }
    enum err rc = ERR_OK;
    if (!has_any)
        rc = err_fail(ERR_DATA, __FILE__, __LINE__, "none of the columns c0 ... c5, s0 ... s5 is there");
    else
        rc = dipole_map_table(map, c.value[0], c.n_rows, normal, skew, cfg->dipole_max_gap_deg);
    columns_free(&c);
    return rc ? err_context(rc, "%s", cfg->dipole_table) : ERR_OK;
}

static enum err make_dipole(const struct field_cfg *cfg, struct ring_setup *setup, struct ring_fields *owned)
{
    TRY(dipole_map_preset(cfg->dipole, &owned->dipole));
    TRY(add_constants(&cfg->dipole_normal_ppm, "dipole_normal_ppm", false, &owned->dipole));
    TRY(add_constants(&cfg->dipole_skew_ppm, "dipole_skew_ppm", true, &owned->dipole));
    TRY(add_waves(&cfg->dipole_waves, &owned->dipole));
    TRY(add_table(cfg, &owned->dipole));
    if (owned->dipole.n_waves == 0 && owned->dipole.n_rows == 0) return ERR_OK;
    setup->dipole   = &owned->dipole;
    setup->bend_deg = cfg->dipole_step_deg;
    return ERR_OK;
}

enum err ring_fields_make(const struct field_cfg *cfg, const char *esq_field, double high_voltage_kV,
                          struct ring_setup *setup, struct ring_fields *owned)
{
    memset(owned, 0, sizeof *owned);
    TRY(make_esq(cfg, esq_field, high_voltage_kV, setup));
    TRY(make_kickers(cfg, setup, owned));
    return make_dipole(cfg, setup, owned);
}
