# The catalogue from storage alone: a small campaign runs, then every JSON is deleted, and a new database knows nothing. What the files' own
# headers say is declared again and answers as before.
# timeout: 200
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
for name in old with new bad; do declare "$name=$("$SOURCE/tests/database" $name)"; done
cat >c.fcl <<FCL
campaign: { name: small output: "$PWD/out" }
stages: {
  generate: {
    config: "mdc1.fcl" fills: 6
    set: ["source.fills_per_subrun=2", "physics.producers.gun.muons_per_fill=20", "outputs.raw.max_subruns=-1",
          "services.scheduler.units_per_shard=1"]
  }
  reconstruct: { needs: [generate] config: "preproduction.fcl" dataset: "%(stage.generate)s and data_tier raw" split: "nfiles(2)" }
  all: { needs: [reconstruct] config: "merge.fcl" dataset: "%(stage.reconstruct)s" }
}
FCL
"$GM2" files init "$old" && "$GM2" campaign start "$old" c.fcl >/dev/null || fail start
"$GM2" campaign step "$old" small --loop 0.3 >log 2>&1 || { cat log; fail "the campaign"; }
look() { # DB: all it knows that headers have
  "$GM2" files list "$1" "availability: any" | sort >names
  for n in $(cat names); do "$GM2" files get "$1" "$n"; done |
    grep -vE '"(file_id|create_date|create_user|update_date|start_time|end_time)"|gm2\.(host|n_ranks|cpu_s|peak_rss_kB|n_bad_events|campaign|stage|submission)|^\s*[0-9]+|^\s*\]' |
    grep -vE '"gm2.isa"' | sort
  "$GM2" files coverage "$1" "data_tier dqc" --wanted "data_tier raw"
  "$GM2" files list "$1" "data_tier raw minus isparentof: (data_tier dqc)"
  for n in $(cat names); do "$GM2" files lineage "$1" "$n" | sort; done
}
look "$old" >old
same "$(grep -c '"file_name"' old)" 16 "ten files, six of them named as parents"
# with the JSON all is known again; what they say else than the headers is told, and does not count
json=$(find out -name 'gm2_run00001_00001*.mid.json')
raw=$(basename "${json%.json}")
cp "$json" keep
sed -i 's/"data_stream":.*/"data_stream": "laser",/' "$json"
"$GM2" files init "$with" && "$GM2" files rebuild "$with" out >log 2>err || { cat log err; fail "with JSON"; }
grep -q "^10 declared" log && grep -q "^0 without a JSON, 1 whose JSON says something else" log || { cat log; fail "the tally"; }
grep -q "disagree in data_stream: the header counts" err || { cat err; fail "who counts"; }
diff old <(look "$with") || fail "with JSON"
"$GM2" files get "$with" "$raw" >got
for field in start_time gm2.host gm2.cpu_s; do
  same "$(grep "$field" got)" "$("$GM2" files get "$old" "$raw" | grep "$field")" "$field"
done
cp keep "$json"
# without
find out -name '*.json' -delete
"$GM2" files init "$new" && "$GM2" files rebuild "$new" out >log 2>err || { cat log err; fail "without JSON"; }
grep -q "^10 without a JSON" log && grep -q "^not in the headers.*gm2.host" log && grep -q "^not in storage: definitions" log || { cat log; fail "what is lost is told"; }
diff old <(look "$new") || fail "without JSON"
same "$("$GM2" files rebuild "$new" out 2>&1 | head -1)" "0 declared, 10 known, 0 in conflict, 0 refused" again
same "$("$GM2" files rebuild "$new" "$PWD/out/../out" 2>&1 | head -1)" "0 declared, 10 known, 0 in conflict, 0 refused" "by another path"
# a damaged file, one whose parent is gone, one of no known kind, an unfinished one
gone=$(basename "$(find out -name 'gm2_run00001_00002*.mid')")
find out -name "$gone" -delete
h5=$(find out -name '*_r000001_s00000.h5' -path '*reconstruct*')
printf 'XXXXXXXXXXXXXXXX' | dd of="$h5" bs=1 seek=30000 conv=notrunc 2>/dev/null
echo x >out/notes.txt; echo x >out/y.h5.part
"$GM2" files init "$bad"
"$GM2" files rebuild "$bad" out >log 2>err; same $? 1 "exit status"
grep -q "^6 declared, 0 known, 0 in conflict, 3 refused" log || { cat log err; fail "a damaged and an orphaned file"; }
grep -q "1 unfinished" log && grep -q "$(basename "$h5") is left out" err && grep -q "refused: its parent $gone is not declared" err || { cat log err; fail "words"; }
"$GM2" files rebuild "$bad" nothing 2>err; same $? 20 "no such folder"
exit 0
