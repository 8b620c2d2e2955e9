"""Scripts that a shell refuses: told as the shells themselves tell it, and never where they don't."""

import shutil
import subprocess
from pathlib import Path

import pytest

from auditor.process.shell.grammar import read_script
from tests.process.memorytree import Entry, File
from tests.process.starting import problems, run

SHELLS = {"bash": ("bash", "-n"), "dash": ("dash", "-n"), "ash": ("busybox", "ash", "-n")}

# What some versions of a shell take and others refuse: busybox 1.37 takes it, 1.35 does not.
VERSIONS_DIFFER = {("ash", "my-f() { a; }")}

# A text, and the shells that take it.
EVERYBODY = ("bash", "dash", "ash")
TEXTS: list[tuple[str, tuple[str, ...]]] = [
    ("a; b & c && d || e | f", EVERYBODY),
    ("case x in a) b ;; (c|d) e ;; esac", EVERYBODY),
    ("case x in esac", EVERYBODY),
    ("case $1 in\n  a) b\n  c) d ;;\nesac", ()),
    ("if a; then b; elif c; then d; else e; fi", EVERYBODY),
    ("if { a; } then b; fi", EVERYBODY),
    ("if a; then b", ()),
    ("if a; then fi", ()),
    ("if a\nb; fi", ()),
    ("fi", ()),
    ("in a", ()),
    ("for i in a b\ndo c; done", EVERYBODY),
    ("for i do a; done", EVERYBODY),
    ("for i in a b do c; done", ()),
    ("for i in a; { b; }", ("bash",)),
    ("for i-j in a; do b; done", ("bash",)),
    ("for ((i = 0; i < 3; i++)); do b; done", ("bash",)),
    ("while a; do b", ()),
    ("select x in a; do b; done", ("bash",)),
    ("{ a; } > x 2>&1", EVERYBODY),
    ("{ a; } b", ()),
    ("{ }", ()),
    ("(a) b", ()),
    ("()", ()),
    ("f() { a; }", EVERYBODY),
    ("my-f() { a; }", ("bash",)),
    ("f() a", ("dash", "ash")),
    ("function f { a; }", ("bash", "ash")),
    ("function f() { a; }", ("bash", "ash")),
    ("a (b)", ()),
    ("a & ; b", ()),
    ("a ;; b", ()),
    ("a &&", ()),
    ("a | | b", ()),
    ("a >", ()),
    ("! a", EVERYBODY),
    ("! ! a", ("bash",)),
    ("!(a)", EVERYBODY),
    ("time { a; }", ("bash",)),
    ("coproc { a; }", ("bash",)),
    ("coproc NAME { a; }", ("bash",)),
    ("echo 'a", ()),
    ('echo "a', ()),
    ("echo `a", ()),
    ("echo $(a", ()),
    ("echo ${a", ()),
    ("echo $(case a in b) c;; esac)", EVERYBODY),
    ("cat <<E\n$(a)\nE\n", EVERYBODY),
    ("cat <<'E'\n$(a `\nE\n", EVERYBODY),
    ("cat <<E\nno end", EVERYBODY),
    ("cat <<< a", ("bash",)),
    ("cat <(a) >(b)", ("bash", "ash")),
    ("a |& b", ("bash",)),
    ("a &> b", EVERYBODY),
    ("case x in a) b ;& c) d ;; esac", ("bash",)),
    ("x=(a 'b c' [3]=d)", ("bash",)),
    ("x=\\\n(a)", ("bash",)),
    ("x+=(a; b)", ()),
    ("declare -a x=(a)", ("bash",)),
    ("sudo x=(a)", ()),
    ("x[((i + 1))]=y", ("bash",)),
    ("x[$((i + 1))]=y", EVERYBODY),
    ("echo $[ 1 + (2) ]", ("bash",)),
    ("echo $((1 + (2 * 3)))", EVERYBODY),
    ("((i++))", EVERYBODY),
    ("(( (a) || b ))", EVERYBODY),
    ("[[ a =~ ^(b c|d)$ && ( -n e || f < g ) ]]", ("bash",)),
    ("[[ a =~ [[:space:]]*(b) ]]", ("bash",)),
    ("[[ a == @(b|c) ]]", ("bash",)),
    ("[ a = b ]", EVERYBODY),
    ("echo $'it\\'s'", ("bash", "ash")),
    ("echo ${a/b/c} ${a:1:2} ${!a} ${a^^}", EVERYBODY),
    ("if a; then\\\n b; f\\\ni", EVERYBODY),
    ("# it's\na # don't", EVERYBODY),
]


@pytest.mark.parametrize(("text", "shells"), TEXTS, ids=[repr(row[0])[:40] for row in TEXTS])
def test_a_text_is_refused_by_who_refuses_it(text: str, shells: tuple[str, ...]) -> None:
    for shell in EVERYBODY:
        error = read_script(text, shell).error
        assert (error is None) is (shell in shells) or (error is not None and not error.sure), (shell, error)
    neither = not {"bash", "dash"} & set(shells)
    error = read_script(text).error
    assert (error is not None) is neither, error


@pytest.mark.parametrize("shell", EVERYBODY)
def test_the_table_is_the_shells_own_word(shell: str, tmp_path: Path) -> None:
    if shutil.which(SHELLS[shell][0]) is None:
        pytest.skip(f"{shell} is not here")
    expected = {text: shell in shells for text, shells in TEXTS if (shell, text) not in VERSIONS_DIFFER}
    assert {text: _accepted(shell, text, tmp_path) for text in expected} == expected


@pytest.mark.parametrize(("shell", "text"), sorted(VERSIONS_DIFFER))
def test_what_versions_of_a_shell_differ_about_is_no_fault(shell: str, text: str) -> None:
    error = read_script(text, shell).error
    assert error is not None and not error.sure


def test_dash_is_known_to_refuse_such_a_name() -> None:
    (problem,) = run("my-f() { a; }\nexec app\n").problems
    assert problem.sure and problem.message.endswith("is refused by dash: bad function name")


def _accepted(shell: str, text: str, folder: Path) -> bool:
    script = folder / "script"
    script.write_text(text, "utf-8")
    done = subprocess.run([*SHELLS[shell], str(script)], capture_output=True, check=False, timeout=20)
    return done.returncode == 0 and b"syntax error" not in done.stderr


LOST = 'case "$1" in\n  a) echo a\n  b) echo b ;;\nesac\n'


def test_an_entrypoint_that_its_shell_refuses_is_an_error_at_the_line() -> None:
    result = run(LOST + "exec app\n")
    (problem,) = result.problems
    assert (problem.fault.value, problem.path, problem.sure) == ("syntax", "/start", True)
    assert problem.message == "/start, line 4, is refused by dash: unexpected ')' ('esac' expected)"


# The script, the other files, what is refused, and whether that is sure.
REFUSED: list[tuple[str, str, dict[str, Entry], str, bool]] = [
    ("sourced", ". /etc/rc.local\nexec app", {"/etc/rc.local": File(LOST, 0o644)}, "/etc/rc.local", True),
    ("run by name", "/opt/x\nexec app", {"/opt/x": "#!/bin/bash\n" + LOST}, "/opt/x", True),
    ("run by a shell", "bash /opt/x", {"/opt/x": File(LOST, 0o644)}, "/opt/x", True),
    ("handed over to", "exec /opt/x", {"/opt/x": "#!/bin/sh\n" + LOST}, "/opt/x", True),
    ("a text without an interpreter", "/opt/x\nexec app", {"/opt/x": LOST}, "/opt/x", False),
    ("on a condition", "[ -f /etc/x ] && . /etc/x\nexec app", {"/etc/x": File(LOST, 0o644)}, "/etc/x", False),
    ("behind a way out", "[ -z $X ] && exit 0\n" + LOST, {}, "/start", False),
    ("an array for dash", "x=(a b)\nexec app", {}, "/start", True),
    ("a service", "exec runsvdir /etc/service", {"/etc/service/x/run": "#!/bin/sh\n" + LOST},
     "/etc/service/x/run", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "files", "path", "sure"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_no_shell_reads(text: str, files: dict[str, Entry], path: str, sure: bool) -> None:
    result = run(text, files)
    assert [(problem.fault.value, problem.path, problem.sure) for problem in result.problems] == [
        ("syntax", path, sure)
    ]


ACCEPTED: list[tuple[str, str, str, dict[str, Entry]]] = [
    ("after the end", "exec app\n" + LOST, "/bin/sh", {}),
    ("a payload", "tail -n +3 $0 | tar x\nexit 0\n\x01\x02(()'`", "/bin/sh", {}),
    ("a python script in disguise", "'''exec' \"$(which app)\"/x \"$0\" \"$@\"\n' '''\nprint(f(1))", "/bin/sh", {}),
    ("bash for bash", "x=(a b)\n[[ $x =~ (a|b) ]] && :\nexec app", "/bin/bash", {}),
    ("another shell's", "repeat 3 { a }\nif (( 1 )) { b } else { c }\n", "/usr/bin/zsh", {"/usr/bin/zsh": b"\x7fELF"}),
    ("patterns that a script turns on", "shopt -s extglob\ncase x in @(a|b)) :;; esac", "/bin/bash", {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shell", "files"), [row[1:] for row in ACCEPTED], ids=[r[0] for r in ACCEPTED])
def test_what_is_never_reached_or_is_read_all_the_same(text: str, shell: str, files: dict[str, Entry]) -> None:
    assert problems(run(text, files, shell=shell)) == []


def test_what_cannot_be_read_here_is_unread_and_looked_through() -> None:
    result = run("x=" + "$(" * 60 + "a" + ")" * 60 + "\nexec /usr/bin/app -x\n")
    assert problems(result) == []
    assert [unknown.message for unknown in result.unknowns if unknown.unread] == [
        "the script can't be read: line 2: nested too deep to be read"
    ]
    assert "app" in {path.rpartition("/")[2] for path in (start.path for start in result.starts)}


HOSTILE: list[tuple[str, str]] = [
    ("nested arithmetic", "$((" * 60_000),
    ("nested arithmetic that is none", "echo " + "$((" * 35 + "a" * 100_000 + ")" * 36),
    ("nested substitutions", "$(" * 100_000),
    ("nested subshells", "(" * 200_000),
    ("nested braces", "${a" * 60_000),
    ("nested backquotes", "`\\`" * 60_000),
    ("nested arrays", "a[" * 100_000),
    ("nested functions", "f() " * 50_000),
    ("negations", "! " * 100_000 + "a"),
    ("coprocesses", "coproc " * 30_000 + "a"),
    ("here-documents", "cat " + "<<E " * 50_000 + "\n"),
    ("quotes", "'\"" * 100_000),
    ("redirections", ">" * 200_000),
    ("patterns", "@(" * 100_000),
    ("binary", "".join(chr(index % 256) for index in range(200_000))),
]  # fmt: skip


@pytest.mark.parametrize("text", [row[1] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
@pytest.mark.parametrize("shell", ["bash", "dash", "ash"])
def test_a_hostile_script_is_read_in_bounds(text: str, shell: str) -> None:
    read_script(text, shell)


def test_scripts_that_source_each_other_over_and_over_come_to_an_end() -> None:
    files: dict[str, Entry] = {"/opt/a": File(". /opt/a\n" * 50, 0o644)}
    assert problems(run(". /opt/a\n" * 50 + "exec app", files)) == []
