"""A child for the tests of the supervisor: says that it lives, then sleeps, deaf if told so."""

import signal
import sys
import time

if sys.argv[1:] == ["deaf"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.write("child up\n")
sys.stdout.flush()
time.sleep(600)
