/* Settings of one crate in the ODB: the one place that knows their names. */
#include "odb.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 96 };

static const char *path_of(int crate, const char *key, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "/Equipment/AMC13%02d/Settings/%s", crate, key);
    return path;
}

static const struct number {
    const char *key;
    size_t offset;
    int32_t min, max;
} numbers[] = {
    {"muon fill samples", offsetof(struct odb_crate, n_samples), 1, 1 << 26},
    {"polarity", offsetof(struct odb_crate, polarity), -1, 1},
    {"presamples", offsetof(struct odb_crate, presamples), 0, 1 << 20},
    {"postsamples", offsetof(struct odb_crate, postsamples), 0, 1 << 20},
    {"calo sum decimation", offsetof(struct odb_crate, sum_decimation), 1, 1 << 20},
    {"Q histogram decimation", offsetof(struct odb_crate, q_decimation), 1, 1 << 20},
    {"injection sample", offsetof(struct odb_crate, injection_sample), 0, 1 << 26},
};
enum { N_NUMBERS = sizeof numbers / sizeof *numbers };

void odb_channel_map(int32_t map[ODB_CHANNELS])
{
    for (int i = 0; i < ODB_CHANNELS; i++) {
        int board = i / 5 + 1, channel = i % 5, x = 10 - board, y = channel + 1;
        if (board >= 10) {
            x = (board == 10 ? 5 : 1) + channel;
            y = 6;
        }
        bool is_used = board <= 10 || (board == 11 && channel < 4);
        map[i]       = is_used ? (x - 1) + 9 * (y - 1) : -1;
    }
}

enum err odb_put_crate(struct odb *odb, const struct odb_crate *crate)
{
    char path[PATH_BYTES];
    for (int i = 0; i < N_NUMBERS; i++) {
        int32_t value;
        memcpy(&value, (const char *)crate + numbers[i].offset, sizeof value);
        TRY(odb_set_i32(odb, path_of(crate->crate, numbers[i].key, path), value));
    }
    TRY(odb_set(odb, path_of(crate->crate, "Channel map", path), MIDAS_I32, ODB_CHANNELS, crate->channel_map));
    TRY(odb_set_f64(odb, path_of(crate->crate, "threshold", path), crate->threshold_adc));
    return odb_set_string(odb, path_of(crate->crate, "preset", path), crate->preset);
}

enum err odb_get_crate(const struct odb *odb, int crate, struct odb_crate *out)
{
    char path[PATH_BYTES];
    const char *preset;
    int64_t value;
    *out = (struct odb_crate){.crate = crate};
    for (int i = 0; i < N_NUMBERS; i++) {
        TRY(odb_i64(odb, path_of(crate, numbers[i].key, path), 0, &value));
        REQUIRE(value >= numbers[i].min && value <= numbers[i].max, ERR_DATA,
                "ODB key %s is %lld, %d to %d is possible", path, (long long)value, numbers[i].min, numbers[i].max);
        int32_t number = (int32_t)value;
        memcpy((char *)out + numbers[i].offset, &number, sizeof number);
    }
    REQUIRE(out->polarity, ERR_DATA, "ODB key %s is 0, +1 or -1 is possible", path_of(crate, "polarity", path));
    for (size_t i = 0; i < ODB_CHANNELS; i++) {
        TRY(odb_i64(odb, path_of(crate, "Channel map", path), i, &value));
        REQUIRE(value >= -1 && value < ODB_CHANNELS, ERR_DATA, "ODB key %s[%zu] is %lld, -1 to %d is possible", path, i,
                (long long)value, ODB_CHANNELS - 1);
        out->channel_map[i] = (int32_t)value;
    }
    TRY(odb_f64(odb, path_of(crate, "threshold", path), 0, &out->threshold_adc));
    TRY(odb_string(odb, path_of(crate, "preset", path), 0, &preset));
    snprintf(out->preset, sizeof out->preset, "%s", preset);
    return ERR_OK;
}

bool odb_has_crate(const struct odb *odb, int crate)
{
    char path[PATH_BYTES];
    return odb_size(odb, path_of(crate, "threshold", path)) > 0;
}
