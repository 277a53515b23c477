"""Which rule lowers which kind of syntax tree."""

from types import MappingProxyType

from sptraderb.strategy.lowering import Rules
from sptraderb.strategy.lowering_calls import lower_call
from sptraderb.strategy.lowering_names import lower_at, lower_name, lower_output
from sptraderb.strategy.lowering_operators import (
    lower_binary,
    lower_comparison,
    lower_lag,
    lower_logic,
    lower_number,
    lower_unary,
)
from sptraderb.strategy.syntax_tree import (
    AtTimeframe,
    Binary,
    Call,
    Comparison,
    Lag,
    Logic,
    Name,
    Number,
    Output,
    Unary,
)

RULES: Rules = MappingProxyType(
    {
        Number: lower_number,
        Name: lower_name,
        Output: lower_output,
        Lag: lower_lag,
        AtTimeframe: lower_at,
        Unary: lower_unary,
        Binary: lower_binary,
        Comparison: lower_comparison,
        Logic: lower_logic,
        Call: lower_call,
    }
)
"""One rule per kind of tree."""
