#!/usr/bin/python3
"""Counts a campaign's status anew from the database's tables, by SQL of its own, and compares with what gm2 says.

    recount.py DB NAME STATUS.json STAGE=INPUT ... [--html FOLDER]

INPUT: tier:STAGE (files of a data tier that a stage has made), tier (all good files of it that have a place), or - for a
simulation. DB: a SQLite file or postgresql://...  --html: numbers of the pages (elements with an id STAGE/KEY/KEY) too."""
import glob, html.parser, json, os, subprocess, sys

db, campaign, path = sys.argv[1:4]
inputs = dict(a.split("=", 1) for a in sys.argv[4:] if "=" in a and not a.startswith("--"))
folder = sys.argv[sys.argv.index("--html") + 1] if "--html" in sys.argv else None
bad = 0


def ask(sql):
    """Rows as lists of texts; none is empty."""
    if db.startswith("postgresql:"):
        out = subprocess.run(["psql", "-X", "-A", "-t", "-F", "\x1f", "-P", "null=NULL", "-c", sql, db], capture_output=True, text=True, check=True).stdout
        return [["" if x == "NULL" else x for x in line.split("\x1f")] for line in out.split("\n") if line]
    import sqlite3
    with sqlite3.connect("file:%s?mode=ro" % db, uri=True) as c:
        return [["" if x is None else str(x) for x in r] for r in c.execute(sql)]


def one(sql):
    text = ask(sql)[0][0]
    return float(text) if text else 0.0


def same(what, found, wanted):
    global bad
    if found is None or abs(float(found) - wanted) > 1e-6 * max(1.0, abs(wanted)):
        print("%s: gm2 says %s, a fresh count %s" % (what, found, wanted))
        bad += 1


GOOD = "f.retired_s is null and f.content_status = 'good' and exists (select 1 from file_locations l where l.file_id = f.id)"
status = json.load(open(path))
stages = {s["name"]: s for s in status["stages"]}
now = status["at_s"]


def made(name, tier=None):
    version, commit, config = stages[name]["version"].split(" ")[:3]
    text = "select f.id from files f, configs c where c.id = f.config_id and c.fcl_hash = '%s' and c.version = '%s' and c.git_commit = '%s' and %s" % (config, version, commit, GOOD)
    return text + (" and f.data_tier = '%s'" % tier if tier else "")


same("number of stages", len(status["stages"]), len(inputs))
for name, s in stages.items():
    version, commit, config = s["version"].split(" ")[:3]
    of_stage = "select id from stages where name = '%s' and version_key = '%s' and campaign_id = (select id from campaigns where name = '%s')" % (
        name, s["version"], campaign)
    ours = "stage_id in (%s)" % of_stage
    product = "f.id in (select f.id from files f, configs c where c.id = f.config_id and c.fcl_hash = '%s' and c.version = '%s' and c.git_commit = '%s')" % (
        config, version, commit)
    states = {int(a): int(b) for a, b in ask("select state, count(*) from submissions where %s group by state" % ours)}
    groups = {"cancelled": (1500, 9000), "failed": (2000, 6000), "held": (5000,), "success": (2500, 7000, 8000), "running": (4000,),
              "idle": (1000, 2400, 3000)}
    for key, numbers in groups.items():
        same("%s submissions.%s" % (name, key), s["submissions"][key], sum(states.get(n, 0) for n in numbers))
    same("%s submissions.all" % name, s["submissions"]["all"], sum(states.values()))
    told = sum(s["submissions"][k] for k in ("cancelled", "failed", "held", "success"))
    for key in ("cancelled", "failed", "held", "success"):
        same("%s %s %%" % (name, key), s["submissions"][key + "_percent"], 100.0 * s["submissions"][key] / told if told else 0)
    # files
    if inputs[name] == "-":
        same("%s files.wanted" % name, s["files"]["wanted"], 1)
        same("%s files.done" % name, s["files"]["done"], states.get(8000, 0))
        same("%s fills" % name, s["subruns"]["done"],
             one("select max(n) from (select sum(f.event_count) as n from files f where %s and f.retired_s is null group by f.data_tier) x" % product))
    else:
        tier, _, maker = inputs[name].partition(":")
        wanted = made(maker, tier) if maker else "select f.id from files f where f.data_tier = '%s' and %s" % (tier, GOOD)
        done = "select p.parent_id from file_parents p where p.child_id in (%s)" % made(name)
        n_done = one("select count(*) from files f where f.id in (%s) and f.id in (%s)" % (wanted, done))
        same("%s files.wanted" % name, s["files"]["wanted"], one("select count(*) from (%s) x" % wanted))
        same("%s files.done" % name, s["files"]["done"], n_done)
        same("%s files.running" % name, s["files"]["running"], one(
            "select count(*) from stage_files where %s and submission_id is not null and is_parked = 0" % ours))
        parked = one("select count(*) from stage_files where %s and is_parked = 1" % ours)
        same("%s files.parked" % name, s["files"]["parked"], parked)
        same("%s files.left" % name, s["files"]["left"], max(0, s["files"]["wanted"] - n_done - parked - s["files"]["running"]))
        subruns = "select distinct run, subrun from file_runs where subrun >= 0 and file_id in (%s)"
        same("%s subruns.wanted" % name, s["subruns"]["wanted"], one("select count(*) from (%s) x" % (subruns % wanted)))
        same("%s subruns.done" % name, s["subruns"]["done"], one(
            "select count(*) from (%s) a join (%s) b on a.run = b.run and a.subrun = b.subrun" % (subruns % wanted, subruns % made(name))))
        first = one("select min(create_s) from submissions where %s" % ours)
        if first:
            start = max(first, now - 86400)
            same("%s rate.over_s" % name, s["rate"]["over_s"], now - start)
            same("%s rate.files" % name, s["rate"]["files"], one(
                "select count(*) from (select p.parent_id, min(f.create_s) as t from file_parents p, files f where f.id = p.child_id and %s and "
                "p.parent_id in (select file_id from stage_files where %s) group by p.parent_id) x where t >= %d" % (product, ours, start)))
    same("%s files %%" % name, s["files"]["percent"], 100.0 * s["files"]["done"] / s["files"]["wanted"] if s["files"]["wanted"] else 0)
    # use
    e = s["efficiency"]
    both = "%s and cpu_s is not null and wall_s is not null" % ours
    same("%s cpu_s" % name, e["cpu_s"], one("select sum(cpu_s) from submissions where %s" % both))
    same("%s submissions_with_cpu" % name, e["submissions_with_cpu"], one("select count(*) from submissions where %s" % both))
    if e["cpu_percent"] is not None:
        wall = one("select sum(wall_s) from submissions where %s" % both)
        same("%s cpu %%" % name, e["cpu_percent"] * round(e["wall_core_s"] / wall), 100.0 * e["cpu_s"] / wall)
    same("%s peak" % name, e["peak_rss_kb"], one("select max(max_rss_kb) from submissions where %s" % ours))
    if e["submissions_with_memory"]:
        same("%s mean RSS" % name, e["mean_rss_kb"], int(one("select sum(max_rss_kb) from submissions where %s" % ours) //
                                                        one("select count(max_rss_kb) from submissions where %s" % ours)))
    # days
    for i, d in enumerate(s["days"]):
        a = (now // 86400 - 6 + i) * 86400
        inside = ">= %d and %%s < %d" % (a, a + 86400)
        at = lambda column: "%s %s" % (column, inside % column)
        same("%s %s submitted" % (name, d["day"]), d["submitted"], one("select count(*) from submissions where %s and %s" % (ours, at("create_s"))))
        history = "select count(*) from submission_history where submission_id in (select id from submissions where %s) and state in (%%s) and %s" % (ours, at("at_s"))
        same("%s %s done" % (name, d["day"]), d["done"], one(history % "8000"))
        same("%s %s failed" % (name, d["day"]), d["failed"], one(history % "2000, 6000"))
        same("%s %s products" % (name, d["day"]), d["products"], one("select count(*) from files f where %s and %s" % (product, at("f.create_s"))))
    failures = {(a, b): int(n) for a, b, n in ask(
        "select exit_code, batch_state, count(*) from submissions where %s and state in (2000, 6000) group by exit_code, batch_state" % ours)}
    same("%s kinds of failures" % name, len(s["failures"]), len(failures))
    for f in s["failures"]:
        same("%s failures %s" % (name, f), f["submissions"], failures.get(("" if f["exit_code"] is None else str(f["exit_code"]), f["batch_state"]), -1))


    # latencies
    files = ask("select i.end_s, i.create_s, min(f.create_s) from file_parents p, files f, files i where f.id = p.child_id and i.id = p.parent_id and %s and "
                "i.id in (select file_id from stage_files where %s) group by i.id, i.end_s, i.create_s" % (product, ours))
    jobs = ask("select s.create_s, s.begin_s, s.state, s.update_s, (select max(t) from (select min(a.added_s) as t from submission_files x, file_locations a "
               "where a.file_id = x.file_id and x.submission_id = s.id group by x.file_id) y) from submissions s where s.%s" % ours)
    span = lambda rows, a, b: sorted(max(0, int(r[b]) - int(r[a])) for r in rows if r[a] and r[b] and int(r[a]) > 0)
    for key, times in {"taken_to_product": span(files, 0, 2), "declared_to_product": span(files, 1, 2), "input_to_submission": span(jobs, 4, 0),
                       "submission_to_begin": span(jobs, 0, 1), "submission_to_done": span([j for j in jobs if j[2] == "8000"], 0, 3)}.items():
        found, n = s["latency"][key], len(times)
        same("%s latency %s" % (name, key), found["n"], n)
        same("%s latency %s median" % (name, key), found["p50_s"], times[-(-n // 2) - 1] if n else 0)
        same("%s latency %s 95 %%" % (name, key), found["p95_s"], times[-(-n * 95 // 100) - 1] if n else 0)
        same("%s latency %s longest" % (name, key), found["max_s"], times[-1] if n else 0)


class Numbers(html.parser.HTMLParser):
    """Texts of elements with an id; elements that are opened and not closed."""
    void = {"meta", "br", "img", "link", "hr", "input", "path", "polygon", "ellipse", "rect", "circle", "line", "use"}

    def __init__(self):
        super().__init__()
        self.text, self.open, self.bad, self.tags = {}, [], [], []
        self.head, self.cells = None, None  # cells of the present table's first row, and of this one

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "table":
            self.head = None
        if tag == "tr":
            self.cells = 0
        if tag in ("td", "th"):
            self.cells += int(dict(attributes).get("colspan", 1))
        if tag not in self.void:
            self.open.append((tag, dict(attributes).get("id")))

    def handle_endtag(self, tag):
        if tag in self.void:
            return
        if tag == "tr":
            self.head = self.head or self.cells
            if self.cells != self.head:
                self.bad.append("a row of %d cells under a head of %d" % (self.cells, self.head))
        if not self.open or self.open[-1][0] != tag:
            self.bad.append(tag)
        else:
            self.open.pop()

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        for _, name in self.open:
            if name:
                self.text[name] = self.text.get(name, "") + data


def look_up(key):
    at = stages[key.split("/")[0]]
    for k in key.split("/")[1:]:
        at = at[int(k)] if isinstance(at, list) else at[k]
    return at


if folder:
    n, pages = 0, glob.glob(os.path.join(folder, "**", "*.html"), recursive=True)
    for page in pages:
        p = Numbers()
        p.feed(open(page, encoding="utf-8").read())
        if p.bad or p.open:
            print("%s: elements that do not close: %s %s" % (page, p.bad[:5], p.open[:5]))
            bad += 1
        for tag, attributes in p.tags:
            link = attributes.get("href") or attributes.get("xlink:href") or attributes.get("src") or ""
            if tag == "script" or link.startswith(("http:", "https:", "javascript:", "//")):
                print("%s: <%s %s>" % (page, tag, link))
                bad += 1
            if link and not link.startswith(("data:", "#", "file:")) and not os.path.exists(os.path.join(os.path.dirname(page), link.split("#")[0])):
                print("%s: a link to %s, which is not there" % (page, link))
                bad += 1
        for key, text in p.text.items():
            if key.split("/")[0] not in stages:
                continue
            n += 1
            value = look_up(key)
            shown = text.strip().rstrip("%").strip()
            if value is None and shown == "-":
                continue
            if value is None or not shown or abs(float(shown) - float(value)) > (0.051 if "." in shown else 1e-9):
                print("%s: %s shows %s, the status says %s" % (page, key, text, value))
                bad += 1
    if n < 10 * len(stages) or not pages:
        print("only %d numbers on %d pages" % (n, len(pages)))
        bad += 1
print("recount: %d differences" % bad)
sys.exit(bad != 0)
