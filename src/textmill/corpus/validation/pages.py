"""The pages of Great Expectations, their templates compiled once and not once for each kind of page."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, ClassVar

from great_expectations.data_context import EphemeralDataContext
from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class _Compiled(BytecodeCache):
    """Code of templates for as long as the process lives; the library's environments differ in nothing."""

    code: ClassVar[dict[str, Any]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.code.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.code[bucket.key] = bucket.code


class PageView(DefaultJinjaPageView):
    """A page of an expectation suite or of what was found."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.env.bytecode_cache = _Compiled()


class IndexView(DefaultJinjaIndexPageView):
    """The page that lists them."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.env.bytecode_cache = _Compiled()


def add_pages(context: EphemeralDataContext, folder: str | os.PathLike[str]) -> None:
    """Have `context.build_data_docs` write to `folder`, which is emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    view = {"module_name": __name__, "class_name": PageView.__name__}
    site: Any = {
        "class_name": "SiteBuilder",
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(Path(folder).resolve()),
        },
        "site_index_builder": {
            "class_name": "DefaultSiteIndexBuilder",
            "view": {**view, "class_name": IndexView.__name__},
        },
        "site_section_builders": {"expectations": {"view": view}, "validations": {"view": view}},
    }
    context.add_data_docs_site("data_docs", site)
