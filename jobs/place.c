/* Schemes, and what is asked of places. */
#include "place.h"

#include "place_scheme.h"
#include "process.h"
#include "publish.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_WORDS = 24, ROOM = 8192 };

static bool is_climbing(const char *path)
{
    size_t n = strlen(path);
    return strstr(path, "/../") || (n >= 3 && strcmp(path + n - 3, "/..") == 0);
}

enum err place_check(const char *url)
{
    const struct place_scheme *s;
    TRY(place_scheme_find(url, &s));
    const char *rest = strchr(url, ':') + 1;
    bool is_good     = s->cfg.is_path ? *rest == '/' : strncmp(rest, "//", 2) == 0 && isalnum((unsigned char)rest[2]);
    REQUIRE(is_good && !is_climbing(rest), ERR_DATA, "\"%.200s\" is no location; wanted is %s:%s, without \"..\"", url,
            s->name, s->cfg.is_path ? "/ABSOLUTE/PATH" : "//HOST/PATH");
    return ERR_OK;
}

const char *place_path(const char *url)
{
    const struct place_scheme *s;
    if (place_scheme_find(url, &s)) {
        err_clear();
        return NULL;
    }
    return s->cfg.is_path ? strchr(url, ':') + 1 : NULL;
}

enum err place_of_path(const char *path, char *url, size_t room)
{
    int n = snprintf(url, room, "file:%s", path);
    REQUIRE(n > 0 && (size_t)n < room, ERR_DATA, "the path is too long: %.100s...", path);
    return place_check(url);
}

enum err place_of_store(const char *store, char *url, size_t room, bool *is_path)
{
    size_t n = strspn(store, "abcdefghijklmnopqrstuvwxyz0123456789+");
    *is_path = n == 0 || store[n] != ':';
    int k    = snprintf(url, room, "%s", store);
    REQUIRE(k > 0 && (size_t)k<room, ERR_DATA, "the store is %s", k> 0 ? "too long a name" : "no name");
    if (*is_path) return ERR_OK;
    TRY(place_check(url));
    const char *path = place_path(store);
    *is_path         = path != NULL;
    if (path) memmove(url, url + (path - store), strlen(path) + 1);
    return ERR_OK;
}

/* ---- programs ------------------------------------------------------------------------------------------------------ */
static const char *command_of(const struct place_cfg *c, enum place_verb verb)
{
    const char *const all[N_PLACE_VERBS] = {c->look, c->sum, c->state, c->get, c->put, c->move, c->drop};
    return all[verb] ? all[verb] : "";
}

/* root://host/path: "root://host" and "/path" */
static void cut_url(const char *url, char *host, char *path, size_t room)
{
    const char *slashes = strstr(url, "://");
    const char *end     = slashes ? strchr(slashes + 3, '/') : NULL;
    snprintf(host, room, "%.*s", end ? (int)(end - url) : (int)strlen(url), url);
    while (end && end[1] == '/') end++;
    snprintf(path, room, "%s", end ? end : "/");
}

struct names {
    const char *name;
    const char *value;
};

static enum err put_in(const char *word, const struct names *names, size_t n_names, char *out, size_t room)
{
    size_t n = 0;
    while (*word) {
        const struct names *found = NULL;
        for (size_t i = 0; i < n_names && !found; i++)
            if (strncmp(word, names[i].name, strlen(names[i].name)) == 0) found = &names[i];
        int k = snprintf(out + n, room - n, "%.*s", found ? (int)strlen(found->value) : 1, found ? found->value : word);
        REQUIRE(k >= 0 && (size_t)k < room - n, ERR_CONFIG, "a word of a command is longer than %zu bytes", room);
        n += (size_t)k;
        word += found ? strlen(found->name) : 1;
    }
    return ERR_OK;
}

static void one_line(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20) *c = ' ';
    for (size_t n = strlen(text); n > 0 && text[n - 1] == ' ';) text[--n] = 0;
}

/* Word by word: what is put in stays one word, whatever is in it. */
static enum err run_words(const char *command, const struct names *names, size_t n_names, double timeout_s, char *out,
                          size_t room)
{
    static char text[MAX_WORDS][PLACE_MAX_URL];
    const char *argv[MAX_WORDS + 1];
    char copy[1000], log[ROOM], *rest = NULL;
    size_t n = 0;
    int status;
    REQUIRE(room <= ROOM && strlen(command) < sizeof copy, ERR_CONFIG, "too long a command: %.60s...", command);
    snprintf(copy, sizeof copy, "%s", command);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        REQUIRE(n < MAX_WORDS, ERR_CONFIG, "a command of more than %d words: %.60s...", MAX_WORDS, command);
        TRY(put_in(word, names, n_names, text[n], sizeof text[n]));
        argv[n] = text[n];
        n++;
    }
    argv[n] = NULL;
    TRY(process_run(argv, timeout_s, out, log, room, &status));
    one_line(log);
    REQUIRE(status >= 0, ERR_AGAIN, "%s: no answer in %g s", argv[0], timeout_s);
    REQUIRE(status == 0, ERR_AGAIN, "%s: exit status %d%s%.300s", argv[0], status, *log ? ": " : "", log);
    return ERR_OK;
}

enum err place_run(enum place_verb verb, const char *url, const char *from, const char *to, char *out, size_t room)
{
    const struct place_scheme *s;
    char host[PLACE_MAX_URL], path[PLACE_MAX_URL], to_host[PLACE_MAX_URL], to_path[PLACE_MAX_URL];
    TRY(place_scheme_find(url, &s));
    const char *command = command_of(&s->cfg, verb);
    REQUIRE(*command, ERR_CONFIG, "the scheme %s has no program for that (GM2_PLACES)", s->name);
    cut_url(url, host, path, sizeof host);
    cut_url(to ? to : "", to_host, to_path, sizeof to_host);
    const struct names names[] = {{"{url}", url},         {"{host}", host},
                                  {"{path}", path},       {"{from}", from ? from : ""},
                                  {"{to}", to ? to : ""}, {"{to_path}", to_path}};
    bool is_copy               = verb == PLACE_GET || verb == PLACE_PUT;
    return run_words(command, names, sizeof names / sizeof names[0], is_copy ? s->cfg.copy_s : s->cfg.answer_s, out,
                     room);
}

/* ---- looking ------------------------------------------------------------------------------------------------------- */
/* dCache's words: ONLINE, NEARLINE, ONLINE_AND_NEARLINE, UNAVAILABLE, LOST. */
static void judge_locality(const char *text, struct place_seen *out)
{
    char word[60];
    snprintf(word, sizeof word, "%.50s", text);
    one_line(word);
    if (strstr(word, "ONLINE")) return;
    out->state = strstr(word, "NEARLINE") ? PLACE_STAGING : strstr(word, "LOST") ? PLACE_GONE : PLACE_UNKNOWN;
    snprintf(out->why, sizeof out->why, "%s", out->state == PLACE_STAGING ? "on tape, not staged" : word);
}

/* DIR/.(get)(NAME)(locality), where dCache is mounted. */
static void look_at_locality(const char *path, struct place_seen *out)
{
    char file[PLACE_MAX_URL], text[60];
    const char *slash = strrchr(path, '/');
    int n             = snprintf(file, sizeof file, "%.*s/.(get)(%s)(locality)", (int)(slash - path), path, slash + 1);
    FILE *f           = n < (int)sizeof file ? fopen(file, "re") : NULL;
    if (!f) return;
    if (fgets(text, sizeof text, f)) judge_locality(text, out);
    fclose(f);
}

static void look_at_path(const char *path, bool with_checksum, struct place_seen *out)
{
    struct stat st;
    unsigned long long size;
    if (stat(path, &st) != 0) {
        out->state = errno == ENOENT || errno == ENOTDIR ? PLACE_GONE : PLACE_UNKNOWN;
        snprintf(out->why, sizeof out->why, "%s", strerror(errno));
        return;
    }
    if (!S_ISREG(st.st_mode)) { /* a pipe would be waited for */
        out->state = PLACE_UNKNOWN;
        snprintf(out->why, sizeof out->why, "it is no file");
        return;
    }
    out->size_bytes = st.st_size;
    look_at_locality(path, out);
    if (!with_checksum || out->state != PLACE_ONLINE || !publish_checksum(path, out->checksum, &size)) return;
    out->state = PLACE_UNKNOWN;
    snprintf(out->why, sizeof out->why, "%.190s", err_message());
    err_clear();
}

static void note_trouble(struct place_seen *out, enum place_state state)
{
    out->state = state;
    snprintf(out->why, sizeof out->why, "%.190s", err_message());
    err_clear();
}

/* "Size: 123" of xrdfs and gfal-stat; xrdfs flags what is on tape as Offline. */
static void read_look(const char *text, struct place_seen *out)
{
    const char *size = strstr(text, "Size:");
    if (size) out->size_bytes = strtoll(size + 5, NULL, 10);
    if (!strstr(text, "Offline") && !strstr(text, "OFFLINE")) return;
    out->state = PLACE_STAGING;
    snprintf(out->why, sizeof out->why, "on tape, not staged");
}

/* The last word of 8 hexadecimal digits: "adler32 0a1b2c3d", "URL 0a1b2c3d". */
static void read_sum(char *text, struct place_seen *out)
{
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
        if (strlen(word) != 8 || strspn(word, "0123456789abcdefABCDEF") != 8) continue;
        snprintf(out->checksum, sizeof out->checksum, "adler32:%s", word);
        for (char *c = out->checksum; *c; c++) *c = (char)tolower((unsigned char)*c);
    }
}

static void look_elsewhere(const char *url, const struct place_cfg *cfg, bool with_checksum, struct place_seen *out)
{
    char text[ROOM], host[PLACE_MAX_URL], path[PLACE_MAX_URL];
    cut_url(url, host, path, sizeof host);
    if (place_scheme_is_silent(host)) {
        out->state = PLACE_UNKNOWN;
        snprintf(out->why, sizeof out->why, "%.100s did not answer some minutes ago", host);
        return;
    }
    if (place_run(PLACE_LOOK, url, NULL, NULL, text, sizeof text)) {
        if (strstr(err_message(), "no answer in")) place_scheme_note_silent(host);
        bool is_gone = strstr(err_message(), "o such file") || strstr(err_message(), "[3011]");
        note_trouble(out, is_gone ? PLACE_GONE : PLACE_UNKNOWN);
        return;
    }
    read_look(text, out);
    if (out->state == PLACE_ONLINE && cfg->state && *cfg->state) {
        if (place_run(PLACE_STATE, url, NULL, NULL, text, sizeof text)) {
            note_trouble(out, PLACE_UNKNOWN);
            return;
        }
        judge_locality(text, out);
    }
    if (!with_checksum || out->state != PLACE_ONLINE) return;
    if (place_run(PLACE_SUM, url, NULL, NULL, text, sizeof text))
        err_clear(); /* not known */
    else
        read_sum(text, out);
}

enum err place_look(const char *url, bool with_checksum, struct place_seen *out)
{
    const struct place_scheme *s;
    *out = (struct place_seen){.state = PLACE_ONLINE, .size_bytes = -1};
    TRY(place_scheme_find(url, &s));
    if (s->cfg.is_path)
        look_at_path(strchr(url, ':') + 1, with_checksum, out);
    else
        look_elsewhere(url, &s->cfg, with_checksum, out);
    return ERR_OK;
}

/* A place with another size is taken when there is no other: the job will say what is wrong with it. */
static void weigh(const char *url, int64_t size_bytes, struct place_seen *now, bool *is_cut)
{
    if (place_look(url, false, now)) note_trouble(now, PLACE_UNKNOWN);
    *is_cut = now->state == PLACE_ONLINE && now->size_bytes >= 0 && now->size_bytes != size_bytes;
    if (*is_cut)
        snprintf(now->why, sizeof now->why, "it has %lld bytes, declared are %lld", (long long)now->size_bytes,
                 (long long)size_bytes);
}

enum err place_choose(const char *const *url, size_t n, int64_t size_bytes, size_t *best, struct place_seen *seen)
{
    bool is_first = true, is_cut;
    struct place_seen now;
    *best = n;
    *seen = (struct place_seen){.state = PLACE_GONE, .size_bytes = -1, .why = "it has no place"};
    for (size_t i = 0; i < 2 * n; i++) { /* twice: first those of this host */
        size_t k = i < n ? i : i - n;
        if ((place_path(url[k]) == NULL) != (i >= n)) continue;
        weigh(url[k], size_bytes, &now, &is_cut);
        bool is_better = is_first || now.state < seen->state || (now.state == PLACE_ONLINE && !is_cut);
        is_first       = false;
        if (!is_better) continue;
        *seen = now;
        *best = now.state == PLACE_ONLINE ? k : n;
        if (*best == k && !is_cut) return ERR_OK;
    }
    return ERR_OK;
}
