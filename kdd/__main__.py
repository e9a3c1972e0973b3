"""`python -m kdd` is `kdd`.

Layer: shell.
"""

from kdd.main import main

main()
