/* THE tables: what modules hand to each other and what files hold.
 *
 * Frames. Ring: phi_rad azimuth along the beam, x = r - R0 outward, y up; momenta are components along (r, phi, y);
 * the rest-frame spin too. Times t_fill_ns count from injection (t = 0); samples count from the start of the record.
 * Calorimeter: local x_mm, y_mm from the centre of the array, x outward (radial), y up; calo 1..24, crystal 0..53,
 * crystal = (column-1) + 9 (row-1), column 1 innermost, row 1 lowest.
 * An index column (`muon`, `positron`, ...) is the row in that table of the same fill. */
#ifndef GM2_TABLES_H
#define GM2_TABLES_H

#include "dqc_cuts.h"
#include "table.h"

/* clang-format off */

#define MUON_COLUMNS(C)                                                                                       \
    C(f64, 1, t_fill_ns, "ns", "time at the starting azimuth")                                                \
    C(f64, 1, x_mm, "mm", "radius minus R0")                                                                  \
    C(f64, 1, y_mm, "mm", "height")                                                                           \
    C(f64, 1, phi_rad, "rad", "azimuth along the beam, 0..2 pi")                                              \
    C(f64, 1, p_r_GeV, "GeV", "radial momentum, outward")                                                     \
    C(f64, 1, p_phi_GeV, "GeV", "momentum along the beam")                                                    \
    C(f64, 1, p_y_GeV, "GeV", "vertical momentum")                                                            \
    C(f64, 1, s_r, "1", "rest-frame spin (expectation, length = polarisation), outward component")            \
    C(f64, 1, s_phi, "1", "rest-frame spin, along the beam")                                                  \
    C(f64, 1, s_y, "1", "rest-frame spin, up")                                                                \
    C(f64, 1, t_decay_ns, "ns", "time at which it decays if it is not lost, t_fill_ns - gamma tau ln u")

#define VERTEX_COLUMNS(C)                                                                                     \
    C(u32, 1, muon, "1", "row in table muon")                                                                 \
    C(u8,  1, fate, "1", "0 alive at the end of the record, 1 decayed, 2 hit a collimator, 3 hit an ESQ plate or left the vacuum") \
    C(f64, 1, t_fill_ns, "ns", "time of its end")                                                             \
    C(f64, 1, x_mm, "mm", "radius minus R0")                                                                  \
    C(f64, 1, y_mm, "mm", "height")                                                                           \
    C(f64, 1, phi_rad, "rad", "azimuth, 0..2 pi")                                                             \
    C(f64, 1, p_r_GeV, "GeV", "radial momentum, outward")                                                     \
    C(f64, 1, p_phi_GeV, "GeV", "momentum along the beam")                                                    \
    C(f64, 1, p_y_GeV, "GeV", "vertical momentum")                                                            \
    C(f64, 1, s_r, "1", "rest-frame spin, outward")                                                           \
    C(f64, 1, s_phi, "1", "rest-frame spin, along the beam")                                                  \
    C(f64, 1, s_y, "1", "rest-frame spin, up")                                                                \
    C(f64, 1, turns, "1", "turns made since its start")

#define POSITRON_COLUMNS(C)                                                                                   \
    C(u32, 1, vertex, "1", "row in table vertex")                                                             \
    C(f64, 1, t_fill_ns, "ns", "time of decay")                                                               \
    C(f64, 1, x_mm, "mm", "radius minus R0 at birth")                                                         \
    C(f64, 1, y_mm, "mm", "height at birth")                                                                  \
    C(f64, 1, phi_rad, "rad", "azimuth at birth")                                                             \
    C(f64, 1, p_r_GeV, "GeV", "radial momentum, outward")                                                     \
    C(f64, 1, p_phi_GeV, "GeV", "momentum along the beam")                                                    \
    C(f64, 1, p_y_GeV, "GeV", "vertical momentum")

#define CALO_HIT_COLUMNS(C)                                                                                   \
    C(u32, 1, positron, "1", "row in table positron")                                                         \
    C(u8,  1, calo, "1", "calorimeter 1..24 whose face it entered")                                           \
    C(f64, 1, t_fill_ns, "ns", "time at the face")                                                            \
    C(f64, 1, x_mm, "mm", "local, from the centre of the array, outward")                                     \
    C(f64, 1, y_mm, "mm", "local, up")                                                                        \
    C(f64, 1, dxdz, "1", "slope dx/dz on entry, z into the crystals")                                         \
    C(f64, 1, dydz, "1", "slope dy/dz on entry")                                                              \
    C(f64, 1, energy_GeV, "GeV", "energy on entry")

#define MIP_HIT_COLUMNS(C)                                                                                    \
    C(u32, 1, vertex, "1", "row in table vertex: where the muon was lost")                                    \
    C(u8,  1, calo, "1", "calorimeter 1..24 that it crossed")                                                 \
    C(u8,  1, n_before, "1", "calorimeters it crossed before this one")                                       \
    C(f64, 1, t_fill_ns, "ns", "time at which it enters the crystals")                                        \
    C(f64, 1, x_mm, "mm", "local, where its line meets the plane of the face; beside the array if it enters by a side") \
    C(f64, 1, y_mm, "mm", "local, up, likewise")                                                              \
    C(f64, 1, dxdz, "1", "slope dx/dz on entry, z into the crystals")                                         \
    C(f64, 1, dydz, "1", "slope dy/dz on entry")                                                              \
    C(f64, 1, p_GeV, "GeV", "momentum on entry")                                                              \
    C(f64, 1, path_mm, "mm", "path in the crystals")                                                          \
    C(f64, 1, energy_GeV, "GeV", "its light, as the energy of electrons that give as much")

#define CRYSTAL_HIT_COLUMNS(C)                                                                                \
    C(u8,  1, particle, "1", "whose light: 0 a positron's, 1 a lost muon's")                                  \
    C(u32, 1, calo_hit, "1", "row in table calo_hit (particle 0) or mip_hit (particle 1)")                    \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(u8,  1, crystal, "1", "crystal 0..53")                                                                  \
    C(f64, 1, t_fill_ns, "ns", "time of the light at the SiPM (time at the face; transit delays are equal and left out)") \
    C(f64, 1, energy_GeV, "GeV", "energy seen: photo-electrons over the calibrated yield")                    \
    C(f64, 1, n_pe, "pe", "photo-electrons")

#define GAIN_TRUTH_COLUMNS(C)                                                                                 \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(u8,  1, crystal, "1", "crystal 0..53")                                                                  \
    C(f64, 1, oof, "1", "gain out of fill in this subrun; 1 if off")                                          \
    C(f64, 1, ifg_amplitude, "1", "drop of the gain at injection; 0 if off")                                  \
    C(f64, 1, ifg_tau_us, "us", "its recovery time")                                                          \
    C(f64, 1, stdp_amplitude, "1/GeV", "drop of the gain right after a pulse, per its energy; 0 if off")      \
    C(f64, 1, stdp_tau_ns, "ns", "its recovery time")                                                         \
    C(f64, 1, time_offset_ns, "ns", "the channel's pulses, the laser's too, come later by this")              \
    C(f64, 1, energy_factor, "1", "counts per energy against the nominal scale, laser light too; 0: dead")    \
    C(f64, 1, pedestal_adc, "adc", "pedestal")                                                                \
    C(f64, 1, noise_adc, "adc", "rms noise of a sample before rounding")                                      \
    C(u8,  1, is_dead, "1", "1: no light")                                                                    \
    C(u8,  1, is_hot, "1", "1: pulses of its own")

#define FILL_TRUTH_COLUMNS(C)                                                                                 \
    C(i64, 1, unix_time_s, "s", "time stamp of the fill")                                                     \
    C(u8,  1, fill_type, "1", "1 muon, 2 laser, 3 pedestal")                                                  \
    C(i64, 1, nth, "1", "fills of this type before it in the run")

#define RAW_COLUMNS(C) C(u8, 1, byte, "1", "the MIDAS event of this fill, header included, as in the raw file")

#define ODB_COLUMNS(C) C(u8, 1, byte, "1", "the ODB dump of the begin-of-run event, text")

#define FILL_COLUMNS(C)                                                                                       \
    C(i64, 1, unix_time_s, "s", "time stamp of the MIDAS event")                                              \
    C(u8,  1, fill_type, "1", "1 muon, 2 laser, 3 pedestal, 4 asynchronous")                                  \
    C(i32, 1, injection_sample, "ct", "sample of t = 0 after the T0 correction, rounded down")                \
    C(f64, 1, t0_ns, "ns", "time of injection in the record, from the T0 counter")                            \
    C(f64, 1, ctag, "1", "clusters above 2 GeV later than 50 us (stored-beam proxy)")                         \
    C(u32, 1, status, "1", "bits: 1 no T0 pulse, 2 a bank was damaged, 4 a crate is missing")                 \
    C(u32, 1, calos, "1", "bit k - 1: calorimeter k is there and whole")

#define DQC_COLUMN(C, B, name, unit, low, high, fills, bins, from, to, doc) C(f32, 1, name, unit, doc)
#define DQC_COLUMNS(C)                                                                                        \
    C(u8,  1, fill_type, "1", "1 muon, 2 laser, 3 pedestal, 4 asynchronous")                                  \
    C(u8,  1, is_good, "1", "1: no cut fails")                                                                \
    C(u32, 1, flags, "1", "cuts that fail, from bit 0:" DQC_CUT_NAMES)                                        \
    C(u32, 1, unknown, "1", "cuts for which there was nothing to judge by, same bits")                        \
    DQC_CUTS(DQC_COLUMN, C, )

#define DQC_SUBRUN_COLUMN(C, B, name, unit, low, high, doc) C(f32, 1, name, unit, doc)
#define DQC_SUBRUN_COLUMNS(C)                                                                                 \
    C(u8,  1, is_good, "1", "1: no cut on the subrun fails")                                                  \
    C(u32, 1, flags, "1", "cuts on the subrun that fail, from bit 0:" DQC_SUBRUN_NAMES)                       \
    C(u32, 1, unknown, "1", "those for which there was nothing to judge by, same bits")                       \
    C(u32, 1, n_fills, "1", "fills of any type")                                                              \
    C(u32, 1, n_good, "1", "good muon fills")                                                                 \
    C(u32, 1, calos, "1", "bit k - 1: calorimeter k is there and whole in nearly all fills")                  \
    C(u32, N_DQC_CUTS, n_failed, "1", "fills that fail each cut:" DQC_CUT_NAMES)                              \
    C(u32, N_DQC_CUTS, n_alone, "1", "fills that fail this cut and no other: what it costs")                  \
    DQC_SUBRUN_CUTS(DQC_SUBRUN_COLUMN, C, )

#define MONITOR_COLUMNS(C)                                                                                    \
    C(u8,  16, run_type, "1", "kind of run by the ODB, ASCII, filled up with zeros; empty: it does not say")  \
    C(i64, 1, first_unix_s, "s", "time stamp of the earliest fill")                                           \
    C(i64, 1, last_unix_s, "s", "time stamp of the latest fill")                                              \
    C(u32, 1, n_fills, "1", "fills of any type")                                                              \
    C(u32, 1, n_muon, "1", "muon fills; all that follows but n_damaged and n_missing is of these")            \
    C(u32, 1, n_laser, "1", "laser fills")                                                                    \
    C(u32, 1, n_pedestal, "1", "pedestal fills")                                                              \
    C(u32, 1, n_no_t0, "1", "muon fills without T0 pulse")                                                    \
    C(u32, 1, n_damaged, "1", "fills with a damaged bank")                                                    \
    C(u32, 1, n_missing, "1", "fills in which a crate is missing")                                            \
    C(u32, 1, n_positrons, "1", "clusters above the threshold, late")                                         \
    C(u32, 1, n_sync, "1", "sync pulses of the laser, all channels")                                          \
    C(u32, 1, n_noise, "1", "quiet traces, all channels")                                                     \
    C(f64, 1, ctag, "1", "mean CTAG a fill; NaN, as below: there was none")                                   \
    C(f64, 1, t0_ns, "ns", "mean time of injection in the record")                                            \
    C(f64, 1, t0_rms_ns, "ns", "its rms")                                                                     \
    C(f64, 1, sync_adc, "adc", "mean height of the sync pulses, highest sample above the pedestal")                                           \
    C(f64, 1, pedestal_adc, "adc", "mean pedestal of all traces")                                             \
    C(f64, 1, noise_adc, "adc", "rms of quiet samples about each trace's mean")                               \
    C(f64, 1, wiggle_cos, "1", "mean of cos(2 pi 0.2291 MHz t) over positrons: half the asymmetry times cos(phase)") \
    C(f64, 1, wiggle_sin, "1", "the same with sin")

#define MONITOR_CHANNEL_COLUMNS(C)                                                                            \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(u8,  1, crystal, "1", "crystal 0..53")                                                                  \
    C(u32, 1, n_pulses, "1", "late pulses above a threshold in muon fills")                                   \
    C(u32, 1, n_sync, "1", "sync pulses of the laser")                                                        \
    C(u32, 1, n_noise, "1", "quiet traces")                                                                   \
    C(f32, 1, sync_adc, "adc", "mean height of the sync pulses; NaN, as below: there was none")            \
    C(f32, 1, pedestal_adc, "adc", "mean pedestal")                                                           \
    C(f32, 1, noise_adc, "adc", "rms of quiet samples about each trace's mean")

#define ISLAND_COLUMNS(C)                                                                                     \
    C(u8,  1, calo, "1", "calorimeter 1..24; 25..31 auxiliary crates; 100 + n the laser source monitor in crate n") \
    C(i32, 1, first_sample, "ct", "sample number of the first sample")                                        \
    C(i32, 1, n_samples, "ct", "length")                                                                      \
    C(u8,  1, n_crystals, "1", "traces kept")                                                                 \
    C(u32, 1, first_trace, "1", "row of its first trace in table trace")

#define TRACE_COLUMNS(C)                                                                                      \
    C(u32, 1, island, "1", "row in table island")                                                             \
    C(u8,  1, crystal, "1", "crystal 0..53 (segment in auxiliary crates)")                                    \
    C(f32, 1, pedestal_adc, "adc", "fill pedestal of this channel from the CP bank")                          \
    C(u32, 1, first_sample, "1", "row of its first sample in table sample; the island's n_samples follow")

#define SAMPLE_COLUMNS(C) C(i16, 1, adc, "adc", "digitiser samples, trace after trace")

#define MIP_TRIPLE_COLUMNS(C)                                                                                 \
    C(f64, 1, t_fill_ns, "ns", "time of the first of three clusters in consecutive calorimeters")             \
    C(u8,  1, calo, "1", "its calorimeter; the others are the next two")                                      \
    C(u8,  1, crystal1, "1", "largest crystal of the first")                                                  \
    C(u8,  1, crystal2, "1", "of the second")                                                                 \
    C(u8,  1, crystal3, "1", "of the third")                                                                  \
    C(u8,  1, n_crystals1, "1", "crystals in the first")                                                      \
    C(u8,  1, n_crystals2, "1", "in the second")                                                              \
    C(u8,  1, n_crystals3, "1", "in the third")                                                               \
    C(f64, 1, dt12_ns, "ns", "time of the second less that of the first")                                     \
    C(f64, 1, dt23_ns, "ns", "third less second")                                                             \
    C(f64, 1, amplitude1_adc, "adc", "pulse height of the largest crystal of the first, gain corrections in it")      \
    C(f64, 1, amplitude2_adc, "adc", "of the second")                                                         \
    C(f64, 1, amplitude3_adc, "adc", "of the third")

#define CHANNEL_COUNT_COLUMNS(C)                                                                              \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(u8,  1, crystal, "1", "crystal 0..53")                                                                  \
    C(u32, 1, n_fills, "1", "muon fills with its crate")                                                      \
    C(u32, 1, n_pulses, "1", "pulses above the threshold in them")                                            \
    C(u32, 1, n_laser, "1", "laser pulses of its calorimeter")                                                \
    C(u32, 1, n_response, "1", "of these, that it answered")                                                  \
    C(u32, 1, first_event, "1", "first event with an answer; 0: none")                                        \
    C(u32, 1, last_event, "1", "last event with an answer; 0: none")                                          \
    C(u32, 1, last_laser, "1", "last event with a laser pulse of its calorimeter")

#define PULSE_COLUMNS(C)                                                                                      \
    C(u32, 1, island, "1", "row in table island")                                                             \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(u8,  1, crystal, "1", "crystal 0..53")                                                                  \
    C(f64, 1, t_fill_ns, "ns", "time of the pulse's peak position in the template, from injection")           \
    C(f64, 1, energy_GeV, "GeV", "amplitude times the energy scale")                                          \
    C(f32, 1, amplitude_adc, "adc", "fitted peak amplitude")                                                  \
    C(f32, 1, pedestal_adc, "adc", "fitted pedestal")                                                         \
    C(f32, 1, chi2_ndf, "1", "chi-square over degrees of freedom of the trace's fit")                         \
    C(f32, 1, sig_t_ns, "ns", "standard error of the time")                                                   \
    C(f32, 1, sig_energy_GeV, "GeV", "standard error of the energy (electronic noise only)")                  \
    C(f32, 1, cov_t_energy, "ns GeV", "covariance of time and energy")                                        \
    C(f32, 1, faint_energy_GeV, "GeV", "light at this time in the island's crystals without a pulse; 0 unless the largest of its shower") \
    C(u8,  1, n_pulses, "1", "pulses fitted together in the trace")                                           \
    C(u8,  1, status, "1", "0 good, bits: 1 not converged, 2 at the island's edge, 4 saturated, 8 limit of pulses, 16 no constants, 32 dead or hot channel")

#define CLUSTER_COLUMNS(C)                                                                                    \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(f64, 1, t_fill_ns, "ns", "time of its largest pulse, from injection")                                   \
    C(f64, 1, energy_GeV, "GeV", "energy of the positron: its light times the absolute scale")                     \
    C(f32, 1, x_mm, "mm", "local, log-weighted")                                                              \
    C(f32, 1, y_mm, "mm", "local, log-weighted")                                                              \
    C(u8,  1, n_crystals, "1", "crystals in it")                                                              \
    C(f32, 1, max_fraction, "1", "share of its largest crystal")                                              \
    C(f32, 1, chi2_ndf, "1", "of its largest pulse")                                                          \
    C(u8,  1, status, "1", "OR of its pulses' status")

#define CLUSTER_TRUTH_COLUMNS(C)                                                                              \
    C(u32, 1, cluster, "1", "row in table cluster")                                                           \
    C(u8,  1, particle, "1", "the largest contributor: 0 a positron, 1 a lost muon")                          \
    C(u32, 1, calo_hit, "1", "its row in table calo_hit (particle 0) or mip_hit (particle 1)")                \
    C(u8,  1, n_hits, "1", "true positrons and lost muons within the cluster's time partition")               \
    C(f64, 1, dt_ns, "ns", "cluster time minus true time")                                                    \
    C(f64, 1, true_energy_GeV, "GeV", "energy of the largest contributor on entry; of a muon its light's")                           \
    C(f64, 1, true_x_mm, "mm", "its local x")                                                                 \
    C(f64, 1, true_y_mm, "mm", "its local y")

#define Q_HIST_COLUMNS(C)                                                                                     \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(u8,  1, crystal, "1", "crystal 0..53")                                                                  \
    C(i32, 1, first_sample, "ct", "first sample of the record that is summed")                                \
    C(i32, 1, decimation, "ct", "samples in a bin")                                                           \
    C(u32, 1, n_fills, "1", "muon fills summed")                                                              \
    C(i16, 1, polarity, "1", "direction of pulses: 1 or -1")                                                  \
    C(u32, 1, n_bins, "1", "bins of this crystal")                                                            \
    C(u32, 1, first_count, "1", "row of its first bin in table q_count; the others follow")

#define Q_COUNT_COLUMNS(C) C(i32, 1, adc, "adc", "samples summed over a bin and the fills, pedestals in them, crystal after crystal")

#define GPU_FIT_COLUMNS(C)                                                                                    \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(u8,  1, crystal, "1", "crystal 0..53")                                                                  \
    C(f32, 1, time_ct, "ct", "sample of the record at which the pulse lies")                                  \
    C(f32, 1, phase_ct, "ct", "part of a sample, from the three highest")                                     \
    C(f32, 1, energy_adc, "adc", "scale of the area-normalised template")                                     \
    C(f32, 1, pedestal_adc, "adc", "fitted pedestal")                                                         \
    C(f32, 1, chi2_adc2, "adc^2", "sum of squared residuals")                                                 \
    C(i32, 1, peak_sample, "ct", "sample of the extremum")                                                    \
    C(i32, 1, peak_adc, "adc", "its value")

#define CALO_SUM_COLUMNS(C)                                                                                   \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(i32, 1, decimation, "ct", "samples in a bin, from the ODB; 0: not known")                               \
    C(u32, 1, n_bins, "1", "bins, from the start of the record")                                              \
    C(u32, 1, first_count, "1", "row of its first bin in table sum_count; the others follow")

#define SUM_COUNT_COLUMNS(C) C(i32, 1, adc, "adc", "samples of all crystals summed over a bin, pedestals in them, calorimeter after calorimeter")

#define CONDITIONS_COLUMNS(C)                                                                                 \
    C(u8,  40, table_name, "1", "table of constants: its name in ASCII, filled up with zeros")                \
    C(i64, 1, iov_id, "1", "the interval of validity that was read")                                          \
    C(i64, 1, begin_time, "1", "where it begins: (run 10^s + subrun) 10^e + event, digits as in src/CONDITIONS.md") \
    C(u8,  40, content_sha1, "1", "SHA-1 of its keys and values, ASCII")

#define LASER_PULSE_COLUMNS(C)                                                                                \
    C(u8,  1, kind, "1", "0 sync pulse before injection, 1 in the fill, 2 out of the fill (laser fills), 3 second of a double pulse, 4 its first") \
    C(u8,  1, calo, "1", "calorimeter 1..24; 100 + crate: a source monitor")                                  \
    C(u8,  1, crystal, "1", "crystal 0..53 (segment of a source monitor)")                                    \
    C(f64, 1, t_fill_ns, "ns", "time of the pulse's peak, from injection (laser fills: from the record's start)") \
    C(f32, 1, sig_t_ns, "ns", "its standard error")                                                           \
    C(f32, 1, amplitude_adc, "adc", "fitted peak amplitude")                                                  \
    C(f32, 1, sig_amplitude_adc, "adc", "its standard error (electronic noise only)")                         \
    C(f32, 1, monitor_adc, "adc", "mean peak amplitude of the laser's source monitor for this pulse; 0: none seen") \
    C(f32, 1, response, "1", "amplitude over that of the monitor; without a monitor in use the amplitude")    \
    C(f32, 1, delay_ns, "ns", "second of a double pulse: time after the first; else 0")                       \
    C(f32, 1, first_adc, "adc", "second of a double pulse: amplitude of the first; else 0")                   \
    C(f32, 1, chi2_ndf, "1", "chi-square over degrees of freedom of the trace's fit")                         \
    C(u8,  1, status, "1", "bits of table pulse's status; 16: the monitor was not seen, 32: other light in the trace")

#define LASER_SUM_COLUMNS(C)                                                                                  \
    C(u8,  1, calo, "1", "calorimeter 1..24")                                                                 \
    C(u8,  1, crystal, "1", "crystal 0..53")                                                                  \
    C(u32, 1, n_response, "1", "laser pulses outside the fill: sync and laser fills, not the second of a double") \
    C(f64, 1, sum_response, "1", "sum of their responses")                                                    \
    C(f64, 1, sum_response2, "1", "sum of their squares")                                                     \
    C(u32, 1, n_time, "1", "sync pulses with a time")                                                         \
    C(f64, 1, sum_dt_ns, "ns", "sum of their times against the mean of all crystals in the fill")             \
    C(f64, 1, sum_dt2_ns2, "ns^2", "sum of the squares")
#define AUX_PULSE_COLUMNS(C)                                                                                  \
    C(u8,  1, crate, "1", "25 T0, 26 IBMS, 28 fibre harps")                                                   \
    C(u8,  1, channel, "1", "segment in the crate")                                                           \
    C(u8,  1, detector, "1", "0 fibre harp, 3 IBMS, 4 T0")                                                    \
    C(f64, 1, t_fill_ns, "ns", "charge-weighted mean time, from injection")                                   \
    C(f32, 1, amplitude_adc, "adc", "highest sample above pedestal")                                          \
    C(f32, 1, area_adc, "adc", "sum of samples above pedestal")                                               \
    C(f32, 1, pedestal_adc, "adc", "fill pedestal")                                                           \
    C(i32, 1, n_samples, "ct", "samples in it")
/* clang-format on */

/* name, list, tier, is_per_unit, doc */
#define TABLES(T)                                                                                                      \
    T(muon, MUON_COLUMNS, "sim", false, "muons as they start: one row a muon")                                         \
    T(vertex, VERTEX_COLUMNS, "sim", false, "how each muon ended")                                                     \
    T(positron, POSITRON_COLUMNS, "sim", false, "positrons at birth: one row a decay")                                 \
    T(calo_hit, CALO_HIT_COLUMNS, "sim", false, "positrons at a calorimeter's face")                                   \
    T(mip_hit, MIP_HIT_COLUMNS, "sim", false, "lost muons that cross a calorimeter")                                   \
    T(crystal_hit, CRYSTAL_HIT_COLUMNS, "sim", false, "light of one positron or lost muon in one crystal")             \
    T(fill_truth, FILL_TRUTH_COLUMNS, "sim", false, "what kind of fill was simulated: one row a fill")                 \
    T(gain_truth, GAIN_TRUTH_COLUMNS, "sim", true, "what each channel was made like in this subrun")                   \
    T(raw, RAW_COLUMNS, "raw", false, "the fill's MIDAS event")                                                        \
    T(odb, ODB_COLUMNS, "raw", true, "the run's settings")                                                             \
    T(fill, FILL_COLUMNS, "reco", false, "one row a fill")                                                             \
    T(island, ISLAND_COLUMNS, "digit", false, "chopped islands")                                                       \
    T(trace, TRACE_COLUMNS, "digit", false, "one crystal's samples in one island")                                     \
    T(sample, SAMPLE_COLUMNS, "digit", false, "digitiser samples")                                                     \
    T(q_hist, Q_HIST_COLUMNS, "digit", false, "fill-summed Q histograms: one row a crystal, in fills that end a sum")  \
    T(q_count, Q_COUNT_COLUMNS, "digit", false, "bins of the Q histograms")                                            \
    T(gpu_fit, GPU_FIT_COLUMNS, "digit", false, "pulses as the DAQ's GPU fitted them")                                 \
    T(calo_sum, CALO_SUM_COLUMNS, "digit", false,                                                                      \
      "sum of a calorimeter's crystals against time: one row a calorimeter")                                           \
    T(sum_count, SUM_COUNT_COLUMNS, "digit", false, "bins of the calorimeter sums")                                    \
    T(mip_triple, MIP_TRIPLE_COLUMNS, "calib", true, "muons that crossed three calorimeters, for times and energies")  \
    T(channel_count, CHANNEL_COUNT_COLUMNS, "calib", true, "pulses and answers of every channel in a subrun")          \
    T(aux_pulse, AUX_PULSE_COLUMNS, "reco", false, "pulses of T0, IBMS and fibre harps")                               \
    T(pulse, PULSE_COLUMNS, "reco", false, "fitted pulses")                                                            \
    T(laser_pulse, LASER_PULSE_COLUMNS, "reco", false, "laser pulses")                                                 \
    T(laser_sum, LASER_SUM_COLUMNS, "calib", true,                                                                     \
      "laser pulses outside the fill, summed: one row a crystal and subrun")                                           \
    T(cluster, CLUSTER_COLUMNS, "reco", false, "positron candidates")                                                  \
    T(dqc, DQC_COLUMNS, "dqc", false, "quality of a fill: one row a fill")                                             \
    T(dqc_subrun, DQC_SUBRUN_COLUMNS, "dqc", true, "quality of a subrun: one row a subrun")                            \
    T(monitor, MONITOR_COLUMNS, "dqc", true, "a subrun for shifters: one row a subrun")                                \
    T(monitor_channel, MONITOR_CHANNEL_COLUMNS, "dqc", true, "its channels: one row a crystal")                        \
    T(cluster_truth, CLUSTER_TRUTH_COLUMNS, "reco", false, "what each cluster was (simulation only)")                  \
    T(conditions, CONDITIONS_COLUMNS, "calib", true, "constants that were read for this unit; always written")

#define TABLES_DECLARE(stem, LIST, tier, per_unit, doc) TABLE_DECLARE(stem, LIST)
TABLES(TABLES_DECLARE)

#endif
