/* Subcommands of gm2 that never touch MPI: `gm2 NAME ...`. main.c lists them. */
#ifndef GM2_COMMAND_H
#define GM2_COMMAND_H

struct command {
    const char *name;  /* argv[0] of run */
    const char *usage; /* "FILE.h5 [FILE...] [--json OUT]" */
    const char *doc;   /* one line */
    /* argc, argv as main's, from the command's name on. Results go to stdout. Returns the exit status; the error
     * trail is left for main to print. */
    int (*run)(int argc, char **argv);
};

/** All subcommands, in main.c; ends with a NULL name. */
extern const struct command commands[];

#endif
