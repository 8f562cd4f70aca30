# Inputs that are not here: gone, on tape, elsewhere (a stand-in for xrdcp that fails, cuts, hangs). What cannot be read is not started, not
# parked and not lost; it is taken when it is there. Products go to a store elsewhere only as whole copies.
# timeout: 300
. "$SOURCE/tests/check.sh"
show() { tail -5 err log 2>/dev/null; }
export FHICL_FILE_PATH=$SOURCE/jobs/fcl GM2_BACKOFF_S=0.05
DB=$("$SOURCE/tests/database" prod)
sed 's/source: { module_type: RawInput }/source: { module_type: RawInput truncated: "error" }/' "$FHICL_FILE_PATH/reco.fcl" >strict.fcl
"$GM2" -c mdc1.fcl -n 12 -o box/x.h5 --set source.fills_per_subrun=2 --set physics.producers.gun.muons_per_fill=20 \
  --set outputs.raw.max_subruns=-1 >log 2>&1 || { cat log; fail simulation; }
rm -f box/x*
"$GM2" files init "$DB" || fail init
"$GM2" files ingest "$DB" box --to store >log 2>&1 || { cat log; fail ingest; }
n=0; for f in $(find "$PWD/store" -name '*.mid' | sort); do raw[n]=$f; n=$((n + 1)); done
same "$n" 6 "raw files"
dir=$(dirname "${raw[0]}")
locality() { echo "$2" >"$dir/.(get)($(basename "${raw[$1]}"))(locality)"; }
write() { # STAGE SPLIT [MORE]
  cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" store: "${STORE:-$PWD/kept}" }
stages: { $1: { config: "$PWD/strict.fcl" dataset: "data_tier raw" split: "$2" set: ["process_name=$1"] max_attempts: 3 ${3:-} } }
FCL
  "$GM2" campaign start "$DB" c.fcl >/dev/null || fail "start $1"
}
number() { "$GM2" campaign status "$DB" small --json | python3 -c "import json, sys; print(json.load(sys.stdin)['stages'][0]['files']['$1'])"; }
passes() { # UNTIL: so many are done
  for _ in $(seq 150); do "$GM2" campaign step "$DB" small >out.txt 2>err; [ "$(number done)" -ge "$1" ] && [ "$(number running)" = 0 ] && return; sleep 0.2; done
  cat out.txt err; fail "not $1 done"
}

# one gone, one on tape
mv "${raw[1]}" away.mid; locality 2 NEARLINE
write gone "nfiles(2)"
passes 4
same "$(number gone) $(number staging) $(number left) $(number parked)" "1 1 2 0" "gone, on tape"
"$GM2" campaign step "$DB" small >out.txt 2>err
grep -q "gone: 1 files wait for staging, 1 are gone" out.txt || { cat out.txt; fail "words of a pass"; }
"$GM2" campaign status "$DB" small >out.txt; grep -q "1 files are gone from all their places" out.txt || { cat out.txt; fail "words of status"; }
"$GM2" campaign plan "$DB" c.fcl >out.txt 2>&1; grep -q "1 on tape, 1 gone" out.txt || { cat out.txt; fail "words of plan"; }
locality 2 ONLINE; passes 5
mv away.mid "${raw[1]}"
"$GM2" campaign step "$DB" small --loop 0.2 >out.txt 2>err || { cat out.txt err; fail "all are there, yet not done"; }
same "$(number done) $(number gone) $(number staging)" "6 0 0" "all came back"
same "$("$GM2" files count "$DB" "gm2.process_name gone" | cut -d, -f1)" "6 files" "each once"

# stagedfiles: only what is staged, two at a time
for i in 0 1 2 3 4 5; do locality $i NEARLINE; done
write staged "stagedfiles(2)" "max_submissions: 1"
"$GM2" campaign step "$DB" small >out.txt 2>err; same "$(number running) $(number staging)" "0 6" "nothing is staged"
locality 1 ONLINE; locality 4 ONLINE_AND_NEARLINE; locality 5 ONLINE
"$GM2" campaign step "$DB" small >out.txt 2>err; same "$(number running)" 2 "two of three"
passes 3
for i in 0 2 3; do locality $i ONLINE; done
"$GM2" campaign step "$DB" small --loop 0.2 >out.txt 2>err || { cat out.txt err; fail staged; }
same "$("$GM2" files count "$DB" "gm2.process_name staged" | cut -d, -f1)" "6 files" "each once"
find "$dir" -name '.(get)*' -delete

# elsewhere: the job copies in
mkdir bin far
cat >bin/tool <<'SH'
#!/bin/bash
here=$(dirname "$(dirname "$(readlink -f "$0")")")
map() { case $1 in root://there/*) echo "$here/far/${1#root://there/}" ;; *) echo "$1" ;; esac; }
if [ "$(basename "$0")" = xrdcp ]; then
  while [ "${1#-}" != "$1" ]; do shift; done
  step=$(flock "$here/plan.lock" bash -c 'head -1 "$0/plan" 2>/dev/null; sed -i 1d "$0/plan" 2>/dev/null' "$here")
  from=$(map "$1") to=$(map "$2"); mkdir -p "$(dirname "$to")"
  case ${step:-ok} in fail) echo "no route to host" >&2; exit 54 ;; cut) head -c 1000 "$from" >"$to" ;; hang) exec sleep 60 ;; *) cp "$from" "$to" ;; esac
  exit
fi
f=$here/far/${3#/}
case $2 in
  stat) [ -e "$f" ] || { echo "[ERROR] Server responded with an error: [3011] No such file or directory" >&2; exit 54; }
    echo "Size:   $(stat -c %s "$f")"; echo "Flags:  16 (IsReadable)" ;;
  query) python3 -c 'import sys, zlib; print("adler32 %08x" % zlib.adler32(open(sys.argv[1], "rb").read()))' "$here/far/${4#/}" ;;
  mv) mv -n "$f" "$here/far/${4#/}" ;;
  rm) rm "$f" ;;
esac
SH
chmod +x bin/tool; for t in xrdcp xrdfs; do ln -s tool bin/$t; done
export PATH=$PWD/bin:$PATH GM2_PLACES=$PWD/places.fcl
echo 'root: { copy_s: 6 }' >places.fcl
mkdir -p far/in
for i in 0 1 2 3 4 5; do
  cp "${raw[$i]}" far/in/; name=$(basename "${raw[$i]}")
  "$GM2" files locate "$DB" "$name" "root://there//in/$name" || fail locate
done
for i in 0 1; do mv "${raw[$i]}" "kept$i"; done # the others are read from here
write far "nfiles(1)" "max_submissions: 1"
printf '%s\n' fail cut hang >plan
"$GM2" campaign step "$DB" small --loop 0.2 >out.txt 2>err || { cat out.txt err; fail far; }
same "$("$GM2" files count "$DB" "gm2.process_name far" | cut -d, -f1)" "6 files" "each once"
same "$(cat out/far_*/*/list.txt | grep -c '^root://') $(cat out/far_*/*/list.txt | grep -c '^/')" "2 4" "near ones first"
same "$(cat out/far_*/*/copies/grid_job.json | grep -c '"what": "in".*"tries": 4')" 1 "three copies failed"
same "$("$GM2" files lineage "$DB" "$("$GM2" files list "$DB" "gm2.process_name far" | head -1)" | grep -c "$(basename "${raw[0]}")")" 1 "parents"
for i in 0 1; do mv "kept$i" "${raw[$i]}"; done

# a store elsewhere: what is cut or fails is tried again in the next pass
STORE=root://there//out write sent "nfiles(3)" "to_store: true"
printf '%s\n' cut fail ok hang >plan
"$GM2" campaign step "$DB" small --loop 0.2 >out.txt 2>err || { cat out.txt err; fail sent; }
same "$("$GM2" files count "$DB" "gm2.process_name sent" | cut -d, -f1)" "6 files" "each once"
same "$(find far/out -name '*.h5' | wc -l) $(find far/out -name '*part*' | wc -l)" "6 0" "whole copies"
"$GM2" files audit "$DB" "gm2.process_name sent" --checksums >out.txt || { cat out.txt; fail audit; }
same "$(tail -1 out.txt)" "6 files at 6 places: 0 missing, 0 damaged" "the audit asks there"
exit 0
