"""The engine, read in an hour: `graph`, `tensor`, `op`, `formula`, in this order, after ``ops/elementwise.py``.

The files whose names begin with an underscore are what these lean on (calls made faster, words for errors, ways in and out of
other libraries); none of them is needed to understand minigrad. `mode` and `device` say what applies to ops called now and
where arrays live.
"""
