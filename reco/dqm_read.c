/* Reading what a nearline job has published. */
#include "dqm.h"
#include "file.h"
#include "log.h"
#include "mem.h"
#include "tables.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct found {
    uint32_t run, subrun;
    char name[300];
};

/* ---- one file --------------------------------------------------------------------------------------------------------- */

static double product(double n, double mean) { return n > 0.0 && isfinite(mean) ? n * mean : 0.0; }

static void take_row(const struct monitor_view *v, size_t i, struct dqm_sums *s)
{
    double n_t0 = (double)v->n_muon[i] - v->n_no_t0[i], n_positrons = v->n_positrons[i];
    *s = (struct dqm_sums){
        .n_fills      = v->n_fills[i],
        .n_muon       = v->n_muon[i],
        .n_laser      = v->n_laser[i],
        .n_pedestal   = v->n_pedestal[i],
        .n_no_t0      = v->n_no_t0[i],
        .n_damaged    = v->n_damaged[i],
        .n_missing    = v->n_missing[i],
        .ctag         = product(v->n_muon[i], v->ctag[i]),
        .t0_ns        = product(n_t0, v->t0_ns[i]),
        .t0_ns2       = product(n_t0, v->t0_ns[i] * v->t0_ns[i] + v->t0_rms_ns[i] * v->t0_rms_ns[i]),
        .n_sync       = v->n_sync[i],
        .sync_adc     = product(v->n_sync[i], v->sync_adc[i]),
        .pedestal_adc = product(v->n_muon[i], v->pedestal_adc[i]),
        .n_noise      = v->n_noise[i],
        .noise_adc2   = product(v->n_noise[i], v->noise_adc[i] * v->noise_adc[i]),
        .n_positrons  = n_positrons,
        .wiggle_cos   = product(n_positrons, v->wiggle_cos[i]),
        .wiggle_sin   = product(n_positrons, v->wiggle_sin[i]),
    };
}

/* Of one file: a subrun, part of one, or of many. */
static void widen(struct dqm_row *row, double first_unix_s, double last_unix_s)
{
    if (!(first_unix_s > 0.0)) return;
    if (!(row->first_unix_s > 0.0) || first_unix_s < row->first_unix_s) row->first_unix_s = first_unix_s;
    if (last_unix_s > row->last_unix_s) row->last_unix_s = last_unix_s;
}

static enum err read_sums(const char *path, struct dqm_row *out)
{
    struct block *block;
    TRY(block_create(&table_monitor, &block));
    enum err rc = file_read_table(path, "monitor", block);
    if (!rc && block->n == 0) rc = err_fail(ERR_DATA, __FILE__, __LINE__, "%s: table monitor is empty", path);
    out->sums = (struct dqm_sums){0};
    for (size_t i = 0; !rc && i < block->n; i++) {
        struct monitor_view v = monitor_view(block);
        struct dqm_sums one;
        take_row(&v, i, &one);
        dqm_sums_add(&out->sums, &one);
        widen(out, (double)v.first_unix_s[i], (double)v.last_unix_s[i]);
        memcpy(out->run_type, v.run_type + i * DQM_RUN_TYPE, DQM_RUN_TYPE);
        out->run_type[DQM_RUN_TYPE] = 0;
    }
    block_free(block);
    return rc;
}

static void add_channel(struct dqm_channel *c, const struct monitor_channel_view *v, size_t i)
{
    double noise_adc = (double)v->noise_adc[i], n_pedestal = isfinite(v->pedestal_adc[i]) ? 1.0 : 0.0;
    c->n_pulses += v->n_pulses[i];
    c->n_sync += v->n_sync[i];
    c->sync_adc += product(v->n_sync[i], (double)v->sync_adc[i]);
    c->n_pedestal += n_pedestal;
    c->pedestal_adc += product(n_pedestal, (double)v->pedestal_adc[i]);
    c->n_noise += v->n_noise[i];
    c->noise_adc2 += product(v->n_noise[i], noise_adc * noise_adc);
}

/* *n_dead: channels without a sync pulse; NaN where none saw one, as without laser. */
static enum err read_channels(const char *path, struct dqm_channel channel[DQM_CHANNELS], double *n_dead)
{
    struct block *block;
    double n_alive = 0.0, n_seen = 0.0;
    TRY(block_create(&table_monitor_channel, &block));
    enum err rc = file_read_table(path, "monitor_channel", block);
    for (size_t i = 0; !rc && i < block->n; i++) {
        struct monitor_channel_view v = monitor_channel_view(block);
        if (v.calo[i] < 1 || v.calo[i] > N_CALOS || v.crystal[i] >= N_CRYSTALS) continue;
        add_channel(&channel[(v.calo[i] - 1) * N_CRYSTALS + v.crystal[i]], &v, i);
        n_seen += 1.0;
        n_alive += v.n_sync[i] > 0;
    }
    *n_dead = n_alive > 0.0 ? n_seen - n_alive : (double)NAN;
    block_free(block);
    return rc;
}

static void read_latency(const char *product_path, struct dqm_row *row)
{
    char path[1600], text[65536];
    row->closed_unix_s = row->latency_s = (double)NAN;
    snprintf(path, sizeof path, "%s.json", product_path);
    FILE *f = fopen(path, "r");
    if (!f) return;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n]         = 0;
    cJSON *o        = cJSON_Parse(text);
    const cJSON *at = cJSON_GetObjectItem(o, "gm2.closed_unix_s"), *late = cJSON_GetObjectItem(o, "gm2.latency_s");
    if (cJSON_IsNumber(at)) row->closed_unix_s = at->valuedouble;
    if (cJSON_IsNumber(late)) row->latency_s = late->valuedouble;
    cJSON_Delete(o);
}

enum err dqm_read_reference(struct dqm *d)
{
    struct dqm_row row = {0};
    double n_dead;
    if (!*d->cfg.reference) return ERR_OK;
    TRY(file_read_hists(d->cfg.reference, &d->reference_hists));
    TRY(read_sums(d->cfg.reference, &row));
    d->reference_sums = row.sums;
    TRY(read_channels(d->cfg.reference, d->reference_channel, &n_dead));
    d->has_reference = true;
    return ERR_OK;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------ */

static size_t lower_bound(const struct dqm *d, uint32_t run, uint32_t subrun)
{
    size_t low = 0, high = d->n;
    while (low < high) {
        size_t middle           = low + (high - low) / 2;
        const struct dqm_row *r = &d->row[middle];
        if (r->run < run || (r->run == run && r->subrun < subrun))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct dqm_row *dqm_find(const struct dqm *d, uint32_t run, uint32_t subrun)
{
    size_t i = lower_bound(d, run, subrun);
    return i < d->n && d->row[i].run == run && d->row[i].subrun == subrun ? &d->row[i] : NULL;
}

static enum err row_for(struct dqm *d, uint32_t run, uint32_t subrun, struct dqm_row **out)
{
    size_t i = lower_bound(d, run, subrun);
    if (i == d->n || d->row[i].run != run || d->row[i].subrun != subrun) {
        if (d->n == d->capacity) {
            size_t capacity = d->capacity ? 2 * d->capacity : 256;
            TRY(mem_resize(&d->row, d->n, capacity, sizeof *d->row));
            d->capacity = capacity;
        }
        memmove(&d->row[i + 1], &d->row[i], (d->n - i) * sizeof *d->row);
        d->row[i] = (struct dqm_row){.run = run, .subrun = subrun};
        d->n++;
    }
    *out = &d->row[i];
    return ERR_OK;
}

static void sum_channel(struct dqm_channel *to, const struct dqm_channel *from)
{
    to->n_pulses += from->n_pulses;
    to->n_sync += from->n_sync;
    to->sync_adc += from->sync_adc;
    to->n_pedestal += from->n_pedestal;
    to->pedestal_adc += from->pedestal_adc;
    to->n_noise += from->n_noise;
    to->noise_adc2 += from->noise_adc2;
}

static void begin_run(struct dqm *d, uint32_t run)
{
    d->run  = run;
    d->sums = (struct dqm_sums){0};
    memset(d->channel, 0, sizeof d->channel);
    hist_set_free(&d->hists);
    d->hists = (struct hist_set){0};
}

static enum err take_file(struct dqm *d, const struct found *f)
{
    char path[1400];
    struct dqm_row *row, fresh = {0};
    struct dqm_channel *channel;
    snprintf(path, sizeof path, "%s/%s", d->unit_dir, f->name);
    TRY(read_sums(path, &fresh));
    TRY(mem_alloc(&channel, DQM_CHANNELS, sizeof *channel));
    enum err rc = read_channels(path, channel, &fresh.dead_channels);
    if (!rc && (f->run > d->run || d->n == 0)) begin_run(d, f->run);
    if (!rc && f->run == d->run) {
        rc = file_read_hists(path, &d->hists);
        dqm_sums_add(&d->sums, &fresh.sums);
        for (size_t i = 0; i < DQM_CHANNELS; i++) sum_channel(&d->channel[i], &channel[i]);
        snprintf(d->run_type, sizeof d->run_type, "%s", fresh.run_type);
    }
    mem_free(channel);
    TRY(rc);
    TRY(row_for(d, f->run, f->subrun, &row));
    dqm_sums_add(&row->sums, &fresh.sums);
    widen(row, fresh.first_unix_s, fresh.last_unix_s);
    row->dead_channels = fresh.dead_channels;
    snprintf(row->run_type, sizeof row->run_type, "%s", fresh.run_type);
    read_latency(path, row);
    dqm_row_values(row, d->has_reference ? &d->reference_sums : NULL);
    return ERR_OK;
}

/* A word, then a number. */
static bool take_number(const char **at, const char *word, uint32_t *out)
{
    size_t n = strlen(word), digits = strncmp(*at, word, n) == 0 ? strspn(*at + n, "0123456789") : 0;
    if (digits == 0 || digits > 9) return false;
    *out = (uint32_t)strtoul(*at + n, NULL, 10);
    *at += n + digits;
    return true;
}

/* STEM_rNNNNNN_sNNNNN.h5; parts of files that grow: STEM_rNNNNNN_sNNNNN_bBYTE.h5 */
static bool is_unit_name(const struct dqm *d, const char *name, struct found *out)
{
    size_t n       = strlen(d->stem);
    const char *at = name + n;
    if (strncmp(name, d->stem, n) != 0 || strlen(name) >= sizeof out->name) return false;
    snprintf(out->name, sizeof out->name, "%s", name);
    if (!take_number(&at, "_r", &out->run) || !take_number(&at, "_s", &out->subrun)) return false;
    if (d->is_live && strncmp(at, "_b", 2) == 0) at += 2 + strspn(at + 2, "0123456789");
    return strcmp(at, ".h5") == 0;
}

/* Its metadata come a moment after a product; one that was killed in between has none. */
static bool has_settled(const struct dqm *d, const char *name)
{
    enum { SOON_S = 10 };
    struct stat info;
    char path[1500];
    snprintf(path, sizeof path, "%s/%s.json", d->out_dir, name);
    if (d->is_live || stat(path, &info) == 0) return true;
    path[strlen(path) - strlen(".json")] = 0;
    return stat(path, &info) == 0 && time(NULL) - info.st_mtime > SOON_S;
}

static int newest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->run != y->run) return x->run < y->run ? 1 : -1;
    return x->subrun < y->subrun ? 1 : x->subrun > y->subrun ? -1 : strcmp(x->name, y->name);
}

static enum err list_new(const struct dqm *d, struct found **out, size_t *n)
{
    size_t capacity = 0;
    DIR *folder     = opendir(d->unit_dir);
    enum err rc     = ERR_OK;
    *n              = 0;
    if (!folder) return ERR_OK;
    for (struct dirent *e; !rc && (e = readdir(folder));) {
        struct found f;
        if (!is_unit_name(d, e->d_name, &f) || (!d->is_live && dqm_find(d, f.run, f.subrun))) continue;
        if (!has_settled(d, e->d_name)) continue;
        if (*n == capacity) {
            rc       = mem_resize(out, *n, capacity ? 2 * capacity : 64, sizeof **out);
            capacity = capacity ? 2 * capacity : 64;
        }
        if (!rc) (*out)[(*n)++] = f;
    }
    closedir(folder);
    return rc;
}

static void remove_part(const struct dqm *d, const struct found *f)
{
    char path[1500];
    snprintf(path, sizeof path, "%s/%s", d->unit_dir, f->name);
    unlink(path);
}

/* A row that only says that the file is known. */
static enum err add_empty(struct dqm *d, uint32_t run, uint32_t subrun)
{
    struct dqm_row *row;
    TRY(row_for(d, run, subrun, &row));
    row->closed_unix_s = row->latency_s = row->dead_channels = (double)NAN;
    dqm_row_values(row, NULL);
    return ERR_OK;
}

enum err dqm_read_new(struct dqm *d, size_t room, size_t *n)
{
    struct found *f = NULL;
    size_t n_found;
    *n          = 0;
    enum err rc = list_new(d, &f, &n_found);
    if (!rc && n_found) qsort(f, n_found, sizeof *f, newest_first);
    size_t use = n_found < room ? n_found : room;
    for (size_t i = use; !rc && !d->is_live && i < n_found; i++) rc = add_empty(d, f[i].run, f[i].subrun);
    for (size_t i = use; !rc && i-- > 0;) { /* oldest of them first: runs begin in order */
        rc = take_file(d, &f[i]);
        if (d->is_live) remove_part(d, &f[i]);
        if (rc) {
            log_warn("%s", err_message());
            err_clear();
            rc = add_empty(d, f[i].run, f[i].subrun); /* not again */
        }
        (*n)++;
    }
    mem_free(f);
    return rc;
}

void dqm_read_bad(struct dqm *d)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/quarantine", d->out_dir);
    DIR *folder = opendir(path);
    d->n_bad    = 0;
    if (!folder) return;
    for (struct dirent *e; (e = readdir(folder));) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0) continue;
        if (d->n_bad < sizeof d->bad / sizeof d->bad[0])
            snprintf(d->bad[d->n_bad], sizeof d->bad[0], "%.*s", (int)(dot - e->d_name), e->d_name);
        d->n_bad++;
    }
    closedir(folder);
}

void dqm_free(struct dqm *d)
{
    hist_set_free(&d->hists);
    hist_set_free(&d->reference_hists);
    mem_free(d->row);
    d->row = NULL;
}
