"""A first experiment from a trader's own bars and trades: what they say, what must be asked, what is written.

`begin` goes through it in order. `draft` holds the experiment as far as it is known, with a reason for each
value; `symbols`, `market`, `fit`, `listed` and `sizes` look; `questions` asks; `written` makes the two files.
"""
