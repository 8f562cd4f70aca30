/* Keywords of a campaign's description: %(name)s in its texts. Test: tests/t_campaign.c */
#ifndef GM2_CAMPAIGN_WORDS_H
#define GM2_CAMPAIGN_WORDS_H

#include "fhicl.h"
#include "split.h"
#include "sql.h"

/** What keywords stand for in one stage; NULL: not known there. */
struct campaign_words {
    const struct fhicl *document; /* its tables campaign and keywords */
    const char *release;          /* of the program that runs the jobs: %(version)s */
    const char *stage, *dataset, *item;
    size_t n_components; /* of an item of multiparam: item1, item2, ... */
    char component[SPLIT_MAX_COMPONENTS][SPLIT_MAX_COMPONENT];
};

/** Adds text with its keywords put in; %(stage.NAME)s stays. ERR_CONFIG names the keyword, `origin` and what is known. */
enum err campaign_expand(const struct campaign_words *words, const char *text, const char *origin, struct sql *out);
/** Adds a value as a FHiCL expression, keywords put into all texts of it. */
enum err campaign_expand_value(const struct campaign_words *words, const struct fhicl *value, struct sql *out);
/** Adds text as a FHiCL string. */
enum err campaign_quote(const char *text, struct sql *out);

#endif
