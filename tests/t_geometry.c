/* Where the detectors are. */
#include "geometry.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void faces_and_crystals(void **state)
{
    (void)state;
    assert_true(fabs(geometry_calo_phi_rad(1) - 13.0 * PI / 180.0) < 1e-12);
    assert_true(fabs(geometry_calo_phi_rad(24) - 358.0 * PI / 180.0) < 1e-12);
    /* crystal 0: column 1, innermost; row 1, lowest. crystal 53: outermost, highest */
    assert_true(fabs(geometry_crystal_x_mm(0) + 4 * 25.1) < 1e-9 && fabs(geometry_crystal_y_mm(0) + 2.5 * 25.1) < 1e-9);
    assert_true(fabs(geometry_crystal_x_mm(53) - 4 * 25.1) < 1e-9 &&
                fabs(geometry_crystal_y_mm(53) - 2.5 * 25.1) < 1e-9);
    double x = 0.0, y = 0.0;
    for (int c = 0; c < N_CRYSTALS; c++) {
        x += geometry_crystal_x_mm(c);
        y += geometry_crystal_y_mm(c);
    }
    assert_true(fabs(x) < 1e-9 && fabs(y) < 1e-9);
    /* outer edge of the array at 7015 mm, clear of the stored beam */
    assert_true(fabs(CALO_CENTRE_R_MM + 4.5 * CRYSTAL_PITCH_MM - 7015.0) < 1e-9);
    assert_true(CALO_OUTER_R_MM < RING_R0_MM - APERTURE_MM);
}

/* The constants form one consistent set: what follows from others agrees with what is printed. */
static void constants_are_consistent(void **state)
{
    (void)state;
    double p = MUON_MASS_GeV / sqrt(MUON_ANOMALY), gamma = sqrt(1.0 + 1.0 / MUON_ANOMALY);
    assert_true(fabs(p / MAGIC_P_GeV - 1.0) < 1e-9);
    assert_true(fabs(gamma / MAGIC_GAMMA - 1.0) < 1e-9);
    assert_true(fabs(GeV_PER_T_MM * RING_B0_T * RING_R0_MM / p - 1.0) < 1e-9);
    double omega_c = C_MM_NS * sqrt(1.0 - 1.0 / (gamma * gamma)) / RING_R0_MM;
    assert_true(fabs(omega_c / OMEGA_C_RADNS - 1.0) < 1e-9);
    assert_true(fabs(MUON_ANOMALY * gamma * omega_c / OMEGA_A_RADNS - 1.0) < 1e-8);
    assert_true(fabs(2.0 * PI / omega_c / CYCLOTRON_PERIOD_NS - 1.0) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faces_and_crystals),
        cmocka_unit_test(constants_are_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
