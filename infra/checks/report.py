"""Named checks: each prints `ok` or `FAIL` with its findings, and the whole ends with a line of counts."""

import traceback


def named_checks(module):
    """The functions of a module whose name begins with `check_`, in the order of the file."""
    return {name.removeprefix("check_").replace("_", "-"): value for name, value in vars(module).items() if name.startswith("check_")}


class Report:
    """Runs checks and counts them. A check is a function that yields one line per finding; none means that it holds."""

    def __init__(self, only=None):
        self.only = only
        self.passed = 0
        self.failed = 0

    def wants(self, *names):
        """Whether one of these checks is to run."""
        return not self.only or any(self.only in name for name in names)

    def run(self, name, check, *arguments):
        """Runs one check. A check that breaks has failed: an absent file is a finding, never a reason to pass."""
        if not self.wants(name):
            return
        try:
            findings = list(check(*arguments))
        except OSError as error:
            findings = [f"cannot read {error.filename}: {error.strerror}"]
        except LookupError as error:
            findings = [f"not found: {error}"]
        except Exception:  # The trace is the finding.
            findings = traceback.format_exc().rstrip().splitlines()
        if findings:
            self.failed += 1
            print(f"FAIL  {name}", flush=True)
            for finding in findings:
                print(f"        {finding}", flush=True)
        else:
            self.passed += 1
            print(f"ok    {name}", flush=True)

    def run_all(self, module, *arguments):
        """Runs the named checks of a module."""
        for name, check in named_checks(module).items():
            self.run(name, check, *arguments)

    def finish(self):
        """Prints the counts and gives the exit status."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
