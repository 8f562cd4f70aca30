#!/usr/bin/env python3
"""A small beam at the inflector's exit plane as another program might hand it over: CSV on stdout, N rows.

Stored muons: x_e 5 +- 8 mm, betatron 14 and 13 mm rms, W replaced by a Gaussian of 30 ns. Usage: make_beam.py [N] [SEED]"""
import math
import random
import sys

n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
beta_x, beta_y, dispersion = 7.5, 21.6, 7.97  # m
print("# stored beam at phi = 355 deg; x outward, y up, slopes to the tangent")
print("x_mm,y_mm,xp [mrad],yp [mrad],p [GeV/c],t_ns")
while n > 0:
    x_e, a, b = random.gauss(5, 8), random.gauss(0, 14), random.gauss(0, 14)
    c, d = random.gauss(0, 13), random.gauss(0, 13)
    if (abs(x_e) + math.hypot(a, b)) ** 2 + math.hypot(c, d) ** 2 > 44.0**2:
        continue
    p = 3.09434963118 * (1 + x_e / dispersion / 1000)
    print(f"{x_e + a:.4f},{c:.4f},{b / beta_x:.5f},{d / beta_y:.5f},{p:.7f},{random.gauss(0, 30):.3f}")
    n -= 1
