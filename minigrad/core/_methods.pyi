"""What `minigrad.ops` binds to Tensor, for editors and type checkers. (Written by tests/support/make_face.py.)"""

from typing import Any

from minigrad.backends import Array, DType
from minigrad.core.device import Device
from minigrad.core.tensor import Tensor
from minigrad.ops.shape import Axes

class Methods:
    def __add__(self, b: Array) -> Tensor: ...
    def __radd__(self, a: Array) -> Tensor: ...
    def __sub__(self, b: Array) -> Tensor: ...
    def __rsub__(self, a: Array) -> Tensor: ...
    def __mul__(self, b: Array) -> Tensor: ...
    def __rmul__(self, a: Array) -> Tensor: ...
    def __truediv__(self, b: Array) -> Tensor: ...
    def __rtruediv__(self, a: Array) -> Tensor: ...
    def __floordiv__(self, b: Array) -> Tensor: ...
    def __rfloordiv__(self, a: Array) -> Tensor: ...
    def __mod__(self, b: Array) -> Tensor: ...
    def __rmod__(self, a: Array) -> Tensor: ...
    def __matmul__(self, b: Array) -> Tensor: ...
    def __rmatmul__(self, a: Array) -> Tensor: ...
    def __pow__(self, b: Array) -> Tensor: ...
    def __rpow__(self, a: Array) -> Tensor: ...
    def __and__(self, b: Array) -> Tensor: ...
    def __rand__(self, a: Array) -> Tensor: ...
    def __or__(self, b: Array) -> Tensor: ...
    def __ror__(self, a: Array) -> Tensor: ...
    def __xor__(self, b: Array) -> Tensor: ...
    def __rxor__(self, a: Array) -> Tensor: ...
    def __lshift__(self, b: Array) -> Tensor: ...
    def __rlshift__(self, a: Array) -> Tensor: ...
    def __rshift__(self, b: Array) -> Tensor: ...
    def __rrshift__(self, a: Array) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __eq__(self, b: object) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, b: object) -> Tensor: ...  # type: ignore[override]
    def __lt__(self, b: Array) -> Tensor: ...
    def __le__(self, b: Array) -> Tensor: ...
    def __gt__(self, b: Array) -> Tensor: ...
    def __ge__(self, b: Array) -> Tensor: ...
    def __getitem__(self, key: Any) -> Tensor: ...
    def abs(self) -> Tensor:
        """|x|. Its derivative at 0 is 0."""

    def astype(self, dtype: DType) -> Tensor:
        """x with elements of another type. Its gradient has the type of x again; there is none through integers."""

    def clip(self, min: Array | None = None, max: Array | None = None) -> Tensor:
        """x, but not less than min and not more than max, which must not be less than min."""

    def copy(self) -> Tensor:
        """x in memory of its own."""

    def round(self, decimals: int = 0) -> Tensor:
        """The nearest multiple of 10**-decimals, halves to even."""

    def exp(self) -> Tensor:
        """e**x"""

    def log(self) -> Tensor:
        """Natural logarithm."""

    def sqrt(self) -> Tensor:
        """Square root. Its derivative at 0 is infinite."""

    def square(self) -> Tensor:
        """x**2"""

    def tanh(self) -> Tensor:
        """(e**x - e**-x) / (e**x + e**-x). Its derivative, 1 - y * y, is right to the rounding of 1: far out it has no digits left."""

    def sigmoid(self) -> Tensor:
        """1 / (1 + e**-x), written so that no exponential overflows."""

    def relu(self) -> Tensor:
        """max(x, 0)"""

    def sum(self, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
        """Sum of the elements; 0 where there are none. Small integers are summed as int64, as NumPy does."""

    def mean(self, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
        """Arithmetic mean of the elements."""

    def prod(self, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
        """Product of the elements; 1 where there are none."""

    def max(self, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
        """Largest element. Where several are equal, each takes an equal share of the gradient."""

    def min(self, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
        """Smallest element. Where several are equal, each takes an equal share of the gradient."""

    def var(self, axis: Axes | None = None, correction: float = 0, keepdims: bool = False) -> Tensor:
        """Variance: sum((x - mean)**2) / (n - correction), in two passes over the data."""

    def std(self, axis: Axes | None = None, correction: float = 0, keepdims: bool = False) -> Tensor:
        """Standard deviation, the square root of `var`. Where it is 0, so is the gradient."""

    def all(self, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
        """Whether every element is true (not zero)."""

    def any(self, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
        """Whether some element is true (not zero)."""

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Position of the largest element along an axis, or in the flat array; of the first one where several are equal."""

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Position of the smallest element along an axis, or in the flat array; of the first one where several are equal."""

    def argsort(self, axis: int = -1, descending: bool = False) -> Tensor:
        """Positions of the elements in sorted order along an axis; equal ones keep theirs."""

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes change places."""

    def squeeze(self, axis: Axes | None = None) -> Tensor:
        """Remove the given axes, which must have length 1; None removes all that have."""

    def flatten(self, start_axis: int = 0, end_axis: int = -1) -> Tensor:
        """Make one axis of those from ``start_axis`` to ``end_axis``, both included."""

    def ravel(self) -> Tensor:
        """All elements along one axis."""

    def repeat(self, repeats: int | tuple[int, ...], axis: int | None = None) -> Tensor:
        """Each slice of x along ``axis``, ``repeats`` times in a row; a tuple says how often for each."""

    def take(self, indices: Array, axis: int | None = None) -> Tensor:
        """The slices of x at the integers ``indices`` along ``axis``, which is replaced by the axes of ``indices``."""

    def to(self, *targets: DType | Device, device: str | Device | None = None, dtype: DType | None = None) -> Tensor:
        """Return x on a device, or with a dtype, or both: ``x.to("cuda")``, ``x.to("float64")``, ``x.to("cpu", np.float32)``."""

    def dot(self, b: Array) -> Tensor:
        """NumPy's dot: the inner product of vectors, the product of matrices; generally ``y[i.., j..] = sum_k a[i.., k] b[.., k, j]``."""

    def cumsum(self, axis: int | None = None) -> Tensor:
        """y[k] = x[0] + ... + x[k] along an axis."""

    def cumprod(self, axis: int | None = None) -> Tensor:
        """y[k] = x[0] * ... * x[k] along an axis."""

    def reshape(self, *shape: Any) -> Tensor:
        """``x.reshape(2, 3)`` or ``x.reshape((2, 3))``."""

    def to_device(self, device: str | Device, stream: None = None) -> Tensor:
        """Return x on a device, as the array API calls it; work is queued on the stream that is current, and none other can be named."""

    def transpose(self, *axes: Any) -> Tensor:
        """``x.transpose()``, ``x.transpose(1, 0)`` or ``x.transpose((1, 0))``."""

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
