import sys

from harness.plugins.listing import main

if __name__ == "__main__":
    sys.exit(main())
