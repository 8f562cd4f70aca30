# A full disk: one clear message, nothing under a final name that is not whole; with room again the job goes on.
# timeout: 120
. "$SOURCE/tests/job.sh"
[ "$(id -u)" = 0 ] || { echo "root is needed to mount a small tmpfs; not run"; exit 0; }
RAW_SUBRUNS=-1 small_fcl 60 2 3
mkdir disk && mount -t tmpfs -o size=1500k none disk || fail "mount"
trap 'umount -l disk' EXIT
"$GM2" -c small.fcl -n 30 -o disk/x.h5 >log 2>&1
rc=$?
[ $rc = 66 ] || { cat log; fail "exit $rc, 66 expected"; }
grep -qi "space" log || { cat log; fail "the system's reason is not told"; }
[ -z "$(find disk -name '*.part')" ] || fail "a .part is left"
/usr/bin/python3 - <<'PY' || fail "a published file is not whole"
import glob, h5py
for name in glob.glob("disk/*.h5"):
    with h5py.File(name) as f:
        f.visititems(lambda _, d: d[()] if isinstance(d, h5py.Dataset) else None)
PY
mount -o remount,size=200m disk || fail "remount"
"$GM2" -c small.fcl -n 30 -o disk/x.h5 >log 2>&1 || { cat log; fail "with room again"; }
"$GM2" -c small.fcl -n 30 -o ref/x.h5 >log 2>&1 || { cat log; fail "undisturbed run"; }
same_shards ref disk
exit 0
