# SPDX-License-Identifier: Apache-2.0
# Command-line tests: the receiving build passes cli_tests, the full build all of them.
cli_tests = tests/cli/cmd-usage.sh
cli_tests_pack =
