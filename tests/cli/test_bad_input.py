"""Each mistake answers with one line that names the culprit and the remedy, the right exit code, and leaves nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import BOMB, Command

RUN = ("--method", "lsp", "--attacker", "resnet18")


@pytest.mark.parametrize(
    ("args", "code", "complaint"),
    [
        (("--method", "seque", "--attacker", "resnet18"), 2, "unknown method 'seque'; did you mean 'segue'?"),
        (("--method", "lsp", "--attacker", "resnet81"), 2, "unknown attacker 'resnet81'; did you mean 'resnet18'?"),
        (("--method", "lps", "--attacker", "resnet18"), 2, "did you mean 'lsp'?"),
        ((*RUN, "lsp2"), 2, "lsp2: no such file; a grid is a TOML file. For several methods, repeat --method"),
        (("--method", "lsp(patches=8)", "--attacker", "resnet18"), 2, "unknown option 'patches'; options: eps, patch"),
        (
            ("--method", "rue(schedule=oscillating, decay=true)", "--attacker", "resnet18"),
            2,
            "method 'rue': schedule=oscillating sets the learning rate at every step; add decay=false",
        ),
        (("--method", "segue(eps=8)", "--attacker", "resnet18"), 2, "write 8/255, not 8"),
        (("--method", "segue(eps=-1)", "--attacker", "resnet18"), 2, "eps=-1 is refused: input should be greater than"),
        (("--method", "lsp(patch=0)", "--attacker", "resnet18"), 2, "patch=0 is refused"),
        (("--method", "lsp(", "--attacker", "resnet18"), 2, "not of the form name(option=value)"),
        (("--attacker", "resnet18"), 2, "no method given; uebench list methods shows what there is"),
        (("--method", "lsp"), 2, "no attacker given"),
        ((*RUN, "--preset", "dest"), 2, "unknown preset 'dest'; did you mean 'desk'?"),
        ((*RUN, "--data", ""), 2, "data '': names nothing; write . for the current folder"),
        ((*RUN, "--data", " "), 2, "data ' ': names nothing"),
        ((*RUN, "--data", "./absent"), 3, "absent: no such folder"),
        ((*RUN, "--data", "~nobody-here/faces"), 3, "there is no user 'nobody-here'; write the path in full"),
        ((*RUN, "--data", "folder(path='~nobody-here/x')"), 2, "there is no user 'nobody-here'"),
        ((*RUN, "--data", "a" * 300), 2, "unknown folder or source"),
        ((*RUN, "--data", "/" + "a" * 300), 3, "no such folder"),
        ((*RUN, "--data", "synthetic(identities=1000000, train=1000)"), 3, "take 73728.0 GB of memory, and this"),
        ((*RUN, "--data", "orl_varied(copies=1000000000)"), 3, "GB of memory, and this process may use"),
        ((*RUN, "--data", "webface10"), 2, "is not here; uebench data build webface10 --from RAW --out webface10"),
        ((*RUN, "--data", "faces50[:10]"), 2, "write 'folder(identities=10, path=\"PATH/faces50\")'"),
        ((*RUN, "--data", "faces validation"), 2, "write 'folder(path=\"PATH/faces\", validation=0.2)'"),
        ((*RUN, "--method", "lsp(eps=1/255, eps=8/255)"), 2, "'eps' is given twice; leave one out"),
        ((*RUN, "--seed", "-2"), 2, 'seed="-2" is not a seed; write 0, or a range as 0-2, or a list as 0,1,2'),
        ((*RUN, "--seed", "2-0"), 2, "write the smaller one first"),
        ((*RUN, "--method-seed", "0,x"), 2, 'method_seed="0,x" is not a seed'),
        ((*RUN, "--data", "orl(identities=41)"), 2, "identities=41 is refused"),
        ((*RUN, "--device", "cuda:7"), 2, "device 'cuda:7': not available here; use auto or cpu"),
        (
            (*RUN, "--device", "cuda", "--executor", "slurm(cpus=2)"),
            2,
            "device 'cuda': executor 'slurm(cpus=2)' gives its tasks no GPU; write slurm(gpus=1), or use auto",
        ),
        ((*RUN, "--device", "abacus"), 2, "device 'abacus': unknown; use auto, cpu, cuda or cuda:1"),
        ((*RUN, "--time-limit", "soon"), 2, "time_limit 'soon': not a duration; write 2h, 1h30m"),
        ((*RUN, "--cores", "9999"), 2, "can be used here; ask for fewer"),
        ((*RUN, "--plugin", "absent.py"), 2, "plugin file absent.py: no such file"),
        (("absent.toml",), 3, "absent.toml: cannot be read (no such file or directory)"),
        (("--method", "segue(weights='x.safetensors')", "--attacker", "resnet18"), 3, "x.safetensors"),
        ((*RUN, "--results", ""), 2, "--results '': names nothing; write . for the current folder"),
        ((*RUN, "--results", "/dev/null"), 4, "choose another results folder"),
        ((*RUN, "--dry-run", "--save", "/absent/x.toml"), 4, "--save /absent/x.toml: there is no folder /absent"),
        ((*RUN, "--dry-run", "--save", "mine.py"), 2, "--save mine.py: end the name with .toml"),
        ((*RUN, "--collect", "--force"), 2, "--collect: computes nothing; leave out --dry-run, --force"),
        (("--method", "zzzzzz", "--attacker", "resnet18"), 2, "in a file of your own, name the file with --plugin"),
    ],
)
def test_a_wrong_argument_of_run_is_one_line_with_the_right_code_and_leaves_nothing(
    uebench: Command, tmp_path: Path, args: tuple[str, ...], code: int, complaint: str
) -> None:
    if "--preset" not in args and "absent.toml" not in args:
        args = (*args, "--preset", "smoke")
    answer = uebench("run", *args)
    assert answer.refusal(code).startswith("uebench: ")
    assert complaint in answer.complaint
    assert not answer.out
    assert not list((tmp_path / "results").glob("cells/**/*"))
    assert not list((tmp_path / "results").rglob(".new-*"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("method = ", "not valid TOML"),
        ("metod = ['lsp']", "unknown name 'metod'; did you mean 'method'?"),
        (f"method = {'[' * 3000}{']' * 3000}", "not valid TOML; its brackets are nested too deeply"),
        (f"method = {'[' * 90}'lsp'{']' * 90}\nattacker = 'resnet18'", "is refused: input should be a valid string"),
    ],
)
def test_a_grid_file_that_is_none_is_refused(uebench: Command, tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "grid.toml"
    file.write_text(content)
    answer = uebench("run", file)
    assert complaint in answer.refusal(2)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("content", [f"a{'.a' * 20_000} = 1", f"# {'x' * 1_000_000}"])
def test_a_file_that_would_be_read_for_minutes_is_refused(uebench: Command, tmp_path: Path, content: str) -> None:
    file = tmp_path / "grid.toml"
    file.write_text(content)
    for answer in (uebench("run", file), uebench("study", "table", file)):
        assert "has more than 1000000 bytes, or 500 dots in a line" in answer.refusal(2)


@pytest.mark.timeout(60)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_or_a_device_in_place_of_a_grid_a_study_or_its_numbers_is_refused_without_waiting(
    uebench: Command, tmp_path: Path
) -> None:
    pipe, study = tmp_path / "pipe", tmp_path / "study.toml"
    os.mkfifo(pipe)
    for file, what in ((pipe, "a named pipe"), (Path("/dev/zero"), "a device")):
        study.write_text(f'data = ["synthetic"]\nmethod = ["lsp"]\nattacker = ["resnet18"]\nreported = "{file}"\n')
        for answer in (uebench("run", file), uebench("study", "table", file), uebench("study", "table", study)):
            assert f"{file}: cannot be read ({what}, not a file)" in answer.refusal(3)


@pytest.mark.parametrize("harm", ["truncated", "text", "bomb"])
def test_a_photograph_that_cannot_be_read_is_named(uebench: Command, photos: Callable[..., Path], harm: str) -> None:
    root = photos({"a": 4, "b": 4})
    bad = root / "b" / "0.png"
    if harm == "truncated":
        bad.write_bytes(bad.read_bytes()[:200])
    elif harm == "text":
        bad.write_text("a letter")
    else:
        bad.write_bytes(BOMB)
    answer = uebench("run", *RUN, "--preset", "smoke", "--data", root)
    assert str(bad) in answer.refusal(3)


def test_unknown_names_to_list_and_show_are_refused_with_the_nearest(uebench: Command) -> None:
    assert "cannot list 'method'; did you mean 'methods'?" in uebench("list", "method").complaint
    assert "'seque': no plugin or key with this name; did you mean 'segue'?" in uebench("show", "seque").complaint
    assert "'abcd1234': no record in" in uebench("show", "abcd1234").complaint


@pytest.mark.parametrize("command", [("leaderboard",), ("compare",), ("report",), ("show", "segue")])
def test_an_empty_preset_is_refused_and_does_not_mean_every_preset(
    uebench: Command, tmp_path: Path, command: tuple[str, ...]
) -> None:
    more = ("--html", tmp_path / "page.html") if command == ("report",) else ()
    answer = uebench(*command, *more, "--preset", "")
    assert "unknown preset ''" in answer.refusal(2)


def test_what_learns_nothing_has_no_weights_to_keep(uebench: Command, tmp_path: Path) -> None:
    answer = uebench("fit", "random", "--out", tmp_path / "x.safetensors", "--preset", "smoke")
    assert "learns nothing" in answer.refusal(2)


def test_weights_do_not_replace_a_file_of_another_kind(uebench: Command, tmp_path: Path) -> None:
    answer = uebench("fit", "ue", "--out", tmp_path / "mine.py", "--preset", "smoke")
    assert "end the name with .safetensors" in answer.refusal(2)


@pytest.mark.parametrize("out", [".safetensors", ".", "a" * 300 + ".safetensors"])
def test_what_cannot_be_written_is_refused_before_the_work(
    uebench: Command, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.setattr("uebench.api.fit.fit_in", lambda *_, **__: pytest.fail("it began to work"))
    answer = uebench("fit", "ue", "--out", out, "--preset", "smoke")
    assert answer.code in (2, 4)
    assert f"--out {out}: " in answer.complaint


@pytest.mark.parametrize("method", ["ops", "lsp(patch=4)"])
def test_weights_that_nothing_could_use_are_not_made(
    uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr("uebench.api.fit.load", lambda *_: pytest.fail("it began to work"))
    answer = uebench("fit", method, "--out", tmp_path / "x.safetensors", "--preset", "smoke")
    assert f"{method}: has no option weights, so nothing could use the file; let uebench run" in answer.refusal(2)
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("frob",), "No such command 'frob'; uebench -h explains"),
        (("run", "--metod", "lsp"), "No such option: --metod"),
        (("run", *RUN, "--jobs", "-1"), "'--jobs'"),
        (("run", *RUN, "--seed", "x"), "seed=x is not a seed"),
        (("protect", "photos", "out", "--method-seed", "-1"), "'--method-seed'"),
        (("table",), "Missing argument 'name'; uebench table -h explains"),
        (("data",), "Missing command; uebench data -h explains"),
        (("protect", "photos"), "uebench protect -h explains"),
    ],
)
def test_a_command_line_that_makes_no_sense(uebench: Command, args: tuple[str, ...], complaint: str) -> None:
    answer = uebench(*args)
    assert (answer.code, answer.out) == (2, "")
    assert complaint in answer.complaint


def test_without_a_word_all_commands_are_listed(uebench: Command) -> None:
    answer = uebench()
    assert answer.code == 0
    assert "reproduce" in answer.out
