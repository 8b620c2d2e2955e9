"""What is odd about how an image is stored is said in its report."""

from pathlib import Path

import pytest

from auditor.auditing import audit
from auditor.auditing.load import load
from auditor.report.audit.document import from_document, to_document
from auditor.report.register import Style, write
from auditor.rules import Options
from auditor.spec import load_spec
from tests.image.build import Member, file, folder, link, program, write_docker_archive

DELETED = [file("bin/.wh.ipset")]


@pytest.mark.parametrize(
    ("lower", "told"),
    [
        # vfs and umoci follow the link and delete what overlay2 leaves.
        ([link("bin", "usr/bin"), folder("usr"), folder("usr/bin"), program("usr/bin/ipset")], True),
        ([link("bin", "usr/bin"), folder("usr"), folder("usr/bin"), file("usr/bin/ipset")], False),  # not run
        ([folder("bin"), program("bin/ipset")], False),
    ],
)
def test_a_whiteout_over_which_storage_drivers_differ(lower: list[Member], told: bool, tmp_path: Path) -> None:
    archive = write_docker_archive(tmp_path / "image.tar", lower, DELETED)
    with load(f"docker-archive:{archive}") as image:
        report = audit(image, load_spec(), Options(chosen_platform=True))
    assert bool(report.image.remarks) is told
    if told:
        assert "with overlay2 /usr/bin/ipset stays" in report.image.remarks[0]
        assert "layer 2 of 2 deletes /bin/ipset" in write(report, "text", Style())
        assert from_document(to_document(report), "").image.remarks == report.image.remarks
