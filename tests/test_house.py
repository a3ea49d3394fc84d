"""House rules that no linter knows: dependencies, sizes, the docs' commands and settings, words that leak a machine."""

import ast
import importlib.metadata
import itertools
import re
import shlex
import statistics
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from daemon import settings
from daemon.cli.main import readyd

ROOT = Path(__file__).resolve().parents[1]
OURS = ("daemon", "ledger", "bench")
SOURCES = sorted(path for part in OURS for path in (ROOT / part).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]
UNITS = sorted((ROOT / "systemd").iterdir())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

MOST_LINES = 400
USUAL_FUNCTION, LONG_FUNCTION, LONG_SHARE = 8, 30, 0.03

NOT_SETTINGS = {
    *("READYD_CONFIG", "READYD_DEBUG", "READYD_OFFICIAL_PYTHON", "READYD_ALL_KILLS", "READYD_ALL_FAULTS"),
    *("READYD_IMAGES", "READYD_ROOT", "READYD_CUTS"),
}
"""Variables that are no key of the configuration: where it is, how bugs are shown, what single tests do."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


# (a) dependencies


def imports(path: Path) -> set[str]:
    """Find the top-level packages that a file imports, also those it imports late."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - set(OURS)


def declared() -> set[str]:
    always, wished = PROJECT["dependencies"], PROJECT["optional-dependencies"]["object"]
    return {normal(re.split(r"[^\w.-]", one, maxsplit=1)[0]) for one in [*always, *wished]}


def used() -> dict[str, str]:
    """Map each distribution that our code imports to one file that imports it."""
    providers = importlib.metadata.packages_distributions()
    return {
        normal(distribution): name_of(path)
        for path in SOURCES
        for package in imports(path)
        for distribution in providers.get(package, [package])
    }


def test_every_imported_package_is_a_declared_dependency() -> None:
    undeclared = {name: where for name, where in used().items() if name not in declared()}
    assert used(), "the walk over the sources found imports"
    assert not undeclared


def test_every_declared_dependency_is_used() -> None:
    through_peewee = {"pysqlite3"}  # peewee takes it by itself when it is there
    assert declared() - through_peewee == used().keys()


# (b) sizes


def too_long(paths: list[Path]) -> set[str]:
    return {name_of(path) for path in paths if len(path.read_text().splitlines()) > MOST_LINES}


def test_no_file_is_longer_than_a_person_reads() -> None:
    assert len(SOURCES) > 50, "the sources were found"
    assert not too_long(SOURCES)


def test_no_other_test_file_is_longer_than_a_person_reads() -> None:
    assert not too_long(TESTS)


def function_lengths() -> dict[str, int]:
    """Measure every function and method, nested ones too: all lines from `def` to the end of its body, docstring,
    comments and blank lines included, decorators not."""
    return {
        f"{name_of(path)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_functions_are_short() -> None:
    lengths = function_lengths()
    longest = {name: lines for name, lines in lengths.items() if lines > LONG_FUNCTION}
    assert len(lengths) > 500, "the walk over the sources found functions"
    assert statistics.median(lengths.values()) <= USUAL_FUNCTION
    assert len(longest) < LONG_SHARE * len(lengths), longest


# (c) the docs say what is true


def commands() -> Iterator[tuple[str, list[str]]]:
    """Find every `readyd ...` in the pages, in the units, and among the examples of each command's help."""
    for where, line in command_lines():
        yield from ((where, words) for words in calls(line))


def command_lines() -> Iterator[tuple[str, str]]:
    """Find what may be a command: shell blocks and code spans, ExecStart and what comments show, examples."""
    for path in PAGES:
        text = path.read_text()
        fences = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
        for language, block in fences.findall(text):
            if language in ("sh", "console", ""):
                yield from ((name_of(path), line) for line in block.replace("\\\n", " ").splitlines())
        yield from ((name_of(path), span) for span in re.findall(r"`([^`]+)`", fences.sub("", text)))
    for path in UNITS:
        shown = re.findall(r"^ExecStart=(.*)|^#   (.*)|with: (.*)", path.read_text(), re.MULTILINE)
        yield from ((name_of(path), one) for found in shown for one in found if one)
    for command in (readyd, *readyd.commands.values()):
        for line in (command.epilog or "").partition("Examples:")[2].splitlines():
            yield f"readyd {command.name} --help", line.rpartition("*  ")[2]


def calls(line: str) -> Iterator[list[str]]:
    """Take the commands of one shell line apart and return the words after each `readyd` that begins one."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError:  # a text with one quote in it is no command
        return
    command: list[str] = []
    for token in [*tokens, ";"]:
        if not set(token) <= set("|&;()<>"):
            command.append(token)
            continue
        yield from begun_by_readyd(command)
        command = []


def begun_by_readyd(command: list[str]) -> Iterator[list[str]]:
    while command and ("=" in command[0] or command[0] == "sudo"):
        command = command[3:] if command[:2] == ["sudo", "-u"] else command[1:]
    if command[:1] == ["systemd-run"]:
        command = [*itertools.dropwhile(lambda word: not word.endswith("/readyd"), command)]
    if command and command[0].rpartition("/")[2] == "readyd" and command[1:]:
        yield command[1:]


def parse(words: list[str]) -> str:
    """Parse a command line as click does, without running it or looking at files; return the command's name.

    Raises click.UsageError for a command, an option or a choice that does not exist.
    """
    context = click.Context(readyd, info_name="readyd")
    _, rest, _ = readyd.make_parser(context).parse_args(list(words))
    if not rest:
        return ""
    name, command, rest = readyd.resolve_command(context, rest)
    assert command is not None
    inner = click.Context(command, info_name=name, parent=context)
    given, left, _ = command.make_parser(inner).parse_args(rest)
    if left:
        raise click.UsageError(f"too many words: {left}")
    for option in command.params:
        value = given.get(option.name or "")
        if isinstance(value, str | list) and not isinstance(option.type, click.Path):
            option.type_cast_value(inner, value)
    return name or ""


def test_every_command_in_the_docs_exists() -> None:
    wrong, named = [], set()
    for where, words in commands():
        try:
            named.add(parse(words))
        except click.UsageError as error:
            wrong.append(f"{where}: readyd {shlex.join(words)}: {error.format_message()}")
    assert not wrong
    core = {"run", "record", "status", "tasks", "show", "alerts", "prioritise", "export", "backup", "check"}
    assert core | {"simulate"} <= named, "the walk over the docs found the commands"


@pytest.mark.parametrize(
    "line",
    [
        "readyd colect",
        "readyd run --twice",
        "readyd --leger x status",
        "A=b /opt/readyd/venv/bin/readyd tasks --stat ready &",
        "curl x | readyd backup here there",
        "readyd tasks --band soon",
        "sudo -u readyd readyd simulate --port many",
        "sudo systemd-run --pipe -p User=readyd -p LoadCredential=a:/etc/a /opt/readyd adopt --sinse 3d",
    ],
)
def test_a_command_that_does_not_exist_would_be_found(line: str) -> None:
    (words,) = calls(line)
    with pytest.raises(click.UsageError):
        parse(words)


def test_every_setting_in_the_docs_is_accepted(tmp_path: Path) -> None:
    blocks = [
        block
        for path in PAGES
        for block in re.findall(r"^```toml\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
    ]
    assert blocks, "the README shows settings"
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        loaded = settings.load(file, {}, {})
        assert not loaded.warnings
        assert tomllib.loads(block).keys() <= {name.partition(".")[0] for name in loaded.sources}


def test_every_variable_in_the_docs_sets_something() -> None:
    known = {key.variable for key in settings.KEYS.values()} | NOT_SETTINGS
    named = {
        (name_of(path), word)
        for path in (*PAGES, *UNITS, ROOT / "Makefile")
        for word in re.findall(r"\bREADYD_[A-Z][A-Z_]*[A-Z]\b", path.read_text())
    }
    assert named
    assert not {(where, word) for where, word in named if word not in known}


# (d) every file says what it is for


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_every_file_begins_by_saying_what_it_is_for(path: Path) -> None:
    text = path.read_text()
    assert text.startswith('"""')
    said = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    assert len(said.split()) >= 3, "a sentence"


# (e) nothing of the machine it was written on


def every_text() -> Iterator[tuple[str, str]]:
    """Read every file that belongs to the project."""
    top = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    parts = [ROOT / part for part in (*OURS, "docs", "systemd", "tests", ".ci")]
    for path in [*top, *(path for part in parts for path in part.rglob("*") if path.is_file())]:
        if "__pycache__" not in path.parts and not path.name.endswith((".db", ".pyc")):
            yield name_of(path), path.read_text(errors="replace")


def test_no_file_names_a_directory_of_the_machine_it_was_written_on() -> None:
    here = {str(ROOT), str(Path(sys.prefix)), str(Path(sys.prefix).parent), str(Path.home())}
    named = "|".join(re.escape(path) for path in here if path.count("/") >= 2)
    # /home/me stands for anybody; the unit speaks of /home itself.
    homes = r"/(?:home|Users)/(?!me\b)\w+|/root/\w+|[A-Z]:\\\\?Users"
    scratch = re.escape(tempfile.gettempdir()) + r"/\w+"
    pattern = re.compile(rf"(?:{named}|{homes}|{scratch})(?!\w)" if named else f"{homes}|{scratch}")
    assert not {(where, found) for where, text in every_text() for found in pattern.findall(text)}


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("constraints*.txt")), ROOT / "pyproject.toml"], ids=name_of
)
def test_no_file_says_where_packages_come_from(path: Path) -> None:
    text = path.read_text()
    assert not re.findall(
        r"https?://|file:|git\+|^\s*-|--(?:extra-)?index|find-links|\[\[?tool\.(?:uv|pip)", text, re.MULTILINE
    )


@pytest.mark.parametrize("path", sorted(ROOT.glob("constraints*.txt")), ids=name_of)
def test_constraints_are_exact(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)]


# (f) no sleeps


def sleeps(text: str) -> list[int]:
    """Find the lines with `time.sleep`, under whatever name, that do not say why."""
    lines, found = text.splitlines(), []
    for node in ast.walk(ast.parse(text)):
        attribute = isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep"
        imported = (
            isinstance(node, ast.ImportFrom)
            and node.module == "time"
            and "sleep" in {one.name for one in node.names}
        )
        if isinstance(node, ast.Attribute | ast.ImportFrom) and (attribute or imported):
            found.append(node.lineno)
    return [number for number in found if "  # " not in lines[number - 1]]


def test_a_sleep_would_be_found() -> None:
    assert sleeps("import time\ntime.sleep(1)\ntime.sleep(2)  # the disk spins up\n") == [2]
    assert sleeps("from time import sleep\n") == [1]


def test_no_test_sleeps_without_saying_why() -> None:
    assert not [f"{name_of(path)}:{number}" for path in TESTS for number in sleeps(path.read_text())]
