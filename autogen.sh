#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure from configure.ac. Needs autoconf, automake and pkg-config (Debian: autoconf automake pkgconf).
set -eu
cd "$(dirname "$0")"
for tool in autoreconf automake pkg-config; do
	command -v "$tool" >/dev/null 2>&1 || {
		echo "autogen.sh: $tool is missing: apt-get install autoconf automake pkgconf" >&2
		exit 1
	}
done
mkdir -p build-aux
exec autoreconf --install --force --warnings=all,no-obsolete
