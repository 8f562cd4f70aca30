/* Tables of constants: the standard ones, what is accepted, definitions in JSON, and times. */
#include "cond_internal.h"

#include "columns.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the standard tables ------------------------------------------------------------------------------------------- */
#define CALO                                                                                                           \
    {                                                                                                                  \
        "calonum", true, "1", 1, 24, "calorimeter"                                                                     \
    }
#define CRYSTAL                                                                                                        \
    {                                                                                                                  \
        "xtalnum", true, "1", 0, 53, "crystal, (column-1) + 9 (row-1)"                                                 \
    }
#define MANY 1e6
const struct cond_table cond_standard[] = {
    {"oof_correction",
     "out-of-fill gain: energies are divided by it",
     4,
     0,
     4,
     2,
     {CALO,
      CRYSTAL,
      {"oofcorrection", false, "1", 0, 10, "gain relative to the reference"},
      {"oofcorrection_err", false, "1", 0, 10, "its uncertainty"}}},
    {"ifg_correction",
     "in-fill gain: 1 - amplitude exp(-t/tau), t from injection",
     4,
     0,
     6,
     2,
     {CALO,
      CRYSTAL,
      {"amplitude", false, "1", -1, 1, "drop of gain at injection"},
      {"amplitude_err", false, "1", 0, 1, "its uncertainty"},
      {"tau", false, "us", 0, 1000, "recovery time"},
      {"tau_err", false, "us", 0, 1000, "its uncertainty"}}},
    {"stdp_correction",
     "short-term gain: 1 - amplitude E exp(-dt/tau) after a pulse of E GeV",
     4,
     0,
     6,
     2,
     {CALO,
      CRYSTAL,
      {"amplitude", false, "1", -1, 1, "drop of gain for 1 GeV"},
      {"amplitude_err", false, "1", 0, 1, "its uncertainty"},
      {"tau", false, "ns", 0, 1000, "recovery time"},
      {"tau_err", false, "ns", 0, 1000, "its uncertainty"}}},
    {"time_alignment",
     "time of a channel against the reference, taken off",
     4,
     0,
     4,
     2,
     {CALO,
      CRYSTAL,
      {"time_offset", false, "ns", -MANY, MANY, "time of the channel"},
      {"time_offset_err", false, "ns", 0, MANY, "its uncertainty"}}},
    {"energy_scale",
     "energy of one ADC count of the fitted pulse height",
     4,
     0,
     4,
     2,
     {CALO,
      CRYSTAL,
      {"energy_per_count", false, "MeV", 0, MANY, "energy of one count"},
      {"energy_per_count_err", false, "MeV", 0, MANY, "its uncertainty"}}},
    {"pedestal",
     "pedestal and noise, in ADC counts",
     4,
     0,
     4,
     2,
     {CALO,
      CRYSTAL,
      {"pedestal", false, "1", -4096, 4096, "mean"},
      {"pedestal_err", false, "1", 0, 4096, "its uncertainty"}}},
    {"noise",
     "noise of a sample, in ADC counts",
     4,
     0,
     4,
     2,
     {CALO, CRYSTAL, {"noise", false, "1", 0, 4096, "RMS"}, {"noise_err", false, "1", 0, 4096, "its uncertainty"}}},
    {"channel_status",
     "dead and hot channels; may change at an event",
     4,
     3,
     4,
     2,
     {CALO, CRYSTAL, {"is_dead", false, "1", 0, 1, "no pulses"}, {"is_hot", false, "1", 0, 1, "too many"}}},
    {"dqc_thresholds",
     "lowest and highest value accepted by a cut of module Dqc",
     4,
     0,
     3,
     1,
     {{"cut", true, "1", 0, 131, "bit of a cut on fills (src/dqc_cuts.h); 100 + bit of one on subruns"},
      {"low", false, "1", -1e30, 1e30, "lowest value accepted, in the unit of the cut"},
      {"high", false, "1", -1e30, 1e30, "highest"}}},
    {.name = ""},
};

const struct cond_table *cond_standard_table(const char *name)
{
    for (const struct cond_table *t = cond_standard; t->name[0]; t++)
        if (strcmp(t->name, name) == 0) return t;
    return NULL;
}

/* ---- names --------------------------------------------------------------------------------------------------------- */
enum err cond_check_name(const char *what, const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    REQUIRE(n > 0 && !name[n] && n < COND_NAME - 8 && name[0] >= 'a', ERR_DATA,
            "%s \"%.60s\": accepted are lower-case letters, digits and _, a letter first, at most %d", what, name,
            COND_NAME - 9);
    return ERR_OK;
}

enum err cond_check_tag(const char *tag)
{
    size_t n = strspn(tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    REQUIRE(n > 0 && !tag[n] && n < 64 && tag[0] != '-', ERR_OPTION,
            "tag \"%.80s\": accepted are letters, digits and _ . -, at most 63", tag);
    return ERR_OK;
}

enum err cond_check_note(const struct cond_note *note)
{
    REQUIRE(note && note->author && note->author[0], ERR_OPTION, "no author is given (--author NAME)");
    REQUIRE(note->comment && note->comment[0], ERR_OPTION, "no comment is given (--comment TEXT): say what and why");
    REQUIRE(strlen(note->comment) < 2000 && strlen(note->author) < 100, ERR_OPTION,
            "the comment is longer than 2000 bytes or the author longer than 100");
    return ERR_OK;
}

static enum err check_column(const struct cond_table *t, size_t i)
{
    static const char *const taken[] = {"id",     "iov_id", "begin_time", "end_time",   "load_id",   "tag",   "run",
                                        "subrun", "event",  "end_run",    "end_subrun", "end_event", "n_rows"};
    const struct cond_column *c      = &t->column[i];
    double factor;
    TRY(cond_check_name("column", c->name));
    for (size_t k = 0; k < sizeof taken / sizeof taken[0]; k++)
        REQUIRE(strcmp(c->name, taken[k]) != 0, ERR_DATA, "column %s: this name is taken by the layout", c->name);
    for (size_t k = 0; k < i; k++)
        REQUIRE(strcmp(c->name, t->column[k].name) != 0, ERR_DATA, "column %s is there twice", c->name);
    REQUIRE(isfinite(c->min) && isfinite(c->max) && c->min < c->max, ERR_DATA, "column %s: min and max are not a range",
            c->name);
    bool is_range = c->min == floor(c->min) && c->max == floor(c->max) && c->max - c->min < 1e6 && fabs(c->min) < 1e9;
    REQUIRE(!c->is_key || is_range, ERR_DATA, "key %s: min and max are whole numbers, not far apart", c->name);
    return columns_unit(c->unit, c->unit, &factor);
}

enum err cond_check_table(struct cond_table *t)
{
    TRY(cond_check_name("table", t->name));
    REQUIRE(t->subrun_digits >= 1 && t->subrun_digits <= 6 && t->event_digits >= 0 && t->event_digits <= 5, ERR_DATA,
            "table %s: subrun_digits is 1 to 6, event_digits 0 to 5", t->name);
    t->n_keys = 0;
    for (size_t i = 0; i < t->n_columns; i++) {
        enum err rc = check_column(t, i);
        if (rc) return err_context(ERR_DATA, "table %s", t->name);
        REQUIRE(!t->column[i].is_key || t->n_keys == i, ERR_DATA, "table %s: keys come first", t->name);
        t->n_keys += t->column[i].is_key;
    }
    REQUIRE(t->n_keys > 0 && t->n_keys < t->n_columns, ERR_DATA, "table %s needs at least one key and one value",
            t->name);
    REQUIRE(cond_full_rows(t) <= 1000000, ERR_DATA, "table %s: more than 1000000 rows an interval", t->name);
    return ERR_OK;
}

size_t cond_full_rows(const struct cond_table *t)
{
    double n = 1;
    for (size_t i = 0; i < t->n_keys; i++) n *= t->column[i].max - t->column[i].min + 1;
    return n < 1e15 ? (size_t)n : (size_t)1e15;
}

void cond_column_list(const struct cond_table *t, char text[COND_SQL])
{
    size_t used = (size_t)snprintf(text, COND_SQL, "iov_id");
    for (size_t i = 0; i < t->n_columns; i++)
        used += (size_t)snprintf(text + used, COND_SQL - used, ", %s", t->column[i].name);
}

/* ---- times --------------------------------------------------------------------------------------------------------- */
int64_t cond_power(int digits)
{
    int64_t p = 1;
    while (digits-- > 0) p *= 10;
    return p;
}

enum err cond_time_parse(const char *text, struct cond_time *out)
{
    int64_t part[3] = {0};
    const char *at  = text;
    for (int i = 0; i < 3; i++) {
        char *end;
        bool is_digit = *at >= '0' && *at <= '9';
        part[i]       = is_digit ? strtoll(at, &end, 10) : -1;
        REQUIRE(is_digit && part[i] <= 1000000000 && (*end == 0 || (*end == ':' && i < 2)), ERR_OPTION,
                "\"%.60s\" is no time; wanted is RUN, RUN:SUBRUN or RUN:SUBRUN:EVENT", text);
        at = end + 1;
        if (*end == 0) break;
    }
    *out = (struct cond_time){part[0], part[1], part[2]};
    return ERR_OK;
}

enum err cond_pack(const struct cond_table *t, struct cond_time time, int64_t *key)
{
    int64_t s = cond_power(t->subrun_digits), e = cond_power(t->event_digits);
    REQUIRE(time.run >= 0 && time.run < 1000000, ERR_NUMBER, "run %" PRId64 " is not in 0 to 999999", time.run);
    REQUIRE(time.subrun >= 0 && time.subrun < s, ERR_NUMBER, "subrun %" PRId64 ": table %s has room for 0 to %" PRId64,
            time.subrun, t->name, s - 1);
    REQUIRE(time.event >= 0 && time.event < e, ERR_NUMBER, "event %" PRId64 ": table %s %s", time.event, t->name,
            t->event_digits ? "has no room for it" : "is by subrun, intervals begin at event 0");
    *key = (time.run * s + time.subrun) * e + time.event;
    return ERR_OK;
}

enum err cond_pack_end(const struct cond_table *t, struct cond_time time, int64_t *key)
{
    int64_t event = time.event;
    if (t->event_digits == 0) time.event = 0; /* constants of a subrun are those of its events */
    TRY(cond_pack(t, time, key));
    if (event == 0) *key += cond_power(t->event_digits) - 1;
    return ERR_OK;
}

struct cond_time cond_unpack(const struct cond_table *t, int64_t key)
{
    int64_t s = cond_power(t->subrun_digits), e = cond_power(t->event_digits);
    return (struct cond_time){key / e / s, key / e % s, key % e};
}

void cond_time_print(const struct cond_table *t, int64_t key, char text[72])
{
    struct cond_time time = cond_unpack(t, key);
    if (key == COND_FOREVER)
        snprintf(text, 72, "-");
    else if (t->event_digits)
        snprintf(text, 72, "%" PRId64 ":%" PRId64 ":%" PRId64, time.run, time.subrun, time.event);
    else
        snprintf(text, 72, "%" PRId64 ":%" PRId64, time.run, time.subrun);
}

bool cond_is_same_table(const struct cond_table *a, const struct cond_table *b)
{
    bool is_same =
        a->n_columns == b->n_columns && a->subrun_digits == b->subrun_digits && a->event_digits == b->event_digits;
    for (size_t i = 0; is_same && i < a->n_columns; i++) {
        const struct cond_column *c = &a->column[i], *d = &b->column[i];
        is_same = strcmp(c->name, d->name) == 0 && c->is_key == d->is_key && strcmp(c->unit, d->unit) == 0 &&
                  c->min == d->min && c->max == d->max;
    }
    return is_same;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */
static enum err text_of(const cJSON *o, const char *key, char *out, size_t size)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    REQUIRE(!v || cJSON_IsString(v), ERR_DATA, "\"%s\" is no string", key);
    if (!v) return ERR_OK;
    REQUIRE(strlen(v->valuestring) < size, ERR_DATA, "\"%s\" is longer than %zu bytes", key, size - 1);
    memcpy(out, v->valuestring, strlen(v->valuestring) + 1);
    return ERR_OK;
}

static enum err number_of(const cJSON *o, const char *key, double *out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    REQUIRE(!v || cJSON_IsNumber(v), ERR_DATA, "\"%s\" is no number", key);
    if (v) *out = v->valuedouble;
    return ERR_OK;
}

static enum err parse_table(const cJSON *o, struct cond_table *t)
{
    double subrun_digits = 4, event_digits = 0;
    REQUIRE(cJSON_IsObject(o), ERR_DATA, "the definition of a table is no JSON object");
    TRY(text_of(o, "name", t->name, sizeof t->name));
    TRY(text_of(o, "doc", t->doc, sizeof t->doc));
    TRY(number_of(o, "subrun_digits", &subrun_digits));
    TRY(number_of(o, "event_digits", &event_digits));
    REQUIRE(subrun_digits >= 1 && subrun_digits <= 6 && event_digits >= 0 && event_digits <= 5, ERR_DATA,
            "subrun_digits is 1 to 6, event_digits 0 to 5");
    t->subrun_digits     = (int)subrun_digits;
    t->event_digits      = (int)event_digits;
    const cJSON *columns = cJSON_GetObjectItemCaseSensitive(o, "columns"), *c;
    REQUIRE(cJSON_IsArray(columns) && cJSON_GetArraySize(columns) <= COND_MAX_COLUMNS, ERR_DATA,
            "\"columns\" is no list of at most %d columns", COND_MAX_COLUMNS);
    cJSON_ArrayForEach(c, columns)
    {
        struct cond_column *to = &t->column[t->n_columns++];
        *to                    = (struct cond_column){.unit = "1", .min = -1e300, .max = 1e300};
        TRY(text_of(c, "name", to->name, sizeof to->name));
        TRY(text_of(c, "unit", to->unit, sizeof to->unit));
        TRY(text_of(c, "doc", to->doc, sizeof to->doc));
        TRY(number_of(c, "min", &to->min));
        TRY(number_of(c, "max", &to->max));
        to->is_key = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c, "key"));
    }
    return cond_check_table(t);
}

enum err cond_table_parse(const char *text, struct cond_table *out)
{
    *out        = (struct cond_table){.n_columns = 0};
    cJSON *o    = cJSON_Parse(text);
    enum err rc = o ? parse_table(o, out) : err_fail(ERR_DATA, __FILE__, __LINE__, "the definition is no JSON");
    cJSON_Delete(o);
    return rc;
}

/* ---- open ---------------------------------------------------------------------------------------------------------- */
