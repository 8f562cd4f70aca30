/* Commands of gm2: `gm2 <name> ...`. The table is in main.c; it ends with a NULL name. */
#ifndef GM2_COMMAND_H
#define GM2_COMMAND_H

struct command {
    const char *name, *usage, *doc;
    int (*run)(int argc, char **argv); /* argv[0] is the name; returns the exit status */
};
extern const struct command commands[];

#endif
