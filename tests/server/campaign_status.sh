# Where a campaign stands, on a PostgreSQL of our own: the same test as on SQLite.
# timeout: 300
# ranks: 2
set -u
fail() { echo "FAILED: $*"; exit 1; }
lab=$(mktemp -d /tmp/gm2-pgsql.XXXXXX) && chmod 755 "$lab"
trap '"$SOURCE/tests/pgsql-here" down "$lab/s"; rm -rf "$lab"' EXIT
"$SOURCE/tests/pgsql-here" up "$lab/s" || fail "PostgreSQL does not start"
. "$lab/s/env"
psql -X -q -d postgres -c "create database status" || fail "create database"
CAMPAIGN_DB=$URL/status bash "$SOURCE/tests/cli/campaign_status.sh" || fail "gm2 campaign status on PostgreSQL"
exit 0
