"""Counterfactual corpora: what a corpus would say had a variable been otherwise; and its baselines, which only reweigh.

edits       what an edit of a text is, and how a row's marks move with it
words       exchanges listed words: casing, plurals, possessives, a/an, roles told by the words around
tables      the listed words: names, nationality, religion, age, and lists of the user's
variables   which editor a variable's name means
substitute  the method; stream, page: the same for files of any size, with a page of edits to read
structure   an attribute made independent of the label in every site; reweight and mmd are its baselines
"""
