# To be sourced by a script with a campaign "small" on a real Slurm: makes passes until something is so. The script has `step`.
step_until() { # WHAT COMMAND...
  local what=$1 end=$((SECONDS + 90))
  shift
  while [ $SECONDS -lt $end ]; do
    step
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.3
  done
  fail "waited in vain: $what"
}
