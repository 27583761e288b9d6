"""Check expectations on stats frames with Great Expectations, and say what was found without saying when."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from textmill.config.validate import AnyExpectation
from textmill.corpus.validation.library import import_library
from textmill.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuite, ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context import EphemeralDataContext

EXAMPLES = 5
NOTHING_ACCEPTED = "no corpus is accepted yet to compare with"


class Frames(Protocol):
    """Where frames come from."""

    def table(self, name: str) -> pa.Table:
        """A frame by its name."""

    def has(self, name: str) -> bool:
        """Whether there is anything to look at; what is expected of a frame that is not there is skipped."""


def check_expectations(
    expectations: Sequence[AnyExpectation],
    frames: Frames,
    data_docs: str | os.PathLike[str] | None = None,
    section: str = "validate",
) -> dict[str, Any]:
    """Check every expectation.

    Args:
        data_docs: folder for the HTML pages of Great Expectations (they hold run times: keep them out of
            outs).
        section: where in params.yaml the expectations are, for messages.

    Returns:
        ``{"passed": bool, "expectations": [{name, frame, expectation, expected, observed, passed}]}`` in
        the order of `expectations`; equal data gives an equal report. One that was skipped has passed, and
        has ``"skipped": true``.

    Raises:
        UserError: an expectation has an unknown type, argument or column, or two have one name.
    """
    import_library()
    import great_expectations as gx

    context = _context(data_docs)
    # One asset for all frames: each new one makes the library write its whole configuration twice.
    asset = context.data_sources.pandas_default.add_dataframe_asset("frame")
    definition = asset.add_batch_definition_whole_dataframe("all")
    suites: dict[tuple[str, str], list[AnyExpectation]] = {}
    found: dict[str, dict[str, Any]] = {}
    for number, expectation in enumerate(expectations):
        if expectation.name in {other.name for other in expectations[:number]}:
            raise UserError(f"params.yaml: {section}.expectations: two are named {expectation.name!r}.")
        if not frames.has(expectation.frame):
            found[expectation.name] = {**_entry(expectation, True, NOTHING_ACCEPTED), "skipped": True}
            continue
        where = ", ".join(f"{key}={value}" for key, value in sorted(expectation.where.items()))
        suites.setdefault((expectation.frame, where), []).append(expectation)
    for (name, where), members in suites.items():
        table = frames.table(name)
        built = [_build(member, table.column_names, section) for member in members]
        rows = _select_rows(table, members, section)
        if not len(rows):
            # Most expectations hold of no rows; what was meant to be checked is not there, which is no pass.
            found |= {member.name: _entry(member, False, "no rows") for member in members}
            continue
        title = f"{name} ({where})" if where else name
        suite = context.suites.add(gx.ExpectationSuite(name=title, expectations=built))
        found |= _check_suite(context, definition, suite, rows, members, section)
    if data_docs is not None:
        context.build_data_docs()
    results = [found[expectation.name] for expectation in expectations]
    return {"passed": all(result["passed"] for result in results), "expectations": results}


def failure_message(report: dict[str, Any]) -> str:
    """One sentence per failed expectation: its name, what was expected, what was observed."""
    failed = [entry for entry in report["expectations"] if not entry["passed"]]
    parts = [
        f"{entry['name']} ({entry['frame']}, {entry['expectation']}): expected {_words(entry['expected'])}, "
        f"observed {_words(entry['observed'])}"
        for entry in failed
    ]
    return f"{len(failed)} of {len(report['expectations'])} expectations failed. " + "; ".join(parts) + "."


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(part)}" for key, part in value.items())
    return "nothing" if value is None else str(value)


def _context(data_docs: str | os.PathLike[str] | None) -> EphemeralDataContext:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    for site in list(context.get_site_names()):
        context.delete_data_docs_site(site)
    if data_docs is not None:
        from textmill.corpus.validation.pages import add_pages

        add_pages(context, data_docs)
    return context


def _select_rows(table: pa.Table, members: list[AnyExpectation], section: str) -> pd.DataFrame:
    """The rows that `where` asks for, of the columns that are looked at: the library copies what it gets."""
    rows = np.ones(len(table), bool)
    for column, value in members[0].where.items():
        if column not in table.column_names:
            raise UserError(
                f"params.yaml: {section}.expectations: {members[0].name}: where.{column}: the frame "
                f"{members[0].frame} has no such column. It has: {', '.join(table.column_names)}."
            )
        rows &= (table[column].to_pandas() == value).to_numpy(bool)
    columns = {str(member.arguments.get("column")) for member in members}
    if columns <= set(table.column_names):
        table = table.select(sorted(columns))
    return (table if rows.all() else table.filter(pa.array(rows))).to_pandas()


def _check_suite(
    context: EphemeralDataContext,
    definition: BatchDefinition,
    suite: ExpectationSuite,
    rows: pd.DataFrame,
    members: list[AnyExpectation],
    section: str,
) -> dict[str, dict[str, Any]]:
    import great_expectations as gx
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.validator.v1_validator import Validator

    title = suite.name
    # What Batch.validate does with a second batch of the same rows.
    validator = Validator(definition, batch_parameters={"dataframe": rows})
    result = validator.validate_expectation_suite(suite)
    result.meta["active_batch_definition"]["data_asset_name"] = title
    found = {}
    for outcome in result.results:
        # Some expectations answer with a numpy bool, which the result store cannot write.
        outcome.success = bool(outcome.success)
        meta = outcome.expectation_config.meta if outcome.expectation_config else {}
        member = next(one for one in members if one.name == meta["name"])
        _refuse_exception(member, outcome, section)
        found[member.name] = _entry(member, outcome.success, _observed(outcome))
    result.success = bool(result.success)
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=title),
        run_id=gx.RunIdentifier(run_name="validate"),
        batch_identifier=title,
    )
    context.validation_results_store.set(key, result)
    return found


def _entry(member: AnyExpectation, passed: bool, observed: Any) -> dict[str, Any]:
    expected = dict(member.arguments)
    if member.where:
        expected["where"] = dict(member.where)
    return {
        "name": member.name,
        "frame": member.frame,
        "expectation": member.expectation,
        "expected": expected,
        "observed": observed,
        "passed": passed,
    }


def _build(member: AnyExpectation, columns: list[str], section: str) -> Any:
    import great_expectations as gx
    from great_expectations.expectations.registry import list_registered_expectation_implementations
    from pydantic.v1 import ValidationError

    place = f"params.yaml: {section}.expectations: {member.name}"
    known = list_registered_expectation_implementations()
    implementation = getattr(gx.expectations, _class_name(member.expectation), None)
    if member.expectation not in known or implementation is None:
        close = difflib.get_close_matches(member.expectation, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UserError(
            f"{place}: expectation: {member.expectation} is not one of Great Expectations'.{hint}"
        )
    column = member.arguments.get("column")
    if column is not None and column not in columns and member.expectation != "expect_column_to_exist":
        raise UserError(
            f"{place}: column: the frame {member.frame} has no {column!r}. It has: {', '.join(columns)}."
        )
    try:
        return implementation(**member.arguments, meta={"name": member.name})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg']}" for entry in error.errors()
        )
        raise UserError(f"{place}: arguments: {problems}.") from None


def _class_name(expectation: str) -> str:
    return "".join(part.capitalize() for part in expectation.split("_"))


def _refuse_exception(member: AnyExpectation, outcome: ExpectationValidationResult, section: str) -> None:
    information = outcome.exception_info or {}
    entries = [information] if "raised_exception" in information else list(information.values())
    for entry in entries:
        if entry.get("raised_exception"):
            message = re.sub(r"\s+", " ", str(entry.get("exception_message")))
            raise UserError(
                f"params.yaml: {section}.expectations: {member.name}: {member.expectation} could not be "
                f"checked on the frame {member.frame}: {message[:300]}"
            )


def _observed(outcome: ExpectationValidationResult) -> Any:
    result = outcome.result
    if result.get("observed_value") is not None:
        return _plain(result["observed_value"])
    facts: dict[str, Any] = {}
    for key in ("element_count", "missing_count", "unexpected_count"):
        if result.get(key) is not None:
            facts[key.removesuffix("_count")] = _plain(result[key])
    for key in ("partial_unexpected_list", "partial_missing_list"):
        if result.get(key):
            facts[key.removeprefix("partial_").removesuffix("_list") + "_examples"] = _plain(
                result[key][:EXAMPLES]
            )
    return facts or None


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it, figures rounded to nine significant digits."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        parts = [_plain(part) for part in value]
        return sorted(parts, key=str) if isinstance(value, set) else parts
    if isinstance(value, float):
        return float(f"{value:.9g}") if value == value and abs(value) != float("inf") else str(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)
