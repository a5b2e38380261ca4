# builds: long
# alone
"""The kill loop, sixty times (tests/run --all)."""
import unittest

from test_kills import Kills as Shared


class LongKills(Shared):
    kills = 60


del Shared

if __name__ == "__main__":
    unittest.main()
