# Sixteen writers at once on PostgreSQL, with passes of a campaign and drop boxes: nothing lost, nothing doubled. Then sixteen with
# files that half of them have otherwise: the first stands, and what the others have is noted once.
# timeout: 200
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
database many
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
tally() { cat declare.? declare.1? | awk '{d += $1; k += $3; c += $5; r += $8} END {print d, k, c, r}'; }
same "$(tally)" "200 3000 0 0" "declared once, known 15 times"
"$GM2" files ingest "$DB" box --to store >/dev/null 2>err || { cat err; fail "the box at last"; }
same "$(ls box)" "" "the box is empty"
same "$("$GM2" files count "$DB" "run_number 24337, 24338" | cut -d, -f1)" "320 files" "all files"
same "$("$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw and not run_number 24337, 24338")" \
  "4 subruns covered, 0 more than once, 0 missing" coverage
same "$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d, -f1)" "4 files" "a file an input"
same "$(answer many "select count(*) = max(id) - min(id) + 1 from files")" t "ids without gaps"
same "$(answer many "select count(*) from (select 1 from submission_files f join submissions s on s.id = f.submission_id where s.state = 8000 group by s.stage_id, f.file_id having count(*) > 1) q")" 0 "files done twice"
same "$(answer many "select count(*) from file_conflicts")" 0 conflicts
"$GM2" files audit "$DB" --checksums >out || { cat out; fail audit; }

# other bytes under the same names, by half of the writers
"$SOURCE/tests/make_products.py" one 40
"$SOURCE/tests/make_products.py" other 40 3000
for f in one/* other/*; do mv "$f" "$(echo "$f" | sed 's/run24337/run24339/; s/a_full/c_full/')"; done
sed -i 's/run24337/run24339/g; s/a_full/c_full/g; s/\[24337, /[24339, /' one/*.json other/*.json
pids=
for i in $(seq 16); do
  [ $((i % 2)) = 0 ] && folder=one || folder=other
  "$GM2" files declare "$DB" $(ls $folder/*.json | shuf --random-source=<(yes $i)) >declare.$i 2>declare.err.$i &
  pids="$pids $!"
done
for p in $pids; do
  wait $p
  case $? in 0 | 1) ;; *) tail -n 3 declare.err.*; fail "a writer of other bytes ends with $?" ;; esac
done
same "$(tally)" "80 560 640 0" "each name once; eight writers have it, eight have other bytes"
same "$(answer many "select count(*), count(distinct file_name), count(distinct id) from file_conflicts")" "80|80|80" "each conflict is noted once"
same "$(answer many "select count(*) from file_conflicts c join files f using (file_name) where f.checksum = c.checksum")" 0 "what stands is not in conflict"
same "$(answer many "select count(distinct file_id), count(*) from file_runs where run = 24339")" "80|80" "runs of what stands"
exit 0
