# The same on SQLite and PostgreSQL: every test of the command line that takes its database from FILES_DB is run on both, each call's
# answer and status and at the end every file's metadata must be equal. Then 16 writers at once on PostgreSQL, with passes of a campaign
# and a drop box: nothing lost, nothing doubled.
# timeout: 400
# ranks: 2
set -u
fail() { echo "FAILED: $*"; exit 1; }
same() { [ "$1" = "$2" ] || fail "$3: wanted \"$2\", got \"$1\""; }
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
lab=$(mktemp -d /tmp/gm2-pgsql.XXXXXX) && chmod 755 "$lab"
trap '"$SOURCE/tests/pgsql-here" down "$lab/s"; rm -rf "$lab"' EXIT
"$SOURCE/tests/pgsql-here" up "$lab/s" || fail "PostgreSQL does not start"
. "$lab/s/env"
export GM2_REAL=$GM2
every() { # DB: metadata of all files that there are, without what differs from run to run
  "$GM2" files list "$1" "file_size >= 0 with availability any" --columns file_name | sort | while read -r name; do
    "$GM2" files get "$1" "$name"
  done | /usr/bin/python3 -c '
import json, sys
d, text = json.JSONDecoder(), sys.stdin.read().strip()
while text:
    m, end = d.raw_decode(text)
    text = text[end:].strip()
    for k in [k for k in m if k == "file_id" or k.startswith(("create_", "update_", "retired_d", "start_time", "end_time", "gm2.cpu", "gm2.peak", "gm2.wall", "gm2.host"))]:
        del m[k]
    print(json.dumps(m, sort_keys=True))'
}
n_scripts=0
for script in $(grep -l 'FILES_DB' "$SOURCE"/tests/cli/*.sh); do
  name=$(basename "$script" .sh)
  n_scripts=$((n_scripts + 1))
  for db in $name cond_$name; do psql -X -q -d postgres -c "create database \"$db\"" || fail "create database"; done
  for engine in sqlite pgsql; do
    mkdir "$name.$engine"
    [ $engine = sqlite ] && db=$PWD/$name.sqlite/x.db cond=$PWD/$name.sqlite/cond.db || db=$URL/$name cond=$URL/cond_$name
    (cd "$name.$engine" && GM2=$SOURCE/tests/record RECORD=$PWD/record FILES_DB=$db COND_DB=$cond bash "$script") >log 2>&1 ||
      { cat log; fail "$name on $engine"; }
    every "$db" >"$name.$engine/every" || fail "$name on $engine: metadata of all"
    # paths, names of databases and times are those of the run
    sed -i -E -e "s|$cond|COND|g; s|$db|DB|g; s|$PWD/$name.$engine|HERE|g; s/20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(Z|\+00:00)/TIME/g" \
      -e 's/("(gm2\.cpu_s|gm2\.peak_rss_kB|gm2\.wall_s|create_date|update_date)": ?)[^,]*/\1-/' -e 's/\b1[789][0-9]{8}\b/TIME/g' \
      "$name.$engine/record" "$name.$engine/every"
  done
  [ -s "$name.sqlite/record" ] || fail "$name: nothing was recorded"
  for what in record every; do
    diff "$name.sqlite/$what" "$name.pgsql/$what" >diff || { head -20 diff; fail "$name: SQLite (<) and PostgreSQL (>) differ"; }
  done
  echo "$name: $(grep -c '^\$ gm2' "$name.sqlite/record") answers and $(wc -l <"$name.sqlite/every") files equal on both"
done
[ $n_scripts -ge 5 ] || fail "only $n_scripts scripts take FILES_DB"

# hostile names on a server: each fifth
psql -X -q -d postgres -c "create database hostile" || fail "create database"
mkdir hostile && (cd hostile && "$SOURCE/tests/hostile_names.py" "$URL/hostile" 5) || fail "hostile names on PostgreSQL"

# 16 writers, all of them with the same files; four passes; two drop boxes
psql -X -q -d postgres -c "create database many" || fail "create database"
DB=$URL/many
"$SOURCE/tests/small_campaign" "$PWD/products" 4 1 2 >c.fcl
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
"$SOURCE/tests/make_products.py" all 100
"$SOURCE/tests/make_products.py" box 60 2000
for f in box/*; do mv "$f" "$(echo "$f" | sed 's/run24337/run24338/; s/a_full/b_full/')"; done
sed -i 's/run24337/run24338/g; s/a_full/b_full/g; s/\[24337, /[24338, /' box/*.json
pids=
for i in $(seq 16); do
  "$GM2" files declare "$DB" all/*.json >declare.$i 2>declare.err.$i &
  pids="$pids $!"
done
for i in 1 2; do
  "$GM2" files ingest "$DB" box --to store >ingest.$i 2>ingest.err.$i &
  pids="$pids $!"
done
for i in 1 2 3 4; do
  "$GM2" campaign step "$DB" small --loop 0.2 >step.$i 2>step.err.$i &
  pids="$pids $!"
done
for p in $pids; do wait $p || { tail -n 3 declare.err.* ingest.err.* step.err.*; fail "a writer ends with $?"; }; done
same "$(cat declare.? declare.1? | awk '{d += $1; k += $3; c += $5; r += $8} END {print d, k, c, r}')" "200 3000 0 0" "declared once, known 15 times"
"$GM2" files ingest "$DB" box --to store >/dev/null 2>err || { cat err; fail "the box at last"; }
same "$(ls box)" "" "the box is empty"
same "$("$GM2" files count "$DB" "run_number 24337, 24338" | cut -d, -f1)" "320 files" "all files"
same "$("$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw and not run_number 24337, 24338")" \
  "4 subruns covered, 0 more than once, 0 missing" coverage
same "$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d, -f1)" "4 files" "a file an input"
same "$(psql -X -q -t -A -d many -c "select count(*), count(distinct id), max(id) - min(id) + 1 from files")" \
  "$(psql -X -q -t -A -d many -c "select count(*), count(*), count(*) from files")" "ids without gaps"
same "$(psql -X -q -t -A -d many -c "select count(*) from (select 1 from submission_files f join submissions s on s.id = f.submission_id where s.state = 8000 group by s.stage_id, f.file_id having count(*) > 1) q")" 0 "files done twice"
same "$(psql -X -q -t -A -d many -c "select count(*) from file_conflicts")" 0 conflicts
"$GM2" files audit "$DB" --checksums >out || { cat out; fail audit; }
exit 0
