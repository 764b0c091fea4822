"""Does the answer follow from the reasoning that stands before it?"""
