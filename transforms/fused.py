"""Fused: several steps as one stage, so that what is between them never is an element of any engine."""

import collections.abc
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args, get_origin, get_type_hints

import apache_beam as beam
from apache_beam import typehints
from apache_beam.typehints.decorators import TypeCheckError

from schemas.stages import Range, Sealed
from schemas.trouble import only_codes
from transforms.memory import give_back

Step = Callable[[Iterator[Any]], Iterator[Any]]


class Fused(beam.PTransform):
    """Range → Sealed. Steps are callables `Iterator[A] -> Iterator[B]`; a wrong order is refused while the graph is built.

    Engines fuse when they like to, and spill, log or ship what they do not fuse. Raw lines must not depend on that:
    inside of this one DoFn they are ordinary generators. `content`: of which type sealed bytes are (bytes, or Held).
    """

    def __init__(self, *steps: Step, content: type[bytes] = bytes) -> None:
        super().__init__()
        check_order(steps)
        self.steps, self.content = steps, content

    def expand(self, ranges: beam.PCollection[Range]) -> beam.PCollection[tuple[int, bytes]]:
        return ranges | "RunSteps" >> beam.ParDo(RunSteps(self.steps)).with_output_types(
            typehints.Tuple[int, self.content]
        )


def check_order(steps: Iterable[Step]) -> None:
    """Raise Beam's TypeCheckError unless each step takes what the one before it gives, from Range to Sealed."""
    given: Any = Range
    giver = "Spread"
    for step in steps:
        name = type(step).__name__
        hints = get_type_hints(type(step).__call__)
        result = hints.pop("return")
        (taken,) = (item_of(hint) for hint in hints.values())
        if taken is not given:
            raise TypeCheckError(f"{name} takes {taken.__name__}, but {giver} gives {given.__name__}")
        given, giver = item_of(result), name
    if given is not Sealed:
        raise TypeCheckError(f"the last step, {giver}, gives {given.__name__}: only Sealed may leave the stage")


def item_of(hint: Any) -> Any:
    """X of Iterator[X]."""
    if get_origin(hint) is not collections.abc.Iterator:
        raise TypeCheckError(f"a step takes and gives an Iterator, not {hint}")
    return get_args(hint)[0]


class RunSteps(beam.DoFn):
    """Runs one Range through all steps; an error leaves it as a code, without a value of the log."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps

    def process(self, range_: Range) -> Iterable[tuple[int, bytes]]:
        stream: Iterator[Any] = iter((Range(*range_),))
        with only_codes():
            for step in self.steps:
                stream = step(stream)
            for sealed in stream:
                yield int(sealed.number), sealed.content

    def finish_bundle(self) -> None:
        """Emits nothing (not every engine would take it): gives memory back before the tallies are merged."""
        for step in self.steps:
            getattr(step, "release", int)()
        give_back()
