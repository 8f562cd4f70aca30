# The system refuses the k-th call: the unit file is not published, the message says why, the exit status is 66, and
# nothing is left behind. (After a failed fsync, link or close the library must not crash either.)
# timeout: 300
set -eu
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 # a leak check cannot run under a tracer
if ! strace -o /dev/null true 2>/dev/null; then
    echo "skipped: strace cannot trace here"
    exit 0
fi
mkdir units
faults=0
for call in pwrite64:error=EIO pwrite64:error=ENOSPC ftruncate:error=EIO fsync:error=EIO fallocate:error=EDQUOT; do
    for k in 1 2 3 5 8 13 100; do
        rm -f units/*
        status=0
        strace -o /dev/null -e inject=$call:when=$k "$BUILD/tests/p_shard" make units 2>log || status=$?
        test $status = 0 && test "$(ls units | wc -l)" = 7 && continue # there were not so many calls
        test $status = 66 || { echo "$call, call $k: exit status $status"; cat log; exit 1; }
        grep -q "Input/output error\|No space left\|quota" log || { echo "$call, call $k: no reason"; cat log; exit 1; }
        test "$(ls units | grep -c part)" = 0 || { echo "$call, call $k: left over"; ls units; exit 1; }
        faults=$((faults + 1))
    done
done
echo "$faults faults"
test $faults -ge 20
# no hard links here: the name is given by a rename that replaces nothing
rm -f units/*
strace -o /dev/null -e inject=linkat:error=EPERM -e inject=link:error=EPERM "$BUILD/tests/p_shard" make units
test "$(ls units)" = "$(echo unit{0..6}.h5 | tr ' ' '\n')"
