# gm2 raw: what a raw file holds, strict checks, the ODB; clear words for what is wrong.
# timeout: 60
. "$SOURCE/tests/job.sh"
RAW_SUBRUNS=1 small_fcl 20 3 1
"$GM2" -c small.fcl -n 3 -o out/x.h5 >log 2>&1 || { cat log; fail "simulation"; }
raw=out/gm2_run00001_00000.mid
expect() { # CODE WORDS COMMAND...
  local code=$1 words=$2 rc
  shift 2
  "$@" >log 2>&1
  rc=$?
  [ $rc = "$code" ] || { cat log; fail "exit $rc, $code expected: $*"; }
  grep -qF -- "$words" log || { cat log; fail "\"$words\" is not said by: $*"; }
}
expect 0 "run 1, 5 events, $(stat -c %s $raw) bytes" "$GM2" raw check $raw
expect 0 "id 0x0001 serial 2" "$GM2" raw list $raw
expect 0 "id 0x0001 serial 2" "$GM2" raw ls $raw
expect 0 "3 fills, 0 with damage" "$GM2" raw check $raw --checks sizes
expect 0 "54 pedestals" "$GM2" raw dump $raw 1
expect 0 "trigger" "$GM2" raw dump $raw
expect 29 "serial number 77" "$GM2" raw dump $raw 77
expect 88 "--checks sizes" "$GM2" raw check $raw --sloppy
for how in zlib fz; do # compressed banks: opened by dump; a changed byte costs that crate in that fill
  "$GM2" -c small.fcl -n 3 -o $how/x.h5 --set outputs.raw.compress=$how >log 2>&1 || { cat log; fail "simulation, $how"; }
  packed=$how/gm2_run00001_00000.mid
  expect 0 "54 pedestals" "$GM2" raw dump $packed 1
  expect 0 "0 with damage" "$GM2" raw check $packed --checks all
  name=$([ $how = fz ] && echo FZ07 || echo cT07)
  at=$(grep -abo $name $packed | head -2 | tail -1 | cut -d: -f1)
  cp $packed bad.mid
  printf '\377\377' | dd of=bad.mid bs=1 seek=$((at + 60)) conv=notrunc status=none
  expect 16 "1 of 3 fills have damaged crates" "$GM2" raw check bad.mid
  expect 0 "damaged crates: 7" "$GM2" raw check bad.mid --lenient
  expect 0 "damaged: compressed bank $name" "$GM2" raw dump bad.mid
done
expect 0 "CT24 type 5" "$GM2" raw banks $raw
expect 0 "24000" "$GM2" raw odb $raw "/equipment/amc1325/settings/injection sample"
expect 0 "/Experiment/Run number = 1" "$GM2" raw odb $raw
expect 29 "/no/such key" "$GM2" raw odb $raw "/no/such key"
expect 88 "odb FILE" "$GM2" raw dance $raw
expect 20 "absent.mid" "$GM2" raw list absent.mid
: >empty.mid
expect 16 "empty" "$GM2" raw list empty.mid
cp $raw name.mid.gz
expect 16 "gzip" "$GM2" raw list name.mid.gz
gzip -c $raw >good.mid.gz
expect 0 "5 events" "$GM2" raw check good.mid.gz
mv good.mid.gz plain.mid
expect 16 "gz" "$GM2" raw list plain.mid

size=$(stat -c %s $raw)
head -c $((size - 10)) $raw >cut.mid
expect 16 "event 4 at byte" "$GM2" raw check cut.mid
expect 0 "is truncated" "$GM2" raw check cut.mid --lenient
expect 0 "truncated" "$GM2" raw list cut.mid
cat $raw $raw >twice.mid
expect 16 "event 5" "$GM2" raw check twice.mid
expect 0 "id 0x8001" "$GM2" raw list twice.mid
