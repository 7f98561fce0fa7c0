"""From a file, or a table in memory, to a `Source`: opening, unpacking and splitting it into cells.

What the file is of is for `jaxexit.data.formats` to know.
"""
