/* What the AMC13 and the digitiser boards (WFD5, FC7) send: words of 64 bits, big-endian. Bits are high:low.
 *
 * AMC13 (CAnn; TTCA): CDF header {5 63:60, fill type 59:56, trigger 55:32, bunch 31:20}, blocks {header: boards 55:52; a
 * word per board: L 62, more 61, segment 60, enabled 59, present 58, valid 57, CRC good 56, words 55:32, block 27:20,
 * slot 19:16; trailer: block 27:20, trigger[7:0] 19:12, bunch 11:0}; CZnn the CDF trailer {10 63:60, words in all 55:32}.
 * Boards of more than 4096 words come in blocks; the frontend puts them together again.
 *
 * Board (CRnn, LRnn, PRnn, ARnn; TTCB): 3 header words
 *   {slot 59:56, trigger 55:32, clock[43:32] 31:20, words 19:0},
 *   {channels 63:59, little-endian samples 58, alarms 57:54, empty 53, trigger type 52:48, clock[31:0] 47:16, kind 15:13,
 *   async 12, number 11:0}, {firmware 23:0}; per channel of a WFD5
 *   A {1 63:62, circular buffer 58, tag 57:46 (low 3 bits: channel), gap 45:24, waveforms 23:12, address[25:14] 11:0},
 *   B {address[13:0] 63:50, bursts 49:27, fill type 26:24, trigger 23:0},
 *   waveforms {low {waveforms 63:52, address 51:26, fill type 24:23, bursts 22:0}, high {1 63:62, alarms 49:46, tag 45:34,
 *   gap 33:12, index 11:0}, bursts of 8 samples i16},
 *   checksum low, high: XOR of (A:B), (high:low) of every waveform and the samples; {0 or 0xBAADBAAD 63:32, time 31:0};
 * and a trailer {CRC 63:32, trigger[7:0] 31:24, words 19:0}.
 * Asynchronous boards (fill type 7): A {tag 57:46, waveforms 38:16, pretrigger 15:0}, B {bursts of a waveform 63:50,
 * bursts of all 49:27, ...}, waveforms {low {index[11:0] 63:52, address 51:26, pretrigger 25:14, bursts 13:0}, high {1
 * 63:62, alarms 61:58, D 57, trigger length 56:55, clock 54:11, index[22:12] 10:0}}; the checksum is of the words before
 * the master FPGA put clock and counts in, which are made again from them.
 * Ours: the board's CRC is the CRC-32 of zlib over its bytes with this field zero; 0 means none.
 * Source: mfpga command_manager.v, cfpga adc_dat_mux*.v (v3.01.01); CaloReadoutAMC13 tcp_thread.cxx (facts, no code);
 * formats 2.2, 2.3. Tests: tests/t_bank_wfd.c against tests/wfd_writer.h */
#ifndef GM2_BANK_WFD_H
#define GM2_BANK_WFD_H

#include "bank.h"

enum { BANK_MAX_BOARDS = 12, BANK_BOARD_WFD5 = 1, BANK_BOARD_FC7 = 2, BANK_TYPE_ASYNC = 7 };

/** How much is looked at. */
enum bank_check {
    BANK_CHECK_SIZES,     /* tags, lengths, counters: headers only */
    BANK_CHECK_CHECKSUMS, /* and the channels' XOR checksums */
    BANK_CHECK_ALL        /* and the boards' CRC-32 as gm2 writes it, and bits that are always 0 */
};

/* ---- CA ---- */

struct bank_amc {
    uint32_t trigger, fill_type, n_boards, n_blocks;
    uint64_t n_words; /* of the boards */
    uint64_t total;   /* with all AMC13 words and the CDF trailer: what CZ tells */
    struct {
        uint32_t slot, n_words;
    } board[BANK_MAX_BOARDS];
};
/** Reads CAnn (or TTCA) and checks blocks against each other; a board not present, not valid or with a bad CRC is
 *  ERR_DATA. */
enum err bank_ca_read(const void *data, size_t n_bytes, struct bank_amc *out);

/* ---- boards ---- */

/** Boards being read, one after another; words are lent. */
struct bank_wfd {
    const uint8_t *bytes;
    const struct bank_amc *amc; /* what the AMC13 said of them, or NULL */
    size_t n_words, at;
    enum bank_check check;
    struct bank_board {
        uint32_t slot, trigger, n_words, channels, trigger_type, kind, number, alarms, firmware;
        uint64_t clock;
        bool is_little, is_empty, is_async;
        size_t start;
    } board;
    struct bank_channel {
        uint32_t channel, tag, gap, n_waveforms, pretrigger, fill_type, n_bursts;
        bool is_circular;
        uint64_t a, b;
        size_t start;
    } channel;
    uint32_t n_boards, waveform, left; /* left: channels not yet read, as a mask */
    uint64_t sum[2];
};

/** One waveform of one channel of one board. */
struct bank_waveform {
    uint32_t slot, channel, index, n_waveforms, n_samples, gap; /* gap: samples to the next waveform's start, 0: none */
    uint64_t clock;                                             /* asynchronous: of the trigger; else the board's */
    const uint8_t *samples;                                     /* NULL: no waveform left */
    bool is_little;
};

/** Starts at the first board. Every board must be as the AMC13 told (slot, size, trigger) if `amc` is not NULL (lent). */
void bank_wfd_open(const void *data, size_t n_bytes, const struct bank_amc *amc, enum bank_check check,
                   struct bank_wfd *out);
/** The next waveform; out->samples NULL after the last board. Boards without waveforms (FC7, empty events) are checked and
 *  passed over. ERR_DATA (board, channel, what) where words make no sense or a checksum differs; reading is over then. */
enum err bank_wfd_next(struct bank_wfd *w, struct bank_waveform *out);
/** Copies n_samples samples in host order. */
void bank_wfd_samples(const struct bank_waveform *waveform, int16_t *samples);
/** Reads all boards and compares with the AMC13's words (NULL: none): slots, sizes, trigger. *n_boards, *n_waveforms. */
enum err bank_wfd_check(const void *data, size_t n_bytes, const struct bank_amc *amc, enum bank_check check,
                        uint32_t *n_boards, uint64_t *n_waveforms);

#endif
