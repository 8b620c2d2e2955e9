"""Real images: the same through every source, and the same from their saved reports."""

import json
from pathlib import Path

import pytest

from auditor.cli.main import run
from fixtures.export import export
from tests.images import built, layout

FORMS = ("docker-archive", "docker-archive-gz", "oci-archive", "oci-dir")


def diff(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run(["diff", *arguments])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("form", [pytest.param(form, marks=pytest.mark.full) for form in FORMS[1:]] + [FORMS[0]])
def test_an_image_and_its_copy_through_another_source_are_the_same(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = built()
    copy = f"{form.removesuffix('-gz')}:{export(image, form)}"
    code, out = diff(f"oci-dir:{layout(image)}", copy, "--fail-on", "any", "-o", "json", capsys=capsys)
    document = json.loads(out)
    assert document["changes"] == []
    assert code == 0
    assert document["layers"]["shared"] == len(image.layers)
    assert document["summary"]["findings_unchanged"] == len(document["unchanged"])


def test_saved_reports_give_the_diff_of_the_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    references = [f"oci-dir:{layout(built(recipe=recipe))}" for recipe in ("base", "conntrack-deleted")]
    files = [tmp_path / name for name in ("old.json", "new.json")]
    for reference, file in zip(references, files, strict=True):
        run(["check", reference, "-o", f"json={file}"])
    for spec in ("calico-system-requirements", "felix"):
        options = ("--spec", spec, "-o", "json")
        fresh = diff(*references, *options, capsys=capsys)
        assert diff(*map(str, files), *options, capsys=capsys) == fresh
        assert fresh[0] == 1
