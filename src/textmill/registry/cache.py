"""DVC's local cache, read as files: which objects are there, and whether they are whole."""

from __future__ import annotations

import json
from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path

from textmill.errors import UserError
from textmill.tracking.hashes import directory_hash, file_hash


@dataclass(frozen=True)
class Cache:
    """DVC's local cache, read as files."""

    folder: Path

    @classmethod
    def of(cls, root: Path) -> Cache:
        """The cache that `.dvc/config` or `.dvc/config.local` names; `.dvc/cache` by default."""
        folder = root / ".dvc/cache"
        for name in ("config", "config.local"):
            parser = ConfigParser()
            try:
                parser.read(root / ".dvc" / name, encoding="utf-8")
            except Error as error:
                raise UserError(f".dvc/{name}: expected DVC's settings, but {error}") from None
            folder = root / ".dvc" / parser.get("cache", "dir", fallback=str(folder))
        return cls(folder / "files" / "md5")

    def place(self, md5: str) -> Path:
        """Where the object of this hash lies, whether or not it is there."""
        return self.folder / md5[:2] / md5[2:]

    def members(self, md5: str) -> dict[str, str] | None:
        """MD5 by relative path of a directory object, or None if it is no readable directory object."""
        if not md5.endswith(".dir"):
            return None
        try:
            entries = json.loads(self.place(md5).read_bytes())
            return {item["relpath"]: item["md5"] for item in entries}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def damage(self, md5: str) -> str | None:
        """What is wrong with an object: nothing (an empty string), or None if the cache does not hold it."""
        place = self.place(md5)
        if not place.is_file():
            return None
        if not md5.endswith(".dir"):
            return "" if file_hash(place) == md5 else f"object {md5} is damaged"
        members = self.members(md5)
        if members is None or directory_hash(members) != md5:
            return f"directory object {md5} is damaged"
        for name, found in members.items():
            member = self.place(found)
            if not member.is_file() or file_hash(member) != found:
                return f"{name} ({found}) is {'damaged' if member.is_file() else 'missing'}"
        return ""
