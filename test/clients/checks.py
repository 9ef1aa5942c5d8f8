"""Checks by name, one line each on stdout; scripts/test-clients.ts reads and counts them."""

import inspect
import os
import traceback


class Checks:
    """The checks of one client, in the order in which they are named."""

    def __init__(self, client):
        self._client = client
        self._checks = []

    def named(self, name, *arguments):
        """A decorator: the function below is a check, called with `arguments` at its end."""

        def add(function):
            self._checks.append((name, function, arguments))
            return function

        return add

    async def run(self, *given):
        for name, function, arguments in self._checks:
            try:
                outcome = function(*given, *arguments)
                if inspect.isawaitable(outcome):
                    await outcome
            except Exception as error:
                print(f"FAIL {self._client}: {name}: {_reason(error)}", flush=True)
            else:
                print(f"ok {self._client}: {name}", flush=True)


def _reason(error):
    """On one line: what failed, and the line of the check that it failed in."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.dirname(frame.filename) == os.path.dirname(__file__)
        and os.path.basename(frame.filename) != os.path.basename(__file__)
    ]
    where = f" ({os.path.basename(own[-1].filename)}:{own[-1].lineno})" if own else ""
    return text[:500] + where


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def contains(text, phrase):
    if phrase not in text:
        raise AssertionError(f"expected the phrase {phrase!r} in {text!r}")


def raised(kind, action):
    """The error of class `kind` that `action` has to raise."""
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, but nothing was raised")
