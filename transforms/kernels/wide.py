"""What Python has no word for: eight bytes at any place, and sixty-four of them compared, copied or hashed at once.

They are LLVM's own vectors, so that any CPU has them (it splits what is too wide for it), and are built into the kernels
that call them. Each checks its bounds, as indexing does: a place that is not in the array raises IndexError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from llvmlite import ir
from numba import extending
from numba.core import cgutils as _cgutils
from numba.core import types

WIDTH = 64  # bytes
_BYTE, _HALF, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_BYTES, _WORDS = ir.VectorType(_BYTE, WIDTH), ir.VectorType(_WORD, WIDTH // 8)
_FIRST = ir.Constant(ir.VectorType(_HALF, WIDTH // 8), [0] * (WIDTH // 8))
# What each eighth of a block is mixed with, so that equal ones count differently: the golden ratio, as in SplitMix64.
_SALTS = ir.Constant(_WORDS, [0x9E3779B97F4A7C15 * (2 * k + 1) % (1 << 64) for k in range(WIDTH // 8)])
_LENGTH, _MIX, _MIX_AGAIN = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

cgutils: Any = _cgutils


def intrinsic(build: Callable[..., Any]) -> Callable[..., Any]:
    """A function that kernels may call, built from what is returned for its types."""
    return cast(Callable[..., Any], extending.intrinsic(build))


def _at(context: Any, builder: Any, kind: Any, given: Sequence[Any], size: int) -> Any:
    """Address of a byte of an array of uint64, from where it has at least `size` bytes; given are array and place."""
    words, place = given
    array = context.make_array(kind)(context, builder, words)
    (length,) = cgutils.unpack_tuple(builder, array.shape, 1)
    last = builder.sub(builder.shl(length, _WORD(3)), _WORD(size))
    outside = builder.or_(builder.icmp_signed("<", last, _WORD(0)), builder.icmp_unsigned(">", place, last))
    with builder.if_then(outside, likely=False):
        context.call_conv.return_user_exc(builder, IndexError, ("bytes are out of bounds",))
    return builder.gep(builder.bitcast(array.data, _BYTE.as_pointer()), [place])


def _read(builder: Any, address: Any, kind: Any) -> Any:
    return builder.load(builder.bitcast(address, kind.as_pointer()), align=1)


def _write(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, builder.bitcast(address, value.type.as_pointer()), align=1)


def _each(builder: Any, word: Any) -> Any:
    """A vector of the word eight times."""
    one = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), word, _HALF(0))
    return builder.shuffle_vector(one, ir.Constant(_WORDS, ir.Undefined), _FIRST)


@intrinsic
def load(typing: Any, words: Any, place: Any) -> Any:
    """uint64: the eight bytes of `words` (uint64[n]) from byte `place` on, the first in the lowest bits."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _read(builder, _at(context, builder, signature.args[0], given, 8), _WORD)

    return types.uint64(words, types.int64), generate


@intrinsic
def store(typing: Any, words: Any, place: Any, word: Any) -> Any:
    """Write eight bytes to `words` from byte `place` on."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        _write(builder, given[2], _at(context, builder, signature.args[0], given[:2], 8))
        return context.get_dummy_value()

    return types.none(words, types.int64, types.uint64), generate


@intrinsic
def copy(typing: Any, words: Any, place: Any, source: Any, start: Any) -> Any:
    """Write the 64 bytes of `source` from byte `start` on to `words` from byte `place` on."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        taken = _read(builder, _at(context, builder, signature.args[2], given[2:], WIDTH), _BYTES)
        _write(builder, taken, _at(context, builder, signature.args[0], given[:2], WIDTH))
        return context.get_dummy_value()

    return types.none(words, types.int64, source, types.int64), generate


@intrinsic
def unequal(typing: Any, words: Any, place: Any, others: Any, start: Any) -> Any:
    """uint64: a bit for each of 64 bytes, from byte `place` of `words` and `start` of `others` on, that is not the same."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        one = _read(builder, _at(context, builder, signature.args[0], given[:2], WIDTH), _BYTES)
        other = _read(builder, _at(context, builder, signature.args[2], given[2:], WIDTH), _BYTES)
        return builder.bitcast(builder.icmp_unsigned("!=", one, other), _WORD)

    return types.uint64(words, types.int64, others, types.int64), generate


def _matches(words: Any, count: int) -> Any:
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        text = _read(builder, _at(context, builder, signature.args[0], given[:2], WIDTH), _BYTES)
        found = ir.Constant(ir.VectorType(ir.IntType(1), WIDTH), [0] * WIDTH)
        for mark in given[2:]:
            found = builder.or_(found, builder.icmp_unsigned("==", text, builder.bitcast(_each(builder, mark), _BYTES)))
        return builder.bitcast(found, _WORD)

    return types.uint64(words, types.int64, *[types.uint64] * count), generate


@intrinsic
def matches(typing: Any, words: Any, place: Any, a: Any, b: Any) -> Any:
    """uint64: a bit for each of the 64 bytes from byte `place` on that is the one that `a` or `b` (uint64) is eight times."""
    return _matches(words, 2)


@intrinsic
def matches3(typing: Any, words: Any, place: Any, a: Any, b: Any, c: Any) -> Any:
    """As `matches`, for three bytes."""
    return _matches(words, 3)


@intrinsic
def below(typing: Any, words: Any, place: Any, mark: Any) -> Any:
    """uint64: a bit for each of the 64 bytes from byte `place` on that is less than the one that `mark` is eight times."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        text = _read(builder, _at(context, builder, signature.args[0], given[:2], WIDTH), _BYTES)
        limit = builder.bitcast(_each(builder, given[2]), _BYTES)
        return builder.bitcast(builder.icmp_unsigned("<", text, limit), _WORD)

    return types.uint64(words, types.int64, types.uint64), generate


@intrinsic
def first(typing: Any, bits: Any) -> Any:
    """int64: the number of the lowest bit of a uint64 that is set; 64 where none is."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.IntType(1)(0))

    return types.int64(types.uint64), generate


@intrinsic
def ones(typing: Any, bits: Any) -> Any:
    """int64: how many bits of a uint64 are set."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.ctpop(given[0])

    return types.int64(types.uint64), generate


@intrinsic
def hashed(typing: Any, words: Any, place: Any, size: Any, seed: Any) -> Any:
    """uint64: a hash of the `size` bytes from byte `place` on, behind which 63 more can be read.

    Eight lanes of eight bytes. In each both factors depend on the secret seed: without it no collisions can be made.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        words_, place_, size_, seed_ = given
        state = cgutils.alloca_once_value(builder, builder.xor(_each(builder, seed_), _SALTS))
        blocks = builder.lshr(builder.add(size_, _WORD(WIDTH - 1)), _WORD(6))
        with cgutils.for_range(builder, blocks, intp=_WORD) as loop:
            begin = builder.shl(loop.index, _WORD(6))
            text = _read(
                builder, _at(context, builder, signature.args[0], (words_, builder.add(place_, begin)), WIDTH), _BYTES
            )
            left = builder.sub(size_, begin)
            some = builder.lshr(_WORD(-1), builder.sub(_WORD(WIDTH), left))
            there = builder.select(builder.icmp_unsigned(">=", left, _WORD(WIDTH)), _WORD(-1), some)
            mask = builder.bitcast(there, ir.VectorType(ir.IntType(1), WIDTH))
            text = builder.select(mask, text, ir.Constant(_BYTES, [0] * WIDTH))
            x = builder.xor(builder.load(state), builder.bitcast(text, _WORDS))
            low, high = builder.and_(x, _vector(0xFFFFFFFF)), builder.lshr(x, _vector(32))
            turned = builder.or_(builder.shl(x, _vector(37)), builder.lshr(x, _vector(27)))
            builder.store(builder.add(builder.mul(low, high), turned), state)
        add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_WORD, [_WORDS]), f"llvm.vector.reduce.add.v{WIDTH // 8}i64"
        )
        h = builder.xor(builder.call(add, [builder.load(state)]), builder.mul(size_, _WORD(_LENGTH)))
        h = builder.mul(builder.xor(h, builder.lshr(h, _WORD(32))), _WORD(_MIX))
        h = builder.mul(builder.xor(h, builder.lshr(h, _WORD(27))), _WORD(_MIX_AGAIN))
        return builder.xor(h, builder.lshr(h, _WORD(32)))

    return types.uint64(words, types.int64, types.int64, types.uint64), generate


def _vector(word: int) -> Any:
    return ir.Constant(_WORDS, [word] * (WIDTH // 8))
