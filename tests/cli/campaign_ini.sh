# Campaigns in POMS's .ini layout: the talk's graph read, planned, converted; what is refused names file and line; a small one
# is run to its end.
# timeout: 300
. "$SOURCE/tests/check.sh"
export FHICL_FILE_PATH=$SOURCE/jobs/fcl
DB=$("$SOURCE/tests/database" prod)
"$GM2" files init "$DB" || fail "files init"

# the talk's graph: 9 stages, 8 dependencies
sed "s|^gm2.output = .*|gm2.output = $PWD/talk|" "$SOURCE/jobs/campaigns/talk.ini" >talk.ini
"$GM2" files define "$DB" gm2pro_daq_raw_run3_Prod_C_5218A "data_tier raw" || fail "files define"
"$GM2" campaign plan "$DB" talk.ini >plan.ini || fail "plan of an .ini"
for stage in FullProduction_Run3C_5218A OOF_Run3C IFG_Run3C QDB_Run3C DQC_Run3C Hadd_OOF_Run3C Hadd_IFG_Run3C Hadd_QDB_Run3C \
  Hadd_DQC_Run3C; do grep -q "^$stage " plan.ini || { cat plan.ini; fail "$stage is not in the plan"; }; done
"$GM2" campaign convert talk.ini >talk.fcl || fail convert
"$GM2" campaign plan "$DB" talk.fcl >plan.fcl || fail "plan of what it was converted to"
cmp plan.ini plan.fcl || fail "the plans differ"
sed '1s/.*/# one/' talk.fcl >one.fcl
"$GM2" campaign convert talk.fcl | sed '1s/.*/# one/' | cmp - one.fcl || fail "what was converted reads back as it is"
"$GM2" campaign start "$DB" talk.ini >/dev/null || fail "start of an .ini"
"$GM2" campaign show "$DB" run_v9_71_00_Production FullProduction_Run3C_5218A >/dev/null || fail "show"

# what is refused: a line is put in the place of one, the message names it. EXIT, LINE OF talk.ini, NEW LINE, WORDS
bad() { # EXIT PATTERN NEW WORDS
  awk -v p="$2" -v n="$3" '!d && index($0, p) == 1 { print n; d = 1; next } { print }' talk.ini >bad.ini
  cmp -s bad.ini talk.ini && fail "no line begins with $2"
  line=$(diff talk.ini bad.ini | head -1 | sed 's/[^0-9].*//')
  "$GM2" campaign plan "$DB" bad.ini >out 2>err
  same "$?" "$1" "exit status of: $3 ($(cat err))"
  grep -q "bad.ini:$line" err || { cat err; fail "$3: line $line is not named"; }
  grep -qF -- "$4" err || { cat err; fail "$3: no word of $4"; }
}
bad 90 "[node_positions]" "[campaign_defaults]" "there already"
bad 90 "state =" "state Active" "neither [section] nor key = value"
bad 90 "poms_role =" "experiment = gm2" "there already"
bad 90 "[node_positions]" "[node_positions] x" "nothing after it"
bad 91 "state =" "state = Inactive" "Active is accepted"
bad 91 "state =" "stat = Active" "did you mean state?"
bad 91 "campaign_keywords" "campaign_keywords = {period: 1}" "no JSON"
bad 91 "campaign_keywords" "campaign_keywords = [1]" "KEYWORD"
bad 91 "poms_role =" "poms_role = king" "production-shifter"
bad 91 "gm2.output" "gm2.ouput = /data" "did you mean gm2.output?"
bad 91 "software_version" "software_version = v9_71_00" "which is release"
bad 91 "default_clear" "default_clear_cronjob = maybe" "True or False"
bad 91 "completion_pct" "completion_pct = 101" "at most 100"
bad 91 "completion_type" "completion_type = nearly" "nearly"
bad 91 "output_ancestor" "output_ancestor_depth = 2" "1 is accepted"
bad 91 "vo_role" "vo_role = Admin" "Production and Analysis"
bad 91 "param_overrides" 'param_overrides = [["-c"]]' "list of pairs"
bad 91 "param_overrides" 'param_overrides = [["--disk ", "20GB"]]' "has no meaning here"
bad 91 "test_param_overrides" 'test_param_overrides = [["--set ", "a"]]' "no KEY=VALUE"
bad 91 "cs_split_type" "cs_split_type = nfile(3)" "nfile"
bad 91 "stage_type" "stage_type = datatransfer" "datatransfer"
bad 91 "login_setup = " "login_setup = elsewhere" "elsewhere"
bad 91 "launch_script" "launch_script = /usr/bin/jobsub_submit" "path that ends in /gm2"
bad 91 "recoveries" 'recoveries = [["pending_files", [["-c ", "x.fcl"]]]]' "has no meaning here"
bad 91 "recoveries" 'recoveries = ["pending_files"]' "pending_files"
bad 91 "campaign_stage_1" "campaign_stage_1 = Full" "no stage"
bad 91 "campaign_stage_1" "campaign_stage_1 = OOF_Run3C" "wait for itself"
bad 91 "file_pattern_1" "file_pattern_2 = x%" "there is no campaign_stage_2"
bad 91 "[dependencies OOF" "[dependencies OFO]" "of no stage"
bad 91 "[campaign_stage Hadd_DQC" "[campaign_stages X]" "campaign_stage"
bad 91 "dataset_or_split_data = gm2pro" "dataset_or_split_data = data_tier raw" "gm2.dataset"
bad 91 'param_overrides = [["-c ", "oof' 'dataset_or_split_data = gm2pro_x' "[dependencies]"
printf '[campaign]\nk = \0\n' >bad.ini; "$GM2" campaign plan "$DB" bad.ini 2>err; same $? 90 "a zero"
grep -q "bad.ini:2" err || fail "a zero's line"
grep -v gm2.output talk.ini >bad.ini; "$GM2" campaign plan "$DB" bad.ini 2>err; same $? 91 "no output"
grep -q "bad.ini:2: .campaign. lacks gm2.output" err || { cat err; fail "no output: words"; }
"$GM2" campaign convert nowhere.ini 2>err; same $? 20 "no file"

# a small one to its end, with byte order mark and the line ends of other systems
cat >lines <<INI
[campaign]
name = small
campaign_stage_list = generate, reconstruct
gm2.output = $PWD/products
[campaign_defaults]
login_setup = here
software_version = $("$GM2" --version | head -1 | awk '{print $2}')
[campaign_stage generate]
job_type = sim
stage_type = generator
param_overrides = [["-n ", 4]]
[campaign_stage reconstruct]
job_type = reco
cs_split_type = nfiles(1)
gm2.executor = local
[dependencies reconstruct]
campaign_stage_1 = generate
file_pattern_1 = data_tier raw
[login_setup here]
host = $(hostname)
setup = export OMP_NUM_THREADS=1
[job_type sim]
launch_script = gm2
parameters = [["-c ", "mdc1.fcl"], ["--set ", "source.fills_per_subrun=2"], ["--set outputs.raw.max_subruns=", "-1"],
  ["--set ", "services.scheduler.units_per_shard=1"], ["--set ", "physics.producers.gun.muons_per_fill=20"]]
[job_type reco]
launch_script = gm2
parameters = [["-c ", "reco.fcl"], ["-s ", "%(dataset)s"]]
INI
{ printf '\xef\xbb\xbf'; sed 's/$/\r/' lines; } >small.ini
"$GM2" campaign start "$DB" small.ini >/dev/null || fail "start of the small one"
"$GM2" campaign step "$DB" small --loop 0.3 >loop 2>err || { cat loop err; fail "the loop ends with $?"; }
grep -q "all is done" loop || { cat loop err; fail "not all is done"; }
same "$("$GM2" files count "$DB" "data_tier reco and gm2.process_name reco" | cut -d, -f1)" "2 files" "a file an input"
"$GM2" campaign run small.ini -o "$PWD/other" --loop 0.3 >/dev/null 2>err || { cat err; fail "run of an .ini"; }
exit 0
