"""``python -m codeindex``."""

from codeindex.cli import main

if __name__ == "__main__":
    main()
