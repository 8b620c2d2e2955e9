"""Service directories: what runit and s6 start, there from the first or put there by a script."""

import pytest

from tests.process.memorytree import Entry, File, Link
from tests.process.starting import problems, programs, run, start

# The shape of calico/node: sources a file without a `#!` line and takes the supervisor from `which`.
START = """#!/bin/sh
env > /etc/envvars
. /etc/rc.local
retval=$?
if [ $retval -ne 0 ]
then
    >&2 echo "failed to start"
    exit $retval
fi
RUNSVDIR=$(which runsvdir)
exec env - PATH=$PATH $RUNSVDIR -P /etc/service/enabled
"""
LATER = """if [ -z "$OFF" ]; then
  cp -a /etc/service/available/felix /etc/service/enabled/
fi
# Always.
cp -a /etc/service/available/confd  /etc/service/enabled/
case "$BACKEND" in
    "none" )
    echo none
    ;;
    * )
    cp -a /etc/service/available/bird  /etc/service/enabled/
    ;;
esac
agent -complete || exit 1
"""
SERVICE = "#!/bin/sh\nexec 2>&1\nexec agent -felix\n"
LOG = "#!/bin/sh\nLOGDIR=/var/log/felix\nmkdir -p $LOGDIR\nexec svlogd $LOGDIR\n"


def calico(**services: Entry) -> dict[str, Entry]:
    return {
        "/usr/sbin/start_runit": START,
        "/etc/rc.local": File("mkdir -p /var/log\n", 0o644),
        **{f"/etc/service/enabled/{name}/run": entry for name, entry in services.items()},
    }


# The same in later releases.
DIRECT = START.replace("exec env - PATH=$PATH $RUNSVDIR", "exec ${RUNSVDIR}")


@pytest.mark.parametrize("text", [START, DIRECT], ids=["through env", "directly"])
def test_the_usual_shape_passes_and_all_programs_are_found(text: str) -> None:
    files = {**calico(felix=SERVICE), "/etc/service/enabled/felix/log/run": LOG, "/usr/sbin/start_runit": text}
    result = start(files, [], ["start_runit"])
    assert problems(result) == []
    assert not any(unknown.unread for unknown in result.unknowns)
    names = [path.rpartition("/")[2] for path in programs(result) if not path.endswith("/env")]
    assert names == ["runsvdir", "runsv", "agent", "svlogd"]
    assert all(part.certain for part in result.programs)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("exec agent\n", ("not-a-program", "/etc/service/enabled/x/run")),
        ("", ("empty", "/etc/service/enabled/x/run")),
        (File(SERVICE, 0o644), ("not-executable", "/etc/service/enabled/x/run")),
        ("#!/bin/sh\r\n", ("carriage-return", "/etc/service/enabled/x/run")),
        ("#!/bin/zsh\n", ("interpreter-missing", "/etc/service/enabled/x/run")),
        ("#!/bin/sh\nexec 2>&1\nexec gone -felix\n", ("missing", "gone")),
        ("#!/bin/sh\nexec ./gone\n", ("missing", "./gone")),
        (Link("none"), ("missing", "/etc/service/enabled/x/run")),
    ],
)
def test_faults_of_a_service(entry: Entry, expected: tuple[str, str]) -> None:
    assert problems(start(calico(x=entry), [], ["start_runit"])) == [expected]


def test_the_hand_over_of_a_service_names_its_script() -> None:
    (problem,) = start(calico(x="#!/bin/sh\nexec 2>&1\nexec gone -felix\n"), [], ["start_runit"]).problems
    assert (problem.origin.path, problem.origin.line) == ("/etc/service/enabled/x/run", 3)


@pytest.mark.parametrize(
    "extra",
    [
        {"/etc/service/enabled/x/down": ""},
        {"/etc/rc.local": "case $B in none) rm -rf /etc/service/enabled/x;; esac\n"},
        {"/etc/rc.local": "rm -rf /etc/service/enabled/*\n"},
        {"/etc/rc.local": '[ -n "$OFF" ] && touch /etc/service/enabled/x/down\n'},
        {"/etc/rc.local": "for s in $OFF; do rm -rf /etc/service/enabled/$s; done\n"},
    ],
)
def test_a_service_that_may_not_be_started_is_no_problem(extra: dict[str, Entry]) -> None:
    assert problems(start({**calico(x="exec gone\n"), **extra}, [], ["start_runit"])) == []


def test_other_parts_of_a_service_are_looked_at_and_never_missed() -> None:
    files: dict[str, Entry] = {
        "/s/x/run": "#!/bin/sh\nexec app\n",
        "/s/x/finish": "#!/bin/sh\nagent\nexec gone\n",
        "/s/x/check": "no script",
        "/s/x/control/t": "#!/bin/sh\ncat\n",
        "/s/.hidden/run": "",
        "/s/file": "",
    }
    result = run("exec runsvdir -P /s", files)
    assert problems(result) == []
    assert [path.rpartition("/")[2] for path in programs(result)] == ["runsvdir", "runsv", "app", "agent", "cat"]


def test_relative_names_of_a_service_are_its_directorys() -> None:
    files: dict[str, Entry] = {"/s/x/run": "#!/bin/sh\nexec ./app\n", "/s/x/app": "#!/bin/sh\nexec gone\n"}
    assert problems(run("exec runsvdir /s", files)) == [("missing", "gone")]


def test_links_into_another_directory() -> None:
    files: dict[str, Entry] = {"/s/x": Link("/sv/x"), "/sv/x/run": "exec gone\n"}
    assert problems(run("exec runsvdir /s", files)) == [("not-a-program", "/s/x/run")]


def later(**services: Entry) -> dict[str, Entry]:
    files = {f"/etc/service/available/{name}/run": entry for name, entry in services.items()}
    return {**calico(), "/etc/rc.local": LATER, "/usr/sbin/start_runit": START.replace(". /etc", "/etc"), **files}


def test_services_that_a_script_enables() -> None:
    files = later(
        felix="#!/bin/sh\nexec app\n", confd=SERVICE, bird="#!/bin/sh\nexec cat\n", unused="#!/bin/sh\nexec tini"
    )
    result = start(files, [], ["start_runit"])
    assert problems(result) == []
    found = {part.real_path: part.certain for part in result.programs}
    assert found["/usr/bin/app"] is False and found["/usr/bin/cat"] is False
    assert "/usr/bin/tini" not in found


def test_faults_of_services_count_where_they_are_enabled_for_certain() -> None:
    gone = "#!/bin/sh\nexec gone\n"
    assert problems(start(later(felix=gone, confd=SERVICE, bird=gone), [], ["start_runit"])) == []
    assert problems(start(later(felix=SERVICE, confd=gone), [], ["start_runit"])) == [("missing", "gone")]
    assert problems(start(later(confd="exec agent\n"), [], ["start_runit"])) == [
        ("not-a-program", "/etc/service/available/confd/run")
    ]


@pytest.mark.parametrize(
    ("command", "certain"),
    [
        ("cp -a /a/x /s/", True),
        ("cp -a /a/x /s/x", True),
        ("ln -s /a/x /s", True),
        ("mv /a/x /s/y", True),
        ("cp -a /a/* /s/", False),
        ("cp -a /a/$NAME /s/", False),
        ("for n in x y; do cp -a /a/$n /s/$n; done", False),
        ("cp -a /a/x /other/", None),
        ("mkdir -p /s/x && cp /a/x/run /s/x/run", None),
    ],
)
def test_ways_to_enable(command: str, certain: bool | None) -> None:
    files: dict[str, Entry] = {"/a/x/run": "#!/bin/sh\nexec app\n", "/s/keep": ""}
    result = run(f"{command}\nexec runsvdir /s", files)
    assert {part.real_path: part.certain for part in result.programs}.get("/usr/bin/app") is certain
    broken = run(f"{command}\nexec runsvdir /s", {**files, "/a/x/run": "exec app"})
    assert bool(problems(broken)) is (certain is True)


def test_supervisors_that_are_not_reached_for_certain_have_no_problems() -> None:
    files: dict[str, Entry] = {"/s/x/run": "exec gone"}
    assert problems(run('[ -n "$X" ] && runsvdir /s\nexec app', files)) == []
    assert problems(run("runsvdir /s &\nexec app", files)) == [("not-a-program", "/s/x/run")]
    assert problems(run("exec runsvdir $DIR", files)) == []


def test_s6() -> None:
    files: dict[str, Entry] = {"/s/x/run": "#!/bin/sh\nexec gone\n", "/usr/bin/s6-svscan": b"\x7fELF"}
    assert problems(run("exec s6-svscan -t 0 /s", files)) == [("missing", "gone")]


def test_runsvdir_as_the_command_itself() -> None:
    files: dict[str, Entry] = {"/s/x/run": SERVICE.replace("agent", "gone")}
    assert problems(start(files, ["runsvdir", "-P"], ["/s"])) == [("missing", "gone")]


def test_no_runsv_is_noted() -> None:
    result = run("exec /opt/runsvdir /s", {"/opt/runsvdir": b"\x7fELF", "/s/x/run": SERVICE, "/usr/bin/runsv": None})
    assert problems(result) == []
    assert any("'runsv'" in unknown.message for unknown in result.unknowns)


def test_a_lost_end_of_a_case_in_what_the_start_reads() -> None:
    """As Calico shipped it once: `/etc/rc.local: Syntax error: ")" unexpected`, and the node does not start."""
    lost = LATER.replace("    echo none\n    ;;\n", "    echo none\n")
    for text in (DIRECT, DIRECT.replace(". /etc/rc.local", "/etc/rc.local")):
        files: dict[str, Entry] = {**calico(), "/etc/rc.local": "#!/bin/sh\n" + lost, "/usr/sbin/start_runit": text}
        result = start(files, [], ["start_runit"])
        assert problems(result) == [("syntax", "/etc/rc.local")]
        assert result.problems[0].sure
        assert "/etc/rc.local, line 10, is refused by dash: unexpected ')'" in result.problems[0].message


def test_a_run_file_that_its_shell_refuses() -> None:
    run_file = SERVICE.replace("exec 2>&1", "if true; then exec 2>&1")
    assert problems(start(calico(felix=run_file), [], ["start_runit"])) == [
        ("syntax", "/etc/service/enabled/felix/run")
    ]
