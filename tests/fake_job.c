/* The jobs of the fake batch system: what they read, make and leave. */
#include "fake_scheduler.h"

#include "publish.h"
#include "version.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INPUTS = 200, MAX_TEXT = 16384 };
void fake_run(struct fake_job *j);
void fake_clean(struct fake_job *j);

/* ---- products -------------------------------------------------------------------------------------------------------- */
static size_t describe(const char *path, const char *config, const char *tier, const char *units, const char *parents,
                       char *json, size_t room)
{
    char sum[32], words[MAX_TEXT];
    unsigned long long size;
    size_t n = 0, n_events = 0;
    if (publish_checksum(path, sum, &size)) fake_die("%s", path);
    n += (size_t)snprintf(json, room,
                          "{\"file_name\": \"%s\", \"file_size\": %llu, \"checksum\": [\"%s\"], \"data_tier\": \"%s\","
                          " \"application\": {\"family\": \"gm2\", \"name\": \"gm2\", \"version\": \"%s\"},"
                          " \"gm2.fcl_hash\": \"%s\", \"gm2.git_commit\": \"%s\", \"runs\": [",
                          strrchr(path, '/') + 1, size, sum, tier, version_release, config, version_git_commit);
    snprintf(words, sizeof words, "%s", units);
    for (char *save, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        n += (size_t)snprintf(json + n, room - n, "%s[1, %s, \"mc\"]", n_events++ ? ", " : "", w);
    n += (size_t)snprintf(json + n, room - n, "], \"event_count\": %zu, \"parents\": [", n_events);
    snprintf(words, sizeof words, "%s", parents);
    const char *comma = "";
    for (char *save, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save), comma = ", ")
        n += (size_t)snprintf(json + n, room - n, "%s{\"file_name\": \"%s\"}", comma, w);
    n += (size_t)snprintf(json + n, room - n, "]}\n");
    if (n >= room) fake_die("the metadata of %s are long", path);
    return n;
}

void fake_publish(const char *path, const char *config, const char *tier, const char *units, const char *parents,
                  bool is_other)
{
    char text[MAX_TEXT], json[2 * MAX_TEXT], name[FAKE_MAX_PATH + 320];
    int n = snprintf(text, sizeof text, "units %s\nof %s\nfrom %s%s\n", units, config, parents,
                     is_other ? "\nby another" : "");
    if (n >= (int)sizeof text) fake_die("%s is long", path);
    enum err rc = publish_text(path, text, (size_t)n, 0);
    if (rc == ERR_MISMATCH)
        err_clear(); /* the first stays */
    else if (rc)
        fake_die("%s", path);
    size_t length = describe(path, config, tier, units, parents, json, sizeof json);
    snprintf(name, sizeof name, "%s.json", path);
    if (publish_text(name, json, length, 1)) fake_die("%s", name);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) fake_die("%s", path);
    close(fd);
}

/* ---- inputs ---------------------------------------------------------------------------------------------------------- */
struct inputs {
    size_t n;
    char name[MAX_INPUTS][160], units[MAX_INPUTS][320];
};

static bool read_inputs(const struct fake_job *j, struct inputs *in)
{
    char list[FAKE_MAX_PATH + 20], line[2048];
    snprintf(list, sizeof list, "%s/list.txt", j->folder);
    FILE *f = fopen(list, "r");
    in->n   = 0;
    if (!f) return false;
    while (fgets(line, sizeof line, f) && in->n < MAX_INPUTS) {
        line[strcspn(line, "\n")] = 0;
        FILE *one                 = fopen(line, "r");
        if (!one || fscanf(one, "units %319[^\n]", in->units[in->n]) != 1) fake_die("%s", line);
        fclose(one);
        snprintf(in->name[in->n++], sizeof in->name[0], "%.150s", strrchr(line, '/') + 1);
    }
    fclose(f);
    return true;
}

static void make_product(const struct fake_job *j, const struct inputs *in, size_t first, size_t end)
{
    char stem[FAKE_MAX_PATH], path[FAKE_MAX_PATH + 300], folder[FAKE_MAX_PATH], units[4096] = "", parents[8192] = "";
    size_t n_units = 0, n_parents = 0;
    snprintf(folder, sizeof folder, "%s", j->output);
    *strrchr(folder, '/') = 0;
    snprintf(stem, sizeof stem, "%s", j->output);
    *strrchr(stem, '.') = 0;
    if (publish_make_folder(folder)) fake_die("%s", folder);
    for (size_t i = first; i < end; i++) {
        n_units +=
            (size_t)snprintf(units + n_units, sizeof units - n_units, "%s%s", i > first ? " " : "", in->units[i]);
        n_parents += (size_t)snprintf(parents + n_parents, sizeof parents - n_parents, "%s%s", i > first ? " " : "",
                                      in->name[i]);
    }
    snprintf(path, sizeof path, "%s_%.250s-%.20s.h5", stem, units, end > first + 1 ? in->units[end - 1] : "");
    for (char *c = path; *c; c++)
        if (*c == ' ') *c = '_';
    fake_publish(path, j->config, "reco", units, parents, false);
}

static void make_fill(const struct fake_job *j, size_t i)
{
    char stem[FAKE_MAX_PATH], folder[FAKE_MAX_PATH], path[FAKE_MAX_PATH + 40], unit[20];
    snprintf(folder, sizeof folder, "%s", j->output);
    *strrchr(folder, '/') = 0;
    snprintf(stem, sizeof stem, "%s", j->output);
    *strrchr(stem, '.') = 0;
    if (publish_make_folder(folder)) fake_die("%s", folder);
    snprintf(path, sizeof path, "%s_r%05zu.mid", stem, i);
    snprintf(unit, sizeof unit, "%zu", i);
    fake_publish(path, j->config, "raw", unit, "", false);
}

/* The first `n` of its products; those that are there stay as they are. */
static size_t make_products(const struct fake_job *j, const struct inputs *in, size_t n)
{
    size_t n_all = j->n_fills ? (size_t)j->n_fills : (in->n + (size_t)fake->shard - 1) / (size_t)fake->shard;
    if (n > n_all) n = n_all;
    for (size_t i = 0; i < n; i++) {
        size_t first = i * (size_t)fake->shard, end = first + (size_t)fake->shard;
        if (j->n_fills)
            make_fill(j, (size_t)j->n_skipped + i);
        else
            make_product(j, in, first, end < in->n ? end : in->n);
    }
    return n_all;
}

/* ---- faults of a job --------------------------------------------------------------------------------------------------- */
static void leave_halves(const struct fake_job *j)
{
    char folder[FAKE_MAX_PATH], path[FAKE_MAX_PATH + 240];
    snprintf(folder, sizeof folder, "%s", j->output);
    *strrchr(folder, '/') = 0;
    if (publish_make_folder(folder)) fake_die("%s", folder);
    snprintf(path, sizeof path, "%s/half.h5.part", folder);
    write_file(path, "units 1");
}

static void bad_metadata(const struct fake_job *j, char path[FAKE_MAX_PATH + 240])
{
    snprintf(path, FAKE_MAX_PATH, "%s", j->output);
    char *name = strrchr(path, '/') + 1;
    snprintf(name, (size_t)(path + FAKE_MAX_PATH + 240 - name), "cut_%s.h5.json", j->name);
}

static void leave_bad_metadata(const struct fake_job *j)
{
    char folder[FAKE_MAX_PATH], path[FAKE_MAX_PATH + 240];
    snprintf(folder, sizeof folder, "%s", j->output);
    *strrchr(folder, '/') = 0;
    if (publish_make_folder(folder)) fake_die("%s", folder);
    bad_metadata(j, path);
    write_file(path, "{\"file_name\": \"cut.h5\", \"file_si");
}

/* What a shifter has to take away by hand: a simulation's folder holds it for ever. */
void fake_clean(struct fake_job *j)
{
    char path[FAKE_MAX_PATH + 240];
    if (j->fault != FAKE_BAD_METADATA) return;
    if (j->state != FAKE_ENDED) j->fault = FAKE_N_FAULTS;
    bad_metadata(j, path);
    unlink(path);
}

static void make_rogue(struct fake_job *j)
{
    char folder[FAKE_MAX_PATH], path[2 * FAKE_MAX_PATH];
    if (!fake->rogue[0] || j->n_fills) return;
    snprintf(folder, sizeof folder, "%s", j->output);
    *strrchr(folder, '/') = 0;
    if (publish_make_folder(folder)) fake_die("%s", folder);
    snprintf(path, sizeof path, "%s/%s", folder, fake->rogue);
    if (access(path, F_OK) == 0) return; /* its own */
    fake_publish(path, j->config, "reco", "1", "", true);
    j->has_rogue = true;
}

static bool has_begun(struct fake_job *j)
{
    char begun[FAKE_MAX_PATH + 20], closed[FAKE_MAX_PATH + 20];
    snprintf(begun, sizeof begun, "%s/begun", j->folder);
    snprintf(closed, sizeof closed, "%s/closed", j->folder);
    if (!fake->is_marked) return true;
    int fd = open(begun, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd >= 0) close(fd);
    bool is_begun = (fd >= 0 || j->n_lives > 1) && access(closed, F_OK) != 0;
    if (is_begun && fake_check_begin) fake_check_begin(j);
    return is_begun;
}

static void leave_exit(struct fake_job *j, int code)
{
    char path[FAKE_MAX_PATH + 20], text[20];
    snprintf(path, sizeof path, "%s/exit", j->folder);
    snprintf(text, sizeof text, "%d\n", code);
    if (code >= 0 && publish_text(path, text, strlen(text), 1)) fake_die("%s", path);
}

static void end(struct fake_job *j)
{
    static const size_t all = 1000000;
    struct inputs *in       = calloc(1, sizeof *in);
    if (!in || (!j->n_fills && !read_inputs(j, in))) fake_die("the inputs of %s", j->folder);
    size_t n_all  = make_products(j, in, 0);
    size_t n_some = (size_t)fake_roll(&j->dice, (int)n_all + 1);
    int code      = 0;
    switch (j->fault) {
    case FAKE_NOTHING: n_some = j->n_fills && fake_chance(&j->dice, 50) ? n_all - 1 : 0; break;
    case FAKE_BLACK_HOLE: n_some = 0, code = 1; break;
    case FAKE_ALL_BUT_FAILED: n_some = all, code = 1; break;
    case FAKE_PARTIAL: code = 1 + fake_roll(&j->dice, 90); break;
    case FAKE_STOPPED: code = 75; break;
    case FAKE_NODE_LOST: code = -1, leave_halves(j); break;
    case FAKE_BAD_METADATA:
        leave_bad_metadata(j);
        code   = fake_roll(&j->dice, 2);
        n_some = code ? n_some : all;
        break;
    case FAKE_LATE_PRODUCTS: j->late_s = fake->now_s + 30 + fake_roll(&j->dice, 600); break;
    case FAKE_ROGUE: make_rogue(j); /* fall through */
    default: n_some = all; break;
    }
    if (code == 75 && j->fault != FAKE_STOPPED) code = 1;
    if (j->is_stopped && j->fault == FAKE_N_FAULTS) code = 75;
    (void)make_products(j, in, n_some);
    leave_exit(j, code);
    free(in);
    j->state     = FAKE_ENDED;
    j->exit_code = code;
    j->purge_s += fake->now_s;
}

static void make_late_products(struct fake_job *j)
{
    struct inputs *in = calloc(1, sizeof *in);
    if (!in || (!j->n_fills && !read_inputs(j, in))) fake_die("the inputs of %s", j->folder);
    (void)make_products(j, in, 1000000);
    free(in);
    j->late_s = 0;
}

void fake_run(struct fake_job *j)
{
    if (j->state == FAKE_ENDED) {
        if (j->late_s && fake->now_s >= j->late_s) make_late_products(j);
        if (fake->now_s >= j->purge_s) j->is_purged = true;
        return;
    }
    if (j->state == FAKE_QUEUED && fake->now_s >= j->begin_s) {
        if (fake->now_s >= fake->hole_begin_s && fake->now_s < fake->hole_end_s) {
            j->fault = FAKE_BLACK_HOLE;
            j->end_s = fake->now_s;
            fake->n_seen[FAKE_BLACK_HOLE]++;
        }
        j->state    = FAKE_RUNNING;
        j->is_begun = j->is_begun || has_begun(j);
        if (!j->is_begun) { /* another of its name is at it, or it was given up */
            j->state = FAKE_ENDED;
            j->purge_s += fake->now_s;
            return;
        }
    }
    if (j->state == FAKE_RUNNING && (fake->now_s >= j->end_s || (j->is_stopped && j->fault != FAKE_FOR_EVER))) {
        if (--j->n_lives > 0) {
            j->state   = FAKE_QUEUED;
            j->begin_s = fake->now_s + 60;
            j->end_s   = j->begin_s + 100;
            return;
        }
        end(j);
    }
}
