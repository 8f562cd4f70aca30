/* Errors: texts, exit codes, and the trail of the current thread. */
#include "err.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum policy { POLICY_RETRY, POLICY_HOLD, POLICY_QUARANTINE };

static const struct {
    int exit_code;
    enum policy policy;
    const char *text;
} errors[N_ERR] = {
    [ERR_OK] = {0, POLICY_HOLD, "success"},
#define ERR(name, exit_code, policy, text) [ERR_##name] = {exit_code, POLICY_##policy, text},
#include "err.def"
#undef ERR
};

static _Thread_local char message[4096];
static _Thread_local char places[2048];

int err_exit_code(enum err code) { return errors[code].exit_code; }
const char *err_text(enum err code) { return errors[code].text; }
int err_is_of_file(enum err code)
{
    return code != ERR_OK && code != ERR_AGAIN && code != ERR_WRITE && code != ERR_MEMORY && code != ERR_COMM;
}

int err_is_quarantine(enum err code) { return code && errors[code].policy == POLICY_QUARANTINE; }

enum err err_from_exit_code(int status)
{
    for (int i = 0; i < N_ERR; i++)
        if (errors[i].exit_code == status) return (enum err)i;
    return ERR_LOGIC;
}

static void add_place(const char *file, int line, const char *call)
{
    const char *slash = strrchr(file, '/');
    size_t used       = strlen(places);
    snprintf(places + used, sizeof places - used, "  %s:%d: %s\n", slash ? slash + 1 : file, line, call);
}

/* Names in messages are others': a terminal must not obey them. */
static void take(const char *text) { (void)utf8_printable(text, 1, message, sizeof message); }

enum err err_fail(enum err code, const char *file, int line, const char *format, ...)
{
    char text[sizeof message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    take(text);
    places[0] = 0;
    add_place(file, line, err_text(code));
    return code;
}

enum err err_pass(enum err code, const char *file, int line, const char *call)
{
    add_place(file, line, call);
    return code;
}

enum err err_context(enum err code, const char *format, ...)
{
    char text[2 * sizeof message];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof message, format, args);
    va_end(args);
    if (n < 0) n = 0;
    if ((size_t)n < sizeof message) snprintf(text + n, sizeof text - (size_t)n, ": %s", message);
    take(text);
    return code;
}

const char *err_message(void) { return message; }
const char *err_places(void) { return places; }

void err_set_message(const char *text)
{
    take(text);
    places[0] = 0;
}

void err_clear(void) { message[0] = places[0] = 0; }
