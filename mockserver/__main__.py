"""`python -m mockserver`."""

from mockserver.cli.main import main

if __name__ == "__main__":
    main()
