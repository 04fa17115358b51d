#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the failures of a ctest JUnit report in full, then one line: PASSED FAILED SKIPPED."""
import sys
import xml.etree.ElementTree as ElementTree


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: test_report.py REPORT.xml", file=sys.stderr)
        return 2
    counts = {"run": 0, "fail": 0, "skip": 0}
    for case in ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
        status = case.get("status")
        # A test whose program was not built is "notrun": a failure, unless it says that it skipped.
        if status == "notrun" and case.find("skipped") is not None:
            reason = case.find("skipped").get("message", "")
            status = "skip" if reason.startswith("SKIP") else "fail"
        if status == "disabled":
            status = "skip"
        counts[status if status in counts else "fail"] += 1
        if status not in ("run", "skip"):
            print(f"FAILED {case.get('name')} ({float(case.get('time', 0)):.1f} s)")
            print((case.findtext("system-out") or "").rstrip())
            print()
    print(counts["run"], counts["fail"], counts["skip"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
