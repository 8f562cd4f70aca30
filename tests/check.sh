# To be sourced by test scripts: how they say that something is not as it should be.
set -u
show() { :; } # for a script to define: what else to look at when it fails
fail() { echo "FAILED: $*"; show; exit 1; }
same() { [ "$1" = "$2" ] || fail "$3: wanted \"$2\", got \"$1\""; } # GOT WANTED WHAT
has() { grep -q -- "$2" "$1" || { cat "$1"; fail "$3"; }; } # FILE PATTERN WHAT
