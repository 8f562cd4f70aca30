/* What module PedestalSums sums: histogram calib/pedestal_sums [channel][row]. Test: tests/t_pedestal_sums.c */
#ifndef GM2_PEDESTAL_SUMS_H
#define GM2_PEDESTAL_SUMS_H

#define PEDESTAL_SUMS "calib/pedestal_sums"
#define PEDESTAL_STEP (1.0 / 1024.0) /* means are summed in steps of this [adc] */

enum pedestal_row {
    PEDESTAL_WAVEFORMS,    /* waveforms of pedestal fills */
    PEDESTAL_MEAN,         /* sum of their means [steps] */
    PEDESTAL_MEAN_SQUARES, /* sum of squares of their means [steps^2] */
    PEDESTAL_WITHIN,       /* sum of n sum(adc^2) - sum(adc)^2 over waveforms of n samples [adc^2] */
    PEDESTAL_WITHIN_N,     /* sum of n (n - 1): PEDESTAL_WITHIN over it is the variance of a sample */
    PEDESTAL_LEFT_OUT,     /* waveforms with a pulse in them */
    PEDESTAL_CP,           /* muon fills with the frontend's own pedestal */
    PEDESTAL_CP_SUM,       /* sum of these [steps] */
    PEDESTAL_CP_SQUARES,   /* sum of their squares [steps^2] */
    N_PEDESTAL_ROWS
};

#endif
