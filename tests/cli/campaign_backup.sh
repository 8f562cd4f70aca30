# A campaign's database is lost and an older copy put in its place: whichever pass the copy is of, going on ends with every file done
# once, by the same names, and with nothing in conflict with what the passes that it does not know of have made.
# timeout: 200
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$PWD/prod.db
"$SOURCE/tests/small_campaign" "$PWD/out" 4 1 2 >c.fcl
"$GM2" files init "$DB" && "$GM2" campaign start "$DB" c.fcl >/dev/null || fail start
n=0
until "$GM2" campaign step "$DB" small >pass 2>>log && grep -q "all is done" pass; do
  [ $n -lt 200 ] || fail "no end"
  n=$((n + 1))
  cp "$DB" "copy$n.db" # no pass is at work
  sleep 0.2
done
names() { "$GM2" files list "$DB" "data_tier raw or data_tier reco" | sort; }
names >wanted
[ "$(wc -l <wanted)" = 12 ] || { cat wanted; fail "the products"; }
for k in 1 $((n / 2)) $((n - 1)); do # the first stage at work, then the second
  cp "copy$k.db" "$DB"
  timeout 100 "$GM2" campaign step "$DB" small --loop 0.2 >loop 2>err || { cat loop err; fail "copy $k of $n does not come to its end"; }
  names | cmp - wanted || { cat err; fail "other products after copy $k of $n"; }
  grep "conflict" err && fail "a conflict after copy $k of $n"
  "$GM2" files coverage "$DB" "data_tier reco and gm2.process_name reco" --wanted "data_tier raw" | grep -q "4 subruns covered, 0 more than once, 0 missing" || fail "coverage after copy $k of $n"
  "$GM2" files audit "$DB" >audit || { cat audit; fail "audit after copy $k of $n"; }
done

# no copy at all: the files themselves say what they are
rm -f "$DB"
"$GM2" files init "$DB" && "$GM2" files rebuild "$DB" out >rebuilt && "$GM2" campaign start "$DB" c.fcl >/dev/null || { cat rebuilt; fail rebuild; }
timeout 100 "$GM2" campaign step "$DB" small --loop 0.2 >loop 2>err || { cat loop err; fail "the rebuilt database does not come to its end"; }
names | cmp - wanted || fail "other products after a rebuild"
grep "conflict\|reconstruct: submission" err && fail "after a rebuild work is done again"
exit 0
