/* What executors share: folders of submissions, names of jobs, what a job leaves. */
#include "executor.h"

#include "sha1.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOST = -1 };

enum err executor_path(const char *folder, const char *file, char path[EXECUTOR_MAX_PATH])
{
    int n = snprintf(path, EXECUTOR_MAX_PATH, "%s/%s", folder, file);
    REQUIRE(n > 0 && n < EXECUTOR_MAX_PATH, ERR_WRITE, "the path is too long: %.100s...", folder);
    return ERR_OK;
}

void executor_job_name(const char *folder, const char *kind, const char *name, char out[EXECUTOR_MAX_NAME])
{
    char id[41];
    sha1_hex(folder, strlen(folder), id);
    snprintf(out, EXECUTOR_MAX_NAME, "gm2.%.12s.%s%.90s", id, kind, name);
}

bool executor_read_number(const char *path, int *out)
{
    char text[32] = "";
    int fd        = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    char *end = text;
    long x    = n > 0 ? strtol(text, &end, 10) : 0;
    *out      = (int)x;
    return end != text && *end == '\n';
}

bool executor_read_exit(const char *folder, struct executor_report *report)
{
    char path[EXECUTOR_MAX_PATH], key[32], line[128];
    if (executor_path(folder, "exit", path)) err_clear();
    if (!executor_read_number(path, &report->exit_code)) {
        report->exit_code = LOST;
        return false;
    }
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        char *value = strchr(line, ' ');
        if (!value) continue; /* the exit status */
        double x = strtod(value, NULL);
        snprintf(key, sizeof key, "%.*s", (int)(value - line), line);
        if (strcmp(key, "begin_s") == 0) report->begin_s = (int64_t)x;
        if (strcmp(key, "end_s") == 0) report->end_s = (int64_t)x;
        if (strcmp(key, "cpu_s") == 0) report->cpu_s = x;
        if (strcmp(key, "wall_s") == 0) report->wall_s = x;
        if (strcmp(key, "max_rss_kb") == 0) report->max_rss_kb = (int64_t)x;
    }
    if (f) fclose(f);
    return true;
}

enum err executor_find(const char *name, const struct executor **out)
{
    static const struct executor *const all[] = {&executor_local, &executor_slurm, &executor_condor};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i]->name, name) == 0) {
            *out = all[i];
            return ERR_OK;
        }
    FAIL(ERR_CONFIG, "there is no executor \"%s\"; there are: local, slurm, condor", name);
}

enum err executor_wrapper(const char *program, char path[EXECUTOR_MAX_PATH])
{
    const char *said = getenv("GM2_GRID_JOB"), *slash = strrchr(program, '/');
    int n = slash ? (int)(slash - program + 1) : 0;
    if (said)
        snprintf(path, EXECUTOR_MAX_PATH, "%s", said);
    else
        snprintf(path, EXECUTOR_MAX_PATH, "%.*sgrid_job", n, program);
    if (!said && access(path, X_OK) != 0)
        snprintf(path, EXECUTOR_MAX_PATH, "%.*s../jobs/grid_job", n, program); /* of a release */
    REQUIRE(access(path, X_OK) == 0, ERR_CONFIG,
            "%s is no program; grid_job stands beside gm2 or in ../jobs, or GM2_GRID_JOB says where", path);
    return ERR_OK;
}
