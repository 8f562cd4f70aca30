#!/usr/bin/python3
"""Hostile names through gm2: hostile_names.py DB [STEP] (GM2 in the environment, in an empty folder; each STEPth name). Nothing may be executed or written
elsewhere, nothing that a terminal obeys may be printed, nothing may crash; each call succeeds or refuses with one of gm2's statuses."""
import glob, html.parser, json, os, re, subprocess, sys, zlib

gm2, db, here = os.environ["GM2"], sys.argv[1], os.getcwd()
canary = "canary"  # wherever it appears
T = f"touch {canary}"
names = [
    f"$({T})", f"`{T}`", f"; {T}", f"| {T}", f"& {T} &", f"\n{T}\n", f"' ; {T} ; '", f"'; {T}; #", f'" ; {T} ; "', f"$({T}).h5", f"a && {T}",
    f"x\\'; {T} #", "${IFS}", f"$(({T}))", f">{canary}", f"<({T})", "~root", "*", "?", "[a-z]*", "{a,b}", "!!", "a b", " lead", "trail ", "-rf", "--help", "-o",
    f"--wrap={T}", "#SBATCH --uid=0", "../x", "../../etc/passwd", "/etc/passwd", "a/../../x", "..", ".", ".hidden", "a/b", "a\\b", "C:\\x", "..%2f..%2fx",
    "%n%n%s%s%d", "%(stage.x)s", "'; drop table files; --", "' or '1'='1", "1); delete from files; --", "$1", "?1", "x' union select 1 --",
    "\\'; drop table files", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><blink>", "&lt;", "javascript:alert(1)", "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07", "\x9b31m", "a\rb", "a\tb", "a\x00b", "\x7f", "\u202egpj.exe", "\u2066x", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "x" * 300, "x" * 70000, "é" * 200, "", "null", "NaN", "-1", "CON", "a.json", "a.part.1", "a.json.json", "@file", "@table::x", "#include \"/etc/passwd\"",
]
names = names[::int(sys.argv[2]) if len(sys.argv) > 2 else 1]
raw = [b"\xff\xfe", b"\xc0\xaf..\xc0\xaf", b"\xed\xa0\x80"]  # no UTF-8
bad_out = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")
fine = {0, 1, 16, 20, 21, 23, 28, 29, 66, 77, 88, 90, 91}
n_calls = n_taken = 0


def call(*args, env=None):
    """One call; its words must be harmless."""
    global n_calls
    n_calls += 1
    args = [a if isinstance(a, bytes) else a.encode("utf-8", "surrogateescape") for a in args]
    r = subprocess.run([gm2.encode()] + args, stdin=subprocess.DEVNULL, capture_output=True, timeout=100, env=env)
    what = b" ".join(args)[:300]
    assert r.returncode in fine, (what, r.returncode, r.stderr[-500:])
    for stream in (r.stdout, r.stderr):
        text = stream.decode("utf-8")  # or it fails here
        assert not bad_out.search(text), (what, text[:500])
    assert r.returncode <= 1 or r.stderr.strip(), (what, "refused without a word")
    assert not os.path.exists(canary), (what, "something was executed")
    return r


def arg(name):
    """As an argument; the kernel takes no zero byte."""
    return name.replace("\x00", "")


def meta(path, content=b"x", **fields):
    m = {"file_name": "good.h5", "file_size": len(content), "checksum": ["adler32:%08x" % zlib.adler32(content)], "data_tier": "raw",
         "runs": [[1, 0, "physics"]], "event_count": 1}
    m.update(fields)
    with open(path, "w", encoding="utf-8", errors="surrogatepass") as f:
        json.dump(m, f)


assert call("files", "init", db).returncode == 0
# each name as each field of its own; the file's own name is harmless but for the first
for i, name in enumerate(names):
    os.makedirs("m", exist_ok=True)
    files = []
    for field in ["file_name", "data_tier", "data_stream", "file_type", "content_status", "application", "gm2.fcl_name", "gm2.host", "gm2.seed", "x.y",
                  "key", "runs", "conditions", "parents", "start_time", "checksum"]:
        path = f"m/f{i}_{field}.json"
        own = {"file_name": f"f{i}_{field}.h5"}
        own.update({"application": {"application": {"family": name, "name": name, "version": name}}, "key": {f"a.{name}": name, name: name},
                    "runs": {"runs": [[1, 0, name]]}, "conditions": {"gm2.conditions": {name: [1]}}, "parents": {"parents": [{"file_name": name}]},
                    "checksum": {"checksum": [name]}}.get(field, {field: name}))
        meta(path, **own)
        files.append(path)
    r = call("files", "declare", db, "--no-location", *files)
    n_taken += int(r.stdout.split()[0])
    q = arg(name).replace("\\", "").replace("'", "").replace('"', "")
    call("files", "list", db, f"data_stream '{q}' with availability any", "--columns", "file_name,data_stream,data_tier,host")
    call("files", "explain", db, f"data_stream \"{q}\"")
    verbs = (["list", db, arg(name)], ["count", db, arg(name)], ["get", db, "--", arg(name)], ["lineage", db, "--", arg(name)], ["define", db, "--", arg(name), "data_tier raw"],
                 ["define", db, f"d{i}", arg(name)], ["snapshot", db, arg(name)], ["locate", db, "f0_data_stream.h5", "--", arg(name)],
                 ["locate", db, "f0_data_stream.h5", "file:/data/" + arg(name)], ["retire", db, "--reason", arg(name), f"f{i}_gm2.host.h5"],
                 ["declare", db, "--location", arg(name), f"m/f{i}_gm2.seed.json"], ["roles", db, "grant", "--", arg(name), "shifter"],
                 ["define", db, f"u{i}", "data_tier raw", "--user", arg(name)], ["log", db, "--what", arg(name)], ["log", db, "--since", arg(name)],
                 ["audit", db, arg(name)], ["coverage", db, arg(name)])
    for k, verb in enumerate(verbs):  # a third of them, others with the next name
        if (i + k) % 3 == 0 and (len(arg(name)) < 1000 or verb[0] in ("get", "list", "define", "locate")):
            call("files", *verb)
for b in raw:
    for verb in (["list", db, b"data_tier " + b], ["get", db, b], ["define", db, b, "data_tier raw"], ["retire", db, "f0_data_tier.h5", "--reason", b],
                 ["locate", db, "f0_data_stream.h5", b"file:/x" + b], ["define", db, "r", b"data_tier '" + b + b"'"], ["log", db, "--by", b]):
        call("files", *verb)
call("files", "list", db, "file_size >= 0 with availability any", "--columns", "file_name,data_stream,data_tier,host,content_status,file_type,create_user")
call("files", "definitions", db)
call("files", "log", db)
call("files", "roles", db)
for name in call("files", "list", db, "file_size >= 0 with availability any").stdout.decode().split():
    call("files", "get", db, name)

# a drop box with such file names, and such tiers
os.makedirs("box")
os.makedirs("deep/er")
for i, name in enumerate(names):
    base = name.replace("\x00", "").replace("/", "_")[:90]
    if base in ("", ".", ".."):
        continue
    with open(os.path.join("box", base), "wb") as f:
        f.write(b"x")
    meta(os.path.join("box", base) + ".json", file_name=name, runs=[[1, i, "physics"]])
    meta(f"box/t{i}.json", file_name=f"t{i}", data_tier=name, runs=[[1, i, "physics"]])
    with open(f"box/t{i}", "wb") as f:
        f.write(b"x")
for b in raw:
    with open(os.path.join(b"box", b), "wb") as f:
        f.write(b"x")
    with open(os.path.join(b"box", b + b".json"), "wb") as f:
        f.write(b'{"file_name": "' + b + b'", "file_size": 1, "data_tier": "raw", "checksum": ["adler32:00790079"], "runs": [[1, 0, "x"]]}')
before = set(os.listdir(here)) | {"store"}
call("files", "ingest", db, "box", "--to", "deep/er/store")
assert set(os.listdir(here)) <= before, set(os.listdir(here)) - before
assert sorted(os.listdir("deep")) == ["er"] and sorted(os.listdir("deep/er")) == ["store"], "written outside the store"
call("files", "audit", db, "--store", "deep/er/store", "--checksums")
call("files", "audit", db, "--store", "box")  # what lies there is unknown, and has such names
for name in names:  # stores and boxes of such names
    base = arg(name)[:90]
    if base and not base.startswith(("/", "~")) and ".." not in base:
        os.makedirs(os.path.join("deep", "box" + base), exist_ok=True)
        p = os.path.join("deep", "box" + base, "s.h5")
        with open(p, "wb") as f:
            f.write(b"x")
        meta(p + ".json", file_name="s.h5")
        call("files", "declare", db, p)
        call("files", "ingest", db, os.path.join("deep", "box" + base), "--to", os.path.join("deep", "st" + base))

# campaigns: hostile words in every place of a description; local jobs, and sbatch's scripts run by a shell
os.makedirs("bin")
for tool, text in {"squeue": "exit 0", "sacct": "exit 0", "scontrol": "echo MaxArraySize = 1001", "srun": "printf '%s\\n' \"$@\" >>" + here + "/srun.args",
                   "sbatch": 'for last; do :; done; SLURM_JOB_ID=1 bash "$last" </dev/null >/dev/null 2>&1; echo 1'}.items():
    with open(f"bin/{tool}", "w") as f:
        f.write(f"#!/bin/bash\n{text}\n")
    os.chmod(f"bin/{tool}", 0o755)
env = dict(os.environ, PATH=here + "/bin:" + os.environ["PATH"], FHICL_FILE_PATH=os.environ["SOURCE"] + "/jobs/fcl")
if not db.startswith("postgresql:"):  # there it would count
    env["PGPASSWORD"] = "geheim-wort"
quiet = '"services.message.level=error", "source.fills_per_subrun=1", "physics.producers.gun.muons_per_fill=1"'


def fcl(text):  # a FHiCL string
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def campaign(i, name="c", stage="s", output=None, executor="slurm", dataset=None, setting=None, split="nfiles(1)", extra=""):
    n_or_d = f"dataset: {fcl(dataset)} split: {fcl(split)}" if dataset is not None else "fills: 1"
    text = (f"campaign: {{ name: {fcl(name)} output: {fcl(output or here + '/prod')} }}\nstages: {{ {stage}: {{ config: \"mdc1.fcl\" {n_or_d} executor: {fcl(executor)} "
            f"set: [{quiet}{', ' + fcl(setting) if setting else ''}] {extra} }} }}\n")
    with open(f"c{i}.fcl", "wb") as f:
        f.write(text.encode("utf-8", "surrogatepass"))
    r = call("campaign", "start", db, f"c{i}.fcl", env=env)
    if r.returncode == 0:
        for verb in (["step", db, arg(name)], ["status", db, arg(name), "--submissions"]):
            call("campaign", *verb, env=env)
    return r.returncode


n_started, asked = 0, []
for i, name in enumerate(n for n in names if len(n) < 1000):
    n_started += campaign(i, name=name) == 0
    campaign(i, name=f"c{i}", stage=fcl(name))
    campaign(i, name=f"c{i}", dataset=name)
    campaign(i, name=f"c{i}", setting=f"process_name={name}")
    campaign(i, name=f"c{i}", split=name, dataset="data_tier raw")
    call("campaign", ["step", "status", "retry", "kill"][i % 4], db, arg(name), env=env)
    if "/" not in name.strip("/") and "\x00" not in name and campaign(i, name=f"o{i}", output=here + "/prod/" + name) == 0:
        n_started += 1
        if len(name.encode()) < 200:  # longer is no folder
            asked.append(here + "/prod/" + name)
assert n_started > 0, n_started
scripts = glob.glob(here + "/prod/**/job.sh", recursive=True)
assert len(scripts) > 0
for s in scripts:
    text = open(s, encoding="utf-8").read()
    assert "geheim" not in text
    assert subprocess.run(["bash", "-n", s]).returncode == 0, s
told = open("srun.args", encoding="utf-8").read()
for path in asked:
    assert "\n-o\n" + path in told, (path, "did not reach the job as it is")
assert call("campaign", "status", db, env=env).returncode == 0


class Page(html.parser.HTMLParser):
    """What a browser would take for markup: nothing of the names may be."""

    def handle_starttag(self, tag, attrs):
        is_picture = tag == "img" and dict(attrs).get("src", "").startswith("data:image/")
        assert is_picture or tag not in ("script", "img", "iframe", "object", "blink"), (tag, str(attrs)[:300])
        for key, value in attrs:
            assert not key.startswith("on") and "javascript:" not in (value or ""), (tag, attrs)
            assert key != "href" or not re.match("[a-z]+:", value) or value.startswith("http"), (tag, attrs)


assert call("campaign", "report", db, "-o", "pages", env=env).returncode <= 1  # 1: descriptions of some are others by now
pages = glob.glob("pages/**/*.html", recursive=True)
assert len(pages) > n_started, len(pages)
for p in pages:
    assert re.fullmatch(r"[A-Za-z0-9_.+/-]+", p), p
    page = open(p, encoding="utf-8").read()
    assert not bad_out.search(page), p
    Page().feed(page)
for secret in ("postgresql://me:geheim-wort@127.0.0.1/x", "postgresql://127.0.0.1/x?passwd=geheim-wort", "host=127.0.0.1 password=geheim-wort dbname=x"):
    for args in (["files", "list", secret, "data_tier raw"], ["files", "init", secret], ["campaign", "status", secret, "c"], ["campaign", "start", secret, "c0.fcl"],
                 ["files", "stale", db, "data_tier raw", "--conditions", secret], ["files", "locate", db, "f0_data_stream.h5", secret.replace("postgresql", "root")]):
        r = call(*args)
        assert r.returncode > 1 and b"geheim" not in r.stdout + r.stderr, (args, r)
campaign(0, name="secret", setting='services.conditions={ database: "postgresql://me:geheim-wort@127.0.0.1/x" tag: "x" }')
for text in (call("files", "log", db), call("campaign", "status", db, env=env), call("files", "definitions", db)):
    assert b"geheim" not in text.stdout + text.stderr
found = [os.path.join(d, f) for d, _, files in os.walk(here) for f in files if f == canary]
assert not found, found
print(f"{len(names) + len(raw)} names, {n_calls} calls, {len(pages)} pages, {n_taken} files taken, {n_started} campaigns started, {len(scripts)} scripts of sbatch")
