/* Calibration runs: constants are extracted when such a run is over, and loaded, by gm2 calib in a process of its own. */
#include "dqm.h"
#include "fhicl.h"
#include "log.h"
#include "mem.h"
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_calibration(const struct dqm *d, const struct dqm_row *r)
{
    for (size_t i = 0; i < d->cfg.calibrate.n; i++)
        if (strcmp(d->cfg.calibrate.value[i], r->run_type) == 0) return true;
    return false;
}

/* ---- what was done: OUT/calib/runNNNNN.done says of how many subruns ----------------------------------------------------- */

static void done_path(const struct dqm *d, uint32_t run, const char *ending, size_t size, char *out)
{
    snprintf(out, size, "%s/calib/run%05u%s", d->out_dir, run, ending);
}

static size_t n_done(const struct dqm *d, uint32_t run)
{
    char path[1400], text[64];
    done_path(d, run, ".done", sizeof path, path);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    const char *line = fgets(text, sizeof text, f);
    fclose(f);
    return line ? strtoul(line, NULL, 10) : 0;
}

static enum err note_done(const struct dqm *d, uint32_t run, size_t n)
{
    char path[1400], text[64];
    done_path(d, run, ".done", sizeof path, path);
    int length = snprintf(text, sizeof text, "%zu subruns\n", n);
    return publish_text(path, text, (size_t)length, 1);
}

/* ---- gm2 calib ------------------------------------------------------------------------------------------------------------ */

/* Runs this program with other arguments; its words go into a file. Returns the exit status, -1 if it cannot be started. */
static int run_self(char *const argv[], const char *log_path)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    int rc = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc) return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void last_line(const char *path, size_t size, char *out)
{
    char line[512];
    FILE *f = fopen(path, "r");
    *out    = 0;
    if (!f) return;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (*line) snprintf(out, size, "%.190s", line);
    }
    fclose(f);
}

static void tell(struct dqm *d, const char *text)
{
    size_t n = sizeof d->calibrations / sizeof d->calibrations[0];
    memmove(d->calibrations[1], d->calibrations[0], (n - 1) * sizeof d->calibrations[0]);
    snprintf(d->calibrations[0], sizeof d->calibrations[0], "%.250s", text);
}

/* argv is made of `words`, then the files' names. */
static enum err make_arguments(const struct dqm *d, size_t first, size_t end, const char *const *words, char ***out)
{
    size_t n = 0, n_words = 0;
    while (words[n_words]) n_words++;
    TRY(mem_alloc(out, n_words + end - first + 1, sizeof **out));
    for (size_t i = 0; i < n_words; i++) (*out)[n++] = mem_string(words[i]);
    for (size_t i = first; i < end; i++) {
        char path[1400];
        if (!is_calibration(d, &d->row[i])) continue;
        snprintf(path, sizeof path, "%s/%s_r%06u_s%05u.h5", d->out_dir, d->stem, d->row[i].run, d->row[i].subrun);
        (*out)[n++] = mem_string(path);
    }
    return ERR_OK;
}

static enum err extract(struct dqm *d, size_t first, size_t end, size_t n)
{
    uint32_t run = d->row[first].run;
    char folder[1400], log_path[1400], words[200], text[400], **argv = NULL;
    done_path(d, run, "", sizeof folder, folder);
    done_path(d, run, ".log", sizeof log_path, log_path);
    TRY(publish_make_folder(folder));
    const char *db           = d->cfg.load_into;
    const char *with_db[]    = {"gm2",   "calib",         "-o",       folder,     "--db",       db,
                                "--tag", d->cfg.load_tag, "--author", "nearline", "--open-end", NULL};
    const char *without_db[] = {"gm2", "calib", "-o", folder, NULL};
    enum err rc              = make_arguments(d, first, end, *db ? with_db : without_db, &argv);
    int status               = rc ? -1 : run_self(argv, log_path);
    for (size_t i = 0; argv && argv[i]; i++) mem_free(argv[i]);
    mem_free(argv);
    TRY(rc);
    last_line(log_path, sizeof words, words);
    snprintf(text, sizeof text, "calibration of run %u (%zu subruns): %s", run, n,
             status == 0
                 ? (*db ? "constants extracted and loaded" : "constants extracted, no database to load them into")
                 : words);
    tell(d, text);
    log_line(status == 0 ? LOG_INFO : LOG_WARN, "%s", text);
    return note_done(d, run, n);
}

/* A run's calibration subruns are complete when another kind of subrun or another run has begun, or nothing comes. */
enum err dqm_calibrate(struct dqm *d, double unix_s, bool is_end)
{
    for (size_t first = 0, end; first < d->n; first = end) {
        size_t n = 0, last = first;
        for (end = first; end < d->n && d->row[end].run == d->row[first].run; end++)
            if (is_calibration(d, &d->row[end])) {
                n++;
                last = end;
            }
        bool is_over = is_end || last + 1 < d->n || unix_s - d->last_new_unix_s > d->cfg.calibrate_after_s;
        if (n > 0 && is_over && n_done(d, d->row[first].run) != n) TRY(extract(d, first, end, n));
    }
    return ERR_OK;
}
