"""The nginx spec, and every kind of row, on Debian's nginx: sound, and with any one thing of it broken."""

import hashlib
from pathlib import Path

import pytest

from fixtures.entries import Draft
from tests.inventory.room import run_in, statuses
from tests.spec.products import (
    LIBRARIES,
    SUITES,
    Broken,
    attributes,
    audited,
    broken,
    delete,
    nginx,
    not_met,
    patched,
    write,
)

MODULES = "usr/lib/nginx/modules"
MORE = """
name = "more"
extends = "nginx"

[[requirement]]
id = "plugin.modules"
kind = "plugin"
tools = ["nginx"]
directory = "/usr/lib/nginx/modules"
plugins = ["ngx_stream_module.so", "ngx_http_*.so"]

[[requirement]]
id = "package.ssl"
kind = "package"
packages = { deb = "libssl3|libssl3t64", rpm = "openssl-libs" }
minimum = "3.0.2"

[[requirement]]
id = "config.all"
kind = "config"
user = "root"
cmd = ["nginx", "-g", "daemon off;"]
ports = ["80/tcp"]
labels = { maintainer = "NGINX*" }
env = { PATH = "*/usr/sbin:*" }

[[requirement]]
id = "file.index"
kind = "file"
path = "/usr/share/nginx/html/index.html"
owner = "root:root"
mode = "0644"
digest = "sha256:DIGEST"
not_empty = true
"""
INDEX = "usr/share/nginx/html/index.html"


def more(folder: Path, image: object) -> str:
    """A spec with a row of each kind."""
    index = image.merged().read(INDEX)  # type: ignore[attr-defined]
    place = folder / "more.toml"
    place.write_text(MORE.replace("DIGEST", hashlib.sha256(index).hexdigest()))
    return str(place)


def no_libssl(draft: Draft) -> None:
    draft.delete(f"{LIBRARIES}/libssl.so.3")


def without_package(draft: Draft) -> None:
    """The record of OpenSSL's library out of dpkg's database, as a clean-up does it."""
    paragraphs = draft.tree.read("var/lib/dpkg/status").decode().split("\n\n")
    kept = [text for text in paragraphs if not text.lstrip().startswith("Package: libssl3")]
    assert len(kept) < len(paragraphs)
    write("var/lib/dpkg/status", "\n\n".join(kept))(draft)


def old_package(draft: Draft) -> None:
    text = draft.tree.read("var/lib/dpkg/status").decode()
    head, _, rest = text.partition("Package: libssl3")
    version = next(line for line in rest.splitlines() if line.startswith("Version: "))
    write("var/lib/dpkg/status", f"{head}Package: libssl3{rest.replace(version, 'Version: 3.0.1-1', 1)}")(draft)


# Rows that can't be met without the program.
OF_NGINX = "tool.nginx library.nginx.ssl library.nginx.pcre plugin.modules"
CASES = (
    broken("nothing", ""),
    broken("no nginx", f"image.entrypoint {OF_NGINX}", delete("usr/sbin/nginx")),
    broken("an older nginx", "tool.nginx", patched("usr/sbin/nginx", b"nginx/1.2", b"nginx/1.1")),
    broken("no libssl", "image.loads image.entrypoint tool.nginx library.nginx.ssl plugin.modules", no_libssl),
    broken("no configuration", "file.nginx.conf", delete("etc/nginx/nginx.conf")),
    broken("an empty configuration", "file.nginx.conf", write("etc/nginx/nginx.conf", "")),
    broken("a configuration of somebody else's", "file.nginx.conf", attributes("etc/nginx/nginx.conf", uid=33)),
    broken("no types", "file.mime.types", delete("etc/nginx/mime.types")),
    broken("no port", "config.nginx.port config.all", ExposedPorts={"8080/tcp": {}}),
    broken("a command that isn't there", "image.entrypoint config.all", Cmd=["nginx2", "-g", "daemon off;"]),
    broken("another user", "config.all", User="www-data"),
    broken("root by number", "", User="0:0"),
    broken("another label", "config.all", Labels={"maintainer": "somebody"}),
    broken("no label", "config.all", Labels=None),
    broken("no PATH to it", f"config.all image.entrypoint {OF_NGINX}", Env=["PATH=/usr/games"]),
    broken("a page's mode", "file.index", attributes(INDEX, mode=0o600)),
    broken("a page's group", "file.index", attributes(INDEX, gid=33)),
    broken("a page's content", "file.index", write(INDEX, "hello")),
    broken("no page", "file.index", delete(INDEX)),
    broken("no module", "plugin.modules", delete(f"{MODULES}/ngx_stream_module.so")),
    broken("a module that is no library", "plugin.modules", write(f"{MODULES}/ngx_http_geoip_module.so", "x")),
    broken("a module's library is gone", "plugin.modules", delete(f"{LIBRARIES}/libGeoIP.so.1")),
    broken("no package", "package.ssl", without_package),
    broken("an old package", "package.ssl", old_package),
)
RULES = {
    "no configuration": {"file-missing"},
    "an empty configuration": {"file-differs"},
    "no module": {"plugin-missing"},
    "no package": {"package-missing"},
    "another label": {"config-differs"},
}
QUICK = {("bookworm", name) for name in ("another label",)}


EACH = [
    pytest.param(suite, case, id=f"{suite}-{case.name}", marks=() if (suite, case.name) in QUICK else pytest.mark.full)
    for suite in SUITES
    for case in CASES
]


@pytest.mark.parametrize(("suite", "case"), EACH)
def test_any_one_thing_broken_breaks_its_rows(suite: str, case: Broken, tmp_path: Path) -> None:
    image = nginx(suite)
    report = audited(case.of(image, tmp_path), more(tmp_path, image))
    assert not_met(report) == case.rows
    # The port's row weighs as much as a warning only.
    assert report.verdict == ("fail" if case.rows - {"config.nginx.port"} else "pass")
    if case.name in RULES:
        assert {entry.rule for entry in report.findings if entry.severity == "error"} == RULES[case.name]


def test_the_real_nginx_agrees() -> None:
    """What the plug-in's row says, nginx says by itself when its configuration loads the module."""
    image = nginx()
    assert "nginx/1.22.1" in run_in(image.tree, "nginx", "-v").text
    load_module = f"load_module /{MODULES}/ngx_stream_module.so;"
    assert "unexpected end" not in run_in(image.tree, "nginx", "-t", "-g", load_module).text


@pytest.mark.full
def test_a_row_of_less_weight_is_not_met_and_passes(tmp_path: Path) -> None:
    image = broken("", "", ExposedPorts={}).of(nginx(), tmp_path)
    report = audited(image, "nginx")
    (row,) = (row for row in report.requirements if row.id == "config.nginx.port")
    assert (row.status, row.severity, report.verdict) == ("not-met", "warning", "pass")
    assert [report.findings[index].severity for index in row.findings] == ["warning"]


def test_what_a_tree_without_config_and_database_leaves_unknown(tmp_path: Path) -> None:
    from tests.inventory.room import audited as audited_tree  # noqa: PLC0415 - of a directory

    (tmp_path / "root").mkdir()
    spec = more(tmp_path, nginx())
    found = statuses(audited_tree(tmp_path / "root", spec))
    assert {row for row, status in found.items() if status == "unknown"} >= {"package.ssl", "config.all"}
