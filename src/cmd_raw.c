/* gm2 raw: what is in a raw MIDAS file. */
#include "command.h"
#include "log.h"
#include "mem.h"
#include "midas_file.h"
#include "odb.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int cmd_raw(int argc, char **argv);

static const char usage[] = "gm2 raw list FILE.mid[.gz|.lz4]\n"
                            "    one line an event: number, byte, id, serial number, time, bytes, banks\n"
                            "gm2 raw banks FILE.mid\n"
                            "    the same, and one line a bank: name, type, bytes\n"
                            "gm2 raw check FILE.mid\n"
                            "    strict: begin of run first, end of run last, one run, all sizes and types in order\n"
                            "gm2 raw odb FILE.mid [KEY]\n"
                            "    all keys of the ODB dump with their values, or the values of one\n";

/* ---- events ---- */

static enum err print_banks(const struct midas_event *e, bool is_detailed, char *summary, size_t size)
{
    struct midas_walk walk;
    struct midas_bank bank;
    TRY(midas_walk(e, false, &walk));
    for (;;) {
        TRY(midas_walk_next(&walk, &bank));
        if (!bank.data) break;
        if (is_detailed) printf("    %s type %" PRIu32 " %zu bytes\n", bank.name, bank.type, bank.size);
    }
    snprintf(summary, size, "%" PRIu32 " banks, flags %" PRIu32 "%s", walk.n_banks, walk.flavour,
             walk.is_swapped ? ", big-endian" : "");
    return ERR_OK;
}

static void print_event(const struct midas_status *before, const struct midas_event *e, bool is_detailed)
{
    char summary[600] = "text";
    const char *kind  = e->id == MIDAS_BOR ? " begin of run" : e->id == MIDAS_EOR ? " end of run" : "";
    printf("%" PRIu64 " byte %" PRIu64 " id 0x%04X%s serial %" PRIu32 " time %" PRIu32 " %zu bytes\n", before->n_events,
           before->n_bytes, (unsigned)e->id, kind, e->serial, e->time_s, e->n_bytes);
    if (!midas_is_special(e) && print_banks(e, is_detailed, summary, sizeof summary))
        snprintf(summary, sizeof summary, "damaged: %s", err_message());
    err_clear();
    printf("    %s\n", summary);
}

static enum err list(const char *path, bool is_detailed)
{
    struct midas_reader *r;
    struct midas_event e;
    enum err rc;
    TRY(midas_file_open(path, NULL, &r));
    for (;;) {
        const struct midas_status before = *midas_file_status(r);
        rc                               = midas_file_next(r, &e);
        if (rc || !e.bytes) break;
        print_event(&before, &e, is_detailed);
    }
    const struct midas_status *status = midas_file_status(r);
    if (!rc && status->is_cut) log_warn("%s is truncated: %s", path, status->problem);
    if (!rc && !status->is_cut && !status->has_eor) log_warn("%s has no end-of-run event", path);
    midas_file_close(r);
    return rc;
}

static enum err check(const char *path)
{
    const struct midas_options strict = {.is_strict = true};
    struct midas_reader *r;
    struct midas_event e = {0};
    TRY(midas_file_open(path, &strict, &r));
    enum err rc;
    do rc = midas_file_next(r, &e);
    while (!rc && e.bytes);
    const struct midas_status *status = midas_file_status(r);
    if (!rc)
        printf("%s: run %" PRIu32 ", %" PRIu64 " events, %" PRIu64 " bytes, in order\n", path, status->run,
               status->n_events, status->n_bytes);
    midas_file_close(r);
    return rc;
}

/* ---- ODB ---- */

static enum err print_values(const struct odb *odb, const char *path, const char *head)
{
    const char *text = "";
    for (size_t i = 0; i < odb_size(odb, path); i++) {
        TRY(odb_string(odb, path, i, &text));
        printf("%s%s%s", i ? "" : head, i ? ", " : "", text);
    }
    printf("\n");
    return ERR_OK;
}

static enum err print_keys(const struct odb *odb, const char *key)
{
    char head[4200];
    if (key) {
        REQUIRE(odb_size(odb, key) > 0, ERR_NOTFOUND, "the ODB has no key %s", key);
        return print_values(odb, key, "");
    }
    for (size_t i = 0; i < odb_n_keys(odb); i++) {
        snprintf(head, sizeof head, "%s = ", odb_path(odb, i));
        TRY(print_values(odb, odb_path(odb, i), head));
    }
    return ERR_OK;
}

static enum err print_odb(const char *path, const char *key)
{
    struct midas_reader *r;
    struct midas_event e;
    struct odb *odb = NULL;
    enum err rc;
    size_t n;
    TRY(midas_file_open(path, NULL, &r));
    TRY_TO(out, midas_file_next(r, &e));
    if (!e.bytes || e.id != MIDAS_BOR) FAIL_TO(out, ERR_DATA, "%s begins without a begin-of-run event: no ODB", path);
    const char *text = midas_text(&e, &n);
    TRY_TO(out, odb_parse(text, n, &odb));
    TRY_TO(out, print_keys(odb, key));
out:
    odb_free(odb);
    midas_file_close(r);
    return rc;
}

static enum err run(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[1] : "";
    bool is_odb = strcmp(verb, "odb") == 0, is_list = strcmp(verb, "list") == 0, is_check = strcmp(verb, "check") == 0;
    bool is_banks = strcmp(verb, "banks") == 0, is_known = is_odb || is_list || is_check || is_banks;
    REQUIRE(is_known && argc <= (is_odb ? 4 : 3), ERR_OPTION,
            "gm2 raw list|banks|check FILE.mid, or odb FILE.mid [KEY]");
    if (is_odb) return print_odb(argv[2], argc > 3 ? argv[3] : NULL);
    return is_check ? check(argv[2]) : list(argv[2], is_banks);
}

int cmd_raw(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    enum err rc = run(argc, argv);
    if (!rc && fflush(stdout) != 0) rc = err_fail(ERR_WRITE, __FILE__, __LINE__, "the result cannot be written");
    return err_exit_code(rc);
}
