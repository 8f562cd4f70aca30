# A full disk: one message that names the file and the reason, the right exit status, nothing left under a final name.
set -eu
if [ "$(id -u)" != 0 ] || ! mkdir small || ! mount -t tmpfs -o size=900k none small 2>/dev/null; then
    echo "skipped: cannot mount a small file system"
    exit 0
fi
trap 'umount small' EXIT
mkdir units
"$BUILD/tests/p_shard" make units
full() { # what it is called in messages, exit status seen
    test "$2" = 66 || { echo "$1: exit status $2 instead of 66"; cat log; exit 1; }
    grep -q "No space left on device" log || { echo "$1: no reason given"; cat log; exit 1; }
    grep -q "small/" log || { echo "$1: no file named"; cat log; exit 1; }
}
status=0
"$BUILD/tests/p_shard" make small 2>log || status=$?
full units $status
test "$(ls small | grep -c part)" = 0
for unit in small/*.h5; do "$BUILD/tests/p_shard" small/one.h5 $unit 2>/dev/null && break; done # those that are there are whole
ls small | grep -q unit1 # and some are
rm small/*
for n in 1 2 3; do
    status=0
    timeout 60 "$MPIEXEC" -n $n "$BUILD/tests/p_shard" small/shard.h5 units/unit*.h5 >log 2>&1 || status=$?
    full "shard on $n ranks" $status
    test -z "$(ls small)" || { echo "left over:"; ls -l small; exit 1; }
done
