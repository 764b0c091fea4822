"""Does the answer change with what should change it, and with nothing else?"""
