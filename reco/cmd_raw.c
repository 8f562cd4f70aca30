/* gm2 raw: what is in a raw MIDAS file. */
#include "command.h"
#include "log.h"
#include "mem.h"
#include "midas_file.h"
#include "odb.h"
#include "options.h"
#include "raw_dump.h"
#include "unpack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_raw(int argc, char **argv);

static const char usage[] =
    "gm2 raw ls FILE.mid[.gz|.lz4]          (or list)\n"
    "    one line an event: number, byte, id, serial number, time, bytes, banks\n"
    "gm2 raw banks FILE.mid\n"
    "    the same, and one line a bank: name, type, bytes\n"
    "gm2 raw dump FILE.mid [SERIAL]\n"
    "    what each bank says, compressed ones opened; of all events, or of one\n"
    "gm2 raw check FILE.mid [--lenient] [--checks sizes|checksums|all]\n"
    "    begin of run first, end of run last, one run, all sizes and types in order; then every bank of every crate:\n"
    "    sizes (headers alone), checksums (also MD5 and the boards' XOR sums; usual), all (also the CRC that gm2 "
    "writes).\n"
    "    Each fill with damage is named. Lenient: what is wrong is told, and is no error\n"
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

static enum err dump(const char *path, const char *serial)
{
    struct midas_reader *r;
    struct midas_event e;
    enum err rc;
    bool is_found       = false;
    unsigned long which = serial ? strtoul(serial, NULL, 10) : 0;
    TRY(midas_file_open(path, NULL, &r));
    for (;;) {
        const struct midas_status before = *midas_file_status(r);
        rc                               = midas_file_next(r, &e);
        if (rc || !e.bytes) break;
        if (serial && (midas_is_special(&e) || e.serial != which)) continue;
        is_found = true;
        print_event(&before, &e, false);
        rc = midas_is_special(&e) ? ERR_OK : raw_dump_event(&e);
        if (rc) break;
    }
    if (!rc && midas_file_status(r)->is_cut) log_warn("%s is truncated: %s", path, midas_file_status(r)->problem);
    midas_file_close(r);
    if (rc) return rc;
    REQUIRE(is_found || !serial, ERR_NOTFOUND, "%s has no event of serial number %s", path, serial);
    return ERR_OK;
}

/* ---- check ---- */

struct check {
    struct unpack unpack;
    uint64_t n_fills, n_damaged, n_crates, n_missing;
};

static void take_settings(struct check *c, const struct midas_event *bor)
{
    struct unpack_settings *set = &c->unpack.settings;
    struct odb *odb;
    size_t n;
    const char *text = midas_text(bor, &n);
    set->run         = bor->serial;
    if (odb_parse(text, n, &odb)) {
        log_warn("no ODB: %s", err_message());
    } else {
        if (unpack_set_odb(set, odb)) log_warn("settings of the crates: %s", err_message());
        odb_free(odb);
    }
    err_clear();
}

static enum err check_fill(struct check *c, const struct midas_event *e)
{
    struct unpack *u = &c->unpack;
    TRY(unpack_check_event(u, e->bytes, e->n_bytes));
    c->n_fills++;
    c->n_missing += u->status & UNPACK_MISSING ? 1 : 0;
    if (!(u->status & UNPACK_DAMAGED)) return ERR_OK;
    c->n_damaged++;
    printf("event of serial %" PRIu32 ": %s; damaged crates:", e->serial, u->problem);
    for (int i = 0; i < UNPACK_CRATES; i++) {
        if (!u->crate[i].is_damaged) continue;
        printf(" %d", i);
        c->n_crates++;
    }
    printf("\n");
    return ERR_OK;
}

static enum err check_events(struct midas_reader *r, struct check *c)
{
    struct midas_event e;
    for (;;) {
        TRY(midas_file_next(r, &e));
        if (!e.bytes) return ERR_OK;
        if (e.id == MIDAS_BOR) take_settings(c, &e);
        if (e.id == MIDAS_ID_FILL) TRY(check_fill(c, &e));
    }
}

static enum err conclude(const char *path, const struct midas_status *status, const struct check *c, bool is_lenient)
{
    if (status->is_cut) log_warn("%s is truncated: %s", path, status->problem);
    if (status->n_damaged)
        log_warn("%s: %" PRIu64 " places that cannot be followed, the last: %s", path, status->n_damaged,
                 status->problem);
    if (is_lenient && !status->has_eor) log_warn("%s has no end-of-run event", path);
    if (c->n_missing) log_warn("%s: %" PRIu64 " fills lack a calorimeter", path, c->n_missing);
    bool is_good = !c->n_damaged && !status->is_cut && !status->n_damaged;
    printf("%s: run %" PRIu32 ", %" PRIu64 " events, %" PRIu64 " bytes, %s; %" PRIu64 " fills, %" PRIu64
           " with damage, in %" PRIu64 " crates\n",
           path, status->run, status->n_events, status->n_bytes, is_good ? "in order" : "not in order", c->n_fills,
           c->n_damaged, c->n_crates);
    REQUIRE(is_lenient || !c->n_damaged, ERR_DATA, "%s: %" PRIu64 " of %" PRIu64 " fills have damaged crates", path,
            c->n_damaged, c->n_fills);
    return ERR_OK;
}

static enum err check(const char *path, bool is_lenient, enum bank_check how)
{
    const struct midas_options options = {.is_strict = !is_lenient};
    struct check c                     = {.unpack.settings = {.check                         = how,
                                                              .first_physics_run             = UNPACK_FIRST_PHYSICS_RUN,
                                                              .first_run_without_fill_number = UNPACK_FIRST_RUN_4}};
    struct midas_reader *r;
    unpack_set_maps(&c.unpack.settings);
    TRY(midas_file_open(path, &options, &r));
    enum err rc = check_events(r, &c);
    if (!rc) rc = conclude(path, midas_file_status(r), &c, is_lenient);
    midas_file_close(r);
    unpack_free(&c.unpack);
    return rc;
}

static enum err run_check(int argc, char **argv)
{
    static const char *const names[] = {"sizes", "checksums", "all"};
    enum bank_check how              = BANK_CHECK_CHECKSUMS;
    bool is_lenient                  = false;
    for (int i = 3; i < argc; i++) {
        bool is_checks = strcmp(argv[i], "--checks") == 0 && i + 1 < argc;
        int k          = 0;
        is_lenient |= strcmp(argv[i], "--lenient") == 0;
        if (is_checks) i++;
        while (is_checks && k < 3 && strcmp(argv[i], names[k]) != 0) k++;
        REQUIRE((is_checks && k < 3) || strcmp(argv[i], "--lenient") == 0, ERR_OPTION,
                "gm2 raw check FILE.mid [--lenient] [--checks sizes|checksums|all]; '%s' is none of them", argv[i]);
        if (is_checks) how = (enum bank_check)k;
    }
    return check(argv[2], is_lenient, how);
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
    bool is_list = strcmp(verb, "list") == 0 || strcmp(verb, "ls") == 0, is_banks = strcmp(verb, "banks") == 0;
    bool is_odb = strcmp(verb, "odb") == 0, is_dump = strcmp(verb, "dump") == 0, is_check = strcmp(verb, "check") == 0;
    bool is_known = is_check || ((is_odb || is_dump) && argc <= 4) || ((is_list || is_banks) && argc == 3);
    REQUIRE(is_known, ERR_OPTION, "gm2 raw ls|banks|check FILE.mid, dump FILE.mid [SERIAL], or odb FILE.mid [KEY]");
    if (is_odb) return print_odb(argv[2], argc > 3 ? argv[3] : NULL);
    if (is_dump) return dump(argv[2], argc > 3 ? argv[3] : NULL);
    return is_check ? run_check(argc, argv) : list(argv[2], is_banks);
}

int cmd_raw(int argc, char **argv)
{
    if (options_help(argc, argv, usage)) return 0;
    enum err rc = run(argc, argv);
    if (!rc && fflush(stdout) != 0) rc = err_fail(ERR_WRITE, __FILE__, __LINE__, "the result cannot be written");
    return err_exit_code(rc);
}
