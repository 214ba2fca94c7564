"""What every room uses: errors in one line, typed options, random streams by name, atomic files, paths.

In: nothing of ours. Out: small pieces without a state of their own.
"""
