# merge.fcl: several datasets into one file; what does not belong together is refused with its name, and nothing is left.
# timeout: 120
. "$SOURCE/tests/job.sh"
small_fcl 20 2 1
small() { "$GM2" -c small.fcl "$@" >log 2>&1 || { cat log; fail "$*"; }; }
small -n 6 -o a/x.h5
small -n 4 -o b/x.h5 --set source.run=2
merge() { "$GM2" -c merge.fcl "$@" >log 2>&1; }
refused() { # CODE WORDS ARGUMENTS: exit status, in the message, and no file
  local code=$1 words=$2
  shift 2
  merge "$@" -o bad/y.h5
  local rc=$?
  [ $rc = "$code" ] || { cat log; fail "$words: exit $rc, $code expected"; }
  grep -q "$words" log || { cat log; fail "no \"$words\" in the message"; }
  [ -z "$(ls bad 2>/dev/null)" ] || { ls bad; fail "$words: something was left"; }
}
same_data() { # all tables and histograms; the parents are others
  local object objects
  objects=$(h5ls "$1" | sed 's/ .*//')
  [ "$objects" = "$(h5ls "$2" | sed 's/ .*//')" ] || return 1
  for object in $objects; do h5diff -q "$1" "$2" "/$object" || return 1; done
}
ls a/*.h5 >a.txt
cat a.txt <(ls b/*.h5) >ab.txt
sort -r ab.txt >ba.txt
grep -v s00001 a.txt >gap.txt
cat a.txt <(echo a/x_r000001_s00002.h5) >twice.txt
may='source.may_differ=["source.run"]'

merge -S a.txt -o m/a.h5 || { cat log; fail "one dataset"; }
grep -q 'Merged .* 3 units, 6 fills' log || { cat log; fail "the closing line"; }
[ "$(ls m)" = "$(printf 'a.h5\na.h5.json')" ] || { ls m; fail "one file and its JSON are expected"; }
# the same as a shard of the same units
small_fcl 20 2 3
small -n 6 -o s/x.h5
same_data m/a.h5 s/x_shard00000.h5 || fail "a merged file differs from a shard"
[ "$(h5dump -a config_id m/a.h5 | grep '(0)')" = "$(h5dump -a config_id s/x_shard00000.h5 | grep '(0)')" ] || fail "config_id"
grep -q '"file_name":.*"x_r000001_s00002.h5"' m/a.h5.json || fail "parents"
grep -q '"gm2.process_name":.*"mdc1"' m/a.h5.json || fail "the process that made it"
merge -S a.txt -o m/a.h5 || { cat log; fail "the same again"; }

refused 23 'source.run is 2, not 1' -S ab.txt
merge -S ab.txt -o m/ab.h5 --set "$may" && merge -S ba.txt -o m/ba.h5 --set "$may" || { cat log; fail "two datasets"; }
h5diff m/ab.h5 m/ba.h5 || fail "the order of the list counts"
merge -s m/a.h5 -s b/x_r000002_s00000.h5 -s b/x_r000002_s00001.h5 -o m/abb.h5 --set "$may" || { cat log; fail "merged files again"; }
same_data m/ab.h5 m/abb.h5 || fail "in two steps it is another file"

# histograms alone, as sums of a run
merge -S a.txt -o m/sums.h5 --set 'source.drop=[reco, sim]' || { cat log; fail "drop"; }
h5diff m/a.h5 m/sums.h5 /hist && h5diff m/a.h5 m/sums.h5 /units || fail "drop changes the sums"
h5ls m/sums.h5 | grep -qE '^(cluster|vertex|fill) ' && { h5ls m/sums.h5; fail "drop leaves tables"; }
refused 91 'neither a tier' -S a.txt --set 'source.drop=[clusters]'

refused 23 'run 1 subrun 1: missing' -S gap.txt
merge -S gap.txt -o m/gap.h5 --set 'source.accept_gaps=["1:1"]' || { cat log; fail "accepted gap"; }
refused 23 'run 1 subrun 3: missing' -S a.txt --set 'source.expect=["1:0..3"]'
refused 23 'is in a/x_r000001_s00002.h5 and in a/x_r000001_s00002.h5' -S twice.txt
merge -S twice.txt -o m/twice.h5 --set 'source.accept_duplicates=["1:2"]' || { cat log; fail "accepted duplicate"; }
# which job merged, and that it was told of the duplicate, is in an attribute
h5diff --exclude-attribute / m/a.h5 m/twice.h5 || fail "a duplicate that is left out changes the file"
refused 91 'is no rule' -S a.txt --set 'source.accept_gaps=["one"]'
refused 88 'no files to merge'
refused 88 'merged whole' -S a.txt -n 3
refused 20 'none.h5' -s none.h5
head -c 20000 a/x_r000001_s00001.h5 >cut.h5
refused 16 'cut.h5' -s a/x_r000001_s00000.h5 -s cut.h5
merge --validate-config -S a.txt -o v/y.h5 && [ ! -e v/y.h5 ] || { cat log; fail "--validate-config"; }
merge -S ab.txt -o m/a.h5 --set "$may"
[ $? = 23 ] && grep -q 'holds other units' log || { cat log; fail "another content under a name that is there"; }
# streams
sed -i 's/"data_stream":.*,/"data_stream": "laser",/' a/x_r000001_s00001.h5.json
refused 23 'data_stream' -S a.txt
merge -S a.txt -o m/stream.h5 --set services.FileCatalogMetadata.streamName=laser || { cat log; fail "stream"; }
exit 0
