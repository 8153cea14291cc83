"""Variables by name with Go's block scopes, for reading (is it declared?) and expanding (what is it?)."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Variables(Generic[T]):
    """Each name is a stack: an inner declaration hides an outer one until its block ends.

    Looking up is one dict access, however many variables a text declares.
    """

    __slots__ = ("_order", "_stacks")

    def __init__(self, root: T) -> None:
        self._stacks: dict[str, list[T]] = {"$": [root]}
        self._order: list[str] = []

    def declare(self, name: str, value: T) -> None:
        """A new variable of the current block."""
        self._stacks.setdefault(name, []).append(value)
        self._order.append(name)

    def knows(self, name: str) -> bool:
        """Whether a declaration of `name` is in scope."""
        return bool(self._stacks.get(name))

    def read(self, name: str) -> T:
        """The innermost variable of that name; KeyError when there is none."""
        stack = self._stacks.get(name)
        if not stack:
            raise KeyError(name)
        return stack[-1]

    def assign(self, name: str, value: T) -> None:
        """Change the innermost variable of that name; KeyError when there is none."""
        stack = self._stacks.get(name)
        if not stack:
            raise KeyError(name)
        stack[-1] = value

    def mark(self) -> int:
        """Where a block begins, for `release`."""
        return len(self._order)

    def release(self, mark: int) -> None:
        """Forget what was declared since `mark`."""
        while len(self._order) > mark:
            self._stacks[self._order.pop()].pop()
