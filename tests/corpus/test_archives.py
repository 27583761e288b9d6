"""Archives are read in place; what points outside, is damaged or explodes is refused."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from textmill.corpus import archives
from textmill.errors import UserError

CONTENT = "面粉 and flour\n".encode() * 1000


def tar_bytes(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def zip_file(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_zip_and_tar_give_the_same_names_and_bytes(tmp_path: Path) -> None:
    members = {"b/文本.txt": CONTENT, "a.txt": b"first"}
    zipped = zip_file(tmp_path / "x.whl", members)
    tarred = tmp_path / "x.tar.gz"
    tarred.write_bytes(tar_bytes(members))
    for archive in (zipped, tarred):
        assert archives.member_names(archive) == ["a.txt", "b/文本.txt"]
        with archives.open_member(archive, "b/文本.txt") as stream:
            assert stream.read() == CONTENT


def test_an_archive_inside_an_archive(tmp_path: Path) -> None:
    outer = tmp_path / "outer.tar.gz"
    outer.write_bytes(tar_bytes({"data/inner.tar.gz": tar_bytes({"deep/file.txt": CONTENT})}))
    assert archives.member_names(f"{outer}!/data/inner.tar.gz") == ["deep/file.txt"]
    with archives.open_member(outer, "data/inner.tar.gz!/deep/file.txt") as stream:
        assert stream.read() == CONTENT


def test_a_missing_member_is_named_with_what_there_is(tmp_path: Path) -> None:
    archive = zip_file(tmp_path / "x.whl", {"a.txt": b"a"})
    with pytest.raises(UserError, match=r"x\.whl: no file 'b\.txt'.*a\.txt"):
        archives.open_member(archive, "b.txt")


@pytest.mark.parametrize("name", ["../up.txt", "/etc/passwd", "a/../../b", "C:/windows", "a\\b"])
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    tarred = tmp_path / "x.tar"
    tarred.write_bytes(tar_bytes({name: b"x"}, "w"))
    with pytest.raises(UserError, match="points outside"):
        archives.member_names(tarred)


def test_links_and_devices_are_not_files(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert archives.member_names(path) == []
    with pytest.raises(UserError, match="no file 'link'"):
        archives.open_member(path, "link")


def test_a_bomb_is_refused_by_its_declared_and_by_its_real_size(tmp_path: Path) -> None:
    archive = zip_file(tmp_path / "bomb.zip", {"zeros": bytes(5_000_000)})
    with pytest.raises(UserError, match="decompression bomb"):
        archives.open_member(archive, "zeros", limit=1_000_000)
    claim = archive.read_bytes().replace((5_000_000).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    archive.write_bytes(claim)
    read = 0
    with pytest.raises(UserError, match="damaged"), archives.open_member(archive, "zeros") as stream:
        while chunk := stream.read(100):
            read += len(chunk)
    assert read <= 1_000


def test_damage_is_told(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(200_000)
    zipped = zip_file(tmp_path / "x.whl", {"a": noise})
    content = bytearray(zipped.read_bytes())
    content[100_000:100_100] = bytes(100)
    zipped.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.whl: a: damaged"), archives.open_member(zipped, "a") as stream:
        stream.read()
    tarred = tmp_path / "x.tar.gz"
    tarred.write_bytes(tar_bytes({"a": noise})[:100_000])
    with pytest.raises(UserError, match=r"x\.tar\.gz.*damaged"), archives.open_member(tarred, "a") as stream:
        stream.read()
    tarred.write_bytes(b"neither one nor the other")
    with pytest.raises(UserError, match="expected a zip, wheel or tar"):
        archives.member_names(tarred)
