"""What reading any block needs: shapes, known keys, texts, quantities and expressions with their places."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sptraderb.domain.fixed import INT64_MAX
from sptraderb.domain.position_program import MAX_STEPS
from sptraderb.strategy.document import add_empty
from sptraderb.strategy.document_nodes import (
    DocumentNode,
    MappingNode,
    SequenceNode,
    TextNode,
    kind_words,
    shortened,
)
from sptraderb.strategy.fault_list import FaultList
from sptraderb.strategy.lowering import Lowering
from sptraderb.strategy.names import did_you_mean
from sptraderb.strategy.position_programs import program_of
from sptraderb.strategy.quantities import is_constant, quantity_of
from sptraderb.strategy.schema import BLOCKS, Key
from sptraderb.strategy.scope import Scope
from sptraderb.strategy.syntax_tree import Expression
from sptraderb.strategy.tokenizer import ExpressionFault
from sptraderb.strategy.values import EXACT, Quantity, Value

_PPB = 9
_NAMED_BLOCKS = ("strategy", "rule", "exit", "risk", "costs", "session", "backtest", "optimization")
_MAY_BE_EMPTY = ("description", "version")
_UNIT_EXAMPLES = {
    "%": "2%",
    "pips": "20 pips",
    "ticks": "5 ticks",
    "lots": "0.1 lots",
    "units": "1000 units",
    "bars": "5 bars",
}


@dataclass(frozen=True, slots=True)
class BlockReader:
    """Reads values of the document; every fault goes into the list.

    Parameters
    ----------
    faults : FaultList
        Takes the faults.
    lowering : Lowering
        Compiles expressions.
    """

    faults: FaultList
    lowering: Lowering

    @property
    def scope(self) -> Scope:
        """What names mean."""
        return self.lowering.scope

    def fault(self, code: str, message: str, node: DocumentNode, *, path: str, hint: str = "") -> None:
        """Add a fault at a node."""
        self.faults.add(code, message, at=node.place, path=path, hint=hint)

    def mapping(self, node: DocumentNode | None, path: str) -> MappingNode | None:
        """Return a mapping, or None (a fault if something else stands there)."""
        if node is None or isinstance(node, MappingNode):
            return node
        message = f"`{path}` must be a mapping, was {kind_words(node)}"
        hint = "its keys stand below it, each as `key: value`"
        self.fault("strategy.wrong_shape", message, node, path=path, hint=hint)
        return None

    def block(self, node: DocumentNode | None, path: str, *, block: str) -> dict[str, DocumentNode]:
        """Return the values of a block by key, after checking its keys against the schema."""
        mapping = self.mapping(node, path)
        if mapping is None:
            return {}
        keys = BLOCKS[block]
        found: dict[str, DocumentNode] = {}
        for key, value in mapping.entries.values():
            known = keys.get(key.text)
            if known is None:
                self._unknown_key(key, path, known=[*keys])
            elif isinstance(value, TextNode) and not value.text.strip() and key.text not in _MAY_BE_EMPTY:
                if not value.is_cut:
                    add_empty(self.faults, key)
            else:
                found[key.text] = value
        self._check_required(mapping, path, list(keys.values()))
        return found

    def _unknown_key(self, key: TextNode, path: str, *, known: list[str]) -> None:
        if self.faults.full:
            return
        where = _joined(path, shortened(key.text))
        hint = did_you_mean(key.text, known) or _home_of(key.text, path)
        hint = hint or "keys are " + ", ".join(f"`{name}`" for name in known)
        self.fault("strategy.unknown_key", f"`{where}` is not a key here", key, path=where, hint=hint)

    def _check_required(self, mapping: MappingNode, path: str, keys: list[Key]) -> None:
        for key in keys:
            if key.required and key.name not in mapping.entries:
                message = f"{f'`{path}`' if path else 'a strategy'} must have the key `{key.name}`"
                where = _joined(path, key.name)
                self.faults.add(
                    "strategy.missing_key", message, at=mapping.place, path=where, hint=key.meaning
                )

    def entries(self, node: DocumentNode | None, path: str) -> Iterator[tuple[TextNode, DocumentNode]]:
        """Yield the keys and values of a mapping with free keys."""
        mapping = self.mapping(node, path)
        yield from (mapping.entries.values() if mapping else ())

    def items(self, node: DocumentNode) -> tuple[DocumentNode, ...]:
        """Return the items of a list, or the value itself as the only one."""
        return node.items if isinstance(node, SequenceNode) else (node,)

    def text(self, node: DocumentNode | None, path: str) -> TextNode | None:
        """Return a text, or None (a fault if something else stands there)."""
        if node is None or isinstance(node, TextNode):
            return node
        message = f"`{path}` must be text, was {kind_words(node)}"
        self.fault("strategy.wrong_shape", message, node, path=path)
        return None

    def tree(self, node: DocumentNode | None, path: str) -> tuple[TextNode, Expression] | None:
        """Return the syntax tree of a text, or None."""
        source = self.text(node, path)
        if source is None or not source.text:
            return None
        tree = self.lowering.parse(source, path)
        return None if tree is None else (source, tree)

    def value(self, node: DocumentNode | None, path: str) -> Value | None:
        """Return the value of an expression, or None."""
        parsed = self.tree(node, path)
        return None if parsed is None else self.lowering.value(parsed[1], parsed[0], path)

    def condition(self, node: DocumentNode | None, path: str) -> int:
        """Return the graph's node of a condition, -1 if there is none or it has a fault."""
        parsed = self.tree(node, path)
        if parsed is None:
            return -1
        value = self.lowering.required_condition(parsed[1], parsed[0], path)
        if value is None:
            return -1
        node_at = self.lowering.node(value)
        if self.lowering.graph.reads_position(node_at):
            self._add_program(node_at, parsed[0], path)
        return node_at

    def _add_program(self, root: int, source: TextNode, path: str) -> None:
        """Keep the program of a condition about the position; one that is too large is a fault."""
        program = program_of(self.lowering.graph, root)
        if program is None:
            message = f"`{path}` must need fewer steps about the position, at most {MAX_STEPS}"
            hint = "name parts that do not depend on the position, or shorten it"
            self.fault("strategy.position_fact", message, source, path=path, hint=hint)
            return
        self.scope.programs[root] = program

    def require_market(self, value: Value, node: TextNode, path: str) -> bool:
        """Whether a value is known without the position; adds a fault if not."""
        if value.node < 0 or not self.lowering.graph.reads_position(value.node):
            return True
        message = f"`{path}` must not depend on the position, `{shortened(node.text)}` does"
        hint = "facts about the position may stand in `when` and `cancel_when`"
        self.fault("strategy.position_fact", message, node, path=path, hint=hint)
        return False

    def quantity(
        self, node: DocumentNode | None, path: str, *, units: tuple[str, ...], lowest: str = ""
    ) -> Quantity | None:
        """Return a constant with one of ``units``, or None.

        Parameters
        ----------
        node, path
            The value and its place in words.
        units : tuple of str
            Allowed unit words, ``""`` for a plain number.
        lowest : {'', 'above 0', 'at least 0'}
            What it must be.
        """
        parsed = self.tree(node, path)
        if parsed is None:
            return None
        source, tree = parsed
        if not is_constant(tree, self.scope):
            message = f"`{path}` must be a constant, was `{shortened(source.text)}`"
            if self.lowering.value(tree, source, path) is not None:
                self.fault("strategy.not_constant", message, source, path=path, hint=_unit_hint(units))
            return None
        quantity = self.constant(source, tree, path)
        return quantity if quantity and self._fits(quantity, source, path, units, lowest) else None

    def constant(self, source: TextNode, tree: Expression, path: str) -> Quantity | None:
        """Return the value of a constant expression, or None after adding a fault."""
        try:
            return quantity_of(tree, self.scope)
        except ExpressionFault as fault:
            place = self.faults.place_in(source, fault.span.start, fault.span.end)
            self.faults.add(fault.code, fault.message, at=place, path=path, hint=fault.hint)
            return None

    def _fits(
        self, quantity: Quantity, source: TextNode, path: str, units: tuple[str, ...], lowest: str
    ) -> bool:
        if quantity.unit not in units:
            wanted = " or ".join(unit or "no unit" for unit in units)
            found = f"was {quantity.text}" if quantity.unit else f"was the plain number {quantity.text}"
            code = "strategy.wrong_unit" if quantity.unit else "strategy.unit_needed"
            message = f"`{path}` must be in {wanted}, {found}"
            self.fault(code, message, source, path=path, hint=_unit_hint(units))
            return False
        low = quantity.value <= 0 if lowest == "above 0" else bool(lowest) and quantity.value < 0
        if low:
            message = f"`{path}` must be {lowest}, was {quantity.text}"
            self.fault("strategy.out_of_range", message, source, path=path)
        return not low

    def scaled(self, number: Decimal, decimals: int, node: DocumentNode, *, path: str) -> int:
        """Return ``number`` x 10^decimals as a whole 64-bit number; else a fault and 0."""
        shifted = EXACT.scaleb(number, decimals)
        if shifted != shifted.to_integral_value():
            message = f"`{path}` must have at most {decimals} decimals, was {number}"
            self.fault("strategy.too_fine", message, node, path=path)
            return 0
        if abs(shifted) > INT64_MAX:
            message = f"`{path}` must fit 64 bits at {decimals} decimals, was {number}"
            self.fault("strategy.out_of_range", message, node, path=path)
            return 0
        return int(shifted)

    def rate(self, node: DocumentNode | None, path: str, *, lowest: str = "above 0") -> int | None:
        """Return a percentage as parts per 10^9, or None."""
        quantity = self.quantity(node, path, units=("%",), lowest=lowest)
        if quantity is None or node is None:
            return None
        return self.scaled(EXACT.scaleb(quantity.value, -2), _PPB, node, path=path)

    def whole(self, node: DocumentNode | None, path: str, *, units: tuple[str, ...], low: int) -> int:
        """Return a whole number of at least ``low``, or 0."""
        quantity = self.quantity(node, path, units=units)
        if quantity is None or node is None:
            return 0
        if quantity.value != quantity.value.to_integral_value() or not low <= quantity.value <= 1_000_000:
            message = f"`{path}` must be a whole number from {low} to 1000000, was {quantity.text}"
            self.fault("strategy.out_of_range", message, node, path=path)
            return 0
        return int(quantity.value)


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _home_of(key: str, path: str) -> str:
    """Return where a key belongs that stands in the wrong block; empty if nowhere."""
    homes = [name for name in _NAMED_BLOCKS if key in BLOCKS[name] and name != path]
    home = {"strategy": "the top level", "rule": "`entry.long` or `entry.short`"}
    return f"`{key}` belongs to {home.get(homes[0], f'`{homes[0]}`')}" if homes else ""


def _unit_hint(units: tuple[str, ...]) -> str:
    examples = [f"`{_UNIT_EXAMPLES[unit]}`" for unit in units if unit in _UNIT_EXAMPLES]
    return "such as " + ", ".join(examples) if examples else ""
