# To be sourced by a script with a Slurm of its own (slurm-here; with lines of slurm.conf, if the script gives some), which goes when
# the script ends. Sets lab (lab.sh) and SLURM_CONF; jobs find the shipped .fcl files.
[ -n "${lab:-}" ] || . "$SOURCE/tests/lab.sh"
[ "$(id -u)" = 0 ] || fail "this test needs root to start Slurm"
"$SOURCE/tests/slurm-here" up "$lab/s" "$@" || { cat "$lab"/s/log/*.log | tail -20; fail "Slurm does not start"; }
export SLURM_CONF=$lab/s/slurm.conf FHICL_FILE_PATH=$SOURCE/jobs/fcl
step_until() { # WHAT COMMAND...: makes passes until it succeeds; the script has `step`
  local what=$1 end=$((SECONDS + 90))
  shift
  while [ $SECONDS -lt $end ]; do
    "$@" >/dev/null 2>&1 && return 0
    step
    sleep 0.3
  done
  fail "waited in vain: $what"
}
