"""A first experiment from a trader's own bars and trades: what the files say, what must be asked, what is written.

`draft` holds the experiment as far as it is known, with a reason for each value; `market`, `fit` and `entries` look;
`questions` asks; `written` makes the two files.
"""
