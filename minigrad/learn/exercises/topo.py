"""Walk the graph in the right order

Each Value below knows its parents and, for each, the local slope. Write backward(root): set
root.grad to 1, then hand every node's grad to its parents, times the slope. A node may be used
several times: contributions add up, and its grad must be complete before it is handed on, so its turn
comes after that of everything computed from it. Do not recurse: a chain of 5000 values must work.
"""

from minigrad.learn import Exercise, Failed, near

exercise = Exercise(
    id="topo",
    chapter=2,
    minutes=20,
    needs=("square",),
    learns="why backward needs a topological order, and += rather than =",
    see="minigrad.core.graph:walk",
)


# region yours
class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data, self.parents, self.slopes, self.grad = data, parents, slopes, 0.0

    def __add__(self, other):
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), (other.data, self.data))


def backward(root):
    """Add to .grad of every value that root depends on the derivative of root with respect to it."""
    ### BEGIN SOLUTION
    children, stack, seen = {}, [root], {id(root)}
    while stack:
        node = stack.pop()
        for parent in node.parents:
            children[id(parent)] = children.get(id(parent), 0) + 1
            if id(parent) not in seen:
                seen.add(id(parent))
                stack.append(parent)
    root.grad = 1.0
    ready = [root]
    while ready:
        node = ready.pop()
        for parent, slope in zip(node.parents, node.slopes):
            parent.grad += node.grad * slope
            children[id(parent)] -= 1
            if children[id(parent)] == 0:
                ready.append(parent)
    ### END SOLUTION


# endregion


@exercise.criterion("chain", "a chain: d(x*x*x)/dx")
def _(theirs):
    x = theirs.Value(2.0)
    y = x * theirs.Value(3.0) * theirs.Value(4.0)
    theirs.backward(y)
    near(12.0, x.grad, "y = 3 x 4, x.grad")


@exercise.criterion("adds up", "one value used twice: contributions add up")
def _(theirs):
    x = theirs.Value(3.0)
    theirs.backward(x * x)
    near(6.0, x.grad, "y = x * x at 3, x.grad")


@exercise.criterion("order", "a value that is itself computed is used twice (micrograd issue 68's example)")
def _(theirs):
    a, b = theirs.Value(2.0), theirs.Value(3.0)
    c, d = a + b, a * b
    e, f = c + d, c * d
    y = e + f
    theirs.backward(y)
    near(1 + b.data + d.data * 1 + c.data * b.data, a.grad, "y = (a+b + ab) + (a+b) ab, a.grad")


@exercise.criterion("short cut", "two paths of different length lead to one value")
def _(theirs):
    a = theirs.Value(2.0)
    c = a * a
    y = c + c * c
    theirs.backward(y)
    near((1 + 2 * 4.0) * 4.0, a.grad, "c = a a, y = c + c c, a.grad")


def counting(value_class):
    """Values that count how often somebody asks for their parents, and stop a walk that asks too often."""

    class Counting(value_class):
        asked = 0

        @property
        def parents(self):
            Counting.asked += 1
            if Counting.asked > 2000:
                raise Failed(
                    "18 diamonds have 19 nodes, and you asked for parents 2000 times: you walk every path, and each diamond doubles them"
                )
            return self._parents

        @parents.setter
        def parents(self, parents):
            self._parents = parents

    return Counting


@exercise.criterion("diamonds", "18 diamonds, each on top of the last: 19 nodes, and 262144 paths")
def _(theirs):
    Value = counting(theirs.Value)
    x = y = Value(1.0)
    for _ in range(18):
        y = Value(2 * y.data, (y, y), (1.0, 1.0))
    theirs.backward(y)
    near(2.0**18, x.grad, "x doubled 18 times, x.grad")


@exercise.criterion("deep", "a chain of 5000 values")
def _(theirs):
    one = theirs.Value(1.0)
    y = one
    for _ in range(5000):
        y = y + theirs.Value(0.0)
    theirs.backward(y)
    near(1.0, one.grad, "a chain of 5000 sums")


RECURSION = """    root.grad = 1.0
    def visit(node):
        for parent, slope in zip(node.parents, node.slopes):
            parent.grad += node.grad * slope
            visit(parent)
    visit(root)
"""
POSTORDER = """    root.grad = 1.0
    seen = set()
    def visit(node):
        if id(node) in seen:
            return
        seen.add(id(node))
        for parent, slope in zip(node.parents, node.slopes):
            parent.grad += node.grad * slope
        for parent in node.parents:
            visit(parent)
    visit(root)
"""
LEVELS = """    root.grad = 1.0
    level, seen = [root], {id(root)}
    while level:
        following = []
        for node in level:
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += node.grad * slope
                if id(parent) not in seen:
                    seen.add(id(parent))
                    following.append(parent)
        level = following
"""
RECURSIVE_TOPO = """    order, seen = [], set()
    def build(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent in node.parents:
                build(parent)
            order.append(node)
    build(root)
    root.grad = 1.0
    for node in ORDER:
        for parent, slope in zip(node.parents, node.slopes):
            parent.grad += node.grad * slope
"""
PATHS = """    root.grad = 0.0
    stack = [(root, 1.0)]
    while stack:
        node, g = stack.pop()
        node.grad += g
        for parent, slope in zip(node.parents, node.slopes):
            stack.append((parent, g * slope))
"""


exercise.wrong(
    "overwrites",
    ("parent.grad += node.grad * slope", "parent.grad = node.grad * slope"),
    fails="adds up",
    expect="accumulate",
    source="micrograd lecture notebook: 'in the video I incorrectly used = instead of +='",
)
exercise.wrong("recursion", (..., RECURSION), fails="order", expect="handed_on_twice", source="micrograd #21, #64, #67, #68")
exercise.wrong("first_visit", (..., POSTORDER), fails="order", expect="handed_on_early", source="micrograd #96")
exercise.wrong("levels", (..., LEVELS), fails="short cut", expect="handed_on_early", source="breadth first by level")
exercise.wrong("not_reversed", (..., RECURSIVE_TOPO.replace("ORDER", "order")), fails="chain", expect="not_reversed")
exercise.wrong("all_paths", (..., PATHS), fails="diamonds", expect="every_path", source="micrograd #81 (picograd)")
exercise.wrong(
    "recursive_topo",
    (..., RECURSIVE_TOPO.replace("ORDER", "reversed(order)")),
    fails="deep",
    expect="recursion_limit",
    source="micrograd's own engine",
)
exercise.hint(
    "start",
    "Draw y = c + c * c with c = a * a. In which order must the nodes be dealt with so that c is complete when its turn comes?",
    "A node is ready when everything that was computed from it has handed on its part. What would you have to count to know that?",
    "Two passes: one that finds out how many uses each node has, and one that hands on a node when its last use has arrived.",
)
