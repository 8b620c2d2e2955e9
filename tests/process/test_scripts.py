"""Shell snippets as entrypoints: what each hands over to, and what is merely worth a look or a note."""

import pytest

from tests.process.memorytree import Entry, File, Link
from tests.process.starting import ELF, problems, programs, run

MISSING = "missing"

# Text of the script, the words that are problems.
BROKEN: list[tuple[str, str, list[str]]] = [
    ("absolute path", "exec /opt/gone -x", ["/opt/gone"]),
    ("bare name", "exec gone --flag", ["gone"]),
    ("quoted", "exec '/opt/gone'", ["/opt/gone"]),
    ("double quotes", 'exec "/opt/gone" "$@"', ["/opt/gone"]),
    ("partly quoted", 'exec /opt/"go"ne', ["/opt/gone"]),
    ("backslash", "exec \\/opt/gone", ["/opt/gone"]),
    ("continued line", "exec \\\n  /opt/gone \\\n  -x", ["/opt/gone"]),
    ("word over two lines", "exec /opt/go\\\nne", ["/opt/gone"]),
    ("after set -e", "set -e\nset -o pipefail\nexec /opt/gone", ["/opt/gone"]),
    ("after set -eux and cd", "set -eux\ncd /var\nexec gone", ["gone"]),
    ("arguments with substitutions", 'exec gone --name "$(hostname)" $FLAGS', ["gone"]),
    ("redirected", "exec gone >/dev/null 2>&1 </dev/null", ["gone"]),
    ("redirection first", "exec >/dev/null gone", ["gone"]),
    ("after a redirection-only exec", "exec 2>&1\nexec gone -felix", ["gone"]),
    ("in braces", "{ exec gone; }", ["gone"]),
    ("negated", "! exec gone", ["gone"]),
    ("first of an or", "exec gone || exit 1", ["gone"]),
    ("behind a semicolon", "echo start; exec gone", ["gone"]),
    ("with assignment", "LANG=C exec gone", ["gone"]),
    ("after a failure exit", "check || exit 1\nexec gone", ["gone"]),
    ("after a failure exit with the status", "check || exit $?\nexec gone", ["gone"]),
    ("after a failure exit in an if", 'check\nr=$?\nif [ $r -ne 0 ]; then\n exit $r\nfi\nexec gone', ["gone"]),
    ("the same with braces", 'check\nr=$?\nif [ "${r}" != 0 ]; then exit ${r}; fi\nexec gone', ["gone"]),
    ("after an exit with a number of any length", f"check || exit {'9' * 5000}\nexec gone", ["gone"]),
    ("the same in an if", f'if [ -f /x ]; then exit {"9" * 5000}; fi\nexec gone', ["gone"]),
    ("after a function that dies", 'die() { echo "$1"; exit 1; }\n[ -f /x ] || die no\nexec gone', ["gone"]),
    ("after a loop that waits", "until nc -z db 5432; do sleep 1; done\nexec gone", ["gone"]),
    ("after a case that sets", "case $X in a) Y=1;; *) Y=2;; esac\nexec gone", ["gone"]),
    ("after a here-document", "cat <<EOF >/etc/app.conf\nexec nothing\nEOF\nexec gone", ["gone"]),
    ("after a quoted here-document", "cat <<'EOF'\n$(exec nothing) `x\nEOF\nexec gone", ["gone"]),
    ("after a tabbed here-document", "cat <<-EOF\n\texec nothing\n\tEOF\nexec gone", ["gone"]),
    ("after two here-documents", "cat <<A <<B\na\nA\nb\nB\nexec gone", ["gone"]),
    ("after a comment with a quote", "# don't\nexec gone # it's", ["gone"]),
    ("hash within a word", "echo a#b 'c # d'\nexec gone", ["gone"]),
    ("after a trap that cleans up", "trap 'rm -f /x' EXIT\ntrap - INT\nexec gone", ["gone"]),
    ("PATH with an addition", "PATH=/opt/bin:$PATH\nexec gone", ["gone"]),
    ("PATH exported", 'export PATH="$PATH:/opt/bin"\nexec gone', ["gone"]),
    ("carriage returns", "exec gone\r", ["gone\r"]),
    ("command exec", "command exec gone", ["gone"]),
    ("exec --", "exec -- gone", ["gone"]),
    ("after child processes",
     "(cd /tmp && exec nothing)\nsleep 1 &\nx=$(exec nothing)\necho a | exec nothing\nexec gone",
     ["gone"]),
    ("a shell that is handed the script", "exec bash -c 'exec gone'", ["gone"]),
    ("a shell that is handed a file", "exec bash /opt/gone.sh", ["/opt/gone.sh"]),
    ("arithmetic before", "i=$((1 + (2 * 3)))\n((i++))\nexec gone", ["gone"]),
    ("looked for before", "if ! command -v gone; then echo no gone; fi\nexec gone", ["gone"]),
    ("tested before", "[ -x /opt/gone ] || echo no\nls -l /opt/gone\nexec /opt/gone", ["/opt/gone"]),
    ("permissions of something absent", "chmod +x /opt/gone\nexec /opt/gone", ["/opt/gone"]),
    ("relative with a known directory", "cd /opt\nexec ./gone", ["./gone"]),
    ("relative to the working directory", "exec bin/gone", ["bin/gone"]),
    ("a directory", "exec /usr/lib/folder", ["/usr/lib/folder"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_unconditional_handover_to_what_is_not_there(text: str, words: list[str]) -> None:
    result = run(text, {"/usr/lib/folder/x": "x"})
    assert [word for _, word in problems(result)] == words


SOUND: list[tuple[str, str]] = [
    ("there by name", "exec app"),
    ("there by path", "exec /usr/bin/app"),
    ("there through a linked directory", "exec /bin/app"),
    ("redirections only", "exec 2>&1"),
    ("redirections to a file", "exec >>/var/log/x 2>&1 3<&0"),
    ("file descriptor in a variable", "exec {fd}>/var/lock/x"),
    ("variable", "exec $PROGRAM"),
    ("variable in quotes", 'exec "${PROGRAM}" -x'),
    ("all arguments", 'exec "$@"'),
    ("substitution", "exec $(which gone) -x"),
    ("backquotes", "exec `which gone` -x"),
    ("variable from which", "G=$(which gone)\nexec $G -x"),
    ("glob", "exec /opt/*/gone"),
    ("glob with brackets", "exec /opt/gon[ef]"),
    ("tilde", "exec ~/gone"),
    ("braces", "exec /opt/{gone,away}"),
    ("name in the middle", "exec /opt/$V/gone"),
    ("conditional", 'if [ -n "$X" ]; then exec gone; fi'),
    ("conditional with else", 'if [ -n "$X" ]; then exec gone; else exec app; fi'),
    ("elif", "if a; then :; elif b; then exec gone; fi\nexec app"),
    ("and", '[ -x /opt/gone ] && exec /opt/gone'),
    ("or", "exec app || exec gone"),
    ("second of an or", "check || exec gone"),
    ("case", 'case "$1" in\n  felix) exec gone ;;\n  *) exec app ;;\nesac'),
    ("case with parentheses", 'case "$1" in (a|b) exec gone;; (*) exec app; esac'),
    ("loop", "for i in 1 2; do exec gone; done"),
    ("while", "while read x; do exec gone; done < /x"),
    ("subshell", "(exec gone)\nexec app"),
    ("background", "exec gone &\nexec app"),
    ("pipeline", "exec gone | cat\nexec app"),
    ("substituted", "x=$(exec gone)\nexec app"),
    ("backquoted", "x=`exec gone`\nexec app"),
    ("process substitution", "cat <(exec gone)\nexec app"),
    ("function not called", "f() { exec gone; }\nexec app"),
    ("function called", "main() { exec gone; }\nmain \"$@\""),
    ("function keyword", "function main { exec gone; }\nmain"),
    ("function in a subshell body", "f() ( exec gone )\nf"),
    ("in a string", "echo 'exec gone'\nexec app"),
    ("in a string over lines", 'echo "\nexec gone\n"\nexec app'),
    ("in a comment", "# exec gone\nexec app"),
    ("in a here-document", "cat <<EOF\nexec gone\nEOF\nexec app"),
    ("in a here-document with a quoted word", "cat <<\"E O F\"\nexec gone\nE O F\nexec app"),
    ("here-string", 'cat <<< "exec gone"\nexec app'),
    ("builtin", "exec echo hi"),
    ("command not there", "gone --flag\nexec app"),
    ("command not there, checked", "gone || exit 1\nexec app"),
    ("last command not there", "gone"),
    ("after an exit", "exit 0\nexec gone"),
    ("after an exec", "exec app\nexec gone"),
    ("after a conditional exec", 'if [ -x /opt/x ]; then exec /usr/bin/app; fi\nexec gone'),
    ("after a conditional exit", 'if [ "$1" = help ]; then exit 0; fi\nexec gone'),
    ("after an exit with the last status", 'if [ "$1" = up ]; then migrate; exit $?; fi\nexec gone'),
    ("after a short exit", '[ -n "$OFF" ] && exit\nexec gone'),
    ("after a function that may exec", 'run() { exec "$@"; }\nrun app\nexec gone'),
    ("after eval", 'eval "$SETUP"\nexec gone'),
    ("exec -a", "exec -a name gone"),
    ("exec -l", "exec -l gone"),
    ("env", "exec env - PATH=/opt gone"),
    ("env with variables", "exec env A=$B -u C gone -x"),
    ("sudo", "exec sudo -E gone"),
    ("tini in a script", "exec tini -- gone"),
    ("trap", "trap 'exec gone' EXIT\nexec app"),
    ("trap that comes to help", "trap 'exec app' EXIT\nexec gone"),
    ("unknown trap", 'trap "$CLEANUP" EXIT\nexec gone'),
    ("PATH that isn't known", "export PATH=$EXTRA:$PATH\nexec gone"),
    ("PATH set on a condition", "[ -d /opt/bin ] && PATH=/opt/bin:$PATH\nexec gone"),
    ("PATH from a file that isn't there", ". /etc/profile.d/x\nexec gone"),
    ("PATH from a file in a variable", '. "$CONFIG"\nexec gone'),
    ("PATH unset", "unset PATH\nexec gone"),
    ("relative after an unknown cd", 'cd "$HOME"\nexec ./gone'),
    ("made by a copy", "cp /usr/share/x /opt/gone\nexec /opt/gone"),
    ("made by a link", "ln -sf /usr/bin/app /usr/local/bin/gone\nexec gone"),
    ("made by a download", "curl -o /usr/bin/gone https://host/gone\nexec gone"),
    ("made by a redirection", "printf x > /usr/bin/gone\nexec gone"),
    ("made by unpacking", "tar xf /x.tar -C /opt\nexec /opt/bin/gone"),
    ("installed", "apt-get install -y other\nexec gone"),
    ("alias", "alias exec=true\nexec gone"),
    ("extended patterns", "case $x in @(a|b)) :;; esac\nexec app"),
    ("double brackets", '[[ $x =~ ^(a|b)+$ && ( -n $y || $z < 3 ) ]] || true\nexec app'),
    ("arrays", "args=(a 'exec gone' $(cat x))\nargs+=(-x)\nexec app"),
    ("parameter with quotes", 'x="${y:-it\'s}" z=${y#\'#\'}\nexec app'),
    ("nested quotes", 'x="$(cat "a b" | grep "exec gone")"\nexec app'),
    ("c-style loop", "for ((i = 0; i < 3; i++)); do echo $i; done\nexec app"),
    ("select", "select x in a b; do exec gone; done\nexec app"),
    ("until", "until exec_ready; do exec gone; done\nexec app"),
    ("done before a brace", "{ while x; do y; done }\nexec app"),
]  # fmt: skip


# What dash refuses, or takes for something else.
FOR_BASH = frozenset((
    "file descriptor in a variable", "process substitution", "function keyword", "here-string", "extended patterns",
    "double brackets", "arrays", "c-style loop", "select", "time and negation",
))  # fmt: skip


def shell_for(name: str) -> str:
    return "/bin/bash" if name in FOR_BASH else "/bin/sh"


@pytest.mark.parametrize(("name", "text"), SOUND, ids=[row[0] for row in SOUND])
def test_no_problem(name: str, text: str) -> None:
    assert problems(run(text, shell=shell_for(name))) == []


NOTED: list[tuple[str, str, str]] = [
    ("variable", 'exec "$PROGRAM"', 'hands over to "$PROGRAM", which only the run time knows'),
    ("command", "gone --flag\nexec app", "'gone' is not found on PATH"),
    ("conditional exec", "[ -n $X ] && exec gone\nexec app", "'gone' is not found on PATH"),
    ("made", "cp x /opt/gone\nexec /opt/gone", "an earlier command names it"),
    ("sourced, not there", ". /etc/none\nexec app", "'/etc/none' is no file in the image"),
    ("another language", "exec /opt/x.py", "is a script for /usr/bin/python3"),
    ("service helper", "exec runsvdir /none", ""),
]


@pytest.mark.parametrize(("text", "note"), [row[1:] for row in NOTED], ids=[row[0] for row in NOTED])
def test_worth_a_note(text: str, note: str) -> None:
    files: dict[str, Entry] = {"/opt/x.py": "#!/usr/bin/python3\n", "/usr/bin/python3": ELF}
    result = run(text, files)
    assert problems(result) == []
    if note:
        assert any(note in unknown.message for unknown in result.unknowns), result.unknowns


LOOKED_AT: list[tuple[str, str, list[str]]] = [
    ("hand-over", "exec app", ["app"]),
    ("commands", "cat /x\nagent -x || exit 1\nexec app", ["cat", "agent", "app"]),
    ("conditions", "if cat /x; then agent; else app; fi", ["cat", "agent", "app"]),
    ("cases and loops", "case $1 in a) cat;; esac\nfor i in $(agent); do app; done", ["cat", "agent", "app"]),
    ("functions", "f() { agent; }\napp", ["agent", "app"]),
    ("substitutions", 'x="$(cat `agent`)"\necho ${y:-$(app)}', ["cat", "agent", "app"]),
    ("here-documents", "cat <<EOF\n$(agent)\nEOF\nexec app", ["cat", "agent", "app"]),
    ("quoted here-documents", "cat <<'EOF'\n$(agent)\nEOF\n", ["cat"]),
    ("wrappers", "nohup agent &\nexec env A=b app", ["agent", "env", "app"]),
    ("sudo in a shell in a shell", "exec bash -c \"sudo --preserve-env sh -c 'agent -felix'\"",
     ["bash", "sudo", "agent"]),
    ("variable from which", "A=$(which agent)\nexec $A", ["agent"]),
    ("variable from command -v", 'A="$(command -v agent)"\nexec "$A" -x', ["agent"]),
    ("variable with a path", "A=/usr/local/bin/agent\n$A -x", ["agent"]),
    ("substitution", "exec `which agent` -x", ["agent"]),
    ("absolute by a link", "exec /sbin/../bin/app", ["app"]),
    ("children", "/opt/child\nexec app", ["agent", "app"]),
    ("child through sh", "sh -eu /opt/child\nexec app", ["agent", "app"]),
    ("sourced", ". /opt/plain\nexec app", ["cat", "app"]),
    ("text without an interpreter", "/opt/plain\nexec app", ["cat", "app"]),
    ("assignments before", "A=b C=d agent -x", ["agent"]),
    ("redirections before", ">/x agent 2>&1", ["agent"]),
    ("time and negation", "time ! agent", ["agent"]),
    ("coprocess of nothing", "wait", []),
    ("after the end", "exec app\nagent", ["app"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "names"), LOOKED_AT, ids=[row[0] for row in LOOKED_AT])
def test_programs_to_look_at(name: str, text: str, names: list[str]) -> None:
    files: dict[str, Entry] = {"/opt/child": "#!/bin/sh\nagent\n", "/opt/plain": File("cat /x\n")}
    found = [path.rpartition("/")[2] for path in programs(run(text, files, shell=shell_for(name)))]
    assert sorted(found) == sorted(names + ["bash"] * (shell_for(name) == "/bin/bash"))


def test_an_image_where_the_program_is_made_at_no_time_names_script_and_line() -> None:
    result = run("set -e\n\nexec /sbin/runsvdir -P /etc/service\n")
    (problem,) = result.problems
    assert (problem.origin.path, problem.origin.line) == ("/start", 4)
    assert problem.origin.text == "exec /sbin/runsvdir -P /etc/service"
    assert problem.message == "/start, line 4, hands over to '/sbin/runsvdir', which is not in the image"


def test_what_cannot_be_executed_is_passed_over_and_named() -> None:
    result = run("exec tool", {"/usr/local/sbin/tool": File("#!/bin/sh\n", 0o644), "/usr/bin/tool": Link("../none")})
    (problem,) = result.problems
    assert (problem.fault.value, problem.path) == ("not-executable", "/usr/local/sbin/tool")


def test_permissions_that_a_script_sets_are_not_missed() -> None:
    assert problems(run("chmod +x /opt/tool\nexec /opt/tool", {"/opt/tool": File("#!/bin/sh\n", 0o644)})) == []


FAULTS: list[tuple[str, Entry, list[tuple[str, str]]]] = [
    ("empty", "", [("empty", "/opt/x")]),
    ("interpreter gone", "#!/bin/ash\n", [("interpreter-missing", "/opt/x")]),
    ("carriage return", "#!/bin/sh\r\n", [("carriage-return", "/opt/x")]),
    ("no interpreter needed", "exec gone\n", [("missing", "gone")]),
    ("inner hand-over", "#!/bin/sh\nexec gone\n", [("missing", "gone")]),
    ("not executable", File("#!/bin/sh\n", 0o644), [("not-executable", "/opt/x")]),
    ("unknown binary", b"MZ\0\0", []),
]


@pytest.mark.parametrize(("entry", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_hand_over_to_a_script(entry: Entry, expected: list[tuple[str, str]]) -> None:
    assert problems(run("exec /opt/x", {"/opt/x": entry})) == expected


def test_scripts_that_start_each_other_come_to_an_end() -> None:
    result = run("exec /opt/a", {"/opt/a": "#!/bin/sh\n. /opt/b\nexec /opt/b\n", "/opt/b": "#!/bin/sh\n. /opt/a\n"})
    assert problems(result) == []


def test_sourced_exec_is_the_scripts_own() -> None:
    assert problems(run(". /opt/rc\nexec gone", {"/opt/rc": "exec app\n"})) == []
    assert problems(run(". /opt/rc", {"/opt/rc": "exec gone\n"})) == [(MISSING, "gone")]
    assert problems(run(". /opt/rc\nexec gone", {"/opt/rc": "[ -f /x ] && return\nreturn 0\n"})) == [(MISSING, "gone")]
    assert problems(run(". /opt/rc\nexec gone", {"/opt/rc": "exit 0\n"})) == []
    assert problems(run(". /opt/rc\nexec gone", {"/opt/rc": "PATH=$X\n"})) == []
    assert problems(run("[ -f /opt/rc ] && . /opt/rc\nexec gone", {"/opt/rc": "PATH=$X\n"})) == []


def test_what_cannot_be_read_is_no_problem() -> None:
    large: dict[str, Entry] = {"/opt/x": File("#" * 9, kept=False), "/opt/lib": File("#", 0o644, kept=False)}
    assert problems(run("exec /opt/x", large)) == []
    assert problems(run("/opt/x\n. /opt/lib\nsh /opt/lib\nexec gone", large)) == []
    result = run("exec /opt/x", large)
    assert any("/opt/x: its bytes are not at hand" in unknown.message for unknown in result.unknowns)


DATABASE = """set -e

# A file may hold what a variable would.
from_file() {
	local name="$1" value="${2:-}"
	if [ "${!name:-}" ] && [ "${!name_FILE:-}" ]; then
		echo >&2 "error: both are set"
		exit 1
	fi
	export "$name"="$value"
}

if [ "${1:0:1}" = '-' ]; then
	set -- app "$@"
fi

if [ "$1" = 'app' ] && [ "$(id -u)" = '0' ]; then
	mkdir -p "$DATA"
	chown -R daemon "$DATA" 2>/dev/null || :
	exec gosu daemon "$0" "$@"
fi

if [ ! -s "$DATA/VERSION" ]; then
	cat >&2 <<-'EOWARN'
		****************************
		WARNING: it's not initialised. Use "-e PASSWORD=…".
		****************************
	EOWARN
	client=( agent -v ON_ERROR=1 )
	"${client[@]}" --user x <<-EOSQL
		CREATE USER "$USER" ${PASSWORD:+WITH PASSWORD '$PASSWORD'} ;
	EOSQL
	for f in /docker-entrypoint-init.d/*; do
		case "$f" in
			*.sh)     echo "$0: running $f"; . "$f" ;;
			*.sql.gz) gunzip -c "$f" | "${client[@]}"; echo ;;
			*)        echo "$0: ignoring $f" ;;
		esac
	done
fi

exec "$@"
"""

SUPERVISED = """. /opt/base/functions

stop() {
  for pid in $(pgrep . | grep -v "^1$\\|^$$\\$"); do
    kill -TERM "$pid" >/dev/null 2>&1
  done
  exit
}

for script in /etc/init.d/*; do
  if [ -x "$script" ]; then
    $script
    retval=$?
    if [ $retval != 0 ]; then
      exit $retval
    fi
  fi
done

trap stop TERM INT
exec /sbin/runsvdir -P /etc/service &
wait $!
stop
"""


@pytest.mark.parametrize("text", [DATABASE, SUPERVISED], ids=["database", "supervised"])
def test_entrypoints_as_they_are_written(text: str) -> None:
    result = run(text, cmd=["app", "-x"], shell="/bin/bash")
    assert problems(result) == []
    assert not any("can't be read" in unknown.message for unknown in result.unknowns)


def test_the_loop_before_a_hand_over_excuses_nothing() -> None:
    text = SUPERVISED.partition("trap")[0] + "exec /sbin/runsvdir -P /etc/service\n"
    assert problems(run(text)) == [(MISSING, "/sbin/runsvdir")]
