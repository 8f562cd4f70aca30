# Raw files that gm2 writes are walked and decoded by an independent parser, plain and compressed, and hold what gm2
# unpacked; reconstruction from disk gives the same tables as from memory.
# timeout: 240
. "$SOURCE/tests/job.sh"
python=/usr/bin/python3
[ -x $python ] || python=python3
$python -c 'import h5py' 2>/dev/null || { echo "no h5py: skipped"; exit 0; }
RAW_SUBRUNS=-1 small_fcl 100 3 1
cat >reco_digit.fcl <<FCL
#include "reco.fcl"
outputs.out.keep: [digit, reco]
FCL
for kind in none gz lz4; do
  suffix=${kind/none/}
  [ $kind = lz4 ] && ! command -v lz4 >/dev/null && { echo "no lz4: not tried"; continue; }
  "$GM2" -c small.fcl -n 3 -o $kind/x.h5 --set outputs.raw.compression=$kind --set 'outputs.out.keep=[digit, reco]' --set 'outputs.out.drop=[]' \
    >log 2>&1 || { cat log; fail "simulation, $kind"; }
  product=$(ls $kind/x_*.h5)
  raw=$kind/gm2_run00001_00000.mid${suffix:+.$suffix}
  $python "$SOURCE/tests/midas_reader.py" "$raw" --against "$product" >walk.$kind || fail "outside reader, $kind"
  "$GM2" -c reco_digit.fcl -s "$raw" -o back/$kind.h5 >log 2>&1 || { cat log; fail "reconstruction, $kind"; }
  for table in fill island trace sample pulse cluster; do
    h5diff -q "$product" back/${kind}_*.h5 /$table || fail "$table differs from memory to disk, $kind"
  done
done
for how in zlib fz; do
  "$GM2" -c small.fcl -n 3 -o $how/x.h5 --set outputs.raw.compress=$how --set 'outputs.out.keep=[digit, reco]' --set 'outputs.out.drop=[]' \
    >log 2>&1 || { cat log; fail "simulation, $how"; }
  raw=$how/gm2_run00001_00000.mid
  [ "$(stat -c %s $raw)" -lt "$(stat -c %s none/gm2_run00001_00000.mid)" ] || fail "$how does not make files smaller"
  "$GM2" raw check $raw >log 2>&1 || { cat log; fail "gm2 raw check, $how"; }
  $python "$SOURCE/tests/midas_reader.py" "$raw" --against "$(ls $how/x_*.h5)" >walk.$how || fail "outside reader, $how"
  cmp walk.none walk.$how || fail "plain and $how banks differ"
  "$GM2" -c reco_digit.fcl -s "$raw" -o back/$how.h5 >log 2>&1 || { cat log; fail "reconstruction, $how"; }
  for table in fill island trace sample pulse cluster; do
    h5diff -q "$(ls none/x_*.h5)" back/${how}_*.h5 /$table || fail "$table differs from memory to disk, $how"
  done
done
cmp walk.none walk.gz || fail "plain and gzip differ"

# the outside reader can say no
head -c 100000 none/gm2_run00001_00000.mid >cut.mid
$python "$SOURCE/tests/midas_reader.py" cut.mid 2>log && fail "a cut file was accepted"
grep -q "cut at byte" log || { cat log; fail "no word about the cut"; }
