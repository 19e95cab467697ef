# SPDX-License-Identifier: Apache-2.0
# make check: unit tests, command-line tests, checks of the source. make check-long: every bit, every kill point, real
# scanners, large data. make check-valgrind: the unit tests again. All speak TAP.
TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
AM_TESTS_ENVIRONMENT = VALISE='$(abs_top_builddir)/valise$(EXEEXT)'; builddir='$(abs_top_builddir)'; MANDOC='$(MANDOC)'; \
	PYTHONDONTWRITEBYTECODE=1; export VALISE builddir MANDOC PYTHONDONTWRITEBYTECODE;

include tests/unit/local.mk
include tests/cli/local.mk

source_checks = scripts/check-layers scripts/check-length scripts/check-style scripts/check-banned scripts/check-man \
	scripts/check-shell
if PACK
TESTS += $(unit_tests) $(unit_tests_pack) $(cli_tests) $(cli_tests_pack)
check_PROGRAMS += $(unit_tests) $(unit_tests_pack) $(long_programs)
else
TESTS += $(unit_tests) $(cli_tests)
check_PROGRAMS += $(unit_tests)
endif

# $(1): the tests to run instead of TESTS.
check-long: $(check_PROGRAMS) valise$(EXEEXT)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(long_tests)'

# Unit tests under memcheck; the driver sees the same TAP.
check-valgrind: $(check_PROGRAMS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(unit_tests) $(unit_tests_pack)' \
		LOG_COMPILER='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --child-silent-after-fork=yes'
.PHONY: check-long check-valgrind
