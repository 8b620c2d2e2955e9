"""The page in a real browser: nothing is fetched, nothing fails, what matters is seen first."""

import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from auditor.elf.model import LoadFault
from auditor.report.diff.compare import compare
from auditor.report.model import Report
from auditor.report.register import Style, write
from tests.images import report
from tests.kernel_command.made import audited, image, kernel
from tests.report.test_formats import DOCUMENTS, index, on_arm, swept

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from auditor.report.register import Document

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
pytestmark = pytest.mark.full

TELEPHONE, DESK = {"width": 400, "height": 800}, {"width": 1280, "height": 860}
_MISSING = ".program[open] .node.missing"


@cache
def broken() -> Report:
    return report("bookworm", "amd64", "libelf-deleted")


def tagged(minor: int) -> Report:
    """One of many tags; every third is broken."""
    value = report() if minor % 3 else broken()
    return replace(value, image=replace(value.image, reference=f"registry:quay.io/calico/node:v3.{minor}.0"))


@cache
def page_of(name: str) -> "Document":
    made: dict[str, Callable[[], Document]] = {
        "good": report,
        "broken": broken,
        "launcher": lambda: report("bookworm", "amd64", "iptables-wrapper"),
        "two Debians": lambda: compare(report("bookworm"), report("trixie")),
        "index": lambda: index(broken(), on_arm(broken())),
        "many tags": lambda: swept(*map(tagged, range(40))),
        "many kernels": lambda: audited(*(kernel(release=f"6.{minor}.0") for minor in range(20)), images=[image()]),
    }
    return made[name]() if name in made else DOCUMENTS[name]


PAGES = (
    "good",
    "broken",
    "launcher",
    "two Debians",
    "releases",
    "several",
    "many kernels",
    "index",
    "kernel",
    "diff",
    "sweep",
    "many tags",
    "hostile",
    "hostile diff",
    "hostile kernel",
    "hostile sweep",
)
each_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=found)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
def context(browser: "Browser") -> "Iterator[BrowserContext]":
    made = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
    yield made
    made.close()


def opened(context: "BrowserContext", folder: Path, name: str) -> "Page":
    """The page from a file, with the network cut; what it fetches or complains of fails the test."""
    file = folder / f"{name.replace(' ', '-')}.html"
    if not file.exists():
        file.write_text(write(page_of(name), "html", Style()))
    context.set_offline(True)
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url))
    page.goto(file.as_uri())
    assert told == [file.as_uri()]
    return page


@each_page
def test_a_server_is_asked_once_and_nothing_is_complained_of(browser: "Browser", folder: Path, name: str) -> None:
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: ARG002
            asked.append(str(args[0]))

    file = folder / "served.html"
    file.write_text(write(page_of(name), "html", Style()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context()
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("requestfailed", lambda request: told.append(request.url))
    page.goto(f"http://127.0.0.1:{server.server_port}/served.html", wait_until="networkidle")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    page.fill("#filter", "lib")
    context.close()
    server.shutdown()
    server.server_close()
    assert asked == ["GET /served.html HTTP/1.1"]
    assert told == []


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_axe_finds_nothing(browser: "Browser", folder: Path, name: str, scheme: str, viewport: dict[str, int]) -> None:
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    page = opened(context, folder, name)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    found = axe.Axe().run(page)
    told = found.generate_report() if found.violations_count else ""
    context.close()
    assert found.violations_count == 0, told


@each_page
def test_a_telephone_shows_all_without_scrolling_sideways(browser: "Browser", folder: Path, name: str) -> None:
    context = browser.new_context(viewport=TELEPHONE)  # type: ignore[arg-type]
    page = opened(context, folder, name)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE["width"]
    outside = page.evaluate(
        "width => [...document.querySelectorAll('main td, main li, main p, main summary, main h2')].filter((each) => {"
        " const box = each.getBoundingClientRect(); return box.right > width + 1 || box.left < 0; }).length",
        TELEPHONE["width"],
    )
    context.close()
    assert outside == 0


def test_old_and_new_stand_side_by_side_on_a_telephone(browser: "Browser", folder: Path) -> None:
    context = browser.new_context(viewport=TELEPHONE)  # type: ignore[arg-type]
    page = opened(context, folder, "two Debians")
    title = page.locator("h1").bounding_box()
    assert title is not None
    assert title["y"] + title["height"] < TELEPHONE["height"]
    rows = page.locator("main > section .table tbody tr")
    assert rows.count() > 3
    for row in rows.all():
        old, new = (row.locator(f"td[data-head={side}]").bounding_box() for side in ("old", "new"))
        assert old is not None
        assert new is not None
        assert old["y"] == new["y"]
        assert 0 <= old["x"] < new["x"] < new["x"] + new["width"] <= TELEPHONE["width"]
    context.close()


@pytest.mark.parametrize("viewport", [DESK, TELEPHONE], ids=["desk", "telephone"])
def test_what_is_missing_is_seen_first(browser: "Browser", folder: Path, viewport: dict[str, int]) -> None:
    context = browser.new_context(viewport=viewport)  # type: ignore[arg-type]
    page = opened(context, folder, "broken")
    lead = page.locator(".lead")
    box = lead.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < viewport["height"]
    assert "libelf.so.1" in lead.inner_text()
    assert page.locator("h1 .verdict").inner_text() == "FAIL"
    assert re.search(r"audit-image \d", page.locator("header").inner_text())
    first = page.locator(".program").first
    assert first.get_attribute("open") is not None
    assert first.locator(".node.missing text").first.inner_html() == "libelf.so.1"
    context.close()


def test_the_edges_are_the_closures(context: "BrowserContext", folder: Path) -> None:
    page = opened(context, folder, "broken")
    drawn = {}
    for program in page.locator(".program").all():
        lines = program.evaluate(
            "(program) => { const told = [...program.querySelectorAll('.node')].map((each) =>"
            " each.querySelector('title').textContent); return [...program.querySelectorAll('.edge')].map((each) =>"
            " [told[each.dataset.from], told[each.dataset.to]]); }"
        )
        name = program.locator("summary code").first.inner_text()
        drawn[name] = {(_file(start), _file(end)) for start, end in lines}
    assert drawn == wanted(broken())
    assert sum(map(len, drawn.values())) > 100


def _file(told: str) -> str:
    """What a node is: its path, or the name of what is missing."""
    parts = told.split(", ")
    return parts[0] if parts[1:] in ([], ["not found"]) else parts[-1]


def wanted(value: Report) -> dict[str, set[tuple[str, str]]]:
    """The needs of each program, from the objects of the report and without its tree."""
    inventory = value.inventory
    needs = {entry.path: entry.needs for entry in inventory.objects}
    paths = {entry.path: entry.path for entry in inventory.objects}
    found = {}
    for tool in value.tools:
        for binary in tool.binaries:
            if binary.kind != "program":
                continue
            asked_by = {Path(entry.soname).name: entry.path for entry in binary.closure}
            sonames = {entry.path: entry.soname for entry in inventory.objects}
            edges, left, seen = set(), [binary.resolved_path], set[str]()
            names = {path: asked_by.get(sonames[path] or "", asked_by.get(Path(path).name, path)) for path in paths}
            while left:
                here = left.pop()
                if here in seen:
                    continue
                seen.add(here)
                for there in needs.get(here, ()):
                    if there != here:
                        edges.add((names[here], names[there]))
                        left.append(there)
                for problem in inventory.problems:
                    gone = problem.fault is LoadFault.LIBRARY_MISSING and problem.path == here
                    if gone and binary.resolved_path in problem.programs:
                        edges.add((names[here], problem.name))
            found[binary.resolved_path] = edges
    return found


def test_a_click_shows_the_way_from_the_program(context: "BrowserContext", folder: Path) -> None:
    page = opened(context, folder, "broken")
    program = page.locator(".program[open]").filter(has=page.locator(".node.missing")).first
    way = program.locator(".way")
    node = program.locator(".node.missing").first
    node.click()
    name = program.locator("summary code").first.inner_text()
    assert re.match(
        rf"The way: {re.escape(name)} → (?:\S+ → )*libelf\.so\.1\. libelf\.so\.1, not found", way.inner_text()
    )
    assert node.get_attribute("aria-pressed") == "true"
    assert program.locator("svg.chosen .edge.on").count() >= 1
    node.click()
    assert node.get_attribute("aria-pressed") == "false"
    assert program.locator(".edge.on").count() == 0


def test_a_keyboard_does_what_a_mouse_does(context: "BrowserContext", folder: Path) -> None:
    page = opened(context, folder, "broken")
    closed = page.locator(".program:not([open]) > summary").first
    closed.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # the picture, which scrolls
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.node") == "0"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "false"


def test_a_filter_leaves_what_has_the_words(context: "BrowserContext", folder: Path) -> None:
    page = opened(context, folder, "broken")
    page.fill("#filter", "libelf.so")
    assert page.locator(".program:visible").count() >= 2
    assert page.locator(".findings > li:visible").count() == 1
    assert re.match(r"\d+ of \d+ entries", page.locator("#hits").inner_text())
    page.fill("#filter", "no such words")
    assert page.locator("main tbody tr:visible, .program:visible").count() == page.locator(".matrix tr").count()
    page.fill("#filter", "")
    assert page.locator(".program:visible").count() > 10
    assert page.locator("details.section[open]").count() == 0


def test_the_jump_list_stays_and_leads_there(context: "BrowserContext", folder: Path) -> None:
    page = opened(context, folder, "broken")
    links = page.locator(".bar ul a").all()
    for link in links:
        link.click()
        box = page.locator(".bar").bounding_box()
        assert box is not None
        assert box["y"] <= 1 or page.evaluate("scrollY") == 0
        there = page.locator(link.get_attribute("href") or "").bounding_box()
        assert there is not None
        assert there["y"] + 1 >= box["y"] + box["height"]
    page.locator(".mark.not-met").first.click()
    row = page.locator("tr:target")
    assert row.locator("td").first.inner_text() == "not met"


@pytest.mark.parametrize("whole", [False, True], ids=["as it opens", "with its long tail"])
def test_a_comparison_of_two_releases_prints_on_five_pages(
    context: "BrowserContext", folder: Path, whole: bool
) -> None:
    page = opened(context, folder, "two Debians")
    if whole:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    count = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
    assert 1 <= count <= 5


def test_the_page_is_whole_without_its_script(browser: "Browser", folder: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = opened(context, folder, "broken")
    assert page.locator(_MISSING).first.is_visible()
    assert not page.locator("#filter").is_visible()
    assert page.locator("svg").first.get_attribute("role") == "img"
    context.close()


def test_what_an_image_says_is_text(context: "BrowserContext", folder: Path) -> None:
    page = opened(context, folder, "hostile")
    assert page.locator("main script, main img, main a:not([href^='#'])").count() == 0
    assert "<script>alert(1)</script>" in page.locator("main").inner_text()


def test_many_programs_and_waivers(context: "BrowserContext", folder: Path) -> None:
    """A page of an accepted failure says what was let through."""
    waived = replace(broken(), verdict="pass", findings=tuple(each.waived("known") for each in broken().findings))
    file = folder / "waived.html"
    file.write_text(write(waived, "html", Style()))
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator(".lead").count() == 0
    assert "waived" in page.locator("h1 .verdict").inner_text()
