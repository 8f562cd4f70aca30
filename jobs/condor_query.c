/* What HTCondor says of jobs. */
#include "condor_query.h"

#include "clock.h"
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONDOR_PATIENCE_S  120.0
#define CONDOR_CACHE_AGE_S 2.0
enum { ALL_ROOM = 8 << 20, ONE_ROOM = 1 << 14, MAX_CONSTRAINT = 200 };

static double number_of(const char *text)
{
    char *end;
    double x = strtod(text, &end);
    return end != text ? x : -1.0; /* "undefined" */
}

/* Name, cluster, status, begin, end, CPU, wall, memory, and the rest of the line: why. */
static bool read_ad(const char *line, const char *name, bool *is_other, struct condor_ad *ad)
{
    enum { N_FIELDS = 8 };
    char field[N_FIELDS][128];
    *is_other = false;
    for (int i = 0; i < N_FIELDS; i++) {
        line += strspn(line, " ");
        size_t n = strcspn(line, " \n");
        if (n == 0 || n >= sizeof field[i]) return false;
        snprintf(field[i], sizeof field[i], "%.*s", (int)n, line);
        line += n;
        *is_other = i == 0 && strcmp(field[0], name) != 0;
        if (*is_other) return true;
    }
    line += strspn(line, " ");
    *ad = (struct condor_ad){.status  = (int)number_of(field[2]),
                             .begin_s = (int64_t)number_of(field[3]),
                             .end_s   = (int64_t)number_of(field[4]),
                             .cpu_s   = number_of(field[5]),
                             .wall_s  = number_of(field[6]),
                             .rss_kb  = (int64_t)number_of(field[7])};
    snprintf(ad->id, sizeof ad->id, "%.63s", field[1]);
    if (strncmp(line, "undefined", 9) != 0) snprintf(ad->why, sizeof ad->why, "%.*s", (int)strcspn(line, "\n"), line);
    return ad->status >= CONDOR_IDLE && ad->status <= CONDOR_SUSPENDED;
}

enum err condor_query_parse(const char *text, const char *name, bool *is_known, struct condor_ad *out)
{
    *is_known = false;
    for (const char *at = text; *at && !*is_known;) {
        bool is_other;
        bool is_good = read_ad(at, name, &is_other, out);
        REQUIRE(is_good || is_other, ERR_AGAIN, "HTCondor: \"%.100s\" is not understood", at);
        *is_known = !is_other;
        at += strcspn(at, "\n");
        at += *at != 0;
    }
    return ERR_OK;
}

static enum err run(const char *tool, const char *constraint, char *out, size_t room)
{
    bool is_history          = strcmp(tool, "condor_history") == 0;
    const char *const argv[] = {tool,
                                "-constraint",
                                constraint,
                                "-af",
                                "Gm2Name",
                                "ClusterId",
                                "JobStatus",
                                "JobStartDate",
                                "CompletionDate",
                                "RemoteUserCpu",
                                "RemoteWallClockTime",
                                "ResidentSetSize",
                                is_history ? "RemoveReason" : "HoldReason",
                                is_history ? "-limit" : NULL,
                                "1",
                                NULL};
    return process_ask(argv, CONDOR_PATIENCE_S, out, room);
}

/* One answer about all jobs serves many questions. */
static const char *all_jobs(void)
{
    static char text[ALL_ROOM];
    static double taken_s;
    static bool is_good;
    double now_s = clock_now_s();
    if (taken_s > 0.0 && now_s - taken_s < CONDOR_CACHE_AGE_S) return is_good ? text : "";
    is_good = run("condor_q", "Gm2Name =!= undefined", text, ALL_ROOM) == ERR_OK;
    if (!is_good) err_clear();
    taken_s = now_s;
    return is_good ? text : "";
}

static enum err ask_one(const char *tool, const char *name, bool *is_known, struct condor_ad *out)
{
    char text[ONE_ROOM], constraint[MAX_CONSTRAINT];
    snprintf(constraint, sizeof constraint, "Gm2Name == \"%.150s\"", name);
    TRY(run(tool, constraint, text, sizeof text));
    return condor_query_parse(text, name, is_known, out);
}

enum err condor_query(const char *name, bool is_fresh, bool *is_known, struct condor_ad *out)
{
    *is_known = false;
    if (!is_fresh) TRY(condor_query_parse(all_jobs(), name, is_known, out));
    return *is_known ? ERR_OK : ask_one("condor_q", name, is_known, out);
}

enum err condor_history(const char *name, bool *is_known, struct condor_ad *out)
{
    return ask_one("condor_history", name, is_known, out);
}
