# To be sourced, by pgsql.sh and slurm.sh, once: sets lab, a folder that other users may look into, as into this one. It goes when the
# script ends, with the servers in it. What else is to end: clean_up.
. "$SOURCE/tests/check.sh"
clean_up() { :; }
lab=$(mktemp -d /tmp/gm2-lab.XXXXXX) && chmod 755 "$lab" "$PWD"
trap 'clean_up
  [ ! -e "$lab/s" ] || "$SOURCE/tests/slurm-here" down "$lab/s"
  [ ! -e "$lab/p" ] || "$SOURCE/tests/pgsql-here" down "$lab/p"
  rm -rf "$lab"' EXIT
