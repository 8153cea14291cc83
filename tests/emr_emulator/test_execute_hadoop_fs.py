"""The small `hadoop fs`: what its commands do, say and answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from emr_emulator.hadoop_fs import main


@pytest.fixture
def hdfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hdfs"
    monkeypatch.setenv("EMR_EMULATOR_HDFS", str(folder))
    monkeypatch.chdir(tmp_path)
    for name, content in {"d/a": "A", "d/b": "BB", "d/e/c": "C", "f": ""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def fs(*words: str) -> int:
    return main(["hadoop", "fs", *words])


@pytest.mark.usefixtures("hdfs")
def test_ls_prints_a_folder_as_hadoop_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hdfs", "dfs", "-ls", "/d"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Found 3 items"
    assert [line.split()[-1] for line in lines[1:]] == ["/d/a", "/d/b", "/d/e"]
    assert lines[1].startswith("-rw-r--r--   1 hadoop hadoop          1 ")
    assert lines[3].startswith("drwxr-xr-x   - hadoop hadoop          0 ")


def test_mkdir_wants_its_parent_unless_told_otherwise(hdfs: Path) -> None:
    assert fs("-mkdir", "/x/y") == 1
    assert fs("-mkdir", "-p", "/x/y") == 0
    assert fs("-mkdir", "-p", "/x/y") == 0
    assert fs("-mkdir", "/x/y") == 1
    assert fs("-mkdir", "hdfs:///x/z") == 0
    assert {path.name for path in (hdfs / "x").iterdir()} == {"y", "z"}


def test_rm_takes_folders_only_with_r(hdfs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fs("-rm", "/d") == 1
    assert "Is a directory" in capsys.readouterr().err
    assert fs("-rm", "-r", "-skipTrash", "/d") == 0
    assert files(hdfs) == {"f"}
    assert "Deleted /d" in capsys.readouterr().out


def test_rm_of_nothing_fails_unless_forced_and_goes_on(hdfs: Path) -> None:
    assert fs("-rm", "/nothing", "/f") == 1
    assert files(hdfs) == {"d/a", "d/b", "d/e/c"}
    assert fs("-rm", "-f", "/nothing") == 0


def test_wildcards_are_expanded(hdfs: Path) -> None:
    assert fs("-rm", "/d/[ab]") == 0
    assert fs("-rm", "/*/e/*") == 0
    assert files(hdfs) == {"f"}
    assert fs("-rm", "/d/x*") == 1


@pytest.mark.usefixtures("hdfs")
def test_cat_joins_files(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert fs("-cat", "/d/a", "/d/b") == 0
    assert capfdbinary.readouterr().out == b"ABB"


def test_put_and_get_carry_files_and_folders(hdfs: Path, tmp_path: Path) -> None:
    (tmp_path / "local" / "sub").mkdir(parents=True)
    (tmp_path / "local" / "sub" / "x").write_text("X")
    assert fs("-put", "local", "/up") == 0
    assert (hdfs / "up/sub/x").read_text() == "X"
    assert fs("-put", "local/sub/x", "/up/sub/x") == 1
    assert fs("-put", "-f", "local/../local/sub/x", "/up") == 0
    assert fs("-get", "/up", "down") == 0
    assert files(tmp_path / "down") == {"x", "sub/x"}
    assert fs("-get", "/d/a") == 0
    assert (tmp_path / "a").read_text() == "A"


def test_cp_and_mv_go_into_folders(hdfs: Path) -> None:
    assert fs("-cp", "/d/a", "/d/b", "/d/e") == 0
    assert fs("-mv", "/d/e", "/moved") == 0
    assert files(hdfs) == {"d/a", "d/b", "f", "moved/a", "moved/b", "moved/c"}
    assert fs("-cp", "/d/a", "/d/b", "/no-folder") == 1


@pytest.mark.usefixtures("hdfs")
@pytest.mark.parametrize(
    ("switch", "path", "code"),
    [
        ("-e", "/f", 0),
        ("-e", "/x", 1),
        ("-d", "/d", 0),
        ("-d", "/f", 1),
        ("-z", "/f", 0),
        ("-s", "/f", 1),
        ("-f", "/d", 1),
    ],
)
def test_test_answers_by_its_exit_code(switch: str, path: str, code: int) -> None:
    assert fs("-test", switch, path) == code


@pytest.mark.usefixtures("hdfs")
def test_expunge_has_nothing_to_do() -> None:
    assert fs("-expunge") == 0


@pytest.mark.usefixtures("hdfs")
@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["hadoop", "fs", "-chmod", "777", "/d"], 255, "-chmod: Unknown command"),
        (["hadoop", "fs", "-rm", "-x", "/d"], 255, "-rm: Illegal option -x"),
        (["hadoop", "fs", "-rm"], 255, "Not enough arguments"),
        (["hadoop", "fs"], 255, "Usage"),
        (["hadoop", "jar", "x.jar"], 1, "install Hadoop"),
        (["hadoop", "fs", "-ls", "/nothing"], 1, "No such file or directory"),
        (["hadoop", "fs", "-cat", "/../etc/passwd"], 1, "may not hold '..'"),
        (["hadoop", "fs", "-rm", "-r", "/"], 1, "can't be deleted"),
        (["hadoop", "fs", "-ls", "s3://b/x"], 1, "no S3 endpoint is set"),
    ],
)
def test_a_mistake_is_explained(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    complaint: str,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert main(words) == code
    assert complaint in capsys.readouterr().err
