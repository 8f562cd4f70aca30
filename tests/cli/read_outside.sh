# h5py opens every table of unit files and of a shard, finds units and an index that covers the rows.
set -eu
mkdir units
"$BUILD/tests/p_shard" make units
"$BUILD/tests/p_shard" shard.h5 units/unit*.h5
/usr/bin/python3 "$SOURCE/tests/read_outside.py" units/*.h5 shard.h5 >out
grep -q "/cluster: 243036 rows; .*t_fill_ns \[ns\]" out || { cat out; exit 1; }
# it can say no: a file whose checksum is broken
cp shard.h5 bad.h5
printf 'damage' | dd of=bad.h5 bs=1 seek=$(($(stat -c %s bad.h5) / 3)) conv=notrunc 2>/dev/null
! /usr/bin/python3 "$SOURCE/tests/read_outside.py" bad.h5 >/dev/null 2>&1
