# Catalogue and drop box: the same on SQLite and PostgreSQL.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
. "$SOURCE/tests/parity.sh"
campaigns='campaign.*|stage_kinds|versions|rules'
# production is long and asks little; constants have cond.sh; hostile names are below
elsewhere='production|cond|cond_job|hostile'
parity $(cd "$SOURCE/tests/cli" && grep -l 'tests/database' *.sh | sed 's/\.sh$//' | grep -vxE "$campaigns|$elsewhere")
# hostile names on a server: each fifth
database hostile
mkdir hostile && (cd hostile && "$SOURCE/tests/hostile_names.py" "$URL/hostile" 5) || fail "hostile names on PostgreSQL"
exit 0
