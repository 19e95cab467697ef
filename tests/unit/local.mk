# SPDX-License-Identifier: Apache-2.0
# Unit tests: one program per subject, its source has its name. unit_tests pass in the receiving build too.
unit_tests =
unit_tests_pack =
long_programs =
