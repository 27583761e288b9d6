"""The one exception that means: the user can fix this."""


class UserError(Exception):
    """A mistake in params, data or environment that the user can correct.

    The message is one paragraph: it names the file, row or key, says what was found and what was
    expected, and, where it is known, what to do next. Commands print it without a traceback.
    """
