/* The AMC13's words: blocks and the boards in them. */
#include "bank_wfd.h"

#include <string.h>

enum { BLOCK_WORDS = 4096, MAX_BLOCKS = 256 };

static uint64_t load64(const uint8_t *bytes, size_t i)
{
    uint64_t v;
    memcpy(&v, bytes + 8 * i, 8);
    return __builtin_bswap64(v);
}

static uint32_t bits(uint64_t word, int high, int low)
{
    return (uint32_t)(word >> low & ((UINT64_C(1) << (high - low + 1)) - 1));
}

struct amc_state {
    uint32_t sent[BANK_MAX_BOARDS]; /* words so far */
    bool is_more;
    uint32_t bunch;
};

/* The word of one board in one block. */
static enum err take_amc(struct bank_amc *a, struct amc_state *state, uint32_t i, uint64_t word)
{
    uint32_t slot = bits(word, 19, 16), size = bits(word, 55, 32), block = bits(word, 27, 20);
    bool is_more = bits(word, 61, 61), is_segment = bits(word, 60, 60), is_first = a->n_blocks == 0;
    REQUIRE(slot >= 1 && slot <= BANK_MAX_BOARDS, ERR_DATA, "AMC13 block %u: board in slot %u", a->n_blocks, slot);
    REQUIRE(bits(word, 59, 57) == 7, ERR_DATA,
            "AMC13: board in slot %u is not enabled, present and valid (bits 59:57 %u)", slot, bits(word, 59, 57));
    REQUIRE(bits(word, 56, 56), ERR_DATA, "AMC13: board in slot %u has a wrong CRC", slot);
    REQUIRE(block == (a->n_blocks & 0xFF), ERR_DATA, "AMC13 block %u calls itself %u", a->n_blocks, block);
    REQUIRE(is_segment != is_first, ERR_DATA, "AMC13 block %u, slot %u: segment bit %u", a->n_blocks, slot, is_segment);
    if (is_first) {
        REQUIRE(i == 0 || slot > a->board[i - 1].slot, ERR_DATA, "AMC13: slot %u after slot %u", slot,
                a->board[i - 1].slot);
        a->board[i].slot    = slot;
        a->board[i].n_words = size;
        a->n_words += size;
        REQUIRE(!is_more || size > BLOCK_WORDS, ERR_DATA, "AMC13: %u words in slot %u need no second block", size,
                slot);
        state->sent[i] = is_more ? BLOCK_WORDS : size;
    } else {
        while (i < a->n_boards && a->board[i].slot != slot) i++;
        REQUIRE(i < a->n_boards, ERR_DATA, "AMC13 block %u: slot %u is not in the first block", a->n_blocks, slot);
        REQUIRE(size <= a->board[i].n_words - state->sent[i], ERR_DATA, "AMC13 block %u, slot %u: %u words, %u are due",
                a->n_blocks, slot, size, a->board[i].n_words - state->sent[i]);
        state->sent[i] += size;
    }
    state->is_more |= is_more;
    REQUIRE(is_more == (state->sent[i] < a->board[i].n_words), ERR_DATA,
            "AMC13 block %u, slot %u: %u of %u words sent, but its more bit is %u", a->n_blocks, slot, state->sent[i],
            a->board[i].n_words, is_more);
    return ERR_OK;
}

static enum err take_block(struct bank_amc *a, struct amc_state *state, const uint8_t *data, size_t n, size_t *at)
{
    REQUIRE(n - *at >= 2, ERR_DATA, "AMC13 block %u is cut", a->n_blocks);
    uint32_t n_boards = bits(load64(data, *at), 55, 52);
    REQUIRE(n_boards <= BANK_MAX_BOARDS && n - *at >= 2 + (size_t)n_boards, ERR_DATA,
            "AMC13 block %u of %u boards, %zu words are left", a->n_blocks, n_boards, n - *at);
    if (a->n_blocks == 0) a->n_boards = n_boards;
    state->is_more = false;
    for (uint32_t i = 0; i < n_boards; i++) TRY(take_amc(a, state, i, load64(data, *at + 1 + i)));
    uint64_t trailer = load64(data, *at + 1 + n_boards);
    REQUIRE(bits(trailer, 27, 20) == (a->n_blocks & 0xFF) && bits(trailer, 19, 12) == (a->trigger & 0xFF), ERR_DATA,
            "AMC13 block %u of trigger number %u has a trailer of block %u, trigger number %u (low 8 bits)",
            a->n_blocks, a->trigger, bits(trailer, 27, 20), bits(trailer, 19, 12));
    REQUIRE(bits(trailer, 11, 0) == state->bunch, ERR_DATA, "AMC13 block %u is of bunch %u, its event of %u",
            a->n_blocks, bits(trailer, 11, 0), state->bunch);
    a->n_blocks++;
    *at += 2 + n_boards;
    return ERR_OK;
}

enum err bank_ca_read(const void *data, size_t n_bytes, struct bank_amc *out)
{
    struct amc_state state = {.is_more = true};
    size_t n = n_bytes / 8, at = 1;
    *out = (struct bank_amc){0};
    REQUIRE(n >= 1 && bits(load64(data, 0), 63, 60) == 5, ERR_DATA, "AMC13 bank does not begin with a CDF header");
    out->fill_type = bits(load64(data, 0), 59, 56);
    out->trigger   = bits(load64(data, 0), 55, 32);
    state.bunch    = bits(load64(data, 0), 31, 20);
    while (state.is_more) {
        REQUIRE(out->n_blocks < MAX_BLOCKS, ERR_DATA, "AMC13 event of more than %d blocks", MAX_BLOCKS);
        TRY(take_block(out, &state, data, n, &at));
    }
    for (uint32_t i = 0; i < out->n_boards; i++)
        REQUIRE(state.sent[i] == out->board[i].n_words, ERR_DATA, "AMC13: slot %u sent %u of %u words",
                out->board[i].slot, state.sent[i], out->board[i].n_words);
    REQUIRE(at == n && n_bytes % 8 == 0, ERR_DATA, "%zu bytes after the last AMC13 block", n_bytes - 8 * at);
    out->total = n + out->n_words + 1;
    return ERR_OK;
}
