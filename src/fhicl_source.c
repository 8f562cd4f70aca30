/* The text of a document: files and what they include, joined, with a map from each byte to its file and line.
 *
 * A file given on the command line is looked for as given, then along FHICL_FILE_PATH. An included file with an
 * absolute name is taken as it is; any other along FHICL_FILE_PATH, then in the folder of the file that includes it
 * (so that a job works in an empty environment). LF, CR LF and CR end a line. */
#include "fhicl_internal.h"
#include "mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct frame {
    char *name;      /* as opened */
    size_t includer; /* frame, or SIZE_MAX */
    size_t line;     /* of the #include in it */
    dev_t device;    /* with inode: what file it is; 0, 0 for a text */
    ino_t inode;
};

struct line {
    size_t start, frame, number;
};

struct fhicl_source {
    struct fhicl_text text;
    struct frame *frame;
    size_t n_frames, frame_capacity;
    struct line *line;
    size_t n_lines, line_capacity;
};

enum err fhicl_source_create(struct fhicl_source **out) { return mem_alloc(out, 1, sizeof **out); }

void fhicl_source_free(struct fhicl_source *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n_frames; i++) mem_free(s->frame[i].name);
    mem_free(s->frame);
    mem_free(s->line);
    mem_free(s->text.data);
    mem_free(s);
}

const char *fhicl_source_text(const struct fhicl_source *s, size_t *n)
{
    *n = s->text.n;
    return s->text.data ? s->text.data : "";
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */

/* The line around a character, at most 160 wide, and a caret below it; tabs are kept so that they line up. */
static void show_line(const char *line, size_t length, size_t column, char *out, size_t size)
{
    size_t first = column > 120 ? column - 120 : 0, n = 0;
    size_t last = first + 160 < length ? first + 160 : length;
    char shown[192], caret[192];
    for (size_t i = first; i < last; i++, n++) {
        char c   = line[i];
        shown[n] = c == '\t' || (c >= ' ' && c <= '~') ? c : '?';
    }
    size_t k = 0;
    for (size_t i = first; i < column && i < first + 160; i++, k++)
        caret[k] = i < length && line[i] == '\t' ? '\t' : ' ';
    snprintf(out, size, "%.*s\n%.*s^", (int)n, shown, (int)k, caret);
}

/* column counts from 0. */
static enum err fail_in_line(const struct fhicl_source *s, size_t frame, size_t number, const char *line, size_t length,
                             size_t column, enum err code, const char *cause)
{
    char shown[400], trail[1200];
    size_t used = 0;
    show_line(line, length, column, shown, sizeof shown);
    trail[0] = 0;
    for (size_t f = frame; s->frame[f].includer != SIZE_MAX && used < sizeof trail - 1; f = s->frame[f].includer) {
        const struct frame *includer = &s->frame[s->frame[f].includer];
        int n = snprintf(trail + used, sizeof trail - used, "\nincluded from line %zu of file \"%.300s\"",
                         s->frame[f].line, includer->name);
        used += n > 0 ? (size_t)n : 0;
    }
    return err_fail(code, __FILE__, __LINE__, "%.1500s\nat line %zu, character %zu, of file \"%.300s\"%s\n\n%s", cause,
                    number, column + 1, s->frame[frame].name, trail, shown);
}

static const struct line *line_of(const struct fhicl_source *s, size_t at)
{
    size_t low = 0, high = s->n_lines; /* line[low].start <= at */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (s->line[middle].start <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &s->line[low];
}

void fhicl_source_origin(const struct fhicl_source *s, size_t at, char *out, size_t size)
{
    if (s->n_lines == 0) {
        snprintf(out, size, "%s:1", s->n_frames ? s->frame[0].name : "");
        return;
    }
    const struct line *l = line_of(s, at);
    snprintf(out, size, "%s:%zu", s->frame[l->frame].name, l->number);
}

enum err fhicl_source_fail(const struct fhicl_source *s, size_t at, const char *cause)
{
    if (s->n_lines == 0) return fail_in_line(s, 0, 1, "", 0, 0, ERR_PARSE, cause);
    if (at >= s->text.n && s->text.n) at = s->text.n - 1; /* the end: show the last line */
    const struct line *l = line_of(s, at);
    const char *start    = s->text.data + l->start;
    return fail_in_line(s, l->frame, l->number, start, strcspn(start, "\n"), at - l->start, ERR_PARSE, cause);
}

/* ---- looking for files ---------------------------------------------------------------------------------------------- */

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* folder/name, where folder is the first n bytes of `folder` ("" is "."). */
static bool try_folder(const char *folder, size_t n, const char *name, char out[PATH_MAX])
{
    int length = n ? snprintf(out, PATH_MAX, "%.*s/%s", (int)n, folder, name) : snprintf(out, PATH_MAX, "%s", name);
    return length > 0 && length < PATH_MAX && is_there(out);
}

static bool try_path(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("FHICL_FILE_PATH");
    if (!path || !*path || name[0] == '/') return false;
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, ":");
        if (try_folder(p, n, name, out)) return true;
        p += n;
        if (!*p) return false;
    }
}

static bool find_first(const char *name, char out[PATH_MAX])
{
    return try_folder("", 0, name, out) || try_path(name, out);
}

static bool find_included(const char *name, const char *includer, char out[PATH_MAX])
{
    if (name[0] == '/') return try_folder("", 0, name, out);
    if (try_path(name, out)) return true;
    const char *slash = strrchr(includer, '/');
    return try_folder(includer, slash ? (size_t)(slash - includer) : 0, name, out);
}

/* ---- joining -------------------------------------------------------------------------------------------------------- */

static enum err add_frame(struct fhicl_source *s, const char *name, size_t includer, size_t line)
{
    REQUIRE(s->n_frames < FHICL_MAX_FILES, ERR_PARSE, "more than %d files are included", FHICL_MAX_FILES);
    if (s->n_frames == s->frame_capacity) {
        size_t capacity = 2 * s->frame_capacity + 8;
        TRY(mem_resize(&s->frame, s->n_frames, capacity, sizeof *s->frame));
        s->frame_capacity = capacity;
    }
    char *copy = mem_string(name);
    REQUIRE(copy, ERR_MEMORY, "out of memory");
    s->frame[s->n_frames++] = (struct frame){.name = copy, .includer = includer, .line = line};
    return ERR_OK;
}

static enum err add_line(struct fhicl_source *s, size_t frame, size_t number, const char *bytes, size_t n)
{
    REQUIRE(s->text.n + n < FHICL_MAX_BYTES, ERR_PARSE, "the configuration with its included files exceeds %d MiB",
            FHICL_MAX_BYTES >> 20);
    if (s->n_lines == s->line_capacity) {
        size_t capacity = 2 * s->line_capacity + 64;
        TRY(mem_resize(&s->line, s->n_lines, capacity, sizeof *s->line));
        s->line_capacity = capacity;
    }
    s->line[s->n_lines++] = (struct line){s->text.n, frame, number};
    TRY(fhicl_text_add(&s->text, bytes, n));
    return fhicl_text_add(&s->text, "\n", 1);
}

static enum err read_all(FILE *f, const char *path, struct fhicl_text *out)
{
    char buffer[8192];
    size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0) {
        TRY(fhicl_text_add(out, buffer, n));
        REQUIRE(out->n < FHICL_MAX_BYTES, ERR_PARSE, "%s is larger than %d MiB", path, FHICL_MAX_BYTES >> 20);
    }
    REQUIRE(!ferror(f), ERR_READ, "%s cannot be read: %s", path, strerror(errno));
    return ERR_OK;
}

static enum err check_nesting(const struct fhicl_source *s, size_t frame)
{
    const struct frame *new = &s->frame[frame];
    size_t depth            = 0;
    for (size_t f = new->includer; f != SIZE_MAX; f = s->frame[f].includer, depth++)
        REQUIRE(!s->frame[f].inode || s->frame[f].inode != new->inode || s->frame[f].device != new->device, ERR_PARSE,
                "recursive #include of \"%s\"", new->name);
    REQUIRE(depth < FHICL_MAX_DEPTH, ERR_PARSE, "more than %d files include each other", FHICL_MAX_DEPTH);
    return ERR_OK;
}

static enum err add_text(struct fhicl_source *s, size_t frame, const char *text, size_t n);

static enum err add_path(struct fhicl_source *s, const char *path, size_t includer, size_t line)
{
    TRY(add_frame(s, path, includer, line));
    size_t frame = s->n_frames - 1;
    struct stat st;
    REQUIRE(stat(path, &st) == 0, ERR_OPEN, "%s cannot be opened: %s", path, strerror(errno));
    bool is_pipe = S_ISFIFO(st.st_mode) && includer == SIZE_MAX;
    REQUIRE(S_ISREG(st.st_mode) || is_pipe, ERR_OPEN, "%s is not a file", path);
    s->frame[frame].device = st.st_dev;
    s->frame[frame].inode  = st.st_ino;
    TRY(check_nesting(s, frame));
    FILE *f = fopen(path, "rb");
    REQUIRE(f, ERR_OPEN, "%s cannot be opened: %s", path, strerror(errno));
    struct fhicl_text content = {0};
    enum err rc;
    TRY_TO(done, read_all(f, path, &content));
    TRY_TO(done, add_text(s, frame, content.data ? content.data : "", content.n));
done:
    fclose(f);
    mem_free(content.data);
    return rc;
}

/* The name between the quotes of: #include "name", with one blank and nothing but blanks behind. */
static bool included_name(const char *line, size_t n, char out[PATH_MAX])
{
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t')) n--;
    if (n < 12 || line[8] != ' ' || line[9] != '"' || line[n - 1] != '"' || n - 11 >= PATH_MAX) return false;
    memcpy(out, line + 10, n - 11);
    out[n - 11] = 0;
    return strlen(out) == n - 11 && !strchr(out, '"');
}

static enum err include(struct fhicl_source *s, size_t frame, size_t number, const char *line, size_t n)
{
    char name[PATH_MAX], path[PATH_MAX], cause[1500];
    if (!included_name(line, n, name))
        return fail_in_line(s, frame, number, line, n, 0, ERR_PARSE,
                            "malformed #include: wanted is #include \"name\" from the first column, with one blank and "
                            "nothing after it");
    if (!find_included(name, s->frame[frame].name, path)) {
        const char *search = getenv("FHICL_FILE_PATH");
        snprintf(
            cause, sizeof cause,
            "the included file \"%.300s\" is neither in FHICL_FILE_PATH (%.600s) nor beside the file that includes it",
            name, search && *search ? search : "not set");
        return fail_in_line(s, frame, number, line, n, 9, ERR_OPEN, cause);
    }
    size_t n_before = s->n_frames;
    enum err rc     = add_path(s, path, frame, number);
    /* A cause found inside the included text has its place already. */
    if (!rc || strstr(err_message(), "\nat line ")) return rc ? err_pass(rc, __FILE__, __LINE__, "include") : ERR_OK;
    s->n_frames = s->n_frames > n_before ? s->n_frames : n_before;
    snprintf(cause, sizeof cause, "%s", err_message());
    return fail_in_line(s, frame, number, line, n, 9, rc, cause);
}

static enum err add_text(struct fhicl_source *s, size_t frame, const char *text, size_t n)
{
    size_t at = 0;
    for (size_t number = 1; at < n; number++) {
        size_t end = at;
        while (end < n && text[end] != '\n' && text[end] != '\r') end++;
        const char *line = text + at;
        size_t length    = end - at;
        if (length >= 8 && memcmp(line, "#include", 8) == 0) {
            TRY(include(s, frame, number, line, length));
        } else {
            TRY(add_line(s, frame, number, line, length));
        }
        at = end + 1;
        if (at < n && text[end] == '\r' && text[at] == '\n') at++;
    }
    return ERR_OK;
}

enum err fhicl_source_add_file(struct fhicl_source *s, const char *name)
{
    char path[PATH_MAX];
    const char *search = getenv("FHICL_FILE_PATH");
    REQUIRE(find_first(name, path), ERR_OPEN, "the configuration \"%s\" is neither there nor in FHICL_FILE_PATH (%s)",
            name, search && *search ? search : "not set");
    return add_path(s, path, SIZE_MAX, 0);
}

/* Frames are files here: no text was added. */
enum err fhicl_files(const char *path, char **out)
{
    struct fhicl_source *s;
    struct fhicl_text list = {0};
    char name[PATH_MAX];
    *out = NULL;
    TRY(fhicl_source_create(&s));
    enum err rc = ERR_OK;
    for (const char *p = path + strspn(path, " \t;"); *p && !rc; p += strspn(p, " \t;")) {
        size_t n = strcspn(p, ";");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        p += n;
        for (n = strlen(name); n && (name[n - 1] == ' ' || name[n - 1] == '\t'); n--) name[n - 1] = 0;
        rc = fhicl_source_add_file(s, name);
    }
    for (size_t i = 0; i < s->n_frames && !rc; i++) {
        rc = fhicl_text_add(&list, s->frame[i].name, strlen(s->frame[i].name));
        if (!rc) rc = fhicl_text_add(&list, "\n", 1);
    }
    if (!rc) rc = fhicl_text_add(&list, "", 0);
    fhicl_source_free(s);
    if (rc) mem_free(list.data);
    *out = rc ? NULL : list.data;
    return rc;
}

enum err fhicl_source_add_text(struct fhicl_source *s, const char *text, size_t n, const char *name)
{
    TRY(add_frame(s, name, SIZE_MAX, 0));
    return add_text(s, s->n_frames - 1, text, n);
}
