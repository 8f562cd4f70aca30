/* The document of a chain: defaults filled in, and what of it changes results. */
#include "chain_internal.h"

#include "chain_files.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_tables[] = {
    [MODULE_SOURCE] = "source",          [MODULE_PRODUCER] = "physics.producers",
    [MODULE_FILTER] = "physics.filters", [MODULE_ANALYZER] = "physics.analyzers",
    [MODULE_OUTPUT] = "outputs",
};

const struct fhicl *chain_find_label(const struct fhicl *document, const char *label, enum module_kind *kind,
                                     char path[256])
{
    for (int k = MODULE_PRODUCER; k <= MODULE_OUTPUT; k++) {
        snprintf(path, 256, "%s.%s", kind_tables[k], label);
        const struct fhicl *table = fhicl_get(document, path);
        if (table) {
            *kind = (enum module_kind)k;
            return table;
        }
    }
    return NULL;
}

enum err chain_find_module(const struct fhicl *table, const char *path, enum module_kind kind,
                           const struct module_entry **out)
{
    REQUIRE(fhicl_kind(table) == FHICL_TABLE, ERR_CONFIG, "%s (%s) is a %s; a table with module_type is expected", path,
            fhicl_origin(table), fhicl_kind_name(fhicl_kind(table)));
    const struct fhicl *type = fhicl_get(table, "module_type");
    REQUIRE(type, ERR_CONFIG, "%s (%s) has no module_type", path, fhicl_origin(table));
    const char *name;
    TRY(fhicl_as_string(type, "module_type", &name));
    const struct module_entry *entry = module_find(name);
    REQUIRE(entry, ERR_CONFIG, "%s.module_type (%s): there is no module \"%s\"; 'gm2 help' lists them", path,
            fhicl_origin(type), name);
    REQUIRE(entry->module->kind == kind, ERR_CONFIG, "%s.module_type (%s): module %s belongs under %s", path,
            fhicl_origin(type), name, kind_tables[entry->module->kind]);
    *out = entry;
    return ERR_OK;
}

bool chain_is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0) return true;
    return false;
}

static enum err check_keys(const struct fhicl *table, const char *where, const char *const *allowed)
{
    for (size_t i = 0; i < fhicl_size(table); i++)
        REQUIRE(chain_is_one_of(fhicl_key(table, i), allowed), ERR_CONFIG,
                "unknown key \"%s\" in %s (%s); a document has process_name, source, services, physics, outputs",
                fhicl_key(table, i), where, fhicl_origin(fhicl_at(table, i)));
    return ERR_OK;
}

enum err chain_complete(struct fhicl *document)
{
    static const char *const top[] = {"process_name", "source", "services", "physics", "outputs", NULL};
    TRY(check_keys(document, "the document", top));
    REQUIRE(fhicl_get(document, "physics"), ERR_CONFIG, "the document has no table physics");
    const struct fhicl *source = fhicl_get(document, "source");
    REQUIRE(source, ERR_CONFIG,
            "the document has no table source (EmptyFill to simulate, TruthInput to read simulated truth, "
            "RawInput to read raw files)");
    const struct module_entry *entry;
    TRY(chain_find_module(source, "source", MODULE_SOURCE, &entry));
    TRY(cfg_fill_defaults(entry->module->fields, document, "source"));
    for (int k = MODULE_PRODUCER; k <= MODULE_OUTPUT; k++) {
        const struct fhicl *group = fhicl_get(document, kind_tables[k]);
        for (size_t i = 0; group && i < fhicl_size(group); i++) {
            char path[256];
            snprintf(path, sizeof path, "%s.%s", kind_tables[k], fhicl_key(group, i));
            TRY(chain_find_module(fhicl_at(group, i), path, (enum module_kind)k, &entry));
            TRY(cfg_fill_defaults(entry->module->fields, document, path));
        }
    }
    return chain_files_digest(document);
}

/* The tag is part of the identity; where the database lies is not, and what was read is told unit by unit. */
static void forget_database(struct fhicl *document)
{
    const char *name             = "";
    const struct fhicl *database = fhicl_get(document, "services.conditions.database");
    if (database && fhicl_as_string(database, "database", &name)) err_clear();
    if (*name) {
        fhicl_remove(document, "services.conditions.database");
        fhicl_remove(document, "services.conditions.first_run");
        fhicl_remove(document, "services.conditions.last_run");
    } else {
        fhicl_remove(document, "services.conditions");
    }
}

enum err chain_results_only(const struct fhicl *document, struct fhicl **out)
{
    static const char *const outside[] = {"services.scheduler",
                                          "services.message",
                                          "services.TimeTracker",
                                          "services.MemoryTracker",
                                          "source.maxEvents",
                                          "source.fileNames",
                                          "services.FileCatalogMetadata",
                                          "source.skipEvents",
                                          "services.watch",
                                          "services.dqm",
                                          NULL};
    TRY(fhicl_copy(document, out));
    for (size_t i = 0; outside[i]; i++) fhicl_remove(*out, outside[i]);
    chain_files_forget_paths(*out);
    const struct fhicl *outputs = fhicl_get(*out, "outputs");
    for (size_t i = 0; outputs && i < fhicl_size(outputs); i++) {
        char path[256];
        snprintf(path, sizeof path, "outputs.%s.fileName", fhicl_key(outputs, i));
        fhicl_remove(*out, path);
    }
    forget_database(*out);
    const struct fhicl *services = fhicl_get(*out, "services");
    if (services && fhicl_size(services) == 0) fhicl_remove(*out, "services");
    return ERR_OK;
}
