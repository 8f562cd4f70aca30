# Campaigns: the same on SQLite and PostgreSQL. Gates, holds, launches, schedules, approval, recoveries, kinds of stages, plans, status.
# timeout: 400
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
. "$SOURCE/tests/parity.sh"
parity $(cd "$SOURCE/tests/cli" && grep -l 'tests/database' campaign*.sh stage_kinds.sh versions.sh rules.sh | sed 's/\.sh$//')
exit 0
