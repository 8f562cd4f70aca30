/* The page of a nearline job: what is published is read, summed over the run, drawn and held against limits.
 *
 * dqm_read.c reads files of units, dqm_row.c makes quantities of a subrun's sums, dqm_draw.c draws, dqm_page.c writes page
 * and numbers, dqm_calib.c takes care of calibration runs, cmd_dqm.c is the command. The page is a function of the published
 * files alone: nothing is lost when it is killed. Tests: tests/t_dqm.c, tests/cli/nearline.sh */
#ifndef GM2_DQM_H
#define GM2_DQM_H

#include "dqm_cfg.h"
#include "geometry.h"
#include "hist.h"
#include "page.h"

enum { DQM_CHANNELS = N_CALOS * N_CRYSTALS, DQM_RUN_TYPE = 16, DQM_MAX_CRATES = 32 };

/* S(A, B, name): fills by kind, then sums over muon fills (CTAG, pedestals weighted with their number), over those with T0,
 * over sync pulses, quiet traces and positrons. */
/* clang-format off */
#define DQM_SUMS(S, A, B)                                                                                              \
    S(A, B, n_fills) S(A, B, n_muon) S(A, B, n_laser) S(A, B, n_pedestal)                                              \
    S(A, B, n_no_t0) S(A, B, n_damaged) S(A, B, n_missing)                                                             \
    S(A, B, ctag) S(A, B, pedestal_adc) S(A, B, t0_ns) S(A, B, t0_ns2) S(A, B, n_sync) S(A, B, sync_adc)               \
    S(A, B, n_noise) S(A, B, noise_adc2) S(A, B, n_positrons) S(A, B, wiggle_cos) S(A, B, wiggle_sin)
/* clang-format on */
#define DQM_SUM_MEMBER(A, B, name) double name;
/** Sums of one subrun, or of many: they add. */
struct dqm_sums {
    DQM_SUMS(DQM_SUM_MEMBER, , )
};

struct dqm_channel {
    double n_pulses, n_sync, sync_adc, n_pedestal, pedestal_adc, n_noise, noise_adc2; /* sums */
};

/** One subrun. */
struct dqm_row {
    uint32_t run, subrun;
    char run_type[DQM_RUN_TYPE + 1];
    struct dqm_sums sums;
    double first_unix_s, last_unix_s; /* time stamps of fills; 0: there is none */
    double dead_channels;             /* NaN: not known */
    double closed_unix_s, latency_s;  /* NaN: not known */
    double value[N_DQM_QUANTITIES];   /* NaN: nothing to say */
};

struct dqm_quantity_info {
    const char *name, *unit, *doc;
};
extern const struct dqm_quantity_info dqm_quantities[N_DQM_QUANTITIES];
struct dqm_limits {
    double low[N_DQM_QUANTITIES], high[N_DQM_QUANTITIES];
};

/** All that a page shows. */
struct dqm {
    struct dqm_cfg cfg;
    char out_dir[1024], unit_dir[1100], page_dir[1100], stem[256];
    struct dqm_limits limits;
    size_t n, capacity;
    struct dqm_row *row; /* by run and subrun */
    /* sums over the latest run */
    uint32_t run;
    char run_type[DQM_RUN_TYPE + 1];
    struct dqm_sums sums;
    struct dqm_channel channel[DQM_CHANNELS];
    struct hist_set hists;
    /* the reference */
    bool has_reference;
    struct dqm_sums reference_sums;
    struct dqm_channel reference_channel[DQM_CHANNELS];
    struct hist_set reference_hists;
    double last_new_unix_s; /* when a file was taken in last */
    /* words */
    size_t n_bad;              /* files in quarantine */
    char bad[5][320];          /* the first of them */
    char job_status[256];      /* what the job says of itself */
    char calibrations[5][256]; /* latest first */
    bool is_live, wants_png;
};

/* ---- dqm_row.c ---- */
void dqm_sums_add(struct dqm_sums *into, const struct dqm_sums *from);
/** Quantities of a row; the reference may lack (NULL). */
void dqm_row_values(struct dqm_row *row, const struct dqm_sums *reference);
void dqm_take_limits(const struct dqm_cfg *cfg, struct dqm_limits *out);
struct dqm_alarm {
    bool is_alarm; /* false: a warning, for quantities of files and the job */
    char text[400];
};
/** What is wrong with the latest subruns and the run; *n of at most `room`. */
void dqm_alarms(const struct dqm *d, size_t room, struct dqm_alarm *out, size_t *n);

/* ---- dqm_read.c ---- */
enum err dqm_read_reference(struct dqm *d);
/** Takes in what was published since the last call: at most `room` files, *n of them. */
enum err dqm_read_new(struct dqm *d, size_t room, size_t *n);
/** Looks at the quarantine. */
void dqm_read_bad(struct dqm *d);
const struct dqm_row *dqm_find(const struct dqm *d, uint32_t run, uint32_t subrun);
void dqm_free(struct dqm *d);

/* ---- dqm_draw.c ---- */
struct dqm_picture {
    const char *name, *title, *caption;
    int width, height;                                      /* pixels */
    enum err (*draw)(const struct dqm *d, struct sheet *s); /* ERR_NOTFOUND: there is too little for it */
};
extern const struct dqm_picture dqm_pictures[];

/* ---- dqm_page.c ---- */
/** Writes OUT/dqm/index.html, dqm.json and latency.csv, each replaced as a whole. */
enum err dqm_page_write(const struct dqm *d);

/* ---- dqm_calib.c ---- */
/** Extracts and loads the constants of calibration runs that are over; each run and state of its files once. `unix_s`: now;
 *  is_end: nothing more will come. */
enum err dqm_calibrate(struct dqm *d, double unix_s, bool is_end);

/** The command: struct command's run. */
int cmd_dqm(int argc, char **argv);

#endif
