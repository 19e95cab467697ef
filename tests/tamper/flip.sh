#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every bit of every file of a small bundle flipped, every length cut: flip_test.c does it in one process, which takes a minute.
exec "${builddir:-.}/tests/tamper/flip_test"
