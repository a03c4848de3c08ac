"""What is found about one gradient, and when the ways to derive it agree."""

from dataclasses import dataclass, field

ORACLES = ("closed form", "differences", "autograd")
# Largest difference, relative to the larger of 1 and the values, by what MXNet computed with.
TOLERANCE = {"float64": 1e-9, "float32": 1e-5, "float16": 1e-2, "int32": 1e-5}
DIFFERENCE_TOLERANCE = 1e-5


@dataclass
class Gradient:
    """One gradient array of one call of backward; JSON can hold all but what derived it."""

    call: int  # number of the call in its cell, from 0
    name: str = "?"  # what the code calls the variable
    dtype: str = "float32"
    value: float = 0.0  # how far the values of the function are from MXNet's
    differences: dict[str, float] = field(default_factory=dict)  # how far each oracle that applies is from it
    kink: bool = False
    block: bool = False  # whether it went through a hybridized block
    refusal: str = ""  # why it was not derived
    page: str = ""
    cell: str = ""

    def agrees(self) -> bool:
        limits = dict.fromkeys(ORACLES, self.tolerance)
        limits["differences"] = max(limits["differences"], DIFFERENCE_TOLERANCE)
        near = all(difference <= limits[oracle] for oracle, difference in self.differences.items())
        return near and bool(self.differences) and self.value <= self.tolerance and not self.refusal

    @property
    def tolerance(self) -> float:
        return TOLERANCE.get(self.dtype, min(TOLERANCE.values()))
