/* gm2: one program. `gm2 -c FILE.fcl ...` runs a job (the only thing that starts MPI), `gm2 <command> ...` does the rest. */
#include "command.h"
#include "err.h"
#include "version.h"

#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_run(int argc, char **argv);
int cmd_fcl(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_fit(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_raw(int argc, char **argv);
int cmd_ring(int argc, char **argv);
int cmd_cond(int argc, char **argv);
int cmd_dqm(int argc, char **argv);
int cmd_calib(int argc, char **argv);
int cmd_files(int argc, char **argv);
int cmd_campaign(int argc, char **argv);
int cmd_checksum(int argc, char **argv);

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    /* campaigns read this line: jobs/program.c */
    printf("gm2 %s (%s) %s\n", version_release, version_git_commit, version_is_released ? "released" : "development");
    return 0;
}

const struct command commands[] = {
    {"-c", "-c FILE.fcl [-n FILLS] [-s RAW | -S LIST] [-o DIR/STEM.h5] ...",
     "run a job; 'gm2 -c --help' for all options", cmd_run},
    {"fit", "fit FILE.h5 ...", "fit the precession frequency to the histograms of files", cmd_fit},
    {"report", "report FILE.h5 ... [-o DIR]", "one page of pictures, and their numbers, from the histograms of files",
     cmd_report},
    {"dqm", "dqm OUT/STEM.h5 [-c FILE.fcl]", "the page of a nearline job: alarms, trends, maps, against a reference",
     cmd_dqm},
    {"raw", "raw ls|banks|dump|check FILE.mid, raw odb FILE.mid [KEY]",
     "what is in a raw file, strictly checked or not", cmd_raw},
    {"cond", "cond init|load|get|dump|tag|diff|log|snapshot|tables DB ...",
     "constants with intervals of validity, SQLite or PostgreSQL; 'gm2 cond --help'", cmd_cond},
    {"calib", "calib FILE.h5 ... -o DIR [--db DB]",
     "calibration constants from the sums of jobs: pages, CSV, database; 'gm2 calib --help'", cmd_calib},
    {"files", "files declare|get|list|count|lineage|coverage|define|snapshot|... DB ...",
     "the catalogue: what files there are, of which subruns and parents, where; 'gm2 files --help'", cmd_files},
    {"campaign", "campaign init|plan|start|step|status|hold|release|kill|retry DB NAME",
     "productions of many submissions, each file once; 'gm2 campaign --help'", cmd_campaign},
    {"checksum", "checksum FILE...", "size and adler32 of files, as metadata have them", cmd_checksum},
    {"ring", "ring tune|orbit|map|scan|show [-c FILE.fcl] [--KEY VALUE ...] [--json FILE] [--plot FILE.svg|png]",
     "what a ring does: tunes, closed orbit, one-turn map, scans of any parameter, plan; 'gm2 ring --help'", cmd_ring},
    {"fcl", "fcl dump|expand|get|id FILE.fcl [KEY]",
     "print a configuration: canonical, annotated, one value, its identity", cmd_fcl},
    {"help", "help [MODULE | tables [NAME]]", "modules, their parameters and columns", cmd_help},
    {"version", "version", "release, commit, whether it is released", cmd_version},
    {NULL, NULL, NULL, NULL},
};

/* The launcher of a release (jobs/release/launch.c) tells the loader where the libraries are; other programs are not to know. */
static void forget_libraries(void)
{
    const char *was = getenv("GM2_WAS_LD_LIBRARY_PATH");
    if (!was) return;
    if (*was)
        setenv("LD_LIBRARY_PATH", was, 1);
    else
        unsetenv("LD_LIBRARY_PATH");
    unsetenv("GM2_WAS_LD_LIBRARY_PATH");
}

int main(int argc, char **argv)
{
    forget_libraries();
    gsl_set_error_handler_off();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cmd_help(1, (char *[]){"help", NULL});
    if (argv[1][0] == '-' && strcmp(argv[1], "--version") != 0) return cmd_run(argc, argv);
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0) {
            int status = c->run(argc - 1, argv + 1);
            if (status && err_message()[0]) fprintf(stderr, "gm2 %s: %s\n", name, err_message());
            return status;
        }
    fprintf(stderr, "gm2: there is no command \"%s\"; 'gm2 help' lists them\n", name);
    return 88;
}
