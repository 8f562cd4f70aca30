/* What the files that translate an .ini share. */
#ifndef GM2_CAMPAIGN_INI_INTERNAL_H
#define GM2_CAMPAIGN_INI_INTERNAL_H

#include "campaign.h"
#include "ini.h"
#include "sql.h"

struct ini_translation {
    const struct ini *ini;
    struct fhicl *out;
    const struct ini_key *script; /* launch_script of a job type before */
    size_t n_stages;
    struct ini_stage *stage; /* [n_stages], as listed */
};

struct ini_stage {
    char *name;
    char path[120]; /* stages.KEY */
    const struct ini_section *section, *needs;
};

/** A key where it stands, and the table of the document it goes to. */
struct ini_place {
    const struct ini_section *section;
    const struct ini_key *key;
    const char *path;
};

/** Ends in ERR_CONFIG with file, line, section and key. */
#define INI_BAD(t, p, format, ...)                                                                                     \
    FAIL(ERR_CONFIG, "%s:%zu: [%s] %s: " format, (t)->ini->file, (p)->key->line, (p)->section->name, (p)->key->name,   \
         __VA_ARGS__)

/** "", None: as POMS writes what is not there. */
bool campaign_ini_is_none(const char *value);
/** Binds PATH.NAME to a FHiCL expression, or to a text, with the key's line as origin. ERR_CONFIG: it is bound already. */
enum err campaign_ini_bind(struct ini_translation *t, const struct ini_place *p, const char *name,
                           const char *expression);
enum err campaign_ini_bind_text(struct ini_translation *t, const struct ini_place *p, const char *name,
                                const char *text);
/** JSON [[option, value], ...] as parameters of gm2: config, fills, set, memory_mb. */
enum err campaign_ini_parameters(struct ini_translation *t, const struct ini_place *p);
/** JSON [[kind, [[option, value], ...]], ...]. */
enum err campaign_ini_recoveries(struct ini_translation *t, const struct ini_place *p);
/** JSON {keyword: value, ...}. */
enum err campaign_ini_keywords(struct ini_translation *t, const struct ini_place *p);
/** Stages, in the order of campaign_stage_list, and what they need. */
enum err campaign_ini_stages(struct ini_translation *t);
/** A key of [campaign_defaults] or [campaign_stage]; stage NULL: of the defaults. */
enum err campaign_ini_stage_key(struct ini_translation *t, const struct ini_place *p, const struct ini_stage *stage);
/** gm2.KEY: our own key, of these fields. *is_it: it was one. */
enum err campaign_ini_own_key(struct ini_translation *t, const struct ini_place *p, const struct cfg_field *fields,
                              bool *is_it);
/** Ends in ERR_CONFIG, with the known key that is nearest. */
enum err campaign_ini_unknown(const struct ini_translation *t, const struct ini_place *p, const char *const *known);
/** A name as a key of FHiCL, in PATH of the table `kind`. */
enum err campaign_ini_path(const struct ini_translation *t, const char *kind, const char *name, char path[120]);

#endif
