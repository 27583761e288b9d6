"""The operator: a function over record batches that says which columns it reads and adds.

Because both are declared, a stage can be checked against its input before any worker starts, and the same
operator can be carried out by any engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from textmill.errors import UserError

Function = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass(frozen=True)
class Operator:
    """A row-wise transformation of record batches.

    Attributes:
        name: what messages call it.
        reads: the columns `function` needs, with their types.
        adds: the columns it returns, with their types; a column of `reads` may be among them, it is then
            replaced.
        function: takes a batch of exactly `reads`, returns a batch of exactly `adds` with the same number of
            rows in the same order. It must depend on nothing but the row, so that batch and shard boundaries
            never show, and it must be picklable (a module-level function, or `functools.partial` of one), so
            that worker processes can receive it.
        engines: the engines that can run it. One that needs what only this machine has, such as a local
            server or a file outside the repository, leaves out `ray`.
    """

    name: str
    reads: pa.Schema
    adds: pa.Schema
    function: Function
    engines: tuple[str, ...] = ("local", "ray")

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """`batch` with the columns of `adds` appended, or replaced where they exist; the others stay.

        Raises:
            ValueError: the function broke its declaration (other columns, types or number of rows).
        """
        added = self.function(batch.select(self.reads.names))
        if not added.schema.equals(self.adds, check_metadata=False):
            raise ValueError(f"operator {self.name} declares {self.adds}, but returned {added.schema}")
        if added.num_rows != batch.num_rows:
            raise ValueError(f"operator {self.name}: {batch.num_rows} rows in, {added.num_rows} rows out")
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        columns.update(zip(added.schema.names, added.columns, strict=True))
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=self.output(batch.schema))

    def output(self, schema: pa.Schema) -> pa.Schema:
        """The schema of what this operator makes of batches of `schema`."""
        fields = {field.name: field for field in schema}
        fields.update({field.name: field for field in self.adds})
        return pa.schema(list(fields.values()))

    def check(self, schema: pa.Schema, where: str) -> None:
        """Make sure that rows of `schema` can be read.

        Raises:
            UserError: a column is missing or has another type; the message names it and `where` it was found.
        """
        for field in self.reads:
            index = schema.get_field_index(field.name)
            if index < 0:
                raise UserError(
                    f"{where}: {self.name} needs a column {field.name} ({field.type}); found the columns "
                    f"{', '.join(schema.names) or '(none)'}. Run the stage that writes this file again."
                )
            found = schema.field(index).type
            if found != field.type:
                raise UserError(
                    f"{where}: column {field.name}: {self.name} needs {field.type}, found {found}. "
                    "Run the stage that writes this file again."
                )
