# A shard has the same content for any number of ranks, and the same bytes when repeated with the same number.
# timeout: 300
# ranks: 3
set -euo pipefail
program=$BUILD/tests/p_shard
mkdir units
env -i "$program" make units # in an empty environment and without MPI, as on the grid
units=$(echo units/unit{0..6}.h5)
"$program" serial.h5 $units || exit 1
for n in 1 2 3 16; do
    "$MPIEXEC" -n $n "$program" a$n.h5 $units
    test $n = 16 || "$MPIEXEC" -n $n "$program" b$n.h5 $units
    test $n = 16 || cmp a$n.h5 b$n.h5 >&2 || { echo "the bytes differ between two runs on $n ranks" >&2; exit 1; }
    h5diff serial.h5 a$n.h5 || { echo "the content on $n ranks differs from the serial one" >&2; exit 1; }
    h5dump -A a$n.h5 | sed 1d | sha256sum # names, shapes, types and attributes: h5diff passes over some
done | sort -u >kinds
test "$(wc -l <kinds)" = 1 || { cat kinds; echo "attributes depend on the number of ranks"; exit 1; }
ls -l units serial.h5 a*.h5
test -z "$(ls | grep part || true)"
