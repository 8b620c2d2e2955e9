"""Two runs on the same input give the same bytes: every format of every command, under four hash seeds."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auditor.report.model import IndexReport, ReportIndex
from auditor.report.register import Kind, formats, write
from auditor.rules.kernel.bridge import feature_needs
from auditor.spec import load_spec
from tests.house.registers import FORMATS
from tests.images import built, layout, report
from tests.kernel.made import RELEASE, config, tree

SEEDS = ("0", "1", "2", "4294967295")
# A date in a report is that of the run, unless the build says otherwise (reproducible-builds.org).
ENVIRON = {"SOURCE_DATE_EPOCH": "1700000000", "NO_COLOR": "1"}
WORDS = (
    ("explain",),
    ("explain", "library-missing"),
    ("explain", "feature.xt_mark"),
    ("spec", "list"),
    *(("spec", "show", "calico-current", "-o", name) for name in ("text", "json", "toml", "markdown")),
    ("config", "show"),
    ("node-facts",),
    *((command, "--help") for command in ("check", "diff", "sbom", "kernel", "sweep", "tree", "schema")),
    *(("schema", kind) for kind in ("report", "diff", "kernel", "sweep", "spec", "waivers")),
)


# What the commands write, each kind in every format that the register has for it.
DOCUMENTS = FORMATS | {"index": formats(Kind.INDEX), "release": formats(Kind.DIFF), "sboms": formats(Kind.BILL)}

# One process for each seed runs all its command lines: starting Python is most of a short command's time.
RUN = "import json, sys; from auditor.cli.main import run; sys.exit(max(map(run, json.loads(sys.argv[1]))))"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real image, the report on another one, and a kernel that lacks some of what the image's tools ask for."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "image").symlink_to(layout(built()))
    old = report(recipe="conntrack-deleted")
    index = IndexReport(ReportIndex("calico/node:v1", "registry", None, (old.image.platform,)), "fail", (old,), ())
    (folder / "old.json").write_text(write(old, "json"))
    (folder / "old-index.json").write_text(write(index, "json"))
    modules = [module.name for need in feature_needs(load_spec()) for module in need.modules]
    tree(folder, dict.fromkeys(modules[::2], ()), order=())
    config(folder, "MODULES=y")
    return folder


def everything(given: Path, seed: str) -> dict[str, bytes]:
    """Every output of one seed, by its name. The saved report stands in where the image need not be read again."""
    out = given / f"out-{seed}"
    out.mkdir()

    def outputs(document: str) -> list[str]:
        files = [(name, out / f"{document}.{name}") for name in DOCUMENTS[document]]
        return [word for name, file in files for word in ("-o", f"{name}={file}")]

    new = f"report:{out}/check.json"
    every = f"report:{out}/index.json"
    lines = [
        ["check", "oci-dir:image", "--spec", "calico-current", "-v", *outputs("check")],
        ["check", new, "--all-platforms", "--require-platform", "linux/arm64", "-v", *outputs("index")],
        ["sweep", "report:old.json", "report:old-index.json", "-v", *outputs("sweep")],
        ["diff", "report:old.json", new, "-v", *outputs("diff")],
        ["diff", "report:old-index.json", every, "-v", *outputs("release")],
        ["sbom", new, *outputs("sbom")],
        ["sbom", every, *outputs("sboms")],
        ["tree", new],
        ["tree", new, "ipset", "--why", "libc.so.6"],
        ["kernel", RELEASE, f"config-{RELEASE}", "--image", new, "-v", *outputs("kernel")],
        *WORDS,
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(lines)],
        env={**os.environ, **ENVIRON, "PYTHONHASHSEED": seed},
        cwd=given,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr.decode()
    found = {file.name: file.read_bytes().replace(str(out).encode(), b"OUT") for file in out.iterdir()}
    return found | {"words": done.stdout}


def test_every_format_of_every_command_is_the_same_under_every_hash_seed(given: Path) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        first, *others = pool.map(lambda seed: everything(given, seed), SEEDS)
    assert set(first) >= {f"{document}.{name}" for document, names in DOCUMENTS.items() for name in names}
    for other in others:
        assert [name for name in first if first[name] != other[name]] == []
